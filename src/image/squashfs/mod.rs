//! squashfs 4.0, read lazily: the superblock, the few inode and directory blocks on the way, and one file's blocks.
//!
//! In: a window that begins where the file system begins. Out: its files, as [`Tree`] has them.
//! Never: loads a table as a whole, or trusts a count, size or position before it is bounded.
//! Layout: `Documentation/filesystems/squashfs.rst` and fs/squashfs/squashfs_fs.h of Linux. The superblock:
//!
//! ```text
//!  0 hsqs            4     20 compression     2     40 bytes used       8
//!  4 inodes          4     22 block log       2     48 id table         8
//!  8 modified        4     24 flags           2     56 attribute table  8
//! 12 block size      4     26 ids             2     64 inode table      8
//! 16 fragments       4     28 major, minor  2+2     72 directory table  8
//!                          32 root inode      8     80 fragment table   8
//!                                                   88 export table     8
//! ```

mod blocks;
mod codec;
mod inode;

use self::blocks::{Blocks, Cursor, METADATA_BLOCK};
use self::codec::{Codec, MAX_BLOCK, corrupt};
use self::inode::{DirectoryEntries, File, Inode};
use super::access::Ownership;
use super::error::{ImagePart, MetadataError};
use super::tree::{FileType, Tree};
use super::window::{Fields, Window};

const SUPERBLOCK: usize = 96;
const MIN_BLOCK: usize = 4096;
/// Bytes of an entry of the fragment table.
const FRAGMENT: u64 = 16;
/// Entries in one of its blocks.
const FRAGMENTS_A_BLOCK: u64 = METADATA_BLOCK as u64 / FRAGMENT;
/// Bytes of an owner's or group's number in the table of ids.
const ID: u64 = 4;
/// Entries in one of its blocks.
const IDS_A_BLOCK: u64 = METADATA_BLOCK as u64 / ID;

/// An inode and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    inode: Inode,
    at: Cursor,
}

/// An open squashfs.
pub(super) struct Squashfs<'a> {
    window: Window<'a>,
    blocks: Blocks<'a>,
    block_size: usize,
    fragments: u32,
    root: u64,
    inode_table: u64,
    directory_table: u64,
    fragment_table: u64,
    ids: u16,
    id_table: u64,
}

impl<'a> Squashfs<'a> {
    pub(super) fn open(window: &Window<'a>) -> Result<Self, MetadataError> {
        let bytes = window.bytes(0, SUPERBLOCK, ImagePart::FileSystem)?;
        let fields = Fields::new(&bytes, ImagePart::FileSystem);
        if fields.slice(0, 4)? != b"hsqs" {
            return Err(corrupt("it is no squashfs"));
        }
        if (fields.u16(28)?, fields.u16(30)?) != (4, 0) {
            return Err(MetadataError::unsupported("squashfs of a version other than 4.0"));
        }
        let block_size = fields.u32(12)? as usize;
        let sane = block_size.is_power_of_two() && (MIN_BLOCK..=MAX_BLOCK).contains(&block_size);
        if !sane || block_size.trailing_zeros() != u32::from(fields.u16(22)?) {
            return Err(corrupt("its block size makes no sense"));
        }
        let used = fields.u64(40)?;
        let window = window.part(0, used).ok_or_else(|| corrupt("the file ends before it does"))?;
        let (inode_table, directory_table) = (fields.u64(64)?, fields.u64(72)?);
        if inode_table < SUPERBLOCK as u64 || inode_table >= directory_table || directory_table >= used {
            return Err(corrupt("its tables lie outside it"));
        }
        Ok(Self {
            blocks: Blocks::new(window, Codec::from_number(fields.u16(20)?)?, block_size),
            window,
            block_size,
            fragments: fields.u32(16)?,
            root: fields.u64(32)?,
            inode_table,
            directory_table,
            fragment_table: fields.u64(80)?,
            ids: fields.u16(26)?,
            id_table: fields.u64(48)?,
        })
    }

    fn node(&mut self, relative: Cursor) -> Result<Node, MetadataError> {
        let block = self.inode_table.checked_add(relative.block).filter(|block| *block < self.directory_table);
        let block = block.ok_or_else(|| corrupt("an inode lies outside its table"))?;
        let at = Cursor { block, offset: relative.offset };
        Ok(Node { inode: inode::read(&mut self.blocks, at)?, at })
    }

    /// Place `index` of a table whose blocks are listed at `table`: which block, and where in it.
    fn in_table(&mut self, table: u64, index: u64, a_block: u64, width: u64) -> Result<Cursor, MetadataError> {
        let bytes = self.window.bytes(table.saturating_add(index / a_block * 8), 8, ImagePart::FileSystem)?;
        let block = Fields::new(&bytes, ImagePart::FileSystem).u64(0)?;
        Ok(Cursor { block, offset: (index % a_block * width) as usize })
    }

