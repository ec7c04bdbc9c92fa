//! What arrives while a run goes on: the schema of one event, and of the data in it.
//!
//! OpenAPI 3.1 has no word for a stream of things; readers take the schema of `text/event-stream` for that of each event
//! (3.2 calls it `itemSchema`). The data of an event is text that holds JSON (JSON Schema 2020-12, Validation §8).
//! Its members are those of `view/events.rs`; tests hold them together.

use serde_json::{Value, json};

use super::super::media::JSON;
use super::parts::{change, detail, elapsed, end, exit_code, list, names, object};

/// Event → the schema of its data.
const EVENTS: [(&str, &str); 4] =
    [("command", "RunCommand"), ("stdout", "RunOutput"), ("stderr", "RunOutput"), ("exit", "RunExit")];

pub fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    json!({
        "RunEvent": { "oneOf": EVENTS.map(|(name, data)| event(name, data)) },
        "RunCommand": object(
            &["command", "ignored", "changed"],
            json!({ "command": text(), "ignored": names("Undeclared names"), "changed": list(change()) }),
        ),
        "RunOutput": {
            "type": "object",
            "properties": { "text": text(), "base64": { "type": "string", "contentEncoding": "base64" } },
            "minProperties": 1,
            "maxProperties": 1,
            "description": "A piece of output: text, or base64 of bytes that are not UTF-8",
        },
        "RunExit": object(
            &["exit_code", "end", "detail", "truncated", "elapsed_ms"],
            json!({ "exit_code": exit_code(), "end": end(), "detail": detail(), "truncated": { "type": "boolean" }, "elapsed_ms": elapsed() }),
        ),
    })
}

fn event(name: &str, data: &str) -> Value {
    let data = json!({ "$ref": format!("#/components/schemas/{data}") });
    object(
        &["id", "event", "data"],
        json!({
            "id": { "type": "string", "pattern": "^[0-9]+$" },
            "event": { "const": name },
            "data": { "type": "string", "contentMediaType": JSON, "contentSchema": data },
        }),
    )
}
