//! The data folder as it may be seen: the one place where images and folders are listed and looked up.
//!
//! In: names and paths. Out: listings, open images. Lists, search, totals, `random`, descriptions, numbers and every
//! address come through here, so that what is kept from somebody is kept everywhere: what may not be seen is not there,
//! in the same words and errors. A link is seen where both it and what it leads to may be; a folder where something in it
//! may be.
//! Never: remembers anything, or looks at the disk for what no rule lets anybody see.

use std::path::Path;
use std::time::SystemTime;

use crate::auth::Rights;
use crate::error::Error;
use crate::image::{
    Catalog, CatalogEntry, CatalogError, FindError, FolderName, Found, Image, ImageName, Listing, TargetPath,
};

/// The data folder, opened for one request of one principal.
pub(super) struct FolderView<'a> {
    catalog: Catalog,
    rights: Rights<'a>,
}

impl<'a> FolderView<'a> {
    /// Opens the data folder.
    pub fn open(data: &Path, rights: Rights<'a>) -> Result<FolderView<'a>, Error> {
        Ok(FolderView { catalog: Catalog::open(data)?, rights })
    }

    /// What one folder holds.
    pub fn list(&self, folder: &FolderName) -> Result<Listing, Error> {
        if self.rights.are_unbound() {
            return self.catalog.list(folder).map_err(no_folder);
        }
        let mut all = self.list_all(folder)?;
        let within = |name: &str| name.rsplit_once('/').map_or("", |(folder, _)| folder) == folder.as_str();
        all.images.retain(|entry| within(entry.name.as_str()));
        all.folders.retain(|inner| inner.parent().as_ref() == Some(folder));
        Ok(all)
    }

    /// What a folder and all folders in it hold, within a bound.
    pub fn list_all(&self, folder: &FolderName) -> Result<Listing, Error> {
        if !self.rights.are_unbound() && !folder.is_top() && !self.rights.reach_below(folder.as_str()) {
            return Err(Error::NoRoute);
        }
        let mut all = self.catalog.list_all(folder).map_err(no_folder)?;
        if self.rights.are_unbound() {
            return Ok(all);
        }
        all.images.retain(|entry| self.shows(entry));
        all.refused.retain(|refused| self.rights.sees(&refused.shown));
        // images are sorted by their paths, so those of a folder stand together
        let holds = |folder: &FolderName| {
            let begin = format!("{folder}/");
            let at = all.images.partition_point(|entry| entry.name.as_str() < begin.as_str());
            all.images.get(at).is_some_and(|entry| entry.name.as_str().starts_with(&begin))
        };
        all.folders.retain(holds);
        if all.images.is_empty() && !folder.is_top() { Err(Error::NoRoute) } else { Ok(all) }
    }

    fn shows(&self, entry: &CatalogEntry) -> bool {
        self.sees(entry.name.as_str(), entry.leads_to.as_deref())
    }

    /// Whether an image may be seen: its address, and that of what a link leads to.
    fn sees(&self, name: &str, leads_to: Option<&str>) -> bool {
        self.rights.sees(name) && address_of(leads_to).is_none_or(|other| self.rights.sees(other))
    }

    /// What a path leads to.
    pub fn find(&self, path: &TargetPath) -> Result<Found, FindError> {
        if self.rights.are_unbound() {
            return self.catalog.find(path);
        }
        let text = path.as_str();
        let ends = text.match_indices('/').map(|(at, _)| at).chain([text.len()]);
        let prefixes: Vec<&str> = ends.filter_map(|end| text.get(..end)).collect();
        // what nobody may see takes as long as what is not there
        if !prefixes.iter().any(|prefix| self.rights.sees(prefix)) && !self.rights.reach_below(text) {
            return Err(FindError::NotFound);
        }
        for prefix in &prefixes {
            let parsed = TargetPath::parse(prefix).map_err(|_| FindError::NotFound)?;
            match self.catalog.find(&parsed) {
                Ok(Found::Image(image, _)) if !self.sees(image.name().as_str(), image.leads_to()) => break,
                Ok(Found::Image(image, app)) if *prefix == text => return Ok(Found::Image(image, app)),
                Ok(Found::Image(..)) => return self.catalog.find(path),
                Ok(Found::Folder(folder)) if *prefix == text => {
                    return match self.list_all(&folder) {
                        Ok(_) => Ok(Found::Folder(folder)),
                        Err(_) => Err(FindError::NotFound),
                    };
                }
                Ok(Found::Folder(_)) => {}
                Err(error) if self.rights.sees(prefix) => return Err(error),
                Err(_) => break,
            }
        }
        Err(FindError::NotFound)
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

/// The address of what a link leads to; none where it has none: then nobody could ask for it.
pub(super) fn address_of(leads_to: Option<&str>) -> Option<&str> {
    leads_to.filter(|path| ImageName::parse(path).is_ok())
}
