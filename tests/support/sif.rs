//! A SIF with nothing in it but what it says of itself: enough for everything but the real runtime.
//!
//! Layout as drawn in `src/image/sif.rs` (the `pkg/sif` documentation of github.com/apptainer/sif); written here anew,
//! so that a mistake of the reader cannot hide behind the same mistake in the writer.

use serde_json::{Value, json};

const TABLE_AT: usize = 4096;
const DATA_AT: usize = 32_768;
const DESCRIPTOR: usize = 585;
/// Data type `JSON.Generic`.
const JSON_GENERIC: u32 = 0x4006;

/// An image with these labels.
pub fn with_labels(labels: &[(&str, &str)]) -> Vec<u8> {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    with_attributes(&json!({ "labels": labels }))
}

/// An image with these attributes: labels, apps, runscript, helpfile, deffile, environment.
pub fn with_attributes(attributes: &Value) -> Vec<u8> {
    with_text(json!({ "data": { "attributes": attributes }, "type": "container" }).to_string().as_bytes())
}

/// An image whose `inspect-metadata.json` is this.
pub fn with_text(text: &[u8]) -> Vec<u8> {
    let mut file = header(text.len());
    file.resize(TABLE_AT, 0);
    file.extend(descriptor(text.len()));
    file.resize(DATA_AT, 0);
    file.extend(text);
    file
}

fn header(size: usize) -> Vec<u8> {
    let mut header = b"#!/usr/bin/env run-singularity\n".to_vec();
    header.resize(32, 0);
    header.extend(b"SIF_MAGIC\0");
    header.extend(b"01\0");
    header.extend(b"02\0"); // amd64
    header.extend([7; 16]); // unique id
    let times = [1_700_000_000, 1_700_000_000];
    let table = [0, 1, TABLE_AT, DESCRIPTOR];
    let data = [DATA_AT, size];
    for number in times.iter().chain(&table).chain(&data) {
        header.extend((*number as u64).to_le_bytes());
    }
    header
}

fn descriptor(size: usize) -> Vec<u8> {
    let mut record = JSON_GENERIC.to_le_bytes().to_vec();
    record.push(1); // used
    for word in [1_u32, 0xf000_0001, 0] {
        record.extend(word.to_le_bytes());
    }
    for number in [DATA_AT, size, size, 0, 0, 0, 0] {
        record.extend((number as u64).to_le_bytes());
    }
    record.extend(b"inspect-metadata.json");
    record.resize(DESCRIPTOR, 0);
    record
}
