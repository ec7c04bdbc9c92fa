//! One image as a page: what it is, its form, its labels.

use maud::{Markup, html};

use super::{Mount, Route, Target, human, image_route, layout};
use crate::args::{Arg, ArgSpec, Kind, plain_text};
use crate::reply::ImageFacts;

/// An image, or an app of it.
pub fn image(facts: &ImageFacts, mount: &Mount) -> Markup {
    let name = facts.target.image.as_str();
    let body = html! {
        nav.crumbs aria-label="Where you are" {
            a href=(Route::Home.href(mount)) { "All images" }
            @if facts.target.app.is_some() { " / " a href=(image_route(&facts.target.image, None).href(mount)) { (name) } }
        }
        h1 { @match &facts.target.app { Some(app) => { (name) " " span.app { (app) } } None => { (name) } } }
        @if let Some(help) = &facts.help { pre.help { (human::dedented(help)) } }
        (notes(facts))
        @if let Some(why) = &facts.refused { p.wrong role="note" { "This image is not run here: " (why) "." } }
        section aria-labelledby="run" {
            h2 #run { "Run it" }
            (form(&facts.spec, &facts.target, mount, &[]))
            p.command { code { (facts.command) } }
        }
        (apps(facts, mount))
        (labels(facts, mount))
        @if let Some(runscript) = &facts.runscript {
            section { h2 { "Runscript" } pre { (human::dedented(runscript)) } }
        }
        @if let Some(definition) = &facts.metadata.definition {
            section { h2 { "Definition file" } pre { (human::dedented(definition)) } }
        }
        (particulars(facts, mount))
    };
    layout::page(name, mount, &body)
}

/// The form of an image; `given` fills it again.
pub fn form(spec: &ArgSpec, target: &Target, mount: &Mount, given: &[(String, String)]) -> Markup {
    html! {
        form.run method="get" action=(Route::Run(target.clone()).href(mount)) {
            @for arg in spec.args() {
                (field(arg, given.iter().find(|(name, _)| name == arg.name.as_str()).map(|(_, text)| text.as_str())))
            }
            @if spec.args().is_empty() { p.none { "It takes no arguments." } }
            button type="submit" { "Run" }
        }
    }
}

fn field(arg: &Arg, given: Option<&str>) -> Markup {
    let name = arg.name.as_str();
    let id = format!("arg-{name}");
    let label = arg.title.as_deref().unwrap_or(name);
    html! {
        div.field {
            @if arg.kind == Kind::Bool {
                label for=(id) {
                    input id=(id) type="checkbox" name=(name) value="yes" checked[given.is_some()];
                    " " (label)
                }
            } @else {
                label for=(id) { (label) @if arg.required { span.required { " (required)" } } }
                @if arg.choices.is_empty() { (input(arg, &id, given)) } @else { (choices(arg, &id, given)) }
            }
            @if let Some(description) = &arg.description { p.hint { (description) } }
        }
    }
}

fn input(arg: &Arg, id: &str, given: Option<&str>) -> Markup {
    let (kind, step, mode) = match arg.kind {
        Kind::Int => ("number", Some("1"), None),
        Kind::Float => ("text", None, Some("decimal")),
        Kind::Str | Kind::Bool => ("text", None, None),
    };
    let hint = arg.default.as_ref().or(arg.examples.first()).map(plain_text);
    let bound =
        |bound: &Option<serde_json::Number>| bound.as_ref().filter(|_| arg.kind == Kind::Int).map(ToString::to_string);
    html! {
        input id=(id) name=(arg.name.as_str()) type=(kind) step=[step] inputmode=[mode]
            min=[bound(&arg.minimum)] max=[bound(&arg.maximum)] maxlength=[arg.max_length]
            placeholder=[hint] value=[given] required[arg.required] autocomplete="off";
    }
}

fn choices(arg: &Arg, id: &str, given: Option<&str>) -> Markup {
    html! {
        select id=(id) name=(arg.name.as_str()) required[arg.required] {
            option value="" { "—" }
            @for text in arg.choices.iter().map(plain_text) {
                option value=(text) selected[given == Some(text.as_str())] { (text) }
            }
        }
    }
}

fn notes(facts: &ImageFacts) -> Markup {
    let warnings = facts.spec.warnings();
    html! {
        @if !facts.metadata.notes.is_empty() || !warnings.is_empty() {
            ul.notes aria-label="Notes" {
                @for note in &facts.metadata.notes { li { (note) } }
                @for warning in warnings { li.warning { "For its author: " (warning) } }
            }
        }
    }
}

fn apps(facts: &ImageFacts, mount: &Mount) -> Markup {
    html! {
        @if facts.target.app.is_none() && !facts.metadata.apps.is_empty() {
            section {
                h2 { "Apps" }
                ul {
                    @for app in &facts.metadata.apps {
                        li { a href=(image_route(&facts.target.image, Some(&app.name)).href(mount)) { (app.name) } }
                    }
                }
            }
        }
    }
}

fn labels(facts: &ImageFacts, mount: &Mount) -> Markup {
    html! {
        @if !facts.labels.is_empty() {
            section aria-labelledby="labels" {
                h2 #labels { "Labels" }
                div.wide {
                    table {
                        thead { tr { th scope="col" { "Label" } th scope="col" { "Value" } } }
                        tbody {
                            @for (name, value) in facts.labels.iter() {
                                tr { th scope="row" { (name) } td { (layout::outside(value)) } }
                            }
                        }
                    }
                }
                p { "As JSON: " a href=(Route::Labels(facts.target.clone()).href(mount)) { "labels" } ", "
                    a href=(Route::Args(facts.target.clone()).href(mount)) { "arguments" } }
            }
        }
    }
}

fn particulars(facts: &ImageFacts, mount: &Mount) -> Markup {
    html! {
        @if facts.download {
            p {
                a href=(Route::Download(facts.target.image.clone()).href(mount)) { "Download the image" }
                @if let Some(size) = facts.size { " (" (human::size(size)) ")" }
            }
        }
        p.facts {
            @if let Some(size) = facts.size { span title=(format!("{size} bytes")) { (human::size(size)) } " · " }
            time datetime=(human::timestamp(facts.modified)) { (human::date(facts.modified)) }
            " · " (facts.metadata.format)
            @if let Some(architecture) = facts.metadata.architecture { " · " (architecture) }
        }
    }
}
