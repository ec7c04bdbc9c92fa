//! One argument as a JSON Schema, in the three places where it can be sent.
//!
//! In: an [`Arg`], the site's [`SanitisePolicy`]. Out: a schema that says what is accepted. Where that cannot be said
//! (which characters beyond ASCII are letters: `\p{…}` is not among the patterns that JSON Schema §6.4 calls
//! portable), the schema is wider than the truth; where the author's bound counts after stripping, it is narrower.
//! Never: a default, choice or example that this site refuses.

use std::fmt::Write;

use serde_json::{Value, json};

use super::super::json::put;
use super::names::Names;
use crate::args::bounds::MAX_WORD_CHARS;
use crate::args::{Arg, ArgType, ArgValue, SanitiseMode, SanitisePolicy, plain_text};

/// Where an argument is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In a query.
    Query,
    /// In the body of a form.
    Form,
    /// As a member of a JSON object.
    Json,
}

/// Control characters and U+FFFD, which stands for bytes that are no text: refused, never stripped.
const NO_TEXT: &str = r"\u0000-\u001F\u007F-\u009F\uFFFD";

/// How a site treats words, and the pattern that says so: it takes a while to find, so each is found once a document.
pub struct WordRule<'a> {
    policy: &'a SanitisePolicy,
    pattern: String,
}

/// The rules of a document's images.
pub struct WordRules<'a>(Vec<WordRule<'a>>);

impl<'a> WordRules<'a> {
    /// One for each of these.
    pub fn new(policies: impl Iterator<Item = &'a SanitisePolicy>) -> WordRules<'a> {
        let mut rules: Vec<WordRule<'a>> = Vec::new();
        for policy in policies {
            if !rules.iter().any(|rule| rule.policy == policy) {
                rules.push(WordRule { policy, pattern: pattern(policy) });
            }
        }
        WordRules(rules)
    }

    /// That of a policy.
    pub fn get(&self, policy: &SanitisePolicy) -> Option<&WordRule<'a>> {
        self.0.iter().find(|rule| rule.policy == policy)
    }
}

/// A query parameter (OpenAPI §4.8.12).
pub fn parameter(arg: &Arg, rule: &WordRule<'_>) -> Value {
    let mut value = json!({ "name": arg.name.as_str(), "in": "query", "required": arg.required });
    if let Some(description) = description(arg, Where::Query) {
        put(&mut value, "description", description);
    }
    if arg.kind == ArgType::Bool {
        put(&mut value, "allowEmptyValue", true);
    }
    put(&mut value, "schema", bare(arg, rule, Where::Query));
    value
}

/// A property of a body.
pub fn schema(arg: &Arg, rule: &WordRule<'_>, place: Where) -> Value {
    let mut value = bare(arg, rule, place);
    if let Some(description) = description(arg, place) {
        put(&mut value, "description", description);
    }
    value
}

/// Without the description.
fn bare(arg: &Arg, rule: &WordRule<'_>, place: Where) -> Value {
    let mut schema = typed(arg, rule, place);
    if let Some(title) = &arg.title {
        put(&mut schema, "title", title.as_str());
    }
    if arg.write_only {
        put(&mut schema, "writeOnly", true);
        if arg.kind == ArgType::Str {
            put(&mut schema, "format", "password");
        }
    }
    let sendable = |values: &[Value]| -> Vec<Value> {
        values.iter().filter(|value| is_sendable(arg, value, rule.policy)).cloned().collect()
    };
    if !arg.choices.is_empty() {
        let mut choices = sendable(&arg.choices);
        if choices.is_empty() {
            return json!({ "not": {} });
        }
        choices.extend(nullable(arg, place).then_some(Value::Null));
        let texts: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        if arg.kind == ArgType::Float || !Names::of(texts.into_iter()).differ() {
            // generators make names of the values of an `enum`: `0.5` is none, and of `m` and `M` they make one
            let choices: Vec<Value> = choices.into_iter().map(|choice| json!({ "const": choice })).collect();
            put(&mut schema, "anyOf", choices);
        } else {
            put(&mut schema, "enum", choices);
        }
    }
    let flag_as_text = arg.kind == ArgType::Bool && place != Where::Json;
    if let Some(default) = arg.default.as_ref().filter(|value| !flag_as_text && is_sendable(arg, value, rule.policy)) {
        put(&mut schema, "default", default.clone());
    }
    let examples = if flag_as_text { vec!["yes".into()] } else { sendable(&arg.examples) };
    if !examples.is_empty() {
        put(&mut schema, "examples", examples);
    }
    schema
}

