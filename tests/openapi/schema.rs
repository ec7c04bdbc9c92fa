//! As much of JSON Schema 2020-12 as our documents use of it for answers.
//!
//! Stricter in one thing: where `properties` are given and `additionalProperties` is not, a member that is not among
//! them is an error, so that nothing is answered that is not described.

use serde_json::Value;

/// What a `$ref` into the same document stands for.
pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        None => value,
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference into the document");
            document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
    }
}

/// What is wrong with `value`.
pub fn check(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    visit(document, schema, value, "", &mut wrong);
    wrong
}

fn visit(document: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let schema = resolved(document, schema);
    let types = match schema.get("type") {
        None => Vec::new(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(one) => vec![one.as_str().expect("a type")],
    };
    if !types.is_empty() && !types.iter().any(|name| is(name, value)) {
        wrong.push(format!("{at}: {value} is not {types:?}"));
    }
    if schema.get("enum").is_some_and(|all| !all.as_array().expect("a list").contains(value)) {
        wrong.push(format!("{at}: {value} is not among {}", schema["enum"]));
    }
    if schema.get("const").is_some_and(|one| one != value) {
        wrong.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        visit(document, &schema["items"], item, &format!("{at}/{index}"), wrong);
    }
    if let Value::Object(members) = value {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                wrong.push(format!("{at}: no {name}"));
            }
        }
        for (name, member) in members {
            let at = format!("{at}/{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(property), _) => visit(document, property, member, &at, wrong),
                (None, Some(rest)) => visit(document, rest, member, &at, wrong),
                (None, None) if schema.get("properties").is_some() && !open(schema) => {
                    wrong.push(format!("{at} is not described"));
                }
                (None, None) => {}
            }
        }
    }
}

/// The schema of a whole OpenAPI document says only what tells it from other things.
fn open(schema: &Value) -> bool {
    schema["properties"].get("openapi").is_some()
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("type {other}"),
    }
}
