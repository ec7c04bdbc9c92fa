//! The audit log (`audit`): who ran what, with which arguments, and how it ended. JSON lines (one object a line).
//!
//! In: a caller, an image, arguments without secrets. Out: a line `begun` before the container starts and a line `ended` when
//! nothing of it is left, joined by `id`. A run whose server was killed has no second line.
//!
//! A line is appended whole under a lock (flock(2)) that is waited for 5 s at most; what could be written of half a line is
//! taken back. The file is opened for each line, so a file that was rotated away gets no more. There is no fsync(2): a line
//! survives the program, not the host's last seconds.
//!
//! What cannot be written down blocks nobody and is never lost silently: it is in the log, `state/audit.lost` counts it,
//! `health` tells it, and a line `lost` stands in the file before the next one. With `strict` nothing runs meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Caller, Opened, Service};
use crate::args::Arguments;
use crate::auth::{Action, Decision, Principal, Verb};
use crate::error::Error;
use crate::log;
use crate::run::{End, WhenEnded, state_file};
use crate::visitor::Visitor;

/// In the state folder: how many lines were lost (8 bytes), and why.
const LOST: &str = "audit.lost";
/// Longest reason that is kept.
const MAX_WHY: usize = 256;
/// How often a file that is moved away while it is opened is opened again.
const TRIES: usize = 16;

/// The first line of a run.
#[derive(Serialize)]
struct Begun<'a> {
    time: String,
    event: &'static str,
    id: &'a str,
    /// As rules name it; null: nobody has said a name.
    who: Option<String>,
    /// An address, a network, a word for what cannot be told apart, or `terminal`.
    from: &'a str,
    image: &'a str,
    app: Option<&'a str>,
    method: &'static str,
    arguments: &'a [String],
    /// The number of the rule that allowed it.
    rule: Option<usize>,
}

/// The second one.
#[derive(Serialize)]
struct Ended<'a> {
    time: String,
    event: &'static str,
    id: &'a str,
    who: &'a Option<String>,
    image: &'a str,
    end: &'static str,
    exit_code: Option<i32>,
    seconds: f64,
}

/// What stands in place of lines that could not be written.
#[derive(Serialize)]
struct Lost {
    time: String,
    event: &'static str,
    lines: u64,
    why: String,
}

impl Service {
    /// Writes down that a run begins. Out: what is to be called at its end.
    pub(super) fn audit(
        &self,
        caller: &Caller<'_>,
        opened: &Opened,
        arguments: &Arguments,
    ) -> Result<Option<WhenEnded>, Error> {
        let Some(path) = self.config.audit.clone() else { return Ok(None) };
        let rule = match self.decide(&caller.principal, Action::Run(caller.verb), &opened.image) {
            Decision::Allowed(rule) => Some(rule.number),
            _ => None,
        };
        let who = caller.principal.is_signed_in().then(|| caller.principal.to_string());
        let image = opened.target.image.to_string();
        let begun = line(&Begun {
            time: now(),
            event: "begun",
            id: &caller.id,
            who: who.clone(),
            from: from(caller),
            image: &image,
            app: opened.target.app.as_ref().map(|app| app.as_str()),
            method: if caller.verb == Verb::Get { "GET" } else { "POST" },
            arguments: arguments.shown(),
            rule,
        });
        let state = self.config.state.clone();
        self.slots(None)?; // makes the state folder
        if let Err(why) = write(&path, &state, &begun) {
            lose(&state, &caller.id, &why);
            if self.config.strict {
                return Err(Error::Audit(why));
            }
        }
        let id = caller.id.clone();
        Ok(Some(Box::new(move |end: &End, elapsed: Duration| {
            let exit_code = match end {
                End::Exited(code) => Some(*code),
                _ => None,
            };
            let seconds = elapsed.as_millis() as f64 / 1000.0;
            let (end, image) = (end.code(), image.as_str());
            let ended =
                line(&Ended { time: now(), event: "ended", id: &id, who: &who, image, end, exit_code, seconds });
            if let Err(why) = write(&path, &state, &ended) {
                lose(&state, &id, &why);
            }
        })))
    }

    /// Why lines are missing, or the next one would be. Lines that were lost are written down now, if that can be done: what
    /// stands in the file is missing no more.
    pub(super) fn audit_fails(&self) -> Option<io::Error> {
        let (path, state) = (self.config.audit.as_ref()?, &self.config.state);
        match lost_lines(state) {
            None => open(path).err(),
            Some((count, _)) => {
                let lost = |why| io::Error::other(format!("{count} lines could not be written: {why}"));
                write(path, state, b"").err().map(lost)
            }
        }
    }
}

