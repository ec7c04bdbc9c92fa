//! Which container runtime, and the flags that keep a container apart.
//!
//! Source of the flags: the runtime's `run` documentation, and what was
//! measured with release 1.4.5; what they promise: SECURITY.md.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::host::Host;
use super::host_feature::HostFeature;

/// What a container may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// A network namespace of its own, with nothing in it.
    #[default]
    None,
    /// The host's network.
    Host,
}

/// Where a runtime is looked for when none is configured, in this order.
const CANDIDATES: [&str; 4] =
    ["/usr/local/bin/apptainer", "/usr/local/bin/singularity", "/usr/bin/apptainer", "/usr/bin/singularity"];

/// Why nothing can be run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuntimeError {
    /// None configured, none found.
    #[error("no container runtime is installed: install Apptainer, or set `runtime` to its absolute path")]
    Missing,
    /// The configured one cannot be executed.
    #[error("the configured container runtime {0} is not an executable file")]
    NotExecutable(PathBuf),
    /// Somebody else could have changed it.
    #[error("the container runtime is not run, because others can change {0}: chmod go-w it, or use another place")]
    Writable(PathBuf),
    /// It does not say its version in time.
    #[error("the container runtime {0} does not answer: `--version` or `help run` takes longer than 4 s")]
    Hangs(PathBuf),
    /// It cannot say its version, or what it offers.
    #[error("the container runtime {0} fails: {1}")]
    Broken(PathBuf, String),
    /// It runs nothing with the flags that we need.
    #[error("the container runtime {0} refuses to run a container of ours: {1}")]
    Refuses(PathBuf, String),
    /// Something that a run needs could not be found out.
    #[error("nothing is run while it is not known whether {code} holds here: {1}", code = .0.code())]
    Unknown(HostFeature, String),
    /// A shell of it would change an argument that an author offers.
    #[error("the container runtime {0} does not offer --no-eval: a shell would evaluate an argument of this run")]
    Evaluates(PathBuf),
    /// Nobody can find out what the runtime can do here, for this reason.
    #[error("the runtime cannot be asked what it can do here, because {0} cannot be locked: {1}")]
    Lock(PathBuf, String),
    /// Somebody is finding out what the runtime can do here.
    #[error("nothing is run while it is found out what the runtime can do here")]
    Asking,
}

/// A container runtime, by absolute path.
#[derive(Clone, Debug)]
pub struct Runtime(PathBuf);

impl Runtime {
    /// The configured runtime, else the first installed one.
    pub fn find(configured: Option<&Path>) -> Result<Runtime, RuntimeError> {
        let path = match configured {
            Some(path) if executable(path) => path,
            Some(path) => return Err(RuntimeError::NotExecutable(path.to_owned())),
            None => CANDIDATES.iter().map(Path::new).find(|path| executable(path)).ok_or(RuntimeError::Missing)?,
        };
        trusted(path)?;
        Ok(Runtime::at(path))
    }

    /// A launcher that is given by its path is looked at like the runtime; one that is given by name is found in the
    /// fixed `PATH`.
    pub fn check_launcher(launcher: &[String]) -> Result<(), RuntimeError> {
        launcher.first().map(Path::new).filter(|path| path.is_absolute()).map_or(Ok(()), trusted)
    }

