//! The data folder: which images it holds at this moment.
//!
//! In: the folder's path. Out: a sorted [`Listing`], or one open [`Image`] by name.
//! Never: opens a file to list it, remembers anything from one request to the next, or follows a link out of the folder.
//! Rule: a file wants to be an image by its extension ([`EXTENSIONS`]), a directory by holding `.singularity.d`; what
//! wants to be one but cannot be served is reported to the administrator; everything else (a README, definition
//! files, dotfiles) is passed over.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, FileType, OFlags, StatxFlags, statx};
use rustix::io::Errno;

use super::confine::{self, Edge};
use super::name::{ImageName, NameError};
use super::opened::{Distrust, Image, folder_trust, time};
use crate::text::{is_obeyed, shown};
use crate::trust::{self, Rights};

/// Extensions that say "this file wants to be an image", compared without case.
pub const EXTENSIONS: [&str; 4] = ["sif", "img", "simg", "sqfs"];
/// What a sandbox directory holds.
const SANDBOX_MARK: &CStr = c".singularity.d";
/// Longest text shown of a refused name, in characters.
const MAX_SHOWN: usize = 160;

/// Why the data folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Nothing is there.
    #[error("the data folder does not exist; create it, or correct `data` in the configuration")]
    Missing,
    /// Something else is there.
    #[error("`data` in the configuration does not name a folder")]
    NotAFolder,
    /// The account may not read it.
    #[error("this account may not read the data folder; give it the rights r-x")]
    Denied,
    /// The system says something else.
    #[error("the data folder could not be read: {0}")]
    Io(std::io::Error),
}

impl From<std::io::Error> for CatalogError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            std::io::ErrorKind::NotADirectory => Self::NotAFolder,
            std::io::ErrorKind::PermissionDenied => Self::Denied,
            _ => Self::Io(error),
        }
    }
}

impl From<Errno> for CatalogError {
    fn from(error: Errno) -> Self {
        std::io::Error::from(error).into()
    }
}

/// Why one image cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// No image of that name, or something that is not an image, or a link that leads out.
    #[error("there is no image of this name")]
    NotFound,
    /// It is there, but this account may not read it.
    #[error("this account may not read the image; its owner can allow it with chmod a+r")]
    Denied,
    /// The system says something else.
    #[error("the image could not be opened: {0}")]
    Io(std::io::Error),
}

impl From<Errno> for FindError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::ACCESS | Errno::PERM => Self::Denied,
            error if confine::is_nothing(error) => Self::NotFound,
            other => Self::Io(other.into()),
        }
    }
}

/// One image, as far as the folder tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// Its name.
    pub name: ImageName,
    /// Whether it is a sandbox directory.
    pub directory: bool,
}

/// Something that wants to be an image and is not served, for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name, made harmless: control characters and bytes that are not UTF-8 escaped, bounded.
    pub shown: String,
    /// Why.
    pub why: Refusal,
}

/// Why something that wants to be an image is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its name is not one that a URL can carry.
    #[error("{0}")]
    Name(#[from] NameError),
    /// The name is not UTF-8.
    #[error("the name is not UTF-8; rename it")]
    NotUtf8,
    /// A symbolic link that leaves the folder.
    #[error(
        "a link that leads out of the data folder (absolute links do, too); move the image here or use a relative link inside"
    )]
    LeadsOut,
    /// A symbolic link to nothing, or in a circle.
    #[error("it is a link that leads nowhere; remove it")]
    Dangling,
    /// A FIFO, socket or device.
    #[error("it is neither a file nor a directory; remove it")]
    Special,
    /// A directory with an image's extension that is no sandbox.
    #[error("it is a directory without `.singularity.d`; build it with `apptainer build --sandbox`")]
    NotASandbox,
    /// The account may not look at it.
    #[error("this account may not read it; its owner can allow it with chmod a+rX")]
    Denied,
    /// It cannot be looked at for another reason.
    #[error("it could not be read; check the disk")]
    Unreadable,
}

/// What the folder holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The images, by name.
    pub images: Vec<CatalogEntry>,
    /// What wants to be an image and is not served, by name.
    pub refused: Vec<Refused>,
}

/// The data folder, opened for one request.
#[derive(Debug)]
pub struct Catalog {
    folder: File,
    path: PathBuf,
}

/// What an entry turned out to be.
enum Lookup {
    Image(CatalogEntry),
    Refused(Refusal),
    Other,
}

