//! `check`: tells the author of an image in plain words what to improve.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::command_line::{CommandLine, target};
use super::definition::labels_twice;
use super::error::{CliError, allowed};
use super::script::{expected, options, passes_on};
use crate::args::Arguments;
use crate::auth::Principal;
use crate::image::{Note, Target, TargetPath, is_shell};
use crate::run::{End, Outcome};
use crate::service::{Caller, Opened, Service};

/// Looks at some or all images, with `--run` also at what they print when
/// they get no arguments.
pub fn check(site: &Service, asked: &CommandLine, out: &mut impl Write) -> Result<ExitCode, CliError> {
    let targets = match &asked.words[..] {
        [] => site.names(&Principal::Owner)?.iter().map(TargetPath::from).collect(),
        words => words.iter().map(|word| target(word, asked)).collect::<Result<Vec<_>, _>>()?,
    };
    let targets = with_apps(site, targets);
    let mut rows = Vec::new();
    let mut wrong = false;
    for target in targets {
        let findings = match site.open(&Principal::Owner, &target) {
            Err(error) => vec![Advice::wrong(error.detail())],
            Ok(opened) => {
                let mut findings = advice(&opened);
                if asked.run && opened.runs_here().is_ok() {
                    findings.extend(trial(site, &opened)?);
                }
                findings
            }
        };
        wrong |= findings.iter().any(|finding| finding.wrong);
        if !asked.json {
            let verdict = if findings.is_empty() { "fine" } else { "" };
            writeln!(out, "{target}: {verdict}")?;
            for finding in &findings {
                writeln!(out, "  {} {}", if finding.wrong { "wrong: " } else { "better:" }, finding.text)?;
            }
        }
        let findings: Vec<_> =
            findings.iter().map(|finding| json!({ "wrong": finding.wrong, "text": finding.text })).collect();
        rows.push(json!({ "image": target.to_string(), "findings": findings }));
    }
    if asked.json {
        writeln!(out, "{:#}", json!({ "images": rows }))?;
    }
    Ok(ExitCode::from(u8::from(wrong)))
}

/// Images, each followed by its apps.
fn with_apps(site: &Service, paths: Vec<TargetPath>) -> Vec<TargetPath> {
    let mut targets = Vec::new();
    for path in paths {
        let opened = site.open(&Principal::Owner, &path).ok().filter(|opened| opened.target.app.is_none());
        targets.push(path);
        if let Some(Opened { target, metadata, .. }) = opened {
            let apps = metadata.apps.into_iter().map(|app| Target { app: Some(app.name), ..target.clone() });
            targets.extend(apps.map(|app| TargetPath::from(&app)));
        }
    }
    targets
}

/// One sentence for an image's author.
#[derive(Debug)]
struct Advice {
    /// Whether the image does not do what its author seems to want.
    wrong: bool,
    text: String,
}

impl Advice {
    fn wrong(text: impl Into<String>) -> Advice {
        Advice { wrong: true, text: text.into() }
    }

    fn better(text: impl Into<String>) -> Advice {
        Advice { wrong: false, text: text.into() }
    }
}

