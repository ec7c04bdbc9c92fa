//! `config --check`: what the configuration says that was hardly meant.
//!
//! What is wrong in itself stops every command, with the line. Here: rules without an effect, patterns and names that
//! nothing has now, tokens that cannot be read. Exit status 1 where there is something.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::error::CliError;
use crate::service::Service;

/// Looks, and tells.
pub fn check(site: &Service, as_json: bool, out: &mut impl Write) -> Result<ExitCode, CliError> {
    let mut found = site.rule_mistakes();
    found.extend(site.tokens().and_then(|store| store.tokens().err()).map(|error| format!("tokens: {error}")));
    if as_json {
        writeln!(out, "{:#}", json!({ "mistakes": found }))?;
    } else {
        found.iter().try_for_each(|mistake| writeln!(out, "{mistake}"))?;
        if found.is_empty() {
            writeln!(out, "fine")?;
        }
    }
    Ok(ExitCode::from(u8::from(!found.is_empty())))
}
