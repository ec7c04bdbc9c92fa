//! Layers of raw values and the typed look at them: each look names the key,
//! the bounds, and on failure the place and the reason.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file.
    Line(usize),
    /// A variable of the process environment.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Line(line) => write!(f, "line {line}"),
            Origin::Variable(name) => f.write_str(name),
        }
    }
}

/// A value that somebody set.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// Where it was set.
    pub origin: Origin,
}

/// Why the start stops.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("configuration, {place}: {why}")]
pub struct ConfigError {
    place: String,
    why: String,
}

impl ConfigError {
    /// Something is wrong with `key`, set at `origin`.
    pub fn new(origin: &Origin, key: &str, why: &str) -> ConfigError {
        ConfigError { place: origin.to_string(), why: format!("`{key}`: {why}") }
    }

    /// The same, told of a line of this file.
    pub fn within(self, file: &Path) -> ConfigError {
        match self.place.starts_with("line ") {
            true => ConfigError { place: format!("{}, {}", file.display(), self.place), ..self },
            false => self,
        }
    }

    /// Something is wrong with the file as a whole.
    pub fn file(place: impl fmt::Display, why: impl fmt::Display) -> ConfigError {
        ConfigError { place: place.to_string(), why: why.to_string() }
    }
}

/// A value before anybody asked what it should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<String>),
}

/// Key → value and origin.
pub type Layer = BTreeMap<String, (Raw, Origin)>;

/// Two layers, looked at key by key.
pub struct Settings<'a> {
    above: &'a Layer,
    below: &'a Layer,
    folder: Option<&'a Path>,
}

impl<'a> Settings<'a> {
    /// `folder`: where relative paths of `below` count from.
    pub fn new(above: &'a Layer, below: &'a Layer, folder: Option<&'a Path>) -> Settings<'a> {
        Settings { above, below, folder }
    }

    /// Every key that is set.
    pub fn seen(&self) -> Vec<Setting> {
        let keys = self.above.iter().chain(self.below.iter().filter(|(key, _)| !self.above.contains_key(*key)));
        keys.map(|(key, (_, origin))| Setting { key: key.clone(), origin: origin.clone() }).collect()
    }

    fn raw(&self, key: &str) -> Option<&'a (Raw, Origin)> {
        self.above.get(key).or_else(|| self.below.get(key))
    }

    /// An error at the place where `key` is set.
    pub fn refuse(&self, key: &str, why: &str) -> ConfigError {
        let nowhere = Origin::Variable("defaults".to_owned());
        ConfigError::new(self.raw(key).map_or(&nowhere, |(_, origin)| origin), key, why)
    }

    pub fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.raw(key) {
            None => Ok(None),
            Some((Raw::Text(text), _)) => Ok(Some(text.clone())),
            Some(_) => Err(self.refuse(key, "must be a text in quotes")),
        }
    }

    pub fn path(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if text.is_empty() {
            return Err(self.refuse(key, "must name a path"));
        }
        let from_file = matches!(self.raw(key), Some((_, Origin::Line(_))));
        let base = if from_file { self.folder } else { None };
        Ok(Some(base.map_or_else(|| PathBuf::from(&text), |base| base.join(&text))))
    }

    pub fn number(&self, key: &str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let wrong = format!("must be a number from {} to {}", bounds.start(), bounds.end());
        self.bounded(key, bounds, &wrong, |text| text.parse().ok())
    }

    /// A number of bytes: `8388608` or `"8 MiB"`.
    pub fn bytes(&self, key: &str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let written = |bytes: &u64| match bytes >> 20 {
            0 => format!("{} KiB", bytes >> 10),
            mebibytes if mebibytes % 1024 == 0 => format!("{} GiB", mebibytes >> 10),
            mebibytes => format!("{mebibytes} MiB"),
        };
        let given = match self.raw(key) {
            Some((Raw::Text(text), _)) => format!("`{text}`: "),
            _ => String::new(),
        };
        let (least, most) = (written(bounds.start()), written(bounds.end()));
        let wrong = format!("{given}write bytes or KiB, MiB, GiB, from {least} to {most}");
        self.bounded(key, bounds, &wrong, |text| {
            let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
            let shift = match text.strip_prefix(digits)?.trim() {
                "" | "B" => 0,
                "KiB" => 10,
                "MiB" => 20,
                "GiB" => 30,
                _ => return None,
            };
            digits.parse::<u64>().ok()?.checked_mul(1 << shift)
        })
    }

    fn bounded(
        &self,
        key: &str,
        bounds: RangeInclusive<u64>,
        wrong: &str,
        parse: impl Fn(&str) -> Option<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let number = match self.raw(key) {
            None => return Ok(None),
            Some((Raw::Number(number), _)) => u64::try_from(*number).ok(),
            Some((Raw::Text(text), _)) => parse(text),
            Some(_) => None,
        };
        number.filter(|number| bounds.contains(number)).map(Some).ok_or_else(|| self.refuse(key, wrong))
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.raw(key) {
            None => Ok(None),
            Some((Raw::Flag(flag), _)) => Ok(Some(*flag)),
            Some((Raw::Text(text), Origin::Variable(_))) if text == "true" => Ok(Some(true)),
            Some((Raw::Text(text), Origin::Variable(_))) if text == "false" => Ok(Some(false)),
            Some(_) => Err(self.refuse(key, "must be true or false")),
        }
    }

    /// A list; in a variable its items are separated by commas.
    pub fn list(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        match self.raw(key) {
            None => Ok(Vec::new()),
            Some((Raw::List(list), _)) if list.iter().any(|item| item.trim().is_empty()) => {
                Err(self.refuse(key, "holds an empty text: take it out"))
            }
            Some((Raw::List(list), _)) => Ok(list.clone()),
            Some((Raw::Text(text), Origin::Variable(_))) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(items.map(str::to_owned).collect())
            }
            Some(_) => Err(self.refuse(key, "must be a list of texts")),
        }
    }

    /// A list whose items are checked one by one.
    pub fn checked<T>(&self, key: &str, check: fn(&str) -> Result<T, String>) -> Result<Vec<T>, ConfigError> {
        let list = self.list(key)?;
        list.iter().map(|item| check(item).map_err(|why| self.refuse(key, &why))).collect()
    }

    /// A list that holds something wherever it is set: an empty one would say nothing, or the opposite of what it seems
    /// to say. `instead` is what to write.
    pub fn filled<T>(
        &self,
        key: &str,
        check: fn(&str) -> Result<T, String>,
        instead: &str,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let items = self.checked(key, check)?;
        match (self.raw(key), items.is_empty()) {
            (None, _) => Ok(None),
            (Some(_), true) => Err(self.refuse(key, &format!("is empty: {instead}"))),
            (Some(_), false) => Ok(Some(items)),
        }
    }

    /// A text that is checked.
    pub fn checked_text<T>(
        &self,
        key: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let text = self.text(key)?;
        text.map(|text| check(&text).map_err(|why| self.refuse(key, &why))).transpose()
    }

    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let wrong = || self.refuse(key, &format!("must be one of: {}", names.join(", ")));
        choices.iter().find(|(name, _)| *name == text).map(|(_, value)| Some(*value)).ok_or_else(wrong)
    }
}
