//! JSON out of images, bounded before anything is built from it.
//!
//! In: bytes of an image, at most [`MAX_DOCUMENT`]. Out: a typed value.
//! Never: recurses deeper than [`MAX_DEPTH`], keeps what nobody asked for (the environment's values above all), or
//! quotes the document in an error.
//! `inspect-metadata.json` has the shape that `apptainer inspect --json --all` prints (pkg/inspect of
//! github.com/apptainer/apptainer).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::{ImagePart, MetadataError};
use super::labels::{Labels, MAX_LABELS, TOO_MANY};
use super::metadata::{App, MAX_APPS, MAX_TEXT, Metadata, Note};
use super::name::AppName;
use super::obstacle::Runscript;

/// Largest JSON document read, in bytes: it may hold several texts of [`MAX_TEXT`].
pub(super) const MAX_DOCUMENT: usize = 1024 * 1024;
/// Deepest nesting.
pub(super) const MAX_DEPTH: usize = 32;
/// Most values in one document.
const MAX_VALUES: usize = 16_384;

/// Parses a document whose shape is within the bounds.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8], part: ImagePart) -> Result<T, MetadataError> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(MetadataError::TooLarge { part, bound: MAX_DOCUMENT, unit: "bytes" });
    }
    check_shape(bytes, part)?;
    serde_json::from_slice(bytes).map_err(|error| {
        if error.to_string().starts_with(TOO_MANY) {
            MetadataError::TooLarge { part: ImagePart::Labels, bound: MAX_LABELS, unit: "labels" }
        } else {
            let place = format!("not the JSON expected there, line {} column {}", error.line(), error.column());
            MetadataError::Corrupt { part, why: place.into() }
        }
    })
}

/// One object of labels.
pub(super) fn labels(bytes: &[u8]) -> Result<Labels, MetadataError> {
    parse(bytes, ImagePart::Labels).and_then(bounded)
}

/// Labels within the bound of their bytes.
pub(super) fn bounded(labels: Labels) -> Result<Labels, MetadataError> {
    if labels.bytes() > MAX_TEXT {
        return Err(MetadataError::TooLarge { part: ImagePart::Labels, bound: MAX_TEXT, unit: "bytes" });
    }
    Ok(labels)
}

