//! `token`: makes, lists and removes the tokens of programs.
//!
//! In: `add NAME [--expires DAYS]`, `list`, `remove NAME`. Out: a new token, once, on stdout; everything else about it on
//! stderr, so that a script gets the token alone.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::command_line::CommandLine;
use super::error::CliError;
use crate::auth::{MAX_DAYS, Token, TokenName, TokenStore};
use crate::service::Service;

/// What is wanted behind `token`.
const USAGE: &str = "write token add NAME [--expires DAYS], token list, or token remove NAME";

/// Does what was asked for.
pub fn token(site: &Service, asked: &CommandLine, out: &mut impl Write) -> Result<(), CliError> {
    let words: Vec<&str> = asked.words.iter().map(String::as_str).collect();
    if asked.expires.is_some() && words.first() != Some(&"add") {
        return Err(CliError::Usage("--expires belongs to `token add`".to_owned()));
    }
    match words[..] {
        ["add", name] => add(site, &named(name)?, asked, out),
        ["list"] => list(&store(site)?, asked.json, out),
        ["remove", name] => remove(&store(site)?, &named(name)?),
        _ => Err(CliError::Usage(USAGE.to_owned())),
    }
}

fn store(site: &Service) -> Result<TokenStore, CliError> {
    site.tokens().ok_or_else(|| {
        CliError::Failed("tokens need a place that lasts: set `store` to a folder of the serving account".to_owned())
    })
}

fn named(name: &str) -> Result<TokenName, CliError> {
    TokenName::parse(name).map_err(|why| CliError::Usage(format!("`{name}` is no name of a token: {why}")))
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}

fn add(site: &Service, name: &TokenName, asked: &CommandLine, out: &mut impl Write) -> Result<(), CliError> {
    let days = asked.expires.as_deref().map(days).transpose()?;
    let secret = store(site)?.add(name, days).map_err(failed)?;
    match asked.json {
        true => writeln!(out, "{:#}", json!({ "name": name.to_string(), "token": secret.reveal() }))?,
        false => writeln!(out, "{}", secret.reveal())?,
    }
    eprintln!("This is shown once. A program sends it as `Authorization: Bearer TOKEN`; rules name it token:{name}.");
    if site.config().access.rules.is_empty() {
        eprintln!("There are no [[rules]] yet, so everybody may do everything, with or without it.");
    }
    Ok(())
}

fn days(text: &str) -> Result<u64, CliError> {
    let days = text.parse().ok().filter(|days| (1..=MAX_DAYS).contains(days));
    days.ok_or_else(|| CliError::Usage(format!("--expires takes a number of days from 1 to {MAX_DAYS}")))
}

fn list(store: &TokenStore, as_json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let tokens = store.tokens().map_err(failed)?;
    if as_json {
        let rows = tokens.iter().map(|token| {
            json!({
                "name": token.name.to_string(), "created": date(token.created), "expires": token.expires.map(date),
                "expired": token.has_expired(),
            })
        });
        return Ok(writeln!(out, "{:#}", json!({ "tokens": rows.collect::<Vec<_>>() }))?);
    }
    for token in &tokens {
        writeln!(out, "{:<40} made {}, {}", token.name.to_string(), date(token.created), end(token))?;
    }
    Ok(())
}

fn end(token: &Token) -> String {
    match token.expires {
        None => "does not expire".to_owned(),
        Some(expires) if token.has_expired() => format!("expired {}", date(expires)),
        Some(expires) => format!("expires {}", date(expires)),
    }
}

fn date(seconds: u64) -> String {
    let time: SystemTime = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string()
}

fn remove(store: &TokenStore, name: &TokenName) -> Result<(), CliError> {
    match store.remove(name).map_err(failed)? {
        true => Ok(()),
        false => Err(CliError::Failed(format!("there is no token {name}: `singularity-nginx token list` shows all"))),
    }
}
