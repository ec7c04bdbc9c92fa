//! Names of images, of folders and of SCIF apps: the only door from URL text to a file name.
//!
//! In: text that a visitor or a directory entry supplies, already percent-decoded.
//! Out: an [`ImageName`], a [`FolderName`] or an [`AppName`], safe as a path below the data folder, as an argument and in a URL.
//! Never: touches the file system, repairs a name, or lets an empty segment, a leading dot or a leading dash through.
//! Rule: segments of `[A-Za-z0-9][A-Za-z0-9._+:@=~-]*` with the lengths below, at most [`MAX_FOLDERS`] folders before an
//! image; the first segment is not a word that URLs use. None of these characters needs percent-encoding in a path
//! (RFC 3986 §3.3).

use std::fmt;

/// Longest name of an image or folder in its folder, in bytes.
pub const MAX_IMAGE_NAME: usize = 128;
/// Most folders on the way to an image.
pub const MAX_FOLDERS: usize = 4;
/// Longest app name, in bytes.
pub const MAX_APP_NAME: usize = 64;

/// Words that stand where a name of the data folder could stand in a URL; nothing there may bear them.
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
    /// A character outside `A-Z a-z 0-9 . _ + : @ = ~ -`.
    #[error(
        "the name holds a character other than ASCII letters, digits, `.`, `_`, `+`, `-`, `:`, `@`, `=`, `~`; rename it"
    )]
    Character,
    /// More than [`MAX_FOLDERS`] folders.
    #[error("it lies deeper than {MAX_FOLDERS} folders; move it up")]
    TooDeep,
    /// A word of [`RESERVED`].
    #[error("the name is a reserved word of this program's URLs; rename it")]
    Reserved,
}

/// The name of an image: its path below the data folder, `hello.sif` or `lab/hello.sif`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName(String);

