//! Text for a terminal. What an image says of itself goes through here: an escape sequence in a label would otherwise
//! retitle the window, clear the screen or reorder a line of whoever looks at the image.
//!
//! Control characters but line feed and tab, and the invisible ones that reorder or hide text, come out as `\u001b`,
//! which JSON reads back as it was.

use std::io::{self, Write};

use crate::text::is_obeyed;

/// Writes text through; each write is whole characters, as those of the formatting macros are.
pub struct PlainWriter<W>(pub W);

impl<W: Write> Write for PlainWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(plain(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A stream of bytes: a terminal gets what [`plain`] leaves of them, everything else the bytes as they are.
pub struct TerminalStream<W> {
    out: W,
    to_terminal: bool,
    /// The beginning of a character whose end comes with the next piece.
    rest: Vec<u8>,
}

impl<W: Write> TerminalStream<W> {
    /// A stream to `out`.
    pub fn new(out: W, to_terminal: bool) -> TerminalStream<W> {
        TerminalStream { out, to_terminal, rest: Vec::new() }
    }

    /// What is left of a character that never ended.
    pub fn end(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        self.out.write_all(String::from_utf8_lossy(&rest).as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Write for TerminalStream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.to_terminal {
            return self.out.write(bytes);
        }
        self.rest.extend_from_slice(bytes);
        let whole = whole(&self.rest);
        let text: Vec<u8> = self.rest.drain(..whole).collect();
        self.out.write_all(plain(&String::from_utf8_lossy(&text)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How many bytes there are before a character at the end that is not all there.
fn whole(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(bytes.get(at..).unwrap_or_default()) {
        at += error.valid_up_to();
        match error.error_len() {
            Some(length) => at += length,
            None => return at,
        }
    }
    bytes.len()
}

/// The text without a character that a terminal obeys.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) && !matches!(character, '\n' | '\t') {
            let units =
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            shown.push_str(&units);
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys() {
        for (text, shown) in [
            ("a\tb\nç – ✓", "a\tb\nç – ✓"),
            ("\u{1b}[2J", "\\u001b[2J"),
            ("a\rb\u{7}\u{8}\u{7f}", "a\\u000db\\u0007\\u0008\\u007f"),
            ("\u{9b}2J", "\\u009b2J"),
            ("a\u{202e}b", "a\\u202eb"),
            ("a\u{e0041}b", "a\\udb40\\udc41b"),
        ] {
            let mut out = Vec::new();
            write!(PlainWriter(&mut out), "{text}").unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let printed = "a\u{1b}[31mç\u{9b}2J\u{202e}✓😀\n".as_bytes();
        let printed = [printed, b"\xff\xc3"].concat();
        let shown = "a\\u001b[31mç\\u009b2J\\u202e✓😀\n\u{fffd}\u{fffd}";
        for size in 1..=printed.len() {
            for (to_terminal, expected) in [(true, shown.as_bytes()), (false, &printed)] {
                let mut out = Vec::new();
                let mut stream = TerminalStream::new(&mut out, to_terminal);
                printed.chunks(size).for_each(|piece| stream.write_all(piece).unwrap());
                stream.end().unwrap();
                assert_eq!(out, expected, "{size}: {}", String::from_utf8_lossy(&out));
            }
        }
    }
}
