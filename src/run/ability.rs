//! The abilities of a host and its runtime, in words: what each one buys, what
//! is lost without it, how to get it. Whether it holds here: `abilities.rs`.

use serde::{Deserialize, Serialize};

/// Something that a run can be kept apart or bounded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
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

impl Ability {
    /// All of them, in the order in which people should mend them.
    pub const ALL: [Ability; 11] = [
        Ability::Release,
        Ability::UserNamespaces,
        Ability::ProcessNamespaces,
        Ability::NetworkNamespaces,
        Ability::Filter,
        Ability::Fuse,
        Ability::Counting,
        Ability::ProcessTree,
        Ability::Nesting,
        Ability::Cgroups,
        Ability::Home,
    ];

    /// A machine word.
    pub fn word(self) -> &'static str {
        match self {
            Ability::Release => "runtime-release",
            Ability::UserNamespaces => "user-namespaces",
            Ability::NetworkNamespaces => "network-namespaces",
            Ability::ProcessNamespaces => "process-namespaces",
            Ability::Filter => "call-filter",
            Ability::Fuse => "fuse",
            Ability::Counting => "process-counting",
            Ability::ProcessTree => "process-tree",
            Ability::Nesting => "nested-namespaces",
            Ability::Home => "home",
            Ability::Cgroups => "cgroups",
        }
    }

    /// What it buys.
    pub fn buys(self) -> &'static str {
        match self {
            Ability::Release => {
                "arguments reach an image unchanged, without a shell (--no-eval), and nothing of the host is mounted \
                 (--no-mount)"
            }
            Ability::UserNamespaces => "containers run without any privilege of the host",
            Ability::NetworkNamespaces => "containers have no network unless the site allows it",
            Ability::ProcessNamespaces => "containers do not see, and cannot signal, other processes of the account",
            Ability::Filter => {
                "containers reach less of the kernel: no sockets to the hypervisor, no keyrings, no io_uring, no bpf"
            }
            Ability::Fuse => "images are mounted, not unpacked for each run",
            Ability::Counting => "a run that makes many processes or namespaces takes none from other runs",
            Ability::ProcessTree => {
                "the kernel ends every process of a run when its supervisor ends, whatever is killed"
            }
            Ability::Nesting => {
                "containers cannot make user namespaces, where they could mount file systems in memory without a limit"
            }
            Ability::Home => "containers have a home and a working directory of their own, empty and writable",
            Ability::Cgroups => "limits of memory and processors hold for a run as a whole",
        }
    }

    /// What is lost without it.
    pub fn without(self) -> &'static str {
        match self {
            Ability::Release => {
                "the program uses only the flags that the runtime offers. Without --no-eval a shell in the image \
                 evaluates the arguments, so every character with a meaning to a shell is removed from them. Without \
                 --no-mount the bind paths of the runtime's own configuration are mounted"
            }
            Ability::UserNamespaces => "only a setuid runtime can run anything",
            Ability::NetworkNamespaces => "containers reach the host's network",
            Ability::ProcessNamespaces => "containers see the other processes of the account",
            Ability::Filter => {
                "containers reach all of the kernel that an ordinary account reaches, and AF_VSOCK in a virtual machine"
            }
            Ability::Fuse => "each run unpacks its image first, into /tmp, or fails",
            Ability::Counting => {
                "the kernel counts processes and namespaces for the whole account, so runs can take them from each \
                 other"
            }
            Ability::ProcessTree => {
                "a run goes on if its supervisor and the server are killed at the same moment. In other cases the \
                 server finds and ends what is left"
            }
            Ability::Nesting => {
                "a container can mount file systems in memory, of any size, in user namespaces of its own (at most 32)"
            }
            Ability::Home => "programs that write to their home or working directory fail",
            Ability::Cgroups => {
                "`memory` limits only the private memory of each process, not memfd_create(2) and not System V shared \
                 memory. Processors are assigned, but not enforced. If `memory` is set, `strict` refuses to run"
            }
        }
    }

    /// How to get it on Debian, Ubuntu and RHEL.
    pub fn get(self) -> &'static str {
        match self {
            Ability::Release => {
                "Debian, Ubuntu: scripts/install-runtime; RHEL: dnf install apptainer (EPEL); at least Apptainer 1.2 \
                    or SingularityCE 3.11"
            }
            Ability::UserNamespaces => {
                "Debian: sysctl kernel.unprivileged_userns_clone=1; Ubuntu 24.04 and later: install the runtime's own \
                 package, which brings its AppArmor profile; RHEL: sysctl user.max_user_namespaces=15000"
            }
            Ability::NetworkNamespaces => {
                "Debian, Ubuntu, RHEL: sysctl user.max_net_namespaces=15000; in Docker also --security-opt seccomp=unconfined"
            }
            Ability::ProcessNamespaces => {
                "Debian, Ubuntu, RHEL: nothing to do on the host itself; in Docker --security-opt systempaths=unconfined"
            }
            Ability::Filter => {
                "Debian, Ubuntu, RHEL: nothing to do on x86-64 and 64-bit ARM with user namespaces; there is no \
                    filter for other processors yet"
            }
            Ability::Fuse => {
                "Debian, Ubuntu: apt install fuse3; RHEL: dnf install fuse3; then chmod 666 /dev/fuse; in Docker --device /dev/fuse"
            }
            Ability::Counting => "Debian, Ubuntu, RHEL: Linux 5.14 or later, and user namespaces",
            Ability::ProcessTree => {
                "Debian, Ubuntu, RHEL: Linux 5.14 or later, and user namespaces; in Docker --security-opt systempaths=unconfined"
            }
            Ability::Nesting => {
                "a runtime that makes one user namespace for a run (Apptainer 1.4 does), and a writable /proc/sys; in \
                 Docker --security-opt systempaths=unconfined"
            }
            Ability::Home => {
                "a runtime that accepts --scratch and --home together (Apptainer 1.4 does), and an overlay file system"
            }
            Ability::Cgroups => {
                "Debian 11, Ubuntu 21.10, RHEL 9 and later with systemd: run the service in a user session, or with Delegate=yes"
            }
        }
    }

    /// Whether the isolation that is promised to the administrator needs it.
    pub fn promised(self) -> bool {
        matches!(
            self,
            Ability::Release
                | Ability::UserNamespaces
                | Ability::NetworkNamespaces
                | Ability::ProcessNamespaces
                | Ability::Filter
        )
    }
}
