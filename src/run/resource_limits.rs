//! Resource limits (getrlimit(2)), processors and the order in which the kernel ends processes: of this process, inherited
//! by all that it starts.
//!
//! In: numbers. Out: an error of the kernel. A limit is never raised.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Starts something that the kernel ends first when the host has no memory left: a run, and not a server
/// (proc_pid_oom_score_adj(5), which children inherit).
pub fn first_to_go<T>(start: impl FnOnce() -> T) -> T {
    const OWN: &str = "/proc/self/oom_score_adj";
    let before = std::fs::read_to_string(OWN);
    // refused nowhere that is known; if it were, the run would stand where all others do
    let _ = std::fs::write(OWN, "1000");
    let started = start();
    let _ = before.and_then(|before| std::fs::write(OWN, before));
    started
}

/// Lets a file that may not become longer (getrlimit(2) RLIMIT_FSIZE: a log, say) be an error of whoever writes, as a full
/// disk is, and not the end of this process. What it starts is as it was: execve(2) takes handlers away.
pub fn outlive_full_files() {
    let seen = std::sync::Arc::default();
    // refused nowhere: it is a signal that can be handled
    let _ = signal_hook::flag::register(rustix::process::Signal::XFSZ.as_raw(), seen);
}

/// Descriptors that a server asks for: five a request, for its threads.
const SERVER_DESCRIPTORS: u64 = 16 * 1024;
/// Descriptors of a process of a run, at first (more than select(2) takes helps few) and at most. Well below what a
/// server has: the kernel counts the descriptors that are on their way through sockets for each account, and holds the
/// count against the limit of whoever sends one more (unix(7), ETOOMANYREFS). A server sends one to each supervisor.
const RUN_DESCRIPTORS: u64 = 1024;
const MOST_DESCRIPTORS: u64 = 4096;

/// Lets a server open as many descriptors as it needs, as far as it may.
pub fn more_descriptors() {
    soften(SERVER_DESCRIPTORS);
}

/// Gives this process, which becomes a run, fewer descriptors than a server has.
pub fn limit_descriptors() -> io::Result<()> {
    let ours = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    lower(Resource::Nofile, MOST_DESCRIPTORS.min(ours / 4))?;
    soften(RUN_DESCRIPTORS);
    Ok(())
}

fn soften(to: u64) {
    let now = getrlimit(Resource::Nofile);
    let current = Some(now.maximum.map_or(to, |maximum| maximum.min(to)));
    // refused: then the old limit holds, and a full server lets visitors wait
    let _ = setrlimit(Resource::Nofile, Rlimit { current, ..now });
}

/// Sets a limit, or leaves one that is lower already.
pub fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let now = getrlimit(resource);
    let limit = now.maximum.map_or(to, |maximum| maximum.min(to));
    Ok(setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?)
}

/// Threads of all processes of this account, as RLIMIT_NPROC counts them.
pub fn threads_of_account() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    let mut threads = 0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        if is_process && entry.metadata().is_ok_and(|metadata| metadata.uid() == me) {
            let tasks = std::fs::read_dir(entry.path().join("task")).map_or(1, |tasks| tasks.count() as u64);
            threads += tasks;
        }
    }
    threads
}

/// Keeps `count` of the processors we may use, other ones for each run.
pub fn assign_processors(count: usize) -> io::Result<()> {
    let ours = sched_getaffinity(None)?;
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| ours.is_set(*cpu)).collect();
    let mut kept = CpuSet::new();
    let first = std::process::id() as usize % allowed.len().max(1);
    for cpu in allowed.iter().cycle().skip(first).take(count.clamp(1, allowed.len().max(1))) {
        kept.set(*cpu);
    }
    Ok(sched_setaffinity(None, &kept)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_counted() {
        assert!(threads_of_account() >= 1);
    }
}
