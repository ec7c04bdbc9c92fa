//! What an image says of itself, whatever its format.
//!
//! In: an open image, or the bytes of one. Out: [`Metadata`], or a [`MetadataError`] of the family a caller acts on.
//! Never: starts anything of the image, shows the value of an environment variable, or lets an error name a path.
//! Bounds: [`MAX_TEXT`] for each text and for the labels, [`MAX_APPS`] apps.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::os::fd::AsFd;

use super::ext3::Ext3;
use super::format::{self, Architecture, Format, Found};
use super::labels::Labels;
use super::name::AppName;
use super::opened::Image;
use super::sandbox::Sandbox;
use super::sif;
use super::squashfs::Squashfs;
use super::tree::{self, FileSystem};
use super::window::Window;

/// Longest text handed out (a runscript, a help text, a definition file) and most bytes of labels.
pub const MAX_TEXT: usize = 256 * 1024;
/// Most apps of one image.
pub const MAX_APPS: usize = 64;

/// A part of an image, as errors and notes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The first bytes of the file.
    Header,
    /// The table of what a SIF holds.
    Descriptors,
    /// `inspect-metadata.json` of a SIF.
    InspectMetadata,
    /// The labels, of the image or of an app.
    Labels,
    /// The runscript, of the image or of an app.
    Runscript,
    /// The help text, of the image or of an app.
    Help,
    /// The definition file.
    Definition,
    /// The SCIF apps.
    Apps,
    /// The file system.
    FileSystem,
    /// The OCI index, manifest or config.
    Oci,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "the header",
            Self::Descriptors => "the table of descriptors",
            Self::InspectMetadata => "inspect-metadata.json",
            Self::Labels => "the part with the labels",
            Self::Runscript => "the runscript",
            Self::Help => "the help text",
            Self::Definition => "the definition file",
            Self::Apps => "the list of apps",
            Self::FileSystem => "the file system",
            Self::Oci => "the OCI part",
        })
    }
}

/// Why an image's metadata cannot be had. The texts name the part and what its owner can do, and hold no path.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The system could not read the file.
    #[error("the image could not be read: {0}")]
    Io(#[from] io::Error),
    /// The content is of another kind.
    #[error("this is not a container image but {0}")]
    NotAnImage(&'static str),
    /// An image of a kind that this program does not read.
    #[error("{what} cannot be read; build the image again with a current `apptainer build`")]
    Unsupported {
        /// What it is.
        what: Cow<'static, str>,
    },
    /// An image that contradicts its format.
    #[error("{part} is damaged ({why}); copy or build the image again")]
    Corrupt {
        /// Where.
        part: Part,
        /// What is wrong there.
        why: Cow<'static, str>,
    },
    /// More than is read of any image.
    #[error("{part} holds more than {bound} {unit}, the most that is read; build the image again with less")]
    TooLarge {
        /// Where.
        part: Part,
        /// The bound.
        bound: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// The file system is encrypted and nothing outside it describes the image.
    #[error("the image is encrypted, so what it says of itself cannot be read; build it again without encryption")]
    Encrypted,
}

impl MetadataError {
    pub(super) fn corrupt(part: Part, why: &'static str) -> Self {
        Self::Corrupt { part, why: Cow::Borrowed(why) }
    }

    /// A size that is read within a bound.
    pub(super) fn within(size: u64, bound: usize, part: Part) -> Result<usize, Self> {
        let fits = usize::try_from(size).ok().filter(|size| *size <= bound);
        fits.ok_or(Self::TooLarge { part, bound, unit: "bytes" })
    }

    pub(super) fn unsupported(what: &'static str) -> Self {
        Self::Unsupported { what: Cow::Borrowed(what) }
    }
}

/// Something to know about an image whose metadata could be read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// A SIF with a signature, which nobody here has verified.
    Signed,
    /// The file system is encrypted.
    Encrypted,
    /// A text is longer than [`MAX_TEXT`] and left out.
    TooLong(Part),
    /// The file system inside could not be read, so a part is missing.
    Unread(Part),
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
}

/// The first line that says something, cut to a bound.
pub fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(200).collect())
}

impl Metadata {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            architecture: None,
            labels: Labels::default(),
            runscript: None,
            help: None,
            definition: None,
            apps: Vec::new(),
            entrypoint: Vec::new(),
            environment_names: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Reads an image that lies in memory, as [`Image::metadata`] reads one from its file.
    ///
    /// # Errors
    /// As [`Image::metadata`].
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, MetadataError> {
        read_window(&Window::new(&bytes, bytes.len() as u64))
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
    pub(super) fn fitting(&mut self, part: Part, text: Option<String>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        if text.len() > MAX_TEXT {
            self.note(Note::TooLong(part));
            return None;
        }
        Some(text)
    }
}

/// Reads an open image.
pub(super) fn read(image: &Image) -> Result<Metadata, MetadataError> {
    if image.is_directory() {
        let mut metadata = Metadata::new(Format::Sandbox);
        tree::describe(&mut Sandbox(image.file().as_fd()), &mut metadata)?;
        return Ok(metadata);
    }
    read_window(&Window::new(image.file(), image.size()))
}

/// Whether the environment scripts of an image speak of its locale; yes where they cannot be read.
pub(super) fn sets_locale(image: &Image) -> bool {
    let sets = if image.is_directory() {
        tree::sets_locale(&mut Sandbox(image.file().as_fd()))
    } else {
        let window = Window::new(image.file(), image.size());
        format::recognise(&window).and_then(|found| with_files(&window, &found, |files| tree::sets_locale(files)))
    };
    sets.unwrap_or(true)
}

fn read_window(window: &Window<'_>) -> Result<Metadata, MetadataError> {
    let (found, format) = match format::recognise(window)? {
        Found::Sif => return sif::read(window),
        found @ Found::Squashfs(_) => (found, Format::Squashfs),
        found @ Found::Ext3(_) => (found, Format::Ext3),
    };
    let mut metadata = Metadata::new(format);
    with_files(window, &found, |files| tree::describe(files, &mut metadata))?;
    Ok(metadata)
}

/// Does something with the files of a bare file system.
fn with_files<T>(
    window: &Window<'_>,
    found: &Found,
    look: impl FnOnce(&mut dyn FileSystem) -> Result<T, MetadataError>,
) -> Result<T, MetadataError> {
    let beyond = || MetadataError::corrupt(Part::Header, "the file ends after its first line");
    match *found {
        Found::Squashfs(start) => look(&mut Squashfs::open(&window.from(start).ok_or_else(beyond)?)?),
        Found::Ext3(start) => look(&mut Ext3::open(&window.from(start).ok_or_else(beyond)?)?),
        Found::Sif => sif::with_files(window, look),
    }
}
