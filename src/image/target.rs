//! What can be asked for: an image, or an app in it; and how an address calls it before anybody has looked.
//!
//! In: names, or the text of an address. Out: a [`Target`], or a [`TargetPath`] that [`Catalog::find`](super::Catalog::find)
//! makes one of. Never: touches the file system.

use std::fmt;

use super::name::{AppName, ImageName, MAX_FOLDERS, NameError, check_path};

/// An image, or one of its SCIF apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The image.
    pub image: ImageName,
    /// The app in it.
    pub app: Option<AppName>,
}

impl Target {
    /// The image itself.
    pub fn image(image: &ImageName) -> Target {
        Target { image: image.clone(), app: None }
    }
}

impl fmt::Display for Target {
    /// `hello.sif`, or `hello.sif/app`: in addresses and at a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.app {
            None => write!(f, "{}", self.image),
            Some(app) => write!(f, "{}/{app}", self.image),
        }
    }
}

/// Folders, an image and perhaps an app, as an address has them: `lab/hello.sif/app`. Only the data folder tells which
/// segment is what: the first prefix that is an image ends the image's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPath(String);

impl TargetPath {
    /// The only way to make one of a text.
    ///
    /// # Errors
    /// Says which part of the rule for names a segment breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_path(text, MAX_FOLDERS + 2)?;
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments: at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&Target> for TargetPath {
    fn from(target: &Target) -> Self {
        Self(target.to_string())
    }
}

impl From<&ImageName> for TargetPath {
    fn from(image: &ImageName) -> Self {
        Self(image.to_string())
    }
}
