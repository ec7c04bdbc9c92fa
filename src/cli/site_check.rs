//! `doctor --site URL`: whether the web server lets in names that nobody has checked.
//!
//! nginx sets `$remote_user` from whatever `Authorization` holds, wherever nothing checks it. So every kind of address is
//! asked, by GET and by POST, as a user whom nobody has: an answer that says it was given to that name is a hole. Nothing
//! runs: the requests say that a browser fetches ahead, which runs nothing here.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::command_line::CommandLine;
use super::error::CliError;
use crate::auth::Secret;
use crate::image::ImageName;
use crate::routes::{Route, TABLE};
use crate::run::head_of;

/// The field in which an answer says as whom it was given.
const SIGNED_IN: &str = "x-signed-in-as:";

/// Asks, and tells.
pub fn check(asked: &CommandLine, out: &mut impl Write) -> Result<ExitCode, CliError> {
    let site = asked.site.as_deref().unwrap_or_default();
    let address = url::Url::parse(site).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(address) = address else {
        return Err(CliError::Usage(format!("`{site}`: write the address of the site, like https://example.org/")));
    };
    let base = address.as_str().trim_end_matches('/').trim_end_matches("/container").to_owned();
    let nobody = nobody()?;
    let mut rows = Vec::new();
    let mut wrong = false;
    for path in paths(&nobody) {
        for method in ["GET", "POST"] {
            let head = head_of(method, &format!("{base}{path}"), &format!("{nobody}:x"), &["Sec-Purpose: prefetch"])
                .map_err(|error| CliError::Failed(format!("{base}{path}: {error}")))?;
            let status = head.split_whitespace().nth(1).unwrap_or("?").to_owned();
            let signed_in = head.lines().any(|line| line.to_ascii_lowercase().starts_with(SIGNED_IN));
            wrong |= signed_in;
            if !asked.json {
                writeln!(out, "{}  {method:<4} {path} ({status})", if signed_in { "no " } else { "yes" })?;
            }
            rows.push(json!({ "method": method, "path": path, "status": status, "signed_in": signed_in }));
        }
    }
    if asked.json {
        writeln!(out, "{:#}", json!({ "as": nobody, "requests": rows }))?;
    } else if wrong {
        writeln!(
            out,
            "Some addresses let anybody in under any name. Where the web server does not check `Authorization`, it must \
             not pass REMOTE_USER: docs/rights.md has configurations that are tested."
        )?;
    }
    Ok(ExitCode::from(u8::from(wrong)))
}

/// The name of a user whom nobody has.
fn nobody() -> Result<String, CliError> {
    let secret = Secret::new().map_err(|error| CliError::Failed(error.to_string()))?;
    let random: String = secret.reveal().chars().filter(char::is_ascii_alphanumeric).skip(2).take(16).collect();
    Ok(format!("doctor-{random}"))
}

/// An address of each row of the table, of an image that nobody has.
fn paths(nobody: &str) -> Vec<String> {
    let image = ImageName::parse(&format!("{nobody}.sif")).map(|name| name.to_string()).unwrap_or_default();
    let path = |pattern: &str| pattern.replacen("{}", &image, 1);
    TABLE
        .iter()
        .map(|row| path(row.pattern))
        .filter(|path| !matches!(Route::parse(path), Some(Route::Static(_))))
        .collect()
}
