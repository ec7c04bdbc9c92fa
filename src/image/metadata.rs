//! What an image says of itself, whatever its format: the values.
//!
//! In: texts, labels and apps, from the reader of a format. Out: [`Metadata`], within its bounds.
//! Never: opens or reads anything; [`read`](super::read) does.
//! Bounds: [`MAX_TEXT`] for each text and for the labels, [`MAX_APPS`] apps.

use std::fmt;

use super::error::ImagePart;
use super::format::{Architecture, Format};
use super::labels::Labels;
use super::name::AppName;
use super::obstacle::{Obstacle, Runscript};

/// Longest text handed out (a runscript, a help text, a definition file) and most bytes of labels.
pub const MAX_TEXT: usize = 256 * 1024;
/// Most apps of one image.
pub const MAX_APPS: usize = 64;

/// Something to know about an image whose metadata could be read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// A SIF with a signature, which nobody here has verified.
    Signed,
    /// The file system is encrypted.
    Encrypted,
    /// `inspect-metadata.json` cannot be used; the file system was read in its place.
    Fallback,
    /// A text is longer than [`MAX_TEXT`] and left out.
    TooLong(ImagePart),
    /// The file system inside could not be read, so a part is missing.
    Unread(ImagePart),
    /// An app has a name that a URL cannot carry, and is left out.
    AppName,
    /// There are more than [`MAX_APPS`] apps.
    MoreApps,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed => f.write_str("signed; `apptainer verify` checks the signature"),
            Self::Encrypted => f.write_str("the file system is encrypted; running it needs a key"),
            Self::Fallback => f.write_str(
                "inspect-metadata.json is damaged or of another shape; this is what the file system says instead",
            ),
            Self::TooLong(part) => {
                write!(f, "{part} is longer than {MAX_TEXT} bytes and not shown")
            }
            Self::Unread(part) => write!(f, "{part} could not be read"),
            Self::AppName => f.write_str("an app has a name that cannot be part of a URL and is left out"),
            Self::MoreApps => write!(f, "there are more than {MAX_APPS} apps; the rest is left out"),
        }
    }
}

/// A SCIF app inside an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its name, for `--app`.
    pub name: AppName,
    /// Its own labels.
    pub labels: Labels,
    /// What runs.
    pub runscript: Option<String>,
    /// Its help text.
    pub help: Option<String>,
    /// Its test script.
    pub test: Option<String>,
    /// Whether there is something to run.
    pub(super) script: Runscript,
}

impl App {
    /// One line about it.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        summary(self.help.as_deref(), &self.labels)
    }
}

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// How it is stored.
    pub format: Format,
    /// Which processor it is for, where it says so.
    pub architecture: Option<Architecture>,
    /// Its labels.
    pub labels: Labels,
    /// What runs.
    pub runscript: Option<String>,
    /// Its help text.
    pub help: Option<String>,
    /// What starts an instance.
    pub startscript: Option<String>,
    /// Its test script.
    pub test: Option<String>,
    /// The file it was built from. It holds `%environment` verbatim: not for visitors unless the site says so.
    pub definition: Option<String>,
    /// Its apps, by name.
    pub apps: Vec<App>,
    /// Entrypoint and command of an OCI image.
    pub entrypoint: Vec<String>,
    /// Names (never values) of an OCI image's environment variables.
    pub environment_names: Vec<String>,
    /// What else to know.
    pub notes: Vec<Note>,
    /// Whether there is something to run.
    pub(super) script: Runscript,
    /// Whether `inspect-metadata.json` said all this.
    pub(super) described: bool,
    /// What keeps anything of it from being run, the format aside.
    pub(super) root: Root,
}

/// The root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// There is one.
    There,
    /// There is one that cannot be read.
    Encrypted,
    /// There is none.
    Missing,
}

/// The first line that says something, cut to a bound.
pub fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(200).collect())
}

/// Labels that describe an image in a line, by their use: OCI's, those before them, and by hand.
const DESCRIPTIONS: [&str; 4] = [
    "org.opencontainers.image.description",
    "org.opencontainers.image.title",
    "org.label-schema.description",
    "Description",
];

/// One line about an image or app: of its help, else of a label.
#[must_use]
pub fn summary(help: Option<&str>, labels: &Labels) -> Option<String> {
    let label = || DESCRIPTIONS.iter().find_map(|key| first_line(labels.get_ignore_case(key)?));
    help.and_then(first_line).or_else(label)
}

impl Metadata {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            architecture: None,
            labels: Labels::default(),
            runscript: None,
            help: None,
            startscript: None,
            test: None,
            definition: None,
            apps: Vec::new(),
            entrypoint: Vec::new(),
            environment_names: Vec::new(),
            notes: Vec::new(),
            script: Runscript::Missing,
            described: false,
            root: Root::There,
        }
    }

    /// One line about it.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        summary(self.help.as_deref(), &self.labels)
    }

    /// Why the image, or one of its apps, cannot be run, whatever the runtime.
    #[must_use]
    pub fn obstacle(&self, app: Option<&AppName>) -> Option<Obstacle> {
        match self.root {
            _ if self.format == Format::OciSif => return Some(Obstacle::OciMode),
            Root::Encrypted => return Some(Obstacle::Encrypted),
            Root::Missing => return Some(Obstacle::NoContainer),
            Root::There => {}
        }
        match app {
            Some(app) => self.app(app).map_or(Runscript::Missing, |app| app.script).obstacle(),
            None if self.script == Runscript::Missing && self.apps.iter().any(|app| app.script == Runscript::There) => {
                Some(Obstacle::OnlyApps)
            }
            None => self.script.obstacle(),
        }
    }

    /// The app of this name.
    #[must_use]
    pub fn app(&self, name: &AppName) -> Option<&App> {
        self.apps.iter().find(|app| app.name == *name)
    }

    pub(super) fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A text within the bound and not empty; a longer one is noted and left out.
    pub(super) fn fitting(&mut self, part: ImagePart, text: Option<String>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        if text.len() > MAX_TEXT {
            self.note(Note::TooLong(part));
            return None;
        }
        Some(text)
    }
}