impl ImageName {
    /// The only way to make one of a text.
    ///
    /// # Errors
    /// Says which part of the rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_path(text, MAX_FOLDERS + 1)?;
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in its folder: `hello.sif` of `lab/hello.sif`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        last(&self.0)
    }

    /// The folder that it lies in.
    #[must_use]
    pub fn folder(&self) -> FolderName {
        FolderName(before_last(&self.0).to_owned())
    }

    /// Whether it lies in a folder of the data folder.
    #[must_use]
    pub fn is_in_folder(&self) -> bool {
        self.0.contains('/')
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a folder: its path below the data folder, `lab` or `lab/old`; that of the data folder itself is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderName(String);

impl FolderName {
    /// The only way to make one of a text; the data folder itself is [`FolderName::default`].
    ///
    /// # Errors
    /// Says which part of the rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_path(text, MAX_FOLDERS)?;
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the data folder itself.
    #[must_use]
    pub fn is_top(&self) -> bool {
        self.0.is_empty()
    }

    /// The name in its folder: `old` of `lab/old`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        last(&self.0)
    }

    /// The folder that it lies in; the data folder lies in none.
    #[must_use]
    pub fn parent(&self) -> Option<FolderName> {
        (!self.is_top()).then(|| FolderName(before_last(&self.0).to_owned()))
    }

    /// The folders on the way to it, from the outermost, and itself; not the data folder.
    pub fn way(&self) -> impl Iterator<Item = FolderName> {
        let ends = self.0.match_indices('/').map(|(at, _)| at).chain((!self.is_top()).then_some(self.0.len()));
        ends.filter_map(|end| self.0.get(..end)).map(|text| FolderName(text.to_owned()))
    }

    /// Names of its folders, from the outermost.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// The image of this name in it.
    ///
    /// # Errors
    /// Says which part of the rule the name breaks.
    pub fn image(&self, name: &str) -> Result<ImageName, NameError> {
        check(name, MAX_IMAGE_NAME)?;
        match self.is_top() {
            true if RESERVED.contains(&name) => Err(NameError::Reserved),
            true => Ok(ImageName(name.to_owned())),
            false => Ok(ImageName(self.path_of(name))),
        }
    }

    /// The folder of this name in it.
    ///
    /// # Errors
    /// Says which part of the rule the name breaks.
    pub fn child(&self, name: &str) -> Result<FolderName, NameError> {
        check(name, MAX_IMAGE_NAME)?;
        FolderName::parse(&self.path_of(name))
    }

    /// The path of something in it, below the data folder.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.is_top() { name.to_owned() } else { format!("{}/{name}", self.0) }
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn before_last(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
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
        // names of apps are words of a definition file
        if text.contains([':', '@', '=', '~']) { Err(NameError::Character) } else { Ok(Self(text.to_owned())) }
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

/// The segments of a path, of which there may be so many.
pub(super) fn check_path(path: &str, most: usize) -> Result<(), NameError> {
    for (number, segment) in path.split('/').enumerate() {
        check(segment, MAX_IMAGE_NAME)?;
        match number {
            0 if RESERVED.contains(&segment) => return Err(NameError::Reserved),
            number if number >= most => return Err(NameError::TooDeep),
            _ => {}
        }
    }
    Ok(())
}

fn check(text: &str, bound: usize) -> Result<(), NameError> {
    let first = text.bytes().next().ok_or(NameError::Empty)?;
    if text.len() > bound {
        return Err(NameError::TooLong(bound));
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::Start);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-:@=~".contains(&byte);
    if text.bytes().all(allowed) { Ok(()) } else { Err(NameError::Character) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name() {
        let longest = "a".repeat(MAX_IMAGE_NAME);
        let deepest = [longest.as_str(); MAX_FOLDERS + 1].join("/");
        for good in [
            "a",
            "7",
            "hello-name.sif",
            "x86_64+cuda.12.img",
            "Run",
            "run.sif",
            "quast:5.0.1--py36pl526ha92aebf_0",
            "a@sha256:0=~1",
            "lab/hello.sif",
            "lab/run",
            "x.sif/run/openapi.json",
            &longest,
            &deepest,
        ] {
            assert_eq!(ImageName::parse(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn what_is_not() {
        let long = "a".repeat(MAX_IMAGE_NAME + 1);
        let long_folder = format!("{long}/a.sif");
        let table = [
            ("", NameError::Empty),
            (long.as_str(), NameError::TooLong(MAX_IMAGE_NAME)),
            (long_folder.as_str(), NameError::TooLong(MAX_IMAGE_NAME)),
            (".", NameError::Start),
            ("..", NameError::Start),
            (".hidden.sif", NameError::Start),
            ("-x.sif", NameError::Start),
            ("--bind=.sif", NameError::Start),
            ("~amy", NameError::Start),
            (":x", NameError::Start),
            ("/etc/passwd", NameError::Empty),
            ("a/../b", NameError::Start),
            ("a/./b", NameError::Start),
            ("a//b", NameError::Empty),
            ("a/", NameError::Empty),
            ("a/.b", NameError::Start),
            ("a/b/c/d/e/f", NameError::TooDeep),
            ("a\\b", NameError::Character),
            ("a b.sif", NameError::Character),
            ("a/b c", NameError::Character),
            ("a\0", NameError::Character),
            ("a\n", NameError::Character),
            ("a%2f", NameError::Character),
            ("a%2fb", NameError::Character),
            ("$(touch p).sif", NameError::Start),
            ("a;b", NameError::Character),
            ("a,b", NameError::Character),
            ("<img src=x>.sif", NameError::Start),
            ("ä.sif", NameError::Start),
            ("bä.sif", NameError::Character),
            ("run/x.sif", NameError::Reserved),
        ];
        for (text, why) in table {
            assert_eq!(ImageName::parse(text), Err(why), "{text:?}");
        }
        for word in RESERVED {
            assert_eq!(ImageName::parse(word), Err(NameError::Reserved));
            assert_eq!(FolderName::parse(word), Err(NameError::Reserved));
            assert!(AppName::parse(word).is_ok(), "app names share no URL level with words");
        }
    }

    #[test]
    fn names_in_folders() {
        let top = FolderName::default();
        let lab = top.child("lab").unwrap();
        let old = lab.child("run").unwrap();
        assert_eq!((old.as_str(), old.file_name(), old.parent()), ("lab/run", "run", Some(lab.clone())));
        assert_eq!((lab.parent(), top.parent(), top.is_top()), (Some(top.clone()), None, true));
        assert_eq!(old.way().collect::<Vec<_>>(), [lab.clone(), old.clone()]);
        assert_eq!((top.way().count(), top.segments().count()), (0, 0));
        assert_eq!(old.segments().collect::<Vec<_>>(), ["lab", "run"]);
        let image = old.image("x:1").unwrap();
        assert_eq!((image.as_str(), image.file_name(), image.folder()), ("lab/run/x:1", "x:1", old.clone()));
        assert_eq!((top.image("a").unwrap().folder(), top.image("run")), (top.clone(), Err(NameError::Reserved)));
        for wrong in ["", "..", "a/b", ".x"] {
            assert!(top.child(wrong).is_err() && lab.image(wrong).is_err(), "{wrong}");
        }
        let deepest = FolderName::parse("a/b/c/d").unwrap();
        assert_eq!(deepest.child("e"), Err(NameError::TooDeep));
        assert!(deepest.image("e.sif").is_ok());
    }

    #[test]
    fn apps_are_shorter() {
        assert!(AppName::parse(&"a".repeat(MAX_APP_NAME)).is_ok());
        let long = AppName::parse(&"a".repeat(MAX_APP_NAME + 1));
        assert_eq!(long, Err(NameError::TooLong(MAX_APP_NAME)));
        assert_eq!(AppName::parse("../x"), Err(NameError::Start));
        assert_eq!(AppName::parse("a:b"), Err(NameError::Character));
    }
}
