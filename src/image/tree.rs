//! A file system inside an image, and the one path by which metadata comes out of it.
//!
//! In: anything that can look up a name, follow no link, and read a file. Out: labels, runscript, help, definition
//! file and SCIF apps.
//! Never: follows a link out of the image, follows more links than `steps` allows, or reads more than a bound says.
//! Places: `/.singularity.d` (since release 2.3; before it `/.singularity` and `/singularity`); apps as
//! <https://sci-f.github.io> has them, `/scif/apps/NAME/scif`.

use super::error::{ImagePart, MetadataError};
use super::json;
use super::metadata::{App, MAX_APPS, MAX_TEXT, Metadata, Note};
use super::name::AppName;
use super::steps::{Step, Steps};

/// Longest target of a link, as Linux has it.
pub(super) const MAX_TARGET: usize = 4096;
/// Most entries looked at where apps are listed; far more than [`MAX_APPS`], since some may be no apps.
const MAX_LISTED: usize = 1024;
/// Most scripts looked at that set an image's environment; there are four to six.
const MAX_ENVIRONMENT: usize = 64;
/// Largest directory searched, in bytes: some 30,000 names.
pub(super) const MAX_DIRECTORY: u64 = 1024 * 1024;

/// Files by absolute path, links followed as inside a container.
pub(super) trait FileSystem {
    /// The whole file; nothing when there is no such regular file.
    fn read(&mut self, path: &str, bound: usize, part: ImagePart) -> Result<Option<Vec<u8>>, MetadataError>;

    /// Names in a directory, `most` at most, in any order; nothing when there is no such directory.
    fn list(&mut self, path: &str, most: usize) -> Result<Option<Vec<Vec<u8>>>, MetadataError>;
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileType {
    File,
    Directory,
    Link,
    Other,
}

/// A file system one step at a time; following links is [`FileSystem`]'s, the same for all.
pub(super) trait Tree {
    type Node;
    fn root(&mut self) -> Result<Self::Node, MetadataError>;
    fn kind(&self, node: &Self::Node) -> FileType;
    /// What a directory has under this name.
    fn child(&mut self, folder: &Self::Node, name: &[u8]) -> Result<Option<Self::Node>, MetadataError>;
    /// Where a link leads, at most [`MAX_TARGET`] bytes.
    fn target(&mut self, link: &Self::Node) -> Result<Vec<u8>, MetadataError>;
    /// A regular file's bytes.
    fn content(&mut self, file: &Self::Node, bound: usize, part: ImagePart) -> Result<Vec<u8>, MetadataError>;
    /// A directory's names.
    fn names(&mut self, folder: &Self::Node, most: usize) -> Result<Vec<Vec<u8>>, MetadataError>;
}

impl<T: Tree> FileSystem for T {
    fn read(&mut self, path: &str, bound: usize, part: ImagePart) -> Result<Option<Vec<u8>>, MetadataError> {
        match resolve(self, path)? {
            Some(node) if self.kind(&node) == FileType::File => self.content(&node, bound, part).map(Some),
            _ => Ok(None),
        }
    }

