//! Sandbox directories: an image's file system as plain files.
//!
//! In: the open directory. Out: files by path, as [`FileSystem`] has them.
//! Never: leaves the directory, whatever its links say, or waits for a FIFO.
//! Rule: openat2(2) with the directory as root, see `confine`.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Dir, OFlags};

use super::access::{EXECUTE, Ownership};
use super::confine::{self, Edge};
use super::error::{ImagePart, MetadataError};
use super::tree::FileSystem;

/// A sandbox directory.
pub(super) struct Sandbox<'a>(pub(super) BorrowedFd<'a>);

impl Sandbox<'_> {
    fn open(&self, path: &str) -> Result<Option<File>, MetadataError> {
        let below = Path::new(path.trim_start_matches('/'));
        match confine::open(self.0, below, OFlags::RDONLY, Edge::Root) {
            Ok(file) => Ok(Some(file.into())),
            Err(error) if confine::is_nothing(error) => Ok(None),
            Err(error) => Err(std::io::Error::from(error).into()),
        }
    }
}

impl FileSystem for Sandbox<'_> {
    fn read(&mut self, path: &str, bound: usize, part: ImagePart) -> Result<Option<Vec<u8>>, MetadataError> {
        let Some(file) = self.open(path)? else { return Ok(None) };
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(bound as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > bound {
            return Err(MetadataError::TooLarge { part, bound, unit: "bytes" });
        }
        Ok(Some(bytes))
    }

    fn may_execute(&mut self, path: &str) -> Result<Option<bool>, MetadataError> {
        let file = match self.open(path) {
            Ok(None) => return Ok(None),
            Ok(Some(file)) => file,
            Err(MetadataError::Io(error)) if error.kind() == ErrorKind::PermissionDenied => return Ok(Some(false)),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let ownership = Ownership { mode: metadata.mode(), uid: metadata.uid(), gid: metadata.gid() };
        Ok(metadata.is_file().then(|| ownership.grants(EXECUTE)))
    }

    fn list(&mut self, path: &str, most: usize) -> Result<Option<Vec<Vec<u8>>>, MetadataError> {
        let Some(file) = self.open(path)? else { return Ok(None) };
        if !file.metadata()?.is_dir() {
            return Ok(None);
        }
        let mut names = Vec::new();
        for entry in Dir::new(file).map_err(std::io::Error::from)? {
            if names.len() >= most {
                break;
            }
            let name = entry.map_err(std::io::Error::from)?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        Ok(Some(names))
    }
}
