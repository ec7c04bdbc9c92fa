//! What an image's author should know about the labels: bounded in number and in length, safe to print.
//!
//! In: facts found while labels are read. Out: a list of [`Warning`]s, whose texts say what to write instead.
//! Never: no warning stops an image from being listed or run.

use serde::{Serialize, Serializer};
use thiserror::Error;

use super::label::{ArgType, MAX_ARGUMENTS, SCHEMA};
use super::name::MAX_NAME_CHARS;

/// Warnings kept for one image; what is beyond is counted in [`Warning::More`].
pub const MAX_WARNINGS: usize = 32;

/// Something in the labels that was not used, and what to do about it. Serialised as its text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Warning {
    /// Two labels whose names differ only in case.
    #[error("{0} is there more than once (names differ only in case). The first is used: remove the others")]
    LabelTwice(&'static str),
    /// A label that looks like one of ours.
    #[error("{0} is not a label of this program: use …_STR, …_INT, …_FLOAT, …_BOOL or …_SCHEMA")]
    UnknownLabel(String),
    /// A label that does nothing and is nearly one that would.
    #[error("{name} is not a label of this program: write {meant}")]
    NearMiss {
        /// An excerpt.
        name: String,
        /// The label that was meant.
        meant: &'static str,
    },
    /// A value that ends with a backslash.
    #[error("{0} ends with `\\`, which continues no label: write the whole label in one line")]
    Continued(&'static str),
    /// A declared name that cannot be an option.
    #[error(
        "{label}: `{name}` is not an argument name: write a letter or `_`, then letters, digits, \
         `_` or `-`, at most {MAX_NAME_CHARS} characters"
    )]
    NotAName {
        /// The label.
        label: &'static str,
        /// An excerpt.
        name: String,
    },
    /// A name in labels of two types.
    #[error("argument `{name}` is declared as {first} and as {second} and is refused: declare it once")]
    TwoTypes {
        /// The argument.
        name: String,
        /// The type that was met first.
        first: ArgType,
        /// The type that was met next.
        second: ArgType,
    },
    /// So many names are beyond the bound.
    #[error("{0} argument names are dropped: an image takes at most {MAX_ARGUMENTS}")]
    TooManyArguments(usize),
    /// A label whose value is not used.
    #[error("{label}: {reason}")]
    Label {
        /// The label.
        label: &'static str,
        /// Why, and what to write instead.
        reason: String,
    },
    /// The schema names something that no label declares.
    #[error("{SCHEMA}: `{0}` is not a declared argument: declare it in a label, or remove it here")]
    NoSuchArgument(String),
    /// A keyword of the schema, or one of its values, is not used.
    #[error("{SCHEMA}: `{keyword}` of argument `{argument}` is ignored: {reason}")]
    Keyword {
        /// The argument.
        argument: String,
        /// The keyword.
        keyword: String,
        /// Why, and what to write instead.
        reason: String,
    },
    /// So many warnings are beyond the bound.
    #[error("{0} more warnings are not shown")]
    More(usize),
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Collects warnings and stays small.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    kept: Vec<Warning>,
    more: usize,
}

impl Warnings {
    pub(super) fn push(&mut self, warning: Warning) {
        if self.kept.len() < MAX_WARNINGS {
            self.kept.push(warning);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn extend(&mut self, warnings: Option<Warning>) {
        if let Some(warning) = warnings {
            self.push(warning);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Warning> {
        if self.more > 0 {
            self.kept.push(Warning::More(self.more));
        }
        self.kept
    }
}
