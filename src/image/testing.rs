//! Builders of small images for the tests of this room.

/// A data object of a SIF to build.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) kind: u32,
    pub(super) name: &'static str,
    pub(super) extra: Vec<u8>,
    pub(super) data: Vec<u8>,
}

impl Object {
    pub(super) fn new(kind: u32, name: &'static str, data: &[u8]) -> Self {
        Self { kind, name, extra: Vec::new(), data: data.to_vec() }
    }

    /// The primary partition, its file system kind and architecture code as stated.
    pub(super) fn partition(file_system: u32, architecture: &[u8; 3], data: &[u8]) -> Self {
        let extra = [&file_system.to_le_bytes()[..], &2_u32.to_le_bytes(), architecture].concat();
        Self { kind: 0x4004, name: "squashfs-1", extra, data: data.to_vec() }
    }

    pub(super) fn oci(kind: u32, digest: &str, data: &[u8]) -> Self {
        Self { kind, name: "", extra: digest.as_bytes().to_vec(), data: data.to_vec() }
    }

    pub(super) fn inspect_metadata(json: &str) -> Self {
        Self::new(0x4006, "inspect-metadata.json", json.as_bytes())
    }
}

/// Where the builder puts the table and the data.
pub(super) const TABLE_AT: usize = 4096;
pub(super) const ROOM: usize = 48;

/// A SIF of these objects, aligned to `align`.
pub(super) fn sif(objects: &[Object], align: usize) -> Vec<u8> {
    let data_at = (TABLE_AT + ROOM * 585).next_multiple_of(align);
    let mut file = vec![0; data_at];
    let mut table = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        file.resize(file.len().next_multiple_of(align), 0);
        table.extend(descriptor(object, index as u32 + 1, file.len() as u64));
        file.extend(&object.data);
    }
    let numbers = [ROOM - objects.len(), ROOM, TABLE_AT, ROOM * 585, data_at, file.len() - data_at];
    let mut header = b"#!/usr/bin/env run-singularity\n\0SIF_MAGIC\x0001\x0002\0".to_vec();
    header.extend([0xab; 16]);
    header.extend([0; 16]);
    header.extend(numbers.iter().flat_map(|number| (*number as u64).to_le_bytes()));
    file[..header.len()].copy_from_slice(&header);
    file[TABLE_AT..TABLE_AT + table.len()].copy_from_slice(&table);
    file
}

fn descriptor(object: &Object, id: u32, offset: u64) -> Vec<u8> {
    let size = object.data.len() as u64;
    let mut record = object.kind.to_le_bytes().to_vec();
    record.push(1);
    for word in [id, 0xf000_0001, 0] {
        record.extend(word.to_le_bytes());
    }
    for number in [offset, size, size, 1, 1, 0, 0] {
        record.extend(number.to_le_bytes());
    }
    let mut padded = |bytes: &[u8], room: usize| {
        record.extend(bytes);
        record.resize(record.len() + room - bytes.len(), 0);
    };
    padded(object.name.as_bytes(), 128);
    padded(&object.extra, 384);
    record
}

/// An image of the committed corpus (see `tests/images/make`).
pub(super) fn corpus(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/corpus");
    std::fs::read(folder.join(name)).unwrap()
}

/// All its names.
pub(super) fn corpus_names() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/corpus");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort_unstable();
    names
}
