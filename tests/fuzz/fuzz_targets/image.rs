//! Any bytes as an image: recognition and whatever reader they lead to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use singularity_nginx::image::Metadata;

fuzz_target!(|data: &[u8]| {
    let _ = Metadata::of_bytes(data);
});
