//! So many runs a minute of each visitor, over all processes of a site: a table in the state folder.
//!
//! In: the name of a visitor, a limit, the time. Out: yes, and it is written down; or in how many seconds there is room.
//!
//! `state/run-rate.table` has [`SETS`] times [`WAYS`] entries of [`ENTRY`] bytes: a hash of the visitor, the second of its
//! last run, and how many runs began in each of [`SECONDS`] seconds up to that one. The hash says in which set an entry may
//! stand. Where a set is full of others, a visitor who is new takes the place of the one with the fewest runs, and its runs
//! with it ("space-saving" of Metwally, Agrawal, El Abbadi, 2005): nobody is ever counted for less than it has done, however
//! many addresses it has, and the file never grows.
//!
//! The file is locked (flock(2)) for a look and a write of one entry, so a process that is killed leaves the old entry or
//! the new one. What is not an entry counts as none. Never: an address or a name.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::state_file;

/// The file in the state folder.
const FILE: &str = "run-rate.table";
/// Sets of entries.
const SETS: u64 = 512;
/// Entries of a set.
const WAYS: usize = 8;
/// A minute, and the second that has begun: no 60 seconds are outside of them.
const SECONDS: usize = 61;
/// Bytes of a hash.
const HASH: usize = 16;
/// Bytes of an entry: hash, second, counts of two bytes.
const ENTRY: usize = HASH + 8 + 2 * SECONDS;

/// The table of a site.
#[derive(Debug)]
pub struct RunRate {
    path: PathBuf,
}

/// What one visitor has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hash: [u8; HASH],
    /// The second of the last count.
    last: u64,
    /// The newest first.
    counts: [u16; SECONDS],
}

impl RunRate {
    /// The table in this folder, which is there and ours.
    pub fn new(state: &Path) -> RunRate {
        RunRate { path: state.join(FILE) }
    }

    /// Whether `who` may begin a run now, of which it may begin `limit` a minute; else in how many seconds. With `begins` it
    /// is written down.
    pub fn admit(&self, who: &str, limit: u32, begins: bool) -> io::Result<Result<(), u32>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.admit_at(who, limit, begins, now)
    }

    fn admit_at(&self, who: &str, limit: u32, begins: bool, now: u64) -> io::Result<Result<(), u32>> {
        let digest = Sha256::digest(who.as_bytes());
        let mut hash = [0; HASH];
        hash.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        let file = self.lock()?;
        let set = u64::from_le_bytes(first(&hash)) % SETS;
        let at = |way: usize| (set * WAYS as u64 + way as u64) * ENTRY as u64;
        let mut entries = Vec::new();
        for way in 0..WAYS {
            let mut bytes = [0; ENTRY];
            let length = file.read_at(&mut bytes, at(way))?;
            entries.push(Entry::read(bytes.get(..length).unwrap_or_default()).at(now));
        }
        let own = entries.iter().position(|entry| entry.hash == hash);
        let fewest = || (0..WAYS).min_by_key(|way| entries.get(*way).map_or(0, Entry::sum));
        let Some(way) = own.or_else(fewest) else { return Ok(Ok(())) };
        let Some(entry) = entries.get_mut(way) else { return Ok(Ok(())) };
        let wait = entry.wait(limit);
        if wait == 0 && begins {
            entry.hash = hash;
            if let Some(count) = entry.counts.first_mut() {
                *count = count.saturating_add(1);
            }
            file.write_all_at(&entry.bytes(), at(way))?;
        }
        Ok(if wait == 0 { Ok(()) } else { Err(wait) })
    }

    /// The file that is at its path, locked.
    fn lock(&self) -> io::Result<File> {
        loop {
            let file = state_file::open(&self.path)?;
            state_file::lock(&file)?;
            if state_file::is_at(&file, &self.path) {
                // what removes old files goes by their times
                file.set_modified(SystemTime::now())?;
                return Ok(file);
            }
        }
    }
}

impl Entry {
    /// Bytes of the file; too few are an entry of nobody.
    fn read(bytes: &[u8]) -> Entry {
        let mut entry = Entry { hash: [0; HASH], last: 0, counts: [0; SECONDS] };
        let Some((hash, rest)) = bytes.split_first_chunk::<HASH>() else { return entry };
        let Some((last, counts)) = rest.split_first_chunk::<8>() else { return entry };
        if counts.len() == 2 * SECONDS {
            (entry.hash, entry.last) = (*hash, u64::from_le_bytes(*last));
            for (count, pair) in entry.counts.iter_mut().zip(counts.as_chunks::<2>().0) {
                *count = u16::from_le_bytes(*pair);
            }
        }
        entry
    }

    fn bytes(&self) -> Vec<u8> {
        let counts = self.counts.iter().flat_map(|count| count.to_le_bytes());
        self.hash.into_iter().chain(self.last.to_le_bytes()).chain(counts).collect()
    }

    /// The same at another time: what is older than a minute is left out. A clock that was set back by more than that tells
    /// nothing of when these runs began.
    fn at(mut self, now: u64) -> Entry {
        let gone = match now.checked_sub(self.last) {
            Some(gone) => gone,
            None if self.last - now < SECONDS as u64 => return self,
            None => SECONDS as u64,
        };
        let gone = usize::try_from(gone).unwrap_or(SECONDS).min(SECONDS);
        self.counts.rotate_right(gone % SECONDS);
        self.counts.iter_mut().take(gone).for_each(|count| *count = 0);
        self.last = now;
        self
    }