    /// The runtime at `path`, not looked at.
    pub fn at(path: &Path) -> Runtime {
        Runtime(path.to_owned())
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it belongs to this account.
    pub fn is_ours(&self) -> bool {
        let me = rustix::process::geteuid();
        !me.is_root() && self.0.metadata().is_ok_and(|metadata| metadata.uid() == me.as_raw())
    }

    /// The name people type.
    pub fn name(&self) -> String {
        self.0.file_name().map_or_else(|| "apptainer".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// `run` and the isolation flags: an empty environment, a home that is the
    /// run's own, no mount of the host, no privilege in or out, no evaluation
    /// of arguments by a shell, and no network unless it is allowed. What is
    /// known not to work here is left out, because the runtime would refuse to
    /// start; it is named in `doctor`, and `strict` refuses the run before it
    /// comes here. What is not known was refused before, too.
    pub fn run_flags(&self, network: Network, host: &Host) -> Vec<String> {
        let offered = host.flags;
        let mut flags = vec!["--quiet", "run"];
        if host.lacks(HostFeature::ProcessNamespaces).is_none() {
            flags.push("--containall");
        } else {
            flags.extend(["--contain", "--cleanenv", "--ipc"]);
            flags.extend(offered.no_pid.then_some("--no-pid"));
        }
        flags.extend(offered.no_eval.then_some("--no-eval"));
        flags.push("--no-privs");
        if host.lacks(HostFeature::UserNamespaces).is_none() {
            flags.push("--userns");
        }
        if network == Network::None && host.lacks(HostFeature::NetworkNamespaces).is_none() {
            flags.extend(["--net", "--network", "none"]);
        }
        if host.lacks(HostFeature::Home).is_none() {
            // part of the small file system in memory that /tmp is in, too; never the host's
            flags.extend(["--scratch=/home/run", "--home=/home/run", "--pwd=/home/run"]);
        } else {
            flags.push("--pwd=/");
        }
        if offered.no_mount {
            let all = "bind-paths,hostfs,sys,cwd,home";
            let most = "hostfs,sys,cwd,home";
            flags.extend(["--no-mount", if offered.bind_paths { all } else { most }]);
        }
        // shared memory in the one small tmpfs of the container, and not in one that takes half of the host's memory
        flags.push("--scratch=/dev/shm");
        flags.into_iter().map(str::to_owned).collect()
    }
}

/// Nobody but its owner and root can change it.
fn trusted(path: &Path) -> Result<(), RuntimeError> {
    let owner = path.metadata().map(|metadata| metadata.uid()).ok();
    crate::trust::changeable(path, owner).map_or(Ok(()), |step| Err(RuntimeError::Writable(step)))
}

fn executable(path: &Path) -> bool {
    path.is_absolute()
        && path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::super::host::Finding;
    use super::super::runtime_flags::RuntimeFlags;
    use super::*;

    #[test]
    fn only_an_absolute_executable_file_is_a_runtime() {
        assert!(Runtime::find(Some(Path::new("/bin/sh"))).is_ok());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runtime");
        std::fs::copy("/bin/true", &path).unwrap();
        for (of, mode, trusted) in [(&path, 0o755, true), (&path, 0o757, false), (&path, 0o755, true)] {
            std::fs::set_permissions(of, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(Runtime::find(Some(&path)).is_ok(), trusted, "{mode:o}");
        }
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o707)).unwrap();
        assert_eq!(
            Runtime::find(Some(&path)).err(),
            Some(RuntimeError::Writable(folder.path().canonicalize().unwrap()))
        );
        for path in ["sh", "/", "/etc/passwd", "/nonexistent/apptainer"] {
            assert_eq!(Runtime::find(Some(Path::new(path))).err(), Some(RuntimeError::NotExecutable(path.into())));
        }
    }

    #[test]
    fn flags_follow_what_the_host_can_do() {
        let runtime = Runtime::at(Path::new("/usr/bin/apptainer"));
        let flags = |network, missing: &[HostFeature]| {
            let none = || Finding::No(String::new());
            let host = missing.iter().fold(Host::all(""), |host, feature| host.with(*feature, none()));
            runtime.run_flags(network, &host).join(" ")
        };
        let all = flags(Network::None, &[]);
        for part in [
            "--containall",
            "--no-eval",
            "--no-privs",
            "--userns",
            "--net --network none",
            "--scratch=/home/run --home=/home/run --pwd=/home/run",
            "--no-mount bind-paths,hostfs,sys,cwd,home",
        ] {
            assert!(all.contains(part), "{all}");
        }
        assert!(!flags(Network::Host, &[]).contains("--net"));
        assert!(!flags(Network::None, &[HostFeature::NetworkNamespaces]).contains("--net"));
        assert!(!flags(Network::None, &[HostFeature::UserNamespaces]).contains("--userns"));
        assert!(flags(Network::None, &[HostFeature::Home]).contains("--pwd=/ "));
        let shared = flags(Network::None, &[HostFeature::ProcessNamespaces]);
        assert!(!shared.contains("--containall") && shared.contains("--contain --cleanenv --ipc --no-pid"));
    }

    /// What is not known is not left out: if such a run began, it would be with everything, or not at all.
    #[test]
    fn what_is_not_known_lowers_nothing() {
        let runtime = Runtime::at(Path::new("/usr/bin/apptainer"));
        let nothing_known = Host::unknown("", RuntimeFlags::all());
        let all = Host::all("");
        assert_eq!(runtime.run_flags(Network::None, &nothing_known), runtime.run_flags(Network::None, &all));
    }

    #[test]
    fn flags_that_are_not_offered_are_not_used() {
        let runtime = Runtime::at(Path::new("/usr/bin/singularity"));
        let flags = |offered| {
            let mut host = Host::all("");
            host.flags = offered;
            let host = host.with(HostFeature::ProcessNamespaces, Finding::No(String::new()));
            runtime.run_flags(Network::None, &host).join(" ")
        };
        let old = flags(RuntimeFlags::default());
        for flag in ["--no-eval", "--no-mount", "--no-pid"] {
            assert!(!old.contains(flag), "{old}");
        }
        assert!(
            flags(RuntimeFlags { no_mount: true, ..RuntimeFlags::default() })
                .contains("--no-mount hostfs,sys,cwd,home")
        );
    }
}
