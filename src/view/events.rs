//! A run while it happens: server-sent events (HTML standard §9.2).
//!
//! `command`, then `stdout` and `stderr` as the container prints, then
//! `exit`. Each `data` is one line of JSON and each event has an `id`; a
//! comment goes out at least once a second, which also shows whether the
//! visitor is still there. Writes to nobody: the bytes wait in the stream.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::messages;
use super::outcome::Ending;
use crate::args::BindReport;
use crate::run::{End, Event, gives_up};

/// The events of one run, as bytes that wait for their reader.
pub struct EventStream {
    waiting: Vec<u8>,
    count: u64,
    written: Instant,
    stdout: Text,
    stderr: Lines,
    /// Bytes of stderr that may still go out.
    stderr_left: usize,
    /// What was there, for the words at the end.
    seen: Seen,
}

/// What a run has written so far.
#[derive(Default)]
struct Seen {
    stdout: bool,
    stderr: bool,
    runtime_gave_up: bool,
}

/// Bytes of stderr that are told live; then it is said that the rest is not.
const MAX_STDERR: usize = 1024 * 1024;

impl EventStream {
    /// Begins with the command and what was ignored or changed.
    pub fn begin(command: &str, report: &BindReport) -> EventStream {
        let mut stream = EventStream {
            waiting: Vec::new(),
            count: 0,
            written: Instant::now(),
            stdout: Text::default(),
            stderr: Lines::default(),
            stderr_left: MAX_STDERR,
            seen: Seen::default(),
        };
        let data = json!({ "command": command, "ignored": report.ignored(), "changed": report.changed() });
        stream.send("command", &data);
        stream
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    /// The reader has taken so many of them.
    pub fn taken(&mut self, count: usize) {
        self.waiting.drain(..count.min(self.waiting.len()));
        self.written = Instant::now();
    }

    /// Adds one event of the run. `scrub` takes paths out of stderr.
    pub fn event(&mut self, event: &Event, context: &RunContext<'_>) {
        match event {
            Event::Stdout(bytes) => {
                self.seen.stdout = true;
                if let Some(data) = self.stdout.piece(bytes) {
                    self.send("stdout", &data);
                }
            }
            Event::Stderr(_) if self.stderr_left == 0 => {}
            Event::Stderr(bytes) => {
                let lines = self.stderr.piece(bytes);
                self.stderr(&lines, context);
            }
            Event::Silence => {
                let rest = self.stderr.rest();
                self.stderr(&rest, context);
                self.waiting.extend_from_slice(b":\n\n");
            }
            Event::End(end) => self.end(end, context),
        }
    }

    fn stderr(&mut self, bytes: &[u8], context: &RunContext<'_>) {
        if bytes.is_empty() {
            return;
        }
        self.seen.stderr |= !bytes.trim_ascii().is_empty();
        self.seen.runtime_gave_up |= String::from_utf8_lossy(bytes).lines().any(gives_up);
        if bytes.len() > self.stderr_left {
            self.stderr_left = 0;
            self.send("stderr", &json!({ "text": messages::STDERR_CUT }));
            return;
        }
        self.stderr_left -= bytes.len();
        self.send("stderr", &json!({ "text": (context.scrub)(&String::from_utf8_lossy(bytes)) }));
    }

    fn end(&mut self, end: &End, context: &RunContext<'_>) {
        let rest = self.stderr.rest();
        self.stderr(&rest, context);
        if let Some(data) = self.stdout.rest() {
            self.send("stdout", &data);
        }
        let ending = Ending {
            image: context.image,
            end,
            truncated: context.truncated,
            launched: context.launched,
            has_stdout: self.seen.stdout,
            has_stderr: self.seen.stderr,
            runtime_gave_up: self.seen.runtime_gave_up,
            elapsed: Duration::from_millis(context.elapsed_ms),
        };
        let data = json!({
            "exit_code": match end { End::Exited(code) => Some(*code), _ => None },
            "end": end.code(),
            "detail": ending.failure().map(|(_, detail)| detail),
            "truncated": context.truncated,
            "elapsed_ms": context.elapsed_ms,
        });
        self.send("exit", &data);
    }

    fn send(&mut self, name: &str, data: &Value) {
        self.count += 1;
        self.waiting.extend(format!("id: {}\nevent: {name}\ndata: {data}\n\n", self.count).into_bytes());
    }

    /// How long the reader has taken nothing.
    pub fn silent_for(&self) -> Duration {
        self.written.elapsed()
    }
}

/// What the end of a stream says, and how its stderr is made fit for visitors.
pub struct RunContext<'a> {
    /// Takes paths of the server out.
    pub scrub: &'a dyn Fn(&str) -> String,
    /// The image's name.
    pub image: &'a str,
    /// Whether a launcher carries the run elsewhere.
    pub launched: bool,
    /// Whether stdout was cut.
    pub truncated: bool,
    /// Wall time so far.
    pub elapsed_ms: u64,
}

