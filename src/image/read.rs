//! Reads what an image says of itself: finds out its format, and asks the reader of that format.
//!
//! In: an open image, or the bytes of one. Out: [`Metadata`], or a [`MetadataError`] of the family a caller acts on.
//! Never: starts anything of the image, or lets an error name a path.

use std::os::fd::AsFd;

use super::error::{ImagePart, MetadataError};
use super::ext3::Ext3;
use super::format::{self, Detected, Format};
use super::metadata::Metadata;
use super::name::AppName;
use super::opened::Image;
use super::sandbox::Sandbox;
use super::sif;
use super::squashfs::Squashfs;
use super::tree::{self, FileSystem};
use super::window::Window;

impl Metadata {
    /// Reads an image that lies in memory, as [`Image::metadata`] reads one from its file.
    ///
    /// # Errors
    /// As [`Image::metadata`].
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, MetadataError> {
        read_window(&Window::new(&bytes, bytes.len() as u64))
    }
}

impl Image {
    /// What the image says of itself: labels, apps, help.
    ///
    /// # Errors
    /// When the content is not an image, is damaged, or is of a kind that cannot be read.
    pub fn metadata(&self) -> Result<Metadata, MetadataError> {
        if self.is_directory() {
            let mut metadata = Metadata::new(Format::Sandbox);
            tree::describe(&mut Sandbox(self.file().as_fd()), &mut metadata)?;
            return Ok(metadata);
        }
        read_window(&Window::new(self.file(), self.size()))
    }

    /// Whether the runscript of the image, or of an app, may be executed; nothing where that cannot be found out.
    pub(super) fn may_execute_runscript(&self, app: Option<&AppName>) -> Option<bool> {
        let window = Window::new(self.file(), self.size());
        sif::with_files(&window, |files| tree::may_execute_runscript(files, app)).ok().flatten()
    }

    /// Reads the scripts that nobody runs here (start, test), where the metadata do not have them yet.
    pub fn read_other_scripts(&self, metadata: &mut Metadata) {
        if metadata.described {
            return;
        }
        let mut look = |files: &mut dyn FileSystem| {
            tree::other_scripts(files, metadata);
            Ok(())
        };
        let window = Window::new(self.file(), self.size());
        // they are no less told for being unreadable
        let _ = match self.is_directory() {
            true => look(&mut Sandbox(self.file().as_fd())),
            false => format::recognise(&window).and_then(|found| with_files(&window, &found, look)),
        };
    }

    /// The working directory (WORKDIR) of the Docker image that a SIF was made from, where it says so. Runs start in HOME.
    #[must_use]
    pub fn working_directory(&self) -> Option<String> {
        let window = Window::new(self.file(), self.size());
        let found = (!self.is_directory()).then(|| format::recognise(&window))?.ok()?;
        (found == Detected::Sif).then(|| sif::working_directory(&window).ok().flatten())?
    }

    /// Whether the image sets a locale for what runs in it (`LANG`, `LC_ALL` or `LC_CTYPE` in the scripts of its environment). Yes
    /// where that cannot be read. Reads at most 66 files.
    #[must_use]
    pub fn sets_locale(&self) -> bool {
        let sets = if self.is_directory() {
            tree::sets_locale(&mut Sandbox(self.file().as_fd()))
        } else {
            let window = Window::new(self.file(), self.size());
            format::recognise(&window).and_then(|found| with_files(&window, &found, |files| tree::sets_locale(files)))
        };
        sets.unwrap_or(true)
    }
}

fn read_window(window: &Window<'_>) -> Result<Metadata, MetadataError> {
    let (found, format) = match format::recognise(window)? {
        Detected::Sif => return sif::read(window),
        found @ Detected::Squashfs(_) => (found, Format::Squashfs),
        found @ Detected::Ext3(_) => (found, Format::Ext3),
    };
    let mut metadata = Metadata::new(format);
    with_files(window, &found, |files| tree::describe(files, &mut metadata))?;
    Ok(metadata)
}

/// Does something with the files of a bare file system.
fn with_files<T>(
    window: &Window<'_>,
    found: &Detected,
    look: impl FnOnce(&mut dyn FileSystem) -> Result<T, MetadataError>,
) -> Result<T, MetadataError> {
    let beyond = || MetadataError::corrupt(ImagePart::Header, "the file ends after its first line");
    match *found {
        Detected::Squashfs(start) => look(&mut Squashfs::open(&window.from(start).ok_or_else(beyond)?)?),
        Detected::Ext3(start) => look(&mut Ext3::open(&window.from(start).ok_or_else(beyond)?)?),
        Detected::Sif => sif::with_files(window, look),
    }
}
