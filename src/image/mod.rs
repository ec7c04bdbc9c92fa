//! What is in the data folder: images by name, and what each says of itself.
//!
//! In: the folder's path and names that [`ImageName`] let through. Out: a [`Listing`], an open [`Image`], its
//! [`Metadata`]: labels, apps, help, runscript, whatever the format.
//! Never: knows HTTP, starts a process, writes, keeps anything between calls, follows a link out of the folder or out
//! of an image, or returns the value of an environment variable.
//!
//! ```text
//! Catalog ─ list ──▶ Listing                     names; opened only where a name says nothing
//!    └─ find, image ▶ Image ─ metadata ─▶ Metadata
//!                                 │ recognised by content
//!                                 ├─ sif ── inspect-metadata.json, descriptors, oci, or the partition inside
//!                                 └─ a file system inside: squashfs, ext3, sandbox ── one path through tree
//! ```
//!
//! Every count, length, depth and offset that comes from a file is bounded where it is read; the bounds on what is
//! handed out stand in `metadata`.

mod access;
mod catalog;
mod confine;
mod error;
mod ext3;
mod extension;
mod format;
mod json;
mod labels;
mod metadata;
mod name;
mod not_run;
mod obstacle;
mod oci;
mod opened;
mod read;
mod sandbox;
mod shell;
mod sif;
mod squashfs;
mod steps;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod window;

pub use catalog::{Catalog, CatalogEntry, CatalogError, FindError, Found, Listing, Refusal, Refused};
pub use error::{ImagePart, MetadataError};
pub use extension::{EXTENSIONS, NEVER};
pub use format::{Architecture, Format};
pub use labels::{Labels, MAX_LABELS};
pub use metadata::{App, MAX_APPS, MAX_TEXT, Metadata, Note, first_line, summary};
pub use name::{AppName, FolderName, ImageName, MAX_APP_NAME, MAX_FOLDERS, MAX_IMAGE_NAME, NameError, RESERVED};
pub use not_run::NotRun;
pub use obstacle::Obstacle;
pub use opened::{Distrust, Image};
pub use shell::is_shell;
pub use target::{Target, TargetPath};
