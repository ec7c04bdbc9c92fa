//! What a folder holds, as plain values: images, folders, and what is not served.
//!
//! Never: opens anything.

use super::super::name::{FolderName, ImageName, NameError};

/// One image, as far as the folder tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// Its name.
    pub name: ImageName,
    /// Whether it is a sandbox directory.
    pub directory: bool,
    /// Of a link: the path of what it leads to, below the data folder.
    pub leads_to: Option<String>,
}

/// Something that wants to be an image or a folder and is not served, for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name, made harmless: control characters and bytes that are not UTF-8 escaped, bounded.
    pub shown: String,
    /// Why.
    pub why: Refusal,
}

/// Why something that wants to be an image or a folder is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its name is not one that a URL can carry.
    #[error("{0}")]
    Name(#[from] NameError),
    /// The name is not UTF-8.
    #[error("the name is not UTF-8; rename it")]
    NotUtf8,
    /// A symbolic link that leaves the folder.
    #[error(
        "a link that leads out of the data folder (absolute links do, too); move the image here or use a relative link inside"
    )]
    LeadsOut,
    /// A symbolic link to nothing, or in a circle.
    #[error("it is a link that leads nowhere; remove it")]
    Dangling,
    /// A FIFO, socket or device.
    #[error("it is neither a file nor a directory; remove it")]
    Special,
    /// A symbolic link to a folder.
    #[error("it is a link to a folder, and such links are not followed; move the folder here")]
    FolderLink,
    /// A sandbox whose name has the ending of something else.
    #[error("its name has an ending that no image has (`.txt`, `.old`, `~`, …); rename it")]
    Never,
    /// A directory with an image's extension that is no sandbox.
    #[error("it is a directory without `.singularity.d`; build it with `apptainer build --sandbox`")]
    NotASandbox,
    /// The account may not look at it.
    #[error("this account may not read it; its owner can allow it with chmod a+rX")]
    Denied,
    /// It cannot be looked at for another reason.
    #[error("it could not be read; check the disk")]
    Unreadable,
}

/// What a folder holds, or all folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The images, by name.
    pub images: Vec<CatalogEntry>,
    /// The folders, by name.
    pub folders: Vec<FolderName>,
    /// What wants to be an image or a folder and is not served, by name.
    pub refused: Vec<Refused>,
    /// Whether there is more than is looked at.
    pub cut: bool,
}

impl Listing {
    pub(super) fn sort(&mut self) {
        self.images.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        self.folders.sort_unstable();
        self.refused.sort_unstable_by(|a, b| a.shown.cmp(&b.shown));
    }
}
