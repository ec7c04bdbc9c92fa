//! Processes that descend from this one: found in /proc, ended, reaped.
//!
//! A keeper and a server are *subreapers* (prctl(2) PR_SET_CHILD_SUBREAPER):
//! a process whose parents have died becomes their child, so nothing that a
//! run started can leave the family.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, waitid};

/// How long a sweep tries; a process in an uninterruptible wait can outlast it.
const SWEEP: Duration = Duration::from_secs(5);

/// Makes this process the one that orphans of its family come to.
pub fn adopt() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Ends and reaps every descendant, until there is none. `spare` says which
/// children to leave alone, with all that descends from them.
pub fn sweep(spare: impl Fn(Pid) -> bool) {
    let until = Instant::now() + SWEEP;
    let mut pause = Duration::from_millis(1);
    loop {
        if childless() {
            return;
        }
        let found = descendants(&spare);
        if found.is_empty() || Instant::now() >= until {
            return;
        }
        for pid in found {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            // only those that are our children by now can be reaped, and no others
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// No child means no descendant: orphans would be ours.
fn childless() -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, look), Err(rustix::io::Errno::CHILD))
}

/// Whether the process ends within this time. Not reaped.
pub fn ends_within(pid: Pid, patience: Duration) -> bool {
    let Ok(ended) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { return false };
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&timespec(left))) {
            Ok(count) => return count > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// A time for `poll`.
pub fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() }
}

/// All processes below this one, from one pass over /proc.
fn descendants(spare: &impl Fn(Pid) -> bool) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let mut found = Vec::new();
    let mut open = vec![me];
    while let Some(pid) = open.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            if let Some(known) = Pid::from_raw(child).filter(|known| pid != me || !spare(*known)) {
                open.push(child);
                found.push(known);
            }
        }
    }
    found
}

/// The parent in `/proc/PID/stat` (proc_pid_stat(5)): the second word after
/// the last `)`, because the command's name may hold anything.
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(after + 1..)?).ok()?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_found_whatever_the_name() {
        let me = std::process::id() as i32;
        let ppid = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        assert_eq!(parent(me), ppid);
        assert_eq!(parent(i32::MAX), None);
    }
}
