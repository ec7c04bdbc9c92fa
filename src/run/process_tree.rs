//! The children of this process, and what descends from them: started, ended, reaped.
//!
//! A supervisor and a server are *subreapers* (prctl(2) PR_SET_CHILD_SUBREAPER): a process whose parents have died
//! becomes their child, so nothing that a run started can leave the tree.
//!
//! A server has many threads, and two kinds of children. Those that it started itself are [`Child`]: each has one
//! owner, who alone ends and reaps it. All others are orphans of a supervisor that was killed; whoever notices may end
//! and reap them ([`sweep`]). Which is which is known because every child is started here, under one lock that a sweep
//! takes while it looks. Processes are signalled and reaped by descriptor (pidfd_open(2)), never by a number that may
//! belong to somebody else by now.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal, waitid,
};

use super::poll::ready;
use super::syscalls;

/// How long a sweep tries; a process in an uninterruptible wait can outlast it.
pub const SWEEP: Duration = Duration::from_secs(5);

/// The children that have an owner.
static OWNED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A child with an owner. Dropping it ends and reaps it.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    ended: OwnedFd,
    reaped: bool,
}

/// Starts a program.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut owned = owned();
    let child = command.spawn()?;
    Child::own(Pid::from_child(&child), &mut owned)
}

/// Makes a copy of this process, which must have one thread; the copy lives this life, and ends with its status.
///
/// What is shared is handed to the life in the copy, and back to the caller here: what one of them drops is closed in that
/// process, so that a socket ends with the process at its other end.
pub fn fork<T>(shared: T, life: impl FnOnce(T) -> u8) -> io::Result<(Child, T)> {
    let mut owned = owned();
    match syscalls::fork()? {
        Some(pid) => Ok((Child::own(pid, &mut owned)?, shared)),
        None => {
            // whose children these are is not the copy's business
            owned.clear();
            drop(owned);
            std::process::exit(life(shared).into())
        }
    }
}

impl Child {
    fn own(pid: Pid, owned: &mut BTreeSet<i32>) -> io::Result<Child> {
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(ended) => {
                owned.insert(pid.as_raw_nonzero().get());
                Ok(Child { pid, ended, reaped: false })
            }
            Err(error) => {
                // no descriptor to watch it by: it must not go on unwatched
                let _ = rustix::process::kill_process(pid, Signal::KILL);
                let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
                Err(error.into())
            }
        }
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// A descriptor that is readable once it has ended.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// Whether it ends within this time. It is not reaped.
    pub fn ends_within(&self, timeout: Duration) -> bool {
        let ended = ready([(Some(self.ended.as_fd()), PollFlags::IN)], Some(Instant::now() + timeout));
        matches!(ended, Ok(Some(_)))
    }

    /// Whether it has ended. It is not reaped.
    pub fn has_ended(&self) -> bool {
        self.ends_within(Duration::ZERO)
    }

    /// Ends it by force, unless it has ended.
    pub fn kill(&self) {
        // it has ended, or it is another account's by now (a setuid runtime): nothing that we could do
        let _ = pidfd_send_signal(&self.ended, Signal::KILL);
    }

    /// Gives it up: it becomes an orphan, which a sweep may end.
    pub fn disown(mut self) {
        owned().remove(&self.pid.as_raw_nonzero().get());
        self.reaped = true;
    }

    /// Waits for its end, and reaps it.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        while !self.ends_within(Duration::from_secs(3600)) {}
        // reaping frees the number: until then, and not longer, it is owned
        let mut owned = owned();
        let status = waitid(WaitId::PidFd(self.ended.as_fd()), WaitIdOptions::EXITED)?;
        owned.remove(&self.pid.as_raw_nonzero().get());
        self.reaped = true;
        Ok(status.map_or_else(ExitStatus::default, |status| exit_status(&status)))
    }
}

/// The same as wait(2) tells it.
fn exit_status(status: &WaitIdStatus) -> ExitStatus {
    let code = status.exit_status().map(|code| (code & 0xff) << 8);
    ExitStatus::from_raw(code.or_else(|| status.terminating_signal()).unwrap_or_default())
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _ = self.wait();
        }
    }
}

fn owned() -> MutexGuard<'static, BTreeSet<i32>> {
    OWNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this process the one that orphans of its tree come to. Children that it has already, of a shell that executed this
