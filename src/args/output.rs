//! What an author says about the answers of an image: their media type and how long they may be kept.
//!
//! In: the values of `SINGULARITY_RUNSCRIPT_OUTPUT` and `SINGULARITY_RUNSCRIPT_MAX_AGE`. Out: a type from a
//! fixed list, a number of seconds. Never: a type that browsers run as a page (HTML, XHTML, XML with
//! stylesheets, scripts); SVG is on the list because it is only ever answered sandboxed.

use std::fmt;

use serde::Serialize;

use super::error::excerpt;

/// One year: the longest lifetime that caches take seriously (RFC 9111 §1.2.2 leaves the bound to us).
pub const MAX_AGE_SECONDS: u32 = 31_536_000;

const ALLOWED: [&str; 23] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/svg+xml",
    "text/plain",
    "text/csv",
    "text/tab-separated-values",
    "text/markdown",
    "application/pdf",
    "application/x-ndjson",
    "application/geo+json",
    "application/zip",
    "application/gzip",
    "application/x-tar",
    "application/octet-stream",
    "audio/wav",
    "audio/mpeg",
    "audio/ogg",
    "video/mp4",
    "video/webm",
    "video/ogg",
];

/// A media type that a container's output may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MediaType(&'static str);

impl MediaType {
    /// Letters of either case, without parameters (RFC 9110 §8.3.1).
    pub fn from_allow_list(text: &str) -> Option<MediaType> {
        ALLOWED.into_iter().find(|known| known.eq_ignore_ascii_case(text)).map(MediaType)
    }

    /// Every type that may be declared.
    pub fn all() -> impl Iterator<Item = MediaType> {
        ALLOWED.into_iter().map(MediaType)
    }

    /// `image/png`
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether an answer of this type needs `; charset=utf-8` behind it.
    pub fn is_text(self) -> bool {
        self.0.starts_with("text/")
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// The reason is for the author.
pub(super) fn media_type(text: &str) -> Result<MediaType, String> {
    MediaType::from_allow_list(text).ok_or_else(|| {
        format!(
            "`{}` is not an allowed output type: write one of {}, without parameters",
            excerpt(text),
            ALLOWED.join(", ")
        )
    })
}

/// Decimal ASCII digits, at most [`MAX_AGE_SECONDS`].
pub(super) fn max_age(text: &str) -> Result<u32, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seconds) if digits && seconds <= MAX_AGE_SECONDS => Ok(seconds),
        _ => Err(format!("`{}` is not a number of seconds from 0 to {MAX_AGE_SECONDS}", excerpt(text))),
    }
}
