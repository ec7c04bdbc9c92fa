//! A problem as a page: the same facts that programs get as JSON.

use maud::{Markup, html};

use super::layout::{self, Frame};
use super::terminal::terminal;
use crate::problems::Code;
use crate::reply::Problem;
use crate::routes::Route;
use crate::view::messages::{self as layout_messages, image as messages, problem as status};

/// What happened and what to do next.
pub fn problem(problem: &Problem, frame: &Frame<'_>) -> Markup {
    let mount = frame.mount;
    let row = problem.code.row();
    let body = html! {
        nav.crumbs aria-label=(messages::WHERE) {
            a href=(Route::Home.href(mount)) { (messages::ALL) }
            @if let Some(target) = &problem.target {
                " / " a href=(Route::Image(target.clone()).href(mount)) { (target) }
            }
        }
        h1 { (row.title) }
        @if problem.errors.is_empty() { p { (problem.detail) } } @else {
            dl.errors {
                @for error in &problem.errors { dt { code { (error.name) } } dd { (error.why) } }
            }
        }
        @if let Some(login) = &problem.login { p { a href=(login) { (layout_messages::SIGN_IN) } } }
        @if let Some(stdout) = problem.stdout.as_ref().filter(|stdout| !stdout.bytes.is_empty()) {
            section { h2 { (messages::OUTPUT) } pre.output tabindex="0" { (terminal(&String::from_utf8_lossy(&stdout.bytes))) } }
        }
        @if let Some(stderr) = problem.stderr.as_deref().filter(|stderr| !stderr.trim().is_empty()) {
            section { h2 { (messages::MESSAGES) } pre.stderr tabindex="0" { (terminal(stderr.trim_end())) } }
        }
        p.facts { (status::STATUS) (row.status) " · " a href=(Route::Problem(problem.code).href(mount)) { (row.code) } @if !problem.instance.is_empty() { (status::REQUEST) code { (problem.instance) } } }
    };
    layout::page(row.title, frame, &body)
}

/// A kind of problem in general.
pub fn about(code: Code, frame: &Frame<'_>) -> Markup {
    let row = code.row();
    let body = html! {
        nav.crumbs aria-label=(messages::WHERE) { a href=(Route::Home.href(frame.mount)) { (messages::ALL) } }
        h1 { (row.title) }
        p { (layout::code_words(row.about)) }
        p.facts { (status::STATUS) (row.status) " · " code { (row.code) } }
    };
    layout::page(row.title, frame, &body)
}
