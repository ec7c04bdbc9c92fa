//! [`Reply`] or [`Error`] → [`Response`]. Opens no file, starts no process.
//!
//! `html/` makes pages, `json` JSON, `openapi/` the documents, `metrics` the
//! numbers. `run` shows what a container printed, `events` shows it while it
//! prints, `file` the image itself. `assets` holds the embedded files, `human`
//! words for sizes and dates, `words` all others.

pub mod assets;
mod events;
mod file;
mod html;
mod human;
mod json;
mod metrics;
mod openapi;
mod run;
mod words;

pub use events::{Facts, Stream};
use html::Frame;
pub use json::{image as image_json, inspection};
pub use openapi::document as openapi_json;
pub use run::envelope;

use crate::error::Error;
use crate::http::{Representation, Request, Response, entity_tag, matches};
use crate::image::Target;
use crate::image::{AppName, ImageName};
use crate::reply::{Problem, Reply};
use crate::routes::Route;
use crate::service::Logo;

/// What may load on a page of ours: only what we serve ourselves.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const LOGO_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'";

/// What every negotiated answer depends on.
pub const VARY: &str = "Accept, Origin";

/// The line of an image's page that says why nothing has run. It is shown where the address ends with its name: a
/// fragment is no part of the query, so it clashes with no argument, and the page is the same for everybody.
const NOT_RUN: &str = "not-run";

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// How the site calls itself, where it does.
#[derive(Debug, Default)]
pub struct Brand<'a> {
    /// Its name.
    pub title: Option<&'a str>,
    /// One line for the home page.
    pub welcome: Option<&'a str>,
    /// Whose site it is: an http or https address.
    pub link: Option<&'a str>,
    /// Names the content of its logo, where it has one: another file, another name.
    pub logo: Option<String>,
}

/// Shows a reply in the form that the request prefers.
pub fn reply(reply: Reply, request: &Request, brand: &Brand<'_>) -> Response {
    let page = request.representation == Representation::Page;
    let frame = Frame { mount: &request.mount, brand };
    match reply {
        Reply::Home(folder) if page => html_page(200, html::home(&folder, &frame)),
        Reply::Home(folder) => json_value(200, &json::home(&folder, &request.mount)),
        Reply::Image(facts) if page => tagged(html_page(200, html::image(&facts, &frame)), request),
        Reply::Image(facts) => tagged(json_value(200, &json::image(&facts, &request.mount)), request),
        Reply::Args(spec) => tagged(json_value(200, &spec.names_by_kind()), request),
        Reply::Labels(labels) => tagged(json_value(200, &labels), request),
        Reply::Rejected(facts) => html_page(400, html::image(&facts, &frame)).with("Cache-Control", "no-store"),
        Reply::Ran(ran) => run::show(*ran, request, &frame),
        Reply::OpenApi(described) => tagged(compact(&openapi::document(&described, &request.mount)), request),
        Reply::About(code) if page => tagged(html_page(200, html::about(code, &frame)), request),
        Reply::About(code) => tagged(json_value(200, &json::about(code, &request.mount)), request),
        Reply::Health(checks) => health(&checks),
        Reply::Metrics(metrics) => metrics::show(&metrics),
        Reply::ApiImages(targets) => json_value(200, &json::api_images(&targets, &request.mount)),
        Reply::ApiImage(facts) => json_value(200, &json::api_image(&facts, &request.mount)),
        Reply::Logo(logo) => self::logo(logo, request),
        Reply::File(download) => file::show(download, request),
        Reply::Form(target, query) => go(303, &Route::Image(target), &query, Some(NOT_RUN), request),
        Reply::Go(status, route, query) => go(status, &route, &query, None, request),
    }
}

/// Shows an error as a page or as a problem.
pub fn error(error: &Error, request: &Request, brand: &Brand<'_>) -> Response {
    let mut problem = Problem::from(error);
    problem.instance = request.id.clone();
    if let (Some(Route::Image(target) | Route::Run(target)), true) =
        (Route::parse(&request.path), problem.status() != 404)
    {
        problem.target = Some(target);
    }
    show_problem(&problem, request, &Frame { mount: &request.mount, brand })
}

