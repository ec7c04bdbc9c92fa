//! Answers of ours: pages and JSON with the header fields that each of them has.
//!
//! In: markup, or a value. Out: a [`Response`]. Never: decides what is shown.

use super::media::{HTML, JSON};
use crate::http::{Payload, Request, Response, entity_tag, named};

/// What may load on a page of ours: only what we serve ourselves.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// For everything a container printed.
pub const SANDBOX: &str = "sandbox; default-src 'none'";

/// What every negotiated answer depends on. The web server may compress it, so it says so whether that happens or not:
/// nginx's own `gzip_vary` leaves HEAD and 304 out.
const VARY: &str = "Accept, Accept-Encoding, Origin";

/// The same for runs, which nothing compresses: their length would tell what is in them beside the visitor's own words, and
/// live output would wait.
pub const RUN_VARY: &str = "Accept, Origin";

/// A page.
pub fn html_page(status: u16, markup: maud::Markup) -> Response {
    varied(Response::new(status, HTML, markup.into_string().into_bytes()))
        .with("Content-Security-Policy", PAGE_POLICY)
        .with("Referrer-Policy", "same-origin")
}

/// JSON, laid out for people.
pub fn json_value(status: u16, value: &impl serde::Serialize) -> Response {
    varied(Response::new(status, JSON, json_bytes(value)))
}

/// JSON for programs alone, without the white space that people like.
pub fn compact(value: &serde_json::Value) -> Response {
    varied(Response::new(200, JSON, value.to_string().into_bytes()))
}

/// A value as JSON, laid out for people.
pub fn json_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Says what the answer depends on.
pub fn varied(response: Response) -> Response {
    response.with("Vary", VARY)
}

/// The answer to the request of a run, whatever it is.
pub fn of_a_run(mut response: Response) -> Response {
    for (_, value) in response.headers.iter_mut().filter(|(name, _)| *name == "Vary") {
        RUN_VARY.clone_into(value);
    }
    response
}

/// With an entity tag; 304 where the client has it (RFC 9110 §13.1.2).
pub fn tagged(response: Response, request: &Request) -> Response {
    let Payload::Bytes(bytes) = &response.payload else { return response };
    let tag = entity_tag(bytes);
    conditional(response, &tag, request).with("Cache-Control", "no-cache")
}

/// The answer with its tag, or 304 with the fields that RFC 9110 §15.4.5 wants of it.
pub fn conditional(response: Response, tag: &str, request: &Request) -> Response {
    let Some(tag) = request.headers.if_none_match.as_deref().and_then(|field| named(field, tag)) else {
        return response.with("ETag", tag);
    };
    let unchanged = Response::empty(304).with("ETag", tag);
    match response.header("Vary") {
        Some(vary) => unchanged.with("Vary", vary),
        None => unchanged,
    }
}
