//! What can be asked for: an image, or an app in it.

use std::fmt;

use super::name::{AppName, ImageName};

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
