//! The same rooms for people at a terminal.
//!
//! Exit status: 0 done, 1 found something wrong, 2 called wrongly.

mod asked;
mod check;
mod paper;
mod plain;
mod show;
mod stop;
mod work;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::app::Site;
use crate::config::Config;
use crate::run;
use crate::service::Service;
use crate::wire::fastcgi::{self, Listen};
use asked::{Asked, IMAGE, first, parse, target};
use plain::{Plain, plain};
use stop::Stop;

pub use stop::allowed;

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
        None => return Err(Stop::Usage("name a command".to_owned())),
    }
    Ok(ExitCode::SUCCESS)
}

fn site(asked: &Asked) -> Result<Service, Stop> {
    Config::load(asked.config.as_deref()).map(Service::new).map_err(|error| Stop::Wrong(error.to_string()))
}
