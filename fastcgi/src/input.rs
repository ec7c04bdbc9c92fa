//! What has been received and not yet used: one buffer, and how much of the current record is still to come.
//!
//! In: bytes from the socket. Out: the same, cut at the borders of records. Pure: it never touches a socket and never grows.

use crate::record::headers;

/// The buffer: what nginx sends for an ordinary request fits in at once.
const INPUT: usize = 16 * 1024;

pub struct Input {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Content of the current record that has not been used.
    pub content: usize,
    /// Padding behind it.
    pub padding: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self { buffer: vec![0; INPUT].into(), start: 0, end: 0, content: 0, padding: 0 }
    }
}

impl Input {
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Space for bytes to be received; say how many with [`received`](Self::received).
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    pub fn received(&mut self, count: usize) {
        self.end = self.buffer.len().min(self.end + count);
    }

    fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// A header or a body of fixed length, once all of it is there.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = self.bytes().first_chunk().copied()?;
        self.consume(N);
        Some(array)
    }

    /// Hands at most `most` bytes of the current record's content, as far as they are there, to `taker`; says how many.
    pub fn take_content(&mut self, most: usize, taker: impl FnOnce(&[u8])) -> usize {
        let count = self.content.min(most).min(self.bytes().len());
        taker(self.bytes().get(..count).unwrap_or_default());
        self.consume(count);
        self.content -= count;
        count
    }

    /// Passes over what is there of the current record; `true`: it has ended.
    pub fn skip_record(&mut self) -> bool {
        self.padding += std::mem::take(&mut self.content);
        let count = self.padding.min(self.bytes().len());
        self.consume(count);
        self.padding -= count;
        self.padding == 0
    }

    /// Whether an empty record of this type for this request waits behind the current one.
    pub fn holds_empty(&self, kind: u8, id: u16) -> bool {
        let rest = self.bytes().get(self.content + self.padding..).unwrap_or_default();
        headers(rest).any(|header| header.kind == kind && header.id == id && header.content == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Header, kind};

    fn holding(bytes: &[u8]) -> Input {
        let mut input = Input::default();
        input.room()[..bytes.len()].copy_from_slice(bytes);
        input.received(bytes.len());
        input
    }

    #[test]
    fn content_is_cut_at_the_end_of_the_record() {
        let mut input = holding(b"contentPPnext");
        (input.content, input.padding) = (7, 2);
        let mut taken = Vec::new();
        assert_eq!(input.take_content(4, |bytes| taken.extend_from_slice(bytes)), 4);
        assert_eq!(input.take_content(99, |bytes| taken.extend_from_slice(bytes)), 3);
        assert_eq!(input.take_content(99, |_| ()), 0);
        assert_eq!(taken, b"content");
        assert!(input.skip_record());
        assert_eq!(input.array(), Some(*b"next"));
        assert_eq!(input.array::<1>(), None);
    }

    #[test]
    fn a_record_is_skipped_piece_by_piece() {
        let mut input = holding(b"abc");
        (input.content, input.padding) = (2, 3);
        assert!(!input.skip_record());
        input.room()[..3].copy_from_slice(b"dex");
        input.received(3);
        assert!(input.skip_record());
        assert_eq!(input.bytes(), b"x");
    }

    #[test]
    fn an_abort_is_seen_behind_whole_records_only() {
        let record = |kind, id, content| Header { kind, id, content, padding: 1 }.encode();
        let abort = Header { kind: kind::ABORT_REQUEST, id: 5, content: 0, padding: 0 }.encode();
        let bytes = [b"XYP", &record(kind::STDIN, 5, 2)[..], b"..P", &abort].concat();
        let mut input = holding(&bytes);
        (input.content, input.padding) = (2, 1);
        assert!(input.holds_empty(kind::ABORT_REQUEST, 5));
        assert!(!input.holds_empty(kind::ABORT_REQUEST, 6));
        let mut input = holding(&bytes[..bytes.len() - 1]);
        (input.content, input.padding) = (2, 1);
        assert!(!input.holds_empty(kind::ABORT_REQUEST, 5));
    }
}
