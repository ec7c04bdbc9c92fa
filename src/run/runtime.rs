//! Which container runtime, and the flags that keep a container apart.
//!
//! Source of the flags: the runtime's `run` documentation, and what was
//! measured with release 1.4.5 (see SECURITY in the README).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

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
}

/// A container runtime, by absolute path.
#[derive(Clone, Debug)]
pub struct Runtime(PathBuf);

impl Runtime {
    /// The configured runtime, else the first installed one.
    pub fn find(configured: Option<&Path>) -> Result<Runtime, RuntimeError> {
        match configured {
            Some(path) if executable(path) => Ok(Runtime(path.to_owned())),
            Some(path) => Err(RuntimeError::NotExecutable(path.to_owned())),
            None => CANDIDATES
                .iter()
                .map(Path::new)
                .find(|path| executable(path))
                .map(Runtime::at)
                .ok_or(RuntimeError::Missing),
        }
    }

    /// The runtime at `path`, not looked at.
    pub fn at(path: &Path) -> Runtime {
        Runtime(path.to_owned())
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The name people type.
    pub fn name(&self) -> String {
        self.0.file_name().map_or_else(|| "apptainer".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// `run` and the isolation flags: an empty environment and home, no mount
    /// of the host, no privilege in or out, no evaluation of arguments by a
    /// shell, and no network unless it is allowed.
    pub fn run_flags(&self, network: Network) -> Vec<String> {
        let flags = "--quiet run --containall --no-eval --no-privs --userns \
                     --pwd / --no-mount bind-paths,hostfs,sys,cwd,home";
        let network = match network {
            Network::None => " --net --network none",
            Network::Host => "",
        };
        format!("{flags}{network}").split_whitespace().map(str::to_owned).collect()
    }
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
        for path in ["sh", "/", "/etc/passwd", "/nonexistent/apptainer"] {
            assert_eq!(Runtime::find(Some(Path::new(path))).err(), Some(RuntimeError::NotExecutable(path.into())));
        }
    }
}
