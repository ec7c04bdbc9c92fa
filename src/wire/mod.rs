//! The wires: bytes of CGI and FastCGI live only here.
//!
//! In: meta-variables and content, from the process environment
//! ([`cgi`]) or from FastCGI records ([`fastcgi`]). Out: a document response
//! (RFC 3875 §6.2.1). Never: routes, images, processes.

pub mod cgi;
mod document;
pub mod fastcgi;
mod meta;
mod timeout_sink;

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::app::{Client, Site};
use crate::error::Error;
use crate::http::{Held, Request, Response, Sink};
use crate::log;

use meta::MetaVariables;

/// How an answer was written.
struct Written {
    /// Whether all of it is out.
    whole: bool,
    /// The places the answer takes up: kept until the wire has sent the end of the request, too.
    held: Held,
}

/// One request from meta-variables to the last byte. A panic anywhere on the way becomes a 500.
fn serve(
    site: &Site,
    variables: MetaVariables,
    input: &mut dyn Read,
    output: &mut dyn Sink,
    client: Option<Client>,
) -> Written {
    let begun = std::time::Instant::now();
    let (mut request, refused) = match variables.request(input) {
        Ok(request) => (request, None),
        Err(refused) => (refused.request, Some(refused.error)),
    };
    let refused = refused.or(site.place(&mut request).err());
    let mut response = match refused {
        None => fenced(site, &request, client),
        Some(error) => site.refuse(&request, error.into()),
    };
    let status = response.status;
    let held = std::mem::take(&mut response.held);
    let head = request.method == crate::http::Method::Head;
    let written = catch_unwind(AssertUnwindSafe(|| document::write(response, head, output)))
        .unwrap_or_else(|_| Err(std::io::Error::other("panic while the answer was written")));
    log::event(
        "request",
        &[
            ("id", &request.id),
            ("method", &request.method.as_str()),
            ("path", &request.path),
            ("status", &status),
            ("ms", &begun.elapsed().as_millis()),
            ("client", &client_word(&written)),
        ],
    );
    Written { whole: written.is_ok(), held }
}

/// What became of the reader, for the log.
fn client_word(written: &std::io::Result<()>) -> &'static str {
    match written {
        Ok(()) => "served",
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => "let-go",
        Err(_) => "left",
    }
}

/// Turns a panic of a request into its answer.
fn fenced(site: &Site, request: &Request, client: Option<Client>) -> Response {
    catch_unwind(AssertUnwindSafe(|| site.respond(request, client)))
        .unwrap_or_else(|_| site.refuse(request, Error::Panicked))
}
