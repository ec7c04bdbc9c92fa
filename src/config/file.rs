//! The file: TOML text → layers, each value with its line.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layer::{ConfigError, Layer, Origin, Raw};
use crate::auth::RuleText;

/// Largest file in bytes.
const MAX_FILE: u64 = 256 * 1024;

/// The text of the file. It may belong to `owner`; to whom it belongs, where there is none.
pub fn read(path: &Path, owner: Option<u32>) -> Result<String, ConfigError> {
    if path.as_os_str().is_empty() {
        return Err(ConfigError::file("the file", "its name is empty: write a path, or leave it out"));
    }
    let mut text = String::new();
    let refuse = |why: &dyn std::fmt::Display| ConfigError::file(path.display(), why);
    let file = std::fs::File::open(path).map_err(|error| refuse(&error))?;
    // it names what is executed
    let owner = owner.or_else(|| Some(file.metadata().ok()?.uid()));
    if let Some(step) = crate::trust::changeable(path, owner) {
        return Err(refuse(&format!("others can change {}: remove that right with chmod go-w", step.display())));
    }
    let length = file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| refuse(&error))?;
    if length as u64 > MAX_FILE {
        return Err(refuse(&"the file is larger than 256 KiB"));
    }
    Ok(text)
}

/// What a file says.
#[derive(Debug, Default)]
pub struct Layers {
    /// Of the site.
    pub site: Layer,
    /// Of each `[images."NAME"]`.
    pub images: BTreeMap<String, Layer>,
    /// The `[[rules]]`, in the order of the file.
    pub rules: Vec<RuleText>,
}

/// Reads the file's text.
pub fn layers(text: &str, site_keys: &[&str], image_keys: &[&str]) -> Result<Layers, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or(Origin::Line(1), |span| line(text, span.start));
        ConfigError::file(place, error.message())
    })?;
    let Layers { mut site, mut images, mut rules } = Layers::default();
    for (key, value) in table.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("images", DeValue::Table(tables)) => {
                for (name, table) in tables {
                    let DeValue::Table(keys) = table.get_ref() else {
                        let origin = line(text, table.span().start);
                        return Err(ConfigError::new(&origin, name.get_ref(), "must be a table: [images.\"NAME\"]"));
                    };
                    images.insert(name.get_ref().to_string(), layer(text, keys, image_keys)?);
                }
            }
            ("rules", written) => rules = self::rules(text, written, &line(text, key.span().start))?,
            _ => insert(text, &mut site, key, value, site_keys)?,
        }
    }
    Ok(Layers { site, images, rules })
}

/// The `[[rules]]`, not yet asked what they mean.
fn rules(text: &str, written: &DeValue<'_>, origin: &Origin) -> Result<Vec<RuleText>, ConfigError> {
    let wrong = |origin: &Origin, why: &str| ConfigError::new(origin, "rules", why);
    let tables = match written {
        DeValue::Array(items) if !items.is_empty() => items,
        // an empty list could mean that everybody may do everything, or that nobody may do anything
        DeValue::Array(_) => return Err(wrong(origin, "is empty: write rules, or leave it out")),
        _ => return Err(wrong(origin, "must be tables: [[rules]]")),
    };
    let rule = |item: &Spanned<DeValue<'_>>| {
        let DeValue::Table(table) = item.get_ref() else {
            return Err(wrong(&line(text, item.span().start), "must be tables: [[rules]]"));
        };
        rule(text, table, item.span().start)
    };
    tables.iter().map(rule).collect()
}

fn rule(text: &str, table: &DeTable<'_>, at: usize) -> Result<RuleText, ConfigError> {
    let Origin::Line(begin) = line(text, at) else { return Ok(RuleText::default()) };
    let mut rule = RuleText { line: begin, ..RuleText::default() };
    for (key, value) in table {
        let origin = line(text, key.span().start);
        let name = key.get_ref().as_ref();
        let words = match raw(value.get_ref()) {
            Some(Raw::List(words)) => words,
            Some(Raw::Text(word)) => vec![word],
            _ => return Err(ConfigError::new(&origin, name, "must be a list of texts")),
        };
        match name {
            "who" => rule.who = words,
            "may" => rule.may = words,
            "images" => rule.images = Some(words),
            "methods" => rule.methods = Some(words),
            _ => {
                let why = "there is no such key in a rule. The keys are: who, may, images, methods";
                return Err(ConfigError::new(&origin, name, why));
            }
        }
    }
    Ok(rule)
}

fn layer(text: &str, table: &DeTable<'_>, keys: &[&str]) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    for (key, value) in table {
        insert(text, &mut layer, key, value, keys)?;
    }
    Ok(layer)
}

fn insert(
    text: &str,
    layer: &mut Layer,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    keys: &[&str],
) -> Result<(), ConfigError> {
    let origin = line(text, key.span().start);
    let name = key.get_ref().as_ref();
    if !keys.contains(&name) {
        let why = format!("there is no such key here. The keys are: {}", keys.join(", "));
        return Err(ConfigError::new(&origin, name, &why));
    }
    let raw = raw(value.get_ref()).ok_or_else(|| {
        ConfigError::new(&origin, name, "must be a text, a whole number, true, false, or a list of texts")
    })?;
    layer.insert(name.to_owned(), (raw, origin));
    Ok(())
}

fn raw(value: &DeValue<'_>) -> Option<Raw> {
    match value {
        DeValue::String(text) => Some(Raw::Text(text.to_string())),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(Raw::Number),
        DeValue::Boolean(flag) => Some(Raw::Flag(*flag)),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().map(Raw::List)
        }
        _ => None,
    }
}

fn line(text: &str, at: usize) -> Origin {
    Origin::Line(text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1)
}
