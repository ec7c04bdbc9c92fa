//! One folder of the data folder, opened, and a look at its entries.
//!
//! In: the data folder's descriptor, names that a directory or [`FolderName`] let through. Out: what an entry is.
//! Never: follows a link to a folder, waits for a FIFO, or reads more of a file than [`SNIFFED`] bytes.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, openat, statx};
use rustix::io::Errno;

use super::super::confine::{self, Edge};
use super::super::extension::{Says, says};
use super::super::format::{SNIFFED, begins_like_image};
use super::super::name::{FolderName, ImageName};
use super::listing::{CatalogEntry, Refusal};

/// What a sandbox directory holds.
const SANDBOX_MARK: &CStr = c".singularity.d";
/// What file systems make at their root, for themselves.
const LOST_AND_FOUND: &[u8] = b"lost+found";
/// How an entry is opened: no link is followed, nothing waits, nothing becomes a terminal.
const CAREFULLY: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A folder, opened: the data folder or one in it.
pub(super) struct OpenFolder<'a> {
    /// The data folder.
    pub root: BorrowedFd<'a>,
    /// Its name.
    pub name: FolderName,
    /// Itself.
    pub file: File,
}

/// What an entry turned out to be.
pub(super) enum Lookup {
    Image(CatalogEntry),
    Folder(FolderName),
    Refused(Refusal),
    Other,
}

/// An entry, opened.
pub(super) enum Opened {
    /// With the path of what a link leads to, below the data folder.
    Image(File, Option<String>),
    Folder(File),
}

impl<'a> OpenFolder<'a> {
    /// The data folder.
    pub fn top(root: &'a File) -> Result<Self, Errno> {
        let file = rustix::io::fcntl_dupfd_cloexec(root, 0)?.into();
        Ok(Self { root: root.as_fd(), name: FolderName::default(), file })
    }

    /// The folder of this name in it, opened by [`OpenFolder::open`].
    pub fn enter(self, name: FolderName, file: File) -> Self {
        Self { name, file, ..self }
    }

    /// Opens the image or folder of this name. `None`: there is neither.
    pub fn open(&self, name: &str) -> Result<Option<Opened>, Errno> {
        let (file, is_link): (File, bool) = match openat(&self.file, name, CAREFULLY, Mode::empty()) {
            Err(Errno::LOOP) => (self.follow(Path::new(name), OFlags::RDONLY)?.into(), true),
            // whether it is an image cannot be told
            Err(Errno::ACCESS) if says(name.as_bytes()) != Says::Image && !self.is_folder(name) => return Ok(None),
            opened => (opened?.into(), false),
        };
        let stat = statx(&file, c"", AtFlags::EMPTY_PATH, StatxFlags::TYPE)?;
        let leads_to = if is_link { Some(self.path_of(file.as_fd())?) } else { None };
        Ok(match (FileType::from_raw_mode(stat.stx_mode.into()), says(name.as_bytes())) {
            (_, Says::Never) => None,
            (FileType::Directory, _) if has_mark(file.as_fd())? => Some(Opened::Image(file, leads_to)),
            (FileType::Directory, Says::Nothing) if !is_link => Some(Opened::Folder(file)),
            (FileType::RegularFile, Says::Image) => Some(Opened::Image(file, leads_to)),
            (FileType::RegularFile, Says::Nothing) if begins_like(&file) => Some(Opened::Image(file, leads_to)),
            _ => None,
        })
    }

    /// Looks at an entry, of whose kind the folder knows something.
    pub fn look(&self, name: &CStr, kind: FileType) -> Lookup {
        let says = says(name.to_bytes());
        if name.to_bytes().starts_with(b".") {
            return Lookup::Other;
        }
        match (kind, says) {
            (FileType::RegularFile, Says::Image) => return self.image(name, false),
            (FileType::RegularFile, Says::Never) => return Lookup::Other,
            (FileType::RegularFile, Says::Nothing) => {
                return match openat(&self.file, name, CAREFULLY, Mode::empty()) {
                    Ok(file) if begins_like(&file) => self.image(name, false),
                    _ => Lookup::Other,
                };
            }
            _ => {}
        }
        match self.examine(name, kind, says) {
            Ok(found) => found,
            Err(Errno::ACCESS | Errno::PERM) if kind == FileType::Directory && name.to_bytes() != LOST_AND_FOUND => {
                Lookup::Refused(Refusal::Denied)
            }
            Err(Errno::XDEV) if says != Says::Never => Lookup::Refused(Refusal::LeadsOut),
            Err(_) if says != Says::Image => Lookup::Other,
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Lookup::Refused(Refusal::Dangling),
            Err(Errno::ACCESS | Errno::PERM) => Lookup::Refused(Refusal::Denied),
            Err(_) => Lookup::Refused(Refusal::Unreadable),
        }
    }

