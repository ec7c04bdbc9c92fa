//! Inodes and directories of a squashfs.
//!
//! In: a place in the inode or directory table. Out: an [`Inode`], or the entries of a directory one by one.
//! Never: reads a list longer than the file it belongs to may be.
//! Layout: `struct squashfs_*_inode` and `squashfs_dir_*` of Linux (fs/squashfs/squashfs_fs.h), little-endian:
//!
//! ```text
//! every inode    type 2, mode 2, owner 2, group 2, modified 4, number 4
//! 1 directory    block 4, links 4, size 2, offset 2, parent 4
//! 8 directory    links 4, size 4, block 4, parent 4, index count 2, offset 2, attributes 4, index …
//! 2 file         blocks at 4, fragment 4, offset in it 4, size 4, sizes of blocks 4 each
//! 9 file         blocks at 8, size 8, sparse 8, links 4, fragment 4, offset in it 4, attributes 4, sizes of blocks
//! 3, 10 link     links 4, length 4, target
//! directory      runs of: count - 1 4, inode block 4, number 4; then that many entries:
//!                offset in inode block 2, number 2, type 2, name length - 1 2, name
//! ```

use super::super::error::{ImagePart, MetadataError};
use super::super::tree::{MAX_DIRECTORY, MAX_TARGET};
use super::super::window::Fields;
use super::blocks::{Blocks, Cursor};
use super::codec::corrupt;

/// DirectoryEntries of one run.
const MAX_RUN: u32 = 256;
/// Bytes of one name.
const MAX_NAME: usize = 256;
/// A directory's size counts `.` and `..`, which are not stored, as three bytes.
const DOTS: u64 = 3;
/// Bytes that every inode begins with.
const COMMON: usize = 16;

/// What an inode says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) enum Inode {
    /// Where its entries begin in the directory table, and their bytes.
    Directory {
        block: u32,
        offset: u16,
        size: u64,
    },
    File(File),
    Link(Vec<u8>),
    Other,
}

/// A regular file; its list of block sizes follows at `sizes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct File {
    pub(super) size: u64,
    pub(super) blocks: u64,
    /// The fragment that holds its end, and where in it.
    pub(super) fragment: Option<(u32, u32)>,
    pub(super) sizes: Cursor,
}

/// Permissions of an inode, and the places of its owner and group in the table of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owners {
    pub(super) mode: u16,
    pub(super) owner: u16,
    pub(super) group: u16,
}

/// Reads the permissions of the inode at `cursor`.
pub(super) fn owners(blocks: &mut Blocks<'_>, mut cursor: Cursor) -> Result<Owners, MetadataError> {
    let bytes = blocks.take(&mut cursor, COMMON)?;
    let fields = Fields::new(&bytes, ImagePart::FileSystem);
    Ok(Owners { mode: fields.u16(2)?, owner: fields.u16(4)?, group: fields.u16(6)? })
}

/// Reads the inode at `cursor`.
pub(super) fn read(blocks: &mut Blocks<'_>, mut cursor: Cursor) -> Result<Inode, MetadataError> {
    let kind = Fields::new(&blocks.take(&mut cursor, COMMON)?, ImagePart::FileSystem).u16(0)?;
    let len = match kind {
        1 | 2 => 16,
        8 => 24,
        9 => 40,
        3 | 10 => 8,
        4..=7 | 11..=14 => return Ok(Inode::Other),
        _ => return Err(corrupt("an inode is of an unknown type")),
    };
    let bytes = blocks.take(&mut cursor, len)?;
    let fields = Fields::new(&bytes, ImagePart::FileSystem);
    let fragment = |index: u32, offset: u32| (index != u32::MAX).then_some((index, offset));
    Ok(match kind {
        1 => Inode::Directory { block: fields.u32(0)?, offset: fields.u16(10)?, size: fields.u16(8)?.into() },
        8 => Inode::Directory { block: fields.u32(8)?, offset: fields.u16(18)?, size: fields.u32(4)?.into() },
        2 => Inode::File(File {
            size: fields.u32(12)?.into(),
            blocks: fields.u32(0)?.into(),
            fragment: fragment(fields.u32(4)?, fields.u32(8)?),
            sizes: cursor,
        }),
        9 => Inode::File(File {
            size: fields.u64(8)?,
            blocks: fields.u64(0)?,
            fragment: fragment(fields.u32(28)?, fields.u32(32)?),
            sizes: cursor,
        }),
        _ => {
            let len = fields.u32(4)? as usize;
            if len == 0 || len > MAX_TARGET {
                return Err(corrupt("a link has an impossible length"));
            }
            Inode::Link(blocks.take(&mut cursor, len)?)
        }
    })
}

/// One name of a directory, and where its inode is, relative to the inode table.
pub(super) struct DirectoryEntry {
    pub(super) name: Vec<u8>,
    pub(super) inode: Cursor,
}

/// The entries of a directory, one by one.
pub(super) struct DirectoryEntries {
    cursor: Cursor,
    left: u64,
    run: u32,
    block: u32,
}

impl DirectoryEntries {
    /// `cursor` is where the directory's entries begin, `size` what its inode says.
    pub(super) fn new(cursor: Cursor, size: u64) -> Result<Self, MetadataError> {
        if size > MAX_DIRECTORY {
            let bound = MAX_DIRECTORY as usize;
            return Err(MetadataError::TooLarge { part: ImagePart::FileSystem, bound, unit: "bytes in one directory" });
        }
        Ok(Self { cursor, left: size.saturating_sub(DOTS), run: 0, block: 0 })
    }

    /// The next entry, or nothing at the end.
    pub(super) fn next(&mut self, blocks: &mut Blocks<'_>) -> Result<Option<DirectoryEntry>, MetadataError> {
        if self.run == 0 {
            if self.left == 0 {
                return Ok(None);
            }
            let bytes = self.take(blocks, 12)?;
            let header = Fields::new(&bytes, ImagePart::FileSystem);
            if header.u32(0)? >= MAX_RUN {
                return Err(corrupt("a directory has an impossible number of entries"));
            }
            self.run = header.u32(0)? + 1;
            self.block = header.u32(4)?;
        }
        self.run -= 1;
        let bytes = self.take(blocks, 8)?;
        let fields = Fields::new(&bytes, ImagePart::FileSystem);
        let len = usize::from(fields.u16(6)?) + 1;
        if len > MAX_NAME {
            return Err(corrupt("a name has an impossible length"));
        }
        let inode = Cursor { block: self.block.into(), offset: fields.u16(0)?.into() };
        Ok(Some(DirectoryEntry { name: self.take(blocks, len)?, inode }))
    }

    fn take(&mut self, blocks: &mut Blocks<'_>, len: usize) -> Result<Vec<u8>, MetadataError> {
        let short = || corrupt("a directory ends too early");
        self.left = self.left.checked_sub(len as u64).ok_or_else(short)?;
        blocks.take(&mut self.cursor, len)
    }
}
