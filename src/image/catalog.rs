//! The data folder: which images and folders it holds at this moment.
//!
//! In: the folder's path. Out: a sorted [`Listing`], or one open [`Image`] by name.
//! Never: remembers anything from one request to the next, follows a link out of the data folder, or one to a folder.
//! Rule: a file is an image by its name (`extension.rs`), or by its first bytes where the name says nothing; a directory
//! by holding `.singularity.d`, else it is a folder, at most [`MAX_FOLDERS`](super::MAX_FOLDERS) deep. What wants to be an image or a folder
//! and cannot be served is reported to the administrator; everything else (a README, definition files, dotfiles) is
//! passed over.

mod error;
mod folder;
mod listing;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, OFlags, StatxFlags, statx};
use rustix::io::Errno;

use super::confine::{self, Edge};
use super::name::{AppName, FolderName, ImageName};
use super::opened::{Distrust, Image, folder_trust, time};
use super::target::TargetPath;
use crate::text::{is_obeyed, shown};
use crate::trust::{self, Rights};
pub use error::{CatalogError, FindError};
use folder::{Lookup, OpenFolder, Opened};
pub use listing::{CatalogEntry, Listing, Refusal, Refused};

/// Longest text shown of a refused name, in characters.
const MAX_SHOWN: usize = 160;
/// Most entries that are looked at to list all folders together.
const MAX_WALKED: usize = 500_000;

/// The data folder, opened for one request.
#[derive(Debug)]
pub struct Catalog {
    folder: File,
    path: PathBuf,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// An image, and the name of an app in it.
    Image(Box<Image>, Option<AppName>),
    /// A folder.
    Folder(FolderName),
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

    /// What one folder holds, not what its folders hold.
    ///
    /// # Errors
    /// When there is no such folder, or when it cannot be read to its end.
    pub fn list(&self, folder: &FolderName) -> Result<Listing, CatalogError> {
        let mut listing = Listing::default();
        self.add(folder, &mut listing, usize::MAX)?;
        listing.sort();
        Ok(listing)
    }

    /// What the folder holds, and all folders in it: at most 500,000 entries.
    ///
    /// # Errors
    /// As [`Catalog::list`]. A folder in it that cannot be read is refused.
    pub fn list_all(&self, folder: &FolderName) -> Result<Listing, CatalogError> {
        let mut listing = Listing::default();
        let mut left = MAX_WALKED - self.add(folder, &mut listing, MAX_WALKED)?.min(MAX_WALKED);
        let mut next = 0;
        while let Some(inner) = listing.folders.get(next).cloned() {
            next += 1;
            match self.add(&inner, &mut listing, left) {
                Ok(seen) => left = left.saturating_sub(seen),
                // it has gone meanwhile
                Err(CatalogError::Inner(FindError::NotFound)) => {}
                Err(_) => {
                    listing.refused.push(Refused { shown: inner.to_string(), why: Refusal::Unreadable });
                }
            }
        }
        listing.sort();
        Ok(listing)
    }

    /// Adds what one folder holds, and says how many entries were looked at.
    fn add(&self, name: &FolderName, listing: &mut Listing, most: usize) -> Result<usize, CatalogError> {
        let folder = self.folder(name).map_err(CatalogError::Inner)?;
        let fails = |error: Errno| if name.is_top() { error.into() } else { CatalogError::Inner(error.into()) };
        let mut seen = 0;
        for entry in rustix::fs::Dir::read_from(&folder.file).map_err(fails)? {
            let entry = entry.map_err(fails)?;
            if seen == most {
                listing.cut = true;
                break;
            }
            seen += 1;
            match folder.look(entry.file_name(), entry.file_type()) {
                Lookup::Image(image) => listing.images.push(image),
                Lookup::Folder(folder) => listing.folders.push(folder),
                Lookup::Refused(why) => {
                    let shown = name.path_of(&harmless(entry.file_name().to_bytes()));
                    listing.refused.push(Refused { shown, why });
                }
                Lookup::Other => {}
            }
        }
        Ok(seen)
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

    /// What a path leads to: the first prefix of it that is an image ends the image's name, then comes at most one app.
    ///
    /// # Errors
    /// [`FindError::NotFound`] for everything that [`Catalog::list`] lists neither as an image nor as a folder.
    pub fn find(&self, path: &TargetPath) -> Result<Found, FindError> {
        let mut folder = OpenFolder::top(&self.folder)?;
        let mut rights = vec![rights(&folder.file)?];
        let mut segments = path.segments();
        while let Some(segment) = segments.next() {
            match folder.open(segment)? {
                Some(Opened::Image(file, leads_to)) => {
                    let name = folder.name.image(segment).map_err(|_| FindError::NotFound)?;
                    let app = match (segments.next(), segments.next()) {
                        (None, _) => None,
                        (Some(app), None) => Some(AppName::parse(app).map_err(|_| FindError::NoApp)?),
                        (Some(_), Some(_)) => return Err(FindError::NoApp),
                    };
                    let path = self.path.join(name.as_str());
                    let image = Image::new(name, path, file, rights).map_err(FindError::Io)?.leading_to(leads_to);
                    return Ok(Found::Image(Box::new(image), app));
                }
                Some(Opened::Folder(file)) => {
                    let name = folder.name.child(segment).map_err(|_| FindError::NotFound)?;
                    rights.push(self::rights(&file)?);
                    folder = folder.enter(name, file);
                }
                None => return Err(FindError::NotFound),
            }
        }
        Ok(Found::Folder(folder.name))
    }

    /// One image, opened.
    ///
    /// # Errors
    /// [`FindError::NotFound`] for everything that [`Catalog::list`] does not list as an image.
    pub fn image(&self, name: &ImageName) -> Result<Image, FindError> {
        match self.find(&name.into())? {
            Found::Image(image, None) if image.name() == name => Ok(*image),
            Found::Image(..) => Err(FindError::NotFound),
            Found::Folder(folder) => Err(FindError::Folder(folder)),
        }
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

    /// A folder, opened step by step.
    fn folder(&self, name: &FolderName) -> Result<OpenFolder<'_>, FindError> {
        let mut folder = OpenFolder::top(&self.folder)?;
        for segment in name.segments() {
            let Some(Opened::Folder(file)) = folder.open(segment)? else { return Err(FindError::NotFound) };
            let name = folder.name.child(segment).map_err(|_| FindError::NotFound)?;
            folder = folder.enter(name, file);
        }
        Ok(folder)
    }
}

fn rights(folder: &File) -> Result<Rights, FindError> {
    let metadata = folder.metadata().map_err(FindError::Io)?;
    Ok(Rights::of(folder, &metadata))
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
