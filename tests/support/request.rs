//! A request as meta-variables (RFC 3875 §4.1) and content, and the answer as a document response (§6.2.1): the same
//! on both wires.

use serde_json::Value;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub variables: Vec<(Vec<u8>, Vec<u8>)>,
    pub content: Vec<u8>,
}

/// A GET of this path; what follows `?` is the query.
pub fn get(address: &str) -> Request {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    Request { variables: Vec::new(), content: Vec::new() }
        .var("GATEWAY_INTERFACE", "CGI/1.1")
        .var("REQUEST_METHOD", "GET")
        .var("SERVER_PROTOCOL", "HTTP/1.1")
        .var("SCRIPT_NAME", "")
        .var("PATH_INFO", path)
        .var("QUERY_STRING", query)
        .header("Host", "localhost")
}

/// A POST of this content.
pub fn post(address: &str, media: &str, content: impl AsRef<[u8]>) -> Request {
    let content = content.as_ref().to_vec();
    let length = content.len().to_string();
    let mut request = get(address).method("POST").var("CONTENT_TYPE", media).var("CONTENT_LENGTH", length);
    request.content = content;
    request
}

impl Request {
    /// Sets a meta-variable, in place of an earlier one.
    pub fn var(mut self, name: &str, value: impl AsRef<[u8]>) -> Request {
        self.variables.retain(|(known, _)| known != name.as_bytes());
        self.variables.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Leaves a meta-variable out.
    pub fn without(mut self, name: &str) -> Request {
        self.variables.retain(|(known, _)| known != name.as_bytes());
        self
    }

    pub fn method(self, method: &str) -> Request {
        self.var("REQUEST_METHOD", method)
    }

    /// Sets a header field, named as web servers pass it (§4.1.18).
    pub fn header(self, name: &str, value: &str) -> Request {
        self.var(&format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_")), value)
    }

    pub fn accept(self, media: &str) -> Request {
        self.header("Accept", media)
    }
}

/// What browsers send when an address is typed.
pub const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
pub const ENVELOPE: &str = "application/vnd.singularity-run+json";
pub const EVENTS: &str = "text/event-stream";

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads a document response.
    pub fn parse(bytes: &[u8]) -> Answer {
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
        let end =
            bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no header: {}", shown()));
        let header = std::str::from_utf8(&bytes[..end]).expect("a header is text");
        let headers: Vec<(String, String)> = header
            .split("\r\n")
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (name, status) = headers.first().expect("a first field");
        assert_eq!(name, "Status");
        let status = status.get(..3).and_then(|digits| digits.parse().ok()).expect("a status");
        let answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
        if let Some(length) = answer.header("Content-Length") {
            let sent = answer.body.len().to_string();
            assert!(length == sent || sent == "0", "Content-Length {length}, content {sent}");
        }
        answer
    }

    /// The only field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice: {:?}", self.headers);
        value
    }

    pub fn media(&self) -> &str {
        self.header("Content-Type").unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The content as JSON, whatever its type.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// Expects a problem of this status; its members, and the last part of its `type`.
    pub fn problem(&self, status: u16) -> (String, Value) {
        assert_eq!((self.status, self.media()), (status, "application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for member in ["title", "detail", "instance"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {problem}");
        }
        let kind = problem["type"].as_str().expect("a type");
        assert!(kind.contains("/container/problems/"), "{kind}");
        (kind.rsplit('/').next().unwrap_or_default().to_owned(), problem)
    }

    /// Expects success; the content as text.
    pub fn good(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.text()
    }
}
