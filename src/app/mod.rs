//! [`Request`] → [`Response`]: one match on [`Route`]. The rooms know nothing
//! of one another; what flows between them flows here.

mod brand;
mod checks;
mod describe;
mod gate;
mod live;
mod look;
mod readers;
mod runs;
mod shares;
mod sites;
mod spool;
mod visitors;

use std::sync::Arc;

use crate::args::ArgSpec;
use crate::config::Config;
use crate::error::Error;
use crate::http::{Method, Request, Response};
use crate::image::{Catalog, Format, Image, ImageName, Labels, Listing, Metadata};
use crate::log;
use crate::reply::Reply;
use crate::routes::{Does, LOGO, Route, Target};
use crate::run;
pub use crate::run::Client;
use crate::view;
use gate::Gate;
use readers::Readers;
use shares::Shares;

/// What pages of other origins may read of a run's header.
const EXPOSED: &str =
    "X-Run-Exit-Code, X-Run-Elapsed-Ms, X-Run-Ignored, X-Run-Changed, X-Run-Truncated, Retry-After, ETag";

/// Requests that read images at the same time, for each processor: some wait for the disk.
const LOOKING: usize = 4;
/// Requests that may wait for a slot at the same time (`wait`), and those of one visitor among them; further ones are
/// refused at once.
const WAITING: (u64, u64) = (64, 16);

/// A site: its configuration, and how many may do what at once. Everything else is looked at afresh.
#[derive(Debug)]
pub struct Site {
    config: Config,
    looking: Gate,
    waiting: Arc<Shares>,
    readers: Option<Readers>,
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
}

impl Opened {
    /// Whether it may be run at all: a kind of image that is run here, which nobody else can change.
    pub fn runs_here(&self) -> Result<(), Error> {
        match self.metadata.format.not_run() {
            Some(why) => Err(Error::NotRun(why)),
            None => Ok(self.image.trust()?),
        }
    }

    /// Whether something else is at its path by now. Into ext3 the runtime writes.
    fn replaced(&self) -> bool {
        self.image.replaced(self.metadata.format == Format::Ext3)
    }
}

