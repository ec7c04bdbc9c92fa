//! The contract with image authors: which arguments an image takes, and what of a visitor's words may reach it.
//!
//! In: an image's labels, then a query, a form or a JSON object. Out: an [`ArgSpec`], then [`Arguments`]: words
//! that are safe in an argv even where the container hands them to a shell's `eval`.
//!
//! ```text
//! labels → ArgSpec (never fails: what cannot be used becomes a Warning)
//! ArgSpec + Input + Policy → Arguments, or Rejected with every error at once
//! ```
//!
//! Never: no file, process, clock, HTTP or configuration; no state; no panic, whatever comes in.
//! What comes in is bounded by the `MAX_…` constants, each beside the type that it bounds.

mod bind;
mod error;
mod input;
mod json;
mod output;
mod schema;
mod spec;
mod value;
mod warning;

pub use bind::{ArgError, Arguments, BindError, Change, Rejected, Report, bind};
pub use error::ValueError;
pub use input::{Blank, Input, InputError};
pub use output::MediaType;
pub use spec::{Arg, ArgName, ArgSpec, NamesByKind, plain_text};
pub use value::{ArgValue, Decimal, ExtraCharacters, HARMLESS, Kind, Mode, NotHarmless, Policy, Word};
pub use warning::Warning;

/// The bounds of this room, for documentation pages and tests.
pub mod bounds {
    pub use super::input::{MAX_BODY_BYTES, MAX_PARAMETERS, MAX_QUERY_BYTES};
    pub use super::output::MAX_AGE_SECONDS;
    pub use super::schema::{MAX_CHOICES, MAX_DESCRIPTION_CHARS, MAX_EXAMPLES, MAX_SCHEMA_BYTES, MAX_TITLE_CHARS};
    pub use super::spec::{MAX_ARGUMENTS, MAX_NAME_CHARS};
    pub use super::value::{MAX_NUMBER_CHARS, MAX_WORD_CHARS};
    pub use super::warning::{MAX_EXCERPT_CHARS, MAX_WARNINGS};
}

#[cfg(test)]
mod tests;
