//! The features of a host and its runtime that runs are kept apart and bounded with, in words: what each one buys, what is
//! lost without it, how to get it. Whether it holds here: `host.rs`.

use serde::{Deserialize, Serialize};

/// Something that a run can be kept apart or bounded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostFeature {
    /// A runtime that offers all the flags: Apptainer 1.2, SingularityCE 3.11.
    Release,
    /// user_namespaces(7) for ordinary accounts.
    UserNamespaces,
    /// network_namespaces(7) inside them.
    NetworkNamespaces,
    /// pid_namespaces(7) inside them, with a /proc of their own.
    ProcessNamespaces,
    /// Filters of system calls (seccomp(2)), for a runtime that is not setuid.
    Filter,
    /// `/dev/fuse` can be opened.
    Fuse,
    /// The kernel counts the processes and namespaces of each run by itself.
    Counting,
    /// A process namespace of a run's own around the runtime, which ends with its supervisor.
    ProcessTree,
    /// The runtime needs one user namespace, so a container can be refused a second one.
    Nesting,
    /// The runtime can give a container a home that is its own, empty and writable.
    Home,
    /// The runtime can limit memory, processes and processors by cgroups.
    Cgroups,
}

impl HostFeature {
    /// All of them, in the order in which people should see to them.
    pub const ALL: [HostFeature; 11] = [
        HostFeature::Release,
        HostFeature::UserNamespaces,
        HostFeature::ProcessNamespaces,
        HostFeature::NetworkNamespaces,
        HostFeature::Filter,
        HostFeature::Fuse,
        HostFeature::Counting,
        HostFeature::ProcessTree,
        HostFeature::Nesting,
        HostFeature::Cgroups,
        HostFeature::Home,
    ];

