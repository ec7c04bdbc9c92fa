//! One question: a program that says yes by its end, no by its end or its words, or nothing.
//!
//! In: a program and its words. Out: an [`Answer`], within [`QUESTION`] and bounds of bytes. Also: which words tell of
//! something that passes, so that they are no *no*.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::MemfdFlags;
use rustix::process::Signal;

use super::abilities::QUESTION;
use super::invocation::ENVIRONMENT;
use super::keeper::REFUSED;
use super::process_tree;

/// Bytes of an answer that are read.
const MAX_ANSWER: u64 = 64 * 1024;

/// What a program answers.
pub enum Answer {
    /// What it printed; it ended with status 0.
    Text(String),
    /// The program says no: of ours, with the status for that; of others, with any but 0.
    Refused(String),
    /// It did not end in time.
    Late,
    /// It could not be started, or was killed.
    Failed(String),
}

/// What a program prints, within bounds. It prints into files in memory: whatever it leaves behind keeps nobody waiting.
pub fn answer(program: &Path, words: &[&str], more: &[(String, String)]) -> Answer {
    answered(program, words, more).unwrap_or_else(|error| Answer::Failed(error.to_string()))
}

fn answered(program: &Path, words: &[&str], more: &[(String, String)]) -> io::Result<Answer> {
    let file = || rustix::fs::memfd_create("answer", MemfdFlags::CLOEXEC).map(File::from);
    let (mut out, mut err) = (file()?, file()?);
    let mut command = Command::new(program);
    command
        .args(words)
        .env_clear()
        .envs(ENVIRONMENT)
        .envs(more.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(err.try_clone()?)
        .process_group(0);
    let mut child = process_tree::spawn(&mut command)?;
    let ended = child.ends_within(QUESTION);
    let _ = rustix::process::kill_process_group(child.pid(), Signal::KILL);
    let status = child.wait()?;
    if !ended {
        return Ok(Answer::Late);
    }
    let text = |file: &mut File| -> io::Result<String> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.take(MAX_ANSWER).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (out, why) = (text(&mut out)?, text(&mut err)?);
    let why = format!("{status}: {}", why.trim());
    let ours = program == Path::new("/proc/self/exe");
    Ok(match status.code() {
        Some(0) => Answer::Text(out),
        Some(code) if !passing(&why) && (!ours || code == i32::from(REFUSED)) => Answer::Refused(why),
        _ => Answer::Failed(why),
    })
}

/// Whether these words tell of something that passes: the kernel's names for EAGAIN, ENOMEM, EMFILE, ENFILE, EINTR,
/// ETIMEDOUT, ECHILD, ESRCH; and ENOSPC, unless it is a number of namespaces that is 0 for good.
pub fn passing(words: &str) -> bool {
    const PASSING: [&str; 10] = [
        "resource temporarily unavailable",
        "cannot allocate memory",
        "out of memory",
        "too many open files",
        "interrupted",
        "timed out",
        "no child processes",
        "no such process",
        "killed",
        "deadline exceeded",
    ];
    const FULL: [&str; 2] = ["no space left on device", "namespaces exceeded"];
    let words = words.to_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    says(&PASSING) || (says(&FULL) && !some_namespace_is_forbidden())
}

/// Whether the number of some kind of namespaces is 0 here (namespaces(7), /proc/sys/user).
fn some_namespace_is_forbidden() -> bool {
    ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"].iter().any(|kind| {
        let most = std::fs::read_to_string(format!("/proc/sys/user/max_{kind}_namespaces"));
        most.is_ok_and(|most| most.trim() == "0")
    })
}
