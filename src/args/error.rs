//! Why a value does not pass: one variant a rule, a text for people and a word for programs.
//!
//! Out: texts that say what to do next. Never: they hold no more of a visitor's text than an excerpt.

use thiserror::Error;

use super::label::ArgType;
use crate::text::shown;

/// Characters of a stranger's text that a message repeats.
pub const MAX_EXCERPT_CHARS: usize = 64;

/// Stands for the value of a `writeOnly` argument in all that is shown or kept.
pub const HIDDEN: &str = "***";

/// Why a value does not pass. The text completes "`age`: …" and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// INT: not `[+-]?[0-9]+`.
    #[error("write a whole number in decimal digits")]
    NotAnInteger,
    /// INT: does not fit i64.
    #[error("write a whole number from {} to {}", i64::MIN, i64::MAX)]
    IntegerOutOfRange,
    /// FLOAT: not a decimal number.
    #[error("write a decimal number such as 1.5 or 2e3")]
    NotANumber,
    /// FLOAT: with a comma where this, with a point, is a number.
    #[error("use a point: {0}")]
    DecimalComma(String),
    /// FLOAT: infinity or, though not zero, zero as a 64-bit float.
    #[error("write a number that a 64-bit float can hold")]
    NumberOutOfRange,
    /// No text at all.
    #[error("write something, or leave the argument out")]
    Empty,
    /// STR: stripping left nothing.
    #[error(
        "nothing is left once the characters that are not allowed are stripped: use letters, digits, `.`, `_`, `-`"
    )]
    NothingLeft,
    /// More characters than this.
    #[error("shorten it to at most {0} characters")]
    TooLong(usize),
    /// STR: these, made printable.
    #[error("remove what is not allowed here: {0}")]
    NotAllowedCharacters(String),
    /// U+0000 to U+001F, U+007F to U+009F.
    #[error("remove the control characters")]
    ControlCharacter,
    /// Not UTF-8, or half a surrogate pair.
    #[error("send it as UTF-8 text")]
    NotText,
    /// The name is there more than once.
    #[error("send it only once")]
    GivenTwice,
    /// The author requires it.
    #[error("this argument is required")]
    Missing,
    /// Not among these.
    #[error("choose one of {0}")]
    NotOneOf(String),
    /// Less than this.
    #[error("write a number that is at least {0}")]
    BelowMinimum(String),
    /// More than this.
    #[error("write a number that is at most {0}")]
    AboveMaximum(String),
    /// JSON of another type than this.
    #[error("send {}", wanted(*.0))]
    WrongType(ArgType),
}

pub(super) fn wanted(kind: ArgType) -> &'static str {
    match kind {
        ArgType::Str => "a JSON string",
        ArgType::Int => "a whole JSON number",
        ArgType::Float => "a JSON number",
        ArgType::Bool => "true or false",
    }
}

impl ValueError {
    /// The same without what the visitor wrote.
    pub(super) fn hidden(self) -> ValueError {
        match self {
            ValueError::DecimalComma(_) => ValueError::NotANumber,
            ValueError::NotAllowedCharacters(_) => ValueError::NotAllowedCharacters(HIDDEN.to_owned()),
            other => other,
        }
    }

    /// The same for programs. These words do not change.
    pub fn code(&self) -> &'static str {
        match self {
            ValueError::NotAnInteger => "not-an-integer",
            ValueError::IntegerOutOfRange => "integer-out-of-range",
            ValueError::NotANumber | ValueError::DecimalComma(_) => "not-a-number",
            ValueError::NumberOutOfRange => "number-out-of-range",
            ValueError::Empty => "empty",
            ValueError::NothingLeft => "nothing-left",
            ValueError::TooLong(_) => "too-long",
            ValueError::NotAllowedCharacters(_) => "not-allowed-characters",
            ValueError::ControlCharacter => "control-character",
            ValueError::NotText => "not-text",
            ValueError::GivenTwice => "given-twice",
            ValueError::Missing => "required",
            ValueError::NotOneOf(_) => "not-one-of",
            ValueError::BelowMinimum(_) => "below-minimum",
            ValueError::AboveMaximum(_) => "above-maximum",
            ValueError::WrongType(_) => "wrong-type",
        }
    }
}

/// A stranger's text, fit for a message or a log line: one line, nothing unprintable, bounded.
pub(super) fn excerpt(text: &str) -> String {
    shown(text, MAX_EXCERPT_CHARS, |character| !matches!(character, '\'' | '"' | '\\'))
}
