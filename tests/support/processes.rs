//! Which processes belong to a test, and whether they are gone.
//!
//! A process belongs to a folder when its command line names it, or when its working folder or executable lies in it:
//! the program and its supervisors start there, the stub is called by a name there, images of the real runtime lie there.
//! What has none of these (a program inside a container) is found as a descendant while it lives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Ends of runs, sweeps included, take less.
pub const GONE: Duration = Duration::from_secs(5);

/// A process that cannot be taken for a later one with the same id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub pid: i32,
    started: u64,
    pub command: String,
}

impl Process {
    /// Whether it still lives; a zombie does not.
    pub fn lives(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started == self.started && stat.state != 'Z')
    }

    /// Whether it supervises a run. The init of a run is a copy of its supervisor, with the same command line.
    pub fn is_supervisor(&self) -> bool {
        let supervises = |process: &Process| process.command.starts_with("singularity-nginx supervise ");
        supervises(self) && !self.parent().is_some_and(|parent| supervises(&parent))
    }

    /// Whether it is the init of a run.
    pub fn is_init(&self) -> bool {
        self.command.starts_with("singularity-nginx supervise ") && !self.is_supervisor()
    }

    fn parent(&self) -> Option<Process> {
        process(stat(self.pid)?.parent)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid).filter(|_| self.lives()) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

/// proc_pid_stat(5): the words after the last `)`.
fn stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let words: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    Some(Stat {
        state: words.first()?.chars().next()?,
        parent: words.get(1)?.parse().ok()?,
        started: words.get(19)?.parse().ok()?,
    })
}

fn all() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A process, if it lives.
pub fn process(pid: i32) -> Option<Process> {
    let stat = stat(pid).filter(|stat| stat.state != 'Z')?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(Process { pid, started: stat.started, command: String::from_utf8_lossy(&command).replace('\0', " ") })
}

/// The processes of a folder, but the test itself.
pub fn of_folder(folder: &Path) -> Vec<Process> {
    let name = folder.to_str().expect("a plain path");
    let belongs = |process: &Process| {
        let link = |what| std::fs::read_link(format!("/proc/{}/{what}", process.pid)).unwrap_or_default();
        process.command.contains(name) || link("cwd").starts_with(folder) || link("exe").starts_with(folder)
    };
    all().filter(|pid| *pid != std::process::id() as i32).filter_map(process).filter(belongs).collect()
}

/// The processes whose command line holds this text, but the test itself.
pub fn called(text: &str) -> Vec<Process> {
    let own = std::process::id() as i32;
    all().filter(|pid| *pid != own).filter_map(process).filter(|process| process.command.contains(text)).collect()
}

/// Children of a process that have ended and were not reaped.
pub fn zombies(parent: u32) -> usize {
    let parent = parent as i32;
    all().filter_map(stat).filter(|stat| stat.parent == parent && stat.state == 'Z').count()
}

/// A process and everything below it.
pub fn family(pid: u32) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for child in all() {
        if let Some(stat) = stat(child) {
            children.entry(stat.parent).or_default().push(child);
        }
    }
    let mut found = BTreeSet::new();
    let mut open = vec![pid as i32];
    while let Some(pid) = open.pop() {
        open.extend(children.remove(&pid).unwrap_or_default());
        found.extend(process(pid));
    }
    found.into_iter().collect()
}

/// Waits until none of them lives.
pub fn all_gone(family: &[Process]) {
    gone_within(GONE, || family.iter().filter(|process| process.lives()).cloned().collect());
}

/// Waits until there are none any more.
pub fn gone_within(patience: Duration, left: impl Fn() -> Vec<Process>) {
    let begun = Instant::now();
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < patience, "left after {patience:?}: {left:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Open descriptors of a process; none when it is gone.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Resident memory of a process in KiB.
pub fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

/// Whether a process has a thread of this name.
pub fn has_thread(pid: u32, name: &str) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).any(|comm| comm.trim() == name)
}