/// program say, are nobody's orphans: they have an owner.
pub fn become_subreaper() -> io::Result<()> {
    let mut owned = owned();
    if !childless() {
        let mut children = processes()?;
        owned.extend(children.remove(&own_pid()).unwrap_or_default().iter().map(|(pid, _)| pid));
        owned.extend(own_children());
    }
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Ends and reaps every orphan with all that descends from it, until there is none or 5 s ([`SWEEP`]) are over. Children with
/// an owner, and their descendants, are left alone.
pub fn sweep() {
    let until = Instant::now() + SWEEP;
    let mut pause = Duration::from_millis(1);
    loop {
        let (found, all) = orphans();
        // what cannot be looked at (no descriptor is left, say) may be there
        if (found.is_empty() && all) || Instant::now() >= until {
            return;
        }
        for orphan in &found {
            let _ = pidfd_send_signal(orphan, Signal::KILL);
        }
        for orphan in &found {
            reap(orphan);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Reaps orphans that have ended. Costs one system call where no child has ended.
pub fn reap_orphans() {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    if matches!(waitid(WaitId::All, look), Ok(Some(_))) {
        orphans().0.iter().for_each(reap);
    }
}

/// Reaps a process that has ended, if it is a child of ours by now.
fn reap(process: &OwnedFd) {
    let _ = waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
}

/// Descriptors of the processes below this one that have no owner, from one pass over /proc; and whether these are all.
fn orphans() -> (Vec<OwnedFd>, bool) {
    // nobody starts or reaps a child meanwhile: a number that is not in the list belongs to no child with an owner
    let owned = owned();
    if childless() {
        return (Vec::new(), true);
    }
    let Ok(mut children) = processes() else { return (Vec::new(), false) };
    let (mut found, mut all) = (Vec::new(), true);
    let mut open = vec![own_pid()];
    let mut hidden = own_children();
    while let Some(parent) = open.pop() {
        for (pid, seen) in children.remove(&parent).unwrap_or_default() {
            hidden.remove(&pid);
            if parent == own_pid() && owned.contains(&pid) {
                continue;
            }
            open.push(pid);
            match descriptor(pid, seen) {
                Ok(descriptor) => found.extend(descriptor),
                Err(_) => all = false,
            }
        }
    }
    // nobody but this process reaps its children, so the number is still theirs; what is below them comes to us later
    for pid in hidden.difference(&owned).filter_map(|pid| Pid::from_raw(*pid)) {
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => found.push(descriptor),
            Err(_) => all = false,
        }
    }
    (found, all)
}

/// The numbers of our children, also of those that may not be looked at (proc(5), `children` and `hidepid`).
fn own_children() -> BTreeSet<i32> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>()).collect()
}

/// A descriptor of a process that was seen, if it lives. Its number may have passed to another process since; that one's
/// start cannot be the same.
fn descriptor(pid: i32, seen: Stat) -> io::Result<Option<OwnedFd>> {
    let Some(process) = Pid::from_raw(pid) else { return Ok(None) };
    match pidfd_open(process, PidfdFlags::empty()) {
        Ok(descriptor) => Ok(stat(pid)?.filter(|now| now.start == seen.start).map(|_| descriptor)),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All processes that can be seen, by their parents.
fn processes() -> io::Result<HashMap<i32, Vec<(i32, Stat)>>> {
    let mut children: HashMap<i32, Vec<(i32, Stat)>> = HashMap::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Some(stat) = stat(pid)? {
            children.entry(stat.parent).or_default().push((pid, stat));
        }
    }
    Ok(children)
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// No child means no descendant: orphans would be ours.
fn childless() -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, look), Err(rustix::io::Errno::CHILD))
}

/// What `/proc/PID/stat` tells (proc_pid_stat(5)): the parent, and the start in clock ticks since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: i32,
    start: u64,
}

/// What it tells of a process, if there is one that may be looked at (proc(5), `hidepid`). Words are counted from the last `)`, because the command's name may hold
/// anything.
fn stat(pid: i32) -> io::Result<Option<Stat>> {
    let text = match std::fs::read(format!("/proc/{pid}/stat")) {
        Ok(text) => text,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
                || error.raw_os_error() == Some(libc::ESRCH) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let parsed = || {
        let after = text.iter().rposition(|&byte| byte == b')')?;
        let mut words = std::str::from_utf8(text.get(after + 1..)?).ok()?.split_whitespace();
        Some(Stat { parent: words.nth(1)?.parse().ok()?, start: words.nth(17)?.parse().ok()? })
    };
    Ok(parsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_and_start_are_found_whatever_the_name() {
        let me = std::process::id() as i32;
        let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        let stat_of_me = stat(me).unwrap().unwrap();
        assert_eq!(Some(stat_of_me.parent), parent);
        assert!(stat_of_me.start > 0);
        assert_eq!(stat(me).unwrap(), Some(stat_of_me));
        assert_eq!(stat(i32::MAX).unwrap(), None);
    }

    #[test]
    fn a_sweep_leaves_children_with_an_owner_alone() {
        let mut child = spawn(Command::new("sleep").arg("60")).unwrap();
        sweep();
        assert!(!child.has_ended());
        reap_orphans();
        child.kill();
        assert!(child.ends_within(Duration::from_secs(20)));
        // it has ended and is not reaped: nobody else takes its status
        reap_orphans();
        sweep();
        assert!(child.wait().is_ok());
    }

    #[test]
    fn a_child_that_is_dropped_is_gone() {
        let child = spawn(Command::new("sleep").arg("60")).unwrap();
        let pid = child.pid().as_raw_nonzero().get();
        drop(child);
        assert!(stat(pid).unwrap().is_none_or(|stat| stat.parent != std::process::id() as i32));
    }
}
