//! `SINGULARITY_RUNSCRIPT_ARG_SCHEMA`: what an author says about arguments beyond their type.
//!
//! In: one line of JSON, argument name → keywords of JSON Schema (2020-12, "Validation" §6.1–6.5 and §9), those of
//! [`KEYWORDS`]; a list `"required"`
//! stands beside the arguments (an argument may still be called `required`: its keywords are an object).
//! Out: the fields of [`Arg`], checked by the same rules as a visitor's values.
//! Never: what is wrong is left out with a warning that names argument and keyword, and takes nothing else with
//! it: of `enum` and `examples` only the wrong values, so that a slip does not open an argument to everything.

use serde_json::value::RawValue;
use serde_json::{Number, Value};
use thiserror::Error;

use super::arg::{Arg, KEYWORDS};
use super::error::{ValueError, excerpt, wanted};
use super::json::{self, Scalar};
use super::label::{ArgType, MAX_ARGUMENTS, SCHEMA};
use super::value::{ArgValue, MAX_WORD_CHARS, SanitisePolicy};
use super::warning::{Warning, Warnings};

/// Bytes of the label.
pub const MAX_SCHEMA_BYTES: usize = 65_536;
/// Characters of a `title`.
pub const MAX_TITLE_CHARS: usize = 128;
/// Characters of a `description`.
pub const MAX_DESCRIPTION_CHARS: usize = 1024;
/// Values of an `enum`.
pub const MAX_CHOICES: usize = 256;
/// Values of `examples`.
pub const MAX_EXAMPLES: usize = 16;

/// Names beside the arguments, and keywords of one argument, that are looked at.
const MAX_MEMBERS: usize = 2 * MAX_ARGUMENTS;

/// Stands in a warning for all keywords of an argument.
const WHOLE: &str = "{…}";

/// Why a keyword is left out; completes a warning.
#[derive(Debug, Error)]
enum Unusable {
    #[error("there is no such keyword; use {}", KEYWORDS.map(|keyword| keyword.name).join(", "))]
    Unknown,
    #[error("it is there twice; the first one is used")]
    Twice,
    #[error("write an object of keywords, such as {{\"description\": \"…\"}}")]
    NotAnObject,
    #[error("a flag that is left out is not set: write false, or leave it out")]
    FlagIsUnset,
    #[error("write true or false")]
    NotAFlag,
    #[error("an argument of type {0} has no such keyword")]
    NotForKind(ArgType),
    #[error("write one line of text, at most {0} characters")]
    NotALine(usize),
    #[error("write a whole number from 1 to {}", MAX_WORD_CHARS)]
    NotALength,
    #[error("it is less than `minimum`")]
    BelowMinimum,
    #[error("write a list of 1 to {0} values")]
    NotAList(usize),
    #[error("none of its values can be used")]
    NoValueLeft,
    #[error("value {which}: {why}")]
    Value { which: String, why: ValueError },
    #[error("value {which}: write {}", wanted(*.kind))]
    WrongType { which: String, kind: ArgType },
}

/// Adds to `args` what `text` says about them.
pub(super) fn apply(text: &str, args: &mut [Arg], warnings: &mut Warnings) {
    let mut note = |reason| warnings.push(Warning::Label { label: SCHEMA, reason });
    if text.len() > MAX_SCHEMA_BYTES {
        return note(format!("it is longer than {MAX_SCHEMA_BYTES} bytes"));
    }
    let members = match json::members(text, MAX_MEMBERS) {
        Ok(members) => members,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return note(format!("it is not one JSON object (line {line}, column {column})"));
        }
    };
    if members.more {
        note(format!("only its first {MAX_MEMBERS} names are read"));
    }
    let mut seen: Vec<&str> = Vec::new();
    for (name, raw) in &members.list {
        if seen.contains(&name.as_str()) {
            warnings.push(keyword(name, WHOLE, Unusable::Twice));
            continue;
        }
        seen.push(name);
        match (json::elements(raw), args.iter_mut().find(|arg| arg.name.as_str() == name)) {
            (Some(names), _) if name == "required" => require(&names, args, warnings),
            (_, Some(arg)) => describe(arg, raw, warnings),
            (None, None) if name == "required" => {
                warnings.push(keyword(name, WHOLE, Unusable::NotAList(MAX_ARGUMENTS)));
            }
            (_, None) => warnings.push(Warning::NoSuchArgument(excerpt(name))),
        }
    }
}

