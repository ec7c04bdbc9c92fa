//! At most N containers at once over all processes of a site, by locked files; and of these at most M for one visitor.
//!
//! `state/slot-0.lock` … `slot-N-1.lock`; who holds the lock (flock(2)) has
//! the slot. The lock belongs to the open file, so the keeper of a run that
//! inherits it keeps the slot although the server dies; the kernel frees it
//! with the last process that has it open. There is nothing to clean up.
//! A file that somebody removed from its path counts for nothing: after locking
//! it is looked at whether the file is still the one at the path. Who holds a lock
//! touches the file, so that what removes old files leaves it alone.
//!
//! A locked file holds the hash of its visitor (8 bytes); a file that is not
//! locked holds nothing that counts. Who counts a visitor's slots and takes one
//! more holds `state/slot-take.lock` meanwhile.
//!
//! `state/slot-refused.lock`: how many runs found no slot, a number of 8 bytes.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

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

/// How long somebody who counts may take; longer, and it is stopped.
const TURN: Duration = Duration::from_secs(2);

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// All are taken.
    Site,
    /// This visitor has as many as one visitor may have.
    Visitor,
}

/// Who wants a slot, where visitors are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The same text for the same visitor: an address.
    pub key: String,
    /// How many slots it may have at once.
    pub limit: usize,
}

impl Visitor {
    /// What stands for it in a slot's file. Never 0, which stands for nobody.
    fn hash(&self) -> u64 {
        // FNV-1a: the same in every process and version
        let hash = self
            .key
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash.max(1)
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

    /// Takes a free slot at once, or says why there is none. Looks some
    /// times: while we look at one after the other, a slot that we have seen
    /// gets free and one that we have not seen is taken; and somebody who
    /// counts holds a free one's lock for a moment.
    pub fn take(&self, visitor: Option<&Visitor>) -> io::Result<Result<Slot, Busy>> {
        let Some(visitor) = visitor else { return self.take_any(0) };
        let hash = visitor.hash();
        let Some(_turn) = self.turn()? else { return Ok(Err(Busy::Site)) };
        if self.taken_by(hash)? >= visitor.limit {
            return Ok(Err(Busy::Visitor));
        }
        self.take_any(hash)
    }

    fn take_any(&self, hash: u64) -> io::Result<Result<Slot, Busy>> {
        for look in 0..LOOKS {
            std::thread::sleep(MOMENT * look.min(1));
            for number in 0..self.count {
                if let Some(file) = self.lock(&number.to_string())? {
                    // the time of the file tells what removes old files that it is in use
                    file.write_all_at(&hash.to_le_bytes(), 0)?;
                    file.set_modified(SystemTime::now())?;
                    return Ok(Ok(Slot(file)));
                }
            }
        }
        Ok(Err(Busy::Site))
    }

    /// Slots whose holder is this visitor.
    fn taken_by(&self, hash: u64) -> io::Result<usize> {
        let mut taken = 0;
        for name in 0..self.count {
            let file = self.open_file(&name.to_string())?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => taken += usize::from(number(&file)? == hash),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// The right to count and take; `None` when another one keeps it for too long.
    fn turn(&self) -> io::Result<Option<File>> {
        let until = Instant::now() + TURN;
        loop {
            if let Some(turn) = self.lock("take")? {
                return Ok(Some(turn));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(MOMENT);
        }
    }

    /// Locks a file of this name; `None` where somebody else has it.
    fn lock(&self, name: &str) -> io::Result<Option<File>> {
        for _ in 0..LOOKS {
            let file = self.open_file(name)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &self.path(name)) => return Ok(Some(file)),
                // it was removed between our opening and locking it
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many are taken. To look is to hold a free one's lock for a moment; see [`Slots::take`].
    pub fn in_use(&self) -> io::Result<usize> {
        let mut taken = 0;
        for number in 0..self.count {
            match self.open_file(&number.to_string())?.try_lock() {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{name}.lock", self.prefix))
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(self.path(name))
    }
}

/// Whether the open file is the one at this path.
pub fn is_at(file: &File, path: &Path) -> bool {
    let same = |ours: Metadata, there: Metadata| (ours.dev(), ours.ino()) == (there.dev(), there.ino());
    file.metadata().and_then(|ours| Ok(same(ours, path.symlink_metadata()?))).unwrap_or(false)
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

    fn visitor(key: &str, limit: usize) -> Option<Visitor> {
        Some(Visitor { key: key.to_owned(), limit })
    }

    #[test]
    fn one_visitor_leaves_room_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let [ours, theirs] = [0, 1].map(|_| Slots::open(&folder, "slot", 3).unwrap());
        let (amy, bob) = (visitor("192.0.2.1", 2), visitor("192.0.2.2", 2));
        let first = ours.take(amy.as_ref()).unwrap().unwrap();
        let _second = theirs.take(amy.as_ref()).unwrap().unwrap();
        assert_eq!(theirs.take(amy.as_ref()).unwrap().err(), Some(Busy::Visitor));
        let _third = ours.take(bob.as_ref()).unwrap().unwrap();
        assert_eq!(theirs.take(bob.as_ref()).unwrap().err(), Some(Busy::Site));
        drop(first);
        // what is left in a free slot's file counts for nobody
        let uncounted = theirs.take(None).unwrap().unwrap();
        drop(uncounted);
        assert!(ours.take(amy.as_ref()).unwrap().is_ok());
    }

    #[test]
    fn visitors_who_come_together_are_counted_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let taken: Vec<_> = std::thread::scope(|scope| {
            let take = || {
                let slots = Slots::open(&folder, "slot", 16).unwrap();
                scope.spawn(move || slots.take(visitor("2001:db8::/64", 5).as_ref()).unwrap())
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
        assert!(!is_at(&removed, &path), "nothing is there");
        let slot = slots.take(None).unwrap().unwrap();
        assert!(is_at(slot.file(), &path) && !is_at(&removed, &path));
        assert!(slots.take(None).unwrap().is_err());
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
