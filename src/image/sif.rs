//! The Singularity Image Format: a table of contents at the front, data objects behind it.
//!
//! In: a window on the whole file. Out: [`Metadata`] from the objects that describe the image.
//! Never: reads a data object that it does not need, nor one larger than its bound.
//! Layout, little-endian and packed, from the `pkg/sif` documentation of github.com/apptainer/sif (`sif.go`,
//! `descriptor.go`); `.oci.sif` kinds from github.com/sylabs/sif:
//!
//! ```text
//! global header, 128 bytes          descriptor, 585 bytes each
//!   0 launch script     32            0 data type           4
//!  32 SIF_MAGIC\0       10            4 used                1
//!  42 version `01\0`     3            5 id                  4
//!  45 architecture       3            9 group id            4
//!  48 unique id         16           13 linked id           4
//!  64 created            8           17 offset              8
//!  72 modified           8           25 size                8
//!  80 descriptors free   8           33 size with padding   8
//!  88 descriptors total  8           41 created, modified  16
//!  96 their offset       8           57 owner, group       16
//! 104 their size         8           73 name              128
//! 112 data offset        8          201 extra             384
//! 120 data size          8
//! ```

use super::ext3::Ext3;
use super::format::{Architecture, Format};
use super::json;
use super::metadata::{MAX_TEXT, Metadata, MetadataError, Note, Part};
use super::oci;
use super::squashfs::Squashfs;
use super::tree::{self, FileSystem};
use super::window::{Fields, Window};

const HEADER: usize = 128;
const DESCRIPTOR: usize = 585;
/// Most descriptors: tools make room for 48; OCI images need one for each layer.
const MAX_DESCRIPTORS: u64 = 1024;
const INSPECT_METADATA: &[u8] = b"inspect-metadata.json";

/// What a data object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Definition,
    Labels,
    Partition {
        file_system: u32,
        role: u32,
        architecture: Option<Architecture>,
    },
    Signature,
    Json,
    OciRootIndex,
    OciBlob,
    /// Environment variables, generic data, SBOM, and kinds of the future.
    Other,
}

/// Squashfs, encrypted squashfs, ext3: the file systems of a partition.
const FS_SQUASH: u32 = 1;
const FS_EXT3: u32 = 2;
const FS_ENCRYPTED: u32 = 5;
/// The partition that holds the image's root.
const ROLE_PRIMARY: u32 = 2;

/// One entry of the table that is in use.
pub(super) struct Descriptor<'a> {
    pub(super) kind: Kind,
    name: Vec<u8>,
    /// For OCI objects their digest, as text.
    pub(super) extra: Vec<u8>,
    pub(super) data: Window<'a>,
}

/// A SIF whose header and table are within bounds.
pub(super) struct Sif<'a> {
    architecture: Option<Architecture>,
    pub(super) descriptors: Vec<Descriptor<'a>>,
}