    /// The number of an owner or group.
    fn id(&mut self, index: u16) -> Result<u32, MetadataError> {
        if index >= self.ids {
            return Err(corrupt("an owner lies outside their table"));
        }
        let mut place = self.in_table(self.id_table, index.into(), IDS_A_BLOCK, ID)?;
        Fields::new(&self.blocks.take(&mut place, ID as usize)?, ImagePart::FileSystem).u32(0)
    }

    fn entries(&self, folder: &Node) -> Result<DirectoryEntries, MetadataError> {
        match &folder.inode {
            Inode::Directory { block, offset, size } => {
                let block = self.directory_table.saturating_add((*block).into());
                DirectoryEntries::new(Cursor { block, offset: (*offset).into() }, *size)
            }
            _ => Err(corrupt("a directory is none")),
        }
    }

    /// Where fragment `index` lies, and its size.
    fn find_fragment(&mut self, index: u32) -> Result<(u64, u32), MetadataError> {
        if index >= self.fragments {
            return Err(corrupt("a file's fragment lies outside their table"));
        }
        let mut place = self.in_table(self.fragment_table, index.into(), FRAGMENTS_A_BLOCK, FRAGMENT)?;
        let bytes = self.blocks.take(&mut place, FRAGMENT as usize)?;
        let fields = Fields::new(&bytes, ImagePart::FileSystem);
        Ok((fields.u64(0)?, fields.u32(8)?))
    }

    /// All of a file whose size the caller has bounded.
    fn read_file(&mut self, file: &File, size: usize) -> Result<Vec<u8>, MetadataError> {
        let count = if file.fragment.is_some() { size / self.block_size } else { size.div_ceil(self.block_size) };
        let sizes = self.blocks.take(&mut file.sizes.clone(), count * 4)?;
        let sizes = Fields::new(&sizes, ImagePart::FileSystem);
        let mut bytes = Vec::new();
        let mut at = file.blocks;
        for index in 0..count {
            let packed = sizes.u32(index * 4)?;
            let wanted = self.block_size.min(size - bytes.len());
            let block = self.blocks.data_block(at, packed, wanted)?;
            if block.len() != wanted {
                return Err(corrupt("a block of a file has the wrong length"));
            }
            bytes.extend(block);
            at = at.saturating_add(Blocks::packed_len(packed).into());
        }
        if let Some((index, offset)) = file.fragment {
            let (at, packed) = self.find_fragment(index)?;
            let block = self.blocks.fragment(at, packed)?;
            let start = offset as usize;
            let end = start.checked_add(size - bytes.len());
            let tail = end.and_then(|end| block.get(start..end));
            bytes.extend_from_slice(tail.ok_or_else(|| corrupt("a file lies outside its fragment"))?);
        }
        Ok(bytes)
    }
}

impl Tree for Squashfs<'_> {
    type Node = Node;

    fn root(&mut self) -> Result<Node, MetadataError> {
        let root = Cursor { block: self.root >> 16, offset: (self.root & 0xffff) as usize };
        self.node(root)
    }

    fn kind(&self, node: &Node) -> FileType {
        match node.inode {
            Inode::Directory { .. } => FileType::Directory,
            Inode::File(_) => FileType::File,
            Inode::Link(_) => FileType::Link,
            Inode::Other => FileType::Other,
        }
    }

    fn child(&mut self, folder: &Node, name: &[u8]) -> Result<Option<Node>, MetadataError> {
        let mut entries = self.entries(folder)?;
        while let Some(entry) = entries.next(&mut self.blocks)? {
            if entry.name == name {
                return self.node(entry.inode).map(Some);
            }
        }
        Ok(None)
    }

    fn target(&mut self, link: &Node) -> Result<Vec<u8>, MetadataError> {
        match &link.inode {
            Inode::Link(target) => Ok(target.clone()),
            _ => Err(corrupt("a link is none")),
        }
    }

    fn mode(&mut self, node: &Node) -> Result<u32, MetadataError> {
        Ok(inode::owners(&mut self.blocks, node.at)?.mode.into())
    }

    fn ownership(&mut self, node: &Node) -> Result<Ownership, MetadataError> {
        let owners = inode::owners(&mut self.blocks, node.at)?;
        let (uid, gid) = (self.id(owners.owner)?, self.id(owners.group)?);
        Ok(Ownership { mode: owners.mode.into(), uid, gid })
    }

    fn content(&mut self, file: &Node, bound: usize, part: ImagePart) -> Result<Vec<u8>, MetadataError> {
        let Inode::File(file) = &file.inode else { return Err(corrupt("a file is none")) };
        self.read_file(file, MetadataError::within(file.size, bound, part)?)
    }

    fn names(&mut self, folder: &Node, most: usize) -> Result<Vec<Vec<u8>>, MetadataError> {
        let mut entries = self.entries(folder)?;
        let mut names = Vec::new();
        while names.len() < most {
            let Some(entry) = entries.next(&mut self.blocks)? else { break };
            names.push(entry.name);
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests;
