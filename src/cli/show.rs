//! Commands that tell: `config`, `list`, `inspect`, `openapi`, `doctor`.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::error::{CliError, allowed};
use crate::args::Input;
use crate::auth::Principal;
use crate::config::Line;
use crate::http::Mount;
use crate::image::TargetPath;
use crate::service::Service;
use crate::service::{Check, Weight};
use crate::view;

pub fn config(site: &Service, as_json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let config = site.config();
    if as_json {
        let row = |(key, value, from): &Line| json!({ "key": key, "value": value, "from": from });
        let rows = |lines: &[Line]| lines.iter().map(row).collect::<Vec<_>>();
        let images: serde_json::Map<_, _> =
            config.effective_images().map(|(name, lines)| (name.to_owned(), rows(&lines).into())).collect();
        let told = json!({ "file": config.file(), "settings": rows(&config.effective()), "images": images });
        return Ok(writeln!(out, "{told:#}")?);
    }
    match config.file() {
        Some(path) => writeln!(out, "# the file: {}", path.display())?,
        None => writeln!(out, "# there is no configuration file")?,
    }
    let tell = |lines: Vec<Line>, out: &mut dyn Write| {
        lines.into_iter().try_for_each(|(key, value, from)| writeln!(out, "{key:<18} {value:<40} # {from}"))
    };
    tell(config.effective(), out)?;
    for (image, lines) in config.effective_images() {
        writeln!(out, "\n[images.{image:?}]")?;
        tell(lines, out)?;
    }
    Ok(())
}

pub fn list(site: &Service, as_json: bool, out: &mut impl Write) -> Result<ExitCode, CliError> {
    let listing = site.listing(&Principal::Owner)?;
    let images = site.rows(&Principal::Owner, listing.images)?;
    let wrong = !listing.refused.is_empty() || images.iter().any(|row| row.facts.is_err());
    let images = images.into_iter().map(|row| {
        let (format, error, refused) = match row.facts {
            Ok(facts) => (facts.format.as_str(), None, facts.refused.map(|why| why.to_string())),
            Err(error) => ("", Some(error), None),
        };
        (row.target.image, row.size.unwrap_or(0), format, error, refused)
    });
    let images: Vec<_> = images.collect();
    if as_json {
        let rows: Vec<_> = images
            .iter()
            .map(|(name, size, format, error, refused)| {
                json!({ "name": name.as_str(), "size": size, "format": format, "error": error, "refused": refused })
            })
            .collect();
        let refused: Vec<_> =
            listing.refused.iter().map(|one| json!({ "name": one.shown, "reason": one.why.to_string() })).collect();
        writeln!(out, "{:#}", json!({ "images": rows, "refused": refused }))?;
    } else {
        for (name, size, format, error, refused) in &images {
            let why = match (error, refused) {
                (Some(error), _) => error.clone(),
                (None, Some(why)) => format!("not run here: {why}"),
                (None, None) => String::new(),
            };
            writeln!(out, "{:<40} {:>12} {:<9} {why}", name.as_str(), size, format)?;
        }
        for one in &listing.refused {
            writeln!(out, "not served: {}: {}", one.shown, one.why)?;
        }
    }
    Ok(ExitCode::from(u8::from(wrong)))
}

pub fn inspect(site: &Service, path: &TargetPath, as_json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let facts = site.facts(&Principal::Owner, path, Input::NOTHING).map_err(CliError::about(path))?;
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

pub fn openapi(site: &Service, image: Option<&TargetPath>, out: &mut impl Write) -> Result<(), CliError> {
    let described = match image {
        Some(path) => site.describe(&Principal::Owner, Some(path)).map_err(CliError::about(path))?,
        None => site.describe(&Principal::Owner, None)?,
    };
    Ok(writeln!(out, "{:#}", view::openapi_json(&described, &Mount::default()))?)
}

/// A site that does not say its names answers to any.
fn unnamed(site: &Service) -> Option<Check> {
    site.config().hosts.is_empty().then(|| Check {
        what: "hosts",
        weight: Weight::Better,
        detail: String::new(),
        public: None,
        wrong: Some("the site answers to any host name".to_owned()),
        buys: "the site answers only to its own names",
        lost: "a page under another name that leads to this host can reach the site",
        get: "set `hosts` to the names of the site as browsers send them (with the port, unless it is 80 or 443)",
    })
}

pub fn doctor(site: &Service, as_json: bool, out: &mut impl Write) -> Result<ExitCode, CliError> {
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
    checks.extend(unnamed(site));
    let wrong = checks.iter().any(|check| check.wrong.is_some() && check.weight != Weight::Better);
    if as_json {
        let rows = checks.iter().map(|check| {
            json!({
                "check": check.what, "weight": check.weight.code(), "ok": check.wrong.is_none(), "detail": check.detail,
                "reason": check.wrong, "buys": check.buys, "lost": check.lost, "get": check.get,
            })
        });
        writeln!(out, "{:#}", json!({ "checks": rows.collect::<Vec<_>>() }))?;
        return Ok(ExitCode::from(u8::from(wrong)));
    }
    for check in &checks {
        match &check.wrong {
            None => writeln!(out, "yes  {:<20} {}{}", check.what, check.buys, bracketed(&check.detail))?,
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
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}
