//! The data folder as it may be seen: the one place where images and folders are listed and looked up.
//!
//! In: names and paths. Out: listings, open images. Lists, search, totals, `random`, descriptions, numbers and every
//! address come through here, so that what is kept from somebody is kept everywhere.
//! Never: remembers anything.

use std::path::Path;
use std::time::SystemTime;

use crate::error::Error;
use crate::image::{Catalog, CatalogError, FindError, FolderName, Found, Image, ImageName, Listing, TargetPath};

/// The data folder, opened for one request.
pub(super) struct FolderView {
    catalog: Catalog,
}

impl FolderView {
    /// Opens the data folder.
    pub fn open(data: &Path) -> Result<FolderView, Error> {
        Ok(FolderView { catalog: Catalog::open(data)? })
    }

    /// What one folder holds.
    pub fn list(&self, folder: &FolderName) -> Result<Listing, Error> {
        self.catalog.list(folder).map_err(no_folder)
    }

    /// What a folder and all folders in it hold, within a bound.
    pub fn list_all(&self, folder: &FolderName) -> Result<Listing, Error> {
        self.catalog.list_all(folder).map_err(no_folder)
    }

    /// What a path leads to.
    pub fn find(&self, path: &TargetPath) -> Result<Found, FindError> {
        self.catalog.find(path)
    }

    /// One image.
    pub fn image(&self, name: &ImageName) -> Result<Image, FindError> {
        self.catalog.image(name)
    }

    /// Size and date of an image that may not be opened.
    pub fn metadata(&self, name: &ImageName) -> Option<(u64, SystemTime)> {
        self.catalog.metadata(name)
    }

    /// Whether others could change what the data folder holds.
    pub fn trust(&self) -> Result<(), Error> {
        Ok(self.catalog.trust()?)
    }
}

/// A folder that is not there has no address. One that may not be read is told to the administrator alone.
fn no_folder(error: CatalogError) -> Error {
    match error {
        CatalogError::Inner(FindError::NotFound | FindError::Denied) => Error::NoRoute,
        other => other.into(),
    }
}
