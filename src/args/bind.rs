//! [`ArgSpec`] + [`Input`] + [`SanitisePolicy`] → [`Arguments`], or [`Rejected`] with every error at once.
//!
//! In: what an image declares, what a visitor sent, how the site treats words. Out: `--name Amy --age 10
//! --is_dino`, in the order of the specification, each word an element of its own.
//! Never: a name that is not declared, or a value that [`ArgValue::parse`] and [`Arg::admits`] did not pass,
//! reaches an argv; nothing is changed or left out without a line in the [`BindReport`]; the value of a `writeOnly` argument
//! stands in the argv alone: report, errors and what is shown have [`HIDDEN`] in its place, and in a query it counts for
//! nothing.

use serde::Serialize;
use thiserror::Error;

use super::arg::Arg;
use super::error::{HIDDEN, ValueError, excerpt};
use super::input::{Input, InputError, Pairs, RawValue, read};
use super::json::Scalar;
use super::label::ArgType;
use super::name::ArgName;
use super::spec::ArgSpec;
use super::value::{ArgValue, SanitisePolicy, is_equivalent};

/// What the visitor should be told in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BindReport {
    ignored: Vec<String>,
    changed: Vec<Change>,
    given: Vec<(ArgName, String)>,
}

/// A STR that lost characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The argument.
    pub name: ArgName,
    /// As sent; without control characters, but nothing else is taken out.
    pub before: String,
    /// As passed.
    pub after: String,
}

impl BindReport {
    /// The names that are not declared, each once, printable and short (so at most
    /// [`MAX_PARAMETERS`](super::bounds::MAX_PARAMETERS)).
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The values that lost characters.
    pub fn changed(&self) -> &[Change] {
        &self.changed
    }

    /// What was sent for declared arguments, to fill the form again: raw, only control characters are replaced.
    /// A flag is there when it was set.
    pub fn given(&self) -> &[(ArgName, String)] {
        &self.given
    }
}

/// What may be passed to the image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    argv: Vec<String>,
    shown: Vec<String>,
    report: BindReport,
}

impl Arguments {
    /// `["--name", "Amy", "--is_dino"]`
    pub fn argv(&self) -> &[String] {
        &self.argv
    }

    /// The same without secrets: to be shown, logged and kept.
    pub fn shown(&self) -> &[String] {
        &self.shown
    }

    /// What else the visitor should be told.
    pub fn report(&self) -> &BindReport {
        &self.report
    }
}

/// One argument that cannot be passed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name}: {why}")]
pub struct ArgError {
    /// The argument.
    pub name: ArgName,
    /// The reason.
    pub why: ValueError,
}

/// All arguments that cannot be passed, in the order of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    errors: Vec<ArgError>,
    others: Vec<String>,
    report: BindReport,
}

impl Rejected {
    /// At least one.
    pub fn errors(&self) -> &[ArgError] {
        &self.errors
    }

    /// The argv of those that could be passed, without secrets: to be shown while somebody corrects the rest, never run.
    pub fn others(&self) -> &[String] {
        &self.others
    }

    /// What else the visitor should be told.
    pub fn report(&self) -> &BindReport {
        &self.report
    }
}

/// Why there are no arguments.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BindError {
    /// Nothing was read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// All was read, but some of it may not pass.
    #[error("{} of the arguments cannot be used", .0.errors.len())]
    Rejected(Rejected),
}

/// The only way from a request to an argv.
pub fn bind(spec: &ArgSpec, input: Input<'_>, policy: &SanitisePolicy) -> Result<Arguments, BindError> {
    let mut report = BindReport::default();
    // an address is kept by many
    let is_kept = matches!(input, Input::Query { .. });
    let slots = sort(spec, read(input)?, is_kept, &mut report);
    let (mut argv, mut shown) = (Vec::new(), Vec::new());
    let mut errors = Vec::new();
    for (arg, slot) in spec.args().iter().zip(slots) {
        match judge(arg, slot, policy, &mut report) {
            Ok(Some(value)) => {
                let value = value.text();
                shown.push(format!("--{}", arg.name));
                shown.extend(value.as_ref().map(|text| if arg.write_only { HIDDEN } else { text }.to_owned()));
                argv.push(format!("--{}", arg.name));
                argv.extend(value);
            }
            Ok(None) => {}
            Err(why) => errors.push(ArgError { name: arg.name.clone(), why }),
        }
    }
    if errors.is_empty() {
        Ok(Arguments { argv, shown, report })
    } else {
        Err(BindError::Rejected(Rejected { errors, others: shown, report }))
    }
}

/// What was sent for one declared argument.
#[derive(Default)]
struct Binding<'a> {
    first: Option<RawValue<'a>>,
    again: bool,
}

