//! Which images a rule is about.
//!
//! In: a text of the configuration: `hello.sif`, `hello-*.sif`, `lab/*.sif`, `lab/`. Out: a [`Pattern`]. `*` stands for any
//! characters of one name, `?` for one; neither stands for `/`. A slash at the end means everything below that folder. What
//! no image can be called is refused, so that a slip is told.

use std::fmt;

/// Longest pattern in bytes.
const MAX_PATTERN: usize = 512;

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` can name no image: write names as in the addresses of images, with `*` and `?`, or a folder like `lab/`"
)]
pub struct PatternError(String);

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// One name.
    Exact,
    /// A folder; the text ends with its slash.
    Below,
    /// Names with `*` or `?`, one for each segment; everything below where the text ends with a slash. So many characters
    /// stand before the first of them.
    Segments(Vec<Vec<u8>>, bool, usize),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The text is longer than 512 bytes, or can name no image.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let known = |c: char| c.is_ascii_alphanumeric() || "._+:@=~-*?".contains(c);
        let (path, below) = text.strip_suffix('/').map_or((text, false), |path| (path, true));
        let possible = |segment: &str| {
            segment.starts_with(|c: char| c.is_ascii_alphanumeric() || "*?".contains(c)) && segment.chars().all(known)
        };
        if text.len() > MAX_PATTERN || !path.split('/').all(possible) {
            return Err(PatternError(crate::text::shown(text, 80, crate::text::is_obeyed)));
        }
        let kind = match (text.contains(['*', '?']), below) {
            (true, below) => {
                let names = path.split('/').map(|name| name.as_bytes().to_vec()).collect();
                Kind::Segments(names, below, text.find(['*', '?']).unwrap_or(text.len()))
            }
            (false, true) => Kind::Below,
            (false, false) => Kind::Exact,
        };
        Ok(Pattern { text: text.to_owned(), kind })
    }

    /// Whether it is about the image of this address (`hello.sif`, `lab/hello.sif`).
    pub fn fits(&self, image: &str) -> bool {
        match &self.kind {
            Kind::Exact => self.text == image,
            Kind::Below => image.len() > self.text.len() && image.starts_with(&self.text),
            // most names differ in their beginning
            Kind::Segments(_, _, plain) if image.as_bytes().get(..*plain) != self.text.as_bytes().get(..*plain) => {
                false
            }
            Kind::Segments(segments, below, _) => {
                let mut names = image.split('/');
                let fit =
                    segments.iter().all(|segment| names.next().is_some_and(|name| name_fits(segment, name.as_bytes())));
                fit && names.next().is_some() == *below
            }
        }
    }

    /// The one address that it is about, where it is about one.
    pub(super) fn exact(&self) -> Option<&str> {
        (self.kind == Kind::Exact).then_some(self.text.as_str())
    }

    /// What each name begins with that it is about; none: they begin with different characters.
    pub(super) fn first(&self) -> Option<u8> {
        self.text.bytes().next().filter(|byte| !matches!(byte, b'*' | b'?'))
    }

    /// Whether it could be about something below a folder of this address.
    pub fn reaches_below(&self, folder: &str) -> bool {
        let own: Vec<&str> = self.text.trim_end_matches('/').split('/').collect();
        let names: Vec<&str> = folder.split('/').collect();
        let fit = own.iter().zip(&names).all(|(own, name)| name_fits(own.as_bytes(), name.as_bytes()));
        fit && (own.len() > names.len() || self.text.ends_with('/'))
    }

    /// Whether it is surely about all that `other` is about.
    pub fn contains(&self, other: &Pattern) -> bool {
        self.text == other.text
            || match other.kind {
                Kind::Exact => self.fits(&other.text),
                Kind::Below | Kind::Segments(..) => {
                    matches!(self.kind, Kind::Below) && other.text.starts_with(&self.text)
                }
            }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a name fits `*` and `?`: in time of at most the product of both lengths.
fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    // where the last star stands, and where it ends for now
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(at) {
        match pattern.get(of) {
            Some(b'*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(expected) if *expected == b'?' || expected == byte => {
                (at, of) = (at + 1, of + 1);
            }
            _ => {
                let Some((begin, end)) = star else { return false };
                star = Some((begin, end + 1));
                (at, of) = (end + 1, begin + 1);
            }
        }
    }
    pattern.get(of..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_of_one_folder_or_all_below() {
        for (pattern, fits, others) in [
            ("a.sif", &["a.sif"][..], &["A.sif", "a.sif2", "lab/a.sif", "a.si", ""][..]),
            ("*.sif", &["a.sif", ".sif"], &["lab/a.sif", "a.img"]),
            ("*", &["a.sif", "b"], &["lab/a.sif"]),
            ("a?c*e", &["abce", "abcdde"], &["ace", "abc", "a/ce"]),
            ("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "b", "a"]),
            ("lab/", &["lab/a.sif", "lab/deep/a.sif"], &["lab", "lab/", "labx/a.sif", "x/lab/a.sif"]),
            ("lab/*.sif", &["lab/a.sif"], &["lab/deep/a.sif", "a.sif"]),
            ("l*/", &["lab/a.sif", "l/x/y"], &["l", "x/l/y", "lab"]),
            ("*/x/*.sif", &["a/x/b.sif"], &["a/y/b.sif", "x/b.sif", "a/x/y/b.sif"]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            fits.iter().for_each(|name| assert!(parsed.fits(name), "{pattern} {name}"));
            others.iter().for_each(|name| assert!(!parsed.fits(name), "{pattern} {name}"));
            assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn what_can_name_no_image_is_refused() {
        for wrong in
            ["", "/", "/a", "a//b", "a/../b", "./a", ".*", "[ab].sif", "a b", "a,b", "^a$", "{a}", "ä", "a\n", "-a"]
        {
            assert!(Pattern::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Pattern::parse(&"a".repeat(MAX_PATTERN + 1)).is_err());
    }

    #[test]
    fn a_pattern_contains_what_it_surely_fits() {
        for (wide, narrow, expected) in [
            ("*.sif", "a.sif", true),
            ("*.sif", "*.sif", true),
            ("lab/", "lab/a.sif", true),
            ("lab/", "lab/*.sif", true),
            ("lab/", "lab/deep/", true),
            ("a.sif", "*.sif", false),
            ("*.sif", "a*.sif", false), // true, and not seen: nobody is told of it
            ("lab/", "l*/", false),
            ("lab/*", "lab/", false),
        ] {
            let (wide, narrow) = (Pattern::parse(wide).unwrap(), Pattern::parse(narrow).unwrap());
            assert_eq!(wide.contains(&narrow), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn a_pattern_reaches_into_folders() {
        for (pattern, folder, expected) in [
            ("lab/a.sif", "lab", true),
            ("lab/a.sif", "lab/a.sif", false),
            ("lab/", "lab", true),
            ("lab/", "lab/old", true),
            ("l*/*.sif", "lab", true),
            ("lab/", "x", false),
            ("*.sif", "lab", false),
            ("lab/old/", "lab/new", false),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().reaches_below(folder), expected, "{pattern} {folder}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_the_product_of_the_lengths() {
        let pattern = Pattern::parse(&format!("{}b", "*a".repeat(60))).unwrap();
        assert!(!pattern.fits(&"a".repeat(4000)));
    }
}