    fn list(&mut self, path: &str, most: usize) -> Result<Option<Vec<Vec<u8>>>, MetadataError> {
        match resolve(self, path)? {
            Some(node) if self.kind(&node) == FileType::Directory => self.names(&node, most).map(Some),
            _ => Ok(None),
        }
    }
}

/// Walks a path; `..` at the root stays there, a circle of links is nothing.
fn resolve<T: Tree>(tree: &mut T, path: &str) -> Result<Option<T::Node>, MetadataError> {
    let mut above = Vec::new();
    let mut here = tree.root()?;
    // it begins at the root anyway
    let Ok(mut steps) = Steps::of(path.trim_start_matches('/').as_bytes()) else { return Ok(None) };
    while let Some(step) = steps.next() {
        if tree.kind(&here) != FileType::Directory {
            return Ok(None);
        }
        let name = match step {
            Step::Root => {
                above.clear();
                here = tree.root()?;
                continue;
            }
            Step::Up => {
                here = above.pop().unwrap_or(here);
                continue;
            }
            Step::Name(name) => name,
        };
        let Some(found) = tree.child(&here, &name)? else { return Ok(None) };
        if tree.kind(&found) != FileType::Link {
            above.push(std::mem::replace(&mut here, found));
        } else if steps.follow(&tree.target(&found)?).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(here))
}

/// Fills in what the file system says. Labels that cannot be read are an error; another part that cannot is noted.
/// What `metadata` has already stays.
pub(super) fn describe(files: &mut dyn FileSystem, metadata: &mut Metadata) -> Result<(), MetadataError> {
    if metadata.labels.is_empty() {
        let labels = match files.read("/.singularity.d/labels.json", MAX_TEXT, ImagePart::Labels)? {
            Some(bytes) => Some(bytes),
            None => files.read("/.singularity/labels.json", MAX_TEXT, ImagePart::Labels)?,
        };
        if let Some(bytes) = labels {
            metadata.labels = json::labels(&bytes)?;
        }
    }
    let places = ["/.singularity.d/runscript", "/.singularity/runscript", "/singularity"];
    metadata.runscript = places.iter().find_map(|place| text(files, metadata, place, ImagePart::Runscript));
    metadata.help = text(files, metadata, "/.singularity.d/runscript.help", ImagePart::Help);
    if metadata.definition.is_none() {
        metadata.definition = text(files, metadata, "/.singularity.d/Singularity", ImagePart::Definition);
    }
    if apps(files, metadata).is_err() {
        metadata.note(Note::Unread(ImagePart::Apps));
    }
    Ok(())
}

/// Whether the scripts that set an image's environment speak of a locale.
pub(super) fn sets_locale(files: &mut dyn FileSystem) -> Result<bool, MetadataError> {
    const FOLDER: &str = "/.singularity.d/env";
    const VARIABLES: [&[u8]; 3] = [b"LANG=", b"LC_ALL=", b"LC_CTYPE="];
    let mut places = vec!["/.singularity/environment".to_owned(), "/environment".to_owned()];
    for name in files.list(FOLDER, MAX_ENVIRONMENT)?.unwrap_or_default() {
        places.extend(std::str::from_utf8(&name).map(|name| format!("{FOLDER}/{name}")));
    }
    for place in places {
        let script = files.read(&place, MAX_TEXT, ImagePart::FileSystem)?.unwrap_or_default();
        if VARIABLES.iter().any(|variable| script.windows(variable.len()).any(|window| window == *variable)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A text that may be missing, too long or unreadable without harm to the rest.
fn text(files: &mut dyn FileSystem, metadata: &mut Metadata, path: &str, part: ImagePart) -> Option<String> {
    match files.read(path, MAX_TEXT, part) {
        Ok(bytes) => {
            let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            // Newlines at the end are dropped, as `apptainer inspect` and inspect-metadata.json have it.
            metadata.fitting(part, text.map(|text| text.trim_end_matches('\n').to_owned()))
        }
        Err(MetadataError::TooLarge { part: found, .. }) if found == part => {
            metadata.note(Note::TooLong(part));
            None
        }
        Err(_) => {
            metadata.note(Note::Unread(part));
            None
        }
    }
}

fn apps(files: &mut dyn FileSystem, metadata: &mut Metadata) -> Result<(), MetadataError> {
    let mut names = files.list("/scif/apps", MAX_LISTED)?.unwrap_or_default();
    names.sort_unstable();
    for name in names {
        let Some(name) = std::str::from_utf8(&name).ok().and_then(|name| AppName::parse(name).ok()) else {
            metadata.note(Note::AppName);
            continue;
        };
        let place = format!("/scif/apps/{name}/scif");
        if files.list(&place, 0)?.is_none() {
            continue;
        }
        if metadata.apps.len() >= MAX_APPS {
            metadata.note(Note::MoreApps);
            break;
        }
        let labels = match files.read(&format!("{place}/labels.json"), MAX_TEXT, ImagePart::Labels)? {
            Some(bytes) => json::labels(&bytes)?,
            None => Default::default(),
        };
        let runscript = text(files, metadata, &format!("{place}/runscript"), ImagePart::Runscript);
        let help = text(files, metadata, &format!("{place}/runscript.help"), ImagePart::Help);
        metadata.apps.push(App { name, labels, runscript, help });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
