//! What a container printed, as the visitor asked for it: stdout itself, the
//! envelope, or a page.
//!
//! A container's bytes are never `text/html`, and carry a policy that lets a
//! browser load and run nothing from them.

use serde_json::{Value, json};

use super::answer::{SANDBOX, html_page, json_bytes, varied};
use super::file_name::output_name;
use super::html::{self, Frame};
use super::json::{merge, output};
use super::outcome::{failure, media};
use super::problem::show_problem;
use crate::http::{ENVELOPE, Payload, Representation, Request, Response};
use crate::reply::Excerpt;
use crate::run::{End, Outcome};
use crate::service::FinishedRun;

/// Most bytes of stdout in an envelope; the output itself comes whole.
const ENVELOPE_STDOUT: usize = 1024 * 1024;
/// Longest value of an `X-Run-…` field in bytes.
const MAX_FIELD: usize = 2048;

/// Shows a finished run.
pub fn show(ran: FinishedRun, request: &Request, frame: &Frame<'_>) -> Response {
    let lifetime = match ran.max_age {
        Some(seconds) if ran.outcome.succeeded() => format!("public, max-age={seconds}"),
        _ => "no-store".to_owned(),
    };
    match request.representation {
        Representation::Page => {
            let status = failure(&ran).map_or(200, |problem| problem.status());
            with_run_fields(html_page(status, html::result(&ran, frame)), &ran).with("Cache-Control", lifetime)
        }
        Representation::Envelope => {
            let bytes = json_bytes(&envelope(&ran));
            let response = varied(Response::new(200, ENVELOPE, bytes)).with("Cache-Control", lifetime);
            if ran.outcome.truncated { response.with("X-Run-Truncated", "true") } else { response }
        }
        Representation::Raw | Representation::Events => raw(ran, request, frame, &lifetime),
    }
}

fn raw(ran: FinishedRun, request: &Request, frame: &Frame<'_>, lifetime: &str) -> Response {
    if let Some(mut problem) = failure(&ran) {
        problem.instance = request.id.clone();
        return with_run_fields(show_problem(&problem, request, frame), &ran);
    }
    let media = media(&ran.outcome.stdout, ran.output);
    let name = output_name(&ran.target, &ran.spec, ran.report.given(), media);
    let mut response = with_run_fields(varied(Response::new(200, media, Vec::new())), &ran)
        .with("Content-Disposition", format!("inline; filename=\"{name}\""))
        .with("Content-Security-Policy", SANDBOX)
        .with("Cache-Control", lifetime);
    response.payload = Payload::Bytes(ran.outcome.stdout.into());
    response
}

/// What the run says beside its output: bounded, percent-encoded.
fn with_run_fields(response: Response, ran: &FinishedRun) -> Response {
    let mut response = response.with("X-Run-Elapsed-Ms", ran.outcome.elapsed.as_millis().to_string());
    if let End::Exited(code) = ran.outcome.end {
        response = response.with("X-Run-Exit-Code", code.to_string());
    }
    if !ran.report.ignored().is_empty() {
        response = response.with("X-Run-Ignored", list(ran.report.ignored().iter().map(|name| encoded(name))));
    }
    if !ran.report.changed().is_empty() {
        let changes = ran.report.changed().iter().map(|change| {
            format!("{}={};{}", encoded(change.name.as_str()), encoded(&change.before), encoded(&change.after))
        });
        response = response.with("X-Run-Changed", list(changes));
    }
    response
}

fn list(items: impl Iterator<Item = String>) -> String {
    let mut field = String::new();
    for item in items {
        if field.len() + item.len() + 2 > MAX_FIELD {
            field.push_str(if field.is_empty() { "..." } else { ", ..." });
            break;
        }
        if !field.is_empty() {
            field.push_str(", ");
        }
        field.push_str(&item);
    }
    field
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// All that is known of a run.
pub fn envelope(ran: &FinishedRun) -> Value {
    let Outcome { end, stdout, truncated, stderr_truncated, elapsed, .. } = &ran.outcome;
    let kept = Excerpt::beginning(stdout, ENVELOPE_STDOUT);
    let cut = kept.cut;
    let mut value = json!({
        "command": ran.command,
        "exit_code": match end { End::Exited(code) => Some(*code), _ => None },
        "end": end.code(),
        "detail": failure(ran).map(|problem| problem.detail),
    });
    merge(&mut value, output(&kept.bytes));
    merge(
        &mut value,
        json!({
            "stderr": ran.stderr,
            "truncated": *truncated || cut,
            "stderr_truncated": stderr_truncated,
            "elapsed_ms": elapsed.as_millis() as u64,
            "ignored": ran.report.ignored(),
            "changed": ran.report.changed(),
            "image": { "name": ran.target.image.as_str(), "size": ran.size },
            "runtime": ran.runtime,
        }),
    );
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_and_bounded() {
        assert_eq!(encoded("a b\r\n;ä"), "a%20b%0D%0A%3B%C3%A4");
        let long = list((0..1000).map(|number| format!("name{number}")));
        assert!(long.len() <= MAX_FIELD + 5 && long.ends_with(", ..."));
    }
}
