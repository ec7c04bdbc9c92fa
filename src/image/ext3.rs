//! ext2, ext3 and ext4: the writable images of Singularity 2.
//!
//! In: a window that begins where the file system begins. Out: its files, as [`Tree`] has them.
//! Never: writes, searches a directory larger than [`MAX_DIRECTORY`], or hands the library a superblock whose counts
//! the file cannot hold. A journal that waits for recovery is applied in memory, as mounting would.
//! Layout: the `ext4-view` package; the superblock's fields (checked here before the library sees them) as
//! `Documentation/filesystems/ext4/super.rst` of Linux has them.

use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType as Ext4FileType, Path, PathBuf};

use super::access::Ownership;
use super::error::{ImagePart, MetadataError};
use super::tree::{FileType, MAX_DIRECTORY, MAX_TARGET, Tree};
use super::window::{Fields, ReadAt, Window};

const SUPERBLOCK_AT: u64 = 1024;
const SUPERBLOCK: usize = 1024;
/// Most block groups: 2 TiB with blocks of 4 KiB.
const MAX_GROUPS: u64 = 16_384;
/// Most bytes read for one image: its few directories and files need far less.
const MAX_READ: u64 = 64 * 1024 * 1024;

/// An open ext file system.
pub(super) struct Ext3(Ext4);

/// A path without links in it, and what is there.
pub(super) struct Node {
    path: PathBuf,
    kind: FileType,
    size: u64,
    ownership: Ownership,
}

impl Ext3 {
    pub(super) fn open(window: &Window<'_>) -> Result<Self, MetadataError> {
        check(window)?;
        let (source, start, len) = window.keep()?;
        Ok(Self(Ext4::load(Box::new(Reader { source, start, len, left: MAX_READ })).map_err(translate)?))
    }

    fn look(&self, path: PathBuf) -> Result<Option<Node>, MetadataError> {
        match self.0.symlink_metadata(path.as_path()) {
            Ok(metadata) => {
                let kind = match metadata.file_type() {
                    Ext4FileType::Regular => FileType::File,
                    Ext4FileType::Directory => FileType::Directory,
                    Ext4FileType::Symlink => FileType::Link,
                    _ => FileType::Other,
                };
                let ownership = Ownership { mode: metadata.mode().into(), uid: metadata.uid(), gid: metadata.gid() };
                Ok(Some(Node { path, kind, size: metadata.len(), ownership }))
            }
            Err(Ext4Error::NotFound | Ext4Error::NotADirectory | Ext4Error::MalformedPath | Ext4Error::PathTooLong) => {
                Ok(None)
            }
            Err(error) => Err(translate(error)),
        }
    }
}

impl Tree for Ext3 {
    type Node = Node;

    fn root(&mut self) -> Result<Node, MetadataError> {
        let missing = || MetadataError::corrupt(ImagePart::FileSystem, "there is no root directory");
        self.look(PathBuf::new("/"))?.ok_or_else(missing)
    }

    fn kind(&self, node: &Node) -> FileType {
        node.kind
    }

    fn child(&mut self, folder: &Node, name: &[u8]) -> Result<Option<Node>, MetadataError> {
        MetadataError::within(folder.size, MAX_DIRECTORY as usize, ImagePart::FileSystem)?;
        match Path::try_from(name) {
            Ok(name) => self.look(folder.path.join(name)),
            Err(_) => Ok(None),
        }
    }

    fn target(&mut self, link: &Node) -> Result<Vec<u8>, MetadataError> {
        MetadataError::within(link.size, MAX_TARGET, ImagePart::FileSystem)?;
        let target = self.0.read_link(link.path.as_path()).map_err(translate)?;
        Ok(target.as_ref().to_vec())
    }

    fn mode(&mut self, node: &Node) -> Result<u32, MetadataError> {
        Ok(node.ownership.mode)
    }

    fn ownership(&mut self, node: &Node) -> Result<Ownership, MetadataError> {
        Ok(node.ownership)
    }