impl Catalog {
    /// Opens the folder; cheap, made anew for each request.
    ///
    /// # Errors
    /// When there is no folder of that name that this account may read.
    pub fn open(folder: &Path) -> Result<Self, CatalogError> {
        let path = folder.canonicalize()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&path, flags, rustix::fs::Mode::empty())?.into();
        Ok(Self { folder, path })
    }

    /// All images with what the folder itself tells of them; no file is opened.
    ///
    /// # Errors
    /// When the folder cannot be read to its end.
    pub fn list(&self) -> Result<Listing, CatalogError> {
        let mut listing = Listing::default();
        for entry in rustix::fs::Dir::read_from(&self.folder)? {
            let entry = entry?;
            match self.look(entry.file_name(), entry.file_type()) {
                Lookup::Image(image) => listing.images.push(image),
                Lookup::Refused(why) => {
                    listing.refused.push(Refused { shown: harmless(entry.file_name().to_bytes()), why });
                }
                Lookup::Other => {}
            }
        }
        listing.images.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        listing.refused.sort_unstable_by(|a, b| a.shown.cmp(&b.shown));
        Ok(listing)
    }

    /// Whether accounts that this program does not trust could change what the folder holds: then none of its images
    /// is run ([`Image::trust`]).
    ///
    /// # Errors
    /// Names what others may write to, and how to take it away.
    pub fn trust(&self) -> Result<(), Distrust> {
        let rights = self.folder.metadata().map(|metadata| Rights::of(&self.folder, &metadata));
        // of a folder that cannot be looked at any more nothing is run anyway
        let Ok(rights) = rights else { return Ok(()) };
        folder_trust(&rights)?;
        trust::changeable(&self.path, Some(rights.uid)).map_or(Ok(()), |_| Err(Distrust::Way))
    }

    /// One image, opened.
    ///
    /// # Errors
    /// [`FindError::NotFound`] for everything that [`Catalog::list`] does not list as an image.
    pub fn image(&self, name: &ImageName) -> Result<Image, FindError> {
        let file = confine::open(self.folder.as_fd(), Path::new(name.as_str()), OFlags::RDONLY, Edge::Refuse)?;
        let image = Image::new(name.clone(), self.path.join(name.as_str()), file.into(), &self.folder)
            .map_err(FindError::Io)?;
        let kind = if image.is_directory() {
            has_mark(image.file().as_fd())?
        } else {
            image.is_regular() && wants_to_be_image(name.as_str().as_bytes())
        };
        if kind { Ok(image) } else { Err(FindError::NotFound) }
    }

    /// Bytes and the time of the last change of one of the images; a directory's bytes are not counted.
    /// `None` when it is gone by now, or leads out.
    #[must_use]
    pub fn metadata(&self, name: &ImageName) -> Option<(u64, SystemTime)> {
        let path = Path::new(name.as_str());
        let target = confine::open(self.folder.as_fd(), path, OFlags::PATH, Edge::Refuse).ok()?;
        let stat = statx(target, c"", AtFlags::EMPTY_PATH, StatxFlags::SIZE | StatxFlags::MTIME).ok()?;
        Some((stat.stx_size, time(stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec)))
    }

    fn look(&self, name: &CStr, kind: FileType) -> Lookup {
        let bytes = name.to_bytes();
        let wants = wants_to_be_image(bytes);
        if bytes.starts_with(b".") || (kind == FileType::RegularFile && !wants) {
            return Lookup::Other;
        }
        if kind == FileType::RegularFile {
            return named(name, false);
        }
        match self.examine(name, wants) {
            Ok(found) => found,
            Err(_) if !wants => Lookup::Other,
            Err(Errno::XDEV) => Lookup::Refused(Refusal::LeadsOut),
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Lookup::Refused(Refusal::Dangling),
            Err(Errno::ACCESS | Errno::PERM) => Lookup::Refused(Refusal::Denied),
            Err(_) => Lookup::Refused(Refusal::Unreadable),
        }
    }

    /// Looks at an entry itself, or at what a link leads to.
    fn examine(&self, name: &CStr, wants: bool) -> Result<Lookup, Errno> {
        let mut stat = statx(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)?;
        let mut kind = FileType::from_raw_mode(stat.stx_mode.into());
        let mut opened = None;
        if kind == FileType::Symlink || kind == FileType::Directory {
            let path = Path::new(OsStr::from_bytes(name.to_bytes()));
            let target = opened.insert(confine::open(self.folder.as_fd(), path, OFlags::PATH, Edge::Refuse)?);
            stat = statx(target, c"", AtFlags::EMPTY_PATH, StatxFlags::TYPE)?;
            kind = FileType::from_raw_mode(stat.stx_mode.into());
        }
        let directory = kind == FileType::Directory;
        let is_image = match (kind, &opened) {
            (FileType::Directory, Some(folder)) => has_mark(folder.as_fd())?,
            (FileType::RegularFile, _) => wants,
            _ if wants => return Ok(Lookup::Refused(Refusal::Special)),
            _ => false,
        };
        if !is_image {
            return Ok(if wants { Lookup::Refused(Refusal::NotASandbox) } else { Lookup::Other });
        }
        Ok(named(name, directory))
    }
}

/// An image, if its name is one.
fn named(name: &CStr, directory: bool) -> Lookup {
    let parsed = name.to_str().map_err(|_| Refusal::NotUtf8);
    match parsed.and_then(|text| ImageName::parse(text).map_err(Refusal::Name)) {
        Ok(name) => Lookup::Image(CatalogEntry { name, directory }),
        Err(why) => Lookup::Refused(why),
    }
}

/// Whether a directory holds `.singularity.d` as a directory of its own.
fn has_mark(folder: BorrowedFd<'_>) -> Result<bool, Errno> {
    match statx(folder, SANDBOX_MARK, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE) {
        Ok(stat) => Ok(FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Directory),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

fn wants_to_be_image(name: &[u8]) -> bool {
    let extension = name.iter().rposition(|&byte| byte == b'.').and_then(|dot| name.get(dot + 1..));
    extension.is_some_and(|found| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known.as_bytes())))
}

/// A name as it may be shown on a terminal, in a log or on a page (which escapes it once more for itself).
fn harmless(name: &[u8]) -> String {
    let mut whole = String::new();
    for chunk in name.utf8_chunks() {
        whole.push_str(chunk.valid());
        for byte in chunk.invalid() {
            whole.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown(&whole, MAX_SHOWN, is_obeyed)
}

#[cfg(test)]
mod tests;
