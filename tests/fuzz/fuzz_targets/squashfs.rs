//! squashfs: magic, version and sizes are put right, so that runs reach inodes, directories and packed blocks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use singularity_nginx::image::Metadata;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    bytes.resize(bytes.len().max(96), 0);
    let len = bytes.len() as u64;
    bytes[..4].copy_from_slice(b"hsqs");
    bytes[12..16].copy_from_slice(&131_072_u32.to_le_bytes());
    bytes[22..24].copy_from_slice(&17_u16.to_le_bytes());
    bytes[28..32].copy_from_slice(&[4, 0, 0, 0]);
    bytes[40..48].copy_from_slice(&len.to_le_bytes());
    let _ = Metadata::of_bytes(&bytes);
});
