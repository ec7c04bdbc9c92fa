//! What the end of a run means: whether it gives an answer, of which type, and in which words it failed.
//!
//! In: a finished run. Out: a media type, a [`Problem`], a word for programs. Never: decides how that looks.

use std::time::Duration;

use super::media::{BYTES, JSON, TEXT};
use crate::args::MediaType;
use crate::problems::Code;
use crate::reply::{Excerpt, Problem};
use crate::run::{End, Outcome, gives_up, signal, signal_of};
use crate::service::FinishedRun;

/// The type of an answer: the declared one, unless the bytes contradict it; else `application/json` when the whole of it
/// is JSON, `text/plain` when it is text, else bytes.
pub fn media(stdout: &[u8], output: Option<MediaType>) -> &'static str {
    let text = text(stdout);
    match output {
        Some(output) if output.is_json() && !is_json(text) => {}
        Some(output) if output.is_text() && text.is_none() => {}
        Some(output) => return output.as_field(),
        None if is_json(text) => return JSON,
        None => {}
    }
    if text.is_some() { TEXT } else { BYTES }
}

/// Bytes that are text: UTF-8 without NUL.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// RFC 8259: one value, in UTF-8.
fn is_json(text: Option<&str>) -> bool {
    text.is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// Most bytes of stdout that a problem holds.
const MAX_STDOUT: usize = 64 * 1024;

/// Why the run gives no answer, in words; `None` when it does.
pub fn failure(ran: &FinishedRun) -> Option<Problem> {
    let Outcome { end, stdout, truncated, elapsed, .. } = &ran.outcome;
    let ending = Ending {
        image: ran.target.image.as_str(),
        end,
        truncated: *truncated,
        launched: ran.carried,
        has_stdout: !stdout.is_empty(),
        has_stderr: !ran.stderr.trim().is_empty(),
        runtime_gave_up: ran.stderr.lines().any(gives_up),
        elapsed: *elapsed,
    };
    let (code, detail) = ending.failure()?;
    let mut problem = Problem::new(code, detail);
    problem.exit_code = match ran.outcome.end {
        End::Exited(status) => Some(status),
        _ => None,
    };
    problem.stderr = Some(ran.stderr.clone());
    problem.stdout = Some(match code {
        Code::OutputLimit => Excerpt::beginning(stdout, MAX_STDOUT),
        _ => Excerpt::end(stdout, MAX_STDOUT),
    });
    problem.ignored = ran.report.ignored().to_vec();
    problem.retry_after = (problem.status() == 503).then_some(30);
    problem.target = Some((&ran.target).into());
    Some(problem)
}

/// What is known when a run has ended, for whoever says it in words.
#[derive(Debug)]
pub struct Ending<'a> {
    /// The image's name.
    pub image: &'a str,
    /// How it ended.
    pub end: &'a End,
    /// Whether stdout was cut at its limit.
    pub truncated: bool,
    /// Whether a launcher carried it elsewhere: then its exit status is the launcher's.
    pub launched: bool,
    /// Whether it wrote to stdout.
    pub has_stdout: bool,
    /// Whether it wrote to stderr.
    pub has_stderr: bool,
    /// Whether the runtime says that it runs nothing.
    pub runtime_gave_up: bool,
    /// Wall time.
    pub elapsed: Duration,
}

