//! What a saved output is called: `mandelbrot.png`, `epidemic_r0-3.csv`.
//!
//! In: what ran, what was sent, the type of the output. Out: at most 60 of `[A-Za-z0-9._-]`, with an ending that no image
//! has, so that a saved answer never takes an image's place. Numbers and choices that differ from their defaults are in the
//! name; free text of a visitor never is.

use crate::args::{Arg, ArgName, ArgSpec, ArgType, plain_text};
use crate::image::Target;

/// Most bytes of a name.
const MAX_NAME: usize = 60;
/// Endings of image files.
const IMAGE_ENDINGS: [&str; 4] = [".sif", ".simg", ".img", ".sqfs"];

/// A name for the output of this run.
pub fn output_name(target: &Target, spec: &ArgSpec, given: &[(ArgName, String)], media: &str) -> String {
    let ending = ending(media);
    let most = MAX_NAME - 1 - ending.len();
    let mut name = stem(target);
    name.truncate(most);
    for (arg, value) in given.iter().filter_map(|(name, value)| Some((spec.get(name.as_str())?, value.trim()))) {
        if !is_shown(arg) || is_default(arg, value) {
            continue;
        }
        // with a dash in place of its plus a number would be another one
        let value = if arg.kind == ArgType::Str { value.to_owned() } else { value.replace('+', "") };
        let part = format!("_{}-{}", plain(arg.name.as_str()), plain(&value));
        if name.len() + part.len() <= most {
            name.push_str(&part);
        }
    }
    format!("{name}.{ending}")
}

/// The image's name, and the app's, without the image's ending.
pub fn stem(target: &Target) -> String {
    let image = target.image.file_name();
    let image = IMAGE_ENDINGS.iter().find_map(|ending| image.strip_suffix(ending)).unwrap_or(image);
    match &target.app {
        Some(app) => format!("{}_{}", plain(image), plain(app.as_str())),
        None => plain(image),
    }
}

/// Free text may be somebody's own.
fn is_shown(arg: &Arg) -> bool {
    match arg.kind {
        ArgType::Int | ArgType::Float => true,
        ArgType::Str => !arg.choices.is_empty(),
        ArgType::Bool => false,
    }
}

fn is_default(arg: &Arg, value: &str) -> bool {
    arg.default.as_ref().is_some_and(|default| {
        let same_number = || Some(default.as_f64()? == value.parse::<f64>().ok()?);
        plain_text(default) == value || same_number() == Some(true)
    })
}

/// The same with `-` for what is not plain.
fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    text.chars().map(plain).collect()
}

/// What a file of this type is called at its end.
pub fn ending(media: &str) -> &'static str {
    match media.split(';').next().unwrap_or_default() {
        "application/json" => "json",
        "application/geo+json" => "geojson",
        "application/x-ndjson" => "ndjson",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/gzip" => "gz",
        "application/x-tar" => "tar",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/avif" => "avif",
        "image/svg+xml" => "svg",
        "text/csv" => "csv",
        "text/tab-separated-values" => "tsv",
        "text/markdown" => "md",
        "text/plain" => "txt",
        "audio/wav" => "wav",
        "audio/mpeg" => "mp3",
        "audio/ogg" => "ogg",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "video/ogg" => "ogv",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::MediaType;
    use crate::image::{ImageName, NEVER};

    fn name(image: &str, given: &[(&str, &str)], media: &str) -> String {
        let labels = [
            ("SINGULARITY_RUNSCRIPT_ARG_STR", "name,model"),
            ("SINGULARITY_RUNSCRIPT_ARG_FLOAT", "r0"),
            ("SINGULARITY_RUNSCRIPT_ARG_INT", "days"),
            ("SINGULARITY_RUNSCRIPT_ARG_BOOL", "fast"),
            (
                "SINGULARITY_RUNSCRIPT_ARG_SCHEMA",
                r#"{"r0": {"default": 2.5}, "model": {"enum": ["SIR", "SEIR"], "default": "SIR"}}"#,
            ),
        ];
        let spec = ArgSpec::from_labels(labels.into_iter());
        let of = |name: &str| spec.get(name).expect("declared").name.clone();
        let given: Vec<_> = given.iter().map(|(name, value)| (of(name), (*value).to_owned())).collect();
        output_name(&Target::image(&ImageName::parse(image).expect("a name")), &spec, &given, media)
    }

    #[test]
    fn numbers_and_choices_are_in_it_and_nothing_of_a_visitor() {
        let csv = "text/csv; charset=utf-8";
        for (given, expected) in [
            (&[][..], "epidemic.csv"),
            (&[("r0", "3")], "epidemic_r0-3.csv"),
            (&[("r0", "2.50")], "epidemic.csv"),
            // a plus is no minus
            (&[("r0", " 1e+3 "), ("days", "+5")], "epidemic_r0-1e3_days-5.csv"),
            (&[("r0", "1e-3"), ("days", "-5")], "epidemic_r0-1e-3_days--5.csv"),
            (&[("model", "SEIR"), ("name", "Amy"), ("fast", "true")], "epidemic_model-SEIR.csv"),
            (&[("model", "SIR")], "epidemic.csv"),
        ] {
            assert_eq!(name("epidemic.sif", given, csv), expected);
        }
        assert_eq!(name("mandelbrot.simg", &[], "image/png"), "mandelbrot.png");
        let long = name(&format!("{}.sif", "x".repeat(100)), &[("r0", "3")], csv);
        assert_eq!((long.len(), long.ends_with("xx.csv")), (MAX_NAME, true));
    }

    /// What is declared has an ending of its own, and none of an image.
    #[test]
    fn no_output_is_called_like_an_image() {
        for media in MediaType::all().map(MediaType::as_str).chain(["application/json", "unknown/type"]) {
            let ending = ending(media);
            assert!(NEVER.contains(&ending), "{media}: whatever its bytes, a file of this name is no image");
            assert!(ending != "bin" || ["application/octet-stream", "unknown/type"].contains(&media), "{media}");
        }
    }
}
