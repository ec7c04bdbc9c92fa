//! Small schemas that several answers share: lists, objects, and the facts of a run.
//!
//! Out: JSON Schema (2020-12). The words are those of `view/outcome.rs`; tests hold them together.

use serde_json::{Value, json};

/// An object with these members, of which some are required.
pub fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

/// A list of such items.
pub fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// Another schema of the document.
pub fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The bytes of such a file: no text, so no type (OpenAPI 3.1 §4.8.14.1).
pub fn bytes(media: &str) -> Value {
    json!({ "schema": { "contentMediaType": media } })
}

/// A list of names.
pub fn names(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

/// A word that lost characters.
pub fn change() -> Value {
    let text = || json!({ "type": "string" });
    object(&["name", "before", "after"], json!({ "name": text(), "before": text(), "after": text() }))
}

/// How a run ended by itself.
pub fn exit_code() -> Value {
    json!({ "type": ["integer", "null"], "description": "Null when the run did not end by itself" })
}

/// How a run ended.
pub fn end() -> Value {
    json!({ "type": "string", "enum": ["exited", "killed", "deadline", "output-limit", "cancelled", "not-executed", "lost"] })
}

/// What went wrong, in words.
pub fn detail() -> Value {
    json!({ "type": ["string", "null"], "description": "What went wrong, in words; null when nothing did" })
}

/// How long a run took.
pub fn elapsed() -> Value {
    json!({ "type": "integer", "minimum": 0, "description": "Wall time in milliseconds" })
}
