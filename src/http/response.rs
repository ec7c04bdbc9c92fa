//! An answer, before a wire writes it.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Status, header fields, content. Content-Length and Connection belong to
/// the wire and the web server.
#[derive(Debug)]
pub struct Response {
    /// RFC 9110 §15.
    pub status: u16,
    /// Field names and values; no value holds a control character.
    pub headers: Vec<(&'static str, String)>,
    /// The content.
    pub payload: Payload,
    /// How long a reader may take nothing of it; none: as long as the wire says.
    pub reader_timeout: Option<Duration>,
    /// What is given back when the answer has been written, or given up.
    pub held: Held,
}

/// What an answer holds until its end: its places among those that are bounded.
pub type Held = Vec<Box<dyn Any>>;

/// The content of an answer.
pub enum Payload {
    /// Bytes at hand. A HEAD request gets the fields without them.
    Bytes(Cow<'static, [u8]>),
    /// `length` bytes of a file from `start`.
    File {
        /// The open file.
        file: File,
        /// The first byte.
        start: u64,
        /// How many.
        length: u64,
    },
    /// Written as it comes into being.
    Live(Live),
}

/// Writes a live answer to the end; an error of the writer ends it.
pub type Live = Box<dyn FnOnce(&mut dyn Sink) -> io::Result<()>>;

/// Where an answer goes. [`Write`] waits for the reader as long as the wire does; the rest waits for nothing.
pub trait Sink: Write {
    /// Takes some of `bytes`; 0: the reader takes nothing now. What it holds goes out with the next call, also of none.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Bytes taken and not yet out.
    fn unsent(&self) -> usize;

    /// What to `poll` for `POLLOUT`; none: it takes everything at once.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// Memory takes everything.
impl Sink for Vec<u8> {
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn unsent(&self) -> usize {
        0
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Payload::File { start, length, .. } => write!(f, "File({start}+{length})"),
            Payload::Live(_) => f.write_str("Live"),
        }
    }
}

impl Response {
    /// An answer with content of the given media type. `nosniff` is on all.
    pub fn new(status: u16, media: &str, content: impl Into<Cow<'static, [u8]>>) -> Response {
        Response::bare(status, Payload::Bytes(content.into())).with("Content-Type", media)
    }

    /// An answer without content.
    pub fn empty(status: u16) -> Response {
        Response::bare(status, Payload::Bytes(Cow::Borrowed(b"")))
    }

    /// An answer that is written while it comes into being.
    pub fn live(media: &str, live: Live) -> Response {
        Response::bare(200, Payload::Live(live)).with("Content-Type", media)
    }

    /// An answer with a part of a file.
    pub fn file(status: u16, media: &str, file: File, start: u64, length: u64) -> Response {
        Response::bare(status, Payload::File { file, start, length }).with("Content-Type", media)
    }

    fn bare(status: u16, payload: Payload) -> Response {
        let headers = vec![("X-Content-Type-Options", "nosniff".to_owned())];
        Response { status, headers, payload, reader_timeout: None, held: Held::new() }
    }

    /// Adds a field; control characters in the value become spaces, so that
    /// no value can end the header (RFC 9110 §5.5).
    pub fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Response {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        self.headers.push((name, value.as_ref().chars().map(plain).collect()));
        self
    }

    /// The value of the first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The reason phrase of the statuses we send (RFC 9110 §15).
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_the_header() {
        let response = Response::empty(200).with("X-Test", "a\r\nSet-Cookie: b\0");
        assert_eq!(response.header("x-test"), Some("a  Set-Cookie: b "));
    }
}
