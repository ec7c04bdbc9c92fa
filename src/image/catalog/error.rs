//! Why the data folder, a folder in it, or an image cannot be opened.
//!
//! In: what the system says. Out: [`CatalogError`], [`FindError`]. Never: names a path.

use rustix::io::Errno;

use super::super::confine;
use super::super::name::FolderName;

/// Why the data folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Nothing is there.
    #[error("the data folder does not exist; create it, or correct `data` in the configuration")]
    Missing,
    /// Something else is there.
    #[error("`data` in the configuration does not name a folder")]
    NotAFolder,
    /// The account may not read it.
    #[error("this account may not read the data folder; give it the rights r-x")]
    Denied,
    /// The system says something else.
    #[error("the data folder could not be read: {0}")]
    Io(std::io::Error),
    /// A folder in it cannot be read.
    #[error("{0}")]
    Inner(FindError),
}

impl From<std::io::Error> for CatalogError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            std::io::ErrorKind::NotADirectory => Self::NotAFolder,
            std::io::ErrorKind::PermissionDenied => Self::Denied,
            _ => Self::Io(error),
        }
    }
}

impl From<Errno> for CatalogError {
    fn from(error: Errno) -> Self {
        std::io::Error::from(error).into()
    }
}

/// Why one image cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// No image of that name, or something that is not an image, or a link that leads out.
    #[error("there is no image of this name")]
    NotFound,
    /// A folder, not an image.
    #[error("this is a folder, not an image; name an image in it")]
    Folder(FolderName),
    /// The image has no app of this name.
    #[error("the image has no such app")]
    NoApp,
    /// It is there, but this account may not read it.
    #[error("this account may not read the image; its owner can allow it with chmod a+r")]
    Denied,
    /// The system says something else.
    #[error("the image could not be opened: {0}")]
    Io(std::io::Error),
}

impl From<Errno> for FindError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::ACCESS | Errno::PERM => Self::Denied,
            error if confine::is_nothing(error) => Self::NotFound,
            other => Self::Io(other.into()),
        }
    }
}