/// Counts depth and values in one pass over the text, strings skipped.
fn check_shape(bytes: &[u8], part: ImagePart) -> Result<(), MetadataError> {
    let (mut depth, mut values) = (0_usize, 1_usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in bytes {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => {
                depth += 1;
                values += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(MetadataError::TooLarge { part, bound: MAX_DEPTH, unit: "levels of nesting" });
        }
        if values > MAX_VALUES {
            return Err(MetadataError::TooLarge { part, bound: MAX_VALUES, unit: "values" });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Document {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    attributes: Attributes,
}

/// What is read of an image and of each app; `environment` and the rest are skipped by the parser.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributes {
    labels: Labels,
    apps: Option<BTreeMap<String, Option<AppAttributes>>>,
    runscript: Option<String>,
    startscript: Option<String>,
    test: Option<String>,
    helpfile: Option<String>,
    deffile: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AppAttributes {
    labels: Labels,
    runscript: Option<String>,
    test: Option<String>,
    helpfile: Option<String>,
}

/// Fills `metadata` from an `inspect-metadata.json`.
pub(super) fn inspect_metadata(bytes: &[u8], metadata: &mut Metadata) -> Result<(), MetadataError> {
    let document: Document = parse(bytes, ImagePart::InspectMetadata)?;
    let attributes = document.data.attributes;
    metadata.labels = bounded(attributes.labels)?;
    metadata.described = true;
    metadata.script = Runscript::of(attributes.runscript.as_deref());
    metadata.runscript = metadata.fitting(ImagePart::Runscript, attributes.runscript);
    metadata.startscript = metadata.fitting(ImagePart::Startscript, attributes.startscript);
    metadata.test = metadata.fitting(ImagePart::Test, attributes.test);
    metadata.help = metadata.fitting(ImagePart::Help, attributes.helpfile);
    metadata.definition = metadata.fitting(ImagePart::Definition, attributes.deffile);
    for (name, app) in attributes.apps.unwrap_or_default() {
        let app = app.unwrap_or_default();
        if metadata.apps.len() >= MAX_APPS {
            metadata.note(Note::MoreApps);
            break;
        }
        let Ok(name) = AppName::parse(&name) else {
            metadata.note(Note::AppName);
            continue;
        };
        let labels = bounded(app.labels)?;
        let script = Runscript::of(app.runscript.as_deref());
        let runscript = metadata.fitting(ImagePart::Runscript, app.runscript);
        let test = metadata.fitting(ImagePart::Test, app.test);
        let help = metadata.fitting(ImagePart::Help, app.helpfile);
        metadata.apps.push(App { name, labels, runscript, help, test, script });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;
    use super::*;

    fn inspect(text: &str) -> Result<Metadata, MetadataError> {
        let mut metadata = Metadata::new(Format::Sif);
        inspect_metadata(text.as_bytes(), &mut metadata).map(|()| metadata)
    }

    #[test]
    fn all_of_it_but_the_environment() {
        let metadata = inspect(
            r##"{"data":{"attributes":{"apps":{"zoo":{"labels":{"A":"1"},"helpfile":"h\n"},"hello":{"runscript":"echo"},
            "../x":{},"none":null},"environment":{"/.singularity.d/env/90-environment.sh":"export API_KEY=s3cret"},
            "labels":{"L":"v"},"runscript":"#!/bin/sh\n","helpfile":"help","deffile":"Bootstrap: x","startscript":"s","test":"t","more":[1]}},"type":"container"}"##,
        )
        .unwrap();
        assert_eq!(metadata.labels.get("L"), Some("v"));
        assert_eq!(metadata.runscript.as_deref(), Some("#!/bin/sh\n"));
        assert_eq!(metadata.help.as_deref(), Some("help"));
        assert_eq!(metadata.definition.as_deref(), Some("Bootstrap: x"));
        assert_eq!((metadata.startscript.as_deref(), metadata.test.as_deref()), (Some("s"), Some("t")));
        let names: Vec<_> = metadata.apps.iter().map(|app| app.name.as_str()).collect();
        assert_eq!(names, ["hello", "none", "zoo"]);
        assert_eq!(metadata.apps[2].labels.get("A"), Some("1"));
        assert_eq!(metadata.apps[2].help.as_deref(), Some("h\n"));
        assert_eq!(metadata.notes, [Note::AppName]);
        assert!(!format!("{metadata:?}").contains("s3cret"));
    }

    #[test]
    fn an_error_quotes_nothing_and_says_where() {
        let error = inspect(r#"{"data":{"attributes":{"runscript":{"s3cret":1}}}}"#).err().unwrap().to_string();
        assert!(error.contains("line 1 column") && !error.contains("s3cret"), "{error}");
        for bad in ["", "{}", "[]", "{\"data\":{}}", "\u{feff}{}", "{\"data\":{\"attributes\":{}}} x"] {
            assert!(
                matches!(inspect(bad), Err(MetadataError::Corrupt { part: ImagePart::InspectMetadata, .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_text_too_long_is_left_out_and_noted() {
        let long = "x".repeat(MAX_TEXT + 1);
        let metadata =
            inspect(&format!(r#"{{"data":{{"attributes":{{"labels":{{"a":"b"}},"deffile":"{long}"}}}}}}"#)).unwrap();
        assert_eq!(metadata.labels.get("a"), Some("b"));
        assert_eq!(metadata.definition, None);
        assert_eq!(metadata.notes, [Note::TooLong(ImagePart::Definition)]);
    }

    #[test]
    fn bombs() {
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(labels(deep(MAX_DEPTH).as_bytes()).is_ok());
        let table = [
            (deep(MAX_DEPTH + 1), "levels of nesting"),
            ("[".repeat(1_000_000), "levels of nesting"),
            (format!("{{\"a\":[{}1]}}", "1,".repeat(MAX_VALUES)), "values"),
            (" ".repeat(MAX_DOCUMENT + 1), "bytes"),
            (format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_TEXT)), "bytes"),
        ];
        for (bomb, unit) in table {
            match labels(bomb.as_bytes()) {
                Err(MetadataError::TooLarge { unit: found, .. }) => assert_eq!(found, unit),
                other => panic!("{unit}: {other:?}"),
            }
        }
        let keys: Vec<String> = (0..1_000).map(|key| format!("\"{key}\":1")).collect();
        let error = labels(format!("{{{}}}", keys.join(",")).as_bytes());
        assert!(matches!(error, Err(MetadataError::TooLarge { bound: MAX_LABELS, .. })));
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = format!(r#"{{"a":"\\\"{}"}}"#, "[{,".repeat(20_000));
        assert_eq!(labels(text.as_bytes()).unwrap().len(), 1);
    }
}
