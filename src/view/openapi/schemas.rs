//! The parts of a document that are the same for every folder: what the program's own answers look like.
//!
//! The members are those of `view/json.rs`, `view/run.rs`, `view/outcome.rs` and `view/events.rs`; tests hold them together.

use serde_json::{Map, Value, json};

use super::super::json::{merge, put};
use super::super::media::{BYTES, JSON, PROBLEM};
use super::parts::{change, detail, elapsed, end, exit_code, list, names, object};
use super::stream;
use crate::args::{KEYWORDS, MediaType};
use crate::http::reason;
use crate::http::{ENVELOPE, EVENTS};

/// A schema of [`components`], as the value of a media type.
pub fn of(name: &str) -> Value {
    json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } })
}

/// Plain text, or a page.
pub fn text() -> Value {
    json!({ "schema": { "type": "string" } })
}

/// The content of every refusal: a problem for programs, the same as a page for people.
fn problem() -> Value {
    json!({ PROBLEM: of("Problem"), "text/html": text() })
}

/// What a raw answer says beside the output.
fn run_headers() -> Value {
    let names = ["X-Run-Exit-Code", "X-Run-Elapsed-Ms", "X-Run-Ignored", "X-Run-Changed", "X-Run-Truncated"];
    let reference = |name: &str| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    Value::Object(names.into_iter().map(reference).collect())
}

/// All of them: the same in each document, but for the outputs that images declare.
pub fn components(outputs: impl Iterator<Item = Option<MediaType>>) -> Value {
    let mut responses = responses();
    for output in outputs {
        let name = run_name(output);
        if !responses.contains_key(&name) {
            responses.insert(name, run(output));
        }
    }
    json!({ "schemas": schemas(), "responses": responses, "headers": headers() })
}

/// What the answer of a run is called among the components, by the declared type of its output.
pub fn run_name(output: Option<MediaType>) -> String {
    match output {
        None => "Run".to_owned(),
        Some(output) => format!("Run.{}", output.as_str().replace(['/', '+'], ".")),
    }
}

fn run(output: Option<MediaType>) -> Value {
    let printed = match output {
        Some(output) => format!("`{output}`"),
        None => format!("`{JSON}` when the whole of it is JSON, `text/plain` when it is other text, else `{BYTES}`"),
    };
    // what comes first is what generators and people take for the answer
    let mut content = Map::new();
    match output {
        Some(output) if output.is_text() => content.insert(output.as_str().to_owned(), text()),
        Some(output) => content.insert(output.as_str().to_owned(), json!({})),
        None => {
            content.insert(JSON.to_owned(), json!({}));
            content.insert("text/plain".to_owned(), text());
            content.insert(BYTES.to_owned(), json!({}))
        }
    };
    content.extend([
        (ENVELOPE.to_owned(), of("Envelope")),
        (EVENTS.to_owned(), of("RunEvent")),
        ("text/html".to_owned(), text()),
    ]);
    json!({
        "description": format!(
            "By `Accept`: what it prints ({printed}); all that is known of the run (`{ENVELOPE}`, also of one that \
             failed); what it prints while it prints it (`{EVENTS}`: events `command`, `stdout`, `stderr`, `exit`); a page."
        ),
        "headers": run_headers(),
        "content": content,
    })
}

/// Status and when it is answered.
const PROBLEMS: [(u16, &str); 12] = [
    (400, "The request cannot be understood."),
    (403, "A page asked for a run that this site does not allow, or others can change the image. Nothing has run."),
    (404, "The image or app no longer exists."),
    (411, "The body has no length."),
    (413, "The body is too long."),
    (414, "The query is too long: send the arguments by POST."),
    (415, "The body is neither a form nor JSON."),
    (421, "This server does not answer for that host."),
    (422, "The image cannot be read, or images of its kind are not run here. `detail` says why."),
    (500, "Something went wrong here. The site's log has the reason, under the request's id."),
    (502, "The run failed, or its output is longer than this site keeps: `exit_code`, `stdout` and `stderr` say how."),
    (504, "The run did not finish in time and was ended."),
];

const FORM: &str = "A page of another site led its visitor here. Nothing has run. Go to the form, which is filled in.";

fn responses() -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, description) in PROBLEMS {
        let mut response = json!({ "description": description, "content": problem() });
        if matches!(status, 502 | 504) {
            put(&mut response, "headers", run_headers());
        }
        responses.insert(format!("Problem{status}"), response);
    }
    let later = [
        (429, "your address has as many runs, or answers that are not read yet, as one address may"),
        (503, "all slots are busy, or something that is needed is missing"),
    ];
    for (status, why) in later {
        let response = json!({
            "description": format!("{}: {why}. Ask again later.", reason(status)),
            "headers": { "Retry-After": { "$ref": "#/components/headers/Retry-After" } },
            "content": problem(),
        });
        responses.insert(format!("Problem{status}"), response);
    }
    let rejected = "Some arguments cannot be used. `errors` lists all of them.";
    responses.insert("BadArguments".to_owned(), json!({ "description": rejected, "content": problem() }));
    responses.insert(
        "NotModified".to_owned(),
        json!({
            "description": "`If-None-Match` names the ETag of the answer as it is now.",
            "headers": { "ETag": { "$ref": "#/components/headers/ETag" } },
        }),
    );
    responses.insert(
        "Nothing".to_owned(),
        json!({ "description": "The request has a `Last-Event-ID`. A run is not repeated when a connection was lost." }),
    );
    for (name, description) in [("Elsewhere", "Go there."), ("Form", FORM)] {
        let location = json!({ "required": true, "schema": { "type": "string", "format": "uri-reference" } });
        let response = json!({
            "description": description, "headers": { "Location": location }, "content": { "text/plain": text() },
        });
        responses.insert(name.to_owned(), response);
    }
    responses
}

