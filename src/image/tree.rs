//! A file system inside an image, and the one path by which metadata comes out of it.
//!
//! In: anything that can look up a name, follow no link, and read a file. Out: labels, runscript, help, definition
//! file and SCIF apps.
//! Never: follows a link out of the image, follows more links than `steps` allows, or reads more than a bound says.
//! Places: `/.singularity.d` (since release 2.3; before it `/.singularity` and `/singularity`); apps as
//! <https://sci-f.github.io> has them, `/scif/apps/NAME/scif`.

use super::access::{EXECUTE, Ownership, READ_AND_EXECUTE, grants_everybody};
use super::error::{ImagePart, MetadataError};
use super::json;
use super::metadata::{App, MAX_APPS, MAX_TEXT, Metadata, Note};
use super::name::AppName;
use super::obstacle::Runscript;
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

    /// Whether the account that serves may read and execute a file; nothing when there is no such regular file.
    fn may_execute(&mut self, path: &str) -> Result<Option<bool>, MetadataError>;

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
    /// What is allowed to whom.
    fn mode(&mut self, node: &Self::Node) -> Result<u32, MetadataError>;
    /// Whose a node is, and its mode.
    fn ownership(&mut self, node: &Self::Node) -> Result<Ownership, MetadataError>;
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

    fn may_execute(&mut self, path: &str) -> Result<Option<bool>, MetadataError> {
        let mut reachable = true;
        let look = |tree: &mut T, folder: &T::Node| {
            reachable = reachable && grants(tree, folder, EXECUTE)?;
            Ok(())
        };
        match walk(self, path, look)? {
            Some(node) if self.kind(&node) == FileType::File => {
                Ok(Some(reachable && grants(self, &node, READ_AND_EXECUTE)?))
            }
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

/// Whether the account that serves may do what is wanted.
fn grants<T: Tree>(tree: &mut T, node: &T::Node, wanted: u32) -> Result<bool, MetadataError> {
    Ok(grants_everybody(tree.mode(node)?, wanted) || tree.ownership(node)?.grants(wanted))
}

fn resolve<T: Tree>(tree: &mut T, path: &str) -> Result<Option<T::Node>, MetadataError> {
    walk(tree, path, |_, _| Ok(()))
}

/// Walks a path, and shows each folder below the root on it (a runtime puts a root of its own over the image's); `..` at the
/// root stays there, a circle of links is nothing.
fn walk<T: Tree>(
    tree: &mut T,
    path: &str,
    mut look: impl FnMut(&mut T, &T::Node) -> Result<(), MetadataError>,
) -> Result<Option<T::Node>, MetadataError> {
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
        if !above.is_empty() {
            look(tree, &here)?;
        }
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
    runscript(files, metadata);
    metadata.help = optional(files, metadata, "/.singularity.d/runscript.help", ImagePart::Help);
    if metadata.definition.is_none() {
        metadata.definition = optional(files, metadata, "/.singularity.d/Singularity", ImagePart::Definition);
    }
    if apps(files, metadata).is_err() {
        metadata.note(Note::Unread(ImagePart::Apps));
    }
    Ok(())
}

/// Where a runscript may be: now, and before release 2.3.
const RUNSCRIPTS: [&str; 3] = ["/.singularity.d/runscript", "/.singularity/runscript", "/singularity"];

/// The runscript of an image.
pub(super) fn runscript(files: &mut dyn FileSystem, metadata: &mut Metadata) {
    for place in RUNSCRIPTS {
        (metadata.runscript, metadata.script) = script(files, metadata, place);
        if metadata.script != Runscript::Missing {
            break;
        }
    }
}

/// A runscript, and whether it may be executed. One that cannot be read is there all the same.
fn script(files: &mut dyn FileSystem, metadata: &mut Metadata, place: &str) -> (Option<String>, Runscript) {
    match files.may_execute(place) {
        Ok(None) => return (None, Runscript::Missing),
        // what it says may not be known, and does not matter
        Ok(Some(false)) => {
            let text = files.read(place, MAX_TEXT, ImagePart::Runscript).ok().flatten().map(trimmed);
            return (text, Runscript::Forbidden);
        }
        Ok(Some(true)) | Err(_) => {}
    }
    match text(files, metadata, place, ImagePart::Runscript) {
        Ok(text) if Runscript::of(text.as_deref()) == Runscript::Missing => (text, Runscript::Missing),
        Ok(text) => (text, Runscript::There),
        Err(Noted) => (None, Runscript::There),
    }
}

/// Whether the runscript of the image, or of an app, may be executed; nothing where there is none.
pub(super) fn may_execute_runscript(
    files: &mut dyn FileSystem,
    app: Option<&AppName>,
) -> Result<Option<bool>, MetadataError> {
    match app {
        Some(app) => files.may_execute(&format!("/scif/apps/{app}/scif/runscript")),
        None => files.may_execute(RUNSCRIPTS[0]),
    }
}

/// The scripts that nobody runs here, for who wants to know all.
pub(super) fn other_scripts(files: &mut dyn FileSystem, metadata: &mut Metadata) {
    metadata.startscript = optional(files, metadata, "/.singularity.d/startscript", ImagePart::Startscript);
    metadata.test = optional(files, metadata, "/.singularity.d/test", ImagePart::Test);
    let mut apps = std::mem::take(&mut metadata.apps);
    for app in &mut apps {
        app.test = optional(files, metadata, &format!("/scif/apps/{}/scif/test", app.name), ImagePart::Test);
    }
    metadata.apps = apps;
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

/// A text that is there and cannot be told; why is noted.
struct Noted;

/// A text that may be missing, too long or unreadable without harm to the rest.
fn text(
    files: &mut dyn FileSystem,
    metadata: &mut Metadata,
    path: &str,
    part: ImagePart,
) -> Result<Option<String>, Noted> {
    let note = match files.read(path, MAX_TEXT, part) {
        Ok(bytes) => return Ok(metadata.fitting(part, bytes.map(trimmed))),
        Err(MetadataError::TooLarge { part: found, .. }) if found == part => Note::TooLong(part),
        Err(_) => Note::Unread(part),
    };
    metadata.note(note);
    Err(Noted)
}

/// The same, for a text of which nothing else depends.
fn optional(files: &mut dyn FileSystem, metadata: &mut Metadata, path: &str, part: ImagePart) -> Option<String> {
    text(files, metadata, path, part).unwrap_or(None)
}

/// Bytes as text. Newlines at the end are dropped, as `apptainer inspect` and inspect-metadata.json have it.
fn trimmed(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned()
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
        let (runscript, script) = script(files, metadata, &format!("{place}/runscript"));
        let help = optional(files, metadata, &format!("{place}/runscript.help"), ImagePart::Help);
        metadata.apps.push(App { name, labels, runscript, help, test: None, script });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
