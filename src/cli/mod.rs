//! The same rooms for people at a terminal.
//!
//! Exit status: 0 done, 1 found something wrong, 2 called wrongly.

mod check;
mod paper;
mod plain;
mod show;
mod work;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::prelude::*;

use crate::app::Site;
use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::image::Target;
use crate::image::{AppName, FindError, ImageName};
use crate::run;
use crate::service::Service;
use crate::wire::fastcgi::{self, Listen};
use plain::{Plain, plain};

/// What was asked for.
#[derive(Debug, Default)]
struct Asked {
    command: Option<String>,
    words: Vec<String>,
    config: Option<PathBuf>,
    listen: Option<String>,
    json: bool,
    dry_run: bool,
    run: bool,
}

/// Why a command ends early.
enum Stop {
    Usage(String),
    Wrong(String),
    Silent,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        // its owner may see what visitors may not
        let log = match &error {
            Error::Catalog(_) => " (`singularity-nginx config` tells where it is looked for)".to_owned(),
            _ if error.status() >= 500 => format!(" ({error}) `singularity-nginx doctor` tells more."),
            _ => String::new(),
        };
        Stop::Wrong(format!("{}. {}{log}", error.title(), error.detail()))
    }
}

impl Stop {
    /// What is said about `image` where it is not there: no page is at hand to look at.
    fn about(image: &ImageName) -> impl Fn(Error) -> Stop {
        move |error| match error {
            Error::Find(FindError::NotFound) => {
                Stop::Wrong(format!("{image}: {}. `singularity-nginx list` tells which there are.", error.title()))
            }
            other => other.into(),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        match error.kind() {
            // whoever read our output has seen enough
            io::ErrorKind::BrokenPipe => Stop::Silent,
            _ => Stop::Wrong(error.to_string()),
        }
    }
}

/// Runs a command line, without the program's own name.
pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    match parse(words).and_then(obey) {
        Ok(code) => code,
        Err(Stop::Silent) => ExitCode::from(1),
        Err(Stop::Wrong(why)) => {
            eprintln!("singularity-nginx: {}", plain(&why));
            ExitCode::from(1)
        }
        Err(Stop::Usage(why)) => {
            eprintln!("singularity-nginx: {}\nTry: singularity-nginx --help", plain(&why));
            ExitCode::from(2)
        }
    }
}

/// Serves FastCGI with the configuration in `named`.
pub fn serve(named: Option<&Path>, listen: &Listen) -> ExitCode {
    let served = allowed(Config::load(named)).and_then(|config| {
        fastcgi::serve(Site::new(Service::new(config)), listen).map_err(|error| unheard(listen, &error))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("singularity-nginx: {why}");
            ExitCode::from(1)
        }
    }
}

/// Why nothing listens, and what to do about it.
fn unheard(listen: &Listen, error: &io::Error) -> String {
    let advice = match (listen, error.kind()) {
        (Listen::Inherited, io::ErrorKind::InvalidInput) => "; or name a place: --listen unix:PATH or ADDRESS:PORT",
        (Listen::Tcp(_), io::ErrorKind::AddrInUse) => ": stop it first, or choose another port",
        (Listen::Tcp(_), io::ErrorKind::PermissionDenied) => ": choose a port from 1024 on",
        (_, io::ErrorKind::PermissionDenied) => ": choose a folder that this account may write to",
        (_, io::ErrorKind::InvalidInput) => ": the path of a socket has at most 107 bytes",
        _ => "",
    };
    format!("{error}{advice}")
}

/// A configuration with which a server may start: not as root.
pub fn allowed(config: Result<Config, ConfigError>) -> Result<Config, String> {
    let config = config.map_err(|error| error.to_string())?;
    if rustix::process::geteuid().is_root() && !config.allow_root {
        return Err("refuses to run as root: containers would run as root too. Start it as an ordinary account \
             (or set `allow_root = true` if you must)"
            .to_owned());
    }
    Ok(config)
}

