//! The Singularity Image Format: a table of contents at the front, data objects behind it.
//!
//! In: a window on the whole file. Out: [`Metadata`] from the objects that describe the image.
//! Never: reads a data object that it does not need, nor one larger than its bound.
//! Layout: `table`.

pub(super) mod table;

use self::table::{DataType, Descriptor, Sif};
use super::error::{ImagePart, MetadataError};
use super::ext3::Ext3;
use super::format::Format;
use super::json;
use super::metadata::{MAX_TEXT, Metadata, Note, Root};
use super::obstacle::Runscript;
use super::oci;
use super::squashfs::Squashfs;
use super::tree::{self, FileSystem};
use super::window::Window;

const INSPECT_METADATA: &[u8] = b"inspect-metadata.json";
const OCI_CONFIG: &[u8] = b"oci-config.json";

/// The file systems of a partition: squashfs, ext3, and squashfs encrypted by LUKS and by gocryptfs.
const FS_SQUASH: u32 = 1;
const FS_EXT3: u32 = 2;
const FS_LUKS: u32 = 5;
const FS_GOCRYPTFS: u32 = 6;

/// Reads a SIF's metadata.
pub(super) fn read(window: &Window<'_>) -> Result<Metadata, MetadataError> {
    let sif = Sif::open(window)?;
    let oci = sif.find(|kind| kind == DataType::OciRootIndex).is_some();
    let mut metadata = Metadata::new(if oci { Format::OciSif } else { Format::Sif });
    metadata.architecture = sif.architecture;
    if sif.find(|kind| kind == DataType::Signature).is_some() {
        metadata.note(Note::Signed);
    }
    match sif.primary().map(|found| found.kind) {
        Some(DataType::Partition { file_system, architecture, .. }) => {
            metadata.architecture = architecture.or(metadata.architecture);
            if matches!(file_system, FS_LUKS | FS_GOCRYPTFS) {
                metadata.root = Root::Encrypted;
                metadata.note(Note::Encrypted);
            }
        }
        _ if !oci => metadata.root = Root::Missing,
        _ => {}
    }
    let described = sif.descriptors.iter().find(|found| found.kind == DataType::Json && found.name == INSPECT_METADATA);
    match described.map(|object| sif.read_description(object, &mut metadata)) {
        Some(Ok(())) => Ok(metadata),
        Some(Err(error)) if !oci => {
            // as the runtime does; where that leads nowhere, too, the first error is the one to mend. What keeps the image
            // from being run is known without any of it
            let is_there = metadata.root == Root::There;
            metadata.note(if is_there { Note::Fallback } else { Note::Unread(ImagePart::InspectMetadata) });
            sif.read_older(&mut metadata).map_err(|_| error)?;
            Ok(metadata)
        }
        Some(Err(error)) => Err(error),
        None if oci => oci::read(&sif, &mut metadata).map(|()| metadata),
        None => sif.read_older(&mut metadata).map(|()| metadata),
    }
}

/// Does something with the files of a SIF's root.
pub(super) fn with_files<T>(
    window: &Window<'_>,
    look: impl FnOnce(&mut dyn FileSystem) -> Result<T, MetadataError>,
) -> Result<T, MetadataError> {
    Sif::open(window)?.with_files(look)
}

/// The folder in which an image made from an OCI image would start by that image's own rules.
pub(super) fn working_directory(window: &Window<'_>) -> Result<Option<String>, MetadataError> {
    let sif = Sif::open(window)?;
    let config = sif.descriptors.iter().find(|found| found.kind == DataType::Json && found.name == OCI_CONFIG);
    match config {
        Some(object) => oci::working_directory(&object.bytes(json::MAX_DOCUMENT, ImagePart::Oci)?),
        None => Ok(None),
    }
}

impl Sif<'_> {
    /// What `inspect-metadata.json` says; of a runscript that it does not tell, what the partition says.
    fn read_description(&self, object: &Descriptor<'_>, metadata: &mut Metadata) -> Result<(), MetadataError> {
        let bytes = object.bytes(json::MAX_DOCUMENT, ImagePart::InspectMetadata)?;
        let before = metadata.clone();
        json::inspect_metadata(&bytes, metadata).inspect_err(|_| *metadata = before)?;
        let untold = metadata.script == Runscript::Missing && metadata.runscript.is_none();
        if untold && metadata.root == Root::There && metadata.format == Format::Sif {
            // what cannot be read changes nothing
            let _ = self.with_files(|files| {
                tree::runscript(files, metadata);
                Ok(())
            });
        }
        Ok(())
    }

    /// Older SIFs: labels and definition file may be objects of their own, the rest is in the partition.
    fn read_older(&self, metadata: &mut Metadata) -> Result<(), MetadataError> {
        if let Some(object) = self.find(|kind| kind == DataType::Definition) {
            match object.bytes(MAX_TEXT, ImagePart::Definition) {
                Ok(bytes) => metadata.definition = Some(String::from_utf8_lossy(&bytes).into_owned()),
                Err(MetadataError::TooLarge { .. }) => metadata.note(Note::TooLong(ImagePart::Definition)),
                Err(error) => return Err(error),
            }
        }
        let labels = self.find(|kind| kind == DataType::Labels);
        if let Some(object) = labels {
            metadata.labels = json::labels(&object.bytes(MAX_TEXT, ImagePart::Labels)?)?;
        }
        if metadata.root != Root::There {
            return Ok(());
        }
        match self.read_partition(metadata) {
            Err(_) if labels.is_some() => {
                metadata.note(Note::Unread(ImagePart::FileSystem));
                Ok(())
            }
            answer => answer,
        }
    }

    fn read_partition(&self, metadata: &mut Metadata) -> Result<(), MetadataError> {
        self.with_files(|files| tree::describe(files, metadata))
    }

    /// Does something with the files of the image's root.
    fn with_files<T>(
        &self,
        look: impl FnOnce(&mut dyn FileSystem) -> Result<T, MetadataError>,
    ) -> Result<T, MetadataError> {
        let missing = || MetadataError::corrupt(ImagePart::Descriptors, "there is no system partition");
        let partition = self.primary().ok_or_else(missing)?;
        match partition.kind {
            DataType::Partition { file_system: FS_SQUASH, .. } => look(&mut Squashfs::open(&partition.data)?),
            DataType::Partition { file_system: FS_EXT3, .. } => look(&mut Ext3::open(&partition.data)?),
            DataType::Partition { file_system: FS_LUKS | FS_GOCRYPTFS, .. } => Err(MetadataError::Encrypted),
            _ => Err(MetadataError::unsupported("a SIF whose system partition is neither squashfs nor ext3")),
        }
    }
}

#[cfg(test)]
mod tests;
