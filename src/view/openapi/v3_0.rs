//! The same document for tools that read OpenAPI 3.0 only (<https://spec.openapis.org/oas/v3.0.3>).
//!
//! In: a document of ours, 3.1. Out: what 3.0 can say of it, no more; where the two differ, the wider statement. Its
//! schemas are of an older JSON Schema: one type, `nullable`, `example`, bounds that are exclusive by a flag. Its generators
//! want less still: of each answer and content one media type, the first; of the good answers of an operation those that
//! have the content of the first; numbers without a list of choices, because they make names of choices.
//! Never: a keyword passes that 3.0 does not have; a value of an author (`default`, `enum`, `example`) is changed; a schema is
//! followed deeper than [`MAX_DEPTH`].

use serde_json::{Map, Value, json};

use super::super::json::put;
use super::super::media::JSON;

/// The version of the specification.
const OPENAPI: &str = "3.0.3";
/// Schemas in schemas; ours have a few.
const MAX_DEPTH: usize = 32;

/// Keywords that both have and that hold no schema (3.0.3 §4.7.24). `type`, bounds, `const`, `examples` are treated one by one.
const KEPT: [&str; 20] = [
    "title",
    "description",
    "multipleOf",
    "minimum",
    "maximum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxProperties",
    "minProperties",
    "required",
    "enum",
    "format",
    "default",
    "readOnly",
    "writeOnly",
    "deprecated",
];
/// Keywords that hold a schema.
const NESTED: [&str; 3] = ["items", "not", "additionalProperties"];
/// Keywords that hold a list of schemas.
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// A document of ours in the words of 3.0.
pub fn converted(mut document: Value) -> Value {
    put(&mut document, "openapi", OPENAPI);
    if let Some(components) = document.get_mut("components") {
        each(components.get_mut("schemas"), |one| *one = schema(one, 0));
        each(components.get_mut("headers"), nested_schema);
        each(components.get_mut("responses"), answer);
    }
    let answers = document.pointer("/components/responses").cloned().unwrap_or_default();
    each(document.get_mut("paths"), |path| each(Some(path), |operation| self::operation(operation, &answers)));
    document
}

/// All members of an object.
fn each(value: Option<&mut Value>, change: impl FnMut(&mut Value)) {
    if let Some(Value::Object(members)) = value {
        members.values_mut().for_each(change);
    }
}

fn operation(operation: &mut Value, answers: &Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        nested_schema(parameter);
    }
    if let Some(body) = operation.get_mut("requestBody") {
        content(body);
    }
    let Some(Value::Object(responses)) = operation.get_mut("responses") else { return };
    responses.values_mut().for_each(answer);
    let said = |response: &Value| content_of(response, answers);
    let good = responses.iter().find(|(status, _)| status.starts_with('2')).map(|(_, first)| said(first));
    responses.retain(|status, response| !status.starts_with('2') || Some(said(response)) == good);
    // a refusal that is not like the others is read as it comes
    let refusal = |status: &str| status.starts_with(['4', '5']);
    let common = responses.iter().find(|(status, _)| refusal(status)).map(|(_, first)| said(first));
    for (_, response) in responses.iter_mut().filter(|(status, _)| refusal(status)) {
        if Some(said(response)) == common || response.get("$ref").is_some() {
            continue;
        }
        let json = response.get("content").and_then(|content| content.get(JSON)).cloned();
        let any = json.unwrap_or_else(|| json!({ "schema": { "type": "string", "format": "binary" } }));
        put(response, "content", json!({ "*/*": any }));
    }
}

/// The content of an answer, or of the component that it names.
fn content_of(response: &Value, answers: &Value) -> Value {
    let name = response.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let response = name.and_then(|name| answers.get(name)).unwrap_or(response);
    response.get("content").cloned().unwrap_or_default()
}

fn answer(answer: &mut Value) {
    content(answer);
    each(answer.get_mut("headers"), nested_schema);
}

/// Of its media types the first.
fn content(owner: &mut Value) {
    let Some(Value::Object(media)) = owner.get_mut("content") else { return };
    let Some((name, mut first)) = media.iter().next().map(|(name, value)| (name.clone(), value.clone())) else {
        return;
    };
    nested_schema(&mut first);
    *media = Map::from_iter([(name, first)]);
}

/// The schema of a parameter, a header field or a media type.
fn nested_schema(owner: &mut Value) {
    if let Some(inner) = owner.get("schema").map(|inner| schema(inner, 0)) {
        put(owner, "schema", inner);
    }
}