/// A stream of bytes as pieces of text; a character that is cut in two waits
/// for its rest.
#[derive(Default)]
struct Text {
    waiting: Vec<u8>,
}

impl Text {
    /// `{"text":…}`, or `{"base64":…}` for bytes that are not UTF-8.
    fn piece(&mut self, bytes: &[u8]) -> Option<Value> {
        self.waiting.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.waiting);
        match std::str::from_utf8(&bytes) {
            Ok(text) => (!text.is_empty()).then(|| json!({ "text": text })),
            Err(error) if error.error_len().is_none() => {
                let (whole, cut) = bytes.split_at(error.valid_up_to());
                self.waiting = cut.to_vec();
                (!whole.is_empty()).then(|| json!({ "text": String::from_utf8_lossy(whole) }))
            }
            Err(_) => Some(json!({ "base64": BASE64.encode(&bytes) })),
        }
    }

    fn rest(&mut self) -> Option<Value> {
        let bytes = std::mem::take(&mut self.waiting);
        (!bytes.is_empty()).then(|| json!({ "base64": BASE64.encode(&bytes) }))
    }
}

/// stderr by whole lines, so that a path in it is never cut in two; a line
/// that does not end waits for the next silence.
#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
}

/// Bytes of one unfinished line that wait.
const MAX_LINE: usize = 64 * 1024;

impl Lines {
    fn piece(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.waiting.extend_from_slice(bytes);
        let end = self.waiting.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        match end {
            Some(end) => self.waiting.drain(..=end).collect(),
            None if self.waiting.len() > MAX_LINE => self.rest(),
            None => Vec::new(),
        }
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(events: &[Event]) -> String {
        let mut stream = EventStream::begin("apptainer run x.sif", &BindReport::default());
        let scrub = |text: &str| text.replace("/srv/x.sif", "x.sif");
        let context = RunContext { scrub: &scrub, image: "x.sif", launched: false, truncated: false, elapsed_ms: 7 };
        for event in events {
            stream.event(event, &context);
        }
        let whole = stream.waiting().to_vec();
        stream.taken(3);
        assert_eq!(stream.waiting(), &whole[3..]);
        String::from_utf8(whole).unwrap()
    }

    #[test]
    fn each_piece_is_one_event_with_an_id() {
        let sent = stream(&[
            Event::Stdout(b"one\ntwo".to_vec()),
            Event::Silence,
            Event::Stderr(b"no /srv/".to_vec()),
            Event::Stderr(b"x.sif\n".to_vec()),
            Event::End(End::Exited(0)),
        ]);
        let expected = "id: 1\nevent: command\ndata: {\"command\":\"apptainer run x.sif\",\"ignored\":[],\"changed\":[]}\n\n\
             id: 2\nevent: stdout\ndata: {\"text\":\"one\\ntwo\"}\n\n:\n\n\
             id: 3\nevent: stderr\ndata: {\"text\":\"no x.sif\\n\"}\n\n\
             id: 4\nevent: exit\ndata: {\"exit_code\":0,\"end\":\"exited\",\"detail\":null,\"truncated\":false,\"elapsed_ms\":7}\n\n";
        assert_eq!(sent, expected);
    }

    #[test]
    fn the_last_event_says_in_words_what_went_wrong() {
        let end = |events: &[Event]| stream(events).rsplit("event: exit").next().unwrap_or_default().to_owned();
        let failed = end(&[Event::Stdout(b"bad value\n".to_vec()), Event::End(End::Exited(3))]);
        assert!(failed.contains("The end of its output may say why."), "{failed}");
        let failed = end(&[Event::Stderr(b"FATAL:   no\n".to_vec()), Event::End(End::Exited(255))]);
        assert!(failed.contains("The container runtime could not run x.sif."), "{failed}");
        assert!(end(&[Event::End(End::Exited(137))]).contains("SIGKILL"));
    }

    #[test]
    fn a_character_cut_in_two_is_put_together_and_other_bytes_are_base64() {
        let sent = stream(&[Event::Stdout(b"a\xc3".to_vec()), Event::Stdout(b"\xa4".to_vec())]);
        assert!(sent.contains("{\"text\":\"a\"}") && sent.contains("{\"text\":\"ä\"}"), "{sent}");
        let sent = stream(&[Event::Stdout(b"\xff\x00".to_vec())]);
        assert!(sent.contains("{\"base64\":\"/wA=\"}"), "{sent}");
        let sent = stream(&[Event::Stdout(b"a\xc3".to_vec()), Event::End(End::Lost)]);
        assert!(sent.contains("{\"base64\":\"ww==\"}"), "{sent}");
    }
}
