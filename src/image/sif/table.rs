//! The table of contents of a SIF.
//!
//! In: a window on the whole file. Out: its header and [`Descriptor`]s, each with a window on its data object.
//! Never: reads a data object before somebody asks for it, nor one larger than its bound.
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

use super::super::error::{ImagePart, MetadataError};
use super::super::format::Architecture;
use super::super::window::{Fields, Window};

const HEADER: usize = 128;
const DESCRIPTOR: usize = 585;
/// Most descriptors: tools make room for 48; OCI images need one for each layer.
const MAX_DESCRIPTORS: u64 = 1024;

/// What a data object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::image) enum DataType {
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

/// The partition that holds the image's root.
const ROLE_PRIMARY: u32 = 2;

/// One entry of the table that is in use.
pub(in crate::image) struct Descriptor<'a> {
    pub(in crate::image) kind: DataType,
    pub(in crate::image) name: Vec<u8>,
    /// For OCI objects their digest, as text.
    pub(in crate::image) extra: Vec<u8>,
    pub(in crate::image) data: Window<'a>,
}

/// A SIF whose header and table are within bounds.
pub(in crate::image) struct Sif<'a> {
    /// As the header has it.
    pub(in crate::image) architecture: Option<Architecture>,
    pub(in crate::image) descriptors: Vec<Descriptor<'a>>,
}

impl<'a> Sif<'a> {
    /// Checks the header and reads the table.
    pub(in crate::image) fn open(window: &Window<'a>) -> Result<Self, MetadataError> {
        let bytes = window.bytes(0, HEADER, ImagePart::Header)?;
        let header = Fields::new(&bytes, ImagePart::Header);
        match header.slice(42, 3)? {
            b"01\0" => {}
            [b'0'..=b'9', b'0'..=b'9', 0] => {
                return Err(MetadataError::unsupported("a SIF of a version that this program does not know"));
            }
            _ => {
                return Err(MetadataError::corrupt(ImagePart::Header, "the version is not a number"));
            }
        }
        let (free, total, offset) = (header.u64(80)?, header.u64(88)?, header.u64(96)?);
        if total > MAX_DESCRIPTORS {
            return Err(MetadataError::TooLarge {
                part: ImagePart::Descriptors,
                bound: MAX_DESCRIPTORS as usize,
                unit: "descriptors",
            });
        }
        if free > total {
            return Err(MetadataError::corrupt(ImagePart::Header, "more descriptors are free than there are"));
        }
        if offset < HEADER as u64 {
            return Err(MetadataError::corrupt(ImagePart::Header, "the descriptors overlap the header"));
        }
        let table = window.bytes(offset, total as usize * DESCRIPTOR, ImagePart::Descriptors)?;
        let mut descriptors = Vec::new();
        for record in table.chunks_exact(DESCRIPTOR) {
            descriptors.extend(Descriptor::parse(record, window)?);
        }
        Ok(Self { architecture: Architecture::from_sif(header.slice(45, 3)?), descriptors })
    }

    /// The first object of a kind.
    pub(in crate::image) fn find(&self, wanted: impl Fn(DataType) -> bool) -> Option<&Descriptor<'a>> {
        self.descriptors.iter().find(|found| wanted(found.kind))
    }

    /// The partition that holds the image's root.
    pub(in crate::image) fn primary(&self) -> Option<&Descriptor<'a>> {
        self.find(|kind| matches!(kind, DataType::Partition { role: ROLE_PRIMARY, .. }))
    }
}

impl<'a> Descriptor<'a> {
    /// One record; nothing when it is not in use.
    fn parse(record: &[u8], window: &Window<'a>) -> Result<Option<Self>, MetadataError> {
        let fields = Fields::new(record, ImagePart::Descriptors);
        if fields.slice(4, 1)? == [0] {
            return Ok(None);
        }
        let extra = fields.slice(201, 384)?;
        let kind = match fields.u32(0)? {
            0x4001 => DataType::Definition,
            0x4003 => DataType::Labels,
            0x4004 => {
                let partition = Fields::new(extra, ImagePart::Descriptors);
                DataType::Partition {
                    file_system: partition.u32(0)?,
                    role: partition.u32(4)?,
                    architecture: Architecture::from_sif(partition.slice(8, 3)?),
                }
            }
            0x4005 => DataType::Signature,
            0x4006 => DataType::Json,
            0x400a => DataType::OciRootIndex,
            0x400b => DataType::OciBlob,
            _ => DataType::Other,
        };
        let data = window.part(fields.u64(17)?, fields.u64(25)?);
        let cut = || MetadataError::corrupt(ImagePart::Descriptors, "an object lies beyond the end of the file");
        Ok(Some(Self {
            kind,
            name: trimmed(fields.slice(73, 128)?),
            extra: trimmed(extra),
            data: data.ok_or_else(cut)?,
        }))
    }

    /// The whole object.
    pub(in crate::image) fn bytes(&self, bound: usize, part: ImagePart) -> Result<Vec<u8>, MetadataError> {
        self.data.bytes(0, MetadataError::within(self.data.len(), bound, part)?, part)
    }
}

/// Bytes up to the first NUL.
fn trimmed(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
}
