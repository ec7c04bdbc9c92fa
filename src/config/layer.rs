//! What was written, before anybody asks what it means: layers of raw values, each with its place.
//!
//! In: nothing. Out: plain values, and [`ConfigError`]. Never: knows a key.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file.
    Line(usize),
    /// A variable of the process environment.
    Variable(String),
    /// The record of the key: nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Line(line) => write!(f, "line {line}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// Why the start stops.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("configuration, {place}: {why}")]
pub struct ConfigError {
    place: String,
    why: String,
}

impl ConfigError {
    /// Something is wrong with `key`, set at `origin`.
    pub fn new(origin: &Origin, key: &str, why: &str) -> ConfigError {
        ConfigError { place: origin.to_string(), why: format!("`{key}`: {why}") }
    }

    /// The same, told of a line of this file.
    pub fn within(self, file: &Path) -> ConfigError {
        match self.place.starts_with("line ") {
            true => ConfigError { place: format!("{}, {}", file.display(), self.place), ..self },
            false => self,
        }
    }

    /// Something is wrong with the file as a whole.
    pub fn file(place: impl fmt::Display, why: impl fmt::Display) -> ConfigError {
        ConfigError { place: place.to_string(), why: why.to_string() }
    }
}

/// A value before anybody asked what it should be. Variables and defaults are always texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<String>),
}

/// Key → value and origin.
pub type Layer = BTreeMap<String, (Raw, Origin)>;
