//! The log: one line an event on stderr, `key=value`, nothing else.
//!
//! Values that hold anything but plain characters are quoted and escaped as
//! Rust string literals are, so that no visitor can begin a line.

use std::fmt::Display;
use std::io::Write;
use std::time::SystemTime;

use crate::text::shown;

/// Longest value in characters; the rest is cut and marked.
const MAX_VALUE: usize = 512;

/// Writes one event. A full or closed stderr is not an error.
pub fn event(name: &str, fields: &[(&str, &dyn Display)]) {
    let mut line = format!("time={} event={name}", humantime::format_rfc3339_millis(SystemTime::now()));
    for (key, value) in fields {
        line.push_str(&format!(" {key}={}", plain(&value.to_string())));
    }
    line.push('\n');
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

fn plain(value: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || "-_./:+@~%…,".contains(c);
    let cut = shown(value, MAX_VALUE, |c| !word(c));
    if !cut.is_empty() && cut.chars().all(word) {
        return cut;
    }
    format!("\"{cut}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_begins_a_line_or_a_sequence() {
        for (value, expected) in [
            ("hello-name.sif", "hello-name.sif"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a\nevent=fake", "\"a\\nevent=fake\""),
            ("\u{1b}[2J", "\"\\u{1b}[2J\""),
            ("say \"x\"", "\"say \\\"x\\\"\""),
            ("\u{202e}", "\"\\u{202e}\""),
        ] {
            assert_eq!(plain(value), expected);
        }
        assert_eq!(plain(&"x".repeat(600)).chars().count(), MAX_VALUE + 1);
    }
}
