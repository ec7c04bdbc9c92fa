//! A user namespace for one run, entered by its supervisor before it starts anything.
//!
//! Since Linux 5.14 the kernel counts processes in each user namespace (getrlimit(2) RLIMIT_NPROC), so a limit set in
//! here is a limit of this run, and no run takes from another's. Namespaces and inotify instances are counted for the
//! account through all its user namespaces (namespaces(7), /proc/sys/user): here they are bounded for what is below.
//! The account is mapped to itself, so the run gains no right outside.
//! Never: in a process with a second thread, or in one that goes on to serve.

use std::fs;
use std::io;

use rustix::process::{Resource, getegid, geteuid};
use serde::{Deserialize, Serialize};

use super::resource_limits::lower;
use super::syscalls;

/// What a run may have of each kind beside user namespaces: a runtime makes one or two of a namespace.
const LIMITS: [(&str, u64); 8] = [
    ("mnt_namespaces", 32),
    ("pid_namespaces", 32),
    ("net_namespaces", 32),
    ("ipc_namespaces", 32),
    ("uts_namespaces", 32),
    ("cgroup_namespaces", 32),
    ("inotify_instances", 32),
    ("inotify_watches", 8192),
];
/// Queued signals, with them timers, and bytes of POSIX message queues (one of the usual size): small parts of what an
/// account usually has (getrlimit(2)).
const QUEUES: [(Resource, u64); 2] = [(Resource::Sigpending, 1024), (Resource::Msgqueue, 128 * 1024)];
/// Processes of a trial: itself and one more.
pub const TRIAL_PROCESSES: u64 = 2;

/// User namespaces of a run: the one that the runtime makes, so that a container can make none. Without one it has no
/// right to mount, and so no file system in memory beyond those that it is given.
const ONE: u64 = 1;
/// User namespaces where a runtime needs more, or where the number cannot be set.
const NESTED: u64 = 32;

/// What is bounded in a run's user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserNamespace {
    /// Processes and namespaces.
    Counted,
    /// The same, and a container can make no user namespace.
    NotNested,
}

/// Enters it, for at most so many processes and threads. After an error this process is good for nothing more.
pub fn enter(kind: UserNamespace, processes: u64) -> io::Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    syscalls::own_user_namespace()?;
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("{user} {user} 1"))?;
    write("/proc/self/gid_map", &format!("{group} {group} 1"))?;
    let users = ("user_namespaces", if kind == UserNamespace::NotNested { ONE } else { NESTED });
    for (what, most) in [users].into_iter().chain(LIMITS) {
        match write(&format!("/proc/sys/user/max_{what}"), &most.to_string()) {
            // in a container whose /proc/sys cannot be written: processes are counted all the same
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem && kind == UserNamespace::Counted => break,
            written => written?,
        }
    }
    // in here, not before: the count of the account as a whole is held against the limits at the namespace's birth
    for (what, most) in QUEUES {
        lower(what, most)?;
    }
    lower(Resource::Nproc, processes)
}

/// Whether the number of some kind of namespaces is 0 here (namespaces(7), /proc/sys/user): then ENOSPC is no lack that
/// passes.
pub fn some_are_forbidden() -> bool {
    ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"].iter().any(|kind| {
        let most = fs::read_to_string(format!("/proc/sys/user/max_{kind}_namespaces"));
        most.is_ok_and(|most| most.trim() == "0")
    })
}

fn write(path: &str, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}
