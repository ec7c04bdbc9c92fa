//! An argument's name.
//!
//! In: text of a label. Out: an [`ArgName`], or nothing. Never: a name that is more than one option behind `--`.

use std::fmt;

use serde::{Serialize, Serializer};

/// Characters of an argument's name.
pub const MAX_NAME_CHARS: usize = 64;

/// `[A-Za-z_][A-Za-z0-9_-]*`, at most [`MAX_NAME_CHARS`]: behind `--` it is one option and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArgName(String);

impl ArgName {
    /// `None` when `text` is anything else.
    pub fn new(text: &str) -> Option<ArgName> {
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let goes_on = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        (starts_well && goes_on && text.len() <= MAX_NAME_CHARS).then(|| ArgName(text.to_owned()))
    }

    /// Without the `--`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArgName {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for ArgName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
