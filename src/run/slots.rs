//! At most N containers at once over all processes of a site, by locked files.
//!
//! `state/slot-0.lock` … `slot-N-1.lock`; who holds the lock (flock(2)) has
//! the slot. The lock belongs to the open file, so the supervisor of a run that
//! inherits it keeps the slot although the server dies; the kernel frees it
//! with the last process that has it open. There is nothing to clean up.
//! A file that somebody removed from its path counts for nothing: after locking it is looked at whether the file is
//! still the one at the path. Whoever holds a lock touches its file, so that what removes old files leaves it alone.
//!
//! Whose run it is stands in the lock's file: 8 bytes, a hash of the visitor.
//! Taking and counting are serialised by `state/slot-take.lock`: to look at a
//! free lock is to hold it for a moment.
//!
//! `state/slot-refused.lock`: how many runs found no slot, a number of 8 bytes.

use std::fs::{DirBuilder, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use thiserror::Error;

use super::state_file;

/// Why the state folder cannot be used. For the log: it holds the path.
#[derive(Debug, Error)]
#[error("the state folder {path} cannot be used: {why}; correct that, or set `state` to a folder of this account")]
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
pub struct VisitorQuota {
    /// The name by which it is counted.
    pub key: String,
    /// Slots that it may have at once.
    pub limit: usize,
}

impl VisitorQuota {
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
        let metadata = folder.symlink_metadata().map_err(|error| refuse(error.to_string()))?;
        if !metadata.is_dir() {
            return Err(refuse("it is not a directory".to_owned()));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(refuse("it belongs to another account".to_owned()));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(refuse("others can write to it (chmod go-w)".to_owned()));
        }
        if let Some(step) = crate::trust::changeable(folder, None) {
            return Err(refuse(format!("others can change {} (chmod go-w)", step.display())));
        }
        Ok(Slots { folder: folder.to_owned(), prefix: prefix.to_owned(), count })
    }

    /// Takes a free slot at once, or says why there is none.
    pub fn take(&self, visitor: Option<&VisitorQuota>) -> io::Result<Result<Slot, Busy>> {
        let _lock = self.lock()?;
        let mark = visitor.map_or(0, VisitorQuota::mark);
        let (mut free, mut had) = (None, 0);
        for taken in 0..self.count {
            match self.look(taken)? {
                Look::Free(file) if free.is_none() => free = Some(file),
                Look::Free(_) => {}
                Look::Taken(by) => had += usize::from(mark != 0 && by == mark),
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
        file.set_modified(SystemTime::now())?;
        Ok(Ok(Slot(file)))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// To look is to hold a free one's lock for a moment: one after the other.
    fn lock(&self) -> io::Result<File> {
        loop {
            let lock = self.open_file("take")?;
            state_file::lock(&lock)?;
            if state_file::is_at(&lock, &self.path("take")) {
                return Ok(lock);
            }
        }
    }

    /// One slot; a free one is locked.
    fn look(&self, slot: usize) -> io::Result<Look> {
        let name = slot.to_string();
        loop {
            let file = self.open_file(&name)?;
            match file.try_lock() {
                Ok(()) if state_file::is_at(&file, &self.path(&name)) => return Ok(Look::Free(file)),
                // it was removed between our opening and locking it
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Look::Taken(number(&file)?)),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// How many are taken.
    pub fn in_use(&self) -> io::Result<usize> {
        let _lock = self.lock()?;
        let mut taken = 0;
        for slot in 0..self.count {
            taken += usize::from(matches!(self.look(slot)?, Look::Taken(_)));
        }
        Ok(taken)
    }

    /// Writes down that a run found no slot.
    pub fn refuse(&self) -> io::Result<()> {
        let file = self.open_file("refused")?;
        state_file::lock(&file)?;
        let so_far = number(&file)?;
        file.write_all_at(&so_far.saturating_add(1).to_le_bytes(), 0)
    }

    /// How many runs found no slot since the state folder was made.
    pub fn refusals(&self) -> io::Result<u64> {
        number(&self.open_file("refused")?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{name}.lock", self.prefix))
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        state_file::open(&self.path(name))
    }
}

/// What a look at a slot finds.
enum Look {
    /// Nobody has it; now we do.
    Free(File),
    /// The mark of who has it.
    Taken(u64),
}

/// The number in a file; an empty file holds none.
fn number(file: &File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    let length = file.read_at(&mut bytes, 0)?;
    Ok(if length == bytes.len() { u64::from_le_bytes(bytes) } else { 0 })
}

impl Slot {
    /// The locked file, to be handed to the supervisor.
    pub fn file(&self) -> &File {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

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
        let visitor = |key: &str| VisitorQuota { key: key.to_owned(), limit: 2 };
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

    #[test]
    fn visitors_who_come_together_are_counted_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let taken: Vec<_> = std::thread::scope(|scope| {
            let take = || {
                let slots = Slots::open(&folder, "slot", 16).unwrap();
                scope.spawn(move || {
                    slots.take(Some(&VisitorQuota { key: "2001:db8::/64".to_owned(), limit: 5 })).unwrap()
                })
            };
            let asked: Vec<_> = (0..16).map(|_| take()).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 5);
    }

    #[test]
    fn a_lock_whose_file_is_gone_is_no_slot() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let slots = Slots::open(&folder, "slot", 1).unwrap();
        let path = slots.path("0");
        let removed = slots.open_file("0").unwrap();
        std::fs::remove_file(&path).unwrap();
        removed.try_lock().unwrap();
        assert!(!state_file::is_at(&removed, &path), "nothing is there");
        let slot = slots.take(None).unwrap().unwrap();
        assert!(state_file::is_at(slot.file(), &path) && !state_file::is_at(&removed, &path));
        assert!(slots.take(None).unwrap().is_err());
    }

    #[test]
    fn a_link_is_no_lock_and_is_not_looked_at_again_and_again() {
        for name in ["0", "take"] {
            let folder = tempfile::tempdir().unwrap();
            let slots = Slots::open(&folder.path().join("state"), "slot", 1).unwrap();
            std::os::unix::fs::symlink("elsewhere", slots.path(name)).unwrap();
            assert!(slots.take(None).is_err(), "{name}");
        }
    }

    /// What removes old files from /tmp goes by their times.
    #[test]
    fn a_slot_that_is_taken_is_young() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let slots = Slots::open(&folder, "slot", 1).unwrap();
        let month = Duration::from_secs(30 * 86_400);
        slots.open_file("0").unwrap().set_modified(SystemTime::now() - month).unwrap();
        let slot = slots.take(None).unwrap().unwrap();
        assert!(slot.file().metadata().unwrap().modified().unwrap().elapsed().unwrap_or_default() < month / 2);
    }
}
