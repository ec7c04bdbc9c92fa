//! The labels that mean something here, and the four types of arguments that they declare.
//!
//! Out: their names, for whoever reads or writes about them. Never: reads a label.

use std::fmt;

use serde::Serialize;

/// Arguments of one image.
pub const MAX_ARGUMENTS: usize = 64;

/// What an author says about arguments beyond their type, as one line of JSON.
pub(super) const SCHEMA: &str = "SINGULARITY_RUNSCRIPT_ARG_SCHEMA";
/// The media type of what the image prints.
pub(super) const OUTPUT: &str = "SINGULARITY_RUNSCRIPT_OUTPUT";
/// Seconds for which an answer may be kept.
pub(super) const MAX_AGE: &str = "SINGULARITY_RUNSCRIPT_MAX_AGE";
/// What the labels about arguments begin with.
pub(super) const OURS: &str = "SINGULARITY_RUNSCRIPT_ARG_";
/// All labels that mean something here; the first four are in the order of [`ArgType::ALL`].
pub(super) const LABELS: [&str; 7] = [
    "SINGULARITY_RUNSCRIPT_ARG_STR",
    "SINGULARITY_RUNSCRIPT_ARG_INT",
    "SINGULARITY_RUNSCRIPT_ARG_FLOAT",
    "SINGULARITY_RUNSCRIPT_ARG_BOOL",
    SCHEMA,
    OUTPUT,
    MAX_AGE,
];

/// The four types that a label can declare, in the order in which arguments are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ArgType {
    /// One word.
    Str,
    /// A whole number that fits i64.
    Int,
    /// A finite decimal number.
    Float,
    /// A flag.
    Bool,
}

impl ArgType {
    /// In the order in which arguments are passed.
    pub const ALL: [ArgType; 4] = [ArgType::Str, ArgType::Int, ArgType::Float, ArgType::Bool];

    /// As in the label's name and in JSON, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            ArgType::Str => "str",
            ArgType::Int => "int",
            ArgType::Float => "float",
            ArgType::Bool => "bool",
        }
    }
}

impl fmt::Display for ArgType {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
