//! JSON out of an image: the input is the one data object of a SIF, as `inspect-metadata.json` or as labels.

#![no_main]

use libfuzzer_sys::fuzz_target;
use singularity_nginx::image::Metadata;

/// Where the object begins: behind the global header and one descriptor.
const DATA_AT: usize = 128 + 585;

fuzz_target!(|data: &[u8]| {
    for (kind, name) in [(0x4006_u32, &b"inspect-metadata.json"[..]), (0x4003, b"labels")] {
        let mut bytes = vec![0; DATA_AT];
        bytes[32..48].copy_from_slice(b"SIF_MAGIC\x0001\x0002\0");
        bytes[88..96].copy_from_slice(&1_u64.to_le_bytes());
        bytes[96..104].copy_from_slice(&128_u64.to_le_bytes());
        bytes[128..132].copy_from_slice(&kind.to_le_bytes());
        bytes[132] = 1;
        bytes[145..153].copy_from_slice(&(DATA_AT as u64).to_le_bytes());
        bytes[153..161].copy_from_slice(&(data.len() as u64).to_le_bytes());
        bytes[201..201 + name.len()].copy_from_slice(name);
        bytes.extend_from_slice(data);
        if let Ok(metadata) = Metadata::of_bytes(&bytes) {
            // What came through is within its bounds.
            assert!(metadata.labels.len() <= singularity_nginx::image::MAX_LABELS);
        }
    }
});
