//! Files of the state folder: opened, locked and replaced so that nothing in their place holds anybody.
//!
//! In: a path in the state folder. Out: an open regular file, the text in it, or an error. A link, a FIFO or a device in
//! place of a file is an error at once. A lock that is held for a moment only is waited for 5 s at most
//! ([`LOCK_TIMEOUT`]): whoever holds it may be stopped.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// How long a lock is waited for that nobody holds longer than a moment.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often such a lock is tried.
const LOCK_INTERVAL: Duration = Duration::from_millis(1);
/// Largest text in bytes that is read.
const MAX_TEXT: u64 = 64 * 1024;

/// Opens a file for reading and writing, and makes it (mode 0600) where there is none.
pub fn open(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
}

/// Opens a file that is there, for reading.
pub fn open_existing(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().read(true), path)
}

/// Opens a regular file as `options` say. Without O_NONBLOCK a FIFO would be waited for until somebody writes (fifo(7)); a link is never the file to which it
/// leads.
pub fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// The first 64 KiB of a file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open_existing(path)?.take(MAX_TEXT).read_to_end(&mut text)?;
    Ok(text)
}

/// Puts a file with this content in place of what is there. One writer at a time: the draft beside it has one name.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    // a process that was killed may have left its draft
    let written = open(&draft).and_then(|mut file| {
        file.set_len(0)?;
        file.write_all(content)?;
        std::fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// How old a file is. One of the future is as old as can be: the clock was set back since, and nobody knows by how much.
pub fn age(path: &Path) -> Option<Duration> {
    let modified = path.symlink_metadata().ok()?.modified().ok()?;
    Some(SystemTime::now().duration_since(modified).unwrap_or(Duration::MAX))
}

/// Locks a file that others lock for a moment only; after [`LOCK_TIMEOUT`] an error.
pub fn lock(file: &File) -> io::Result<()> {
    let until = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return Err(io::ErrorKind::TimedOut.into()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_INTERVAL),
        }
    }
}

/// Whether the open file is the one at this path.
pub fn is_at(file: &File, path: &Path) -> bool {
    let same = |ours: Metadata, there: Metadata| (ours.dev(), ours.ino()) == (there.dev(), there.ino());
    file.metadata().and_then(|ours| Ok(same(ours, path.symlink_metadata()?))).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn a_fifo_or_a_link_in_place_of_a_file_holds_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, link, file) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c.json"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink("c.json", &link).unwrap();
        std::fs::write(&file, "text").unwrap();
        for path in [&fifo, &link, &folder.path().to_owned()] {
            assert!(open(path).is_err() && read(path).is_err(), "{path:?}");
        }
        assert_eq!(read(&file).unwrap(), b"text");
        mknodat(CWD, file.with_extension("new"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(replace(&file, b"no").is_err());
        replace(&file, b"new").unwrap();
        assert_eq!(read(&file).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "no draft is left");
    }

    #[test]
    fn a_lock_that_is_never_given_back_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let held = open(&path).unwrap();
        lock(&held).unwrap();
        let waiting = open(&path).unwrap();
        assert_eq!(lock(&waiting).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(held);
        lock(&waiting).unwrap();
        assert!(is_at(&waiting, &path));
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&waiting, &path));
    }
}
