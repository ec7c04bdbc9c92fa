//! What a container printed, as the visitor asked for it: stdout itself, the
//! envelope, or a page.
//!
//! A container's bytes are never `text/html`, and carry a policy that lets a
//! browser load and run nothing from them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{Frame, JSON, html, html_page, json_bytes, show_problem, varied};
use crate::args::MediaType;
use crate::http::{ENVELOPE, Representation, Request, Response};
use crate::problems::Code;
use crate::reply::Problem;
use crate::run::{End, Outcome};
use crate::service::Ran;

const TEXT: &str = "text/plain; charset=utf-8";
/// For everything a container printed.
pub const SANDBOX: &str = "sandbox; default-src 'none'";
/// Most bytes of stdout in an envelope; the output itself comes whole.
const ENVELOPE_STDOUT: usize = 1024 * 1024;
/// Longest value of an `X-Run-…` field in bytes.
const MAX_FIELD: usize = 2048;

/// Shows a finished run.
pub fn show(ran: Ran, request: &Request, frame: &Frame<'_>) -> Response {
    let lifetime = match ran.max_age {
        Some(seconds) if ran.outcome.succeeded() && !ran.outcome.truncated => format!("public, max-age={seconds}"),
        _ => "no-store".to_owned(),
    };
    match request.representation {
        Representation::Page => {
            let status = failure(&ran).map_or(200, |problem| problem.status());
            told(html_page(status, html::result(&ran, frame)), &ran).with("Cache-Control", lifetime)
        }
        Representation::Envelope => {
            let bytes = json_bytes(&envelope(&ran));
            varied(Response::new(200, ENVELOPE, bytes)).with("Cache-Control", lifetime)
        }
        Representation::Raw | Representation::Events => raw(ran, request, frame, &lifetime),
    }
}

fn raw(ran: Ran, request: &Request, frame: &Frame<'_>, lifetime: &str) -> Response {
    if let Some(mut problem) = failure(&ran) {
        problem.instance = request.id.clone();
        return told(show_problem(&problem, request, frame), &ran);
    }
    let media = media(&ran.outcome.stdout, ran.output);
    let mut response = told(varied(Response::new(200, media, Vec::new())), &ran)
        .with("Content-Security-Policy", SANDBOX)
        .with("Cache-Control", lifetime);
    response.payload = crate::http::Payload::Bytes(ran.outcome.stdout.into());
    response
}

/// `application/json` when the whole of it is JSON, else the declared type,
/// else text.
pub fn media(stdout: &[u8], output: Option<MediaType>) -> &'static str {
    match output {
        _ if is_json(stdout) => JSON,
        Some(output) => output.as_str(),
        None => TEXT,
    }
}