fn headers() -> Value {
    json!({
        "ETag": { "description": "A hash of the answer.", "required": true, "schema": { "type": "string" } },
        "Retry-After": { "description": "How many seconds to wait before the next try.", "schema": { "type": "integer", "minimum": 0 } },
        "X-Run-Exit-Code": { "description": "Exit status of the run.", "schema": { "type": "integer" } },
        "X-Run-Elapsed-Ms": { "description": "Its wall time in milliseconds.", "schema": { "type": "integer", "minimum": 0 } },
        "X-Run-Ignored": {
            "description": "Undeclared names that were not passed: percent-encoded, separated by commas.",
            "schema": { "type": "string" },
        },
        "X-Run-Changed": {
            "description": "Words that lost characters: `name=before;after`, each percent-encoded, separated by commas.",
            "schema": { "type": "string" },
        },
        "X-Run-Truncated": { "description": "Present if the output was longer than the site allows and was cut.", "schema": { "const": "true" } },
    })
}

fn schemas() -> Value {
    let mut all = json!({ "Problem": problem_schema(), "Folder": folder(), "Image": image(), "Args": args() });
    merge(&mut all, json!({ "Labels": { "type": "object", "additionalProperties": { "type": "string" } } }));
    merge(&mut all, json!({ "Health": health(), "OpenApi": open_api(), "Envelope": envelope() }));
    merge(&mut all, stream::schemas());
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
            "errors": list(error()),
            "ignored": names("Undeclared names"),
            "exit_code": { "type": "integer" },
            "stdout": { "type": ["string", "null"], "description": "The end of what the run wrote to stdout, at most 64 KiB; its beginning when the output is too long; null when it is no text" },
            "stdout_base64": { "type": "string", "contentEncoding": "base64", "description": "There when stdout is no text" },
            "stderr": { "type": "string", "description": "The end of what the run wrote to stderr" },
        }),
    )
}

/// An argument that cannot be used.
fn error() -> Value {
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

fn folder() -> Value {
    let row = object(
        &["name", "url", "size", "modified"],
        json!({
            "name": { "type": "string" },
            "url": link(),
            "size": size(),
            "modified": moment(),
            "format": { "type": "string" },
            "architecture": nullable_text(),
            "summary": nullable_text(),
            "args": { "$ref": "#/components/schemas/Args" },
            "error": { "type": "string", "description": "Why it cannot be read" },
        }),
    );
    let next = json!({ "type": ["string", "null"], "format": "uri-reference" });
    let count = |least: u32| json!({ "type": "integer", "minimum": least });
    let inner = object(&["name", "url"], json!({ "name": { "type": "string" }, "url": link() }));
    object(
        &["images", "folders", "total", "page", "next", "up"],
        json!({
            "images": list(row), "folders": list(inner), "total": count(0), "page": count(1), "next": next.clone(),
            "up": next,
        }),
    )
}

fn image() -> Value {
    let mut properties = json!({
        "name": { "type": "string" },
        "type": { "enum": ["str", "int", "float", "bool"] },
        "required": { "type": "boolean" },
    });
    for keyword in KEYWORDS {
        put(&mut properties, keyword.name, keyword.of_type.map_or(json!({}), |kind| json!({ "type": kind })));
    }
    let argument = object(&["name", "type", "required"], properties);
    let app = object(&["name", "url"], json!({ "name": { "type": "string" }, "url": link() }));
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
            "args": { "$ref": "#/components/schemas/Args" },
            "arguments": list(argument),
            "output": nullable_text(),
            "labels": { "$ref": "#/components/schemas/Labels" },
            "apps": list(app),
            "notes": names("What else to know"),
            "warnings": names("What in the labels is not used, and why"),
            "links": { "type": "object", "additionalProperties": { "type": ["string", "null"], "format": "uri-reference" } },
            "definition": { "type": "string" },
            "refused": { "type": "string", "description": "Why it is not run" },
            "errors": list(error()),
            "ignored": names("Undeclared names"),
            "changed": list(change()),
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
    let check = object(
        &["check", "weight", "ok", "reason"],
        json!({
            "check": { "type": "string" },
            "weight": { "enum": ["needed", "promised", "better"] },
            "ok": { "type": "boolean" },
            "reason": nullable_text(),
        }),
    );
    object(&["ready", "checks"], json!({ "ready": { "type": "boolean" }, "checks": list(check) }))
}

fn open_api() -> Value {
    object(
        &["openapi", "info", "paths"],
        json!({ "openapi": { "type": "string", "pattern": "^3\\.1\\." }, "info": { "type": "object" }, "paths": { "type": "object" } }),
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
            "changed": list(change()),
            "image": object(&["name", "size"], json!({ "name": { "type": "string" }, "size": size() })),
            "runtime": { "type": "string", "description": "What the container runtime calls itself" },
        }),
    )
}
