//! ext3: what the superblock may not say, and what the library may not be asked.

use super::super::metadata::Metadata;
use super::super::testing::corpus;
use super::*;

#[test]
fn each_checked_field_of_the_superblock() {
    let whole = corpus("ext4.img");
    let original = Metadata::of_bytes(&whole).unwrap();
    assert_eq!(original.labels.get("NAME"), Some("amy"));
    let word = |value: u32| value.to_le_bytes().to_vec();
    let table = [
        ("blocks: more than the file", 0x04, word(97)),
        ("blocks: 2^32", 0x04, word(u32::MAX)),
        ("first block", 0x14, word(u32::MAX)),
        ("block size: 128 KiB", 0x18, word(7)),
        ("block size: huge", 0x18, word(u32::MAX)),
        ("blocks per group: none", 0x20, word(0)),
        ("blocks per group: one", 0x20, word(1)),
        ("blocks per group: huge", 0x20, word(u32::MAX)),
        ("inodes per group: none", 0x28, word(0)),
        ("inodes per group: huge", 0x28, word(u32::MAX)),
        ("revision 0", 0x4c, word(0)),
        ("inode size: none", 0x58, vec![0, 0]),
        ("inode size: small", 0x58, vec![64, 0]),
        ("inode size: odd", 0x58, vec![129, 0]),
        ("inode size: larger than a block", 0x58, vec![0, 8]),
        ("features that nobody knows", 0x60, word(u32::MAX)),
        ("blocks, high half", 0x150, word(1)),
    ];
    for (what, at, value) in table {
        let mut bytes = whole.clone();
        let at = SUPERBLOCK_AT as usize + at;
        bytes[at..at + value.len()].copy_from_slice(&value);
        let answer = Metadata::of_bytes(&bytes);
        let right = matches!(
            answer,
            Err(MetadataError::Corrupt { part: ImagePart::FileSystem, .. } | MetadataError::Unsupported { .. })
        );
        assert!(right, "{what}: {answer:?}");
    }
}

#[test]
fn cut_off() {
    let whole = corpus("ext2-behind-launch-line.img");
    for len in (0..whole.len()).step_by(511) {
        assert!(Metadata::of_bytes(&whole[..len]).is_err(), "{len}");
    }
}

#[test]
fn patience_has_an_end() {
    let bytes: &[u8] = &corpus("ext4.img");
    let window = Window::new(&bytes, bytes.len() as u64);
    let (source, start, len) = window.keep().unwrap();
    let mut reader = Reader { source, start, len, left: 1024 };
    let mut block = [0; 1000];
    assert!(reader.read(0, &mut block).is_ok());
    assert!(matches!(
        translate(Ext4Error::Io(reader.read(0, &mut block).unwrap_err())),
        MetadataError::TooLarge { .. }
    ));
}
