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

const ALLOWED: [&str; 24] = [
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
    "application/json",
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
    /// Reads the value of a label: letters of either case, with or without parameters (RFC 9110 §8.3.1), of which only
    /// `charset` means something to us, and must be UTF-8. The error is for the author.
    pub fn from_label(text: &str) -> Result<MediaType, String> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let known = ALLOWED.into_iter().find(|known| known.eq_ignore_ascii_case(name));
        let known = known.ok_or_else(|| {
            format!("`{}` is not an allowed output type: write one of {}", excerpt(text), ALLOWED.join(", "))
        })?;
        for parameter in parts.filter(|parameter| !parameter.is_empty()) {
            let Some((key, value)) = parameter.split_once('=') else {
                return Err(format!("`{}` is no parameter of a media type: write name=value", excerpt(parameter)));
            };
            let value = value.trim().trim_matches('"');
            if key.trim().eq_ignore_ascii_case("charset")
                && !["utf-8", "us-ascii"].iter().any(|ours| ours.eq_ignore_ascii_case(value))
            {
                return Err(format!("text is answered in UTF-8: print it so, and leave out `{}`", excerpt(parameter)));
            }
        }
        Ok(MediaType(known))
    }

    /// Every type that may be declared.
    pub fn all() -> impl Iterator<Item = MediaType> {
        ALLOWED.into_iter().map(MediaType)
    }

    /// `image/png`
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The value of `Content-Type`: text types say that they are UTF-8.
    pub fn as_field(self) -> &'static str {
        match self.0 {
            "text/plain" => "text/plain; charset=utf-8",
            "text/csv" => "text/csv; charset=utf-8",
            "text/tab-separated-values" => "text/tab-separated-values; charset=utf-8",
            "text/markdown" => "text/markdown; charset=utf-8",
            other => other,
        }
    }

    /// Whether it is a type of texts.
    pub fn is_text(self) -> bool {
        self.0.starts_with("text/")
    }

    /// Whether it is JSON itself.
    pub fn is_json(self) -> bool {
        self.0 == "application/json"
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// Decimal ASCII digits, at most [`MAX_AGE_SECONDS`].
pub(super) fn max_age(text: &str) -> Result<u32, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seconds) if digits && seconds <= MAX_AGE_SECONDS => Ok(seconds),
        _ => Err(format!("`{}` is not a number of seconds from 0 to {MAX_AGE_SECONDS}", excerpt(text))),
    }
}
