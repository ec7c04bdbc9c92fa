//! A long answer as a file without a name, so that a slow reader costs a descriptor and not its length in memory.
//!
//! In: bytes, a folder of ours alone. Out: an open file that holds them, mode 0600, gone with its last descriptor.
//! Never: leaves a name behind, or part of the bytes for the whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{OFlags, fstatvfs};
use rustix::io::Errno;

/// What is left free for others: an eighth of the disk, and of a large one so much. `/run` has a tenth of a machine's memory,
/// and all services of the machine write to it.
const FREE: u64 = 64 << 20;

/// The bytes as a file. A full disk is found here, before anything of the answer is sent.
pub(super) fn spool(folder: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = nameless(folder)?;
    let disk = fstatvfs(&file)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let others = (disk.f_blocks.saturating_mul(disk.f_frsize) / 8).min(FREE);
    if free < (bytes.len() as u64).saturating_add(others) {
        return Err(Errno::NOSPC.into());
    }
    file.write_all(bytes)?;
    Ok(file)
}

/// open(2) O_TMPFILE; not all file systems have it.
fn nameless(folder: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::TMPFILE.bits()).map_err(io::Error::other)?;
    match OpenOptions::new().read(true).write(true).mode(0o600).custom_flags(flags).open(folder) {
        Err(error) if [Errno::OPNOTSUPP, Errno::ISDIR, Errno::NOENT].contains(&errno(&error)) => unlinked(folder),
        opened => opened,
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// A file whose name is taken away at once.
fn unlinked(folder: &Path) -> io::Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("answer-{}-{count}", std::process::id()));
    // of a process with the same number that was killed in between
    let _ = std::fs::remove_file(&path);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileExt, MetadataExt};

    #[test]
    fn a_spooled_answer_is_whole_and_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
        for file in [spool(folder.path(), &bytes).unwrap(), unlinked(folder.path()).unwrap()] {
            let facts = file.metadata().unwrap();
            assert_eq!((facts.mode() & 0o777, facts.nlink()), (0o600, 0));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        let mut read = vec![0; bytes.len()];
        spool(folder.path(), &bytes).unwrap().read_exact_at(&mut read, 0).unwrap();
        assert!(read == bytes);
    }

    #[test]
    fn a_disk_that_fails_is_found_before_anything_is_sent() {
        assert!(spool(Path::new("/nowhere"), b"x").is_err());
        assert!(spool(Path::new("/proc"), b"x").is_err());
    }
}
