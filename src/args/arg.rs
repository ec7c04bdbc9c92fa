//! One declared argument: its name, its type, and what its author says of its values.
//!
//! In: a value of the argument's type. Out: whether it lies within the author's bounds ([`Arg::admits`]).
//! Never: reads a label.

use serde_json::{Number, Value};

use super::error::{ValueError, excerpt};
use super::label::ArgType;
use super::name::ArgName;
use super::value::{ArgValue, is_equivalent};

/// A keyword of the schema label: what the label, the answers as JSON and their description in OpenAPI know of it.
#[derive(Clone, Copy)]
pub struct Keyword {
    /// Its name, in JSON Schema where there is one.
    pub name: &'static str,
    /// The JSON Schema type of its value; none where it has that of the argument.
    pub of_type: Option<&'static str>,
    /// What an author says of an argument by it, as JSON.
    pub value: fn(&Arg) -> Option<Value>,
}

/// All keywords, in the order in which they are read: bounds judge the choices, all of them judge `default` and `examples`.
pub const KEYWORDS: [Keyword; 9] = [
    Keyword { name: "title", of_type: Some("string"), value: |arg| arg.title.as_deref().map(Value::from) },
    Keyword { name: "description", of_type: Some("string"), value: |arg| arg.description.as_deref().map(Value::from) },
    Keyword { name: "maxLength", of_type: Some("integer"), value: |arg| arg.max_length.map(Value::from) },
    Keyword { name: "minimum", of_type: Some("number"), value: |arg| arg.minimum.clone().map(Value::Number) },
    Keyword { name: "maximum", of_type: Some("number"), value: |arg| arg.maximum.clone().map(Value::Number) },
    Keyword { name: "enum", of_type: Some("array"), value: |arg| some(&arg.choices) },
    Keyword { name: "default", of_type: None, value: |arg| arg.default.clone() },
    Keyword { name: "writeOnly", of_type: Some("boolean"), value: |arg| arg.write_only.then_some(Value::Bool(true)) },
    Keyword { name: "examples", of_type: Some("array"), value: |arg| some(&arg.examples) },
];

fn some(values: &[Value]) -> Option<Value> {
    (!values.is_empty()).then(|| Value::from(values))
}

/// One declared argument. What the schema label says of it has been checked: values have the argument's type and
/// lie within its bounds, numbers of an INT fit i64, texts are one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// Unique in its image.
    pub name: ArgName,
    /// By the label that declares it.
    pub kind: ArgType,
    /// A short name for people.
    pub title: Option<String>,
    /// One line for people.
    pub description: Option<String>,
    /// Shown in the form; not passed unless sent.
    pub default: Option<Value>,
    /// The only values that may pass (`enum`), unless empty. Words may hold every printable character, whatever the site
    /// allows in words of visitors.
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
    /// A secret: it comes by POST only, and nothing that is shown or kept holds its value.
    pub write_only: bool,
}

impl Arg {
    pub(super) fn new(name: ArgName, kind: ArgType) -> Arg {
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
            write_only: false,
        }
    }

    /// The author's choice that this text is, as the author wrote it; STR only.
    pub(super) fn choice(&self, text: &str) -> Option<&str> {
        let choices = self.choices.iter().filter_map(Value::as_str).filter(|_| self.kind == ArgType::Str);
        choices.into_iter().find(|choice| is_equivalent(choice, text))
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
