//! [`Reply`] or [`Error`] → [`Response`]. Opens no file, starts no process.
//!
//! `html/` makes pages, `json` JSON, `openapi/` the documents, `metrics` the
//! numbers. `run` shows what a container printed, `events` shows it while it
//! prints, `file` the image itself, `problem` what went wrong. Below them:
//! `outcome` says what the end of a run means, `answer` makes responses of
//! markup and JSON, `media` names their types, `assets` holds the embedded
//! files, `human` words for sizes and dates, `messages` all others.

mod answer;
pub mod assets;
mod events;
mod file;
mod file_name;
mod html;
mod human;
mod json;
mod media;
mod messages;
mod metrics;
mod openapi;
mod outcome;
mod problem;
mod run;

pub use answer::{RUN_VARY, of_a_run};
use answer::{compact, conditional, html_page, json_value, tagged};
pub use events::{EventStream, RunContext};
pub use html::Brand;
use html::{Frame, NOT_RUN};
pub use json::{image as image_json, inspection};
use problem::show_problem;
pub use run::envelope;

use crate::error::Error;
use crate::http::{Mount, Representation, Request, Response, entity_tag};
use crate::reply::{OpenApiVersion, Problem, Reply};
use crate::routes::Route;
use crate::service::{Described, Logo};

const LOGO_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'";

/// Shows a reply in the form that the request prefers.
pub fn reply(reply: Reply, request: &Request, brand: &Brand<'_>) -> Response {
    let page = request.representation == Representation::Page;
    let frame = Frame { mount: &request.mount, brand };
    match reply {
        Reply::Home(folder) if page => html_page(200, html::home(&folder, &frame)),
        Reply::Home(folder) => json_value(200, &json::home(&folder, &request.mount)),
        Reply::Image(context) if page => tagged(html_page(200, html::image(&context, &frame)), request),
        Reply::Image(context) => tagged(json_value(200, &json::image(&context, &request.mount)), request),
        Reply::Args(spec) => tagged(json_value(200, &spec.names_by_type()), request),
        Reply::Labels(labels) => tagged(json_value(200, &labels), request),
        Reply::Rejected(context) => html_page(400, html::image(&context, &frame)).with("Cache-Control", "no-store"),
        Reply::FinishedRun(ran) => run::show(*ran, request, &frame),
        Reply::OpenApi(described, version) => {
            tagged(compact(&openapi::document(&described, &request.mount, version)), request)
        }
        Reply::Api if page => tagged(html_page(200, html::api(&frame)), request),
        Reply::Api => tagged(json_value(200, &json::api(&request.mount)), request),
        Reply::About(code) if page => tagged(html_page(200, html::about(code, &frame)), request),
        Reply::About(code) => tagged(json_value(200, &json::about(code, &request.mount)), request),
        Reply::Health(checks) => health(&checks),
        Reply::Metrics(metrics) => metrics::show(&metrics),
        Reply::ApiImages(images) => json_value(200, &json::api_images(&images, &request.mount)),
        Reply::ApiImage(context) => json_value(200, &json::api_image(&context, &request.mount)),
        Reply::Logo(logo) => self::logo(logo, request),
        Reply::File(download) => file::show(download, request),
        Reply::Form(path, query) => go(303, &Route::Image(path), &query, Some(NOT_RUN), request),
        Reply::Go(status, route, query) => go(status, &route, &query, None, request),
    }
}

/// The OpenAPI document of a folder or an image, for the terminal.
pub fn openapi_json(described: &Described, mount: &Mount) -> serde_json::Value {
    openapi::document(described, mount, OpenApiVersion::default())
}

/// Shows an error as a page or as a problem.
pub fn error(error: &Error, request: &Request, brand: &Brand<'_>) -> Response {
    let mut problem = Problem::from(error);
    problem.instance = request.id.clone();
    if let (Some(Route::Image(path) | Route::Run(path)), true) = (Route::parse(&request.path), problem.status() != 404)
    {
        problem.target = Some(path);
    }
    show_problem(&problem, request, &Frame { mount: &request.mount, brand })
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
    conditional(response.with("Vary", "Accept-Encoding, Origin"), tag, request).with("Cache-Control", lifetime)
}

/// A page that needs nothing: the configuration cannot be read.
pub fn misconfigured() -> Response {
    let page = html::bare(
        "This site is not set up yet",
        "Its configuration cannot be used. The site's owner can call `singularity-nginx config` at a terminal to see \
         the reason and its line. The web server's error log has it too.",
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