fn typed(arg: &Arg, rule: &WordRule<'_>, place: Where) -> Value {
    let mut schema = match arg.kind {
        // a choice passes as its author wrote it
        ArgType::Str if !arg.choices.is_empty() => json!({ "type": "string" }),
        ArgType::Str => json!({
            "type": "string", "minLength": 1, "maxLength": arg.max_length.unwrap_or(MAX_WORD_CHARS),
            "pattern": rule.pattern,
        }),
        ArgType::Int => json!({
            "type": "integer", "format": "int64",
            "minimum": arg.minimum.clone().unwrap_or(i64::MIN.into()),
            "maximum": arg.maximum.clone().unwrap_or(i64::MAX.into()),
        }),
        ArgType::Float => bounded(arg),
        ArgType::Bool if place == Where::Json && arg.required => json!({ "type": "boolean", "const": true }),
        ArgType::Bool if place == Where::Json => json!({ "type": "boolean" }),
        ArgType::Bool => json!({ "type": "string" }),
    };
    if let Some(kind) = schema.get("type").filter(|_| nullable(arg, place)).cloned() {
        put(&mut schema, "type", json!([kind, "null"]));
    }
    schema
}

fn bounded(arg: &Arg) -> Value {
    let mut schema = json!({ "type": "number", "format": "double" });
    for (key, bound) in [("minimum", &arg.minimum), ("maximum", &arg.maximum)] {
        if let Some(bound) = bound {
            put(&mut schema, key, bound.clone());
        }
    }
    schema
}

/// JSON `null` is as good as absent.
fn nullable(arg: &Arg, place: Where) -> bool {
    place == Where::Json && !arg.required
}

/// Whether the site takes a value as it is.
fn is_sendable(arg: &Arg, value: &Value, policy: &SanitisePolicy) -> bool {
    if arg.choices.contains(value) {
        return true;
    }
    let strict = SanitisePolicy { mode: SanitiseMode::Reject, extra: policy.extra.clone() };
    ArgValue::parse(arg.kind, &plain_text(value), &strict).is_ok()
}

/// What a word must look like, exact for ASCII.
fn pattern(policy: &SanitisePolicy) -> String {
    let first = refused("", policy);
    match policy.mode {
        SanitiseMode::Strip => format!("^[^{NO_TEXT}]*[^{first}][^{NO_TEXT}]*$"),
        SanitiseMode::Reject => format!("^[^{first}][^{}]*$", refused("a", policy)),
    }
}

/// The characters that may not stand behind `before`, as the content of a class.
fn refused(before: &str, policy: &SanitisePolicy) -> String {
    let strict = SanitisePolicy { mode: SanitiseMode::Reject, extra: policy.extra.clone() };
    let is_refused = |code: &u8| {
        let text = format!("{before}{}", char::from(*code));
        ArgValue::parse(ArgType::Str, &text, &strict).is_err()
    };
    let mut class = String::new();
    let mut codes = (0..=0x9f).filter(is_refused).peekable();
    while let Some(start) = codes.next() {
        let mut end = start;
        while codes.next_if_eq(&(end + 1)).is_some() {
            end += 1;
        }
        let _ = write!(class, r"\u{start:04X}");
        if end > start {
            let _ = write!(class, r"-\u{end:04X}");
        }
    }
    class + r"\uFFFD"
}

/// The author's words, and what the schema does not say.
fn description(arg: &Arg, place: Where) -> Option<String> {
    let ours = match (arg.kind, place) {
        (ArgType::Bool, Where::Query | Where::Form) => {
            "A flag. It is passed if it is present, whatever its value. Leave it out if you do not want it."
        }
        _ => "",
    };
    let author = arg.description.as_deref().unwrap_or_default();
    let separator = match author.chars().last() {
        Some('.' | '!' | '?') => " ",
        Some(_) => ". ",
        None => "",
    };
    let whole = if ours.is_empty() { author.to_owned() } else { format!("{author}{separator}{ours}") };
    (!whole.is_empty()).then_some(whole)
}