/// What can be seen without running the image.
fn advice(opened: &Opened) -> Vec<Advice> {
    let mut found: Vec<Advice> =
        opened.spec.warnings().iter().map(|warning| Advice::wrong(warning.to_string())).collect();
    let metadata = &opened.metadata;
    let app = opened.target.app.as_ref().and_then(|app| metadata.app(app));
    let (runscript, help) = match app {
        None => (&metadata.runscript, &metadata.help),
        Some(app) => (&app.runscript, &app.help),
    };
    let shell = runscript.as_deref().is_some_and(is_shell);
    match opened.not_run() {
        // an image of apps is as its author wants it
        Some(why) if why.has_apps() => return found,
        Some(why) => found.push(Advice::wrong(format!("it will not be run: {why}"))),
        None if shell && !opened.spec.args().is_empty() && !runscript.as_deref().is_some_and(passes_on) => {
            found.push(Advice::wrong("its runscript does not pass on its arguments: end the command with \"$@\""));
        }
        None => {}
    }
    let app = opened.target.app.as_ref().map(|app| app.as_str());
    for label in labels_twice(metadata.definition.as_deref().unwrap_or_default(), app) {
        found.push(Advice::wrong(format!(
            "{label} is there more than once in its definition file, and only the last one counts: write all of it in one label"
        )));
    }
    let help = help.as_deref().unwrap_or_default();
    if crate::image::summary(Some(help), &opened.labels).is_none() {
        found.push(Advice::better("it has no %help, so visitors do not learn what it is for"));
    }
    let expected = options(help).chain(expected(runscript.as_deref().filter(|_| shell).unwrap_or_default()));
    for name in expected.filter(|name| opened.spec.get(name).is_none()).collect::<BTreeSet<_>>() {
        found
            .push(Advice::better(format!("it mentions --{name}, which no label declares, so visitors cannot send it")));
    }
    for arg in opened.spec.args().iter().filter(|arg| arg.required && arg.default.is_some()) {
        let text = format!("{} is required, so its default is never used: remove one of the two", arg.name);
        found.push(Advice::better(text));
    }
    for arg in opened.spec.args().iter().filter(|arg| arg.description.is_none()) {
        if !help.contains(arg.name.as_str()) {
            let label = "SINGULARITY_RUNSCRIPT_ARG_SCHEMA";
            found.push(Advice::better(format!("nothing describes {}: describe it in {label} or in %help", arg.name)));
        }
    }
    let of_the_image = opened.target.app.is_none();
    if let Some(folder) = opened.image.working_directory().filter(|_| of_the_image) {
        found.push(Advice::better(format!(
            "the Docker image that it was made from has the working directory {folder} (WORKDIR), but it will run in an empty \
             home folder: use absolute paths, or begin the runscript with `cd {folder}`"
        )));
    }
    let told = |note: &&Note| matches!(note, Note::Fallback | Note::TooLong(_) | Note::Unread(_));
    let notes = metadata.notes.iter().filter(told).filter(|_| of_the_image);
    found.extend(notes.map(|note| Advice::better(format!("{note}: build it again"))));
    if let Some((architecture, here)) = metadata.architecture.and_then(|built| Some((built, built.foreign()?))) {
        found.push(Advice::wrong(format!("it is made for {architecture}, and this host is {here}")));
    }
    found
}

/// What the image does when it is run without arguments.
fn trial(site: &Service, opened: &Opened) -> Result<Vec<Advice>, CliError> {
    allowed(Ok(site.config().clone())).map_err(CliError::Failed)?;
    site.prepare();
    let (run, invocation) = site.start(Caller::at_terminal(), opened, &Arguments::default())?;
    let Outcome { end, stdout, stderr, .. } = run.collect();
    let stderr = invocation.scrub(&String::from_utf8_lossy(&stderr));
    let last = stderr.lines().last().unwrap_or_default();
    let mut found = Vec::new();
    match &end {
        End::Exited(0) => {}
        End::Deadline => found.push(Advice::wrong("without arguments, it does not end in time")),
        End::Exited(code) => found.push(Advice::better(format!(
            "without arguments, it ends with status {code} ({last}): explain how to call it, and exit with status 0"
        ))),
        other => found.push(Advice::wrong(format!("without arguments, it ended {other} ({last})"))),
    }
    if stdout.is_empty() && end == End::Exited(0) {
        found.push(Advice::better("without arguments, it prints nothing: explain how to call it"));
    }
    if stdout.iter().any(|byte| matches!(byte, 0x1b | b'\r')) && opened.spec.output().is_none() {
        found.push(Advice::wrong(
            "it prints colours or a progress bar: turn them off, because they become part of the answer",
        ));
    }
    if prints_around_json(&stdout) {
        found
            .push(Advice::wrong("it prints other things beside its JSON answer: remove them, or print them to stderr"));
    }
    Ok(found)
}

/// Lines that are no JSON beside one that is.
fn prints_around_json(stdout: &[u8]) -> bool {
    let is_json = |text: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    let is_object = |line: &&[u8]| matches!(line.first(), Some(b'{' | b'[')) && is_json(line);
    !is_json(stdout) && stdout.split(|byte| *byte == b'\n').filter(is_object).count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_json_answer_among_other_lines_is_seen() {
        for (stdout, expected) in [
            (&b"{\"a\": 1}\n"[..], false),
            (b"loading model\n{\"a\": 1}\n", true),
            (b"plain\ntext\n", false),
            (b"{\"a\": 1}\n{\"a\": 2}\n", false),
            (b"", false),
        ] {
            assert_eq!(prints_around_json(stdout), expected, "{stdout:?}");
        }
    }
}
