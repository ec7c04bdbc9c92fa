//! The bounds of a run, and the part of them that is set on processes.
//!
//! The supervisor sets resource limits (getrlimit(2)) on itself before it starts
//! the runtime, and all of the run inherits them: memory then holds for each
//! process by itself, processors are assigned and not enforced. Where the
//! runtime has cgroups it is told the limits too, and they hold for the run
//! as a whole. Which it is, `doctor` says.

use std::io;
use std::time::Duration;

use rustix::process::Resource;
use serde::{Deserialize, Serialize};

use super::host::Host;
use super::host_feature::HostFeature;
use super::resource_limits::{assign_processors, limit_descriptors, lower, threads_of_account};
use super::user_namespace::{self, UserNamespace};

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
    /// itself, and not with the rest of the account.
    pub user_namespace: Option<UserNamespace>,
}

impl Limits {
    /// The user namespace of a run on this host.
    pub fn user_namespace(host: &Host) -> Option<UserNamespace> {
        let counted = host.has(HostFeature::UserNamespaces) && host.has(HostFeature::Counting);
        counted.then_some(if host.has(HostFeature::Nesting) {
            UserNamespace::NotNested
        } else {
            UserNamespace::Counted
        })
    }

    /// The flags by which the runtime sets them itself, where it can.
    pub fn flags(&self, host: &Host) -> Vec<String> {
        let mut flags = Vec::new();
        if host.has(HostFeature::Cgroups) {
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
    /// Without a user namespace of its own RLIMIT_NPROC counts all processes of the account, so
    /// those that are there already are added. RLIMIT_DATA counts what is really writable,
    /// unlike RLIMIT_AS, which a Go program exceeds before it does anything.
    pub fn set(&self) -> io::Result<()> {
        lower(Resource::Core, 0)?;
        limit_descriptors()?;
        if let Some(bytes) = self.memory {
            lower(Resource::Data, bytes)?;
        }
        match (self.processes, self.user_namespace) {
            // the supervisor and the init are two more
            (Some(count), Some(kind)) => user_namespace::enter(kind, count.saturating_add(2))?,
            (Some(count), None) => lower(Resource::Nproc, count.saturating_add(threads_of_account()))?,
            (None, _) => {}
        }
        if let Some(count) = self.cpus {
            assign_processors(count)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::Finding;
    use super::*;

    #[test]
    fn flags_only_where_the_runtime_has_cgroups() {
        let limits = Limits {
            deadline: Duration::from_secs(1),
            output: 1,
            memory: Some(1 << 30),
            processes: Some(64),
            cpus: None,
            user_namespace: Some(UserNamespace::NotNested),
        };
        let all = Host::all("");
        assert_eq!(limits.flags(&all).join(" "), "--memory 1073741824 --pids-limit 64");
        let none = all.with(HostFeature::Cgroups, Finding::No(String::new()));
        assert!(limits.flags(&none).is_empty());
    }
}
