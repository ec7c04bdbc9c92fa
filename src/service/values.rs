//! What the program knows, before anyone decides how it looks or on which way it goes out.
//!
//! Plain values, made by `service`, read by whoever shows them. Never: HTTP, processes.

use std::fs::File;
use std::time::SystemTime;

use crate::args::{ArgError, ArgSpec, BindReport, MediaType, SanitisePolicy};
use crate::auth::Action;
use crate::error::Refusal;
use crate::image::{AppName, Architecture, FolderName, Format, ImageName, Labels, Metadata, NotRun, Target};
use crate::run::Outcome;

/// The logo of the site.
#[derive(Debug)]
pub struct Logo {
    /// Its type, by its content.
    pub media: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// An image as a file.
#[derive(Debug)]
pub struct Download {
    /// Its name.
    pub image: ImageName,
    /// The open file.
    pub file: File,
    /// Bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified: SystemTime,
    /// nginx's internal location of the data folder, where nginx is to send it.
    pub accel: Option<String>,
}

/// The last page of the data folder that can be asked for, empty or not.
pub const LAST_PAGE: usize = 1_000_000;

/// A page of the data folder, or of a folder in it.
#[derive(Debug)]
pub struct Folder {
    /// Its name.
    pub name: FolderName,
    /// The folders in it on this page; none in a search.
    pub folders: Vec<FolderName>,
    /// The images on this page.
    pub rows: Vec<FolderRow>,
    /// How many match.
    pub total: usize,
    /// This page, from 1.
    pub page: usize,
    /// Whether there is another.
    pub more: bool,
    /// What was searched for.
    pub query: String,
}

/// One image in the folder.
#[derive(Debug)]
pub struct FolderRow {
    /// What it is called, and its address.
    pub target: Target,
    /// Bytes; a directory has none.
    pub size: Option<u64>,
    /// When it was last changed.
    pub modified: SystemTime,
    /// What it says of itself, or why that cannot be read.
    pub facts: Result<FolderRowDetails, String>,
}

/// The part of an image's metadata that a list shows.
#[derive(Debug)]
pub struct FolderRowDetails {
    /// How it is stored.
    pub format: Format,
    /// Which processor it is for.
    pub architecture: Option<Architecture>,
    /// One line about it.
    pub summary: Option<String>,
    /// Its arguments.
    pub spec: ArgSpec,
    /// Its apps, where only they can be run.
    pub apps: Vec<AppName>,
    /// Why it is not run, if so.
    pub refused: Option<NotRun>,
}

/// One image, or one app of it, whole.
#[derive(Debug)]
pub struct ImageDetails {
    /// What it is called, and its address.
    pub target: Target,
    /// Bytes; a directory has none.
    pub size: Option<u64>,
    /// When it was last changed.
    pub modified: SystemTime,
    /// What it says of itself. `definition` is there only where the site shows it.
    pub metadata: Metadata,
    /// The labels that count here: of the image, or of the app.
    pub labels: Labels,
    /// The help that counts here.
    pub help: Option<String>,
    /// One line about it.
    pub summary: Option<String>,
    /// The runscript that counts here.
    pub runscript: Option<String>,
    /// Its arguments.
    pub spec: ArgSpec,
    /// What the visitor has typed so far, and what would come of it.
    pub asked: FormPreview,
    /// Why it is not run, if so.
    pub refused: Option<NotRun>,
    /// Whether the site offers it as a file.
    pub download: bool,
    /// Whether it runs by POST only.
    pub by_post: bool,
    /// What the one who asks may do with it.
    pub rights: ImageRights,
}

/// What the one who asks may do with an image, by the rules and by the image's settings.
#[derive(Clone, Debug)]
pub struct ImageRights {
    /// Whether GET runs it.
    pub get: bool,
    /// Whether POST runs it.
    pub post: bool,
    /// Whether its form posts: GET does not run it, or shows the form to who is signed in by the browser.
    pub by_post: bool,
    /// Whether its file is offered.
    pub download: bool,
    /// What the rules allow; none: no rule binds the one who asks.
    pub allowed: Option<Vec<Action>>,
    /// Why it cannot be run, where the rules are in the way.
    pub refusal: Option<Refusal>,
}

/// A form, filled in: what would run, or why not yet.
#[derive(Debug)]
pub struct FormPreview {
    /// What the image would get, without what is wrong.
    pub argv: Vec<String>,
    /// `apptainer run hello-name.sif --name Amy`
    pub command: String,
    /// What is wrong.
    pub errors: Vec<ArgError>,
    /// What was ignored, changed, given.
    pub report: BindReport,
}

/// A finished run.
#[derive(Debug)]
pub struct FinishedRun {
    /// What ran.
    pub target: Target,
    /// Bytes of the image.
    pub size: Option<u64>,
    /// `apptainer run hello-name.sif --name Amy`, to copy and paste.
    pub command: String,
    /// What the image got.
    pub argv: Vec<String>,
    /// What ran it: `apptainer version 1.4.5`.
    pub runtime: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The end of stderr as text, without paths of the server.
    pub stderr: String,
    /// What was ignored, changed, given.
    pub report: BindReport,
    /// The image's arguments, to fill the form again.
    pub spec: ArgSpec,
    /// The media type that the image's author declared.
    pub output: Option<MediaType>,
    /// Seconds for which the answer may be cached.
    pub max_age: Option<u32>,
    /// Whether a launcher carried it elsewhere: then its exit status is the launcher's.
    pub carried: bool,
    /// Whether it runs by POST only.
    pub by_post: bool,
}

/// What can be called, for a description that programs read.
#[derive(Debug)]
pub struct Described {
    /// The image that was asked for; the whole folder if none.
    pub image: Option<ImageName>,
    /// The folders in it, as far as they fit in.
    pub folders: Vec<FolderName>,
    /// What can be called, in the order of the folder.
    pub callables: Vec<Callable>,
    /// So many images did not fit in.
    pub left_out: usize,
    /// Whether the site tells its numbers.
    pub metrics: bool,
    /// Whether it depends on who asks.
    pub tokens: bool,
}

/// An image or an app, as far as its callers must know it.
#[derive(Debug)]
pub struct Callable {
    /// What it is called.
    pub target: Target,
    /// One line about it.
    pub summary: Option<String>,
    /// Its help, cut to a bound.
    pub help: Option<String>,
    /// Its arguments.
    pub spec: ArgSpec,
    /// Seconds for which its answers may be cached.
    pub max_age: Option<u32>,
    /// How the site treats its words.
    pub policy: SanitisePolicy,
    /// Whether GET runs it.
    pub get: bool,
    /// Whether POST runs it.
    pub post: bool,
    /// Whether the site offers it as a file.
    pub download: bool,
}

/// One thing that has to hold for the site to work.
#[derive(Debug)]
pub struct Check {
    /// A machine word.
    pub what: &'static str,
    /// How much depends on it.
    pub weight: Weight,
    /// What was found, for the administrator.
    pub detail: String,
    /// Why it does not hold, if so, for the administrator.
    pub wrong: Option<String>,
    /// The same for visitors.
    pub public: Option<String>,
    /// What it buys.
    pub buys: &'static str,
    /// What is lost without it.
    pub lost: &'static str,
    /// How to get it.
    pub get: &'static str,
}

/// The site in numbers, counted from the data folder and the locks.
#[derive(Debug)]
pub struct Metrics {
    /// Containers at once.
    pub slots: usize,
    /// Containers that run now.
    pub in_use: usize,
    /// Runs that found no slot, since the state folder was made.
    pub refusals: u64,
    /// Images in the data folder.
    pub images: usize,
    /// Entries of the data folder that are not served.
    pub not_served: usize,
    /// What has to hold.
    pub checks: Vec<Check>,
}

/// How much depends on something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing runs without it.
    Needed,
    /// A promise of isolation depends on it; `strict` refuses without it.
    Promised,
    /// Things are better with it.
    Better,
}

impl Weight {
    /// A machine word.
    pub fn code(self) -> &'static str {
        match self {
            Weight::Needed => "needed",
            Weight::Promised => "promised",
            Weight::Better => "better",
        }
    }
}
