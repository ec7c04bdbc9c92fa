//! A problem as a page: the same facts that programs get as JSON.

use maud::{Markup, html};

use super::terminal::terminal;
use super::{Frame, Route, layout};
use crate::reply::Problem;
use crate::view::words::{image as words, problem as status};

/// What happened and what to do next.
pub fn problem(problem: &Problem, frame: &Frame<'_>) -> Markup {
    let mount = frame.mount;
    let body = html! {
        nav.crumbs aria-label=(words::WHERE) {
            a href=(Route::Home.href(mount)) { (words::ALL) }
            @if let Some(target) = &problem.target {
                " / " a href=(Route::Image(target.clone()).href(mount)) { (target.image) }
            }
        }
        h1 { (problem.title) }
        @if problem.errors.is_empty() { p { (problem.detail) } } @else {
            dl.errors {
                @for error in &problem.errors { dt { code { (error.name) } } dd { (error.why) } }
            }
        }
        @if let Some(stderr) = problem.stderr.as_deref().filter(|stderr| !stderr.trim().is_empty()) {
            section { h2 { (words::MESSAGES) } pre.stderr tabindex="0" { (terminal(stderr.trim_end())) } }
        }
        p.facts { (status::STATUS) (problem.status) @if !problem.instance.is_empty() { (status::REQUEST) code { (problem.instance) } } }
    };
    layout::page(&problem.title, frame, &body)
}
