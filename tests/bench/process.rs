//! One process: how long it takes, on the clock and on the processor, and how much memory a process has.
//!
//! The figures are the kernel's: `/proc/PID/schedstat` (nanoseconds on the processor, user and system together; the
//! same sum as in getrusage(2), without its rounding) and `/proc/PID/status` (proc(5)).

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::Result;

/// A process that has ended with status 0.
pub struct Finished {
    pub stdout: Vec<u8>,
    /// From before its start until its output and itself were at their end.
    pub wall: Duration,
    /// On the processor, from fork(2) to exit(2); of its first thread, the only one of a CGI program of ours.
    pub processor: Duration,
}

/// Runs a command: nothing on stdin, stdout read to its end, stderr thrown away.
pub fn run(command: &mut Command) -> Result<Finished> {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut stdout = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_end(&mut stdout)?;
    }
    let processor = on_processor(&child);
    let status = child.wait()?;
    let wall = begun.elapsed();
    if !status.success() {
        return Err(format!("{} ended with {status}", command.get_program().display()).into());
    }
    Ok(Finished { stdout, wall, processor: processor? })
}

/// Waits for the end of a process and leaves it to be reaped: so long the kernel keeps its figures.
fn on_processor(child: &Child) -> Result<Duration> {
    waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let figures = std::fs::read_to_string(format!("/proc/{}/schedstat", child.id()))?;
    let first = figures.split(' ').next().unwrap_or_default();
    Ok(Duration::from_nanos(first.parse()?))
}

/// A line of `/proc/PID/status` that counts kB, in megabytes: `VmRSS` now, `VmHWM` at most so far.
pub fn memory(process: &str, line: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let words = status.lines().find_map(|found| found.strip_prefix(line)).ok_or("the kernel does not count memory")?;
    let number: f64 = words.trim_matches([':', ' ', '\t', 'k', 'B']).parse()?;
    Ok(number * 1024.0 / 1e6)
}
