//! The answers that are the same for every folder: runs, refusals, redirects, and their header fields.
//!
//! The members of their content are in `schemas`; the statuses are those of `problems.rs`; tests hold them together.

use serde_json::{Map, Value, json};

use super::super::json::put;
use super::super::media::{BYTES, JSON, PROBLEM};
use super::parts::bytes;
use super::schemas::{any, of, schemas, text};
use super::stream;
use crate::args::MediaType;
use crate::http::{ENVELOPE, EVENTS, reason};

/// The content of every refusal: a problem for programs, the same as a page for people.
pub fn problem() -> Value {
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
    // what comes first is what generators and people take for the answer; of what is not declared, all can be read as text
    let mut content = Map::new();
    match output {
        Some(output) if output.is_text() => content.insert(output.as_str().to_owned(), text()),
        Some(output) if output.is_json() => content.insert(JSON.to_owned(), any()),
        Some(output) => content.insert(output.as_str().to_owned(), bytes(output.as_str())),
        None => {
            content.insert("text/plain".to_owned(), text());
            content.insert(JSON.to_owned(), any());
            content.insert(BYTES.to_owned(), bytes(BYTES))
        }
    };
    content.extend([
        (ENVELOPE.to_owned(), of("RunEnvelope")),
        (EVENTS.to_owned(), stream::media()),
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
const PROBLEMS: [(u16, &str); 13] = [
    (400, "The request cannot be understood."),
    (403, "A page asked for a run that this site does not allow, or others can change the image. Nothing has run."),
    (404, "The image or app no longer exists."),
    (411, "The body has no length."),
    (413, "The body is too long."),
    (414, "The address is too long: send the arguments by POST."),
    (415, "The body is neither a form nor JSON."),
    (421, "This server does not answer for that host."),
    (422, "The image cannot be read, or images of its kind are not run here. `detail` says why."),
    (431, "A header field is too large."),
    (500, "Something went wrong here. The site's log has the reason, under the request's id."),
    (
        502,
        "The run failed, or its output is too long (`exit_code`, `stdout` and `stderr` say how), or nothing answers here.",
    ),
    (504, "The run, or the application, did not finish in time. The run was ended."),
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
        (429, "your address has as many requests, runs, or answers that are not read yet, as one address may"),
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
        "X-Run-Truncated": { "description": "Present if the output was longer than the site allows and was cut.", "schema": { "type": "string", "const": "true" } },
    })
}
