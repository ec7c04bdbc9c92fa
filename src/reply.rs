//! An answer in substance: what `service` found, or where to go.
//!
//! Made by `app`, shown by `view`. Never: files, processes.

use crate::args::{ArgError, ArgSpec};
use crate::error::Error;
use crate::image::{ImageName, Labels, TargetPath};
use crate::problems::Code;
use crate::routes::Route;
use crate::service::{Check, Described, Download, FinishedRun, Folder, ImageDetails, Logo, Metrics};

/// An answer in substance.
#[derive(Debug)]
pub enum Reply {
    /// The data folder, or a folder in it.
    Home(Folder),
    /// One image.
    Image(Box<ImageDetails>),
    /// Its arguments.
    Args(ArgSpec),
    /// Its labels.
    Labels(Labels),
    /// A run that was asked for with arguments that cannot be used: the form
    /// again, with the reasons.
    Rejected(Box<ImageDetails>),
    /// A finished run.
    FinishedRun(Box<FinishedRun>),
    /// What can be asked of the folder, or of one image.
    OpenApi(Described, OpenApiVersion),
    /// How programs use the site.
    Api,
    /// A kind of problem in general.
    About(Code),
    /// Whether the site can do its work.
    Health(Vec<Check>),
    /// The same in numbers, for those who watch.
    Metrics(Box<Metrics>),
    /// The names of the images that lie in no folder, for the 2017 program's clients.
    ApiImages(Vec<ImageName>),
    /// One image, for the same.
    ApiImage(Box<ImageDetails>),
    /// The site's logo.
    Logo(Logo),
    /// The image as a file.
    File(Download),
    /// Go to the form, filled in by this query: nothing has run, because another site asked for it.
    Form(TargetPath, String),
    /// Go there: a status and a place, with the query that goes along.
    Go(u16, Route, String),
}

/// A version of OpenAPI in which the documents are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenApiVersion {
    /// What they are made in.
    #[default]
    V3_1,
    /// The same for tools that read no other.
    V3_0,
}

impl OpenApiVersion {
    /// What they are called, in the order of the variants.
    pub const NAMES: &'static [&'static str] = &["3.1", "3.0"];

    /// The version of this name.
    pub fn parse(name: &str) -> Option<OpenApiVersion> {
        match name {
            "3.1" => Some(OpenApiVersion::V3_1),
            "3.0" => Some(OpenApiVersion::V3_0),
            _ => None,
        }
    }
}

/// How the site calls itself, where it does.
#[derive(Debug, Default)]
pub struct Brand<'a> {
    /// Its name.
    pub title: Option<&'a str>,
    /// One line for the home page.
    pub welcome: Option<&'a str>,
    /// Whose site it is: an http or https address.
    pub link: Option<&'a str>,
    /// Names the content of its logo, where it has one: another file, another name.
    pub logo: Option<String>,
}

/// A refusal, ready to be shown: RFC 9457.
#[derive(Debug)]
pub struct Problem {
    /// What kind it is: status, word and title.
    pub code: Code,
    /// What happened and what to do next.
    pub detail: String,
    /// The request's id, to be found in the log.
    pub instance: String,
    /// The refused arguments.
    pub errors: Vec<ArgError>,
    /// Names that were ignored.
    pub ignored: Vec<String>,
    /// The exit status of a container that failed.
    pub exit_code: Option<i32>,
    /// The end of its stderr.
    pub stderr: Option<String>,
    /// The end of its stdout; of an output that is too long, its beginning.
    pub stdout: Option<Excerpt>,
    /// Seconds after which it is worth to ask again.
    pub retry_after: Option<u32>,
    /// The `Allow` field.
    pub allow: Option<String>,
    /// The `WWW-Authenticate` field.
    pub authenticate: Option<&'static str>,
    /// Where to sign in.
    pub login: Option<String>,
    /// The image that was asked for.
    pub target: Option<TargetPath>,
}

/// The beginning or the end of an output. No character of a text is cut in two.
#[derive(Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub cut: bool,
}

impl Excerpt {
    /// At most the first `most` bytes.
    pub fn beginning(output: &[u8], most: usize) -> Excerpt {
        let Some(kept) = output.get(..most).filter(|kept| kept.len() < output.len()) else {
            return Excerpt { bytes: output.to_owned(), cut: false };
        };
        let whole = match std::str::from_utf8(kept) {
            Err(error) if error.error_len().is_none() => kept.get(..error.valid_up_to()).unwrap_or(kept),
            _ => kept,
        };
        Excerpt { bytes: whole.to_owned(), cut: true }
    }

    /// At most the last `most` bytes.
    pub fn end(output: &[u8], most: usize) -> Excerpt {
        let kept = output.get(output.len().saturating_sub(most)..).unwrap_or(output);
        let cut = kept.len() < output.len();
        // a character has at most three bytes behind its first (RFC 3629 §3)
        let within = kept.iter().take(3).take_while(|byte| cut && **byte & 0xc0 == 0x80).count();
        Excerpt { bytes: kept.get(within..).unwrap_or(kept).to_owned(), cut }
    }
}

impl Problem {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code.row().status
    }

    /// A problem without particulars.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem {
            code,
            detail: detail.into(),
            instance: String::new(),
            errors: Vec::new(),
            ignored: Vec::new(),
            exit_code: None,
            stderr: None,
            stdout: None,
            retry_after: None,
            allow: None,
            authenticate: None,
            login: None,
            target: None,
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Problem {
        let mut problem = Problem::new(error.code(), error.detail());
        problem.retry_after = error.retry_after();
        problem.allow = error.allow().map(str::to_owned);
        problem.authenticate = error.authenticate();
        problem.login = error.login().map(str::to_owned);
        if let Some(rejected) = error.rejected() {
            problem.errors = rejected.errors().to_vec();
            problem.ignored = rejected.report().ignored().to_vec();
        }
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_cuts_no_character() {
        let excerpt = |bytes: &[u8], cut| Excerpt { bytes: bytes.to_owned(), cut };
        let text = "aäöb".as_bytes();
        assert_eq!(Excerpt::beginning(text, 6), excerpt(text, false));
        assert_eq!(Excerpt::beginning(text, 4), excerpt("aä".as_bytes(), true));
        assert_eq!(Excerpt::beginning(text, 3), excerpt("aä".as_bytes(), true));
        assert_eq!(Excerpt::end(text, 9), excerpt(text, false));
        assert_eq!(Excerpt::end(text, 3), excerpt("öb".as_bytes(), true));
        assert_eq!(Excerpt::end(text, 2), excerpt(b"b", true));
        assert_eq!(Excerpt::end(&[0x80; 5], 5), excerpt(&[0x80; 5], false));
        assert_eq!((Excerpt::end(b"", 2), Excerpt::beginning(b"", 2)), (excerpt(b"", false), excerpt(b"", false)));
    }
}
