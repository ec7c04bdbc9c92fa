//! What the end of a run means: whether it gives an answer, of which type, and in which words it failed.
//!
//! In: a finished run. Out: a media type, a [`Problem`], a word for programs. Never: decides how that looks.

use super::media::{JSON, TEXT};
use crate::args::MediaType;
use crate::problems::Code;
use crate::reply::Problem;
use crate::run::End;
use crate::service::Ran;

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
                "The output of {name} is longer than this site allows, and the launcher cannot say whether the \
                 container finished its work. Ask for less."
            ),
        ),
        End::Exited(0) | End::OutputLimit => return None,
        End::Exited(255) if ran.stderr.lines().any(|line| line.starts_with("FATAL:")) => (
            Code::RuntimeFailed,
            format!(
                "The container runtime could not run {name}. Its message says why. The site's owner or the image's \
                    author can tell you more."
            ),
        ),
        End::Exited(status) => (
            Code::ContainerFailed,
            format!(
                "{name} ended with exit status {status}. Its output on stderr says why. The image's author can tell \
                    you more."
            ),
        ),
        End::Signalled(signal) => (
            Code::ContainerKilled,
            format!(
                "{name} was killed by signal {signal}. Often this means that it used too much memory. The image's \
                    author can tell you more."
            ),
        ),
        End::Deadline => (
            Code::Deadline,
            format!(
                "{name} did not finish in time. It was ended after {} s. Ask for less work.",
                ran.outcome.elapsed.as_secs()
            ),
        ),
        End::Cancelled => (Code::Cancelled, format!("{name} was ended, because nobody was waiting for it.")),
        End::NotExecuted(_) => {
            (Code::NoRuntime, "The container runtime cannot be executed. The site's log has the reason.".to_owned())
        }
        End::Lost => (Code::RunLost, format!("Something outside this program ended the run of {name}. Try again.")),
    };
    Some(reason)
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
}
