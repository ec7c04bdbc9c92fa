//! A command line, read.
//!
//! In: its words, without the program's own name. Out: what is [`CommandLine`], or how to call the program instead.
//! Never: looks whether an image is there.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use super::error::CliError;
use crate::image::{NameError, TargetPath};
use crate::run;

/// What was asked for.
#[derive(Debug, Default)]
pub struct CommandLine {
    /// The first word.
    pub command: Option<String>,
    /// Those behind it.
    pub words: Vec<String>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--json`
    pub json: bool,
    /// `--dry-run`
    pub dry_run: bool,
    /// `--run`
    pub run: bool,
    /// `--check`
    pub check: bool,
    /// `--all`
    pub all: bool,
    /// `--expires`
    pub expires: Option<String>,
    /// `--site`
    pub site: Option<String>,
}

/// Reads a command line.
pub fn parse(words: impl Iterator<Item = OsString>) -> Result<CommandLine, CliError> {
    let usage = |error: lexopt::Error| CliError::Usage(error.to_string());
    let mut asked = CommandLine::default();
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(word) = parser.next().map_err(usage)? {
        match word {
            Long("help") | Short('h') => asked.command = Some("help".to_owned()),
            Long("version") | Short('V') => asked.command = Some("version".to_owned()),
            Long("config") => asked.config = Some(parser.value().map_err(usage)?.into()),
            Long("listen") => asked.listen = Some(parser.value().and_then(|v| v.string()).map_err(usage)?),
            Long("json") => asked.json = true,
            Long("dry-run") => asked.dry_run = true,
            Long("run") => asked.run = true,
            Long("check") => asked.check = true,
            Long("all") => asked.all = true,
            Long("expires") => asked.expires = Some(parser.value().and_then(|v| v.string()).map_err(usage)?),
            Long("site") => asked.site = Some(parser.value().and_then(|v| v.string()).map_err(usage)?),
            Value(word) if asked.command.is_none() => asked.command = Some(word.string().map_err(usage)?),
            Value(word) => asked.words.push(word.string().map_err(usage)?),
            other if asked.command.as_deref() == Some("run") => {
                let wrong = other.unexpected();
                return Err(CliError::Usage(format!("{wrong}; write arguments of the image as NAME=VALUE")));
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let most = match asked.command.as_deref() {
        Some("run" | "check" | run::SUPERVISE) => usize::MAX,
        Some("inspect" | "openapi" | "completion") => 1,
        Some("token" | "may") => 2,
        _ => 0,
    };
    match (&asked.command, asked.words.get(most)) {
        (Some(command), Some(word)) => Err(CliError::Usage(format!("`{command}` takes no `{word}`"))),
        _ => Ok(asked),
    }
}

/// What a command wants, when it gets nothing.
pub const IMAGE: &str = "an image of the data folder";

/// The first word behind the command; `wanted` says what it is.
pub fn first<'a>(asked: &'a CommandLine, wanted: &str) -> Result<&'a str, CliError> {
    asked.words.first().map(String::as_str).ok_or_else(|| CliError::Usage(format!("name {wanted}")))
}

/// `IMAGE`, `FOLDER/IMAGE` or `IMAGE/APP`.
pub fn target(word: &str, asked: &CommandLine) -> Result<TargetPath, CliError> {
    if word.starts_with(['.', '/'])
        && let Some((folder, name)) = word.rsplit_once('/')
    {
        let command = asked.command.as_deref().unwrap_or_default();
        let folder = if folder.is_empty() { "/" } else { folder };
        return Err(CliError::Usage(format!(
            "`{word}`: name an image as it is called in the data folder. For another folder: \
             SINGULARITY_NGINX_DATA={folder} singularity-nginx {command} {name}"
        )));
    }
    TargetPath::parse(word).map_err(|error: NameError| CliError::Usage(format!("`{word}`: {error}")))
}
