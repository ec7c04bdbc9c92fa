//! SIF: what is read, and one wrong field at a time.

use super::super::error::{ImagePart, MetadataError};
use super::super::format::Architecture;
use super::super::metadata::{MAX_TEXT, Metadata, Note};
use super::super::obstacle::Obstacle;
use super::super::testing::{Object, ROOM, TABLE_AT, corpus, sif};
use super::*;

const INSPECT: &str = r#"{"data":{"attributes":{"labels":{"NAME":"amy"},"runscript":"run"}},"type":"container"}"#;

fn plain() -> Vec<Object> {
    vec![
        Object::new(0x4001, "hello.def", b"Bootstrap: scratch\n"),
        Object::inspect_metadata(INSPECT),
        Object::partition(FS_SQUASH, b"04\0", b"hsqs, not needed"),
    ]
}

fn read(bytes: &[u8]) -> Result<Metadata, MetadataError> {
    Metadata::of_bytes(bytes)
}

#[test]
fn any_alignment_and_architecture() {
    for align in [1, 8, 4096, 65_536] {
        let metadata = read(&sif(&plain(), align)).unwrap();
        assert_eq!(metadata.format, Format::Sif);
        assert_eq!(metadata.architecture.map(Architecture::as_str), Some("arm64"));
        assert_eq!(metadata.labels.get_ignore_case("name"), Some("amy"));
        assert_eq!(metadata.runscript.as_deref(), Some("run"));
        assert_eq!(metadata.notes, []);
    }
}

#[test]
fn signed_and_with_objects_of_other_kinds() {
    let mut objects = plain();
    for kind in [0x4005, 0x4002, 0x4007, 0x4008, 0x4009, 0x4321] {
        objects.push(Object::new(kind, "inspect-metadata.json", b"\xff\xfe"));
    }
    objects.insert(0, Object::new(0x4006, "oci-config.json", b"{}"));
    let metadata = read(&sif(&objects, 8)).unwrap();
    assert_eq!(metadata.labels.len(), 1);
    assert_eq!(metadata.notes, [Note::Signed]);
}

