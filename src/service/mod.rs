//! What the program does, free of HTTP: lists, describes, runs.
//!
//! In: who asks ([`Caller`]), a target, an input. Out: plain values (`values.rs`) or an [`Error`]. The web, the terminal and
//! whatever comes next call the same functions, and nobody else opens the data folder. Everything is looked at afresh for
//! each call; what is kept between calls is how many threads do what at once.
//!
//! Never: knows a request, an address on the web, or how anything looks.

mod access;
mod audit;
mod checks;
mod describe;
mod folder_view;
mod logo;
mod lookup;
mod rule_checks;
mod run;
mod semaphore;
mod values;
pub mod visitor_semaphore;
mod visitors;

use std::sync::Arc;

use crate::args::ArgSpec;
use crate::auth::{Principal, Verb};
use crate::config::{Config, ImageSettings};
use crate::error::Error;
use crate::image::{FolderName, Format, Image, Labels, Listing, Metadata, NotRun, Target};
use crate::log;
use crate::run::{self as processes, Client};
use crate::visitor::Visitor;
use folder_view::FolderView;
use semaphore::{Permit, Semaphore};
pub use values::{
    Callable, Check, Described, Download, FinishedRun, Folder, FolderRow, FolderRowDetails, FormPreview, ImageDetails,
    ImageRights, LAST_PAGE, Logo, Metrics, Weight,
};
use visitor_semaphore::VisitorSemaphore;

/// Callers that read images at the same time, for each processor: some wait for the disk.
const MAX_READING: usize = 4;
/// Callers that may wait for a slot at the same time (`wait`), and those of one visitor among them; further ones are
/// refused at once.
const MAX_WAITING: (u64, u64) = (64, 16);

/// A site: its configuration, and how many may do what at once.
#[derive(Debug)]
pub struct Service {
    config: Config,
    reading: Semaphore,
    waiting: Arc<VisitorSemaphore>,
}

/// Who asks for a run, and how it is known that nobody waits for it any more.
pub struct Caller<'a> {
    /// As whom.
    pub principal: Principal,
    /// How it was asked for.
    pub verb: Verb,
    /// What the log and the audit call it.
    pub id: String,
    /// From where; none at a terminal.
    pub visitor: Option<&'a Visitor>,
    /// The connection that the answer goes to, where there is one.
    pub client: Option<Client>,
}

impl Caller<'_> {
    /// The owner of the site, at a terminal.
    pub fn at_terminal() -> Caller<'static> {
        Caller {
            principal: Principal::Owner,
            verb: Verb::Post,
            id: format!("terminal-{}", std::process::id()),
            visitor: None,
            client: None,
        }
    }
}

/// An image, opened and read, for one request.
pub struct Opened {
    /// What was asked for.
    pub target: Target,
    /// The open file.
    pub image: Image,
    /// What it says of itself.
    pub metadata: Metadata,
    /// The labels that count: of the image, or of the app.
    pub labels: Labels,
    /// Its arguments.
    pub spec: ArgSpec,
    /// What holds for its runs.
    pub settings: ImageSettings,
    /// What the one who asked for it may do with it.
    pub rights: ImageRights,
}

impl Opened {
    /// Why it is not run here, if so: it has nothing to run, or others could have changed it.
    pub fn not_run(&self) -> Option<NotRun> {
        self.image.not_run_closely(&self.metadata, self.target.app.as_ref())
    }

    /// The same as an error.
    pub fn runs_here(&self) -> Result<(), Error> {
        self.refused(self.not_run())
    }

    /// As an error. What has gone from its path meanwhile cannot be judged by it: nobody is accused.
    fn refused(&self, why: Option<NotRun>) -> Result<(), Error> {
        match why {
            None => Ok(()),
            Some(NotRun::Distrust(_)) if self.replaced() => Err(Error::Replaced),
            Some(why) => Err(Error::NotRun(why)),
        }
    }

    /// Whether something else is at its path by now. Into ext3 the runtime writes.
    fn replaced(&self) -> bool {
        self.image.replaced(self.metadata.format == Format::Ext3)
    }
}

impl Service {
    /// A site with this configuration.
    pub fn new(config: Config) -> Service {
        let reading = Semaphore::new(MAX_READING * std::thread::available_parallelism().map_or(1, usize::from));
        Service { config, reading, waiting: VisitorSemaphore::new(MAX_WAITING.0, MAX_WAITING.1) }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What a server does once, before the first request: it makes room for
    /// descriptors, and orphans of a run whose supervisor was killed come to it.
    pub fn prepare(&self) {
        processes::more_descriptors();
        if let Err(error) = processes::become_subreaper() {
            log::event("missing", &[("what", &"subreaper"), ("why", &error)]);
        }
    }

    /// What a process of one request does at its end: questions about the host that are still open are answered, for
    /// the next one. Before it waits for that it calls `before`.
    pub fn finish(&self, before: impl FnOnce()) {
        processes::finish_probing(before);
    }

    /// The right to read images, until it is dropped; waits for it where too many do so already.
    pub fn reading_permit(&self) -> Permit<'_> {
        self.reading.acquire()
    }

    fn view(&self, who: &Principal) -> Result<FolderView<'_>, Error> {
        FolderView::open(&self.config.data, self.rights(who))
    }

    /// What the data folder and all folders in it hold at this moment, as far as `who` may see it.
    pub fn listing(&self, who: &Principal) -> Result<Listing, Error> {
        self.view(who)?.list_all(&FolderName::default())
    }

    /// What the data folder itself holds at this moment, as far as `who` may see it.
    fn top(&self, who: &Principal) -> Result<Listing, Error> {
        self.view(who)?.list(&FolderName::default())
    }
}
