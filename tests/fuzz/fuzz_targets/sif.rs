//! A SIF's global header and descriptors; the magic is put right, so that no run ends there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use singularity_nginx::image::Metadata;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    bytes.resize(bytes.len().max(128), 0);
    bytes[32..45].copy_from_slice(b"SIF_MAGIC\x0001\0");
    let _ = Metadata::of_bytes(&bytes);
});