/// RFC 8259: one value, in UTF-8.
fn is_json(stdout: &[u8]) -> bool {
    let text = std::str::from_utf8(stdout);
    text.is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// What the run says beside its output: bounded, percent-encoded.
fn told(response: Response, ran: &Ran) -> Response {
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
    if ran.outcome.truncated {
        response = response.with("X-Run-Truncated", "true");
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

/// Why the run gives no answer, in words; `None` when it does.
pub fn failure(ran: &Ran) -> Option<Problem> {
    let (code, detail) = reason(ran)?;
    let mut problem = Problem::new(code, detail);
    problem.exit_code = match ran.outcome.end {
        End::Exited(status) => Some(status),
        _ => None,
    };
    problem.stderr = Some(ran.stderr.clone());
    problem.ignored = ran.report.ignored().to_vec();
    problem.retry_after = (problem.status() == 503).then_some(30);
    problem.target = Some(ran.target.clone());
    Some(problem)
}

/// The row of a run that failed, and what happened this time.
fn reason(ran: &Ran) -> Option<(Code, String)> {
    let name = ran.target.image.as_str();
    let reason = match &ran.outcome.end {
        _ if ran.carried && ran.outcome.truncated => (
            Code::OutputCut,
            format!(
                "The output of {name} is longer than this site keeps, and what carried the run elsewhere cannot say \
                 whether it did its work. Ask for less."
            ),
        ),
        End::Exited(0) | End::OutputLimit => return None,
        End::Exited(255) if ran.stderr.lines().any(|line| line.starts_with("FATAL:")) => (
            Code::RuntimeFailed,
            format!(
                "The container runtime could not run {name}. Its message says why; the site's owner or the image's \
                 author can tell more."
            ),
        ),
        End::Exited(status) => (
            Code::ContainerFailed,
            format!(
                "{name} ended with exit status {status}. What it wrote to stderr says why; the image's author can tell \
                 more."
            ),
        ),
        End::Signalled(signal) => (
            Code::ContainerKilled,
            format!(
                "{name} was killed by signal {signal}. Often this means that it used too much memory; the image's \
                 author can tell more."
            ),
        ),
        End::Deadline => (
            Code::Deadline,
            format!(
                "{name} did not finish in time: it was ended after {} s. Ask for less work.",
                ran.outcome.elapsed.as_secs()
            ),
        ),
        End::Cancelled => (Code::Cancelled, format!("{name} was ended. Nobody waited for it.")),
        End::NotExecuted(_) => (
            Code::NoRuntime,
            "The container runtime cannot be executed. The site's owner finds the reason in the log.".to_owned(),
        ),
        End::Lost => (Code::RunLost, format!("The run of {name} was ended from outside; try again.")),
    };
    Some(reason)
}

/// All that is known of a run.
pub fn envelope(ran: &Ran) -> Value {
    let Outcome { end, stdout, truncated, stderr_truncated, elapsed, .. } = &ran.outcome;
    let kept = stdout.get(..ENVELOPE_STDOUT).unwrap_or(stdout);
    let cut = kept.len() < stdout.len();
    let text = match std::str::from_utf8(kept) {
        Ok(text) if !text.contains('\0') => json!({ "stdout": text }),
        Err(error) if cut && error.error_len().is_none() => json!({ "stdout": String::from_utf8_lossy(kept) }),
        _ => json!({ "stdout": null, "stdout_base64": BASE64.encode(kept) }),
    };
    let mut value = json!({
        "command": ran.command,
        "exit_code": match end { End::Exited(code) => Some(*code), _ => None },
        "end": end_word(end),
    });
    super::json::merge(&mut value, text);
    super::json::merge(
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

/// How a run ended, for programs.
pub fn end_word(end: &End) -> &'static str {
    match end {
        End::Exited(_) => "exited",
        End::Signalled(_) => "killed",
        End::Deadline => "deadline",
        End::OutputLimit => "output-limit",
        End::Cancelled => "cancelled",
        End::NotExecuted(_) => "not-executed",
        End::Lost => "lost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_or_a_declared_type_or_text() {
        let csv = MediaType::from_allow_list("text/csv");
        for (stdout, output, expected) in [
            (&b"{\"a\": 1}\n"[..], None, JSON),
            (b"3", None, JSON),
            (b"3 4", None, TEXT),
            (b"{\"a\": 1} {}", None, TEXT),
            (b"", None, TEXT),
            (b"<html><script>", None, TEXT),
            (b"a,b\n1,2\n", csv, "text/csv"),
            (b"\xff\xfe", None, TEXT),
            (b"\"a\xff\"", None, TEXT),
        ] {
            assert!(media(stdout, output).starts_with(expected), "{stdout:?}");
        }
    }

    #[test]
    fn fields_are_encoded_and_bounded() {
        assert_eq!(encoded("a b\r\n;ä"), "a%20b%0D%0A%3B%C3%A4");
        let long = list((0..1000).map(|number| format!("name{number}")));
        assert!(long.len() <= MAX_FIELD + 5 && long.ends_with(", ..."));
    }
}
