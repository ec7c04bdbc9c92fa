//! The same rooms for people at a terminal.
//!
//! Exit status: 0 done, 1 found something wrong, 2 called wrongly.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::prelude::*;
use serde_json::json;

use crate::app::Site;
use crate::args::{Blank, Input, bind};
use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::http::Mount;
use crate::image::{AppName, Catalog, ImageName};
use crate::reply::{Check, Weight};
use crate::route::Target;
use crate::run;
use crate::view;
use crate::wire::fastcgi::{self, Listen};

const HELP: &str = "\
Puts a folder of Singularity/Apptainer images on the web.

  singularity-nginx fastcgi [--listen unix:PATH|ADDRESS:PORT]
  singularity-nginx list                     the images, and what is not served and why
  singularity-nginx inspect IMAGE[/APP]      what an image says of itself
  singularity-nginx run IMAGE[/APP] [NAME=VALUE]... [--dry-run]
  singularity-nginx doctor                   what holds on this host, what it buys, how to get it
  singularity-nginx config                   what is in force, and where it comes from

  --config FILE   the configuration (else SINGULARITY_NGINX_CONFIG, else
                  .ht-singularity-nginx.toml beside the executable)
  --json          for programs
  --help, --version

Under a web server it finds out by itself whether it is called by CGI or FastCGI.
Exit status: 0 done, 1 found something wrong, 2 called wrongly.
";

/// What was asked for.
#[derive(Debug, Default)]
struct Asked {
    command: Option<String>,
    words: Vec<String>,
    config: Option<PathBuf>,
    listen: Option<String>,
    json: bool,
    dry_run: bool,
}

/// Why a command ends early.
enum Stop {
    Usage(String),
    Wrong(String),
    Silent,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Wrong(format!("{}. {}", error.title(), error.detail()))
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
            eprintln!("singularity-nginx: {why}");
            ExitCode::from(1)
        }
        Err(Stop::Usage(why)) => {
            eprintln!("singularity-nginx: {why}\nTry: singularity-nginx --help");
            ExitCode::from(2)
        }
    }
}

/// Serves FastCGI with the configuration in `named`.
pub fn serve(named: Option<&Path>, listen: &Listen) -> ExitCode {
    let served = allowed(Config::load(named))
        .and_then(|config| fastcgi::serve(Site::new(config), listen).map_err(|error| error.to_string()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("singularity-nginx: {why}");
            ExitCode::from(1)
        }
    }
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
            Value(word) if asked.command.is_none() => asked.command = Some(word.string().map_err(usage)?),
            Value(word) => asked.words.push(word.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok(asked)
}

fn obey(asked: Asked) -> Result<ExitCode, Stop> {
    let mut out = io::stdout().lock();
    match asked.command.as_deref() {
        Some("help") => out.write_all(HELP.as_bytes())?,
        Some("version") => writeln!(out, "singularity-nginx {}", env!("CARGO_PKG_VERSION"))?,
        Some(run::KEEPER) => run::keep()?,
        Some("fastcgi") => {
            drop(out);
            let listen = asked.listen.as_deref().map_or(Ok(Listen::Inherited), Listen::parse).map_err(Stop::Usage)?;
            return Ok(serve(asked.config.as_deref(), &listen));
        }
        Some("config") => config(&site(&asked)?, asked.json, &mut out)?,
        Some("list") => return list(&site(&asked)?, asked.json, &mut out),
        Some("inspect") => inspect(&site(&asked)?, &target(&asked)?, asked.json, &mut out)?,
        Some("doctor") => return doctor(&site(&asked)?, asked.json, &mut out),
        Some("run") => return run_image(&site(&asked)?, &asked, &mut out),
        Some(other) => return Err(Stop::Usage(format!("there is no command `{other}`"))),
        None => return Err(Stop::Usage("say what to do".to_owned())),
    }
    Ok(ExitCode::SUCCESS)
}

fn site(asked: &Asked) -> Result<Site, Stop> {
    Config::load(asked.config.as_deref()).map(Site::new).map_err(|error| Stop::Wrong(error.to_string()))
}

fn target(asked: &Asked) -> Result<Target, Stop> {
    let word = asked.words.first().ok_or_else(|| Stop::Usage("name an image of the data folder".to_owned()))?;
    let (image, app) = word.split_once('/').map_or((word.as_str(), None), |(image, app)| (image, Some(app)));
    let usage = |error: crate::image::NameError| Stop::Usage(format!("`{word}`: {error}"));
    let app = app.map(AppName::parse).transpose().map_err(usage)?;
    Ok(Target { image: ImageName::parse(image).map_err(usage)?, app })
}

fn config(site: &Site, as_json: bool, out: &mut impl Write) -> Result<(), Stop> {
    let lines = site.config().in_force();
    if as_json {
        let rows: Vec<_> =
            lines.iter().map(|(key, value, from)| json!({ "key": key, "value": value, "from": from })).collect();
        return Ok(writeln!(out, "{:#}", json!({ "settings": rows }))?);
    }
    for (key, value, from) in lines {
        writeln!(out, "{key:<18} {value:<40} # {from}")?;
    }
    for image in site.config().special_images() {
        writeln!(out, "[images.\"{image}\"]")?;
    }
    Ok(())
}

fn list(site: &Site, as_json: bool, out: &mut impl Write) -> Result<ExitCode, Stop> {
    let catalog = Catalog::open(&site.config().data).map_err(Error::from)?;
    let listing = catalog.list().map_err(Error::from)?;
    let mut wrong = !listing.refused.is_empty();
    let mut images = Vec::new();
    for entry in &listing.images {
        let read = catalog.image(&entry.name).map_err(Error::from).and_then(|image| Ok(image.metadata()?));
        wrong |= read.is_err();
        let (format, error) = match read {
            Ok(metadata) => (metadata.format.as_str(), None),
            Err(error) => ("", Some(error.detail())),
        };
        images.push((entry, format, error));
    }
    if as_json {
        let rows: Vec<_> = images
            .iter()
            .map(|(entry, format, error)| json!({ "name": entry.name.as_str(), "size": entry.size, "format": format, "error": error }))
            .collect();
        let refused: Vec<_> =
            listing.refused.iter().map(|one| json!({ "name": one.shown, "reason": one.why.to_string() })).collect();
        writeln!(out, "{:#}", json!({ "images": rows, "refused": refused }))?;
    } else {
        for (entry, format, error) in &images {
            writeln!(
                out,
                "{:<40} {:>12} {:<9} {}",
                entry.name.as_str(),
                entry.size,
                format,
                error.as_deref().unwrap_or("")
            )?;
        }
        for one in &listing.refused {
            writeln!(out, "not served: {}: {}", one.shown, one.why)?;
        }
    }
    Ok(ExitCode::from(u8::from(wrong)))
}

fn inspect(site: &Site, target: &Target, as_json: bool, out: &mut impl Write) -> Result<(), Stop> {
    let facts = site.facts(target, true)?;
    if as_json {
        return Ok(writeln!(out, "{:#}", view::inspection(&facts))?);
    }
    let value = view::image_json(&facts, &Mount::default());
    for (key, value) in value.as_object().into_iter().flatten().filter(|(key, _)| *key != "links") {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) if text.contains('\n') => {
                writeln!(out, "{key}:\n{}", text.trim_matches('\n'))?
            }
            serde_json::Value::String(text) => writeln!(out, "{key}: {text}")?,
            serde_json::Value::Object(members) => {
                writeln!(out, "{key}:")?;
                for (name, value) in members {
                    writeln!(out, "  {name}: {}", crate::args::plain_text(value))?;
                }
            }
            other => writeln!(out, "{key}: {other}")?,
        }
    }
    Ok(())
}

