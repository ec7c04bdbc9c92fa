//! `run`: an image as a visitor would run it, or the command that would be executed.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::command_line::{CommandLine, IMAGE, first, target};
use super::error::{CliError, allowed};
use super::plain::{PlainWriter, TerminalStream, plain};
use crate::args::{Blank, Input, bind};
use crate::auth::Principal;
use crate::error::Error;
use crate::run::{End, Event, Invocation, Run, shell_quoted};
use crate::service::{Caller, Service};
use crate::view;

/// Runs an image as a visitor would. What it prints goes to a pipe or a file as it is, to a terminal without what a
/// terminal obeys.
pub fn run_image(site: &Service, asked: &CommandLine, out: &mut impl Write) -> Result<ExitCode, CliError> {
    let terminal = io::stdout().is_terminal();
    let path = target(first(asked, IMAGE)?, asked)?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for word in asked.words.iter().skip(1) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        query.append_pair(name, value);
    }
    let opened = site.open(&Principal::Owner, &path).map_err(CliError::about(&path))?;
    opened.runs_here()?;
    let query = query.finish();
    let input = Input::Form { text: query.as_bytes(), blank: Blank::Value };
    let arguments = bind(&opened.spec, input, &opened.settings.sanitise).map_err(Error::from)?;
    for name in arguments.report().ignored() {
        eprintln!("singularity-nginx: {} is not an argument of this image and is ignored", plain(name));
    }
    for change in arguments.report().changed() {
        eprintln!("singularity-nginx: {}: {} became {}", change.name, plain(&change.before), change.after);
    }
    if asked.dry_run {
        let order = site.invocation(&opened, &arguments)?.order;
        let mut words = vec![order.program.to_string_lossy().into_owned()];
        words.extend(order.arguments);
        match asked.json {
            true => writeln!(PlainWriter(out), "{:#}", json!({ "command": words }))?,
            false => writeln!(TerminalStream::new(out, terminal), "{}", shell_quoted(&words))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    allowed(Ok(site.config().clone())).map_err(CliError::Failed)?;
    site.prepare();
    let (mut started, invocation) = site.start(Caller::at_terminal(), &opened, &arguments)?;
    if asked.json {
        let ran = site.ran(opened, &arguments, started, invocation)?;
        writeln!(PlainWriter(out), "{:#}", view::envelope(&ran))?;
        return Ok(ExitCode::from(u8::from(ran.outcome.end != End::Exited(0))));
    }
    match show(&mut started, &invocation, &mut TerminalStream::new(out, terminal))? {
        None => Ok(ExitCode::SUCCESS),
        Some(end) => Err(CliError::Failed(format!("the run of {path} ended {end}"))),
    }
}

/// What the run prints, while it prints it; how it ended, if not well.
fn show(started: &mut Run, invocation: &Invocation, out: &mut TerminalStream<impl Write>) -> io::Result<Option<End>> {
    let scrubber = invocation.scrubber();
    let mut errors = TerminalStream::new(io::stderr(), io::stderr().is_terminal());
    loop {
        match started.next(Duration::from_secs(3600)) {
            Event::Stdout(bytes) => out.write_all(&bytes).and_then(|()| out.flush())?,
            Event::Stderr(bytes) => {
                errors.write_all(scrubber.scrub(&String::from_utf8_lossy(&bytes)).as_bytes())?;
            }
            Event::Silence => {}
            Event::End(end) => {
                out.end().and_then(|()| errors.end())?;
                return Ok(Some(end).filter(|end| *end != End::Exited(0)));
            }
        }
    }
}
