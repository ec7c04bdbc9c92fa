//! An image as a file: RFC 9110 §13 (conditions), §14 (ranges).
//!
//! nginx sends the bytes where it is told to (`X-Accel-Redirect`), and makes
//! tag, date and ranges itself; elsewhere the answer holds the open file.

use std::time::{Duration, SystemTime};

use super::answer::SANDBOX;
use crate::http::{ByteRange, Request, Response, matches};
use crate::service::Download;

const MEDIA: &str = "application/octet-stream";

/// The answer to a download.
pub fn show(download: Download, request: &Request) -> Response {
    let disposition = format!("attachment; filename=\"{}\"", download.image.file_name());
    let named = |response: Response| {
        response.with("Content-Disposition", &disposition).with("Content-Security-Policy", SANDBOX)
    };
    if let Some(accel) = &download.accel {
        let place = format!("{accel}{}", download.image);
        return named(Response::new(200, MEDIA, &b""[..])).with("X-Accel-Redirect", place);
    }
    let Download { size, modified, .. } = download;
    let tag = tag(size, modified);
    let date = httpdate::fmt_http_date(modified.max(SystemTime::UNIX_EPOCH));
    let headers = &request.headers;
    let dated = |response: Response| {
        response
            .with("ETag", &tag)
            .with("Last-Modified", &date)
            .with("Accept-Ranges", "bytes")
            .with("Cache-Control", "no-cache")
            .with("Vary", "Origin")
    };
    let seen = match headers.if_none_match.as_deref() {
        Some(field) => matches(field, &tag),
        None => headers.if_modified_since.as_deref().is_some_and(|field| is_unmodified(field, modified)),
    };
    if seen {
        return dated(Response::empty(304));
    }
    let unchanged = headers.if_range.as_deref().is_none_or(|field| field == tag || field == date);
    let range = headers.range.as_deref().filter(|_| unchanged && request.method == crate::http::Method::Get);
    let response = match ByteRange::of(range, size) {
        ByteRange::Whole => Response::file(200, MEDIA, download.file, 0, size),
        ByteRange::Bytes(first, last) => Response::file(206, MEDIA, download.file, first, last - first + 1)
            .with("Content-Range", format!("bytes {first}-{last}/{size}")),
        ByteRange::Beyond => return dated(Response::empty(416)).with("Content-Range", format!("bytes */{size}")),
    };
    dated(named(response))
}

/// Whether nothing has changed since the time of an `If-Modified-Since` field (RFC 9110 §13.1.3), which counts seconds. A
/// field that is no date counts for nothing.
fn is_unmodified(field: &str, modified: SystemTime) -> bool {
    httpdate::parse_http_date(field).is_ok_and(|since| modified < since + Duration::from_secs(1))
}

/// As nginx makes it: the time of the last change and the size, in hex.
fn tag(size: u64, modified: SystemTime) -> String {
    let seconds = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("\"{seconds:x}-{size:x}\"")
}
