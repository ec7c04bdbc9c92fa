//! A stretch of bytes inside a file: the one place where an image's bytes are read.
//!
//! In: a file or a slice, and the stretch to look at. Out: exactly the bytes asked for, or why not.
//! Never: reads outside the stretch, allocates before the stretch is known to hold that much, moves a file position.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::error::{ImagePart, MetadataError};

/// Something that can be read at an offset.
pub(super) trait ReadAt {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The same bytes, for a reader that must own its source.
    fn keep(&self) -> io::Result<Box<dyn ReadAt>>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn keep(&self) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(self.try_clone()?))
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn keep(&self) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(self.to_vec()))
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(buffer, offset)
    }

    fn keep(&self) -> io::Result<Box<dyn ReadAt>> {
        self.as_slice().keep()
    }
}

/// A stretch of a file: offsets count from its start.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    source: &'a dyn ReadAt,
    start: u64,
    len: u64,
}

impl<'a> Window<'a> {
    /// The first `len` bytes of a source.
    pub(super) fn new(source: &'a dyn ReadAt, len: u64) -> Self {
        Self { source, start: 0, len }
    }

    /// A stretch that [`Self::keep`] has described.
    pub(super) fn of(source: &'a dyn ReadAt, start: u64, len: u64) -> Self {
        Self { source, start, len }
    }

    /// A source that outlives this window, and where the window begins and how long it is.
    pub(super) fn keep(&self) -> io::Result<(Box<dyn ReadAt>, u64, u64)> {
        Ok((self.source.keep()?, self.start, self.len))
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// A smaller window, or nothing when it would reach outside this one.
    pub(super) fn part(&self, offset: u64, len: u64) -> Option<Self> {
        let end = offset.checked_add(len)?;
        let start = self.start.checked_add(offset)?;
        (end <= self.len).then_some(Self { source: self.source, start, len })
    }

    /// All from `offset` on.
    pub(super) fn from(&self, offset: u64) -> Option<Self> {
        self.part(offset, self.len.checked_sub(offset)?)
    }

    /// As many bytes as there are, `most` at most.
    pub(super) fn head(&self, most: usize) -> Result<Vec<u8>, MetadataError> {
        let len = usize::try_from(self.len).map_or(most, |len| len.min(most));
        self.bytes(0, len, ImagePart::Header)
    }

    /// Exactly `len` bytes; the caller has bounded `len`. `part` names what ends too early.
    pub(super) fn bytes(&self, offset: u64, len: usize, part: ImagePart) -> Result<Vec<u8>, MetadataError> {
        let cut = || MetadataError::corrupt(part, "the file ends before it does");
        let window = self.part(offset, len as u64).ok_or_else(cut)?;
        let mut bytes = vec![0; len];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match window.source.read_at(rest, window.start.saturating_add(done as u64)) {
                Ok(0) => return Err(cut()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(bytes)
    }
}

/// Little-endian numbers at fixed places of a record.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    part: ImagePart,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], part: ImagePart) -> Self {
        Self { bytes, part }
    }

    pub(super) fn slice(&self, at: usize, len: usize) -> Result<&'a [u8], MetadataError> {
        let end = at.checked_add(len);
        let slice = end.and_then(|end| self.bytes.get(at..end));
        slice.ok_or_else(|| MetadataError::corrupt(self.part, "a record is cut off"))
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], MetadataError> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(at, N)?);
        Ok(array)
    }

    pub(super) fn u16(&self, at: usize) -> Result<u16, MetadataError> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&self, at: usize) -> Result<u32, MetadataError> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&self, at: usize) -> Result<u64, MetadataError> {
        self.array(at).map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_is_read() {
        let bytes: &[u8] = b"0123456789";
        let whole = Window::new(&bytes, 10);
        let inner = whole.part(2, 5).unwrap();
        assert_eq!(inner.bytes(0, 5, ImagePart::Header).unwrap(), b"23456");
        assert!(inner.bytes(0, 6, ImagePart::Header).is_err());
        assert!(inner.bytes(u64::MAX, 1, ImagePart::Header).is_err());
        assert!(whole.part(2, 9).is_none());
        assert!(whole.part(u64::MAX, 2).is_none());
        assert!(whole.from(11).is_none());
        assert_eq!(inner.head(99).unwrap(), b"23456");
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let bytes: &[u8] = b"0123";
        assert!(Window::new(&bytes, 10).bytes(0, 10, ImagePart::Header).is_err());
    }
}
