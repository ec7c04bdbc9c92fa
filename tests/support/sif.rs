//! A SIF with nothing in it but what it says of itself: enough for everything but the real runtime.
//!
//! Layout as drawn in `src/image/sif.rs` (the `pkg/sif` documentation of github.com/apptainer/sif); written here anew,
//! so that a mistake of the reader cannot hide behind the same mistake in the writer.

use serde_json::{Value, json};

const TABLE_AT: usize = 4096;
const DATA_AT: usize = 32_768;
const DESCRIPTOR: usize = 585;
pub const DEFINITION: u32 = 0x4001;
/// Data type `JSON.Generic`.
pub const JSON_GENERIC: u32 = 0x4006;
pub const PARTITION: u32 = 0x4004;
pub const SBOM: u32 = 0x4009;
/// Squashfs, the primary system partition, for amd64.
const SQUASHFS_ROOT: &[u8] = b"\x01\0\0\0\x02\0\0\x0002\0";
const OCI_ROOT_INDEX: u32 = 0x400a;
const OCI_BLOB: u32 = 0x400b;
/// Where a descriptor keeps what belongs to its kind: of a partition what it is, of OCI objects the digest.
const EXTRA_AT: usize = 201;

/// An image with these labels.
pub fn with_labels(labels: &[(&str, &str)]) -> Vec<u8> {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    with_attributes(&json!({ "labels": labels }))
}

/// An image with these attributes: labels, apps, runscript, helpfile, deffile, environment. It and its apps have something
/// to run unless `runscript` is null.
pub fn with_attributes(attributes: &Value) -> Vec<u8> {
    let mut attributes = attributes.clone();
    let script = |value: &mut Value| {
        if let Some(members) = value.as_object_mut() {
            members.entry("runscript").or_insert(json!("exec hello"));
        }
    };
    script(&mut attributes);
    attributes
        .get_mut("apps")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|apps| apps.values_mut())
        .for_each(script);
    with_text(json!({ "data": { "attributes": attributes }, "type": "container" }).to_string().as_bytes())
}

/// An image whose `inspect-metadata.json` is this. Its root file system is one by name only: nobody but a runtime needs it.
pub fn with_text(text: &[u8]) -> Vec<u8> {
    let described = Object { kind: JSON_GENERIC, name: "inspect-metadata.json", extra: b"", data: text };
    with_objects(&[described, Object { kind: PARTITION, name: "", extra: SQUASHFS_ROOT, data: b"hsqs" }])
}

/// A SIF in OCI mode with these labels: index, manifest and config, and no layer.
pub fn in_oci_mode(labels: &[(&str, &str)]) -> Vec<u8> {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Labels": labels } }).to_string();
    let manifest = json!({ "config": { "digest": "sha256:c" }, "layers": [] }).to_string();
    let index = json!({ "manifests": [{ "digest": "sha256:b" }] }).to_string();
    let object = |kind, digest: &'static str, data| Object { kind, name: "", extra: digest.as_bytes(), data };
    with_objects(&[
        object(OCI_ROOT_INDEX, "sha256:a", index.as_bytes()),
        object(OCI_BLOB, "sha256:b", manifest.as_bytes()),
        object(OCI_BLOB, "sha256:c", config.as_bytes()),
    ])
}

/// A data object of a SIF.
#[derive(Clone)]
pub struct Object<'a> {
    pub kind: u32,
    pub name: &'a str,
    /// What belongs to its kind.
    pub extra: &'a [u8],
    pub data: &'a [u8],
}

/// A SIF of these objects.
pub fn with_objects(objects: &[Object<'_>]) -> Vec<u8> {
    let mut file = header(objects.len(), objects.iter().map(|object| object.data.len()).sum());
    file.resize(TABLE_AT, 0);
    let mut at = DATA_AT;
    for (number, object) in objects.iter().enumerate() {
        file.extend(descriptor(number, object, at));
        at += object.data.len();
    }
    file.resize(DATA_AT, 0);
    file.extend(objects.iter().flat_map(|object| object.data));
    file
}

fn header(count: usize, size: usize) -> Vec<u8> {
    let mut header = b"#!/usr/bin/env run-singularity\n".to_vec();
    header.resize(32, 0);
    header.extend(b"SIF_MAGIC\0");
    header.extend(b"01\0");
    header.extend(b"02\0"); // amd64
    header.extend([7; 16]); // unique id
    let times = [1_700_000_000, 1_700_000_000];
    let table = [0, count, TABLE_AT, count * DESCRIPTOR];
    let data = [DATA_AT, size];
    for number in times.iter().chain(&table).chain(&data) {
        header.extend((*number as u64).to_le_bytes());
    }
    header
}

fn descriptor(number: usize, object: &Object<'_>, at: usize) -> Vec<u8> {
    let mut record = object.kind.to_le_bytes().to_vec();
    record.push(1); // used
    for word in [number as u32 + 1, 0xf000_0001, 0] {
        record.extend(word.to_le_bytes());
    }
    let size = object.data.len();
    for number in [at, size, size, 0, 0, 0, 0] {
        record.extend((number as u64).to_le_bytes());
    }
    record.extend(object.name.as_bytes());
    record.resize(EXTRA_AT, 0);
    record.extend(object.extra);
    record.resize(DESCRIPTOR, 0);
    record
}
