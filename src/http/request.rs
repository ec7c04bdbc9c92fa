//! A request as the rest of the program sees it, whichever wire it came by.

use std::fmt;

use thiserror::Error;

use super::address::{ForwardedFields, Subnet};
use super::claims::Claims;
use super::representation::Representation;
use crate::limits::MAX_QUERY_BYTES;
use crate::visitor::Visitor;

/// One request. `path` is decoded, `query` is not.
#[derive(Clone, Debug)]
pub struct Request {
    /// RFC 9110 §9.
    pub method: Method,
    /// Where on the site the application is mounted (`SCRIPT_NAME`).
    pub mount: Mount,
    /// The decoded path below the mount (`PATH_INFO`).
    pub path: String,
    /// The query as sent (`QUERY_STRING`), at most [`MAX_QUERY_BYTES`].
    pub query: String,
    /// In which form the answer is wanted.
    pub representation: Representation,
    /// What sends it.
    pub source: Source,
    /// The header fields we read.
    pub headers: Headers,
    /// What was sent with a POST.
    pub body: Body,
    /// Names this request in the log and in problems.
    pub id: String,
    /// What it says of who asks.
    pub claims: Claims,
    /// What it says of its way here.
    pub way: ForwardedFields,
    /// Whom to count; of [`Request::place`].
    pub visitor: Visitor,
    /// `http` or `https`, where a named proxy says it; of [`Request::place`].
    pub scheme: Option<&'static str>,
}

impl Request {
    /// A GET without header fields: the start of a test, or of a command.
    pub fn get(mount: &str, path: &str, query: &str) -> Request {
        Request {
            method: Method::Get,
            mount: Mount::parse(mount).unwrap_or_default(),
            path: path.to_owned(),
            query: query.to_owned(),
            representation: Representation::default(),
            source: Source::default(),
            headers: Headers::default(),
            body: Body::Bytes(Vec::new()),
            id: String::new(),
            claims: Claims::default(),
            way: ForwardedFields::default(),
            visitor: Visitor::default(),
            scheme: None,
        }
    }

    /// Takes what is believed of its way: whom to count, the Host and the scheme that the visitor asked, and the prefix
    /// that a proxy has taken away. One Host is said once, or it is nobody's (RFC 9110 §7.2).
    pub fn place(&mut self, proxies: &[Subnet], prefix: Option<&Mount>) -> Result<(), RequestError> {
        let believed = self.way.believed(proxies);
        (self.visitor, self.scheme) = (believed.visitor, believed.scheme);
        if let Some(prefix) = prefix {
            self.mount = self.mount.below(prefix);
        }
        if self.headers.host.as_deref().is_some_and(|host| host.contains(',')) {
            return Err(RequestError::Host);
        }
        if believed.host.is_some() {
            self.headers.host = believed.host;
        }
        Ok(())
    }
}

/// What sends a request's arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// A program, which sends what it means.
    #[default]
    Program,
    /// A browser that goes to a page: with each field of a form, also those that are left empty.
    Form,
}

/// A request method. Methods that no resource of ours knows keep no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Head,
    Post,
    Options,
    Other,
}

impl Method {
    /// Methods are case-sensitive (RFC 9110 §9.1).
    pub fn parse(text: &str) -> Method {
        match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "OPTIONS" => Method::Options,
            _ => Method::Other,
        }
    }

    /// The method's name, for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Options => "OPTIONS",
            Method::Other => "other",
        }
    }
}

/// The header fields that something here reads; all others are never stored.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Headers {
    pub accept: Option<String>,
    pub content_encoding: Option<String>,
    pub content_type: Option<String>,
    pub host: Option<String>,
    pub if_modified_since: Option<String>,
    pub if_none_match: Option<String>,
    pub if_range: Option<String>,
    pub last_event_id: Option<String>,
    pub origin: Option<String>,
    pub range: Option<String>,
    pub referer: Option<String>,
    pub sec_fetch_dest: Option<String>,
    pub sec_fetch_mode: Option<String>,
    pub sec_fetch_site: Option<String>,
    pub sec_purpose: Option<String>,
}

/// The content of a request.
#[derive(Clone, Debug)]
pub enum Body {
    /// All of it; empty where there is none.
    Bytes(Vec<u8>),
    /// More than the wire accepts: it was not read.
    TooLarge,
    /// The connection ended before the announced length.
    Incomplete,
    /// There is content, but nobody said how much.
    NoLength,
}

/// Longest header field that is read; a longer one is refused.
pub const MAX_FIELD: usize = 8 * 1024;

