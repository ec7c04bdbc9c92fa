//! A finished run as a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{Markup, html};

use super::calls::{Call, calls};
use super::form::{Filled, form};
use super::image::{filled_in, not_passed};
use super::layout::{self, Frame, image_route};
use super::terminal::terminal;
use crate::service::FinishedRun;
use crate::view::file_name::output_name;
use crate::view::human;
use crate::view::messages::image as messages;
use crate::view::outcome::{failure, media};

/// Command, output, and the form to run it again.
pub fn result(ran: &FinishedRun, frame: &Frame<'_>) -> Markup {
    let mount = frame.mount;
    let name = ran.target.image.file_name();
    let given = ran.report.given();
    let filled = Filled { given, errors: &[], by_post: ran.by_post };
    let call =
        Call { target: &ran.target, spec: &ran.spec, argv: &ran.argv, command: &ran.command, by_post: ran.by_post };
    let body = html! {
        nav.crumbs aria-label=(messages::WHERE) {
            (layout::way(&ran.target.image.folder(), mount)) " / "
            a href=(image_route(&ran.target.image, ran.target.app.as_ref()).href(mount)) { (name) }
        }
        h1 { (name) }
        div.copyable { pre tabindex="0" { code { (ran.command) } } }
        (filled_in(&ran.target, given, mount))
        (not_passed(&ran.report))
        @match failure(ran) {
            Some(problem) => { section.wrong role="alert" { h2 { (problem.code.row().title) } p { (problem.detail) } } }
            None => {}
        }
        section aria-labelledby="output" {
            h2 #output { (messages::OUTPUT) }
            (output(ran))
            p.facts {
                (human::duration(ran.outcome.elapsed)) " · " (human::size(ran.outcome.stdout.len() as u64))
                @if ran.outcome.truncated { " · " (messages::CUT) }
            }
        }
        @if !ran.stderr.trim().is_empty() {
            section { h2 { (messages::MESSAGES) } pre.stderr tabindex="0" { (terminal(ran.stderr.trim_end())) } }
        }
        div.work {
            section { h2 { (messages::RUN_AGAIN) } (form(&ran.spec, &ran.target, mount, &filled)) }
            div { (calls(&call, mount)) }
        }
    };
    layout::page(name, frame, &body)
}

fn output(ran: &FinishedRun) -> Markup {
    let stdout = &ran.outcome.stdout;
    let media = media(stdout, ran.output);
    html! {
        @if stdout.is_empty() { p.none { (messages::NOTHING) } }
        @else if media.starts_with("image/") {
            img.output alt=(messages::PICTURE) src=(data(stdout, media));
        } @else {
            pre.output #printed tabindex="0" data-media=[(stdout.len() <= SHOWN).then_some(media)] { (terminal(&text(stdout, media))) }
            @if stdout.len() > SHOWN { p.hint { (messages::MORE) } }
        }
        @if !stdout.is_empty() && stdout.len() <= SAVED {
            p { a download=(output_name(&ran.target, &ran.spec, ran.report.given(), media)) href=(data(stdout, media)) { (messages::SAVE) } }
        }
    }
}

/// The bytes as an address: shown or saved without a second run.
fn data(stdout: &[u8], media: &str) -> String {
    format!("data:{};base64,{}", media.replace("; ", ";"), BASE64.encode(stdout))
}

/// Most bytes of an output that the page itself offers as a file.
const SAVED: usize = 256 * 1024;
/// Most bytes of JSON that are laid out anew: indentation can make it a hundred times as long.
const LAID_OUT: usize = 64 * 1024;
/// Most bytes of an output that a page shows; the output itself is elsewhere.
const SHOWN: usize = 1024 * 1024;

/// JSON is laid out anew; everything else stands as it was printed.
fn text(stdout: &[u8], media: &str) -> String {
    let pretty = if media == "application/json" && stdout.len() <= LAID_OUT {
        serde_json::from_slice::<serde_json::Value>(stdout)
            .ok()
            .and_then(|value| serde_json::to_string_pretty(&value).ok())
    } else {
        None
    };
    pretty.unwrap_or_else(|| String::from_utf8_lossy(stdout.get(..SHOWN).unwrap_or(stdout)).into_owned())
}