impl Site {
    /// A site with this configuration.
    pub fn new(config: Config) -> Site {
        let looking = Gate::new(LOOKING * std::thread::available_parallelism().map_or(1, usize::from));
        Site { config, looking, waiting: Shares::new(WAITING.0, WAITING.1), readers: None }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What a server does once, before the first request: it makes room for
    /// descriptors, and orphans of a run whose keeper was killed come to it.
    pub fn prepare(&self) {
        run::more_descriptors();
        if let Err(error) = run::adopt() {
            log::event("missing", &[("what", &"subreaper"), ("why", &error)]);
        }
    }

    /// What a process of one request does at its end: questions about the host that are still open are answered, for
    /// the next one. Before it waits for that it calls `before`.
    pub fn finish(&self, before: impl FnOnce()) {
        run::finish_probing(before);
    }

    /// Answers a request. `client` is the visitor's connection, where the
    /// wire has one: a run ends when it does.
    pub fn respond(&self, request: &Request, client: Option<Client>) -> Response {
        let response = self.route(request, client).and_then(|response| self.spooled(request, response));
        let response = match response {
            Ok(response) => response,
            Err(error) => return self.refuse(request, error, &request.id),
        };
        self.shared(request, response)
    }

    /// The answer to a request that cannot be answered as asked.
    pub fn refuse(&self, request: &Request, error: Error, id: &str) -> Response {
        if self.config.metrics && matches!(error, Error::Busy | Error::VisitorBusy) {
            // a number that cannot be written down is no reason to refuse otherwise
            let _ = self.slots(None).map(|slots| slots.refuse());
        }
        if error.status() >= 500 || matches!(error, Error::CrossSite | Error::Embedded | Error::Distrust(_)) {
            log::event("refused", &[("id", &id), ("status", &error.status()), ("why", &error)]);
        }
        self.shared(request, view::error(&error, request, &self.brand(request)))
    }

    fn route(&self, request: &Request, client: Option<Client>) -> Result<Response, Error> {
        self.check_host(request)?;
        let route = Route::parse(&request.path).ok_or(Error::NoRoute)?;
        if request.method == Method::Options {
            return Ok(view::options(&self.allowed(&route)));
        }
        let row = route.row();
        if !row.methods().contains(&request.method) {
            return Err(Error::Method(self.allowed(&route)));
        }
        let query = || request.query.clone();
        let _pass = (row.does == Does::Reads).then(|| self.looking.enter());
        let reply = match route {
            Route::Top => Reply::Go(302, Route::Home, String::new()),
            Route::Home => Reply::Home(self.folder(&request.query)?),
            Route::Image(target) => Reply::Image(Box::new(self.facts(&target, &request.query, false)?)),
            Route::Args(target) => Reply::Args(self.open(&target)?.spec),
            Route::Labels(target) => Reply::Labels(self.open(&target)?.labels),
            Route::OpenApi => Reply::OpenApi(self.describe(None)?),
            Route::ImageOpenApi(image) => Reply::OpenApi(self.describe(Some(image))?),
            Route::Run(target) => return self.run(&target, request, client),
            Route::Download(image) => return self.send_file(&image, request),
            Route::Static(file) if file.as_str() == LOGO => Reply::Logo(self.logo().ok_or(Error::NoRoute)?),
            Route::Static(file) => return view::asset(file.as_str(), request).ok_or(Error::NoRoute),
            Route::Random | Route::OldRandom => Reply::Go(302, self.random()?, String::new()),
            Route::Problem(code) => Reply::About(code),
            Route::Health => Reply::Health(self.checks(false)),
            Route::Metrics => Reply::Metrics(Box::new(self.metrics()?)),
            Route::OldRun(target) => Reply::Go(308, Route::Run(target), query()),
            Route::ApiImages => Reply::ApiImages(self.names()?),
            Route::ApiImage(image) => Reply::ApiImage(Box::new(self.facts(&Target::image(&image), "", false)?)),
            Route::ApiArgs(image) => Reply::Args(self.open(&Target::image(&image))?.spec),
            Route::ApiLabels(image) => Reply::Labels(self.open(&Target::image(&image))?.labels),
        };
        Ok(view::reply(reply, request, &self.brand(request)))
    }

    /// An image's file, which takes its time.
    fn send_file(&self, image: &ImageName, request: &Request) -> Result<Response, Error> {
        let place = self.admit(request)?;
        let mut response = view::reply(Reply::File(self.download(image)?), request, &self.brand(request));
        response.held.extend(place.map(|place| Box::new(place) as Box<dyn std::any::Any>));
        Ok(response)
    }

    /// The `Allow` field of a route: an image may run by fewer methods.
    fn allowed(&self, route: &Route) -> String {
        match route {
            Route::Run(target) | Route::OldRun(target) => {
                let terms = self.config.terms(target.image.as_str());
                let methods: Vec<&str> = terms.run_methods.iter().map(|method| method.as_str()).collect();
                format!("{}, OPTIONS", methods.join(", "))
            }
            _ => route.allow(),
        }
    }

    fn check_host(&self, request: &Request) -> Result<(), Error> {
        let hosts = &self.config.hosts;
        let host = request.headers.host.as_deref().unwrap_or_default();
        let known = hosts.is_empty() || hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        if known { Ok(()) } else { Err(Error::Host) }
    }

    /// CORS (Fetch standard §3.2): only origins of the list, never credentials.
    fn shared(&self, request: &Request, response: Response) -> Response {
        let Some(origin) = request.headers.origin.as_deref().filter(|origin| self.allows(origin)) else {
            return response;
        };
        let response = response
            .with("Access-Control-Allow-Origin", if self.allows_all() { "*" } else { origin })
            .with("Access-Control-Expose-Headers", EXPOSED);
        if request.method != Method::Options {
            return response;
        }
        response
            .with("Access-Control-Allow-Methods", "GET, POST")
            .with("Access-Control-Allow-Headers", "Content-Type, Accept, Last-Event-ID")
            .with("Access-Control-Max-Age", "600")
    }

    fn catalog(&self) -> Result<Catalog, Error> {
        Ok(Catalog::open(&self.config.data)?)
    }

    /// What the data folder holds at this moment.
    fn listing(&self) -> Result<Listing, Error> {
        Ok(self.catalog()?.list()?)
    }
}

/// The answer of a site whose configuration cannot be read.
pub fn misconfigured() -> Response {
    view::misconfigured()
}
