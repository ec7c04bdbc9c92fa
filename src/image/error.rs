//! Why an image cannot be read, and which part of it is to blame.
//!
//! In: what a reader found wrong. Out: a [`MetadataError`] of the family that a caller acts on.
//! Never: names a path, or quotes the image.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// A part of an image, as errors and notes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImagePart {
    /// The first bytes of the file.
    Header,
    /// The table of what a SIF holds.
    Descriptors,
    /// `inspect-metadata.json` of a SIF.
    InspectMetadata,
    /// The labels, of the image or of an app.
    Labels,
    /// The runscript, of the image or of an app.
    Runscript,
    /// What starts an instance.
    Startscript,
    /// The test script, of the image or of an app.
    Test,
    /// The help text, of the image or of an app.
    Help,
    /// The definition file.
    Definition,
    /// The SCIF apps.
    Apps,
    /// The file system.
    FileSystem,
    /// The OCI index, manifest or config.
    Oci,
}

impl fmt::Display for ImagePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "the header",
            Self::Descriptors => "the table of descriptors",
            Self::InspectMetadata => "inspect-metadata.json",
            Self::Labels => "the part with the labels",
            Self::Runscript => "the runscript",
            Self::Startscript => "the startscript",
            Self::Test => "the test script",
            Self::Help => "the help text",
            Self::Definition => "the definition file",
            Self::Apps => "the list of apps",
            Self::FileSystem => "the file system",
            Self::Oci => "the OCI part",
        })
    }
}

/// Why an image's metadata cannot be had. The texts name the part and what its owner can do, and hold no path.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The system could not read the file.
    #[error("the image could not be read: {0}")]
    Io(#[from] io::Error),
    /// The content is of another kind.
    #[error("this is not a container image but {0}")]
    NotAnImage(&'static str),
    /// An image of a kind that this program does not read.
    #[error("{what} cannot be read; build the image again with a current `apptainer build`")]
    Unsupported {
        /// What it is.
        what: Cow<'static, str>,
    },
    /// An image that contradicts its format.
    #[error("{part} is damaged ({why}); copy or build the image again")]
    Corrupt {
        /// Where.
        part: ImagePart,
        /// What is wrong there.
        why: Cow<'static, str>,
    },
    /// More than is read of any image.
    #[error("{part} holds more than {bound} {unit}, which is the limit; build the image again with less")]
    TooLarge {
        /// Where.
        part: ImagePart,
        /// The bound.
        bound: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// The file system is encrypted and nothing outside it describes the image.
    #[error("the image is encrypted, so its description cannot be read; build it again without encryption")]
    Encrypted,
}

impl MetadataError {
    pub(super) fn corrupt(part: ImagePart, why: &'static str) -> Self {
        Self::Corrupt { part, why: Cow::Borrowed(why) }
    }

    /// A size that is read within a bound.
    pub(super) fn within(size: u64, bound: usize, part: ImagePart) -> Result<usize, Self> {
        let fits = usize::try_from(size).ok().filter(|size| *size <= bound);
        fits.ok_or(Self::TooLarge { part, bound, unit: "bytes" })
    }

    pub(super) fn unsupported(what: &'static str) -> Self {
        Self::Unsupported { what: Cow::Borrowed(what) }
    }
}
