//! SIF in OCI mode (`.oci.sif`): an OCI image whose blobs are data objects.
//!
//! In: an open SIF with a root index. Out: labels, entrypoint, names of environment variables.
//! Never: keeps the value of an environment variable, or opens a layer.
//! Layout: image index, manifest and config of the OCI image specification (github.com/opencontainers/image-spec);
//! each object's descriptor holds its digest, as `pkg/sif` of github.com/sylabs/sif writes it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::error::{ImagePart, MetadataError};
use super::format::Architecture;
use super::json;
use super::labels::Labels;
use super::metadata::{MAX_TEXT, Metadata};
use super::sif::table::{DataType, Sif};

/// An index may lead to an index; more is not followed.
const MAX_INDEXES: usize = 4;
/// Most names of environment variables handed out, and the longest of them.
const MAX_VARIABLES: usize = 512;
const MAX_VARIABLE: usize = 128;
/// Longest name of a working directory handed out.
const MAX_FOLDER: usize = 256;

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Pointer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    digest: String,
    #[serde(default)]
    media_type: String,
}

#[derive(Deserialize)]
struct Manifest {
    config: Pointer,
}

#[derive(Deserialize)]
struct ImageConfig {
    architecture: Option<String>,
    config: Option<ContainerConfig>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerConfig {
    labels: Labels,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<VariableName>>,
}

/// The part of `NAME=value` that may be known.
struct VariableName(String);

impl<'de> Deserialize<'de> for VariableName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = VariableName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("NAME=value")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<VariableName, E> {
                let name = text.split_once('=').map_or("", |(name, _)| name);
                Ok(VariableName(name.to_owned()))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Fills in what the OCI image says.
pub(super) fn read(sif: &Sif<'_>, metadata: &mut Metadata) -> Result<(), MetadataError> {
    let root = sif.find(|kind| kind == DataType::OciRootIndex);
    let root = root.ok_or_else(|| corrupt("there is no root index"))?;
    let mut bytes = root.bytes(json::MAX_DOCUMENT, ImagePart::Oci)?;
    let mut manifest = None;
    for _ in 0..MAX_INDEXES {
        let index: Index = json::parse(&bytes, ImagePart::Oci)?;
        let first = index.manifests.into_iter().next().ok_or_else(|| corrupt("the index is empty"))?;
        let is_index = first.media_type.ends_with(".index.v1+json") || first.media_type.ends_with(".list.v2+json");
        bytes = blob(sif, &first.digest)?;
        if !is_index {
            manifest = Some(json::parse::<Manifest>(&bytes, ImagePart::Oci)?);
            break;
        }
    }
    let manifest = manifest.ok_or_else(|| corrupt("the indexes have no end"))?;
    let image: ImageConfig = json::parse(&blob(sif, &manifest.config.digest)?, ImagePart::Oci)?;
    let architecture = image.architecture.as_deref().and_then(Architecture::from_name);
    metadata.architecture = architecture.or(metadata.architecture);
    let config = image.config.unwrap_or_default();
    metadata.labels = json::bounded(config.labels)?;
    let command = config.entrypoint.into_iter().chain(config.cmd).flatten();
    metadata.entrypoint = command.collect();
    if metadata.entrypoint.iter().map(String::len).sum::<usize>() > MAX_TEXT {
        return Err(MetadataError::TooLarge {
            part: ImagePart::Oci,
            bound: MAX_TEXT,
            unit: "bytes of entrypoint and command",
        });
    }
    let names = config.env.unwrap_or_default().into_iter().map(|variable| variable.0);
    metadata.environment_names = names.filter(|name| is_variable(name)).take(MAX_VARIABLES).collect();
    Ok(())
}

/// The configuration that a runtime keeps of a Docker image: the inner part of an image's configuration, or all of it.
#[derive(Deserialize)]
struct KeptConfig {
    #[serde(rename = "WorkingDir")]
    working_directory: Option<String>,
    config: Option<Box<KeptConfig>>,
}

/// The working directory of such a configuration; nothing where it is the root.
pub(super) fn working_directory(bytes: &[u8]) -> Result<Option<String>, MetadataError> {
    let kept: KeptConfig = json::parse(bytes, ImagePart::Oci)?;
    let inner = kept.config.and_then(|config| config.working_directory);
    let folder = kept.working_directory.or(inner).unwrap_or_default();
    Ok((folder != "/" && (1..=MAX_FOLDER).contains(&folder.len())).then_some(folder))
}

fn blob(sif: &Sif<'_>, digest: &str) -> Result<Vec<u8>, MetadataError> {
    let mut blobs = sif.descriptors.iter().filter(|found| found.kind == DataType::OciBlob);
    let found = blobs.find(|found| found.extra == digest.as_bytes());
    found.ok_or_else(|| corrupt("a blob is missing"))?.bytes(json::MAX_DOCUMENT, ImagePart::Oci)
}

fn is_variable(name: &str) -> bool {
    let word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    word && (1..=MAX_VARIABLE).contains(&name.len())
}

fn corrupt(why: &'static str) -> MetadataError {
    MetadataError::corrupt(ImagePart::Oci, why)
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;
    use super::super::obstacle::Obstacle;
    use super::super::testing::{Object, sif};
    use super::*;

    const DIGESTS: [&str; 3] = ["sha256:aa", "sha256:bb", "sha256:cc"];
    const CONFIG: &str = r#"{"architecture":"arm64","os":"linux","rootfs":{},"config":{"Labels":{"A":"b"},
        "Entrypoint":["/bin/x"],"Cmd":["-v"],"Env":["PATH=/bin","API_KEY=s3cret","nonsense","A B=c"]}}"#;