    fn sum(&self) -> u32 {
        self.counts.iter().map(|count| u32::from(*count)).sum()
    }

    /// After how many seconds there is room for another run; 0: now.
    fn wait(&self, limit: u32) -> u32 {
        let mut left = self.sum();
        let mut wait = 0;
        // the oldest leave first: what began so many seconds ago leaves in the rest of them
        for (age, count) in self.counts.iter().enumerate().rev() {
            if left < limit {
                break;
            }
            left -= u32::from(*count);
            wait = (SECONDS - age) as u32;
        }
        wait
    }
}

/// The first eight bytes of a hash.
fn first(hash: &[u8; HASH]) -> [u8; 8] {
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> (tempfile::TempDir, RunRate) {
        let folder = tempfile::tempdir().unwrap();
        let table = RunRate::new(folder.path());
        (folder, table)
    }

    #[test]
    fn so_many_a_minute_and_then_in_so_many_seconds() {
        let (_folder, table) = table();
        let ask = |who: &str, now: u64| table.admit_at(who, 3, true, now).unwrap();
        assert_eq!([ask("amy", 100), ask("amy", 100), ask("amy", 110)], [Ok(()); 3]);
        assert_eq!([ask("amy", 110), ask("amy", 160)], [Err(51), Err(1)]);
        assert_eq!(table.admit_at("ben", 3, false, 110).unwrap(), Ok(()), "to look is to begin nothing");
        assert_eq!(
            [ask("ben", 110), ask("ben", 110), ask("ben", 110), ask("ben", 110)],
            [Ok(()), Ok(()), Ok(()), Err(61)]
        );
        assert_eq!([ask("amy", 161), ask("amy", 161), ask("amy", 161)], [Ok(()), Ok(()), Err(10)]);
        assert_eq!(ask("amy", 100_000), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nobody_for_long() {
        let (_folder, table) = table();
        let ask = |now: u64| table.admit_at("amy", 1, true, now).unwrap();
        assert_eq!([ask(100_000), ask(99_990), ask(500)], [Ok(()), Err(61), Ok(())]);
    }

    #[test]
    fn whoever_has_many_addresses_is_not_counted_for_less() {
        let (folder, table) = table();
        // as many as there is room for in one set, and more
        let mut same = Vec::new();
        for number in 0.. {
            let digest = Sha256::digest(format!("{number}").as_bytes());
            if u64::from_le_bytes(*digest.first_chunk().unwrap()) % SETS == 7 {
                same.push(number.to_string());
            }
            if same.len() == WAYS + 4 {
                break;
            }
        }
        let began: usize =
            (0..10).map(|_| same.iter().filter(|who| table.admit_at(who, 2, true, 100).unwrap().is_ok()).count()).sum();
        assert!(began <= 2 * WAYS, "{began}");
        for number in 0..3000 {
            let _ = table.admit_at(&format!("v{number}"), 2, true, 100).unwrap();
        }
        let length = std::fs::metadata(folder.path().join(FILE)).unwrap().len();
        assert!(length <= SETS * (WAYS * ENTRY) as u64, "{length}");
    }

    #[test]
    fn what_is_no_table_counts_nothing_and_holds_nobody() {
        let (folder, table) = table();
        for content in [&b"x"[..], &[0xff; 100_000]] {
            std::fs::write(folder.path().join(FILE), content).unwrap();
            let _ = table.admit_at("amy", 1, true, 1_000_000).unwrap();
        }
        std::fs::remove_file(folder.path().join(FILE)).unwrap();
        std::os::unix::fs::symlink("elsewhere", folder.path().join(FILE)).unwrap();
        assert!(table.admit_at("amy", 1, true, 100).is_err(), "a link is no table");
    }

    #[test]
    fn those_who_come_together_are_counted_one_after_the_other() {
        let (folder, _) = table();
        let began = std::thread::scope(|scope| {
            let ask = || RunRate::new(folder.path()).admit_at("amy", 5, true, 100).unwrap().is_ok();
            let asked: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
            asked.into_iter().map(|one| usize::from(one.join().unwrap())).sum::<usize>()
        });
        assert_eq!(began, 5);
    }

    proptest! {
        /// Against the list of all times: no 60 seconds hold more than the limit, and who waits as told is let in.
        #[test]
        fn no_minute_holds_more(limit in 1_u32..6, steps in prop::collection::vec(0_u64..40, 1..60)) {
            let (_folder, table) = table();
            let (mut now, mut began) = (1000, Vec::new());
            for step in steps {
                now += step;
                match table.admit_at("amy", limit, true, now).unwrap() {
                    Ok(()) => began.push(now),
                    Err(wait) => {
                        prop_assert!(table.admit_at("amy", limit, false, now + u64::from(wait)).unwrap().is_ok());
                        prop_assert!(table.admit_at("amy", limit, false, now + u64::from(wait) - 1).unwrap().is_err());
                    }
                }
                let last = began.iter().filter(|time| **time + 60 >= now).count();
                prop_assert!(last <= limit as usize);
            }
        }
    }
}
