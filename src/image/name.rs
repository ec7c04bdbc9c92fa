//! Names of images and of SCIF apps: the only door from URL text to a file name.
//!
//! In: text that a visitor or a directory entry supplies, already percent-decoded.
//! Out: an [`ImageName`] or [`AppName`] that is safe as one path component, as an argument and in a URL.
//! Never: touches the file system, repairs a name, or lets a separator, a leading dot or a leading dash through.
//! Rule: `[A-Za-z0-9][A-Za-z0-9._+-]*` with the lengths below; image names are not words that URLs use.

use std::fmt;

/// Longest image name, in bytes.
pub const MAX_IMAGE_NAME: usize = 128;
/// Longest app name, in bytes.
pub const MAX_APP_NAME: usize = 64;

/// Words that stand where an image name could stand in a URL; no image may bear them.
pub const RESERVED: [&str; 14] = [
    "run",
    "args",
    "labels",
    "download",
    "openapi",
    "openapi.json",
    "random",
    "health",
    "static",
    "mcp",
    "jobs",
    "metrics",
    "api",
    "problems",
];

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no text at all.
    #[error("the name is empty")]
    Empty,
    /// Longer than the bound (in bytes).
    #[error("the name is longer than {0} bytes; rename it")]
    TooLong(usize),
    /// The first character is not a letter or digit.
    #[error("the name does not begin with an ASCII letter or digit; rename it")]
    Start,
    /// A character outside `A-Z a-z 0-9 . _ + -`.
    #[error("the name holds a character other than ASCII letters, digits, `.`, `_`, `+`, `-`; rename it")]
    Character,
    /// A word of [`RESERVED`].
    #[error("the name is a reserved word of this program's URLs; rename it")]
    Reserved,
}

/// The name of an image: one component of a path below the data folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName(String);

impl ImageName {
    /// The only way to make one.
    ///
    /// # Errors
    /// Says which part of the rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check(text, MAX_IMAGE_NAME)?;
        if RESERVED.contains(&text) {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a SCIF app inside an image (<https://sci-f.github.io>).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName(String);

impl AppName {
    /// The only way to make one.
    ///
    /// # Errors
    /// Says which part of the rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check(text, MAX_APP_NAME)?;
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &str, bound: usize) -> Result<(), NameError> {
    let first = text.bytes().next().ok_or(NameError::Empty)?;
    if text.len() > bound {
        return Err(NameError::TooLong(bound));
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::Start);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    if text.bytes().all(allowed) { Ok(()) } else { Err(NameError::Character) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name() {
        let longest = "a".repeat(MAX_IMAGE_NAME);
        for good in ["a", "7", "hello-name.sif", "x86_64+cuda.12.img", "Run", "run.sif", &longest] {
            assert_eq!(ImageName::parse(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn what_is_not() {
        let long = "a".repeat(MAX_IMAGE_NAME + 1);
        let table = [
            ("", NameError::Empty),
            (long.as_str(), NameError::TooLong(MAX_IMAGE_NAME)),
            (".", NameError::Start),
            ("..", NameError::Start),
            (".hidden.sif", NameError::Start),
            ("-x.sif", NameError::Start),
            ("--bind=.sif", NameError::Start),
            ("/etc/passwd", NameError::Start),
            ("a/../b", NameError::Character),
            ("a\\b", NameError::Character),
            ("a b.sif", NameError::Character),
            ("a\0", NameError::Character),
            ("a\n", NameError::Character),
            ("a%2f", NameError::Character),
            ("$(touch p).sif", NameError::Start),
            ("a;b", NameError::Character),
            ("<img src=x>.sif", NameError::Start),
            ("ä.sif", NameError::Start),
            ("bä.sif", NameError::Character),
        ];
        for (text, why) in table {
            assert_eq!(ImageName::parse(text), Err(why), "{text:?}");
        }
        for word in RESERVED {
            assert_eq!(ImageName::parse(word), Err(NameError::Reserved));
            assert!(AppName::parse(word).is_ok(), "app names share no URL level with words");
        }
    }

    #[test]
    fn apps_are_shorter() {
        assert!(AppName::parse(&"a".repeat(MAX_APP_NAME)).is_ok());
        let long = AppName::parse(&"a".repeat(MAX_APP_NAME + 1));
        assert_eq!(long, Err(NameError::TooLong(MAX_APP_NAME)));
        assert_eq!(AppName::parse("../x"), Err(NameError::Start));
    }
}