fn doctor(site: &Site, as_json: bool, out: &mut impl Write) -> Result<ExitCode, Stop> {
    let mut checks = site.checks(true);
    let root = allowed(Ok(site.config().clone())).err();
    checks.push(Check {
        what: "account",
        weight: Weight::Needed,
        detail: String::new(),
        public: None,
        wrong: root,
        buys: "containers run without the rights of root",
        lost: "nothing starts",
        get: "run it as an ordinary account",
    });
    let wrong = checks.iter().any(|check| check.wrong.is_some() && check.weight != Weight::Better);
    if as_json {
        let rows = checks.iter().map(|check| {
            json!({
                "check": check.what, "weight": check.weight.word(), "ok": check.wrong.is_none(), "detail": check.detail,
                "reason": check.wrong, "buys": check.buys, "lost": check.lost, "get": check.get,
            })
        });
        writeln!(out, "{:#}", json!({ "checks": rows.collect::<Vec<_>>() }))?;
        return Ok(ExitCode::from(u8::from(wrong)));
    }
    for check in &checks {
        match &check.wrong {
            None => writeln!(out, "yes  {:<20} {} {}", check.what, check.buys, bracketed(&check.detail))?,
            Some(why) => writeln!(
                out,
                "no   {:<20} {why}\n     without it: {}\n     to get it:  {}",
                check.what, check.lost, check.get
            )?,
        }
    }
    Ok(ExitCode::from(u8::from(wrong)))
}

fn bracketed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("({text})") }
}

fn run_image(site: &Site, asked: &Asked, out: &mut impl Write) -> Result<ExitCode, Stop> {
    let target = target(asked)?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for word in asked.words.iter().skip(1) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        query.append_pair(name, value);
    }
    let opened = site.open(&target)?;
    let terms = site.config().terms(target.image.as_str());
    let query = query.finish();
    let input = Input::Query { text: query.as_bytes(), blank: Blank::Value };
    let arguments = bind(&opened.spec, input, &terms.sanitise).map_err(Error::from)?;
    for name in arguments.report().ignored() {
        eprintln!("singularity-nginx: {name} is no argument of this image and is ignored");
    }
    for change in arguments.report().changed() {
        eprintln!("singularity-nginx: {}: {} became {}", change.name, change.before, change.after);
    }
    if asked.dry_run {
        let invocation = site.invocation(&opened, arguments.argv())?;
        let mut words = vec![invocation.program.to_string_lossy().into_owned()];
        words.extend(invocation.arguments);
        writeln!(out, "{}", run::shell_quoted(&words))?;
        return Ok(ExitCode::SUCCESS);
    }
    allowed(Ok(site.config().clone())).map_err(Stop::Wrong)?;
    let (mut started, invocation) = site.start(&opened, &arguments, terms, None)?;
    loop {
        match started.next(std::time::Duration::from_secs(3600)) {
            run::Event::Stdout(bytes) => out.write_all(&bytes).and_then(|()| out.flush())?,
            run::Event::Stderr(bytes) => {
                io::stderr().write_all(invocation.scrub(&String::from_utf8_lossy(&bytes)).as_bytes())?
            }
            run::Event::Silence => {}
            run::Event::End(run::End::Exited(0)) => return Ok(ExitCode::SUCCESS),
            run::Event::End(end) => return Err(Stop::Wrong(format!("the run of {} ended: {end:?}", target.image))),
        }
    }
}
