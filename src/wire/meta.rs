//! Meta-variables (RFC 3875 §4.1) → [`Request`], or why not.
//!
//! Only REQUEST_METHOD is required and none is guessed. REQUEST_URI,
//! SCRIPT_FILENAME, PATH_TRANSLATED and every other variable are not read.
//! Of a variable that comes twice the last value counts: so a line after
//! `include fastcgi_params` overrides it in nginx. Repeated header fields are
//! joined to one (RFC 9110 §5.3).

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::http::{
    Body, Claims, ForwardedFields, Headers, MAX_FIELD, Method, Mount, MountError, Peer, Representation, Request,
    RequestError, Source,
};
use crate::limits::{MAX_BODY_BYTES, MAX_QUERY_BYTES};
use crate::visitor::Visitor;

/// Most content bytes that are read at all. What nobody wants is read too: a web server that still writes when we end
/// takes the closed pipe for our answer (mod_cgid, fcgiwrap).
const MAX_READ: u64 = 1024 * 1024;
/// Longest PATH_INFO: no route of ours is longer.
const MAX_PATH: usize = 1024;

/// What was refused, and of the request what could be understood: enough to
/// answer in the right form and under the right prefix.
pub struct Refused {
    pub error: RequestError,
    pub request: Request,
}

/// The variables of one request that something here reads.
pub struct MetaVariables {
    known: HashMap<&'static str, Vec<u8>>,
    claims: Claims,
}

/// RFC 3875 §4.1.18 turns a field's name into `HTTP_…`.
const READ: [&str; 28] = [
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "REQUEST_ID",
    "HTTP_ACCEPT",
    "HTTP_AUTHORIZATION",
    "HTTP_CONTENT_ENCODING",
    "HTTP_HOST",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_LAST_EVENT_ID",
    "HTTP_ORIGIN",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_PURPOSE",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "REMOTE_ADDR",
    "UNIQUE_ID",
];

