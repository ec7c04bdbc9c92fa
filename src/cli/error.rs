//! Why a command ends early, or does not begin.
//!
//! In: an error of the service, or of the system. Out: a [`CliError`], whose text says what to do next. Never: prints it.

use std::io;

use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::image::{FindError, TargetPath};

/// Why a command ends early.
pub enum CliError {
    /// It was called wrongly.
    Usage(String),
    /// Something is wrong here.
    Failed(String),
    /// There is nobody to tell.
    Silent,
}

impl From<Error> for CliError {
    fn from(error: Error) -> CliError {
        // its owner may see what visitors may not
        let log = match &error {
            Error::Catalog(_) => " (`singularity-nginx config` shows where the program looks for it)".to_owned(),
            _ if error.status() >= 500 => format!(" ({error}) `singularity-nginx doctor` tells more."),
            _ => String::new(),
        };
        CliError::Failed(format!("{}. {}{log}", error.title(), error.detail()))
    }
}

impl CliError {
    /// What is said about `path` where it is not there: no page is at hand to look at.
    pub fn about(path: &TargetPath) -> impl Fn(Error) -> CliError {
        move |error| match error {
            Error::Find(FindError::NotFound) => CliError::Failed(format!(
                "{path}: {}. `singularity-nginx list` shows the images that there are.",
                error.title()
            )),
            other => other.into(),
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> CliError {
        match error.kind() {
            // whoever read our output has seen enough
            io::ErrorKind::BrokenPipe => CliError::Silent,
            _ => CliError::Failed(error.to_string()),
        }
    }
}

/// A configuration with which a server may start: not as root.
pub fn allowed(config: Result<Config, ConfigError>) -> Result<Config, String> {
    let config = config.map_err(|error| error.to_string())?;
    if rustix::process::geteuid().is_root() && !config.allow_root {
        return Err(
            "refuses to run as root, because containers would run as root too. Start it as an ordinary account \
            (or set `allow_root = true` if you must)"
                .to_owned(),
        );
    }
    Ok(config)
}
