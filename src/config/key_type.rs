//! The types of configuration values: what may be written, with its bounds, and how it is read.
//!
//! In: a raw value and its place. Out: the value, handed to the field that it belongs to, or what to write instead. Never:
//! knows a key.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::layer::{Origin, Raw};

/// What a key takes, with its bounds, and what a value does to `T`.
#[derive(Debug)]
pub enum KeyType<T: 'static> {
    /// A path that is not empty. In the file it counts from the file's folder.
    Path(fn(&mut T, PathBuf)),
    /// `true` or `false`.
    Flag(fn(&mut T, bool)),
    /// A whole number.
    Number(RangeInclusive<u64>, fn(&mut T, u64)),
    /// A number of bytes: `8388608` or `"8 MiB"`.
    Bytes(RangeInclusive<u64>, fn(&mut T, u64)),
    /// One of these words.
    Choice(&'static [Choice<T>]),
    /// One line of 1 to so many characters.
    Line(usize, fn(&mut T, String)),
    /// A text that the key itself checks; what it has to be.
    Text(&'static str, fn(&mut T, &str) -> Result<(), String>),
    /// A list of texts that the key itself checks; what they have to be. In a variable commas separate them.
    List(&'static str, Empty, fn(&mut T, &[String]) -> Result<(), String>),
}

/// A word that may be written, and what it does to `T`.
pub type Choice<T> = (&'static str, fn(&mut T));

/// What a list without items means.
#[derive(Debug)]
pub enum Empty {
    /// None.
    Allowed,
    /// Nothing, or the opposite of what it seems to say: it stops the start. What to do instead.
    Refused(&'static str),
}

/// A value as somebody wrote it.
pub struct Written<'a> {
    /// The value.
    pub raw: &'a Raw,
    /// Where it stands.
    pub origin: &'a Origin,
    /// Where relative paths of the file count from.
    pub folder: Option<&'a Path>,
}

impl<T> KeyType<T> {
    /// What to write, in words, with the bounds.
    pub fn expected(&self) -> String {
        match self {
            KeyType::Path(_) => "a path".to_owned(),
            KeyType::Flag(_) => "true or false".to_owned(),
            KeyType::Number(bounds, _) => format!("a number from {} to {}", bounds.start(), bounds.end()),
            KeyType::Bytes(bounds, _) => {
                format!(
                    "bytes or KiB, MiB, GiB, from {} to {}",
                    bytes_shown(*bounds.start()),
                    bytes_shown(*bounds.end())
                )
            }
            KeyType::Choice(choices) => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                format!("one of: {}", names.join(", "))
            }
            KeyType::Line(most, _) => format!("one line of 1 to {most} characters"),
            KeyType::Text(what, _) => (*what).to_owned(),
            KeyType::List(what, ..) => format!("a list of {what}"),
        }
    }

    /// Puts a value where it belongs, or says what is wrong with it.
    pub(super) fn fill(&self, target: &mut T, written: &Written<'_>) -> Result<(), String> {
        let must_be = || format!("must be {}", self.expected());
        match self {
            KeyType::Path(put) => put(target, written.path()?),
            KeyType::Flag(put) => put(target, written.flag().ok_or_else(must_be)?),
            KeyType::Number(bounds, put) => {
                let number = written.number(|text| text.parse().ok()).filter(|number| bounds.contains(number));
                put(target, number.ok_or_else(must_be)?);
            }
            KeyType::Bytes(bounds, put) => {
                let bytes = written.number(bytes).filter(|bytes| bounds.contains(bytes));
                put(target, bytes.ok_or_else(|| format!("{}write {}", written.quoted(), self.expected()))?);
            }
            KeyType::Choice(choices) => {
                let text = written.text()?;
                let choice = choices.iter().find(|(name, _)| *name == text);
                choice.ok_or_else(must_be)?.1(target);
            }
            KeyType::Line(most, put) => {
                let text = written.text()?.trim();
                if text.is_empty() || text.chars().any(char::is_control) || text.chars().count() > *most {
                    return Err(format!("write {}", self.expected()));
                }
                put(target, text.to_owned());
            }
            KeyType::Text(_, put) => put(target, written.text()?)?,
            KeyType::List(_, empty, put) => {
                let items = written.list()?;
                put(target, &items)?;
                if let (Empty::Refused(instead), true) = (empty, items.is_empty()) {
                    return Err(format!("is empty: {instead}"));
                }
            }
        }
        Ok(())
    }
}

impl Written<'_> {
    /// Variables and defaults are texts, whatever the type is.
    fn in_file(&self) -> bool {
        matches!(self.origin, Origin::Line(_))
    }

    fn text(&self) -> Result<&str, String> {
        match self.raw {
            Raw::Text(text) => Ok(text),
            _ => Err("must be a text in quotes".to_owned()),
        }
    }

    /// The text for a message, where it is one.
    fn quoted(&self) -> String {
        self.text().map(|text| format!("`{text}`: ")).unwrap_or_default()
    }

    fn path(&self) -> Result<PathBuf, String> {
        let text = self.text()?;
        if text.is_empty() {
            return Err("must name a path".to_owned());
        }
        let folder = self.folder.filter(|_| self.in_file());
        Ok(folder.map_or_else(|| PathBuf::from(text), |folder| folder.join(text)))
    }

    fn flag(&self) -> Option<bool> {
        match self.raw {
            Raw::Flag(flag) => Some(*flag),
            Raw::Text(text) if !self.in_file() => text.parse().ok(),
            _ => None,
        }
    }

    fn number(&self, parse: impl Fn(&str) -> Option<u64>) -> Option<u64> {
        match self.raw {
            Raw::Number(number) => u64::try_from(*number).ok(),
            Raw::Text(text) => parse(text),
            _ => None,
        }
    }

    fn list(&self) -> Result<Vec<String>, String> {
        match self.raw {
            Raw::List(list) if list.iter().any(|item| item.trim().is_empty()) => {
                Err("holds an empty text: remove it".to_owned())
            }
            Raw::List(list) => Ok(list.clone()),
            Raw::Text(text) if !self.in_file() => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(items.map(str::to_owned).collect())
            }
            _ => Err("must be a list of texts".to_owned()),
        }
    }
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text.strip_prefix(digits)?.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn bytes_shown(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mebibytes if mebibytes % 1024 == 0 => format!("{} GiB", mebibytes >> 10),
        mebibytes => format!("{mebibytes} MiB"),
    }
}