fn keyword(argument: &str, keyword: &str, why: Unusable) -> Warning {
    Warning::Keyword { argument: excerpt(argument), keyword: excerpt(keyword), reason: why.to_string() }
}

fn require(names: &[&RawValue], args: &mut [Arg], warnings: &mut Warnings) {
    for raw in names.iter().take(MAX_MEMBERS) {
        let Scalar::Text(name) = json::scalar(raw) else {
            warnings.push(Warning::NoSuchArgument(excerpt(raw.get())));
            continue;
        };
        match args.iter_mut().find(|arg| arg.name.as_str() == name) {
            Some(arg) => arg.required = true,
            None => warnings.push(Warning::NoSuchArgument(excerpt(&name))),
        }
    }
}

/// All keywords of one argument.
fn describe(arg: &mut Arg, raw: &RawValue, warnings: &mut Warnings) {
    let name = arg.name.clone();
    let name = name.as_str();
    let Ok(members) = json::members(raw.get(), MAX_MEMBERS) else {
        return warnings.push(keyword(name, WHOLE, Unusable::NotAnObject));
    };
    for (word, _) in &members.list {
        if !KEYWORDS.iter().any(|keyword| keyword.name == word) {
            warnings.push(keyword(name, word, Unusable::Unknown));
        }
    }
    for word in KEYWORDS.map(|keyword| keyword.name) {
        let mut given = members.list.iter().filter(|(given, _)| given == word);
        if let Some((_, raw)) = given.next()
            && let Err(why) = set(arg, word, raw, warnings)
        {
            warnings.push(keyword(name, word, why));
        }
        if given.next().is_some() {
            warnings.push(keyword(name, word, Unusable::Twice));
        }
    }
}

fn set(arg: &mut Arg, word: &str, raw: &RawValue, warnings: &mut Warnings) -> Result<(), Unusable> {
    let is_number = matches!(arg.kind, ArgType::Int | ArgType::Float);
    match word {
        "title" => arg.title = Some(line(raw, MAX_TITLE_CHARS)?),
        "description" => arg.description = Some(line(raw, MAX_DESCRIPTION_CHARS)?),
        "maxLength" if arg.kind == ArgType::Str => arg.max_length = Some(length(raw)?),
        "minimum" if is_number => arg.minimum = Some(number(arg.kind, raw)?),
        "maximum" if is_number => {
            let (maximum, value) = typed(arg.kind, raw)?;
            arg.admits(&value).map_err(|_| Unusable::BelowMinimum)?;
            arg.maximum = as_number(maximum);
        }
        "enum" if arg.kind == ArgType::Str => arg.choices = list(arg, word, raw, MAX_CHOICES, warnings, choice)?,
        "enum" if is_number => arg.choices = list(arg, word, raw, MAX_CHOICES, warnings, admitted)?,
        "default" if arg.kind == ArgType::Bool && raw.get() == "true" => return Err(Unusable::FlagIsUnset),
        "default" => arg.default = Some(admitted(arg, raw)?),
        "writeOnly" if arg.kind != ArgType::Bool => match json::scalar(raw) {
            Scalar::Bool(flag) => arg.write_only = flag,
            _ => return Err(Unusable::NotAFlag),
        },
        "examples" => arg.examples = list(arg, word, raw, MAX_EXAMPLES, warnings, admitted)?,
        _ => return Err(Unusable::NotForKind(arg.kind)),
    }
    Ok(())
}