    /// Looks at a directory, at what a link leads to, or at an entry of an unknown kind.
    fn examine(&self, name: &CStr, kind: FileType, says: Says) -> Result<Lookup, Errno> {
        let mut kind = kind;
        if kind == FileType::Unknown {
            kind = kind_of(&self.file, name, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if kind == FileType::Directory {
            let folder = openat(&self.file, name, CAREFULLY | OFlags::DIRECTORY, Mode::empty())?;
            return Ok(match (has_mark(folder.as_fd())?, says) {
                (true, Says::Never) => Lookup::Refused(self.image_name(name).err().unwrap_or(Refusal::Never)),
                (true, _) => self.image(name, true),
                (false, Says::Never) => Lookup::Other,
                (false, Says::Image) => Lookup::Refused(Refusal::NotASandbox),
                (false, Says::Nothing) => self.folder(name),
            });
        }
        if kind == FileType::Symlink {
            let path = Path::new(OsStr::from_bytes(name.to_bytes()));
            let target = self.follow(path, OFlags::PATH)?;
            let leads_to = self.path_of(target.as_fd())?;
            kind = kind_of(&target, c"", AtFlags::EMPTY_PATH)?;
            if kind == FileType::Directory {
                return Ok(match (has_mark(target.as_fd())?, says) {
                    (_, Says::Never) => Lookup::Other,
                    (true, _) => self.link(name, true, leads_to),
                    (false, Says::Image) => Lookup::Refused(Refusal::NotASandbox),
                    (false, Says::Nothing) => Lookup::Refused(Refusal::FolderLink),
                });
            }
            if kind == FileType::RegularFile && says == Says::Nothing {
                let file = self.follow(path, OFlags::RDONLY)?;
                return Ok(if begins_like(&file) { self.link(name, false, leads_to) } else { Lookup::Other });
            }
            if kind == FileType::RegularFile && says == Says::Image {
                return Ok(self.link(name, false, leads_to));
            }
        }
        Ok(match (kind, says) {
            (_, Says::Never) => Lookup::Other,
            (FileType::RegularFile, Says::Image) => self.image(name, false),
            (FileType::RegularFile, Says::Nothing) => {
                let file = openat(&self.file, name, CAREFULLY, Mode::empty())?;
                if begins_like(&file) { self.image(name, false) } else { Lookup::Other }
            }
            (_, Says::Image) => Lookup::Refused(Refusal::Special),
            (_, Says::Nothing) => Lookup::Other,
        })
    }

    fn is_folder(&self, name: &str) -> bool {
        statx(&self.file, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Directory)
    }

    /// What an entry leads to, within the data folder.
    fn follow(&self, name: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        confine::open(self.root, &Path::new(self.name.as_str()).join(name), flags, Edge::Refuse)
    }

    /// An image, if its name is one.
    fn image(&self, name: &CStr, directory: bool) -> Lookup {
        match self.image_name(name) {
            Ok(name) => Lookup::Image(CatalogEntry { name, directory, leads_to: None }),
            Err(why) => Lookup::Refused(why),
        }
    }

    /// The same of a link.
    fn link(&self, name: &CStr, directory: bool, leads_to: String) -> Lookup {
        match self.image(name, directory) {
            Lookup::Image(entry) => Lookup::Image(CatalogEntry { leads_to: Some(leads_to), ..entry }),
            other => other,
        }
    }

    /// Where something that is open lies, below the data folder: the kernel's own word, not that of a link. What is open
    /// and lies nowhere is nothing.
    fn path_of(&self, file: BorrowedFd<'_>) -> Result<String, Errno> {
        let path = |of: BorrowedFd<'_>| {
            let link = format!("/proc/self/fd/{}", of.as_raw_fd());
            Ok::<_, Errno>(PathBuf::from(OsStr::from_bytes(rustix::fs::readlink(link, Vec::new())?.to_bytes())))
        };
        let below = path(file)?.strip_prefix(path(self.root)?).map(Path::to_owned).map_err(|_| Errno::NOENT)?;
        Ok(below.to_string_lossy().into_owned())
    }

    fn image_name(&self, name: &CStr) -> Result<ImageName, Refusal> {
        Ok(self.name.image(name.to_str().map_err(|_| Refusal::NotUtf8)?)?)
    }

    /// A folder, if its name is one.
    fn folder(&self, name: &CStr) -> Lookup {
        if name.to_bytes() == LOST_AND_FOUND {
            return Lookup::Other;
        }
        let parsed = name.to_str().map_err(|_| Refusal::NotUtf8);
        match parsed.and_then(|text| self.name.child(text).map_err(Refusal::Name)) {
            Ok(name) => Lookup::Folder(name),
            Err(why) => Lookup::Refused(why),
        }
    }
}

fn kind_of(folder: impl AsFd, name: &CStr, flags: AtFlags) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(statx(folder, name, flags, StatxFlags::TYPE)?.stx_mode.into()))
}

/// Whether the first bytes of a file are those of an image. A FIFO has none to give.
fn begins_like(file: &impl AsFd) -> bool {
    let mut head = [0; SNIFFED];
    let length = rustix::io::pread(file, &mut head, 0).unwrap_or(0);
    head.get(..length).is_some_and(begins_like_image)
}

/// Whether a directory holds `.singularity.d` as a directory of its own.
pub(super) fn has_mark(folder: BorrowedFd<'_>) -> Result<bool, Errno> {
    match kind_of(folder, SANDBOX_MARK, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(kind) => Ok(kind == FileType::Directory),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}
