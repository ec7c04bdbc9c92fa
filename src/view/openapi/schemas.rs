//! What the program's own answers look like, a schema each.
//!
//! The members are those of `view/json.rs`, `view/run.rs`, `view/outcome.rs` and `view/events.rs`; tests hold them together.

use serde_json::{Map, Value, json};

use super::super::json::{merge, put};
use super::parts::{change, detail, elapsed, end, exit_code, list, named, names, object};
use super::stream;
use crate::args::KEYWORDS;

/// A schema of [`schemas`], as the value of a media type.
pub fn of(name: &str) -> Value {
    json!({ "schema": named(name) })
}

/// Plain text, or a page.
pub fn text() -> Value {
    json!({ "schema": { "type": "string" } })
}

/// Some JSON.
pub fn any() -> Value {
    json!({ "schema": {} })
}

/// Each has a name of its own, by which generated clients call it.
pub fn schemas() -> Value {
    let labels = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let mut all = json!({
        "Problem": problem_schema(),
        "ArgumentError": argument_error(),
        "ChangedWord": change(),
        "Folder": folder(),
        "FolderImage": folder_image(),
        "InnerFolder": linked(),
        "Image": image(),
        "ImageArgument": image_argument(),
        "ImageApp": linked(),
        "Args": args(),
        "Labels": labels,
        "Health": health(),
        "HealthCheck": health_check(),
        "OpenApi": open_api(),
        "RunEnvelope": envelope(),
        "RunImage": object(&["name", "size"], json!({ "name": { "type": "string" }, "size": size() })),
    });
    merge(&mut all, Value::Object(stream::schemas()));
    all
}

/// RFC 9457 §3, and our own members.
fn problem_schema() -> Value {
    object(
        &["type", "title", "status", "detail", "instance"],
        json!({
            "type": {
                "type": "string", "format": "uri-reference", "pattern": "/container/problems/[a-z-]+$",
                "description": "An address of this site that explains the problem. Programs compare its last part",
            },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What happened, and what to do next" },
            "instance": { "type": "string", "description": "Names the request in the site's log" },
            "errors": list(named("ArgumentError")),
            "ignored": names("Undeclared names"),
            "exit_code": { "type": "integer" },
            "stdout": { "type": ["string", "null"], "description": "The end of what the run wrote to stdout, at most 64 KiB; its beginning when the output is too long; null when it is no text" },
            "stdout_base64": { "type": "string", "contentEncoding": "base64", "description": "There when stdout is no text" },
            "stderr": { "type": "string", "description": "The end of what the run wrote to stderr" },
        }),
    )
}

/// An argument that cannot be used.
fn argument_error() -> Value {
    object(
        &["name", "code", "reason"],
        json!({
            "name": { "type": "string" },
            "code": { "type": "string", "pattern": "^[a-z-]+$", "description": "A word for programs" },
            "reason": { "type": "string", "description": "What to write instead" },
        }),
    )
}

fn size() -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0, "description": "Bytes; a directory has none" })
}

fn nullable_text() -> Value {
    json!({ "type": ["string", "null"] })
}

fn link() -> Value {
    json!({ "type": "string", "format": "uri-reference" })
}

fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// Something with an address of its own.
fn linked() -> Value {
    object(&["name", "url"], json!({ "name": { "type": "string" }, "url": link() }))
}

fn folder() -> Value {
    let next = json!({ "type": ["string", "null"], "format": "uri-reference" });
    let count = |least: u32| json!({ "type": "integer", "minimum": least });
    object(
        &["images", "folders", "total", "page", "next", "up"],
        json!({
            "images": list(named("FolderImage")), "folders": list(named("InnerFolder")), "total": count(0),
            "page": count(1), "next": next.clone(), "up": next,
        }),
    )
}

fn folder_image() -> Value {
    object(
        &["name", "url", "size", "modified"],
        json!({
            "name": { "type": "string" },
            "url": link(),
            "size": size(),
            "modified": moment(),
            "format": { "type": "string" },
            "architecture": nullable_text(),
            "summary": nullable_text(),
            "args": named("Args"),
            "error": { "type": "string", "description": "Why it cannot be read" },
            "refused": { "type": "string", "description": "Why it is not run" },
        }),
    )
}

