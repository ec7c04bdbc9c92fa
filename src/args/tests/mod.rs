//! The contract's rows as tables, and properties that hold for any input.

mod bind;
mod schema;
mod spec;
mod value;

use super::{ArgSpec, Arguments, BindError, Blank, Input, Rejected, SanitisePolicy, bind as bind_input};

/// The example of 2017, with its labels.
pub(super) const DINO: [(&str, &str); 4] = [
    ("SINGULARITY_RUNSCRIPT_ARG_STR", "name"),
    ("SINGULARITY_RUNSCRIPT_ARG_INT", "age"),
    ("SINGULARITY_RUNSCRIPT_ARG_FLOAT", "weight"),
    ("SINGULARITY_RUNSCRIPT_ARG_BOOL", "is_dino"),
];

pub(super) fn spec(labels: &[(&str, &str)]) -> ArgSpec {
    ArgSpec::from_labels(labels.iter().copied())
}

pub(super) fn dino(schema: &str) -> ArgSpec {
    let mut labels = DINO.to_vec();
    labels.push(("SINGULARITY_RUNSCRIPT_ARG_SCHEMA", schema));
    spec(&labels)
}

pub(super) fn query(spec: &ArgSpec, text: &str) -> Result<Arguments, BindError> {
    let input = Input::Query { text: text.as_bytes(), blank: Blank::Value };
    bind_input(spec, input, &SanitisePolicy::default())
}

pub(super) fn json(spec: &ArgSpec, text: &str) -> Result<Arguments, BindError> {
    bind_input(spec, Input::Json(text.as_bytes()), &SanitisePolicy::default())
}

pub(super) fn rejected(result: Result<Arguments, BindError>) -> Rejected {
    match result {
        Err(BindError::Rejected(rejected)) => rejected,
        other => panic!("expected errors about arguments, got {other:?}"),
    }
}

/// `name: word` for each error.
pub(super) fn words(result: Result<Arguments, BindError>) -> Vec<String> {
    let name = |error: &super::ArgError| format!("{}: {}", error.name, error.why.code());
    rejected(result).errors().iter().map(name).collect()
}
