//! Commands for authors of images: `run`, and `check`, which says in plain
//! words what to improve.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::{Asked, IMAGE, Stop, allowed, first, target};
use crate::app::{Opened, Site};
use crate::args::{Arguments, Blank, Input, bind};
use crate::error::Error;
use crate::image::Catalog;
use crate::route::Target;
use crate::run::{self, End, Outcome};

/// Runs an image as a visitor would.
pub fn run_image(site: &Site, asked: &Asked, out: &mut impl Write) -> Result<ExitCode, Stop> {
    let target = target(first(asked, IMAGE)?)?;
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
        let (invocation, _) = site.invocation(&opened, arguments.argv())?;
        let mut words = vec![invocation.program.to_string_lossy().into_owned()];
        words.extend(invocation.arguments);
        writeln!(out, "{}", run::shell_quoted(&words))?;
        return Ok(ExitCode::SUCCESS);
    }
    allowed(Ok(site.config().clone())).map_err(Stop::Wrong)?;
    site.prepare();
    let (mut started, invocation) = site.start(&opened, &arguments, None)?;
    loop {
        match started.next(Duration::from_secs(3600)) {
            run::Event::Stdout(bytes) => out.write_all(&bytes).and_then(|()| out.flush())?,
            run::Event::Stderr(bytes) => {
                io::stderr().write_all(invocation.scrub(&String::from_utf8_lossy(&bytes)).as_bytes())?
            }
            run::Event::Silence => {}
            run::Event::End(End::Exited(0)) => return Ok(ExitCode::SUCCESS),
            run::Event::End(end) => return Err(Stop::Wrong(format!("the run of {} ended: {end:?}", target.image))),
        }
    }
}

/// Looks at some or all images, with `--run` also at what they print when
/// they get no arguments.
pub fn check(site: &Site, asked: &Asked, out: &mut impl Write) -> Result<ExitCode, Stop> {
    let targets = if asked.words.is_empty() {
        let listing = Catalog::open(&site.config().data).and_then(|catalog| catalog.list()).map_err(Error::from)?;
        listing.images.iter().map(|entry| Target::image(&entry.name)).collect()
    } else {
        asked.words.iter().map(|word| target(word)).collect::<Result<Vec<_>, _>>()?
    };
    let mut rows = Vec::new();
    let mut wrong = false;
    for target in targets {
        let findings = match site.open(&target) {
            Err(error) => vec![Advice::wrong(error.detail())],
            Ok(opened) => {
                let mut findings = advice(&opened);
                if asked.run {
                    findings.extend(trial(site, &opened)?);
                }
                findings
            }
        };
        wrong |= findings.iter().any(|finding| finding.wrong);
        if !asked.json {
            let verdict = if findings.is_empty() { "fine" } else { "" };
            writeln!(out, "{}: {verdict}", target.image)?;
            for finding in &findings {
                writeln!(out, "  {} {}", if finding.wrong { "wrong: " } else { "better:" }, finding.text)?;
            }
        }
        let findings: Vec<_> =
            findings.iter().map(|finding| json!({ "wrong": finding.wrong, "text": finding.text })).collect();
        rows.push(json!({ "image": target.image.as_str(), "findings": findings }));
    }
    if asked.json {
        writeln!(out, "{:#}", json!({ "images": rows }))?;
    }
    Ok(ExitCode::from(u8::from(wrong)))
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
    let declares = !opened.spec.args().is_empty();
    match &metadata.runscript {
        None if metadata.entrypoint.is_empty() => {
            found.push(Advice::wrong("it has no runscript: there is nothing to run"))
        }
        Some(script) if declares && !["$@", "$*", "$1"].iter().any(|word| script.contains(word)) => {
            found.push(Advice::wrong("its runscript does not pass its arguments on: end the command with \"$@\""));
        }
        _ => {}
    }
    let help = metadata.help.as_deref().unwrap_or_default();
    if help.trim().is_empty() {
        found.push(Advice::better("it has no %help: visitors do not learn what it is for"));
    }
    for arg in opened.spec.args().iter().filter(|arg| arg.description.is_none()) {
        if !help.contains(arg.name.as_str()) {
            let label = "SINGULARITY_RUNSCRIPT_ARG_SCHEMA";
            found.push(Advice::better(format!("nothing describes {}: do it in {label} or in %help", arg.name)));
        }
    }
    if let Err(why) = opened.image.trust(rustix::process::getegid().as_raw()) {
        found.push(Advice::wrong(format!("it will not be run: {why}")));
    }
    if let Some(architecture) = metadata.architecture.filter(|built| built.as_str() != host_architecture()) {
        found.push(Advice::wrong(format!("it is made for {architecture}, and this host is {}", host_architecture())));
    }
    found
}

/// The name that images use for this host's processor.
fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

/// What the image does when it is run without arguments.
fn trial(site: &Site, opened: &Opened) -> Result<Vec<Advice>, Stop> {
    allowed(Ok(site.config().clone())).map_err(Stop::Wrong)?;
    site.prepare();
    let (run, invocation) = site.start(opened, &Arguments::default(), None)?;
    let Outcome { end, stdout, stderr, .. } = run.collect();
    let stderr = invocation.scrub(&String::from_utf8_lossy(&stderr));
    let last = stderr.lines().last().unwrap_or_default();
    let mut found = Vec::new();
    match &end {
        End::Exited(0) => {}
        End::Deadline => found.push(Advice::wrong("without arguments it does not end in time")),
        End::Exited(code) => found.push(Advice::better(format!(
            "without arguments it ends with status {code} ({last}): better say how to call it, with status 0"
        ))),
        other => found.push(Advice::wrong(format!("without arguments it ends badly: {other:?} ({last})"))),
    }
    if stdout.is_empty() && end == End::Exited(0) {
        found.push(Advice::better("without arguments it prints nothing: better say how to call it"));
    }
    if prints_around_json(&stdout) {
        found
            .push(Advice::wrong("it prints other things than its JSON answer: take them out, or print them to stderr"));
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
