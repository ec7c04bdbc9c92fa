//! What a run prints, as it is taken from its pipes: a piece at a time, and the last bytes of a stream.
//!
//! In: the reading end of a pipe. Out: bytes. Never: waits, or keeps more than [`PIECE`] or [`Outcome::STDERR_TAIL`].

use std::io::{self, PipeReader, Read};

use super::outcome::Outcome;

/// Bytes taken from a pipe at once.
const PIECE: usize = 64 * 1024;

/// What a pipe has now; at its end the pipe is closed.
pub fn take(pipe: &mut Option<PipeReader>) -> Option<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    let read = pipe.as_mut()?.read(&mut piece);
    match read {
        Ok(length) if length > 0 => {
            piece.truncate(length);
            Some(piece)
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
        _ => {
            *pipe = None;
            None
        }
    }
}

/// The last [`Outcome::STDERR_TAIL`] bytes of a stream.
#[derive(Default)]
pub struct Tail {
    pub bytes: Vec<u8>,
    pub cut: bool,
}

impl Tail {
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        let over = self.bytes.len().saturating_sub(Outcome::STDERR_TAIL);
        if over > 0 {
            self.bytes.drain(..over);
            self.cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_last_bytes() {
        let mut tail = Tail::default();
        tail.push(b"first");
        assert!(!tail.cut);
        tail.push(&vec![b'x'; Outcome::STDERR_TAIL]);
        tail.push(b"last");
        assert!(tail.cut && tail.bytes.ends_with(b"xlast"));
        assert_eq!(tail.bytes.len(), Outcome::STDERR_TAIL);
    }
}
