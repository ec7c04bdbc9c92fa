//! The same rooms for people at a terminal.
//!
//! Exit status: 0 done, 1 found something wrong, 2 called wrongly.

mod check;
mod command_line;
mod definition;
mod error;
mod help;
mod may;
mod plain;
mod rules;
mod run;
mod script;
mod show;
mod site_check;
mod token;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::app::Site;
use crate::config::Config;
use crate::run as processes;
use crate::service::Service;
use crate::wire::fastcgi::{self, Listen};
use command_line::{CommandLine, IMAGE, first, parse, target};
use error::CliError;
use plain::{PlainWriter, plain};

pub use error::allowed;

/// Runs a command line, without the program's own name.
pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    match parse(words).and_then(obey) {
        Ok(code) => code,
        Err(CliError::Silent) => ExitCode::from(1),
        Err(CliError::Failed(why)) => {
            eprintln!("singularity-nginx: {}", plain(&why));
            ExitCode::from(1)
        }
        Err(CliError::Usage(why)) => {
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
        (Listen::Inherited, io::ErrorKind::InvalidInput) => {
            ". Or say where to listen: --listen unix:PATH or ADDRESS:PORT"
        }
        (Listen::Tcp(_), io::ErrorKind::AddrInUse) => ": stop it first, or choose another port",
        (Listen::Tcp(_), io::ErrorKind::PermissionDenied) => ": choose a port from 1024 on",
        (_, io::ErrorKind::PermissionDenied) => ": choose a folder that this account may write to",
        (_, io::ErrorKind::InvalidInput) => ": the path of a socket has at most 107 bytes",
        _ => "",
    };
    format!("{error}{advice}")
}

fn obey(asked: CommandLine) -> Result<ExitCode, CliError> {
    let mut out = PlainWriter(io::stdout().lock());
    match asked.command.as_deref() {
        Some("help") => out.write_all(help::help().as_bytes())?,
        Some("version") => writeln!(out, "singularity-nginx {}", env!("CARGO_PKG_VERSION"))?,
        Some("man") => out.write_all(help::man().as_bytes())?,
        Some("completion") => out.write_all(help::completion(first(&asked, "bash, zsh or fish")?)?.as_bytes())?,
        Some(processes::SUPERVISE) => processes::supervise(asked.words.first().map(String::as_str))?,
        Some("fastcgi") => {
            drop(out);
            let listen =
                asked.listen.as_deref().map_or(Ok(Listen::Inherited), Listen::parse).map_err(CliError::Usage)?;
            return Ok(serve(asked.config.as_deref(), &listen));
        }
        Some("config") if asked.check => return rules::check(&site(&asked)?, asked.json, &mut out),
        Some("config") => show::config(&site(&asked)?, asked.json, &mut out)?,
        Some("token") => token::token(&site(&asked)?, &asked, &mut out)?,
        Some("may") => may::may(&site(&asked)?, &asked, &mut out)?,
        Some("list") => return show::list(&site(&asked)?, asked.json, &mut out),
        Some("inspect") => {
            show::inspect(&site(&asked)?, &target(first(&asked, IMAGE)?, &asked)?, asked.json, &mut out)?
        }
        Some("openapi") => {
            let image = asked.words.first().map(|word| target(word, &asked)).transpose()?;
            show::openapi(&site(&asked)?, image.as_ref(), &mut out)?;
        }
        Some("doctor") if asked.site.is_some() => return site_check::check(&asked, &mut out),
        Some("doctor") => return show::doctor(&site(&asked)?, asked.json, &mut out),
        Some("check") => return check::check(&site(&asked)?, &asked, &mut out),
        Some("run") => return run::run_image(&site(&asked)?, &asked, &mut out.0),
        Some(other) => return Err(CliError::Usage(format!("there is no command `{other}`"))),
        None => return Err(CliError::Usage("name a command".to_owned())),
    }
    Ok(ExitCode::SUCCESS)
}

fn site(asked: &CommandLine) -> Result<Service, CliError> {
    Config::load(asked.config.as_deref()).map(Service::new).map_err(|error| CliError::Failed(error.to_string()))
}