/// A slot for each declared argument, in their order; undeclared names go into the report.
fn sort<'a>(spec: &ArgSpec, pairs: Pairs<'a>, is_kept: bool, report: &mut BindReport) -> Vec<Binding<'a>> {
    let mut slots: Vec<Binding<'a>> = spec.args().iter().map(|_| Binding::default()).collect();
    for (name, given) in pairs {
        match spec.args().iter().zip(&mut slots).find(|(arg, _)| arg.name.as_str() == name) {
            Some((arg, _)) if is_kept && arg.write_only => ignore(excerpt(&name), report),
            Some((arg, _)) if given == RawValue::Blank && arg.kind != ArgType::Bool => {}
            Some((_, slot)) if slot.first.is_some() => slot.again = true,
            Some((_, slot)) => slot.first = Some(given),
            None => ignore(excerpt(&name), report),
        }
    }
    slots
}

fn ignore(name: String, report: &mut BindReport) {
    if !report.ignored.contains(&name) {
        report.ignored.push(name);
    }
}

fn judge(
    arg: &Arg,
    slot: Binding,
    policy: &SanitisePolicy,
    report: &mut BindReport,
) -> Result<Option<ArgValue>, ValueError> {
    if let Some(text) = slot.first.as_ref().filter(|_| !arg.write_only).and_then(|given| refill(arg.kind, given)) {
        report.given.push((arg.name.clone(), text));
    }
    if slot.again {
        return Err(ValueError::GivenTwice);
    }
    let value = match slot.first {
        None => None,
        Some(given) => {
            typed(arg, given, policy, report).map_err(|why| if arg.write_only { why.hidden() } else { why })?
        }
    };
    match value {
        Some(value) => arg.admits(&value).map(|()| Some(value)),
        None if arg.required => Err(ValueError::Missing),
        None => Ok(None),
    }
}

fn typed(
    arg: &Arg,
    given: RawValue,
    policy: &SanitisePolicy,
    report: &mut BindReport,
) -> Result<Option<ArgValue>, ValueError> {
    match (arg.kind, given) {
        (ArgType::Bool, RawValue::Blank | RawValue::Typed(_)) => Ok(Some(ArgValue::Bool)),
        (ArgType::Bool, RawValue::Json(Scalar::Bool(flag))) => Ok(flag.then_some(ArgValue::Bool)),
        (_, RawValue::Blank | RawValue::Json(Scalar::Null)) => Ok(None),
        (_, RawValue::Typed(text)) => parse(arg, &text, policy, report).map(Some),
        (ArgType::Int, RawValue::Json(Scalar::Number(text))) => parse(arg, whole(text), policy, report).map(Some),
        (ArgType::Float, RawValue::Json(Scalar::Number(text))) => parse(arg, text, policy, report).map(Some),
        (ArgType::Str | ArgType::Int | ArgType::Float, RawValue::Json(Scalar::Text(text))) => {
            parse(arg, &text, policy, report).map(Some)
        }
        (kind, RawValue::Json(_)) => Err(ValueError::WrongType(kind)),
    }
}

/// `5.0` is the integer 5 (JSON Schema 2020-12, Core §6.3), as some languages write it.
fn whole(number: &str) -> &str {
    match number.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => number,
    }
}

fn parse(arg: &Arg, text: &str, policy: &SanitisePolicy, report: &mut BindReport) -> Result<ArgValue, ValueError> {
    if let Some(choice) = arg.choice(text) {
        return ArgValue::choice(choice);
    }
    let value = ArgValue::parse(arg.kind, text, policy)?;
    if let ArgValue::Str(word) = &value
        && !is_equivalent(word.as_str(), text)
    {
        let (before, after) = if arg.write_only { (HIDDEN, HIDDEN) } else { (text, word.as_str()) };
        let (before, after) = (before.to_owned(), after.to_owned());
        report.changed.push(Change { name: arg.name.clone(), before, after });
    }
    Ok(value)
}

/// The text that shows a value in a form again.
fn refill(kind: ArgType, given: &RawValue) -> Option<String> {
    let text = match given {
        RawValue::Blank if kind == ArgType::Bool => "",
        RawValue::Blank | RawValue::Json(Scalar::Null | Scalar::Bool(false) | Scalar::Other) => {
            return None;
        }
        RawValue::Json(Scalar::Bool(true)) => "true",
        RawValue::Json(Scalar::Number(text)) => text,
        RawValue::Json(Scalar::Text(text)) => text,
        RawValue::Typed(text) => text,
    };
    Some(text.replace(char::is_control, "\u{fffd}"))
}
