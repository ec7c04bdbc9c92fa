//! Labels → [`ArgSpec`]: which arguments an image takes, of which type, in which order.
//!
//! In: label names and values, as the image holds them. Out: a specification, and warnings for the author.
//! Order: STR, INT, FLOAT, BOOL, and inside a label as written. An image keeps its labels in a JSON map, whose
//! order means nothing, so the types' order is the only one that lasts from one build to the next.
//! Never: it never fails; a label that cannot be used is as if it were not there, and says so.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::error::ValueError;
use super::output::{self, MediaType};
use super::schema;
use super::value::{ArgValue, Kind};
use super::warning::{Warning, Warnings, excerpt};

/// Arguments of one image.
pub const MAX_ARGUMENTS: usize = 64;
/// Characters of an argument's name.
pub const MAX_NAME_CHARS: usize = 64;

pub(super) const SCHEMA: &str = "SINGULARITY_RUNSCRIPT_ARG_SCHEMA";
const OUTPUT: &str = "SINGULARITY_RUNSCRIPT_OUTPUT";
const MAX_AGE: &str = "SINGULARITY_RUNSCRIPT_MAX_AGE";
const OURS: &str = "SINGULARITY_RUNSCRIPT_ARG_";
/// All labels that mean something here; the first four are in the order of [`Kind::ALL`].
const LABELS: [&str; 7] = [
    "SINGULARITY_RUNSCRIPT_ARG_STR",
    "SINGULARITY_RUNSCRIPT_ARG_INT",
    "SINGULARITY_RUNSCRIPT_ARG_FLOAT",
    "SINGULARITY_RUNSCRIPT_ARG_BOOL",
    SCHEMA,
    OUTPUT,
    MAX_AGE,
];

/// `[A-Za-z_][A-Za-z0-9_-]*`, at most [`MAX_NAME_CHARS`]: behind `--` it is one option and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArgName(String);

impl ArgName {
    /// `None` when `text` is anything else.
    pub fn new(text: &str) -> Option<ArgName> {
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let goes_on = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        (starts_well && goes_on && text.len() <= MAX_NAME_CHARS).then(|| ArgName(text.to_owned()))
    }

    /// Without the `--`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArgName {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for ArgName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// One declared argument. What the schema label says of it has been checked: values have the argument's type and
/// lie within its bounds, numbers of an INT fit i64, texts are one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// Unique in its image.
    pub name: ArgName,
    /// By the label that declares it.
    pub kind: Kind,
    /// A short name for people.
    pub title: Option<String>,
    /// One line for people.
    pub description: Option<String>,
    /// Shown in the form; not passed unless sent.
    pub default: Option<Value>,
    /// The only values that may pass (`enum`), unless empty. Words may hold every harmless extra character; a
    /// site that does not allow one refuses that choice by name.
    pub choices: Vec<Value>,
    /// INT and FLOAT: the least value.
    pub minimum: Option<Number>,
    /// INT and FLOAT: the greatest value.
    pub maximum: Option<Number>,
    /// Characters of a STR, after stripping.
    pub max_length: Option<usize>,
    /// Values that a visitor could send.
    pub examples: Vec<Value>,
    /// For a BOOL: the flag must be passed.
    pub required: bool,
}

impl Arg {
    fn new(name: ArgName, kind: Kind) -> Arg {
        Arg {
            name,
            kind,
            title: None,
            description: None,
            default: None,
            choices: Vec::new(),
            minimum: None,
            maximum: None,
            max_length: None,
            examples: Vec::new(),
            required: false,
        }
    }

    /// Whether a value of the argument's type lies within the author's bounds.
    pub fn admits(&self, value: &ArgValue) -> Result<(), ValueError> {
        if let (ArgValue::Str(word), Some(limit)) = (value, self.max_length)
            && word.as_str().chars().nth(limit).is_some()
        {
            return Err(ValueError::TooLong(limit));
        }
        if let Some(minimum) = self.minimum.as_ref().filter(|minimum| is_below(value, minimum)) {
            return Err(ValueError::BelowMinimum(minimum.to_string()));
        }
        if let Some(maximum) = self.maximum.as_ref().filter(|maximum| is_above(value, maximum)) {
            return Err(ValueError::AboveMaximum(maximum.to_string()));
        }
        if self.choices.is_empty() || self.choices.iter().any(|choice| is_same(value, choice)) {
            return Ok(());
        }
        let choices: Vec<String> = self.choices.iter().map(plain_text).collect();
        Err(ValueError::NotOneOf(excerpt(&choices.join(", "))))
    }
}

/// A default, choice or example as a visitor would type it.
pub fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_below(value: &ArgValue, bound: &Number) -> bool {
    match value {
        ArgValue::Int(number) => bound.as_i64().is_some_and(|bound| *number < bound),
        ArgValue::Float(decimal) => bound.as_f64().is_some_and(|bound| decimal.number() < bound),
        ArgValue::Str(_) | ArgValue::Bool => false,
    }
}

fn is_above(value: &ArgValue, bound: &Number) -> bool {
    match value {
        ArgValue::Int(number) => bound.as_i64().is_some_and(|bound| *number > bound),
        ArgValue::Float(decimal) => bound.as_f64().is_some_and(|bound| decimal.number() > bound),
        ArgValue::Str(_) | ArgValue::Bool => false,
    }
}

