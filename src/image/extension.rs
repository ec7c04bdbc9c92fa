//! What a name alone says of a file: that it wants to be an image, that it never is one, or nothing.
//!
//! In: a file's name. Out: [`Says`]. Never: opens it.
//! Rule: [`EXTENSIONS`] are images unopened, so that a broken one is listed as broken; [`NEVER`] are none, whatever they
//! hold; all other names, also those without an extension, as public depots have them, say nothing.

/// Extensions that say "this file wants to be an image", compared without case.
pub const EXTENSIONS: [&str; 4] = ["sif", "img", "simg", "sqfs"];
/// Extensions of what never is an image, compared without case: what lies beside images, copies that are put aside or on
/// their way, and every saved answer of a run (`view/file_name.rs`).
pub const NEVER: [&str; 34] = [
    "md", "txt", "csv", "json", "png", "pdf", "gz", "zip", "def", "log", "bin", // beside images
    "bak", "old", "orig", "part", "tmp", "new", // put aside, or on their way
    "avif", "geojson", "gif", "jpg", "mp3", "mp4", "ndjson", "ogg", "ogv", "svg", "tar", "tsv", "wav", "webm", "webp",
    "html", "xml",
];

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// It wants to be an image.
    Image,
    /// It never is one.
    Never,
    /// Its first bytes tell.
    Nothing,
}

/// What this name says.
pub(super) fn says(name: &[u8]) -> Says {
    if name.ends_with(b"~") {
        return Says::Never;
    }
    let extension = name.iter().rposition(|&byte| byte == b'.').and_then(|dot| name.get(dot + 1..)).unwrap_or_default();
    let is_among = |list: &[&str]| list.iter().any(|known| extension.eq_ignore_ascii_case(known.as_bytes()));
    match () {
        () if is_among(&EXTENSIONS) => Says::Image,
        () if is_among(&NEVER) => Says::Never,
        () => Says::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are() {
        for (name, expected) in [
            ("hello.sif", Says::Image),
            ("hello.SqFs", Says::Image),
            ("a.txt.img", Says::Image),
            ("README.MD", Says::Never),
            ("hello.sif.part", Says::Never),
            ("hello.sif~", Says::Never),
            ("box~", Says::Never),
            ("answer.tsv", Says::Never),
            ("quast:5.0.1--py36pl526ha92aebf_0", Says::Nothing),
            ("sif", Says::Nothing),
            ("Makefile", Says::Nothing),
            ("x.sh", Says::Nothing),
            ("x.", Says::Nothing),
            ("python:3.11", Says::Nothing),
        ] {
            assert_eq!(says(name.as_bytes()), expected, "{name}");
        }
    }
}