/// Why what a web server passed does not make a request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    /// RFC 3875 §4.1.12: the server must set it.
    #[error("the web server passed no REQUEST_METHOD: check the parameters in its configuration")]
    NoMethod,
    /// See [`Mount::parse`].
    #[error(transparent)]
    Mount(#[from] MountError),
    /// PATH_INFO is no text, or holds control characters, or is too long.
    #[error("the path of this address is not valid here")]
    Path,
    /// The Host field comes twice, or lists several.
    #[error("the Host field comes more than once: send one name")]
    Host,
    /// CONTENT_LENGTH is not a number.
    #[error("CONTENT_LENGTH is not a number of bytes: send the length of the content, or no content")]
    Length,
    /// QUERY_STRING over its bound.
    #[error("the query is longer than {MAX_QUERY_BYTES} bytes: send the arguments as a POST")]
    Query,
    /// A header field over its bound.
    #[error("a header field is longer than {MAX_FIELD} bytes: shorten it")]
    Field,
}

/// The prefix of every link: `SCRIPT_NAME`, without a slash at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount(String);

/// Longest `SCRIPT_NAME` in bytes.
const MAX_MOUNT: usize = 1024;

/// Why a `SCRIPT_NAME` was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("SCRIPT_NAME must be empty or a plain absolute path: the web server's configuration sets it")]
pub struct MountError;

impl Mount {
    /// Accepts the empty text or an absolute path. Refused: a relative path,
    /// `//` (a link would lead to another host), dot segments, control
    /// characters, `?`, `#`, `\`, and more than 1024 bytes.
    pub fn parse(text: &str) -> Result<Mount, MountError> {
        let twice = text.contains("//"); // before the last slash goes: of `//` it would leave an empty host
        let text = text.strip_suffix('/').unwrap_or(text);
        let plain = text.len() <= MAX_MOUNT
            && (text.is_empty() || text.starts_with('/'))
            && !twice
            && !text.chars().any(|c| c.is_control() || matches!(c, '?' | '#' | '\\'))
            && !text.split('/').any(|segment| segment == "." || segment == "..");
        if plain { Ok(Mount(text.to_owned())) } else { Err(MountError) }
    }

    /// The same mount below a prefix.
    pub fn below(&self, prefix: &Mount) -> Mount {
        Mount(format!("{}{}", prefix.0, self.0))
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Mount {
    /// The prefix as it goes into a link: percent-encoded (RFC 3986 §2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    write!(f, "{}", char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_placed_where_its_visitor_sees_it() {
        let mut request = Request::get("/cgi-bin/serve.cgi", "/", "");
        request.way.peer = Some("127.0.0.1".to_owned());
        request.way.forwarded_host = Some("example.org".to_owned());
        request.headers.host = Some("inner".to_owned());
        let prefix = Mount::parse("/apps").unwrap();
        let mut alone = request.clone();
        alone.place(&[], Some(&prefix)).unwrap();
        assert_eq!(
            (alone.mount.to_string().as_str(), alone.headers.host.as_deref()),
            ("/apps/cgi-bin/serve.cgi", Some("inner"))
        );
        let proxies = [Subnet::parse("127.0.0.1").unwrap()];
        request.way.forwarded_for = Some("203.0.113.7".to_owned());
        request.place(&proxies, None).unwrap();
        assert_eq!(
            (request.visitor.key(), request.headers.host.as_deref()),
            (Some("203.0.113.7"), Some("example.org"))
        );
        for field in ["a, b", "a,a", ","] {
            request.headers.host = Some(field.to_owned());
            assert_eq!(request.place(&proxies, None), Err(RequestError::Host), "{field}");
        }
    }

    #[test]
    fn mounts_are_empty_or_absolute() {
        for (text, link) in [
            ("", ""),
            ("/", ""),
            ("/~amy/cgi-bin/serve.cgi", "/~amy/cgi-bin/serve.cgi"),
            ("/a b", "/a%20b"),
            ("/ä\"<", "/%C3%A4%22%3C"),
            ("/lab/", "/lab"),
        ] {
            assert_eq!(Mount::parse(text).unwrap().to_string(), link);
        }
        for text in ["x", "//", "///", "/a//", "//evil", "/a//b", "/../x", "/a/.", "/a\n", "/a?b", "/a#b", "/\\evil"] {
            assert_eq!(Mount::parse(text), Err(MountError), "{text:?}");
        }
        assert_eq!(Mount::parse(&format!("/{}", "a".repeat(1024))), Err(MountError));
    }
}