fn is_same(value: &ArgValue, choice: &Value) -> bool {
    match value {
        ArgValue::Str(word) => choice.as_str() == Some(word.as_str()),
        ArgValue::Int(number) => choice.as_i64() == Some(*number),
        ArgValue::Float(decimal) => choice.as_f64() == Some(decimal.number()),
        ArgValue::Bool => choice.as_bool() == Some(true),
    }
}

/// What an image takes and how it answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArgSpec {
    args: Vec<Arg>,
    output: Option<MediaType>,
    max_age: Option<u32>,
    warnings: Vec<Warning>,
}

/// The arguments' names by type, always with all four keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct NamesByKind<'a> {
    /// Type STR.
    pub str: Vec<&'a str>,
    /// Type INT.
    pub int: Vec<&'a str>,
    /// Type FLOAT.
    pub float: Vec<&'a str>,
    /// Type BOOL.
    pub bool: Vec<&'a str>,
}

impl ArgSpec {
    /// Label names count upper-cased; of two that differ only in case, the first is used.
    pub fn from_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> ArgSpec {
        let mut warnings = Warnings::default();
        let [str, int, float, bool, schema_text, output_text, age_text] = ours(labels, &mut warnings);
        let mut args = declared([str, int, float, bool], &mut warnings);
        if let Some(text) = schema_text {
            schema::apply(text, &mut args, &mut warnings);
        }
        let mut note = |label, reason| warnings.push(Warning::Label { label, reason });
        let output = output_text.and_then(|text| output::media_type(text).map_err(|reason| note(OUTPUT, reason)).ok());
        let max_age = age_text.and_then(|text| output::max_age(text).map_err(|reason| note(MAX_AGE, reason)).ok());
        ArgSpec { args, output, max_age, warnings: warnings.finish() }
    }

    /// In the order in which they are passed.
    pub fn args(&self) -> &[Arg] {
        &self.args
    }

    /// The argument of that name.
    pub fn get(&self, name: &str) -> Option<&Arg> {
        self.args.iter().find(|arg| arg.name.as_str() == name)
    }

    /// The type of stdout, when it is neither text nor JSON.
    pub fn output(&self) -> Option<MediaType> {
        self.output
    }

    /// Seconds for which an answer may be kept.
    pub fn max_age(&self) -> Option<u32> {
        self.max_age
    }

    /// What in the labels was not used; `check` and the image page show it.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The answer of `/container/args/<image>`.
    pub fn names_by_kind(&self) -> NamesByKind<'_> {
        let of = |kind| self.args.iter().filter(|arg| arg.kind == kind).map(|arg| arg.name.as_str()).collect();
        NamesByKind { str: of(Kind::Str), int: of(Kind::Int), float: of(Kind::Float), bool: of(Kind::Bool) }
    }
}

/// The values of our labels, in the order of [`LABELS`]. A label left blank is as good as none.
fn ours<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>, warnings: &mut Warnings) -> [Option<&'a str>; 7] {
    let mut found = [None; 7];
    for (name, text) in labels {
        let place = LABELS.into_iter().zip(&mut found).find(|(label, _)| label.eq_ignore_ascii_case(name));
        match place {
            Some((label, Some(_))) => warnings.push(Warning::LabelTwice(label)),
            Some((_, free)) => *free = Some(text.trim()),
            None if name.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS)) => {
                warnings.push(Warning::UnknownLabel(excerpt(name)));
            }
            None => {}
        }
    }
    found.map(|text| text.filter(|text| !text.is_empty()))
}

/// The four labels with names, in the order of [`Kind::ALL`].
fn declared(texts: [Option<&str>; 4], warnings: &mut Warnings) -> Vec<Arg> {
    let mut kinds: HashMap<&str, Kind> = HashMap::new();
    let mut refused: Vec<&str> = Vec::new();
    let mut args: Vec<Arg> = Vec::new();
    let mut dropped = 0;
    let labels = LABELS.into_iter().zip(Kind::ALL).zip(texts);
    let names = labels.flat_map(|((label, kind), text)| {
        text.unwrap_or_default().split(',').map(move |name| (label, kind, name.trim()))
    });
    for (label, kind, text) in names.filter(|(_, _, text)| !text.is_empty()) {
        let Some(name) = ArgName::new(text) else {
            warnings.push(Warning::NotAName { label, name: excerpt(text) });
            continue;
        };
        let room = kinds.len() < MAX_ARGUMENTS;
        match kinds.entry(text) {
            Entry::Vacant(entry) if room => {
                entry.insert(kind);
                args.push(Arg::new(name, kind));
            }
            Entry::Vacant(_) => dropped += 1,
            Entry::Occupied(entry) if *entry.get() != kind && !refused.contains(&text) => {
                warnings.push(Warning::TwoTypes { name: text.to_owned(), first: *entry.get(), second: kind });
                refused.push(text);
            }
            Entry::Occupied(_) => {}
        }
    }
    if dropped > 0 {
        warnings.push(Warning::TooManyArguments(dropped));
    }
    args.retain(|arg| !refused.contains(&arg.name.as_str()));
    args
}