/// From where a run is asked for.
fn from<'a>(caller: &Caller<'a>) -> &'a str {
    match caller.visitor {
        None if caller.principal == Principal::Owner => "terminal",
        None => "unknown",
        Some(Visitor::Known(key)) => key,
        Some(Visitor::Unknown(why)) => why.code(),
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

fn line(record: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(record).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Appends a line, behind one about those that were lost before.
fn write(path: &Path, state: &Path, line: &[u8]) -> io::Result<()> {
    match lost_lines(state) {
        None => append(path, line),
        Some((lines, why)) => {
            let lost = self::line(&Lost { time: now(), event: "lost", lines, why });
            append(path, &[&lost, line].concat())?;
            forget(state, lines);
            Ok(())
        }
    }
}

/// Appends bytes whole, or not at all.
fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    for _ in 0..TRIES {
        let mut file = open(path)?;
        state_file::lock(&file)?;
        if !state_file::is_at(&file, path) {
            continue; // rotated meanwhile
        }
        let length = file.metadata()?.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
        }
        // half a line of a host that went down stays one line
        let whole = if last == [b'\n'] { bytes.to_vec() } else { [b"\n", bytes].concat() };
        return file.write_all(&whole).inspect_err(|_| {
            let _ = file.set_len(length);
        });
    }
    Err(io::Error::other("it is replaced again and again"))
}

/// The file, for reading its end and for appending. A link, a FIFO or a device is none.
fn open(path: &Path) -> io::Result<File> {
    state_file::regular(OpenOptions::new().read(true).append(true).create(true), path)
}

/// Counts a line that could not be written.
fn lose(state: &Path, id: &str, why: &io::Error) {
    log::event("audit-lost", &[("id", &id), ("why", why)]);
    let counted = locked(state).and_then(|file| {
        let (count, _) = content(&file)?;
        let text: String = why.to_string().chars().take(MAX_WHY).collect();
        file.set_len(0)?;
        file.write_all_at(&[&(count + 1).to_le_bytes()[..], text.as_bytes()].concat(), 0)
    });
    if let Err(why) = counted {
        log::event("audit-lost-uncounted", &[("id", &id), ("why", &why)]);
    }
}

/// Takes lines off the count that the file tells now.
fn forget(state: &Path, lines: u64) {
    let _ = locked(state).and_then(|file| {
        let (count, _) = content(&file)?;
        match count.saturating_sub(lines) {
            0 => file.set_len(0),
            left => file.write_all_at(&left.to_le_bytes(), 0),
        }
    });
}

fn locked(state: &Path) -> io::Result<File> {
    let file = state_file::open(&state.join(LOST))?;
    state_file::lock(&file)?;
    Ok(file)
}

/// How many lines were lost and are told nowhere yet, and why the last one.
fn lost_lines(state: &Path) -> Option<(u64, String)> {
    let file = state_file::open_existing(&state.join(LOST)).ok()?;
    content(&file).ok().filter(|(count, _)| *count > 0)
}

fn content(file: &File) -> io::Result<(u64, String)> {
    let mut bytes = Vec::new();
    Read::take(file, 8 + 4 * MAX_WHY as u64).read_to_end(&mut bytes)?;
    let Some((count, why)) = bytes.split_first_chunk::<8>() else { return Ok((0, String::new())) };
    Ok((u64::from_le_bytes(*count), String::from_utf8_lossy(why).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whoever_writes_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, "{\"half\":").unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    (0..20).for_each(|_| append(path, &line(&vec![number; 3000])).unwrap());
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (161, "{\"half\":"));
        for line in &lines[1..] {
            let numbers: Vec<u32> = serde_json::from_str(line).unwrap();
            assert!(numbers.len() == 3000 && numbers.iter().all(|number| *number == numbers[0]));
        }
    }

    #[test]
    fn what_is_lost_is_counted_and_told_later() {
        let folder = tempfile::tempdir().unwrap();
        let (path, state) = (folder.path().join("gone/audit.jsonl"), folder.path());
        for _ in 0..3 {
            let why = write(&path, state, b"{}\n").unwrap_err();
            lose(state, "1", &why);
        }
        assert_eq!(lost_lines(state).unwrap().0, 3);
        std::fs::create_dir(folder.path().join("gone")).unwrap();
        write(&path, state, b"{}\n").unwrap();
        assert_eq!(lost_lines(state), None);
        let text = std::fs::read_to_string(&path).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&first["event"], &first["lines"], text.lines().count()), (&"lost".into(), &3.into(), 2));
    }

    #[test]
    fn a_link_or_a_fifo_in_its_place_holds_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (link, fifo) = (folder.path().join("link"), folder.path().join("fifo"));
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for path in [&link, &fifo] {
            assert!(append(path, b"{}\n").is_err());
        }
    }
}
