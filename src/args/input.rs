//! What a visitor sent → names beside values, not yet judged.
//!
//! In: `application/x-www-form-urlencoded` bytes (WHATWG URL §5), from a query string or a body, or a JSON object
//! (RFC 8259). Out: a bounded list of pairs, as sent. Bytes that are not UTF-8 become U+FFFD here, which no typed
//! argument lets pass; the rest of the input is served all the same.
//! Never: no value is judged, and nothing is decoded before its length is known.

use std::borrow::Cow;

use serde_json::error::Category;
use thiserror::Error;
use url::form_urlencoded;

use super::json::{self, Scalar};
use crate::limits::{MAX_BODY_BYTES, MAX_QUERY_BYTES};

/// Parameters of one request, declared or not.
pub const MAX_PARAMETERS: usize = 256;

/// Where arguments come from.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// What follows `?`.
    Query {
        /// Without the `?`.
        text: &'a [u8],
        /// What `age=` means.
        blank: Blank,
    },
    /// The body of a form.
    Form {
        /// `name=Amy&age=10`
        text: &'a [u8],
        /// What `age=` means.
        blank: Blank,
    },
    /// `null` is as good as absent; `false` does not pass the flag.
    Json(&'a [u8]),
}

impl Input<'_> {
    /// Nothing was sent.
    pub const NOTHING: Input<'static> = Input::Query { text: b"", blank: Blank::Absent };
}

/// What `age=` means. Browsers send every text field of a form, also those left empty; only the caller can know
/// that such a form was sent. Flags are not concerned: `is_dino=` passes the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blank {
    /// An empty value, which no type admits.
    #[default]
    Value,
    /// The argument was left out.
    Absent,
}

/// Why an input was not read at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputError {
    /// More than [`MAX_QUERY_BYTES`].
    #[error("the query is longer than {MAX_QUERY_BYTES} bytes: shorten it, or send the arguments by POST")]
    QueryTooLong,
    /// More than [`MAX_BODY_BYTES`].
    #[error("the body is longer than {MAX_BODY_BYTES} bytes: shorten it")]
    BodyTooLong,
    /// More than [`MAX_PARAMETERS`].
    #[error("more than {MAX_PARAMETERS} parameters: send only the arguments that the image declares")]
    TooMany,
    /// Not UTF-8 (RFC 8259 §8.1).
    #[error(
        "the body is not UTF-8 (line {line}, column {column}): send it in UTF-8, not in Latin-1 or another encoding"
    )]
    NotUtf8 {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// Not RFC 8259.
    #[error("the body is not JSON (line {line}, column {column}): send one object such as {{\"name\": \"Amy\"}}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// An array or a scalar.
    #[error("the body is JSON, but not an object: send one such as {{\"name\": \"Amy\"}}")]
    NotAnObject,
}

/// A value as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RawValue<'a> {
    /// An empty value that counts as absent, unless it is a flag's.
    Blank,
    Typed(Cow<'a, str>),
    Json(Scalar<'a>),
}

pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, RawValue<'a>)>;

pub(super) fn read(input: Input<'_>) -> Result<Pairs<'_>, InputError> {
    match input {
        Input::Query { text, .. } if text.len() > MAX_QUERY_BYTES => Err(InputError::QueryTooLong),
        Input::Form { text, .. } | Input::Json(text) if text.len() > MAX_BODY_BYTES => Err(InputError::BodyTooLong),
        Input::Query { text, blank } | Input::Form { text, blank } => pairs(text, blank),
        Input::Json(text) => members(text),
    }
}

fn pairs(text: &[u8], blank: Blank) -> Result<Pairs<'_>, InputError> {
    let mut found = Vec::new();
    for (name, value) in form_urlencoded::parse(text) {
        if found.len() == MAX_PARAMETERS {
            return Err(InputError::TooMany);
        }
        let given = match blank {
            Blank::Absent if value.is_empty() => RawValue::Blank,
            _ => RawValue::Typed(value),
        };
        found.push((name, given));
    }
    Ok(found)
}

fn members(text: &[u8]) -> Result<Pairs<'_>, InputError> {
    // a byte order mark may be ignored (RFC 8259 §8.1); some editors and shells write one
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = str::from_utf8(text).map_err(|error| {
        let good = text.get(..error.valid_up_to()).unwrap_or_default();
        let mut lines = good.rsplit(|byte| *byte == b'\n');
        let column = lines.next().map_or(0, <[u8]>::len) + 1;
        InputError::NotUtf8 { line: lines.count() + 1, column }
    })?;
    let found = json::members(text, MAX_PARAMETERS).map_err(|error| match error.classify() {
        Category::Data => InputError::NotAnObject,
        _ => InputError::NotJson { line: error.line(), column: error.column() },
    })?;
    if found.more {
        return Err(InputError::TooMany);
    }
    let given = |(name, raw)| (Cow::Owned(name), RawValue::Json(json::scalar(raw)));
    Ok(found.list.into_iter().map(given).collect())
}
