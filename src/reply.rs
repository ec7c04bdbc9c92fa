//! An answer in substance: what `service` found, or where to go.
//!
//! Made by `app`, shown by `view`. Never: files, processes.

use crate::args::{ArgError, ArgSpec};
use crate::error::Error;
use crate::image::{Labels, Target};
use crate::problems::Code;
use crate::routes::Route;
use crate::service::{Check, Described, Download, Folder, ImageFacts, Logo, Metrics, Ran};

/// An answer in substance.
#[derive(Debug)]
pub enum Reply {
    /// The data folder.
    Home(Folder),
    /// One image.
    Image(Box<ImageFacts>),
    /// Its arguments.
    Args(ArgSpec),
    /// Its labels.
    Labels(Labels),
    /// A run that was asked for with arguments that cannot be used: the form
    /// again, with the reasons.
    Rejected(Box<ImageFacts>),
    /// A finished run.
    Ran(Box<Ran>),
    /// What can be asked of the folder, or of one image.
    OpenApi(Described),
    /// A kind of problem in general.
    About(Code),
    /// Whether the site can do its work.
    Health(Vec<Check>),
    /// The same in numbers, for those who watch.
    Metrics(Box<Metrics>),
    /// The names of all images, for the 2017 program's clients.
    ApiImages(Vec<Target>),
    /// One image, for the same.
    ApiImage(Box<ImageFacts>),
    /// The site's logo.
    Logo(Logo),
    /// The image as a file.
    File(Download),
    /// Go to the form, filled in by this query: nothing has run, because another site asked for it.
    Form(Target, String),
    /// Go there: a status and a place, with the query that goes along.
    Go(u16, Route, String),
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
    /// Seconds after which it is worth to ask again.
    pub retry_after: Option<u32>,
    /// The `Allow` field.
    pub allow: Option<String>,
    /// The image that was asked for.
    pub target: Option<Target>,
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
            retry_after: None,
            allow: None,
            target: None,
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Problem {
        let mut problem = Problem::new(error.code(), error.detail());
        problem.retry_after = error.retry_after();
        problem.allow = error.allow().map(str::to_owned);
        if let Some(rejected) = error.rejected() {
            problem.errors = rejected.errors().to_vec();
            problem.ignored = rejected.report().ignored().to_vec();
        }
        problem
    }
}
