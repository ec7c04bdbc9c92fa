//! The answer on its way out: stream bytes gathered into records, records gathered into one send.
//!
//! In: bytes of STDOUT and STDERR, in the order written. Out: the queue of finished records. Pure: it never touches a socket.
//! FastCGI Specification 1.0, section 3.3: an empty record ends a stream, so a record is opened for a first byte only.

use crate::record::{HEADER, Header};

/// Content of a record at most, and the length of the queue from which it wants to be sent.
const GATHER: usize = 32 * 1024;

#[derive(Debug, Default)]
pub struct Output {
    queue: Vec<u8>,
    /// The record being filled: its stream, and where its header begins.
    open: Option<(u8, usize)>,
}

impl Output {
    /// Takes some of `bytes` for the stream and says how many: at least one, unless there are none.
    pub fn take(&mut self, kind: u8, id: u16, bytes: &[u8]) -> usize {
        let taken = bytes.get(..GATHER).unwrap_or(bytes);
        let room =
            |(open, start): (u8, usize)| open == kind && self.queue.len() + taken.len() <= start + HEADER + GATHER;
        if taken.is_empty() {
            return 0;
        }
        if !self.open.is_some_and(room) {
            self.close();
            self.open = Some((kind, self.queue.len()));
            self.queue.extend_from_slice(&Header { kind, id, content: 0, padding: 0 }.encode());
        }
        self.queue.extend_from_slice(taken);
        taken.len()
    }

    /// Gives the open record its length, now that it is known.
    fn close(&mut self) {
        let Some((_, start)) = self.open.take() else { return };
        // At most GATHER, which fits.
        let length = u16::try_from(self.queue.len() - start - HEADER).unwrap_or(u16::MAX);
        if let Some(place) = self.queue.get_mut(start + 4..start + 6) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// The queue, for finished records to be appended.
    pub fn records(&mut self) -> &mut Vec<u8> {
        self.close();
        &mut self.queue
    }

    /// Whether it is time to send.
    pub fn is_full(&self) -> bool {
        self.queue.len() >= GATHER
    }

    /// Takes what was sent off the front of the queue; says how many bytes are left. Only behind [`records`](Self::records): none is open.
    pub fn sent(&mut self, count: usize) -> usize {
        self.queue.drain(..count.min(self.queue.len()));
        self.queue.len()
    }

    /// Bytes in the queue.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Empties the queue.
    pub fn clear(&mut self) {
        self.open = None;
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::kind::{STDERR, STDOUT};

    /// The records in the queue: type and content.
    fn records(output: &mut Output) -> Vec<(u8, Vec<u8>)> {
        let (mut rest, mut found) = (&output.records()[..], Vec::new());
        while let Some((header, after)) = rest.split_first_chunk() {
            let header = Header::decode(*header).unwrap();
            assert_eq!((header.id, header.padding), (9, 0));
            let (content, after) = after.split_at(header.content.into());
            found.push((header.kind, content.to_vec()));
            rest = after;
        }
        found
    }

    #[test]
    fn small_writes_share_a_record_and_streams_keep_their_order() {
        let mut output = Output::default();
        for (kind, text) in [(STDOUT, "a"), (STDOUT, ""), (STDOUT, "b"), (STDERR, "c"), (STDERR, ""), (STDOUT, "d")] {
            assert_eq!(output.take(kind, 9, text.as_bytes()), text.len());
        }
        let expected = [(STDOUT, b"ab".to_vec()), (STDERR, b"c".to_vec()), (STDOUT, b"d".to_vec())];
        assert_eq!(records(&mut output), expected);
    }

    #[test]
    fn no_record_outgrows_the_gathering() {
        let (mut output, text) = (Output::default(), vec![7; 3 * GATHER + 5]);
        let mut rest = &text[..];
        while !rest.is_empty() {
            rest = &rest[output.take(STDOUT, 9, rest)..];
        }
        assert!(output.is_full());
        let records = records(&mut output);
        assert!(records.iter().all(|(_, content)| (1..=GATHER).contains(&content.len())));
        assert_eq!(records.into_iter().flat_map(|(_, content)| content).collect::<Vec<_>>(), text);
    }

    #[test]
    fn what_was_sent_in_part_goes_on_where_it_stopped() {
        let mut output = Output::default();
        output.take(STDOUT, 9, b"abc");
        let whole = output.records().clone();
        assert_eq!(output.sent(5), whole.len() - 5);
        assert_eq!(output.records()[..], whole[5..]);
        output.take(STDOUT, 9, b"d");
        let rest = output.records().split_off(whole.len() - 5);
        assert_eq!(rest, [1, STDOUT, 0, 9, 0, 1, 0, 0, b'd']);
        assert_eq!(output.sent(usize::MAX), 0);
    }

    #[test]
    fn nothing_written_is_no_record() {
        let mut output = Output::default();
        assert_eq!(output.take(STDOUT, 9, b""), 0);
        assert!(records(&mut output).is_empty());
        output.take(STDOUT, 9, b"x");
        output.clear();
        assert!(records(&mut output).is_empty());
    }
}