    fn content(&mut self, file: &Node, bound: usize, part: ImagePart) -> Result<Vec<u8>, MetadataError> {
        let size = MetadataError::within(file.size, bound, part)?;
        let mut opened = self.0.open(file.path.as_path()).map_err(translate)?;
        let mut bytes = vec![0; size];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match opened.read_bytes(rest).map_err(translate)? {
                0 => return Err(MetadataError::corrupt(part, "it is shorter than its size says")),
                count => done += count,
            }
        }
        Ok(bytes)
    }

    fn names(&mut self, folder: &Node, most: usize) -> Result<Vec<Vec<u8>>, MetadataError> {
        MetadataError::within(folder.size, MAX_DIRECTORY as usize, ImagePart::FileSystem)?;
        let mut names = Vec::new();
        for entry in self.0.read_dir(folder.path.as_path()).map_err(translate)? {
            if names.len() >= most {
                break;
            }
            let name = entry.map_err(translate)?.file_name().as_ref().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// The superblock's counts: sane in themselves and within the file.
fn check(window: &Window<'_>) -> Result<(), MetadataError> {
    let corrupt = |why| Err(MetadataError::corrupt(ImagePart::FileSystem, why));
    let bytes = window.bytes(SUPERBLOCK_AT, SUPERBLOCK, ImagePart::FileSystem)?;
    let fields = Fields::new(&bytes, ImagePart::FileSystem);
    let wide = fields.u32(0x60)? & 0x80 != 0;
    let high = if wide { fields.u32(0x150)? } else { 0 };
    let blocks = u64::from(high) << 32 | u64::from(fields.u32(0x04)?);
    let log = fields.u32(0x18)?;
    if log > 6 {
        return corrupt("its blocks are larger than 64 KiB");
    }
    let block_size = 1024_u64 << log;
    if blocks.checked_mul(block_size).is_none_or(|size| size > window.len()) {
        return corrupt("the file ends before it does");
    }
    let per_group = u64::from(fields.u32(0x20)?);
    if per_group == 0 || per_group > 8 * block_size || blocks.div_ceil(per_group) > MAX_GROUPS {
        return corrupt("its number of block groups makes no sense");
    }
    let inodes = u64::from(fields.u32(0x28)?);
    if inodes == 0 || inodes > 8 * block_size {
        return corrupt("its number of inodes makes no sense");
    }
    // Revision 0 has no such field: its inodes have 128 bytes.
    let inode_size = u64::from(fields.u16(0x58)?);
    if fields.u32(0x4c)? == 0 {
        return Err(MetadataError::unsupported("ext2 of before 1995 (revision 0)"));
    }
    if !inode_size.is_power_of_two() || inode_size < 128 || inode_size > block_size {
        return corrupt("its inode size makes no sense");
    }
    Ok(())
}

/// What the library says, in the words of this room.
fn translate(error: Ext4Error) -> MetadataError {
    match error {
        Ext4Error::Io(inner) => match inner.downcast::<MetadataError>() {
            Ok(ours) => *ours,
            Err(_) => MetadataError::corrupt(ImagePart::FileSystem, "it could not be read"),
        },
        Ext4Error::Incompatible(_) => MetadataError::unsupported("an ext4 file system with features of its own"),
        Ext4Error::Encrypted => MetadataError::Encrypted,
        other => MetadataError::Corrupt { part: ImagePart::FileSystem, why: other.to_string().into() },
    }
}

/// The window as the library wants it, with an end to its patience.
struct Reader {
    source: Box<dyn ReadAt>,
    start: u64,
    len: u64,
    left: u64,
}

impl Ext4Read for Reader {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        let too_much = MetadataError::TooLarge {
            part: ImagePart::FileSystem,
            bound: MAX_READ as usize,
            unit: "bytes of directories",
        };
        self.left = self.left.checked_sub(dst.len() as u64).ok_or(too_much)?;
        let window = Window::of(self.source.as_ref(), self.start, self.len);
        dst.copy_from_slice(&window.bytes(start_byte, dst.len(), ImagePart::FileSystem)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
