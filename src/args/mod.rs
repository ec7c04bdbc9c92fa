//! The contract with image authors: which arguments an image takes, and what of a visitor's words may reach it.
//!
//! In: an image's labels, then a query, a form or a JSON object. Out: an [`ArgSpec`], then [`Arguments`]: words
//! that are safe in an argv even where the container hands them to a shell's `eval`, but for choices of the author's own.
//!
//! ```text
//! labels → ArgSpec (never fails: what cannot be used becomes a Warning)
//! ArgSpec + Input + SanitisePolicy → Arguments, or Rejected with every error at once
//! ```
//!
//! Never: no file, process, clock, HTTP or configuration; no state; no panic, whatever comes in.
//! What comes in is bounded by the `MAX_…` constants, each beside the type that it bounds.

mod arg;
mod bind;
mod error;
mod input;
mod json;
mod label;
mod name;
mod near_miss;
mod output;
mod schema;
mod spec;
mod value;
mod warning;

pub use arg::{Arg, KEYWORDS, Keyword, plain_text};
pub use bind::{ArgError, Arguments, BindError, BindReport, Change, Rejected, bind};
pub use error::ValueError;
pub use input::{Blank, Input, InputError};
pub use label::ArgType;
pub use name::ArgName;
pub use output::MediaType;
pub use spec::{ArgSpec, NamesByType};
pub use value::{ArgValue, Decimal, ExtraCharacters, HARMLESS, NotHarmless, SanitiseMode, SanitisePolicy, StrValue};
pub use warning::Warning;

/// The bounds of this room, for documentation pages and tests.
pub mod bounds {
    pub use super::error::MAX_EXCERPT_CHARS;
    pub use super::input::MAX_PARAMETERS;
    pub use super::label::MAX_ARGUMENTS;
    pub use super::name::MAX_NAME_CHARS;
    pub use super::output::MAX_AGE_SECONDS;
    pub use super::schema::{MAX_CHOICES, MAX_DESCRIPTION_CHARS, MAX_EXAMPLES, MAX_SCHEMA_BYTES, MAX_TITLE_CHARS};
    pub use super::value::{MAX_NUMBER_CHARS, MAX_WORD_CHARS};
    pub use super::warning::MAX_WARNINGS;
    pub use crate::limits::{MAX_BODY_BYTES, MAX_QUERY_BYTES};
}

#[cfg(test)]
mod tests;
