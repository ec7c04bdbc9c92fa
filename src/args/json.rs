//! A JSON object's members as they were written: their order, their repetitions and the digits of their numbers.
//!
//! In: text of a stranger, whose length the caller has bounded. Out: names beside raw values, then scalars.
//! Never: no number is turned into a float on the way (`1e3` and `10000000000000000000` are judged by their
//! text, one room further), and no repetition is lost. Values are skipped without recursion. RFC 8259.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What stands between `{` and `}`.
#[derive(Debug)]
pub(super) struct Members<'a> {
    pub(super) list: Vec<(String, &'a RawValue)>,
    /// There were more than the limit; they were read over.
    pub(super) more: bool,
}

/// Reads `text` as one object and keeps its first `limit` members. An error of the category `Data` says that
/// it is JSON, but no object.
pub(super) fn members(text: &str, limit: usize) -> Result<Members<'_>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = Limit(limit).deserialize(&mut reader)?;
    reader.end()?;
    Ok(found)
}

struct Limit(usize);

impl<'de> DeserializeSeed<'de> for Limit {
    type Value = Members<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Limit {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while list.len() < self.0 {
            match map.next_entry()? {
                Some(member) => list.push(member),
                None => return Ok(Members { list, more: false }),
            }
        }
        let mut more = false;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            more = true;
        }
        Ok(Members { list, more })
    }
}

/// A value that an argument could have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// The digits, as written.
    Number(&'a str),
    /// A string that is no text (half a surrogate pair) is the replacement character here, which nothing lets pass.
    Text(String),
    /// An array or an object.
    Other,
}

pub(super) fn scalar(raw: &RawValue) -> Scalar<'_> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'n') => Scalar::Null,
        Some(b't') => Scalar::Bool(true),
        Some(b'f') => Scalar::Bool(false),
        Some(b'"') => {
            Scalar::Text(serde_json::from_str(text).unwrap_or_else(|_| char::REPLACEMENT_CHARACTER.to_string()))
        }
        Some(b'-' | b'0'..=b'9') => Scalar::Number(text),
        _ => Scalar::Other,
    }
}

/// The elements of an array; `None` when it is none.
pub(super) fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    Vec::deserialize(&mut serde_json::Deserializer::from_str(raw.get())).ok()
}
