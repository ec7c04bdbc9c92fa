//! The logo's file, looked at for each request.

use std::fs::File;
use std::io::Read;

use super::{Logo, Service};

/// Largest logo in bytes.
const MAX_LOGO: u64 = 256 * 1024;

impl Service {
    /// The logo, where there is one that can be shown.
    pub fn logo(&self) -> Option<Logo> {
        let mut bytes = Vec::new();
        let path = self.config.brand.logo.as_ref().filter(|path| path.is_file())?;
        File::open(path).ok()?.take(MAX_LOGO + 1).read_to_end(&mut bytes).ok()?;
        let media = media(&bytes).filter(|_| bytes.len() as u64 <= MAX_LOGO)?;
        Some(Logo { media, bytes })
    }
}

/// What the bytes are, whatever the file is called.
fn media(bytes: &[u8]) -> Option<&'static str> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    let svg = || std::str::from_utf8(bytes).is_ok_and(|text| text.contains("<svg"));
    match () {
        () if begins(b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        () if begins(b"\xff\xd8\xff") => Some("image/jpeg"),
        () if begins(b"GIF8") => Some("image/gif"),
        () if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => Some("image/webp"),
        () if svg() => Some("image/svg+xml"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_what_its_bytes_are() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"<?xml version='1.0'?><svg xmlns='x'/>", Some("image/svg+xml")),
            (b"<html><script>", None),
            (b"", None),
        ] {
            assert_eq!(media(bytes), expected);
        }
    }
}
