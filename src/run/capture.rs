//! The output of a program that is asked something: yes by its exit status, no by its status and message, or nothing.
//!
//! In: a program and its arguments. Out: an [`Answer`], within [`TIMEOUT`] and bounds of bytes. Also: which words tell of
//! something transient, so that they are no *no*.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::process::Signal;

use super::environment::ENVIRONMENT;
use super::process_tree;
use super::trials::REFUSED;
use super::user_namespace;

/// How long a program may take: a run that waits hears of a runtime that hangs.
pub const TIMEOUT: Duration = Duration::from_secs(4);
/// Bytes that a program can print on each of its outputs; after that it is told EPERM.
const MAX_ANSWER: u64 = 1024 * 1024;

/// What a program answers.
pub enum Answer {
    /// What it printed; it ended with status 0.
    Text(String),
    /// The program says no: of ours, with the status for that; of others, with any but 0.
    Refused(String),
    /// It did not end in time.
    TimedOut,
    /// It could not be started, or was killed.
    Failed(String),
}

/// What a program prints, within bounds. It prints into files in memory: whatever it leaves behind keeps nobody waiting.
pub fn capture(program: &Path, arguments: &[&str], more: &[(String, String)]) -> Answer {
    run(program, arguments, more).unwrap_or_else(|error| Answer::Failed(error.to_string()))
}

fn run(program: &Path, arguments: &[&str], more: &[(String, String)]) -> io::Result<Answer> {
    let (mut out, mut err) = (bounded_file()?, bounded_file()?);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .envs(more.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(err.try_clone()?)
        .process_group(0);
    let mut child = process_tree::spawn(&mut command)?;
    let ended = child.ends_within(TIMEOUT);
    let _ = rustix::process::kill_process_group(child.pid(), Signal::KILL);
    let status = child.wait()?;
    if !ended {
        return Ok(Answer::TimedOut);
    }
    let (Some(out), Some(why)) = (printed(&mut out)?, printed(&mut err)?) else {
        return Ok(Answer::Failed(format!("it prints more than {MAX_ANSWER} bytes")));
    };
    let why = format!("{status}: {}", why.trim());
    let ours = program == Path::new("/proc/self/exe");
    Ok(match status.code() {
        Some(0) => Answer::Text(out),
        Some(code) if !is_transient(&why) && (!ours || code == i32::from(REFUSED)) => Answer::Refused(why),
        _ => Answer::Failed(why),
    })
}

/// A file in memory that cannot become longer than [`MAX_ANSWER`] (memfd_create(2), F_SEAL_GROW).
fn bounded_file() -> io::Result<File> {
    let file = File::from(rustix::fs::memfd_create("answer", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.set_len(MAX_ANSWER)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SHRINK)?;
    Ok(file)
}

/// What was written through the shared offset; nothing where it was too much.
fn printed(file: &mut File) -> io::Result<Option<String>> {
    let length = file.stream_position()?;
    if length >= MAX_ANSWER {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether these words tell of something transient: the kernel's names for EAGAIN, ENOMEM, EMFILE, ENFILE, EINTR,
/// ETIMEDOUT, ECHILD, ESRCH; a program that crashed (the dump of a Go program, a thread or an image driver that could not be
/// made under load); and ENOSPC, unless it is a number of namespaces that is 0 for good.
pub fn is_transient(words: &str) -> bool {
    const TRANSIENT: [&str; 17] = [
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
        "goroutine ",
        "panic:",
        "fatal error:",
        "runtime/cgo:",
        "new os thread",
        "no such image driver",
        "segmentation fault",
    ];
    let words = words.to_lowercase();
    TRANSIENT.iter().any(|text| words.contains(text)) || (is_full(&words) && !user_namespace::some_are_forbidden())
}

/// Whether these words tell of ENOSPC: a disk, or a number of namespaces, is full.
pub fn is_full(words: &str) -> bool {
    let words = words.to_lowercase();
    ["no space left on device", "namespaces exceeded"].iter().any(|text| words.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_bounded_and_a_cut_one_is_none() {
        let print = |bytes: u64| capture(Path::new("/bin/sh"), &["-c", &format!("head -c {bytes} /dev/zero")], &[]);
        assert!(matches!(print(3), Answer::Text(text) if text == "\0\0\0"));
        assert!(matches!(print(MAX_ANSWER - 1), Answer::Text(text) if text.len() as u64 == MAX_ANSWER - 1));
        for bytes in [MAX_ANSWER, 100 * MAX_ANSWER] {
            assert!(matches!(print(bytes), Answer::Failed(_)));
        }
    }
}
