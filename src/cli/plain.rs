//! Text for a terminal. What an image says of itself goes through here: an escape sequence in a label would otherwise
//! retitle the window, clear the screen or reorder a line of whoever looks at the image.
//!
//! Control characters but line feed and tab, and the invisible ones that reorder or hide text, come out as `\u001b`,
//! which JSON reads back as it was.

use std::io::{self, Write};

use crate::image::is_obeyed;

/// Writes text through; each write is whole characters, as those of the formatting macros are.
pub struct Plain<W>(pub W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(plain(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The text without a character that a terminal obeys.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) && !matches!(character, '\n' | '\t') {
            shown.push_str(&format!("\\u{:04x}", u32::from(character)));
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
        ] {
            let mut out = Vec::new();
            write!(Plain(&mut out), "{text}").unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }
}
