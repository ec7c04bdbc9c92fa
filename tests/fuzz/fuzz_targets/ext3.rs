//! ext3: the magic is put right; everything else is the input's.

#![no_main]

use libfuzzer_sys::fuzz_target;
use singularity_nginx::image::Metadata;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    bytes.resize(bytes.len().max(2048), 0);
    bytes[1080..1082].copy_from_slice(&[0x53, 0xef]);
    let _ = Metadata::of_bytes(&bytes);
});
