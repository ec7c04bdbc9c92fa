//! Which container runtime, and the flags that keep a container apart.
//!
//! Source of the flags: the runtime's `run` documentation, and what was
//! measured with release 1.4.5; what they promise: SECURITY.md.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::abilities::Abilities;
use super::ability::Ability;
use super::invocation::Network;

/// Where a runtime is looked for when none is configured, in this order.
const CANDIDATES: [&str; 4] =
    ["/usr/local/bin/apptainer", "/usr/local/bin/singularity", "/usr/bin/apptainer", "/usr/bin/singularity"];

/// Why nothing can be run.
#[derive(Debug, Error, PartialEq, Eq)]
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
    #[error("the container runtime {0} does not answer: `--version` takes longer than 5 s")]
    Hangs(PathBuf),
    /// It cannot say its version.
    #[error("the container runtime {0} fails: {1}")]
    Broken(PathBuf, String),
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
        !me.is_root() && self.0.metadata().is_ok_and(|facts| facts.uid() == me.as_raw())
    }

    /// The name people type.
    pub fn name(&self) -> String {
        self.0.file_name().map_or_else(|| "apptainer".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// `run` and the isolation flags: an empty environment and home, no mount
    /// of the host, no privilege in or out, no evaluation of arguments by a
    /// shell, and no network unless it is allowed. What this host cannot do is
    /// left out, because the runtime would refuse to start; it is named in
    /// `doctor`, and `strict` refuses the run before it comes here.
    pub fn run_flags(&self, network: Network, abilities: &Abilities) -> Vec<String> {
        let mut flags = vec!["--quiet", "run"];
        if abilities.has(Ability::ProcessNamespaces) {
            flags.push("--containall");
        } else {
            flags.extend(["--contain", "--cleanenv", "--ipc", "--no-pid"]);
        }
        if abilities.has(Ability::Release) {
            flags.push("--no-eval");
        }
        flags.push("--no-privs");
        if abilities.has(Ability::UserNamespaces) {
            flags.push("--userns");
        }
        if network == Network::None && abilities.has(Ability::NetworkNamespaces) {
            flags.extend(["--net", "--network", "none"]);
        }
        flags.extend(["--pwd", "/", "--no-mount", "bind-paths,hostfs,sys,cwd,home"]);
        // shared memory in the one small tmpfs of the container, and not in one that takes half of the host's memory
        flags.push("--scratch=/dev/shm");
        flags.into_iter().map(str::to_owned).collect()
    }
}

/// Nobody but its owner and root can change it.
fn trusted(path: &Path) -> Result<(), RuntimeError> {
    let owner = path.metadata().map(|facts| facts.uid()).ok();
    crate::trust::changeable(path, owner).map_or(Ok(()), |step| Err(RuntimeError::Writable(step)))
}

fn executable(path: &Path) -> bool {
    path.is_absolute() && path.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
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
        let flags = |network, missing: &[Ability]| {
            let missing = missing.iter().map(|ability| (*ability, String::new())).collect();
            runtime.run_flags(network, &Abilities { version: String::new(), missing }).join(" ")
        };
        let all = flags(Network::None, &[]);
        for part in ["--containall", "--no-eval", "--no-privs", "--userns", "--net --network none", "--pwd /"] {
            assert!(all.contains(part), "{all}");
        }
        assert!(!flags(Network::Host, &[]).contains("--net"));
        assert!(!flags(Network::None, &[Ability::NetworkNamespaces]).contains("--net"));
        assert!(!flags(Network::None, &[Ability::UserNamespaces]).contains("--userns"));
        let shared = flags(Network::None, &[Ability::ProcessNamespaces]);
        assert!(!shared.contains("--containall") && shared.contains("--contain --cleanenv"));
    }
}
