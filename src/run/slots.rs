//! At most N containers at once over all processes of a site, by locked files.
//!
//! `state/slot-0.lock` … `slot-N-1.lock`; who holds the lock (flock(2)) has
//! the slot. The lock belongs to the open file, so the keeper of a run that
//! inherits it keeps the slot although the server dies; the kernel frees it
//! with the last process that has it open. There is nothing to clean up.
//!
//! `state/slot-refused.lock`: how many runs found no slot, a number of 8 bytes.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

/// Why the state folder cannot be used. For the log: it holds the path.
#[derive(Debug, Error)]
#[error("the state folder {path} cannot be used: {why}; mend that, or set `state` to a folder of this account")]
pub struct StateError {
    path: PathBuf,
    why: String,
}

/// Longer than a look at the locks takes.
const MOMENT: Duration = Duration::from_millis(1);
/// How often somebody looks who finds no slot.
const LOOKS: u32 = 4;

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
        if let Some(step) = crate::trust::changeable(folder, None) {
            return Err(refuse(format!("others can change {} (chmod go-w)", step.display())));
        }
        Ok(Slots { folder: folder.to_owned(), prefix: prefix.to_owned(), count })
    }

    /// Takes a free slot at once, or says that all are taken. Looks some
    /// times: while we look at one after the other, a slot that we have seen
    /// gets free and one that we have not seen is taken; and somebody who
    /// counts holds a free one's lock for a moment.
    pub fn take(&self) -> io::Result<Result<Slot, Busy>> {
        for look in 0..LOOKS {
            std::thread::sleep(MOMENT * look.min(1));
            for number in 0..self.count {
                let file = self.file(number)?;
                match file.try_lock() {
                    Ok(()) => return Ok(Ok(Slot(file))),
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
        }
        Ok(Err(Busy))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many are taken. To look is to hold a free one's lock for a moment; see [`Slots::take`].
    pub fn in_use(&self) -> io::Result<usize> {
        let mut taken = 0;
        for number in 0..self.count {
            match self.file(number)?.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => taken += 1,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Writes down that a run found no slot.
    pub fn refuse(&self) -> io::Result<()> {
        let file = self.open_file("refused")?;
        file.lock()?;
        let so_far = number(&file)?;
        file.write_all_at(&so_far.saturating_add(1).to_le_bytes(), 0)
    }

    /// How many runs found no slot since the state folder was made.
    pub fn refusals(&self) -> io::Result<u64> {
        number(&self.open_file("refused")?)
    }

    fn file(&self, number: usize) -> io::Result<File> {
        self.open_file(&number.to_string())
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(format!("{}-{name}.lock", self.prefix)))
    }
}

/// The number in a file; an empty file holds none.
fn number(file: &File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    let length = file.read_at(&mut bytes, 0)?;
    Ok(if length == bytes.len() { u64::from_le_bytes(bytes) } else { 0 })
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
    fn what_is_taken_and_refused_is_counted_over_all_processes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let ours = Slots::open(&folder, "slot", 3).unwrap();
        let theirs = Slots::open(&folder, "slot", 3).unwrap();
        let first = ours.take().unwrap().unwrap();
        let _second = ours.take().unwrap().unwrap();
        assert_eq!((theirs.in_use().unwrap(), theirs.count(), theirs.refusals().unwrap()), (2, 3, 0));
        drop(first);
        assert_eq!(theirs.in_use().unwrap(), 1);
        ours.refuse().unwrap();
        theirs.refuse().unwrap();
        assert_eq!(ours.refusals().unwrap(), 2);
        std::fs::write(folder.join("slot-refused.lock"), "x").unwrap();
        assert_eq!(ours.refusals().unwrap(), 0);
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