#[test]
fn labels_and_definition_of_their_own() {
    let objects =
        [Object::new(0x4001, "x.def", b"From: busybox\xff"), Object::new(0x4003, "labels", br#"{"A":"b","N":1}"#)];
    let metadata = read(&sif(&objects, 8)).unwrap();
    assert_eq!(metadata.labels.iter().collect::<Vec<_>>(), [("A", "b"), ("N", "1")]);
    assert_eq!(metadata.definition.as_deref(), Some("From: busybox\u{fffd}"));
    assert_eq!(metadata.architecture.map(Architecture::as_str), Some("amd64"), "of the header");
}

#[test]
fn encrypted() {
    for kind in [FS_LUKS, FS_GOCRYPTFS] {
        let partition = Object::partition(kind, b"02\0", b"LUKS");
        let with = read(&sif(&[Object::inspect_metadata(INSPECT), partition.clone()], 8)).unwrap();
        assert_eq!((with.notes.as_slice(), with.labels.len()), (&[Note::Encrypted][..], 1));
        let without = read(&sif(std::slice::from_ref(&partition), 8)).unwrap();
        assert_eq!((without.notes.as_slice(), without.labels.len()), (&[Note::Encrypted][..], 0));
        let broken = read(&sif(&[Object::inspect_metadata("{"), partition], 8)).unwrap();
        assert_eq!(broken.notes, [Note::Encrypted, Note::Unread(ImagePart::InspectMetadata)]);
        assert_eq!([with, without, broken].map(|one| one.obstacle(None)), [Some(Obstacle::Encrypted); 3]);
    }
}

#[test]
fn no_root_file_system() {
    let part = |role: u32| {
        let extra = [&1_u32.to_le_bytes()[..], &role.to_le_bytes(), b"02\0"].concat();
        Object { kind: 0x4004, name: "", extra, data: b"hsqs".to_vec() }
    };
    let sbom = Object::new(0x4009, "sbom", b"{}");
    for objects in [vec![], vec![part(3)], vec![part(4)], vec![sbom.clone()], vec![part(1), sbom]] {
        let metadata = read(&sif(&objects, 8)).unwrap();
        assert_eq!(metadata.obstacle(None), Some(Obstacle::NoContainer));
    }
}

/// As the runtime does it: with a warning.
#[test]
fn a_description_that_cannot_be_used_gives_way_to_the_partition() {
    let partition = Object::partition(FS_SQUASH, b"02\0", &corpus("squashfs-gzip.sqfs"));
    for text in [
        "",
        "{",
        "{}",
        r#"{"type":"container"}"#,
        r#"{"data":{"attributes":{"labels":"{\"A\":\"b\"}"}}}"#,
        r#"{"attributes":{"labels":{"A":"b"}},"type":"container"}"#,
    ] {
        let metadata = read(&sif(&[Object::inspect_metadata(text), partition.clone()], 8)).unwrap();
        assert_eq!(metadata.labels.get("NAME"), Some("amy"), "{text}");
        assert!(metadata.notes.contains(&Note::Fallback) && metadata.obstacle(None).is_none(), "{text} {metadata:?}");
    }
    // a runscript that only the partition has
    let labels = Object::inspect_metadata(r#"{"data":{"attributes":{"labels":{"A":"b"}}}}"#);
    let metadata = read(&sif(&[labels, partition], 8)).unwrap();
    assert_eq!((metadata.labels.len(), metadata.obstacle(None)), (1, None));
    assert!(metadata.runscript.is_some_and(|script| script.contains("hello")) && metadata.notes.is_empty());
}

#[test]
fn objects_too_large_are_not_read() {
    let huge = Object::new(0x4003, "", &vec![b' '; MAX_TEXT + 1]);
    assert!(matches!(read(&sif(&[huge], 8)), Err(MetadataError::TooLarge { part: ImagePart::Labels, .. })));
    let definition = Object::new(0x4001, "", &vec![b'#'; MAX_TEXT + 1]);
    let metadata = read(&sif(&[definition, Object::new(0x4003, "", b"{}")], 8)).unwrap();
    assert_eq!((metadata.definition, metadata.notes), (None, vec![Note::TooLong(ImagePart::Definition)]));
}

/// What a changed field must lead to.
#[derive(Debug)]
enum Expect {
    Same,
    NotAnImage,
    Unsupported,
    Corrupt(ImagePart),
    TooLarge,
    /// Readable, but not equal to the original.
    Other,
}

fn check(what: &str, bytes: &[u8], expect: &Expect) {
    let original = read(&sif(&plain(), 8)).unwrap();
    let answer = read(bytes);
    let right = match (expect, &answer) {
        (Expect::Same, Ok(metadata)) => *metadata == original,
        (Expect::Other, Ok(metadata)) => *metadata != original,
        (
            Expect::NotAnImage,
            Err(MetadataError::NotAnImage(_) | MetadataError::Corrupt { part: ImagePart::Header, .. }),
        )
        | (Expect::Unsupported, Err(MetadataError::Unsupported { .. }))
        | (Expect::TooLarge, Err(MetadataError::TooLarge { .. })) => true,
        (Expect::Corrupt(expected), Err(MetadataError::Corrupt { part, .. })) => part == expected,
        _ => false,
    };
    assert!(right, "{what}: expected {expect:?}, got {answer:?}");
}

#[test]
fn each_field_of_the_header() {
    let number = |value: u64| value.to_le_bytes().to_vec();
    let end = sif(&plain(), 8).len() as u64;
    let table = [
        ("launch script", 0, b"#!/bin/false\n".to_vec(), Expect::Same),
        ("magic", 32, b"SIF_MAGIX".to_vec(), Expect::NotAnImage),
        ("magic's NUL", 41, b"x".to_vec(), Expect::NotAnImage),
        ("version 2", 42, b"02\0".to_vec(), Expect::Unsupported),
        ("version none", 42, b"\0\0\0".to_vec(), Expect::Corrupt(ImagePart::Header)),
        ("architecture (the partition's counts)", 45, b"99\0".to_vec(), Expect::Same),
        ("id", 48, vec![0; 16], Expect::Same),
        ("created", 64, number(u64::MAX), Expect::Same),
        ("modified", 72, number(u64::MAX), Expect::Same),
        ("free: all", 80, number(ROOM as u64), Expect::Same),
        ("free: more than all", 80, number(ROOM as u64 + 1), Expect::Corrupt(ImagePart::Header)),
        ("free: negative", 80, number(u64::MAX), Expect::Corrupt(ImagePart::Header)),
        ("total: none", 88, number(0), Expect::Corrupt(ImagePart::Header)),
        ("total: most", 88, number(1025), Expect::TooLarge),
        ("total: negative", 88, number(u64::MAX), Expect::TooLarge),
        ("table: in the header", 96, number(127), Expect::Corrupt(ImagePart::Header)),
        ("table: past the end", 96, number(end), Expect::Corrupt(ImagePart::Descriptors)),
        ("table: negative", 96, number(u64::MAX), Expect::Corrupt(ImagePart::Descriptors)),
        ("table size (follows from the count)", 104, number(0), Expect::Same),
        ("data offset (each object has its own)", 112, number(u64::MAX), Expect::Same),
        ("data size", 120, number(u64::MAX), Expect::Same),
    ];
    for (what, at, value, expect) in table {
        let mut bytes = sif(&plain(), 8);
        bytes[at..at + value.len()].copy_from_slice(&value);
        check(what, &bytes, &expect);
    }
}

#[test]
fn each_field_of_a_descriptor() {
    let number = |value: u64| value.to_le_bytes().to_vec();
    let metadata_at = TABLE_AT + 585;
    let partition_at = TABLE_AT + 2 * 585;
    let table = [
        ("data type", metadata_at, vec![0; 4], Expect::Corrupt(ImagePart::FileSystem)),
        ("used", metadata_at + 4, vec![0], Expect::Corrupt(ImagePart::FileSystem)),
        ("used: any value", metadata_at + 4, vec![0xff], Expect::Same),
        ("id", metadata_at + 5, vec![0xff; 4], Expect::Same),
        ("group", metadata_at + 9, vec![0xff; 4], Expect::Same),
        ("link", metadata_at + 13, vec![0xff; 4], Expect::Same),
        ("offset: elsewhere", metadata_at + 17, number(0), Expect::Corrupt(ImagePart::InspectMetadata)),
        ("offset: negative", metadata_at + 17, number(u64::MAX), Expect::Corrupt(ImagePart::Descriptors)),
        ("size: less", metadata_at + 25, number(10), Expect::Corrupt(ImagePart::InspectMetadata)),
        ("size: past the end", metadata_at + 25, number(1 << 40), Expect::Corrupt(ImagePart::Descriptors)),
        ("size: negative", metadata_at + 25, number(u64::MAX), Expect::Corrupt(ImagePart::Descriptors)),
        ("size with padding", metadata_at + 33, number(u64::MAX), Expect::Same),
        ("created", metadata_at + 41, number(u64::MAX), Expect::Same),
        ("modified", metadata_at + 49, number(u64::MAX), Expect::Same),
        ("owner", metadata_at + 57, number(u64::MAX), Expect::Same),
        ("group of the owner", metadata_at + 65, number(u64::MAX), Expect::Same),
        ("name", metadata_at + 73, b"X".to_vec(), Expect::Corrupt(ImagePart::FileSystem)),
        ("file system: encrypted", partition_at + 201, vec![5, 0, 0, 0], Expect::Other),
        ("file system: unknown", partition_at + 201, vec![9, 9, 9, 9], Expect::Same),
        ("role", partition_at + 205, vec![9, 0, 0, 0], Expect::Other),
        ("architecture", partition_at + 209, b"11\0".to_vec(), Expect::Other),
        ("partition cut off", partition_at + 25, number(1 << 20), Expect::Corrupt(ImagePart::Descriptors)),
    ];
    for (what, at, value, expect) in table {
        let mut bytes = sif(&plain(), 8);
        bytes[at..at + value.len()].copy_from_slice(&value);
        check(what, &bytes, &expect);
    }
}

#[test]
fn cut_off_anywhere() {
    let whole = sif(&plain(), 8);
    for len in (0..whole.len()).step_by(37).chain([whole.len() - 1]) {
        let error = read(&whole[..len]).unwrap_err();
        assert!(!matches!(error, MetadataError::Io(_)), "{len}: {error}");
    }
}
