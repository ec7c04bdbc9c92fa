//! What went wrong, as a page or as a problem (RFC 9457).
//!
//! In: a [`Problem`] and the request. Out: a [`Response`] that nobody keeps. Never: decides what went wrong.

use super::answer::{html_page, json_bytes, varied};
use super::html::{self, Frame};
use super::json;
use super::media::PROBLEM;
use crate::http::{Representation, Request, Response};
use crate::reply::Problem;

/// In the form that the request prefers.
pub fn show_problem(problem: &Problem, request: &Request, frame: &Frame<'_>) -> Response {
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
    if let Some(scheme) = problem.authenticate {
        response = response.with("WWW-Authenticate", scheme);
    }
    response
}