    fn index(digest: &str, kind: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.{kind}.v1+json","digest":"{digest}"}}]}}"#
        )
    }

    fn objects(root: &str, config: &str) -> Vec<Object> {
        let manifest = format!(r#"{{"config":{{"digest":"{}"}},"layers":[]}}"#, DIGESTS[1]);
        vec![
            Object::oci(0x400b, DIGESTS[0], manifest.as_bytes()),
            Object::oci(0x400b, DIGESTS[1], config.as_bytes()),
            Object::oci(0x400b, DIGESTS[2], index(DIGESTS[0], "manifest").as_bytes()),
            Object::oci(0x400a, "sha256:dd", root.as_bytes()),
        ]
    }

    fn read(objects: &[Object]) -> Result<Metadata, MetadataError> {
        Metadata::of_bytes(&sif(objects, 8))
    }

    #[test]
    fn index_manifest_config() {
        for root in [index(DIGESTS[0], "manifest"), index(DIGESTS[2], "index")] {
            let metadata = read(&objects(&root, CONFIG)).unwrap();
            assert_eq!(metadata.format, Format::OciSif);
            assert_eq!(metadata.architecture.map(Architecture::as_str), Some("arm64"));
            assert_eq!(metadata.labels.iter().collect::<Vec<_>>(), [("A", "b")]);
            assert_eq!(metadata.entrypoint, ["/bin/x", "-v"]);
            assert_eq!(metadata.environment_names, ["PATH", "API_KEY"]);
            assert!(!format!("{metadata:?}").contains("s3cret"));
        }
    }

    /// What describes it does not decide how it is stored.
    #[test]
    fn a_root_index_makes_it_one() {
        let mut objects = objects(&index(DIGESTS[0], "manifest"), CONFIG);
        objects.push(Object::inspect_metadata(r#"{"data":{"attributes":{"labels":{"A":"c"}}},"type":"container"}"#));
        let metadata = read(&objects).unwrap();
        assert_eq!((metadata.format, metadata.labels.iter().next()), (Format::OciSif, Some(("A", "c"))));
        assert_eq!(metadata.obstacle(None), Some(Obstacle::OciMode));
    }

    #[test]
    fn little_is_enough() {
        for config in ["{}", r#"{"config":null}"#, r#"{"config":{"Labels":null,"Env":null,"Entrypoint":null}}"#] {
            let metadata = read(&objects(&index(DIGESTS[0], "manifest"), config)).unwrap();
            assert!(metadata.labels.is_empty() && metadata.entrypoint.is_empty());
        }
    }

    #[test]
    fn the_working_directory_is_told_unless_it_is_the_root() {
        for (text, expected) in [
            (r#"{"WorkingDir":"/app","Env":["A=s3cret"]}"#, Some("/app")),
            (r#"{"config":{"WorkingDir":"/srv"}}"#, Some("/srv")),
            (r#"{"WorkingDir":"/"}"#, None),
            (r#"{"WorkingDir":""}"#, None),
            ("{}", None),
        ] {
            assert_eq!(working_directory(text.as_bytes()).unwrap().as_deref(), expected, "{text}");
        }
        let long = format!(r#"{{"WorkingDir":"{}"}}"#, "/x".repeat(MAX_FOLDER));
        assert_eq!(working_directory(long.as_bytes()).unwrap(), None);
        assert!(working_directory(b"x").is_err());
    }

    #[test]
    fn what_leads_nowhere() {
        let circle = index(DIGESTS[2], "index");
        let mut circular = objects(&circle, CONFIG);
        circular[2] = Object::oci(0x400b, DIGESTS[2], circle.as_bytes());
        let missing = objects(&index("sha256:ff", "manifest"), CONFIG);
        let empty = objects(r#"{"manifests":[]}"#, CONFIG);
        let not_json = objects("x", CONFIG);
        for objects in [circular, missing, empty, not_json] {
            assert!(matches!(read(&objects), Err(MetadataError::Corrupt { part: ImagePart::Oci, .. })));
        }
        let long = format!(r#"{{"config":{{"Cmd":["{}"]}}}}"#, "x".repeat(MAX_TEXT + 1));
        let long = read(&objects(&index(DIGESTS[0], "manifest"), &long));
        assert!(matches!(long, Err(MetadataError::TooLarge { part: ImagePart::Oci, .. })));
    }
}
