//! At most N containers at once over all processes of a site, by locked files.
//!
//! `state/slot-0.lock` … `slot-N-1.lock`; who holds the lock (flock(2)) has
//! the slot. The lock belongs to the open file, so the keeper of a run that
//! inherits it keeps the slot although the server dies; the kernel frees it
//! with the last process that has it open. There is nothing to clean up.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the state folder cannot be used. For the log: it holds the path.
#[derive(Debug, Error)]
#[error("the state folder {path} cannot be used: {why}")]
pub struct StateError {
    path: PathBuf,
    why: String,
}

/// No slot is free.
#[derive(Debug)]
pub struct Busy;

/// The slots of a site.
#[derive(Debug)]
pub struct Slots {
    folder: PathBuf,
    prefix: String,
    count: usize,
}

/// The right to run one container, until the last copy is closed.
#[derive(Debug)]
pub struct Slot(File);

impl Slots {
    /// Opens (and makes, mode 0700) the state folder. It must be a directory
    /// of ours that nobody else can write to.
    pub fn open(folder: &Path, prefix: &str, count: usize) -> Result<Slots, StateError> {
        let refuse = |why: String| StateError { path: folder.to_owned(), why };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| refuse(error.to_string()))?;
        let facts = folder.symlink_metadata().map_err(|error| refuse(error.to_string()))?;
        if !facts.is_dir() {
            return Err(refuse("it is not a directory".to_owned()));
        }
        if facts.uid() != rustix::process::geteuid().as_raw() {
            return Err(refuse("it belongs to another account".to_owned()));
        }
        if facts.mode() & 0o022 != 0 {
            return Err(refuse("others can write to it (chmod go-w)".to_owned()));
        }
        Ok(Slots { folder: folder.to_owned(), prefix: prefix.to_owned(), count })
    }

    /// Takes a free slot at once, or says that all are taken.
    pub fn take(&self) -> io::Result<Result<Slot, Busy>> {
        for number in 0..self.count {
            let file = self.file(number)?;
            match file.try_lock() {
                Ok(()) => return Ok(Ok(Slot(file))),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(Err(Busy))
    }

    fn file(&self, number: usize) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(format!("{}-{number}.lock", self.prefix)))
    }
}

impl Slot {
    /// The locked file, to be handed to the keeper.
    pub fn file(&self) -> &File {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn no_more_than_count_and_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let ours = Slots::open(&folder, "slot", 2).unwrap();
        let theirs = Slots::open(&folder, "slot", 2).unwrap();
        let first = ours.take().unwrap().unwrap();
        let _second = theirs.take().unwrap().unwrap();
        assert!(ours.take().unwrap().is_err());
        drop(first);
        assert!(theirs.take().unwrap().is_ok());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        assert!(Slots::open(folder.path(), "slot", 1).is_err());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        assert!(Slots::open(&link, "slot", 1).is_err());
    }
}
