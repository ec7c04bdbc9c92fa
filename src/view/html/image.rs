//! One image as a page: what it is, its form, how to call it, its labels.

use maud::{Markup, html};

use super::calls::{Call, calls};
use super::form::{Filled, form};
use super::layout::{self, Frame, elsewhere, image_route};
use crate::args::{ArgName, BindReport};
use crate::error::Refusal;
use crate::http::Mount;
use crate::image::Target;
use crate::routes::Route;
use crate::run::shell_quoted;
use crate::service::ImageDetails;
use crate::view::human;
use crate::view::messages::{SIGN_IN, image as messages};

/// The line of an image's page that says why nothing has run. It is shown where the address ends with its name: a
/// fragment is no part of the query, so it clashes with no argument, and the page is the same for everybody.
pub const NOT_RUN: &str = "not-run";

/// An image, or an app of it.
pub fn image(facts: &ImageDetails, frame: &Frame<'_>) -> Markup {
    let mount = frame.mount;
    let name = facts.target.image.file_name();
    let body = html! {
        nav.crumbs aria-label=(messages::WHERE) {
            (layout::way(&facts.target.image.folder(), mount))
            @if facts.target.app.is_some() { " / " a href=(image_route(&facts.target.image, None).href(mount)) { (name) } }
        }
        h1 { @match &facts.target.app { Some(app) => { (name) " " span.app { (app) } } None => { (name) } } }
        p.facts {
            @if let Some(size) = facts.size { span title=(format!("{size} bytes")) { (human::size(size)) } " · " }
            (human::day(facts.modified)) " · " (facts.metadata.format)
            @if let Some(architecture) = facts.metadata.architecture { " · " (architecture) }
        }
        @if let Some(help) = &facts.help { pre.help { (human::dedented(help)) } }
        @else if let Some(summary) = &facts.summary { p { (summary) } }
        (notes(facts))
        // no form, command or call that can only fail
        @match (&facts.refused, &facts.rights.refusal) {
            // they are what there is to run
            (Some(why), _) if why.has_apps() => { p.hint { (messages::ONLY_APPS) } (apps(facts, mount)) }
            (Some(why), _) => { p.wrong { (messages::NOT_RUN) (why) "." } (apps(facts, mount)) }
            (None, Some(refusal)) => { (barred(refusal)) (apps(facts, mount)) }
            (None, None) => { (work(facts, mount)) (apps(facts, mount)) }
        }
        (allowed(facts))
        (labels(facts, mount))
        @if let Some(runscript) = &facts.runscript {
            details { summary { (messages::RUNSCRIPT) } pre tabindex="0" { (human::dedented(runscript)) } }
        }
        @if let Some(definition) = &facts.metadata.definition {
            details { summary { (messages::DEFINITION) } pre tabindex="0" { (human::dedented(definition)) } }
        }
        (download(facts, mount))
    };
    layout::page(name, frame, &body)
}

/// What is said where the rules let the one who asks run nothing: how to get the right.
fn barred(refusal: &Refusal) -> Markup {
    html! {
        p.warning { (messages::MAY_NOT_RUN) (refusal.advice()) }
        @if let (true, Some(login)) = (refusal.name_could_help, &refusal.login) { p { a href=(login) { (SIGN_IN) } } }
    }
}

/// What the one who asks may do, where rules say it.
fn allowed(facts: &ImageDetails) -> Markup {
    let words = facts.rights.allowed.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    html! { @if !words.is_empty() { p.facts { (messages::YOU_MAY) (words) "." } } }
}

/// The form, the command, the result, and the same run from elsewhere.
fn work(facts: &ImageDetails, mount: &Mount) -> Markup {
    let asked = &facts.asked;
    let filled = Filled { given: asked.report.given(), errors: &asked.errors, by_post: facts.by_post };
    let call = Call {
        target: &facts.target,
        spec: &facts.spec,
        argv: &asked.argv,
        command: &asked.command,
        by_post: facts.by_post,
    };
    html! {
        p.notice #(NOT_RUN) { (messages::LED_HERE) }
        div.work {
            section aria-labelledby="run" {
                h2 #run { (messages::RUN_IT) }
                @if !asked.errors.is_empty() { p.wrong role="alert" { (messages::CORRECT) } }
                (form(&facts.spec, &facts.target, mount, &filled))
                div #told role="status" { (not_passed(&asked.report)) }
            }
            div {
                section aria-labelledby="command-title" {
                    h2 #command-title { (messages::COMMAND) }
                    div #command {
                        div.copyable { pre tabindex="0" { code { (asked.command) } } }
                        div #link {
                            @if !asked.errors.is_empty() { p.hint { (messages::NOT_YET) } }
                            (filled_in(&facts.target, asked.report.given(), mount))
                        }
                    }
                }
                section #result aria-labelledby="result-title" hidden {
                    h2 #result-title { (messages::RESULT) }
                    p.state {
                        span #status role="status" {} span #elapsed {}
                        button.quiet #cancel type="button" hidden { (messages::CANCEL) }
                    }
                    progress #progress max="100" hidden aria-label=(messages::PROGRESS) {}
                    div #output {}
                }
                (calls(&call, mount))
            }
        }
    }
}

