//! What arrives while a run goes on: events, and the data in each of them.
//!
//! OpenAPI 3.1 has no word for a stream of things (3.2 calls it `itemSchema`). Some readers see the whole stream, which is a
//! text (HTML §9.2.6), others each event with its fields; the schema of `text/event-stream` accepts both, and says of events
//! what they are. The data of an event is text that holds JSON (JSON Schema 2020-12, Validation §8). Its members are those of
//! `view/events.rs`; tests hold them together.

use serde_json::{Map, Value, json};

use super::super::media::JSON;
use super::parts::{detail, elapsed, end, exit_code, list, named, names, object};
use crate::http::EVENTS;

/// Event, its schema, the schema of its data.
const KINDS: [(&str, &str, &str); 4] = [
    ("command", "RunEventCommand", "RunCommand"),
    ("stdout", "RunEventStdout", "RunOutput"),
    ("stderr", "RunEventStderr", "RunOutput"),
    ("exit", "RunEventExit", "RunExit"),
];

/// The stream as the value of a media type.
pub fn media() -> Value {
    json!({ "schema": { "anyOf": [{ "type": "string", "contentMediaType": EVENTS }, named("RunEvent")] } })
}

pub fn schemas() -> Map<String, Value> {
    let text = || json!({ "type": "string" });
    let one_of = KINDS.map(|(_, schema, _)| named(schema));
    let mut all = Map::new();
    let mut add = |name: &str, schema: Value| all.insert(name.to_owned(), schema);
    add("RunEvent", json!({ "oneOf": one_of, "description": "One event of a run that is watched" }));
    for (event, schema, data) in KINDS {
        add(schema, self::event(event, data));
    }
    add(
        "RunCommand",
        object(
            &["command", "ignored", "changed"],
            json!({ "command": text(), "ignored": names("Undeclared names"), "changed": list(named("ChangedWord")) }),
        ),
    );
    add(
        "RunOutput",
        json!({
            "type": "object",
            "properties": { "text": text(), "base64": { "type": "string", "contentEncoding": "base64" } },
            "minProperties": 1,
            "maxProperties": 1,
            "description": "A piece of output: text, or base64 of bytes that are not UTF-8",
        }),
    );
    add(
        "RunExit",
        object(
            &["exit_code", "end", "detail", "truncated", "elapsed_ms"],
            json!({
                "exit_code": exit_code(), "end": end(), "detail": detail(), "truncated": { "type": "boolean" },
                "elapsed_ms": elapsed(),
            }),
        ),
    );
    all
}

fn event(name: &str, data: &str) -> Value {
    object(
        &["id", "event", "data"],
        json!({
            "id": { "type": "string", "pattern": "^[0-9]+$" },
            "event": { "type": "string", "const": name },
            "data": { "type": "string", "contentMediaType": JSON, "contentSchema": named(data) },
        }),
    )
}
