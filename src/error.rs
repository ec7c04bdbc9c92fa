//! Why a request was not answered as asked. Stands above the stages: one
//! variant and one `From` for each, and from each the same three facts: its
//! row in the table of problems (`problems.rs`: status, word, title), a public
//! text (no path, says what to do next), a log text.

use thiserror::Error;

use crate::args::{BindError, InputError, Rejected};
use crate::auth::{Action, IdentityError};
use crate::http::RequestError;
use crate::image::{CatalogError, Distrust, FindError, MetadataError, NotRun};
use crate::problems::Code;
use crate::run::{HostFeature, RuntimeError, StartError, StateError};

/// Everything that can keep an answer back. The display text is for the log.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error("request: {0}")]
    Request(#[from] RequestError),
    #[error("no such address")]
    NoRoute,
    #[error("method not allowed, allowed: {0}")]
    Method(String),
    #[error("this image runs only by {0}")]
    RunMethod(String),
    #[error("host not accepted")]
    Host,
    #[error("a page of another origin asked for a run")]
    CrossSite,
    #[error("a run was asked for as a part of a page, or as a prefetch")]
    Embedded,
    #[error("who asks: {0}")]
    Identity(#[from] IdentityError),
    #[error("no rule lets this visitor {}", .0.action)]
    NotAllowed(Refusal),
    #[error("an identity that a browser sends by itself, and no sign of the page that asked")]
    UnprovenOrigin,
    #[error("data folder: {0}")]
    Catalog(CatalogError),
    #[error("image: {0}")]
    Find(#[from] FindError),
    #[error("no such page of the list, the last is {0}")]
    Page(usize),
    /// `version` of an OpenAPI document is none of these.
    #[error("no document of that version")]
    Version(&'static [&'static str]),
    #[error("no such app")]
    NoApp,
    #[error("metadata: {0}")]
    Metadata(#[from] MetadataError),
    #[error("not run here: {0}")]
    NotRun(NotRun),
    #[error("download is not offered")]
    NoDownload,
    #[error("content of an unknown type")]
    MediaType,
    #[error("content with an encoding: {0}")]
    ContentEncoding(String),
    #[error("a query beside content, with {0}")]
    QueryBesideContent(String),
    #[error("content too large")]
    BodyTooLarge,
    #[error("content without a length")]
    BodyNoLength,
    #[error("content incomplete")]
    BodyIncomplete,
    #[error("arguments: {0}")]
    Arguments(#[from] BindError),
    #[error("all slots are taken")]
    Busy,
    #[error("this visitor has as many runs as it may")]
    VisitorBusy,
    #[error("this visitor has begun {limit} runs in a minute")]
    TooManyRuns { limit: u32, wait: u32 },
    #[error("the server already sends as many answers of runs as it can")]
    Crowded,
    #[error("the server already sends as many answers of runs to this visitor as it may have")]
    VisitorCrowded,
    #[error("the run cannot be written down (`audit`): {0}")]
    Audit(std::io::Error),
    #[error("the answer cannot be spooled: {0}")]
    Spool(std::io::Error),
    #[error("the image was replaced meanwhile")]
    Replaced,
    #[error("runtime: {0}")]
    Runtime(#[from] RuntimeError),
    #[error("strict: a promise of isolation does not hold here: {code}: {1}", code = .0.code())]
    Strict(HostFeature, String),
    #[error("{0}")]
    State(#[from] StateError),
    #[error("{0}")]
    Start(#[from] StartError),
    #[error("panic")]
    Panicked,
}

/// What no rule allows, of something that may be seen.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What was asked for.
    pub action: Action,
    /// Whether it would be allowed to somebody who has said a name, and nobody has.
    pub name_could_help: bool,
    /// Where people sign in, if anywhere.
    pub login: Option<String>,
    /// Whose site it is, if it says so.
    pub owner: Option<String>,
}

impl Refusal {
    /// How to get the right.
    pub fn advice(&self) -> String {
        let owner = self.owner.as_ref().map_or(String::new(), |owner| format!(": {owner}"));
        match (self.name_could_help, &self.login) {
            (true, Some(login)) => format!("Sign in at {login}, or send a token in `Authorization: Bearer`."),
            (true, None) => {
                format!("Send a token in `Authorization: Bearer`, or ask the site's owner how to sign in{owner}.")
            }
            (false, _) => format!("The site's owner can give you the right{owner}."),
        }
    }
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Error {
        match error {
            CatalogError::Inner(inner) => Error::Find(inner),
            other => Error::Catalog(other),
        }
    }
}

impl From<Distrust> for Error {
    fn from(why: Distrust) -> Error {
        Error::NotRun(NotRun::Distrust(why))
    }
}

impl Error {
    /// Its row in the table of problems.
    pub fn code(&self) -> Code {
        match self {
            Error::Request(RequestError::Query) => Code::QueryTooLong,
            Error::Request(RequestError::Field) => Code::FieldTooLarge,
            Error::Request(RequestError::Path) | Error::NoRoute => Code::NoSuchAddress,
            Error::Request(
                RequestError::NoMethod | RequestError::Mount(_) | RequestError::Host | RequestError::Length,
            ) => Code::BadRequest,
            Error::Method(_) | Error::RunMethod(_) => Code::MethodNotAllowed,
            Error::Host => Code::UnknownHost,
            Error::Identity(IdentityError::WrongToken) => Code::WrongToken,
            Error::Identity(IdentityError::Tokens(_)) => Code::TokensUnknown,
            Error::Identity(_) => Code::IdentityRefused,
            Error::NotAllowed(Refusal { name_could_help: true, .. }) => Code::NotSignedIn,
            Error::NotAllowed(_) => Code::NotAllowed,
            Error::UnprovenOrigin => Code::UnprovenOrigin,
            Error::CrossSite => Code::CrossSite,
            Error::Embedded => Code::Embedded,
            Error::Catalog(_) => Code::DataFolder,
            Error::Find(FindError::NotFound | FindError::Folder(_)) => Code::NoSuchImage,
            Error::Find(FindError::Io(_)) => Code::ImageUnavailable,
            Error::Find(FindError::Denied) | Error::Metadata(_) => Code::UnreadableImage,
            Error::NotRun(NotRun::Obstacle(_)) | Error::Runtime(RuntimeError::Evaluates(_)) => Code::NotRunHere,
            Error::Page(_) => Code::BadPage,
            Error::Version(_) => Code::UnknownVersion,
            Error::NoApp | Error::Find(FindError::NoApp) => Code::NoSuchApp,
            Error::NotRun(NotRun::Distrust(_)) => Code::NotTrusted,
            Error::NoDownload => Code::NotOffered,
            Error::MediaType | Error::ContentEncoding(_) => Code::UnknownContent,
            Error::QueryBesideContent(_) => Code::QueryBesideContent,
            Error::BodyTooLarge | Error::Arguments(BindError::Input(InputError::BodyTooLong)) => Code::ContentTooLarge,
            Error::BodyNoLength => Code::LengthRequired,
            Error::BodyIncomplete => Code::ContentIncomplete,
            Error::Arguments(BindError::Input(InputError::QueryTooLong)) => Code::QueryTooLong,
            Error::Arguments(BindError::Input(InputError::TooMany)) => Code::TooManyParameters,
            Error::Arguments(BindError::Input(InputError::NotJson { .. } | InputError::NotUtf8 { .. })) => {
                Code::NotJson
            }
            Error::Arguments(BindError::Input(InputError::NotAnObject)) => Code::NotAnObject,
            Error::Arguments(BindError::Rejected(_)) => Code::BadArguments,
            Error::Busy => Code::Busy,
            Error::Crowded => Code::Crowded,
            Error::VisitorBusy | Error::VisitorCrowded => Code::VisitorBusy,
            Error::TooManyRuns { .. } => Code::TooManyRuns,
            Error::Audit(_) => Code::Audit,
            Error::Spool(_) => Code::NoRoom,
            Error::Replaced => Code::Replaced,
            Error::Runtime(RuntimeError::Unknown(..) | RuntimeError::Asking) | Error::Strict(..) => Code::Isolation,
            Error::Runtime(
                RuntimeError::Missing
                | RuntimeError::NotExecutable(_)
                | RuntimeError::Writable(_)
                | RuntimeError::Hangs(_)
                | RuntimeError::Broken(..)
                | RuntimeError::Refuses(..),
            ) => Code::NoRuntime,
            Error::State(_) | Error::Start(_) | Error::Runtime(RuntimeError::Lock(..)) => Code::CannotStart,
            Error::Panicked => Code::Internal,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code().row().status
    }

    /// A short summary for people.
    pub fn title(&self) -> &'static str {
        self.code().row().title
    }

    /// What the visitor can do. Never a path of the server.
    pub fn detail(&self) -> String {
        match self {
            Error::Request(RequestError::Path) | Error::NoRoute => {
                "Look at the list of all images, and at the links on their pages.".to_owned()
            }
            Error::Request(error) => sentence(error),
            Error::Method(allowed) => format!("Use one of: {allowed}."),
            Error::RunMethod(allowed) => {
                format!(
                    "This image runs only by {allowed}. Use the form on its page, or send the arguments by {allowed}."
                )
            }
            Error::Host => "Use the address that the site's owner gave you.".to_owned(),
            Error::Identity(IdentityError::WrongToken) => {
                "Send a token that the site's owner has made (`singularity-nginx token add`), or none.".to_owned()
            }
            Error::Identity(IdentityError::Tokens(_)) => "Try again later. The site's log has the reason.".to_owned(),
            Error::Identity(_) => "The site's owner finds the reason in the log, under this request's id.".to_owned(),
            Error::NotAllowed(refusal) => {
                format!("You may look at this image, but not {} it. {}", refusal.action.word(), refusal.advice())
            }
            Error::UnprovenOrigin => "Use the form on the image's page. A program sends a token in `Authorization: \
                Bearer`, or `Origin` with the address of this site."
                .to_owned(),
            Error::CrossSite => "A page of another site asked for a run, and this site does not allow that. The \
                site's owner can add the page's origin to `allow_origins`."
                .to_owned(),
            Error::Embedded => "Open a run as a page of its own, or fetch it by a script. It cannot be a picture, a \
                frame or a script in a page, and it cannot be prefetched. Link to the image's page instead."
                .to_owned(),
            Error::Catalog(error) => sentence(error),
            Error::Find(FindError::Io(_)) => "The image could not be opened. Try again later.".to_owned(),
            Error::Find(FindError::NotFound) => {
                "Look at the list of all images. Each request reads it again.".to_owned()
            }
            Error::Find(FindError::NoApp) | Error::NoApp => {
                "Look at the image's page for the apps it has.".to_owned()
            }
            Error::Find(error) => sentence(error),
            Error::Version(known) => format!("Send `version` as {}, or leave it out.", known.join(" or ")),
            Error::Page(last) => format!("Send `page` as a whole number from 1 to {last}, or leave it out."),
            Error::Metadata(error) => sentence(error),
            Error::NotRun(NotRun::Obstacle(why)) => sentence(why),
            Error::NotRun(NotRun::Distrust(why)) => format!("The image is not run: {why}."),
            Error::NoDownload => {
                "This site does not offer this image as a file. The site's owner can offer it (`download`).".to_owned()
            }
            Error::ContentEncoding(encoding) => {
                format!("Send the content as it is, without `Content-Encoding`: `{encoding}` is not taken.")
            }
            Error::QueryBesideContent(names) => {
                format!("A POST has its arguments in its content: leave the query out of the address ({names}).")
            }
            Error::MediaType => {
                "Send the arguments as application/x-www-form-urlencoded or as an application/json object.".to_owned()
            }
            Error::BodyTooLarge => "Send at most 64 KiB of arguments.".to_owned(),
            Error::BodyNoLength => {
                "Send the length of the content (Content-Length). This server accepts no chunked content.".to_owned()
            }
            Error::BodyIncomplete => "The content ended before its announced length. Send it again.".to_owned(),
            Error::Arguments(BindError::Input(error)) => sentence(error),
            Error::Arguments(BindError::Rejected(rejected)) => reasons(rejected),
            Error::Busy => {
                "This site already runs as many containers as it allows. Try again in a few seconds.".to_owned()
            }
            Error::VisitorBusy => "You already run as many containers as one visitor may. Try again when one of them has \
                ended. Everybody who shares your address counts, unless you are signed in."
                .to_owned(),
            Error::TooManyRuns { limit, .. } => format!(
                "One visitor of this site may begin {limit} runs a minute (`runs_a_minute`). Nothing has run. Everybody who shares \
                 your address counts, unless you are signed in."
            ),
            Error::Crowded => "The server is already sending as many answers of runs as it can. Try again in a few \
                 seconds."
                .to_owned(),
            Error::VisitorCrowded => "The server is already sending as many answers of runs to your address as one \
                address may have. Read them or close them, then try again. Everybody who shares your address counts."
                .to_owned(),
            Error::Audit(_) => "This site writes down every run, and cannot do so now. Nothing has run. Try again later. \
                The site's log has the reason."
                .to_owned(),
            Error::Spool(_) => "The answer is long, and the server has no room to keep it while you read it. Try \
                again in a few seconds, or ask for less."
                .to_owned(),
            Error::Replaced => {
                "The image was replaced by another file during your request. Check its arguments, then ask again."
                    .to_owned()
            }
            Error::Runtime(RuntimeError::Missing | RuntimeError::NotExecutable(_)) => {
                "The site's owner must install a container runtime, or name the one that is there (`runtime`)."
                    .to_owned()
            }
            Error::Runtime(RuntimeError::Unknown(..) | RuntimeError::Asking) => {
                "The server is still finding out how well this host can isolate containers. Nothing is run before \
                 that is known. Try again in a few seconds."
                    .to_owned()
            }
            Error::Runtime(RuntimeError::Evaluates(_)) => {
                "The container runtime of this site is too old to pass this choice as it is. Its owner can install Apptainer \
                 1.1 or SingularityCE 3.10, or a later one."
                    .to_owned()
            }
            Error::State(_) | Error::Start(_) | Error::Runtime(RuntimeError::Lock(..)) => {
                "Try again later. The site's log has the reason.".to_owned()
            }
            Error::Runtime(_) => {
                "The site's container runtime cannot be used. `singularity-nginx doctor` tells the site's owner why."
                    .to_owned()
            }
            Error::Strict(..) => {
                "This host cannot keep all promises of isolation, and this site is strict about them. \
                 `singularity-nginx doctor` tells the site's owner what is missing."
                    .to_owned()
            }
            Error::Panicked => "The site's log has the reason, under this request's id.".to_owned(),
        }
    }

    /// The arguments that were refused.
    pub fn rejected(&self) -> Option<&Rejected> {
        match self {
            Error::Arguments(BindError::Rejected(rejected)) => Some(rejected),
            _ => None,
        }
    }

    /// Seconds after which it is worth to ask again.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Error::Runtime(RuntimeError::Unknown(..) | RuntimeError::Asking) => Some(5),
            Error::Busy | Error::Replaced | Error::Crowded | Error::VisitorBusy | Error::VisitorCrowded => Some(2),
            Error::TooManyRuns { wait, .. } => Some(*wait),
            Error::Spool(_) => Some(10),
            _ if self.status() == 503 => Some(30),
            _ => None,
        }
    }

    /// The `WWW-Authenticate` field that goes with a 401 (RFC 9110 §11.6.1, RFC 6750 §3).
    pub fn authenticate(&self) -> Option<&'static str> {
        match self.code() {
            Code::NotSignedIn => Some("Bearer"),
            Code::WrongToken => Some("Bearer error=\"invalid_token\""),
            _ => None,
        }
    }

    /// Where to sign in, where that could help.
    pub fn login(&self) -> Option<&str> {
        match self {
            Error::NotAllowed(Refusal { name_could_help: true, login, .. }) => login.as_deref(),
            _ => None,
        }
    }

    /// The `Allow` field that goes with a 405.
    pub fn allow(&self) -> Option<&str> {
        match self {
            Error::Method(allowed) | Error::RunMethod(allowed) => Some(allowed),
            _ => None,
        }
    }
}

fn sentence(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => text,
    }
}

fn reasons(rejected: &Rejected) -> String {
    let reasons: Vec<String> = rejected.errors().iter().map(ToString::to_string).collect();
    format!("{}.", reasons.join("; "))
}
