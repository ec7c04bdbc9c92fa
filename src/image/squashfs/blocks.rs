//! Blocks of a squashfs: metadata as a stream across blocks, and data blocks, unpacked on demand.
//!
//! In: positions out of inodes, directories and the fragment table. Out: bytes.
//! Never: unpacks more than [`MAX_UNPACKED`] for one image, or keeps more than [`KEPT`] metadata blocks and one data block.

use std::rc::Rc;

use super::super::error::{ImagePart, MetadataError};
use super::super::window::{Fields, Window};
use super::codec::{Codec, corrupt};

/// A metadata block unpacks to this much at most.
pub(super) const METADATA_BLOCK: usize = 8192;
/// Metadata blocks kept.
const KEPT: usize = 16;
/// Most bytes unpacked for one image. A handful of small files takes a hundredth of it.
const MAX_UNPACKED: usize = 16 * 1024 * 1024;
/// In the size of a data block: it is stored as it is.
const STORED: u32 = 1 << 24;

/// A place in a stream of metadata: the block's position in the file system, and the byte in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) block: u64,
    pub(super) offset: usize,
}

/// One unpacked metadata block and where the next begins.
struct Kept {
    at: u64,
    next: u64,
    bytes: Rc<[u8]>,
}

/// Reads and unpacks.
pub(super) struct Blocks<'a> {
    window: Window<'a>,
    codec: Codec,
    block_size: usize,
    left: usize,
    kept: Vec<Kept>,
    fragment: Option<(u64, Rc<[u8]>)>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(window: Window<'a>, codec: Codec, block_size: usize) -> Self {
        Self { window, codec, block_size, left: MAX_UNPACKED, kept: Vec::new(), fragment: None }
    }

    /// The next `len` bytes of a stream of metadata; the caller has bounded `len`.
    pub(super) fn take(&mut self, cursor: &mut Cursor, len: usize) -> Result<Vec<u8>, MetadataError> {
        let mut taken = Vec::new();
        while taken.len() < len {
            let (bytes, next) = self.metadata_block(cursor.block)?;
            let rest = bytes.get(cursor.offset..).ok_or_else(|| corrupt("a position lies outside its block"))?;
            let part = rest.get(..len - taken.len()).unwrap_or(rest);
            taken.extend_from_slice(part);
            cursor.offset += part.len();
            // Only a full block is followed by another one of the same stream.
            if taken.len() < len && bytes.len() < METADATA_BLOCK {
                return Err(corrupt("a table ends too early"));
            }
            if cursor.offset >= METADATA_BLOCK {
                *cursor = Cursor { block: next, offset: 0 };
            }
        }
        Ok(taken)
    }

    fn metadata_block(&mut self, at: u64) -> Result<(Rc<[u8]>, u64), MetadataError> {
        if let Some(place) = self.kept.iter().position(|kept| kept.at == at) {
            // The one used last stands last, so the first is the one to go.
            let kept = self.kept.remove(place);
            let found = (Rc::clone(&kept.bytes), kept.next);
            self.kept.push(kept);
            return Ok(found);
        }
        let header = self.window.bytes(at, 2, ImagePart::FileSystem)?;
        let header = Fields::new(&header, ImagePart::FileSystem).u16(0)?;
        let (stored, len) = (header & 0x8000 != 0, usize::from(header & 0x7fff));
        if len == 0 || len > METADATA_BLOCK {
            return Err(corrupt("a metadata block has an impossible size"));
        }
        let start = at.saturating_add(2);
        let packed = self.window.bytes(start, len, ImagePart::FileSystem)?;
        let bytes: Rc<[u8]> = self.unpack(packed, stored, METADATA_BLOCK)?.into();
        let next = start.saturating_add(len as u64);
        if self.kept.len() >= KEPT {
            self.kept.remove(0);
        }
        self.kept.push(Kept { at, next, bytes: Rc::clone(&bytes) });
        Ok((bytes, next))
    }

    /// A data block: `size` as the inode or fragment table has it; 0 is a hole of `hole` bytes.
    pub(super) fn data_block(&mut self, at: u64, size: u32, hole: usize) -> Result<Vec<u8>, MetadataError> {
        if size == 0 {
            return Ok(vec![0; hole.min(self.block_size)]);
        }
        let len = Self::packed_len(size) as usize;
        if len == 0 || len > self.block_size {
            return Err(corrupt("a data block has an impossible size"));
        }
        let packed = self.window.bytes(at, len, ImagePart::FileSystem)?;
        self.unpack(packed, size & STORED != 0, self.block_size)
    }

    /// Bytes that a data block takes in the file.
    pub(super) fn packed_len(size: u32) -> u32 {
        size & !STORED
    }

    /// As [`Self::data_block`]; small files share fragments, so the last one is kept.
    pub(super) fn fragment(&mut self, at: u64, size: u32) -> Result<Rc<[u8]>, MetadataError> {
        match &self.fragment {
            Some((known, bytes)) if *known == at => Ok(Rc::clone(bytes)),
            _ => {
                let bytes: Rc<[u8]> = self.data_block(at, size, 0)?.into();
                self.fragment = Some((at, Rc::clone(&bytes)));
                Ok(bytes)
            }
        }
    }

    fn unpack(&mut self, packed: Vec<u8>, stored: bool, bound: usize) -> Result<Vec<u8>, MetadataError> {
        let bytes = if stored { packed } else { self.codec.unpack(&packed, bound)? };
        let spent =
            MetadataError::TooLarge { part: ImagePart::FileSystem, bound: MAX_UNPACKED, unit: "bytes of directories" };
        self.left = self.left.checked_sub(bytes.len()).ok_or(spent)?;
        Ok(bytes)
    }
}