impl MetaVariables {
    /// Keeps the variables we read, from any wire. `groups` is the variable of the site for groups, `peer` passes them on.
    pub fn collect<'a>(
        pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        groups: Option<&str>,
        peer: Peer,
    ) -> MetaVariables {
        let mut known: HashMap<&'static str, Vec<u8>> = HashMap::with_capacity(READ.len());
        let mut claims = Claims { peer, ..Claims::default() };
        for (name, value) in pairs {
            // of who asks no value stands above another: all are kept
            match name {
                b"REMOTE_USER" if !value.is_empty() => claims.remote_user.push(value.to_vec()),
                name if !value.is_empty() && groups.is_some_and(|groups| groups.as_bytes() == name) => {
                    claims.remote_groups.push(value.to_vec());
                }
                _ => {}
            }
            let Some(&name) = READ.iter().find(|read| read.as_bytes() == name) else {
                continue;
            };
            match known.get_mut(name) {
                Some(before) if name.starts_with("HTTP_") => {
                    before.extend_from_slice(b", ");
                    before.extend_from_slice(value);
                }
                _ => {
                    known.insert(name, value.to_vec());
                }
            }
        }
        MetaVariables { known, claims }
    }

    /// The request, its content read from `input` within [`MAX_BODY_BYTES`].
    pub fn request(self, input: &mut dyn Read) -> Result<Request, Box<Refused>> {
        let method = self.text("REQUEST_METHOD").map(|method| Method::parse(&method));
        let mount = std::str::from_utf8(self.raw("SCRIPT_NAME")).map_err(|_| MountError).and_then(Mount::parse);
        let mut request = Request {
            method: method.unwrap_or(Method::Other),
            mount: mount.clone().unwrap_or_default(),
            path: String::new(),
            query: String::new(),
            representation: Representation::default(),
            source: Source::default(),
            headers: Headers::default(),
            body: Body::Bytes(Vec::new()),
            id: self.id(),
            claims: Claims { authorization: self.text("HTTP_AUTHORIZATION"), ..self.claims.clone() },
            way: self.way(),
            visitor: Visitor::default(),
            scheme: None,
        };
        let mut content = input.take(self.announced());
        let filled = self.fill(&mut request, &mut content);
        // an error is the web server's, and ends the content
        let _ = io::copy(&mut content, &mut io::sink());
        match filled {
            Err(error) => Err(Box::new(Refused { error, request })),
            Ok(()) if method.is_none() => Err(Box::new(Refused { error: RequestError::NoMethod, request })),
            Ok(()) => match mount {
                Err(error) => Err(Box::new(Refused { error: error.into(), request })),
                Ok(_) => Ok(request),
            },
        }
    }

    fn fill(&self, request: &mut Request, input: &mut dyn Read) -> Result<(), RequestError> {
        let too_long = |name: &&str| self.raw(name).len() > MAX_FIELD;
        // first, so that a refusal comes in the form that is wanted
        if request.method != Method::Options && !too_long(&"HTTP_ACCEPT") {
            request.representation = Representation::of(self.text("HTTP_ACCEPT").as_deref());
        }
        if request.representation == Representation::Page {
            request.source = Source::Form;
        }
        if READ.iter().filter(|name| name.starts_with("HTTP_")).any(too_long) {
            return Err(RequestError::Field);
        }
        request.headers = self.headers();
        if self.raw("QUERY_STRING").len() > MAX_QUERY_BYTES {
            return Err(RequestError::Query);
        }
        let path = std::str::from_utf8(self.raw("PATH_INFO")).map_err(|_| RequestError::Path)?;
        if path.len() > MAX_PATH || path.chars().any(char::is_control) {
            return Err(RequestError::Path);
        }
        request.path = path.to_owned();
        request.query = self.text("QUERY_STRING").unwrap_or_default();
        request.body = self.body(request.method, input)?;
        Ok(())
    }

    /// Content bytes that may come: where the length is not told (RFC 9112 §6.3), up to the end.
    fn announced(&self) -> u64 {
        let length = self.raw("CONTENT_LENGTH");
        match std::str::from_utf8(length).ok().and_then(|length| length.parse::<u64>().ok()) {
            Some(length) => length.min(MAX_READ),
            None if length.is_empty() && !self.raw("HTTP_TRANSFER_ENCODING").is_empty() => MAX_READ,
            None => 0,
        }
    }

    fn headers(&self) -> Headers {
        Headers {
            accept: self.text("HTTP_ACCEPT"),
            content_encoding: self.text("HTTP_CONTENT_ENCODING"),
            content_type: self.text("CONTENT_TYPE"),
            host: self.text("HTTP_HOST"),
            if_modified_since: self.text("HTTP_IF_MODIFIED_SINCE"),
            if_none_match: self.text("HTTP_IF_NONE_MATCH"),
            if_range: self.text("HTTP_IF_RANGE"),
            last_event_id: self.text("HTTP_LAST_EVENT_ID"),
            origin: self.text("HTTP_ORIGIN"),
            range: self.text("HTTP_RANGE"),
            referer: self.text("HTTP_REFERER"),
            sec_fetch_dest: self.text("HTTP_SEC_FETCH_DEST"),
            sec_fetch_mode: self.text("HTTP_SEC_FETCH_MODE"),
            sec_fetch_site: self.text("HTTP_SEC_FETCH_SITE"),
            sec_purpose: self.text("HTTP_SEC_PURPOSE"),
        }
    }

    /// RFC 3875 §4.1.8, and what proxies say (RFC 7239 tells why they are not simply believed).
    fn way(&self) -> ForwardedFields {
        let field = |name: &str| self.text(name).filter(|value| value.len() <= MAX_FIELD);
        ForwardedFields {
            peer: field("REMOTE_ADDR"),
            forwarded_for: field("HTTP_X_FORWARDED_FOR"),
            forwarded_host: field("HTTP_X_FORWARDED_HOST"),
            forwarded_proto: field("HTTP_X_FORWARDED_PROTO"),
        }
    }

    /// RFC 3875 §4.2: content only by CONTENT_LENGTH. Only a POST has any
    /// that we read.
    fn body(&self, method: Method, input: &mut dyn Read) -> Result<Body, RequestError> {
        let length = self.text("CONTENT_LENGTH").unwrap_or_default();
        if !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RequestError::Length);
        }
        if method != Method::Post {
            return Ok(Body::Bytes(Vec::new()));
        }
        if length.is_empty() {
            let announced = ["CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"].iter().any(|name| !self.raw(name).is_empty());
            return Ok(if announced { Body::NoLength } else { Body::Bytes(Vec::new()) });
        }
        let Some(length) = length.parse().ok().filter(|&length| length <= MAX_BODY_BYTES) else {
            return Ok(Body::TooLarge);
        };
        let mut bytes = vec![0; length];
        match input.read_exact(&mut bytes) {
            Ok(()) => Ok(Body::Bytes(bytes)),
            Err(_) => Ok(Body::Incomplete),
        }
    }

    fn raw(&self, name: &str) -> &[u8] {
        self.known.get(name).map_or(&[], Vec::as_slice)
    }

    /// A variable as text; an empty one counts as missing (RFC 3875 §4.1).
    fn text(&self, name: &str) -> Option<String> {
        let value = self.raw(name);
        (!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned())
    }

    /// The web server's own name of the request where it is a plain word
    /// (nginx `$request_id`, Apache UNIQUE_ID), else one made here.
    fn id(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let plain =
            |id: &String| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_@".contains(&b));
        ["REQUEST_ID", "UNIQUE_ID"].iter().find_map(|name| self.text(name).filter(plain)).unwrap_or_else(|| {
            let now =
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_micros());
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            format!("{now:x}-{:x}-{count:x}", std::process::id())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pairs: &[(&str, &str)], input: &[u8]) -> Result<Request, RequestError> {
        let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut input = input;
        MetaVariables::collect(pairs, None, Peer::Unknown).request(&mut input).map_err(|refused| refused.error.clone())
    }

    #[test]
    fn only_the_method_is_required_and_none_is_guessed() {
        let minimal = request(&[("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/container/")], b"").unwrap();
        assert_eq!((minimal.path.as_str(), minimal.query.as_str()), ("", ""));
        assert_eq!(minimal.mount.to_string(), "");
        assert_eq!(request(&[("PATH_INFO", "/")], b"").unwrap_err(), RequestError::NoMethod);
        assert_eq!(request(&[("REQUEST_METHOD", "")], b"").unwrap_err(), RequestError::NoMethod);
    }

    #[test]
    fn bad_variables_are_refused_each_by_name() {
        let long = "x".repeat(MAX_QUERY_BYTES + 1);
        let path = format!("/{}", "p".repeat(MAX_PATH));
        for (name, value, expected) in [
            ("SCRIPT_NAME", "//evil", RequestError::Mount(MountError)),
            ("SCRIPT_NAME", "relative", RequestError::Mount(MountError)),
            ("PATH_INFO", "/a\nb", RequestError::Path),
            ("PATH_INFO", "/a\0", RequestError::Path),
            ("PATH_INFO", &path, RequestError::Path),
            ("CONTENT_LENGTH", "-1", RequestError::Length),
            ("CONTENT_LENGTH", "1e3", RequestError::Length),
            ("QUERY_STRING", &long, RequestError::Query),
            ("HTTP_ACCEPT", &long, RequestError::Field),
        ] {
            let got = request(&[("REQUEST_METHOD", "GET"), (name, value)], b"");
            assert_eq!(got.unwrap_err(), expected, "{name}");
        }
        let pairs = [(&b"REQUEST_METHOD"[..], &b"GET"[..]), (b"PATH_INFO", b"/\xff")];
        let refused = MetaVariables::collect(pairs.into_iter(), None, Peer::Unknown).request(&mut std::io::empty());
        assert_eq!(refused.err().map(|r| r.error.clone()), Some(RequestError::Path));
    }

    #[test]
    fn the_last_value_counts_and_fields_are_joined() {
        let pairs = [
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", "/container/x"),
            ("HTTP_ORIGIN", "http://a"),
            ("SCRIPT_NAME", "/lab"),
            ("HTTP_ORIGIN", "http://b"),
        ];
        let request = request(&pairs, b"").unwrap();
        assert_eq!(request.mount.to_string(), "/lab");
        assert_eq!(request.headers.origin.as_deref(), Some("http://a, http://b"));
    }

    #[test]
    fn who_asks_is_said_by_variables_and_never_by_fields() {
        let said = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let variables = MetaVariables::collect(pairs, Some("REMOTE_GROUPS"), Peer::OtherAccount);
            let claims =
                variables.request(&mut std::io::empty()).map_err(|refused| refused.error.clone()).unwrap().claims;
            let text =
                |values: Vec<Vec<u8>>| values.into_iter().map(|v| String::from_utf8(v).unwrap()).collect::<Vec<_>>();
            (text(claims.remote_user).join("|"), text(claims.remote_groups).join("|"), claims.peer)
        };
        let of = |pair: (&str, &str)| said(&[("REQUEST_METHOD", "GET"), pair]);
        let nobody = (String::new(), String::new(), Peer::OtherAccount);
        assert_eq!(of(("REMOTE_USER", "amy")).0, "amy");
        assert_eq!(of(("REMOTE_GROUPS", "lab")).1, "lab");
        for name in
            ["HTTP_REMOTE_USER", "Remote_User", "remote_user", "REDIRECT_REMOTE_USER", "HTTP_REMOTE_GROUPS", "X"]
        {
            assert_eq!(of((name, "admin")), nobody, "{name}");
        }
        assert_eq!(of(("REMOTE_USER", "")), nobody);
        let twice = [("REQUEST_METHOD", "GET"), ("REMOTE_USER", "amy"), ("REMOTE_USER", ""), ("REMOTE_USER", "bob")];
        assert_eq!(said(&twice).0, "amy|bob");
    }

    #[test]
    fn content_is_read_by_its_length_and_only_for_post() {
        let post = |length: &str, input: &[u8]| {
            let pairs = [("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", length)];
            request(&pairs, input).unwrap().body
        };
        assert!(matches!(post("3", b"abcdef"), Body::Bytes(b) if b == b"abc"));
        assert!(matches!(post("", b"abcdef"), Body::Bytes(b) if b.is_empty()));
        let typed = [("REQUEST_METHOD", "POST"), ("CONTENT_TYPE", "application/json")];
        assert!(matches!(request(&typed, b"{}").unwrap().body, Body::NoLength));
        assert!(matches!(post("9", b"abc"), Body::Incomplete));
        assert!(matches!(post("65537", b""), Body::TooLarge));
        assert!(matches!(post("99999999999999999999", b""), Body::TooLarge));
        let get = request(&[("REQUEST_METHOD", "GET"), ("CONTENT_LENGTH", "3")], b"abc").unwrap();
        assert!(matches!(get.body, Body::Bytes(b) if b.is_empty()));
    }

    #[test]
    fn what_nobody_wants_is_read_and_nothing_behind_it() {
        // method, length, encoding → bytes that are left of a hundred
        for (method, length, encoding, left) in [
            ("GET", "60", "", 40),
            ("POST", "60", "", 40),
            ("GET", "", "", 100),
            ("POST", "", "chunked", 0),
            ("POST", "99999", "", 0),
            ("POST", "-1", "", 100),
        ] {
            let pairs = [("REQUEST_METHOD", method), ("CONTENT_LENGTH", length), ("HTTP_TRANSFER_ENCODING", encoding)];
            let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let mut input = &[b'x'; 100][..];
            let _ = MetaVariables::collect(pairs, None, Peer::Unknown).request(&mut input);
            assert_eq!(input.len(), left, "{method} {length} {encoding}");
        }
    }

    #[test]
    fn an_id_is_taken_only_when_it_is_a_plain_word() {
        let id = |value: &str| request(&[("REQUEST_METHOD", "GET"), ("REQUEST_ID", value)], b"").unwrap().id;
        assert_eq!(id("0123abcdef"), "0123abcdef");
        assert_ne!(id("a\nb"), "a\nb");
        assert_ne!(id(""), id(""));
    }
}
