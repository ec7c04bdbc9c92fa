//! At most N containers at once over all processes of a site, by locked files.
//!
//! `state/slot-0.lock` … `slot-N-1.lock`; who holds the lock (flock(2)) has
//! the slot. The lock belongs to the open file, so the keeper of a run that
//! inherits it keeps the slot although the server dies; the kernel frees it
//! with the last process that has it open. There is nothing to clean up.
//!
//! Whose run it is stands in the lock's file: 8 bytes, a hash of the visitor.
//! Taking and counting are serialised by `state/slot-take.lock`: to look at a
//! free lock is to hold it for a moment.
//!
//! `state/slot-refused.lock`: how many runs found no slot, a number of 8 bytes.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the state folder cannot be used. For the log: it holds the path.
#[derive(Debug, Error)]
#[error("the state folder {path} cannot be used: {why}")]
pub struct StateError {
    path: PathBuf,
    why: String,
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// All of them are taken.
    Site,
    /// This visitor has as many as it may.
    Visitor,
}

/// For whom a slot is taken.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The name by which it is counted.
    pub key: String,
    /// Slots that it may have at once.
    pub limit: usize,
}

impl Visitor {
    /// What is written into its slots; never 0, which is nobody.
    fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.key.hash(&mut hasher);
        hasher.finish().max(1)
    }
}

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

    /// Takes a free slot at once, or says why there is none.
    pub fn take(&self, visitor: Option<&Visitor>) -> io::Result<Result<Slot, Busy>> {
        let _turn = self.turn()?;
        let mark = visitor.map_or(0, Visitor::mark);
        let (mut free, mut had) = (None, 0);
        for taken in 0..self.count {
            let file = self.file(taken)?;
            match file.try_lock() {
                Ok(()) if free.is_none() => free = Some(file),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if mark != 0 && number(&file)? == mark => had += 1,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if free.is_some() && visitor.is_none() {
                break;
            }
        }
        if visitor.is_some_and(|visitor| had >= visitor.limit) {
            return Ok(Err(Busy::Visitor));
        }
        let Some(file) = free else { return Ok(Err(Busy::Site)) };
        file.write_all_at(&mark.to_le_bytes(), 0)?;
        Ok(Ok(Slot(file)))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// To look is to hold a free one's lock for a moment: one after the other.
    fn turn(&self) -> io::Result<File> {
        let turn = self.open_file("take")?;
        turn.lock()?;
        Ok(turn)
    }

    /// How many are taken.
    pub fn in_use(&self) -> io::Result<usize> {
        let _turn = self.turn()?;
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
        let first = ours.take(None).unwrap().unwrap();
        let _second = theirs.take(None).unwrap().unwrap();
        assert!(ours.take(None).unwrap().is_err());
        drop(first);
        assert!(theirs.take(None).unwrap().is_ok());
    }

    #[test]
    fn a_visitor_has_no_more_than_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let ours = Slots::open(&folder, "slot", 3).unwrap();
        let theirs = Slots::open(&folder, "slot", 3).unwrap();
        let visitor = |key: &str| Visitor { key: key.to_owned(), limit: 2 };
        let (amy, bob) = (visitor("203.0.113.7"), visitor("2001:db8::/64"));
        let first = ours.take(Some(&amy)).unwrap().unwrap();
        let _second = theirs.take(Some(&amy)).unwrap().unwrap();
        assert_eq!(ours.take(Some(&amy)).unwrap().err(), Some(Busy::Visitor));
        let bobs = theirs.take(Some(&bob)).unwrap().unwrap();
        assert_eq!(ours.take(None).unwrap().err(), Some(Busy::Site));
        // what a slot's last holder has written counts for nothing
        drop((first, bobs));
        let _nobodys = (ours.take(None).unwrap().unwrap(), ours.take(None).unwrap().unwrap());
        assert_eq!(ours.take(Some(&amy)).unwrap().err(), Some(Busy::Site));
    }

    #[test]
    fn what_is_taken_and_refused_is_counted_over_all_processes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let ours = Slots::open(&folder, "slot", 3).unwrap();
        let theirs = Slots::open(&folder, "slot", 3).unwrap();
        let first = ours.take(None).unwrap().unwrap();
        let _second = ours.take(None).unwrap().unwrap();
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
