//! The Singularity Image Format: a table of contents at the front, data objects behind it.
//!
//! In: a window on the whole file. Out: [`Metadata`] from the objects that describe the image.
//! Never: reads a data object that it does not need, nor one larger than its bound.
//! Layout: `table`.

pub(super) mod table;

use self::table::{DataType, Sif};
use super::error::{ImagePart, MetadataError};
use super::ext3::Ext3;
use super::format::Format;
use super::json;
use super::metadata::{MAX_TEXT, Metadata, Note};
use super::oci;
use super::squashfs::Squashfs;
use super::tree::{self, FileSystem};
use super::window::Window;

const INSPECT_METADATA: &[u8] = b"inspect-metadata.json";

/// Squashfs, encrypted squashfs, ext3: the file systems of a partition.
const FS_SQUASH: u32 = 1;
const FS_EXT3: u32 = 2;
const FS_ENCRYPTED: u32 = 5;

/// Reads a SIF's metadata.
pub(super) fn read(window: &Window<'_>) -> Result<Metadata, MetadataError> {
    let sif = Sif::open(window)?;
    let oci = sif.find(|kind| kind == DataType::OciRootIndex).is_some();
    let mut metadata = Metadata::new(if oci { Format::OciSif } else { Format::Sif });
    metadata.architecture = sif.architecture;
    if sif.find(|kind| kind == DataType::Signature).is_some() {
        metadata.note(Note::Signed);
    }
    if let Some(DataType::Partition { file_system, architecture, .. }) = sif.primary().map(|found| found.kind) {
        metadata.architecture = architecture.or(metadata.architecture);
        if file_system == FS_ENCRYPTED {
            metadata.note(Note::Encrypted);
        }
    }
    let described = sif.descriptors.iter().find(|found| found.kind == DataType::Json && found.name == INSPECT_METADATA);
    if let Some(object) = described {
        let bytes = object.bytes(json::MAX_DOCUMENT, ImagePart::InspectMetadata)?;
        json::inspect_metadata(&bytes, &mut metadata)?;
        return Ok(metadata);
    }
    if oci {
        oci::read(&sif, &mut metadata)?;
    } else {
        sif.read_older(&mut metadata)?;
    }
    Ok(metadata)
}

/// Does something with the files of a SIF's root.
pub(super) fn with_files<T>(
    window: &Window<'_>,
    look: impl FnOnce(&mut dyn FileSystem) -> Result<T, MetadataError>,
) -> Result<T, MetadataError> {
    Sif::open(window)?.with_files(look)
}

impl Sif<'_> {
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
        match self.read_partition(metadata) {
            Err(MetadataError::Encrypted) if labels.is_some() => Ok(()),
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
            DataType::Partition { file_system: FS_ENCRYPTED, .. } => Err(MetadataError::Encrypted),
            _ => Err(MetadataError::unsupported("a SIF whose system partition is neither squashfs nor ext3")),
        }
    }
}

#[cfg(test)]
mod tests;