/// Reads a SIF's metadata.
pub(super) fn read(window: &Window<'_>) -> Result<Metadata, MetadataError> {
    let sif = Sif::open(window)?;
    let oci = sif.find(|kind| kind == Kind::OciRootIndex).is_some();
    let mut metadata = Metadata::new(if oci { Format::OciSif } else { Format::Sif });
    metadata.architecture = sif.architecture;
    if sif.find(|kind| kind == Kind::Signature).is_some() {
        metadata.note(Note::Signed);
    }
    if let Some(Kind::Partition { file_system, architecture, .. }) = sif.primary().map(|found| found.kind) {
        metadata.architecture = architecture.or(metadata.architecture);
        if file_system == FS_ENCRYPTED {
            metadata.note(Note::Encrypted);
        }
    }
    let described = sif.descriptors.iter().find(|found| found.kind == Kind::Json && found.name == INSPECT_METADATA);
    if let Some(object) = described {
        let bytes = object.bytes(json::MAX_DOCUMENT, Part::InspectMetadata)?;
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

impl<'a> Sif<'a> {
    /// Checks the header and reads the table.
    pub(super) fn open(window: &Window<'a>) -> Result<Self, MetadataError> {
        let bytes = window.bytes(0, HEADER, Part::Header)?;
        let header = Fields::new(&bytes, Part::Header);
        match header.slice(42, 3)? {
            b"01\0" => {}
            [b'0'..=b'9', b'0'..=b'9', 0] => {
                return Err(MetadataError::unsupported("a SIF of a version that this program does not know"));
            }
            _ => {
                return Err(MetadataError::corrupt(Part::Header, "the version is not a number"));
            }
        }
        let (free, total, offset) = (header.u64(80)?, header.u64(88)?, header.u64(96)?);
        if total > MAX_DESCRIPTORS {
            return Err(MetadataError::TooLarge {
                part: Part::Descriptors,
                bound: MAX_DESCRIPTORS as usize,
                unit: "descriptors",
            });
        }
        if free > total {
            return Err(MetadataError::corrupt(Part::Header, "more descriptors are free than there are"));
        }
        if offset < HEADER as u64 {
            return Err(MetadataError::corrupt(Part::Header, "the descriptors overlap the header"));
        }
        let table = window.bytes(offset, total as usize * DESCRIPTOR, Part::Descriptors)?;
        let mut descriptors = Vec::new();
        for record in table.chunks_exact(DESCRIPTOR) {
            descriptors.extend(Descriptor::parse(record, window)?);
        }
        Ok(Self { architecture: Architecture::from_sif(header.slice(45, 3)?), descriptors })
    }

    /// The first object of a kind.
    pub(super) fn find(&self, wanted: impl Fn(Kind) -> bool) -> Option<&Descriptor<'a>> {
        self.descriptors.iter().find(|found| wanted(found.kind))
    }

    /// The partition that holds the image's root.
    pub(super) fn primary(&self) -> Option<&Descriptor<'a>> {
        self.find(|kind| matches!(kind, Kind::Partition { role: ROLE_PRIMARY, .. }))
    }

    /// Older SIFs: labels and definition file may be objects of their own, the rest is in the partition.
    fn read_older(&self, metadata: &mut Metadata) -> Result<(), MetadataError> {
        if let Some(object) = self.find(|kind| kind == Kind::Definition) {
            match object.bytes(MAX_TEXT, Part::Definition) {
                Ok(bytes) => metadata.definition = Some(String::from_utf8_lossy(&bytes).into_owned()),
                Err(MetadataError::TooLarge { .. }) => metadata.note(Note::TooLong(Part::Definition)),
                Err(error) => return Err(error),
            }
        }
        let labels = self.find(|kind| kind == Kind::Labels);
        if let Some(object) = labels {
            metadata.labels = json::labels(&object.bytes(MAX_TEXT, Part::Labels)?)?;
        }
        match self.read_partition(metadata) {
            Err(MetadataError::Encrypted) if labels.is_some() => Ok(()),
            Err(_) if labels.is_some() => {
                metadata.note(Note::Unread(Part::FileSystem));
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
        let missing = || MetadataError::corrupt(Part::Descriptors, "there is no system partition");
        let partition = self.primary().ok_or_else(missing)?;
        match partition.kind {
            Kind::Partition { file_system: FS_SQUASH, .. } => look(&mut Squashfs::open(&partition.data)?),
            Kind::Partition { file_system: FS_EXT3, .. } => look(&mut Ext3::open(&partition.data)?),
            Kind::Partition { file_system: FS_ENCRYPTED, .. } => Err(MetadataError::Encrypted),
            _ => Err(MetadataError::unsupported("a SIF whose system partition is neither squashfs nor ext3")),
        }
    }
}

impl<'a> Descriptor<'a> {
    /// One record; nothing when it is not in use.
    fn parse(record: &[u8], window: &Window<'a>) -> Result<Option<Self>, MetadataError> {
        let fields = Fields::new(record, Part::Descriptors);
        if fields.slice(4, 1)? == [0] {
            return Ok(None);
        }
        let extra = fields.slice(201, 384)?;
        let kind = match fields.u32(0)? {
            0x4001 => Kind::Definition,
            0x4003 => Kind::Labels,
            0x4004 => {
                let partition = Fields::new(extra, Part::Descriptors);
                Kind::Partition {
                    file_system: partition.u32(0)?,
                    role: partition.u32(4)?,
                    architecture: Architecture::from_sif(partition.slice(8, 3)?),
                }
            }
            0x4005 => Kind::Signature,
            0x4006 => Kind::Json,
            0x400a => Kind::OciRootIndex,
            0x400b => Kind::OciBlob,
            _ => Kind::Other,
        };
        let data = window.part(fields.u64(17)?, fields.u64(25)?);
        let cut = || MetadataError::corrupt(Part::Descriptors, "an object lies beyond the end of the file");
        Ok(Some(Self {
            kind,
            name: trimmed(fields.slice(73, 128)?),
            extra: trimmed(extra),
            data: data.ok_or_else(cut)?,
        }))
    }

    /// The whole object.
    pub(super) fn bytes(&self, bound: usize, part: Part) -> Result<Vec<u8>, MetadataError> {
        self.data.bytes(0, MetadataError::within(self.data.len(), bound, part)?, part)
    }
}

/// Bytes up to the first NUL.
fn trimmed(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests;