/// One schema.
fn schema(from: &Value, depth: usize) -> Value {
    let Value::Object(from) = from else {
        // `true` and `false` are schemas since (Core §4.3.2)
        return if from == &Value::Bool(false) { json!({ "not": {} }) } else { json!({}) };
    };
    if depth == MAX_DEPTH {
        return json!({});
    }
    if let Some(reference) = from.get("$ref") {
        return json!({ "$ref": reference }); // what stands beside it does not count (§4.7.23.1)
    }
    let mut to = Map::new();
    for (key, value) in from.iter().filter(|(key, _)| KEPT.contains(&key.as_str())) {
        to.insert(key.clone(), value.clone());
    }
    types(from, &mut to);
    for key in NESTED {
        match from.get(key) {
            Some(Value::Bool(any)) if key == "additionalProperties" => to.insert(key.to_owned(), (*any).into()),
            Some(inner) => to.insert(key.to_owned(), schema(inner, depth + 1)),
            None => None,
        };
    }
    if to.get("type").is_some_and(|kind| kind == "array") && !to.contains_key("items") {
        to.insert("items".to_owned(), json!({}));
    }
    if let Some(Value::Object(properties)) = from.get("properties") {
        let properties = properties.iter().map(|(name, inner)| (name.clone(), schema(inner, depth + 1)));
        to.insert("properties".to_owned(), properties.collect::<Map<_, _>>().into());
    }
    for key in LISTS {
        if let Some(Value::Array(all)) = from.get(key)
            && !(key != "allOf" && choices(all, &mut to))
        {
            let all: Vec<Value> = all.iter().map(|inner| schema(inner, depth + 1)).collect();
            to.insert(key.to_owned(), all.into());
        }
    }
    values(from, &mut to);
    Value::Object(to)
}

/// One type, and `nullable`. A number has no list of choices.
fn types(from: &Map<String, Value>, to: &mut Map<String, Value>) {
    let kinds: Vec<&Value> = match from.get("type") {
        None => Vec::new(),
        Some(Value::Array(kinds)) => kinds.iter().collect(),
        Some(kind) => vec![kind],
    };
    let others: Vec<&Value> = kinds.iter().copied().filter(|kind| **kind != "null").collect();
    match others[..] {
        [] => {}
        [one] => drop(to.insert("type".to_owned(), one.clone())),
        _ => drop(to.insert("anyOf".to_owned(), others.iter().map(|kind| json!({ "type": kind })).collect())),
    }
    if others.len() < kinds.len() {
        to.insert("nullable".to_owned(), true.into());
    }
}

/// What values there are: `const`, `examples`, bounds, bytes.
fn values(from: &Map<String, Value>, to: &mut Map<String, Value>) {
    if let Some(only) = from.get("const") {
        match only {
            Value::Bool(flag) => told(to, &format!("Always {flag}.")),
            only => drop(to.insert("enum".to_owned(), json!([only]))),
        }
        let kind = match only {
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            _ => "string",
        };
        to.entry("type").or_insert(kind.into());
    }
    if let Some(Value::Array(all)) = to.get("enum").cloned()
        && to.get("type").is_some_and(|kind| kind == "number" || kind == "integer")
    {
        to.remove("enum");
        spread(&all, to);
    }
    if let Some(example) = from.get("examples").and_then(|all| all.get(0)) {
        to.insert("example".to_owned(), example.clone());
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(value @ Value::Number(_)) = from.get(exclusive) {
            to.insert(bound.to_owned(), value.clone());
            to.insert(exclusive.to_owned(), true.into());
        }
    }
    if from.get("contentEncoding").is_some_and(|how| how == "base64") {
        to.insert("format".to_owned(), "byte".into());
    } else if from.contains_key("contentMediaType") && !from.contains_key("type") {
        to.extend([("type".to_owned(), "string".into()), ("format".to_owned(), "binary".into())]);
    }
}

/// A list of constants (numbers or texts, and null), told as such: generators would make names of them.
fn choices(all: &[Value], to: &mut Map<String, Value>) -> bool {
    let only: Option<Vec<Value>> = all.iter().map(|one| one.get("const").cloned()).collect();
    only.is_some_and(|only| spread(&only, to) || listed(&only, to))
}

/// Which texts, in words. Nothing, where there are others.
fn listed(all: &[Value], to: &mut Map<String, Value>) -> bool {
    let texts: Vec<String> = all.iter().filter(|one| one.is_string()).map(ToString::to_string).collect();
    if texts.is_empty() || all.iter().any(|one| !one.is_string() && !one.is_null()) {
        return false;
    }
    told(to, &format!("One of {}.", texts.join(", ")));
    true
}

/// From the least to the greatest of these numbers, and in words which. Nothing, where there are others.
fn spread(all: &[Value], to: &mut Map<String, Value>) -> bool {
    let numbers: Vec<&Value> = all.iter().filter(|one| one.is_number()).collect();
    let by_size = |a: &&&Value, b: &&&Value| a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0));
    let (Some(least), Some(greatest)) = (numbers.iter().min_by(by_size), numbers.iter().max_by(by_size)) else {
        return false;
    };
    if all.iter().any(|one| !one.is_number() && !one.is_null()) {
        return false;
    }
    to.insert("minimum".to_owned(), (*least).clone());
    to.insert("maximum".to_owned(), (*greatest).clone());
    let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    told(to, &format!("One of {}.", words.join(", ")));
    true
}

/// Adds to the description.
fn told(to: &mut Map<String, Value>, words: &str) {
    let said = to.get("description").and_then(Value::as_str).filter(|said| !said.is_empty());
    let said = said.map_or_else(|| words.to_owned(), |said| format!("{said}\n\n{words}"));
    to.insert("description".to_owned(), said.into());
}