fn image_argument() -> Value {
    let mut properties = json!({
        "name": { "type": "string" },
        "type": { "type": "string", "enum": ["str", "int", "float", "bool"] },
        "required": { "type": "boolean" },
    });
    for keyword in KEYWORDS {
        let schema = match keyword.of_type {
            None => json!({}),
            Some("array") => list(json!({})),
            Some(kind) => json!({ "type": kind }),
        };
        put(&mut properties, keyword.name, schema);
    }
    object(&["name", "type", "required"], properties)
}

fn image() -> Value {
    object(
        &[
            "name",
            "app",
            "size",
            "modified",
            "format",
            "help",
            "args",
            "arguments",
            "output",
            "labels",
            "apps",
            "links",
        ],
        json!({
            "name": { "type": "string" },
            "app": nullable_text(),
            "size": size(),
            "modified": moment(),
            "format": { "type": "string" },
            "architecture": nullable_text(),
            "help": nullable_text(),
            "runscript": nullable_text(),
            "command": { "type": "string" },
            "args": named("Args"),
            "arguments": list(named("ImageArgument")),
            "output": nullable_text(),
            "labels": named("Labels"),
            "apps": list(named("ImageApp")),
            "notes": names("What else to know"),
            "warnings": names("What in the labels is not used, and why"),
            "links": { "type": "object", "additionalProperties": { "type": ["string", "null"], "format": "uri-reference" } },
            "definition": { "type": "string" },
            "refused": { "type": "string", "description": "Why it is not run" },
            "errors": list(named("ArgumentError")),
            "ignored": names("Undeclared names"),
            "changed": list(named("ChangedWord")),
        }),
    )
}

fn args() -> Value {
    let kinds = ["str", "int", "float", "bool"];
    let properties: Map<String, Value> =
        kinds.into_iter().map(|kind| (kind.to_owned(), list(json!({ "type": "string" })))).collect();
    object(&kinds, Value::Object(properties))
}

fn health() -> Value {
    object(&["ready", "checks"], json!({ "ready": { "type": "boolean" }, "checks": list(named("HealthCheck")) }))
}

fn health_check() -> Value {
    object(
        &["check", "weight", "ok", "reason"],
        json!({
            "check": { "type": "string" },
            "weight": { "type": "string", "enum": ["needed", "promised", "better"] },
            "ok": { "type": "boolean" },
            "reason": nullable_text(),
        }),
    )
}

fn open_api() -> Value {
    object(
        &["openapi", "info", "paths"],
        json!({ "openapi": { "type": "string", "pattern": "^3\\.[01]\\." }, "info": { "type": "object" }, "paths": { "type": "object" } }),
    )
}

fn envelope() -> Value {
    object(
        &[
            "command",
            "exit_code",
            "end",
            "detail",
            "stdout",
            "truncated",
            "stderr",
            "stderr_truncated",
            "elapsed_ms",
            "ignored",
            "changed",
            "image",
            "runtime",
        ],
        json!({
            "command": { "type": "string", "description": "To copy and paste into a shell" },
            "exit_code": exit_code(),
            "end": end(),
            "detail": detail(),
            "stdout": { "type": ["string", "null"], "description": "Its beginning, at most 1 MiB; null when it is not text" },
            "stdout_base64": { "type": "string", "contentEncoding": "base64", "description": "Present if stdout is not text" },
            "truncated": { "type": "boolean", "description": "Whether stdout was cut" },
            "stderr": { "type": "string", "description": "Its end" },
            "stderr_truncated": { "type": "boolean" },
            "elapsed_ms": elapsed(),
            "ignored": names("Undeclared names"),
            "changed": list(named("ChangedWord")),
            "image": named("RunImage"),
            "runtime": { "type": "string", "description": "What the container runtime calls itself" },
        }),
    )
}
