//! A finished run as a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{Markup, html};

use super::image::form;
use super::{Mount, Route, human, image_route, layout};
use crate::reply::Ran;
use crate::view::run::{failure, media};

/// Command, output, and the form to run it again.
pub fn result(ran: &Ran, mount: &Mount) -> Markup {
    let name = ran.target.image.as_str();
    let given: Vec<(String, String)> =
        ran.report.given().iter().map(|(name, text)| (name.to_string(), text.clone())).collect();
    let body = html! {
        nav.crumbs aria-label="Where you are" {
            a href=(Route::Home.href(mount)) { "All images" } " / "
            a href=(image_route(&ran.target.image, ran.target.app.as_ref()).href(mount)) { (name) }
        }
        h1 { (name) }
        p.command { code { (ran.command) } }
        (told(ran))
        @match failure(ran) {
            Some(problem) => { section.wrong role="alert" { h2 { (problem.title) } p { (problem.detail) } } }
            None => {}
        }
        section aria-labelledby="output" {
            h2 #output { "Output" }
            (output(ran))
            p.facts {
                (human::duration(ran.outcome.elapsed)) " · " (human::size(ran.outcome.stdout.len() as u64))
                @if ran.outcome.truncated { " · cut at the limit" }
            }
        }
        @if !ran.stderr.trim().is_empty() {
            section { h2 { "Messages" } pre.stderr { (ran.stderr.trim_end()) } }
        }
        section { h2 { "Run it again" } (form(&ran.spec, &ran.target, mount, &given)) }
    };
    layout::page(name, mount, &body)
}

fn told(ran: &Ran) -> Markup {
    let report = &ran.report;
    html! {
        @if !report.ignored().is_empty() || !report.changed().is_empty() {
            ul.notes aria-label="What was not passed as sent" {
                @for name in report.ignored() { li { code { (name) } " is no argument of this image and was ignored" } }
                @for change in report.changed() {
                    li { code { (change.name.as_str()) } ": " code { (change.before) } " became " code { (change.after) } }
                }
            }
        }
    }
}

fn output(ran: &Ran) -> Markup {
    let stdout = &ran.outcome.stdout;
    let media = media(stdout, ran.output);
    html! {
        @if stdout.is_empty() { p.none { "It printed nothing." } }
        @else if media.starts_with("image/") {
            img.output alt="The picture that the container made" src=(format!("data:{media};base64,{}", BASE64.encode(stdout)));
        } @else { pre.output tabindex="0" { (text(stdout, media)) } }
    }
}

/// JSON is laid out anew; everything else stands as it was printed.
fn text(stdout: &[u8], media: &str) -> String {
    let pretty = if media == "application/json" {
        serde_json::from_slice::<serde_json::Value>(stdout)
            .ok()
            .and_then(|value| serde_json::to_string_pretty(&value).ok())
    } else {
        None
    };
    pretty.unwrap_or_else(|| String::from_utf8_lossy(stdout).into_owned())
}