fn line(raw: &RawValue, limit: usize) -> Result<String, Unusable> {
    match json::scalar(raw) {
        Scalar::Text(text) if text.chars().nth(limit).is_none() && !text.contains(is_no_text) => Ok(text),
        _ => Err(Unusable::NotALine(limit)),
    }
}

fn is_no_text(character: char) -> bool {
    character.is_control() || character == char::REPLACEMENT_CHARACTER
}

fn length(raw: &RawValue) -> Result<usize, Unusable> {
    match raw.get().parse() {
        Ok(length) if (1..=MAX_WORD_CHARS).contains(&length) => Ok(length),
        _ => Err(Unusable::NotALength),
    }
}

fn number(kind: ArgType, raw: &RawValue) -> Result<Number, Unusable> {
    let (value, _) = typed(kind, raw)?;
    as_number(value).ok_or(Unusable::NotForKind(kind))
}

fn as_number(value: Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

fn list(
    arg: &Arg,
    word: &str,
    raw: &RawValue,
    limit: usize,
    warnings: &mut Warnings,
    value: impl Fn(&Arg, &RawValue) -> Result<Value, Unusable>,
) -> Result<Vec<Value>, Unusable> {
    let list = json::elements(raw).filter(|list| (1..=limit).contains(&list.len())).ok_or(Unusable::NotAList(limit))?;
    let mut good = Vec::new();
    for raw in list {
        match value(arg, raw) {
            Ok(value) => good.push(value),
            Err(why) => warnings.push(keyword(arg.name.as_str(), word, why)),
        }
    }
    if good.is_empty() { Err(Unusable::NoValueLeft) } else { Ok(good) }
}

/// A choice that the author offers: every printable word.
fn choice(arg: &Arg, raw: &RawValue) -> Result<Value, Unusable> {
    let Scalar::Text(text) = json::scalar(raw) else {
        return Err(Unusable::WrongType { which: excerpt(raw.get()), kind: arg.kind });
    };
    let value = ArgValue::choice(&text).and_then(|value| arg.admits(&value));
    value.map(|()| Value::String(text)).map_err(|why| refused(raw, why))
}

/// A value that a visitor could send.
fn admitted(arg: &Arg, raw: &RawValue) -> Result<Value, Unusable> {
    if let Scalar::Text(text) = json::scalar(raw)
        && arg.choice(&text).is_some()
    {
        return Ok(Value::String(text));
    }
    let (value, parsed) = typed(arg.kind, raw)?;
    if value != Value::Bool(false) {
        arg.admits(&parsed).map_err(|why| refused(raw, why))?;
    }
    Ok(value)
}

fn typed(kind: ArgType, raw: &RawValue) -> Result<(Value, ArgValue), Unusable> {
    let parse = |text: &str| ArgValue::parse(kind, text, &SanitisePolicy::widest()).map_err(|why| refused(raw, why));
    match (kind, json::scalar(raw)) {
        (ArgType::Str, Scalar::Text(text)) => parse(&text).map(|parsed| (Value::String(text), parsed)),
        (ArgType::Int | ArgType::Float, Scalar::Number(digits)) => {
            let parsed = parse(digits)?;
            let value = match &parsed {
                ArgValue::Int(number) => Value::from(*number),
                ArgValue::Float(decimal) => match digits.parse::<i64>() {
                    Ok(whole) => Value::from(whole),
                    Err(_) => Value::from(decimal.number()),
                },
                ArgValue::Str(_) | ArgValue::Bool => Value::Null,
            };
            Ok((value, parsed))
        }
        (ArgType::Bool, Scalar::Bool(flag)) => Ok((Value::Bool(flag), ArgValue::Bool)),
        _ => Err(Unusable::WrongType { which: excerpt(raw.get()), kind }),
    }
}

fn refused(raw: &RawValue, why: ValueError) -> Unusable {
    Unusable::Value { which: excerpt(raw.get()), why }
}