    /// The machine-readable code.
    pub fn code(self) -> &'static str {
        match self {
            HostFeature::Release => "runtime-release",
            HostFeature::UserNamespaces => "user-namespaces",
            HostFeature::NetworkNamespaces => "network-namespaces",
            HostFeature::ProcessNamespaces => "process-namespaces",
            HostFeature::Filter => "call-filter",
            HostFeature::Fuse => "fuse",
            HostFeature::Counting => "process-counting",
            HostFeature::ProcessTree => "process-tree",
            HostFeature::Nesting => "nested-namespaces",
            HostFeature::Home => "home",
            HostFeature::Cgroups => "cgroups",
        }
    }

    /// What it buys.
    pub fn buys(self) -> &'static str {
        match self {
            HostFeature::Release => {
                "arguments reach an image unchanged, without a shell (--no-eval), and nothing of the host is mounted \
                 (--no-mount)"
            }
            HostFeature::UserNamespaces => "containers run without any privilege of the host",
            HostFeature::NetworkNamespaces => "containers have no network unless the site allows it",
            HostFeature::ProcessNamespaces => {
                "containers do not see, and cannot signal, other processes of the account"
            }
            HostFeature::Filter => {
                "containers reach less of the kernel: no sockets to the hypervisor, no keyrings, no io_uring, no bpf"
            }
            HostFeature::Fuse => "images are mounted, not unpacked for each run",
            HostFeature::Counting => "a run that makes many processes or namespaces takes none from other runs",
            HostFeature::ProcessTree => {
                "the kernel ends every process of a run when its supervisor ends, whatever is killed"
            }
            HostFeature::Nesting => {
                "containers cannot make user namespaces, where they could mount file systems in memory without a limit"
            }
            HostFeature::Home => "containers have a home and a working directory of their own, empty and writable",
            HostFeature::Cgroups => "limits of memory and processors hold for a run as a whole",
        }
    }

    /// What is lost without it.
    pub fn without(self) -> &'static str {
        match self {
            HostFeature::Release => {
                "the program uses only the flags that the runtime offers. Without --no-eval a shell in the image \
                 evaluates the arguments, so every character with a meaning to a shell is removed from them. Without \
                 --no-mount the bind paths of the runtime's own configuration are mounted"
            }
            HostFeature::UserNamespaces => "only a setuid runtime can run anything",
            HostFeature::NetworkNamespaces => "containers reach the host's network",
            HostFeature::ProcessNamespaces => "containers see the other processes of the account",
            HostFeature::Filter => {
                "containers reach all of the kernel that an ordinary account reaches, and AF_VSOCK in a virtual machine"
            }
            HostFeature::Fuse => "each run unpacks its image first, into /tmp, or fails",
            HostFeature::Counting => {
                "the kernel counts processes and namespaces for the whole account, so runs can take them from each \
                 other"
            }
            HostFeature::ProcessTree => {
                "a run goes on if its supervisor and the server are killed at the same moment. In other cases the \
                 server finds and ends what is left"
            }
            HostFeature::Nesting => {
                "a container can mount file systems in memory, of any size, in user namespaces of its own (at most 32)"
            }
            HostFeature::Home => "programs that write to their home or working directory fail",
            HostFeature::Cgroups => {
                "`memory` limits only the private memory of each process, not memfd_create(2) and not System V shared \
                 memory. Processors are assigned, but not enforced. If `memory` is set, `strict` refuses to run"
            }
        }
    }

    /// How to get it on Debian, Ubuntu and RHEL.
    pub fn get(self) -> &'static str {
        match self {
            HostFeature::Release => {
                "Debian, Ubuntu: scripts/install-runtime; RHEL: dnf install apptainer (EPEL); at least Apptainer 1.2 \
                    or SingularityCE 3.11"
            }
            HostFeature::UserNamespaces => {
                "Debian: sysctl kernel.unprivileged_userns_clone=1; Ubuntu 24.04 and later: install the runtime's own \
                 package, which brings its AppArmor profile; RHEL: sysctl user.max_user_namespaces=15000"
            }
            HostFeature::NetworkNamespaces => {
                "Debian, Ubuntu, RHEL: sysctl user.max_net_namespaces=15000; in Docker also --security-opt seccomp=unconfined"
            }
            HostFeature::ProcessNamespaces => {
                "Debian, Ubuntu, RHEL: nothing to do on the host itself; in Docker --security-opt systempaths=unconfined"
            }
            HostFeature::Filter => {
                "Debian, Ubuntu, RHEL: nothing to do on x86-64 and 64-bit ARM with user namespaces; there is no \
                    filter for other processors yet"
            }
            HostFeature::Fuse => {
                "Debian, Ubuntu: apt install fuse3; RHEL: dnf install fuse3; then chmod 666 /dev/fuse; in Docker --device /dev/fuse"
            }
            HostFeature::Counting => "Debian, Ubuntu, RHEL: Linux 5.14 or later, and user namespaces",
            HostFeature::ProcessTree => {
                "Debian, Ubuntu, RHEL: Linux 5.14 or later, and user namespaces; in Docker --security-opt systempaths=unconfined"
            }
            HostFeature::Nesting => {
                "a runtime that makes one user namespace for a run (Apptainer 1.4 does), and a writable /proc/sys; in \
                 Docker --security-opt systempaths=unconfined"
            }
            HostFeature::Home => {
                "a runtime that accepts --scratch and --home together (Apptainer 1.4 does), and an overlay file system"
            }
            HostFeature::Cgroups => {
                "Debian 11, Ubuntu 21.10, RHEL 9 and later with systemd: run the service in a user session, or with Delegate=yes"
            }
        }
    }

    /// Whether the isolation that is promised to the administrator needs it.
    pub fn promised(self) -> bool {
        matches!(
            self,
            HostFeature::Release
                | HostFeature::UserNamespaces
                | HostFeature::NetworkNamespaces
                | HostFeature::ProcessNamespaces
                | HostFeature::Filter
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique() {
        let codes: std::collections::HashSet<&str> = HostFeature::ALL.iter().map(|feature| feature.code()).collect();
        assert_eq!(codes.len(), HostFeature::ALL.len());
    }
}
