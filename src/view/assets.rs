//! The embedded stylesheet, script and icon: nginx serves the same files from disk,
//! every other server gets them from here.

use lazy_static::lazy_static;

use crate::http::{Mount, entity_tag};
use crate::routes::{FileName, Route};

/// One embedded file.
pub struct Asset {
    /// Its name.
    pub file: &'static str,
    /// Its media type.
    pub media: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// Names its content: links carry it, so that browsers may keep the file for a year.
    pub hash: String,
}

lazy_static! {
    static ref ASSETS: Vec<Asset> = [
        ("style.css", "text/css; charset=utf-8", &include_bytes!("../../nginx/static/style.css")[..]),
        ("app.js", "text/javascript; charset=utf-8", &include_bytes!("../../nginx/static/app.js")[..]),
        ("icon.svg", "image/svg+xml", &include_bytes!("../../nginx/static/icon.svg")[..]),
    ]
    .into_iter()
    .map(|(file, media, bytes)| {
        let hash = entity_tag(bytes).chars().filter(char::is_ascii_hexdigit).take(16).collect();
        Asset { file, media, bytes, hash }
    })
    .collect();
}

/// The asset of this name.
pub fn find(file: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.file == file)
}

/// The link to an asset, with the hash of its content.
pub fn href(file: &str, mount: &Mount) -> String {
    let link = Route::Static(FileName::of(file)).href(mount);
    match find(file) {
        Some(asset) => format!("{link}?v={}", asset.hash),
        None => link,
    }
}
