//! Labels → [`ArgSpec`]: which arguments an image takes, of which type, in which order.
//!
//! In: label names and values, as the image holds them. Out: a specification, and warnings for the author.
//! Order: STR, INT, FLOAT, BOOL, and inside a label as written. An image keeps its labels in a JSON map, whose
//! order means nothing, so the types' order is the only one that lasts from one build to the next.
//! Never: it never fails; a label that cannot be used is as if it were not there, and says so.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Serialize;

use super::arg::Arg;
use super::error::excerpt;
use super::label::{ArgType, LABELS, MAX_AGE, MAX_ARGUMENTS, OURS, OUTPUT};
use super::name::ArgName;
use super::near_miss::near_miss;
use super::output::{self, MediaType};
use super::schema;
use super::warning::{Warning, Warnings};

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
pub struct NamesByType<'a> {
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
        let output =
            output_text.and_then(|text| MediaType::from_label(text).map_err(|reason| note(OUTPUT, reason)).ok());
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

    /// Whether one of them is a secret: then no address may hold the arguments.
    pub fn has_secrets(&self) -> bool {
        self.args.iter().any(|arg| arg.write_only)
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
    pub fn names_by_type(&self) -> NamesByType<'_> {
        let of = |kind| self.args.iter().filter(|arg| arg.kind == kind).map(|arg| arg.name.as_str()).collect();
        NamesByType { str: of(ArgType::Str), int: of(ArgType::Int), float: of(ArgType::Float), bool: of(ArgType::Bool) }
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
            None => warnings.extend(near_miss(name).map(|meant| Warning::NearMiss { name: excerpt(name), meant })),
        }
    }
    found.map(|text| text.filter(|text| !text.is_empty()))
}

/// The four labels with names, in the order of [`ArgType::ALL`].
fn declared(texts: [Option<&str>; 4], warnings: &mut Warnings) -> Vec<Arg> {
    let mut kinds: HashMap<&str, ArgType> = HashMap::new();
    let mut refused: Vec<&str> = Vec::new();
    let mut args: Vec<Arg> = Vec::new();
    let mut dropped = 0;
    let labels = LABELS.into_iter().zip(ArgType::ALL).zip(texts);
    let names = labels.flat_map(|((label, kind), text)| {
        text.unwrap_or_default().split(',').map(move |name| (label, kind, name.trim()))
    });
    for (label, kind, text) in names.filter(|(_, _, text)| !text.is_empty()) {
        // what follows has become a label of its own, and is lost
        let text = text.strip_suffix('\\').map_or(text, |before| {
            warnings.push(Warning::Continued(label));
            before.trim_end()
        });
        if text.is_empty() {
            continue;
        }
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