fn show_problem(problem: &Problem, request: &Request, frame: &Frame<'_>) -> Response {
    let mut response = if request.representation == Representation::Page {
        html_page(problem.status(), html::problem(problem, frame))
    } else {
        varied(Response::new(problem.status(), PROBLEM, json_bytes(&json::problem(problem, frame.mount))))
    };
    response = response.with("Cache-Control", "no-store");
    if let Some(seconds) = problem.retry_after {
        response = response.with("Retry-After", seconds.to_string());
    }
    if let Some(allow) = &problem.allow {
        response = response.with("Allow", allow);
    }
    response
}

/// The answer to OPTIONS.
pub fn options(allow: &str) -> Response {
    Response::empty(204).with("Allow", allow).with("Cache-Control", "no-store")
}

/// An asset by its file name, if there is one.
pub fn asset(file: &str, request: &Request) -> Option<Response> {
    let asset = assets::find(file)?;
    let tag = format!("\"{}\"", asset.hash);
    Some(kept(Response::new(200, asset.media, asset.bytes), &tag, request))
}

/// The site's own picture; it may be an SVG, which shows and does nothing else.
fn logo(logo: Logo, request: &Request) -> Response {
    let tag = entity_tag(&logo.bytes);
    let response = Response::new(200, logo.media, logo.bytes).with("Content-Security-Policy", LOGO_POLICY);
    kept(response, &tag, request)
}

/// With a tag and a lifetime: a year, where the address names the content.
fn kept(response: Response, tag: &str, request: &Request) -> Response {
    let pinned = request.query.strip_prefix("v=") == Some(tag.trim_matches('"'));
    let lifetime = if pinned { "public, max-age=31536000, immutable" } else { "public, max-age=300" };
    conditional(response, tag, request).with("Cache-Control", lifetime)
}

/// A page that needs nothing: the configuration cannot be read.
pub fn misconfigured() -> Response {
    let page = html::bare(
        "This site is not set up yet",
        "Its configuration cannot be used. The site's owner is told the reason, with its line, by calling the program \
         with the word `config` at a terminal; it is also in the web server's error log.",
    );
    html_page(500, page)
}

fn health(checks: &[crate::service::Check]) -> Response {
    let status = if json::ready(checks) { 200 } else { 503 };
    json_value(status, &json::health(checks)).with("Cache-Control", "no-store")
}

/// A redirect. `at` is the element of the page that one lands on.
fn go(status: u16, route: &Route, query: &str, at: Option<&str>, request: &Request) -> Response {
    let mut place = route.href(&request.mount);
    for (separator, part) in [('?', query), ('#', at.unwrap_or_default())] {
        if !part.is_empty() {
            place.push(separator);
            place.push_str(part);
        }
    }
    let response = Response::new(status, "text/plain; charset=utf-8", format!("{place}\n").into_bytes());
    response.with("Location", place).with("Cache-Control", "no-store")
}

fn html_page(status: u16, markup: maud::Markup) -> Response {
    varied(Response::new(status, HTML, markup.into_string().into_bytes()))
        .with("Content-Security-Policy", PAGE_POLICY)
        .with("Referrer-Policy", "same-origin")
}

fn json_value(status: u16, value: &impl serde::Serialize) -> Response {
    varied(Response::new(status, JSON, json_bytes(value)))
}

/// JSON for programs alone, without the white space that people like.
fn compact(value: &serde_json::Value) -> Response {
    varied(Response::new(200, JSON, value.to_string().into_bytes()))
}

fn json_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn varied(response: Response) -> Response {
    response.with("Vary", VARY)
}

/// With an entity tag; 304 where the client has it (RFC 9110 §13.1.2).
fn tagged(response: Response, request: &Request) -> Response {
    let crate::http::Payload::Bytes(bytes) = &response.payload else { return response };
    let tag = entity_tag(bytes);
    conditional(response, &tag, request).with("Cache-Control", "no-cache")
}

/// The answer with its tag, or 304 with the fields that RFC 9110 §15.4.5 wants of it.
fn conditional(response: Response, tag: &str, request: &Request) -> Response {
    if !request.headers.if_none_match.as_deref().is_some_and(|field| matches(field, tag)) {
        return response.with("ETag", tag);
    }
    let unchanged = Response::empty(304).with("ETag", tag);
    match response.header("Vary") {
        Some(vary) => unchanged.with("Vary", vary),
        None => unchanged,
    }
}

/// A link to an image's page.
fn image_route(image: &ImageName, app: Option<&AppName>) -> Route {
    Route::Image(Target { image: image.clone(), app: app.cloned() })
}
