//! `may`: who may do what, and which rule says so.
//!
//! In: `WHO IMAGE`, where WHO is `anyone`, `signed-in`, `amy`, `amy,@lab` (a user of a group), `@lab`, or `token:NAME`; or
//! `--all`. Out: a line for each action, or a table. Never: decides by itself.

use std::io::Write;

use serde_json::json;

use super::command_line::{CommandLine, target};
use super::error::CliError;
use crate::auth::{Action, Decision, Principal, PrincipalName, Who};
use crate::image::TargetPath;
use crate::service::Service;

/// The name of a user whom no rule names: it cannot be one, and is shown nowhere.
const SOMEBODY: &str = "somebody else";

/// Explains.
pub fn may(site: &Service, asked: &CommandLine, out: &mut impl Write) -> Result<(), CliError> {
    match (&asked.words[..], asked.all) {
        ([], true) => all(site, asked.json, out),
        ([who, image], false) => one(site, who, &target(image, asked)?, asked.json, out),
        _ => Err(CliError::Usage("write may WHO IMAGE, or may --all".to_owned())),
    }
}

/// A principal of words as rules have them.
fn principal(words: &str) -> Result<Principal, CliError> {
    let wrong = |why: String| {
        CliError::Usage(format!("{why}. Write anyone, signed-in, NAME, NAME,@GROUP, @GROUP or token:NAME"))
    };
    let somebody = || PrincipalName::parse(SOMEBODY).map_err(|why| wrong(why.to_string()));
    let (mut user, mut groups) = (None, Vec::new());
    let parsed = words.split(',').map(Who::parse).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    match &parsed[..] {
        [Who::Anyone] => return Ok(Principal::Anonymous),
        [Who::SignedIn] => return Ok(Principal::User { name: somebody()?, groups }),
        [Who::Token(name)] => return Ok(Principal::Token(name.clone())),
        _ => {}
    }
    for who in parsed {
        match who {
            Who::User(name) if user.is_none() => user = Some(name),
            Who::Group(name) => groups.push(name),
            other => return Err(wrong(format!("`{other}` cannot stand there"))),
        }
    }
    Ok(Principal::User { name: user.map_or_else(somebody, Ok)?, groups })
}

fn one(site: &Service, words: &str, path: &TargetPath, as_json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let who = principal(words)?;
    let image = site.image(&Principal::Owner, path).map_err(CliError::about(path))?;
    let sees = site.decide(&who, Action::See, &image).is_allowed();
    let mut rows = Vec::new();
    for action in Action::ALL {
        let decision = site.decide(&who, action, &image);
        let why = match decision {
            Decision::Open => "there are no rules, so everybody may".to_owned(),
            Decision::Allowed(rule) => rule.to_string(),
            Decision::Refused { .. } if !sees => "no rule allows it: for them the image is not there".to_owned(),
            Decision::Refused { name_could_help: true } => "no rule allows it; signing in could help".to_owned(),
            Decision::Refused { .. } => "no rule allows it".to_owned(),
        };
        if !as_json {
            let verdict = if decision.is_allowed() { "yes" } else { "no " };
            writeln!(out, "{verdict}  {:<12} {why}", action.to_string())?;
        }
        rows.push(json!({ "action": action.to_string(), "allowed": decision.is_allowed(), "why": why }));
    }
    if let (Some(target), false) = (image.leads_to(), as_json) {
        writeln!(out, "{} is a link to {target}: the rules must allow both, where both have an address", image.name())?;
    }
    if as_json {
        let told =
            json!({ "who": words, "image": image.name().as_str(), "link_to": image.leads_to(), "decisions": rows });
        writeln!(out, "{told:#}")?;
    }
    Ok(())
}

/// Everybody whom a rule names, and every image: what may be done.
fn all(site: &Service, as_json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let mut everybody = vec![Who::Anyone.to_string(), Who::SignedIn.to_string()];
    for who in site.config().access.rules.all().iter().flat_map(|rule| rule.who()) {
        let word = who.to_string();
        if !everybody.contains(&word) {
            everybody.push(word);
        }
    }
    let mut rows = Vec::new();
    for name in site.names(&Principal::Owner)? {
        // one that cannot be opened has rights, too: those of its address
        let Ok(image) = site.image(&Principal::Owner, &(&name).into()) else { continue };
        for words in &everybody {
            let who = principal(words)?;
            let allowed = Action::ALL.into_iter().filter(|action| site.decide(&who, *action, &image).is_allowed());
            let allowed: Vec<String> = allowed.map(|action| action.to_string()).collect();
            if !as_json {
                let shown = if allowed.is_empty() { "–".to_owned() } else { allowed.join(", ") };
                writeln!(out, "{:<40} {:<24} {shown}", name.as_str(), words)?;
            }
            rows.push(json!({ "image": name.as_str(), "who": words, "may": allowed }));
        }
    }
    if as_json {
        writeln!(out, "{:#}", json!({ "rows": rows }))?;
    }
    Ok(())
}
