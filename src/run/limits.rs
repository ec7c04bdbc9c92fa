//! The bounds of a run, and the part of them that is set on processes.
//!
//! The keeper sets resource limits (getrlimit(2)) on itself before it starts
//! the runtime, and all of the run inherits them: memory then holds for each
//! process by itself, processors are assigned and not enforced. Where the
//! runtime has cgroups it is told the limits too, and they hold for the run
//! as a whole. Which it is, `doctor` says.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

use super::abilities::Abilities;
use super::ability::Ability;
use super::cell::{self, Cell};

/// The bounds of a run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Wall time.
    pub deadline: Duration,
    /// Bytes of stdout.
    pub output: usize,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub processes: Option<u64>,
    /// Processors.
    pub cpus: Option<usize>,
    /// The user namespace in which the kernel counts what this run makes by
    /// itself (`cell.rs`), and not with the rest of the account.
    pub cell: Option<Cell>,
}

impl Limits {
    /// The user namespace of a run on this host.
    pub fn cell(abilities: &Abilities) -> Option<Cell> {
        let counted = abilities.has(Ability::UserNamespaces) && abilities.has(Ability::Counting);
        counted.then_some(if abilities.has(Ability::Nesting) { Cell::NotNested } else { Cell::Counted })
    }

    /// The flags by which the runtime sets them itself, where it can.
    pub fn flags(&self, abilities: &Abilities) -> Vec<String> {
        let mut flags = Vec::new();
        if abilities.has(Ability::Cgroups) {
            let mut add = |flag: &str, value: Option<String>| {
                if let Some(value) = value {
                    flags.extend([flag.to_owned(), value]);
                }
            };
            add("--memory", self.memory.map(|bytes| bytes.to_string()));
            add("--pids-limit", self.processes.map(|count| count.to_string()));
            add("--cpus", self.cpus.map(|count| count.to_string()));
        }
        flags
    }

    /// Sets what can be set on this process and its children.
    ///
    /// Without a cell (`cell.rs`) RLIMIT_NPROC counts all processes of the account, so
    /// those that are there already are added. RLIMIT_DATA counts what is really writable,
    /// unlike RLIMIT_AS, which a Go program exceeds before it does anything.
    pub fn set(&self) -> io::Result<()> {
        lower(Resource::Core, 0)?;
        let ours = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        lower(Resource::Nofile, MOST_DESCRIPTORS.min(ours / 4))?;
        soften(RUN_DESCRIPTORS);
        if let Some(bytes) = self.memory {
            lower(Resource::Data, bytes)?;
        }
        match (self.processes, self.cell) {
            // the keeper and the init are two more
            (Some(count), Some(cell)) => cell::enter(cell, count.saturating_add(2))?,
            (Some(count), None) => lower(Resource::Nproc, count.saturating_add(threads_of_account()))?,
            (None, _) => {}
        }
        if let Some(count) = self.cpus {
            assign(count)?;
        }
        Ok(())
    }
}

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
/// count against the limit of whoever sends one more (unix(7), ETOOMANYREFS). A server sends one to each keeper.
const RUN_DESCRIPTORS: u64 = 1024;
const MOST_DESCRIPTORS: u64 = 4096;

/// Lets a server open as many descriptors as it needs, as far as it may.
pub fn more_descriptors() {
    soften(SERVER_DESCRIPTORS);
}

fn soften(to: u64) {
    let now = getrlimit(Resource::Nofile);
    let current = Some(now.maximum.map_or(to, |maximum| maximum.min(to)));
    // refused: then the old limit holds, and a full server lets visitors wait
    let _ = setrlimit(Resource::Nofile, Rlimit { current, ..now });
}

/// Sets a limit, or leaves one that is lower already.
pub(super) fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let now = getrlimit(resource);
    let limit = now.maximum.map_or(to, |maximum| maximum.min(to));
    Ok(setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?)
}

/// Threads of all processes of this account, as RLIMIT_NPROC counts them.
fn threads_of_account() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    let mut threads = 0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        if is_process && entry.metadata().is_ok_and(|facts| facts.uid() == me) {
            let tasks = std::fs::read_dir(entry.path().join("task")).map_or(1, |tasks| tasks.count() as u64);
            threads += tasks;
        }
    }
    threads
}

/// Keeps `count` of the processors we may use, other ones for each run.
fn assign(count: usize) -> io::Result<()> {
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
    use super::super::abilities::Finding;
    use super::*;

    #[test]
    fn flags_only_where_the_runtime_has_cgroups() {
        let limits = Limits {
            deadline: Duration::from_secs(1),
            output: 1,
            memory: Some(1 << 30),
            processes: Some(64),
            cpus: None,
            cell: Some(Cell::NotNested),
        };
        let all = Abilities::all("");
        assert_eq!(limits.flags(&all).join(" "), "--memory 1073741824 --pids-limit 64");
        let none = all.with(Ability::Cgroups, Finding::No(String::new()));
        assert!(limits.flags(&none).is_empty());
    }

    #[test]
    fn this_process_is_counted() {
        assert!(threads_of_account() >= 1);
    }
}