impl Ending<'_> {
    /// The kind of failure and what happened this time; `None` of a run that did its work.
    pub fn failure(&self) -> Option<(Code, String)> {
        let name = self.image;
        let failure = match self.end {
            _ if self.truncated || *self.end == End::OutputLimit => (Code::OutputLimit, self.too_long()),
            End::Exited(0) => return None,
            End::Exited(255) if self.runtime_gave_up => (
                Code::RuntimeFailed,
                format!(
                    "The container runtime could not run {name}. Its message says why. The site's owner or the image's \
                     author can tell you more."
                ),
            ),
            End::Exited(status) => (Code::ContainerFailed, self.failed(*status)),
            End::Signalled(number) => (
                Code::ContainerKilled,
                match signal(*number) {
                    Some(signal) => format!("{name} {} (signal {number}, {}).", signal.meaning, signal.name),
                    None => format!("{name} was ended by signal {number}."),
                },
            ),
            End::Deadline => (
                Code::Deadline,
                format!(
                    "{name} did not finish in time. It was ended after {} s. Ask for less work.",
                    self.elapsed.as_secs()
                ),
            ),
            End::Cancelled => (Code::Cancelled, format!("{name} was ended, because nobody was waiting for it.")),
            End::NotExecuted(_) => {
                (Code::NoRuntime, "The container runtime cannot be executed. The site's log has the reason.".to_owned())
            }
            End::OutputLimit | End::Lost => {
                (Code::RunLost, format!("Something outside this program ended the run of {name}. Try again."))
            }
        };
        Some(failure)
    }

    fn too_long(&self) -> String {
        let name = self.image;
        let launched = match self.launched {
            true => " The launcher cannot say whether the container finished its work.",
            false => "",
        };
        format!(
            "The output of {name} is longer than this site keeps, so it was cut and the run ended.{launched} Ask for less."
        )
    }

    /// An exit status in words, and where to look for more.
    fn failed(&self, status: i32) -> String {
        let name = self.image;
        let what = match (signal_of(status), status) {
            (Some(signal), _) => format!("{name} {} (exit status {status}, {}).", signal.meaning, signal.name),
            (None, 126) => format!("{name} has a command that cannot be executed (exit status 126)."),
            (None, 127) => format!("{name} calls a command that does not exist (exit status 127)."),
            (None, _) => format!("{name} ended with exit status {status}."),
        };
        let where_to_look = match (self.has_stderr, self.has_stdout) {
            (true, _) => "What it wrote to stderr may say why.",
            (false, true) => "It wrote nothing to stderr. The end of its output may say why.",
            (false, false) => "It wrote nothing that says why.",
        };
        format!("{what} {where_to_look} The image's author can tell you more.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_fits_the_bytes() {
        let declared = |name| MediaType::from_label(name).ok();
        const CSV: &str = "text/csv; charset=utf-8";
        for (stdout, output, expected) in [
            (&b"{\"a\": 1}\n"[..], None, JSON),
            (b"3", None, JSON),
            (b"3 4", None, TEXT),
            (b"{\"a\": 1} {}", None, TEXT),
            (b"", None, TEXT),
            (b"<html><script>", None, TEXT),
            (b"\xff\xfe", None, BYTES),
            (b"a\0b", None, BYTES),
            (b"\"a\xff\"", None, BYTES),
            // what is declared comes first
            (b"a,b\n1,2\n", declared("text/csv"), CSV),
            (b"3", declared("text/csv; charset=UTF-8"), CSV),
            (b"3", declared("application/json"), JSON),
            (b"\x89PNG\0", declared("image/png"), "image/png"),
            (b"text", declared("image/png"), "image/png"),
            // unless the bytes contradict it
            (b"\xe4,\xf6", declared("text/csv"), BYTES),
            (b"Error: no", declared("application/json"), TEXT),
            (b"\xff", declared("application/json"), BYTES),
        ] {
            assert_eq!(media(stdout, output), expected, "{stdout:?} {output:?}");
        }
    }

    #[test]
    fn words_fit_what_is_there() {
        let ending = |end, has_stdout, has_stderr, truncated| {
            let ending = Ending {
                image: "x.sif",
                end: &end,
                truncated,
                launched: false,
                has_stdout,
                has_stderr,
                runtime_gave_up: false,
                elapsed: Duration::from_secs(3),
            };
            ending.failure().map(|(code, detail)| format!("{code}: {detail}")).unwrap_or_default()
        };
        assert_eq!(ending(End::Exited(0), true, true, false), "");
        for (end, has_stdout, has_stderr, expected) in [
            (
                End::Exited(3),
                true,
                true,
                "container-failed: x.sif ended with exit status 3. What it wrote to stderr may",
            ),
            (
                End::Exited(3),
                true,
                false,
                "exit status 3. It wrote nothing to stderr. The end of its output may say why.",
            ),
            (End::Exited(3), false, false, "exit status 3. It wrote nothing that says why."),
            (
                End::Exited(137),
                false,
                false,
                "x.sif was killed, often because it used too much memory (exit status 137, SIGKILL).",
            ),
            (
                End::Exited(139),
                false,
                false,
                "x.sif crashed: it used memory that is not its own (exit status 139, SIGSEGV).",
            ),
            (End::Exited(143), false, false, "x.sif was told to end (exit status 143, SIGTERM)."),
            (End::Exited(127), false, true, "x.sif calls a command that does not exist (exit status 127)."),
            (End::Signalled(9), false, false, "container-killed: x.sif was killed, often because"),
            (End::OutputLimit, true, false, "output-limit: The output of x.sif is longer than this site keeps"),
            (End::Deadline, true, false, "deadline: x.sif did not finish in time. It was ended after 3 s."),
        ] {
            let words = ending(end, has_stdout, has_stderr, false);
            assert!(words.contains(expected), "{words}");
        }
        // the end came by itself, and what was printed was more than is kept
        assert!(ending(End::Exited(0), true, false, true).starts_with("output-limit: "));
    }
}
