//! One image as a page: what it is, its form, how to call it, its labels.

use maud::{Markup, html};

use super::calls::calls;
use super::form::{Filled, form};
use super::{Mount, Route, human, image_route, layout};
use crate::args::Report;
use crate::reply::ImageFacts;
use crate::view::words::image as words;

/// An image, or an app of it.
pub fn image(facts: &ImageFacts, mount: &Mount) -> Markup {
    let name = facts.target.image.as_str();
    let asked = &facts.asked;
    let filled = Filled { given: &asked.given, errors: &asked.errors, by_post: facts.by_post };
    let body = html! {
        nav.crumbs aria-label=(words::WHERE) {
            a href=(Route::Home.href(mount)) { (words::ALL) }
            @if facts.target.app.is_some() { " / " a href=(image_route(&facts.target.image, None).href(mount)) { (name) } }
        }
        h1 { @match &facts.target.app { Some(app) => { (name) " " span.app { (app) } } None => { (name) } } }
        @if let Some(help) = &facts.help { pre.help { (human::dedented(help)) } }
        (notes(facts))
        @if let Some(why) = &facts.refused { p.wrong role="note" { (words::NOT_RUN) (why) "." } }
        section aria-labelledby="run" {
            h2 #run { (words::RUN_IT) }
            (form(&facts.spec, &facts.target, mount, &filled))
            div #told { (told(&asked.report)) }
            div.command #command {
                span.hint { (words::COMMAND) } div.copyable { pre tabindex="0" { code { (asked.command) } } }
            }
        }
        section #result aria-labelledby="result-title" hidden {
            h2 #result-title { (words::RESULT) }
            p #status role="status" {}
            progress #progress max="100" hidden aria-label=(words::RESULT) {}
            div #output {}
        }
        (calls(facts, mount))
        (apps(facts, mount))
        (labels(facts, mount))
        @if let Some(runscript) = &facts.runscript {
            details { summary { (words::RUNSCRIPT) } pre tabindex="0" { (human::dedented(runscript)) } }
        }
        @if let Some(definition) = &facts.metadata.definition {
            details { summary { (words::DEFINITION) } pre tabindex="0" { (human::dedented(definition)) } }
        }
        (particulars(facts, mount))
    };
    layout::page(name, mount, &body)
}

/// What was not passed as sent.
pub fn told(report: &Report) -> Markup {
    html! {
        @if !report.ignored().is_empty() || !report.changed().is_empty() {
            ul.notes aria-label=(words::NOT_PASSED) {
                @for name in report.ignored() { li { code { (name) } (words::IGNORED) } }
                @for change in report.changed() {
                    li { code { (change.name.as_str()) } ": " code { (change.before) } (words::BECAME) code { (change.after) } }
                }
            }
        }
    }
}

fn notes(facts: &ImageFacts) -> Markup {
    let warnings = facts.spec.warnings();
    html! {
        @if !facts.metadata.notes.is_empty() || !warnings.is_empty() {
            ul.notes aria-label=(words::NOTES) {
                @for note in &facts.metadata.notes { li { (note) } }
                @for warning in warnings { li.warning { (words::FOR_AUTHOR) (warning) } }
            }
        }
    }
}

fn apps(facts: &ImageFacts, mount: &Mount) -> Markup {
    html! {
        @if facts.target.app.is_none() && !facts.metadata.apps.is_empty() {
            section {
                h2 { (words::APPS) }
                ul {
                    @for app in &facts.metadata.apps {
                        li { a href=(image_route(&facts.target.image, Some(&app.name)).href(mount)) { (app.name) } }
                    }
                }
            }
        }
    }
}

/// Longest value that is shown at once; a longer one is folded.
const FOLDED: usize = 160;

fn labels(facts: &ImageFacts, mount: &Mount) -> Markup {
    html! {
        @if !facts.labels.is_empty() {
            section aria-labelledby="labels" {
                h2 #labels { (words::LABELS) }
                div.wide {
                    table #label-table data-filter=(words::FILTER) {
                        thead { tr { th scope="col" { (words::LABEL) } th scope="col" { (words::VALUE) } } }
                        tbody {
                            @for (name, value) in facts.labels.iter() {
                                tr { th scope="row" { (name) } td { (folded(value)) } }
                            }
                        }
                    }
                }
                p { (words::AS_JSON) a href=(Route::Labels(facts.target.clone()).href(mount)) { "labels" } ", "
                    a href=(Route::Args(facts.target.clone()).href(mount)) { "arguments" } }
            }
        }
    }
}

fn folded(value: &str) -> Markup {
    html! {
        @if value.chars().count() > FOLDED {
            details { summary { (value.chars().take(80).collect::<String>()) "…" } (value) }
        } @else { (layout::outside(value)) }
    }
}

fn particulars(facts: &ImageFacts, mount: &Mount) -> Markup {
    html! {
        @if facts.download {
            p {
                a href=(Route::Download(facts.target.image.clone()).href(mount)) { (words::DOWNLOAD) }
                @if let Some(size) = facts.size { " (" (human::size(size)) ")" }
            }
            p.hint { (words::CHECKSUM) " " code { "sha256sum " (facts.target.image) } }
        }
        p.facts {
            @if let Some(size) = facts.size { span title=(format!("{size} bytes")) { (human::size(size)) } " · " }
            time datetime=(human::timestamp(facts.modified)) title=(human::timestamp(facts.modified)) { (human::date(facts.modified)) }
            " · " (facts.metadata.format)
            @if let Some(architecture) = facts.metadata.architecture { " · " (architecture) }
        }
    }
}
