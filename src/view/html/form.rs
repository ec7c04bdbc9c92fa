//! The form of an image: a field for each argument, filled again, with what
//! is wrong beside the field that caused it.

use maud::{Markup, html};

use crate::args::{Arg, ArgError, ArgName, ArgSpec, ArgType, ValueError, plain_text};
use crate::http::Mount;
use crate::image::Target;
use crate::routes::Route;
use crate::view::file_name::{ending, stem};
use crate::view::messages::{bounds, image as messages};

/// What was typed, and what is wrong with it.
pub struct Filled<'a> {
    /// Name and text of what was sent.
    pub given: &'a [(ArgName, String)],
    /// What cannot be used.
    pub errors: &'a [ArgError],
    /// Whether the image runs by POST only.
    pub by_post: bool,
}

impl Filled<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| given.as_str() == name).map(|(_, text)| text.as_str())
    }

    fn error(&self, name: &str) -> Option<&ValueError> {
        self.errors.iter().find(|error| error.name.as_str() == name).map(|error| &error.why)
    }
}

/// The form. Without a script it is a plain GET, or a POST where the site wants that.
pub fn form(spec: &ArgSpec, target: &Target, mount: &Mount, filled: &Filled<'_>) -> Markup {
    let output = spec.output().map(|output| output.as_str());
    html! {
        form.run #form method=(if filled.by_post { "post" } else { "get" }) action=(Route::Run(target.into()).href(mount))
            data-page=(Route::Image(target.into()).href(mount)) data-output=[output]
            data-file=(stem(target)) data-ending=[output.map(ending)] {
            @for arg in spec.args() { (field(arg, filled)) }
            @if spec.args().is_empty() { p.none { (messages::NO_ARGUMENTS) } }
            p.actions {
                button type="submit" { (messages::RUN) }
            }
        }
    }
}

fn field(arg: &Arg, filled: &Filled<'_>) -> Markup {
    let name = arg.name.as_str();
    let id = format!("arg-{name}");
    let label = arg.title.as_deref().unwrap_or(name);
    html! {
        div.field id=(format!("field-{name}")) {
            @if arg.kind == ArgType::Bool {
                label.switch for=(id) {
                    input id=(id) type="checkbox" name=(name) value="yes" checked[filled.text(name).is_some()]
                        aria-describedby=[described(arg, filled)];
                    span { (label) }
                }
            } @else {
                label for=(id) {
                    (label) " " span.kind { (kind(arg.kind)) }
                    @if arg.required { span.required { (messages::REQUIRED) } }
                }
                @if arg.choices.is_empty() { (input(arg, &id, filled)) } @else { (choices(arg, &id, filled)) }
            }
            @if let Some(hint) = hint(arg) { p.hint id=(format!("hint-{name}")) { (hint) } }
            p.error id=(format!("error-{name}")) { @if let Some(reason) = filled.error(name) { (reason) } }
        }
    }
}

fn described(arg: &Arg, filled: &Filled<'_>) -> Option<String> {
    let name = arg.name.as_str();
    let hint = hint(arg).map(|_| format!("hint-{name}"));
    let error = filled.error(name).map(|_| format!("error-{name}"));
    let ids: Vec<String> = hint.into_iter().chain(error).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn kind(kind: ArgType) -> &'static str {
    match kind {
        ArgType::Str => messages::STR,
        ArgType::Int => messages::INT,
        ArgType::Float => messages::FLOAT,
        ArgType::Bool => "",
    }
}

/// `More show finer detail · 10 to 2000 · default 200`
fn hint(arg: &Arg) -> Option<String> {
    let number = |number: &Option<serde_json::Number>| number.as_ref().map(ToString::to_string);
    let default = arg.default.as_ref().filter(|_| arg.choices.is_empty() && arg.kind != ArgType::Bool);
    let parts = [
        arg.description.clone(),
        bounds(number(&arg.minimum), number(&arg.maximum)),
        default.map(|default| format!("{}{}", messages::DEFAULT, plain_text(default))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn input(arg: &Arg, id: &str, filled: &Filled<'_>) -> Markup {
    let name = arg.name.as_str();
    let (kind, step, mode) = match arg.kind {
        // a number field would lose what is no number, which people want to see again
        _ if arg.write_only => ("password", None, None),
        ArgType::Int if filled.text(name).is_none_or(|text| text.parse::<i64>().is_ok()) => ("number", Some("1"), None),
        ArgType::Int => ("text", None, Some("numeric")),
        ArgType::Float => ("text", None, Some("decimal")),
        ArgType::Str | ArgType::Bool => ("text", None, None),
    };
    let example = || arg.examples.first().map(|example| format!("{}{}", messages::EXAMPLE, plain_text(example)));
    let hint = arg.default.as_ref().map(plain_text).or_else(example);
    let unreadable = (kind == "number").then(|| ValueError::NotAnInteger.to_string());
    let bound =
        |bound: &Option<serde_json::Number>| bound.as_ref().filter(|_| kind == "number").map(ToString::to_string);
    html! {
        input id=(id) name=(name) type=(kind) step=[step] inputmode=[mode]
            min=[bound(&arg.minimum)] max=[bound(&arg.maximum)] maxlength=[arg.max_length]
            placeholder=[hint] data-unreadable=[unreadable] value=[filled.text(name)] required[arg.required] autocomplete=(if arg.write_only { "new-password" } else { "off" })
            aria-invalid=[filled.error(name).map(|_| "true")] aria-describedby=[described(arg, filled)];
    }
}

fn choices(arg: &Arg, id: &str, filled: &Filled<'_>) -> Markup {
    let name = arg.name.as_str();
    let first = match &arg.default {
        Some(default) => format!("{}{}", plain_text(default), messages::DEFAULTED),
        None if arg.required => messages::CHOOSE.to_owned(),
        None => messages::LEFT_OUT.to_owned(),
    };
    html! {
        select id=(id) name=(name) data-secret[arg.write_only] required[arg.required] aria-invalid=[filled.error(name).map(|_| "true")]
            aria-describedby=[described(arg, filled)] {
            option value="" { (first) }
            @for text in arg.choices.iter().map(plain_text) {
                option value=(text) selected[filled.text(name) == Some(text.as_str())] { (text) }
            }
        }
    }
}
