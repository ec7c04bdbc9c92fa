//! Unpacking one block of a squashfs.
//!
//! In: the packed bytes of one block and the most it may unpack to. Out: the bytes, or that it is damaged.
//! Never: unpacks beyond the bound, or takes a dictionary larger than a block can need.
//! The numbers of the methods: `struct squashfs_super_block` of Linux (fs/squashfs/squashfs_fs.h).

use std::io::Read;

use ruzstd::decoding::StreamingDecoder;

use super::super::error::{ImagePart, MetadataError};

/// Largest data block that the format allows.
pub(super) const MAX_BLOCK: usize = 1024 * 1024;
/// Memory for an xz dictionary, in KiB: a dictionary is no larger than a block; the rest is the library's own.
const XZ_MEMORY: u32 = MAX_BLOCK as u32 / 1024 + 512;

/// How blocks are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Lzo,
    Xz,
    Lz4,
    Zstd,
}

impl Codec {
    pub(super) fn from_number(number: u16) -> Result<Self, MetadataError> {
        match number {
            1 => Ok(Self::Gzip),
            3 => Ok(Self::Lzo),
            4 => Ok(Self::Xz),
            5 => Ok(Self::Lz4),
            6 => Ok(Self::Zstd),
            2 => Err(MetadataError::unsupported("squashfs packed with lzma (not xz)")),
            _ => Err(corrupt("its compression method is unknown")),
        }
    }

    /// Unpacks a block to at most `bound` bytes.
    pub(super) fn unpack(self, packed: &[u8], bound: usize) -> Result<Vec<u8>, MetadataError> {
        let unpacked = match self {
            Self::Gzip => stream(flate2::bufread::ZlibDecoder::new(packed), bound),
            Self::Xz => stream(lzma_rust2::XzReader::new_mem_limit(packed, false, XZ_MEMORY), bound),
            Self::Zstd => StreamingDecoder::new_with_max_window_size(packed, MAX_BLOCK as u64)
                .ok()
                .and_then(|reader| stream(reader, bound)),
            Self::Lz4 => buffer(bound, |bytes| lz4_flex::block::decompress_into(packed, bytes).ok()),
            Self::Lzo => buffer(bound, |bytes| lzokay::decompress::decompress(packed, bytes).ok()),
        };
        unpacked.ok_or_else(|| corrupt("a packed block is damaged"))
    }
}

/// That the file system contradicts its format.
pub(super) fn corrupt(why: &'static str) -> MetadataError {
    MetadataError::corrupt(ImagePart::FileSystem, why)
}

fn stream(reader: impl Read, bound: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(bound as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= bound).then_some(bytes)
}

fn buffer(bound: usize, fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; bound];
    let len = fill(&mut bytes)?;
    bytes.truncate(len);
    Some(bytes)
}