/// The address that fills the form and runs nothing, to keep or to pass on.
pub fn filled_in(target: &Target, given: &[(ArgName, String)], mount: &Mount) -> Markup {
    let pairs = given.iter().map(|(name, text)| (name.as_str(), text));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    html! {
        @if !given.is_empty() {
            p.hint { a href=(format!("{}?{query}", Route::Image(target.into()).href(mount))) { (messages::LINK) } }
        }
    }
}

/// What was not passed as sent.
pub fn not_passed(report: &BindReport) -> Markup {
    html! {
        @if !report.ignored().is_empty() || !report.changed().is_empty() {
            ul.notes aria-label=(messages::NOT_PASSED) {
                @for name in report.ignored() { li { code { (name) } (messages::IGNORED) } }
                @for change in report.changed() {
                    li { code { (change.name.as_str()) } ": " code { (change.before) } (messages::BECAME) code { (change.after) } }
                }
            }
        }
    }
}

fn notes(facts: &ImageDetails) -> Markup {
    let warnings = facts.spec.warnings();
    let elsewhere = elsewhere(facts.metadata.architecture);
    html! {
        @if !facts.metadata.notes.is_empty() || !warnings.is_empty() || elsewhere.is_some() {
            ul.notes aria-label=(messages::NOTES) {
                @if let Some(why) = elsewhere { li.warning { (why) } }
                @for note in &facts.metadata.notes { li { (note) } }
                @for warning in warnings { li.warning { (messages::FOR_AUTHOR) (warning) } }
            }
        }
    }
}

fn apps(facts: &ImageDetails, mount: &Mount) -> Markup {
    html! {
        @if facts.target.app.is_none() && !facts.metadata.apps.is_empty() {
            section {
                h2 { (messages::APPS) }
                ul {
                    @for app in &facts.metadata.apps {
                        li {
                            a href=(image_route(&facts.target.image, Some(&app.name)).href(mount)) { (app.name) }
                            @if let Some(line) = app.summary() { " – " (line) }
                        }
                    }
                }
            }
        }
    }
}

/// So many labels need no filter.
const FILTERED: usize = 8;
/// Longest value that is shown at once; a longer one is folded.
const FOLDED: usize = 160;

fn labels(facts: &ImageDetails, mount: &Mount) -> Markup {
    html! {
        @if !facts.labels.is_empty() {
            section aria-labelledby="labels" {
                h2 #labels { (messages::LABELS) }
                @if facts.labels.len() > FILTERED {
                    input.filter.scripted #filter type="search" placeholder=(messages::FILTER) aria-label=(messages::FILTER);
                }
                div.wide tabindex="0" role="group" aria-labelledby="labels" {
                    table #label-table {
                        thead { tr { th scope="col" { (messages::LABEL) } th scope="col" { (messages::VALUE) } } }
                        tbody {
                            @for (name, value) in facts.labels.iter() {
                                tr { th scope="row" { (name) } td { (folded(value)) } }
                            }
                        }
                    }
                }
                p { (messages::AS_JSON) a href=(Route::Labels((&facts.target).into()).href(mount)) { "labels" } ", "
                    a href=(Route::Args((&facts.target).into()).href(mount)) { "arguments" } }
            }
        }
    }
}

fn folded(value: &str) -> Markup {
    html! {
        @if value.chars().count() > FOLDED {
            details { summary { (human::cut(value, 80)) } (value) }
        } @else { (layout::outside(value)) }
    }
}

fn download(facts: &ImageDetails, mount: &Mount) -> Markup {
    html! {
        @if facts.download {
            section {
                h2 { (messages::DOWNLOAD_TITLE) }
                p {
                    a href=(Route::Download((&facts.target.image).into()).href(mount)) { (messages::DOWNLOAD) }
                    @if let Some(size) = facts.size { " (" span title=(format!("{size} bytes")) { (human::size(size)) } ")" }
                }
                p.hint { (messages::CHECKSUM) }
                div.copyable { pre tabindex="0" { code { (shell_quoted(&["sha256sum".to_owned(), facts.target.image.file_name().to_owned()])) } } }
            }
        }
    }
}