fn parse(words: impl Iterator<Item = OsString>) -> Result<Asked, Stop> {
    let usage = |error: lexopt::Error| Stop::Usage(error.to_string());
    let mut asked = Asked::default();
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
            Value(word) if asked.command.is_none() => asked.command = Some(word.string().map_err(usage)?),
            Value(word) => asked.words.push(word.string().map_err(usage)?),
            other if asked.command.as_deref() == Some("run") => {
                let wrong = other.unexpected();
                return Err(Stop::Usage(format!("{wrong}; arguments of the image are written NAME=VALUE")));
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let most = match asked.command.as_deref() {
        Some("run" | "check" | run::KEEPER) => usize::MAX,
        Some("inspect" | "openapi" | "completion") => 1,
        _ => 0,
    };
    match (&asked.command, asked.words.get(most)) {
        (Some(command), Some(word)) => Err(Stop::Usage(format!("`{command}` does nothing with `{word}`"))),
        _ => Ok(asked),
    }
}

fn obey(asked: Asked) -> Result<ExitCode, Stop> {
    let mut out = Plain(io::stdout().lock());
    match asked.command.as_deref() {
        Some("help") => out.write_all(paper::help().as_bytes())?,
        Some("version") => writeln!(out, "singularity-nginx {}", env!("CARGO_PKG_VERSION"))?,
        Some("man") => out.write_all(paper::man().as_bytes())?,
        Some("completion") => out.write_all(paper::completion(first(&asked, "bash, zsh or fish")?)?.as_bytes())?,
        Some(run::KEEPER) => run::keep(asked.words.first().map(String::as_str))?,
        Some("fastcgi") => {
            drop(out);
            let listen = asked.listen.as_deref().map_or(Ok(Listen::Inherited), Listen::parse).map_err(Stop::Usage)?;
            return Ok(serve(asked.config.as_deref(), &listen));
        }
        Some("config") => show::config(&site(&asked)?, asked.json, &mut out)?,
        Some("list") => return show::list(&site(&asked)?, asked.json, &mut out),
        Some("inspect") => {
            show::inspect(&site(&asked)?, &target(first(&asked, IMAGE)?, &asked)?, asked.json, &mut out)?
        }
        Some("openapi") => {
            let image = asked.words.first().map(|word| target(word, &asked)).transpose()?.map(|target| target.image);
            show::openapi(&site(&asked)?, image, &mut out)?;
        }
        Some("doctor") => return show::doctor(&site(&asked)?, asked.json, &mut out),
        Some("check") => return check::check(&site(&asked)?, &asked, &mut out),
        Some("run") => return work::run_image(&site(&asked)?, &asked, &mut out.0),
        Some(other) => return Err(Stop::Usage(format!("there is no command `{other}`"))),
        None => return Err(Stop::Usage("say what to do".to_owned())),
    }
    Ok(ExitCode::SUCCESS)
}

fn site(asked: &Asked) -> Result<Service, Stop> {
    Config::load(asked.config.as_deref()).map(Service::new).map_err(|error| Stop::Wrong(error.to_string()))
}

/// What a command wants, when it gets nothing.
const IMAGE: &str = "an image of the data folder";

fn first<'a>(asked: &'a Asked, wanted: &str) -> Result<&'a str, Stop> {
    asked.words.first().map(String::as_str).ok_or_else(|| Stop::Usage(format!("name {wanted}")))
}

/// `IMAGE` or `IMAGE/APP`.
fn target(word: &str, asked: &Asked) -> Result<Target, Stop> {
    if word.starts_with(['.', '/'])
        && let Some((folder, name)) = word.rsplit_once('/')
    {
        let command = asked.command.as_deref().unwrap_or_default();
        let folder = if folder.is_empty() { "/" } else { folder };
        return Err(Stop::Usage(format!(
            "`{word}`: an image is called by its name in the data folder. For another folder: \
             SINGULARITY_NGINX_DATA={folder} singularity-nginx {command} {name}"
        )));
    }
    let (image, app) = word.split_once('/').map_or((word, None), |(image, app)| (image, Some(app)));
    let usage = |error: crate::image::NameError| Stop::Usage(format!("`{word}`: {error}"));
    let app = app.map(AppName::parse).transpose().map_err(usage)?;
    Ok(Target { image: ImageName::parse(image).map_err(usage)?, app })
}
