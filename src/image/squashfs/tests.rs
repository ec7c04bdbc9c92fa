//! squashfs: one wrong field at a time, in the superblock and in what lies behind it.

use super::super::error::{ImagePart, MetadataError};
use super::super::metadata::Metadata;
use super::super::testing::corpus;
use super::*;

mod trees;

/// A superblock's fields by name; the image's metadata is stored plainly, so that later fields can be found, too.
fn stored() -> Vec<u8> {
    corpus("squashfs-stored.sqfs")
}

fn field(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

#[derive(Debug)]
enum Expect {
    Same,
    Corrupt,
    Unsupported,
    /// Damaged or merely different, as the bytes happen to be; never equal, never a panic.
    NotSame,
}

fn check(what: &str, bytes: &[u8], expect: &Expect) {
    let original = Metadata::of_bytes(&stored()).unwrap();
    let answer = Metadata::of_bytes(bytes);
    let right = match (expect, &answer) {
        (Expect::Same, Ok(metadata)) => *metadata == original,
        (Expect::NotSame, Ok(metadata)) => *metadata != original,
        (Expect::NotSame, Err(_)) | (Expect::Unsupported, Err(MetadataError::Unsupported { .. })) => true,
        (Expect::Corrupt, Err(MetadataError::Corrupt { part, .. })) => *part == ImagePart::FileSystem,
        _ => false,
    };
    assert!(right, "{what}: expected {expect:?}, got {answer:?}");
}

#[test]
fn each_field_of_the_superblock() {
    let half = |value: u16| value.to_le_bytes().to_vec();
    let word = |value: u32| value.to_le_bytes().to_vec();
    let long = |value: u64| value.to_le_bytes().to_vec();
    let end = stored().len() as u64;
    let table = [
        ("inodes", 4, word(u32::MAX), Expect::Same),
        ("modified", 8, word(u32::MAX), Expect::Same),
        ("block size: none", 12, word(0), Expect::Corrupt),
        ("block size: not the log's", 12, word(65_536), Expect::Corrupt),
        ("block size: no power of two", 12, word(131_071), Expect::Corrupt),
        ("block size: 2 MiB", 12, word(2 << 20), Expect::Corrupt),
        ("fragments: none", 16, word(0), Expect::Corrupt),
        ("fragments: many", 16, word(u32::MAX), Expect::Same),
        ("compression: none", 20, half(0), Expect::Corrupt),
        ("compression: lzma", 20, half(2), Expect::Unsupported),
        ("compression: a new one", 20, half(7), Expect::Corrupt),
        ("compression: another (nothing is packed)", 20, half(6), Expect::Same),
        ("block log", 22, half(12), Expect::Corrupt),
        ("flags", 24, half(u16::MAX), Expect::Same),
        ("ids", 26, half(u16::MAX), Expect::Same),
        ("major", 28, half(3), Expect::Unsupported),
        ("minor", 30, half(1), Expect::Unsupported),
        ("root: block", 32, long(1 << 16), Expect::Corrupt),
        ("root: outside its block", 32, long(0xffff), Expect::Corrupt),
        ("root: outside the table", 32, long(u64::MAX), Expect::Corrupt),
        ("used: one less", 40, long(end - 1), Expect::Same),
        ("used: nothing", 40, long(0), Expect::Corrupt),
        ("used: beyond the file", 40, long(end + 1), Expect::Corrupt),
        ("used: negative", 40, long(u64::MAX), Expect::Corrupt),
        ("id table", 48, long(u64::MAX), Expect::Same),
        ("attribute table", 56, long(0), Expect::Same),
        ("inode table: nothing", 64, long(0), Expect::Corrupt),
        ("inode table: beyond", 64, long(end), Expect::Corrupt),
        ("inode table: negative", 64, long(u64::MAX), Expect::Corrupt),
        ("directory table: nothing", 72, long(0), Expect::Corrupt),
        ("directory table: negative", 72, long(u64::MAX), Expect::Corrupt),
        ("directory table: one on", 72, long(field(&stored(), 72) as u64 + 1), Expect::Corrupt),
        ("fragment table: nothing", 80, long(0), Expect::Corrupt),
        ("fragment table: negative", 80, long(u64::MAX), Expect::Corrupt),
        ("export table", 88, long(0), Expect::Same),
    ];
    for (what, at, value, expect) in table {
        let mut bytes = stored();
        bytes[at..at + value.len()].copy_from_slice(&value);
        check(what, &bytes, &expect);
    }
}

#[test]
fn each_field_behind_it() {
    let original = stored();
    let (inodes, directories) = (field(&original, 64), field(&original, 72));
    let root = inodes + 2 + (field(&original, 32) & 0xffff);
    let offset = u16::from_le_bytes([original[root + 26], original[root + 27]]);
    let listing = directories + 2 + usize::from(offset);
    let fragments = field(&original, field(&original, 80));
    let word = |value: u32| value.to_le_bytes().to_vec();
    let table = [
        ("inode block: empty", inodes, vec![0, 0x80], Expect::Corrupt),
        ("inode block: too long", inodes, vec![0xff, 0xff], Expect::Corrupt),
        ("inode block: packed, it says", inodes + 1, vec![0], Expect::Corrupt),
        ("root inode: unknown type", root, vec![15, 0], Expect::Corrupt),
        ("root inode: type 0", root, vec![0, 0], Expect::Corrupt),
        ("root inode: a device", root, vec![4, 0], Expect::NotSame),
        ("root inode: a file", root, vec![2, 0], Expect::NotSame),
        ("root inode: directory's block", root + 16, word(1 << 20), Expect::Corrupt),
        (
            "root inode: directory's size (all names are found before its end)",
            root + 24,
            vec![0xff, 0xff],
            Expect::Same,
        ),
        ("root inode: directory's size small", root + 24, vec![5, 0], Expect::Corrupt),
        ("root inode: directory's size nothing", root + 24, vec![0, 0], Expect::NotSame),
        ("root inode: directory's offset", root + 26, vec![0xff, 0xff], Expect::Corrupt),
        ("directory: count", listing, word(256), Expect::Corrupt),
        ("directory: count negative", listing, word(u32::MAX), Expect::Corrupt),
        ("directory: inode block", listing + 4, word(u32::MAX), Expect::NotSame),
        ("directory: inode offset", listing + 12, vec![0xff, 0xff], Expect::NotSame),
        ("directory: name length", listing + 18, vec![0xff, 0xff], Expect::NotSame),
        ("fragment: place", fragments + 2, vec![0xff; 8], Expect::Corrupt),
        ("fragment: size nothing", fragments + 10, word(0), Expect::Corrupt),
        ("fragment: size large", fragments + 10, word(0x01ff_ffff), Expect::Corrupt),
        ("fragment: packed, it says", fragments + 13, vec![0], Expect::Corrupt),
    ];
    for (what, at, value, expect) in table {
        let mut bytes = stored();
        bytes[at..at + value.len()].copy_from_slice(&value);
        check(what, &bytes, &expect);
    }
}

#[test]
fn cut_off_anywhere() {
    for name in ["squashfs-stored.sqfs", "squashfs-gzip.sqfs", "squashfs-xz.sqfs"] {
        let whole = corpus(name);
        for len in 0..whole.len() {
            assert!(Metadata::of_bytes(&whole[..len]).is_err(), "{name} {len}");
        }
    }
}

#[test]
fn blocks_that_unpack_to_more_than_they_may() {
    let zeros = vec![0; 3 * MAX_BLOCK];
    let packed = {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
        encoder.finish().unwrap()
    };
    assert!(Codec::Gzip.unpack(&packed, MAX_BLOCK).is_err());
    assert_eq!(Codec::Gzip.unpack(&packed, 3 * MAX_BLOCK).unwrap(), zeros);
    let packed = lz4_flex::block::compress(&zeros);
    assert!(Codec::Lz4.unpack(&packed, MAX_BLOCK).is_err());
    for codec in [Codec::Gzip, Codec::Lzo, Codec::Xz, Codec::Lz4, Codec::Zstd] {
        assert!(codec.unpack(b"\xff\xff\xff\xff\xff\xff\xff\xff", 100).is_err(), "{codec:?}");
        assert!(codec.unpack(b"", 100).map_or(true, |bytes| bytes.is_empty()), "{codec:?}");
    }
}
