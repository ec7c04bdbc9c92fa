//! [`Request`] → [`Response`]: one match on [`Route`]. The rooms know nothing
//! of one another; what flows between them flows here.

mod checks;
mod describe;

use std::io::Write;
use std::time::Duration;

use crate::args::{ArgSpec, Arguments, BindError, Blank, Input, Rejected, bind};
use crate::config::{Config, Terms};
use crate::error::Error;
use crate::http::{Body, FetchSite, Method, Request, Response};
use crate::image::{Catalog, Entry, FindError, Image, ImageName, Labels, Metadata, MetadataError};
use crate::log;
use crate::reply::{Asked, Download, Folder, ImageFacts, LAST_PAGE, Ran, Reply, Row, RowFacts};
use crate::route::{Route, Target};
pub use crate::run::Client;
use crate::run::{
    self, Abilities, Ability, Event, Invocation, Limits, Means, Run, Runtime, Slot, Slots, StartError, command,
};
use crate::view;

/// Images on one page of the list.
const PAGE: usize = 100;
/// Longest time without a sign of life on a live answer.
const HEARTBEAT: Duration = Duration::from_millis(900);
/// What pages of other origins may read of a run's header.
const EXPOSED: &str =
    "X-Run-Exit-Code, X-Run-Elapsed-Ms, X-Run-Ignored, X-Run-Changed, X-Run-Truncated, Retry-After, ETag";

/// A site: its configuration. Everything else is looked at afresh.
#[derive(Debug)]
pub struct Site {
    config: Config,
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

impl Site {
    /// A site with this configuration.
    pub fn new(config: Config) -> Site {
        Site { config }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What a server does once, before the first request: orphans of a run
    /// whose keeper was killed come to this process.
    pub fn prepare(&self) {
        if let Err(error) = run::adopt() {
            log::event("missing", &[("what", &"subreaper"), ("why", &error)]);
        }
    }

    /// What a server of many requests at once does besides.
    pub fn make_room(&self) {
        run::more_descriptors();
    }

    /// Answers a request. `client` is the visitor's connection, where the
    /// wire has one: a run ends when it does.
    pub fn respond(&self, request: &Request, client: Option<Client>) -> Response {
        let response = match self.route(request, client) {
            Ok(response) => response,
            Err(error) => return self.refuse(request, error, &request.id),
        };
        self.shared(request, response)
    }

    /// The answer to a request that cannot be answered as asked.
    pub fn refuse(&self, request: &Request, error: Error, id: &str) -> Response {
        if error.status() >= 500 || matches!(error, Error::CrossSite | Error::Distrust(_)) {
            log::event("refused", &[("id", &id), ("status", &error.status()), ("why", &error)]);
        }
        self.shared(request, view::error(&error, request))
    }

    fn route(&self, request: &Request, client: Option<Client>) -> Result<Response, Error> {
        self.check_host(request)?;
        let route = Route::parse(&request.path).ok_or(Error::NoRoute)?;
        if request.method == Method::Options {
            return Ok(view::options(&self.allowed(&route)));
        }
        if !route.methods().contains(&request.method) {
            return Err(Error::Method(self.allowed(&route)));
        }
        let query = || request.query.clone();
        let reply = match route {
            Route::Top => Reply::Go(302, Route::Home, String::new()),
            Route::Home => Reply::Home(self.folder(&request.query)?),
            Route::Image(target) => Reply::Image(Box::new(self.facts(&target, &request.query, false)?)),
            Route::Args(target) => Reply::Args(self.open(&target)?.spec),
            Route::Labels(target) => Reply::Labels(self.open(&target)?.labels),
            Route::OpenApi(image) => Reply::OpenApi(self.describe(image)?),
            Route::Run(target) => return self.run(&target, request, client),
            Route::Download(image) => Reply::File(self.download(&image)?),
            Route::Static(file) => return view::asset(&file, request).ok_or(Error::NoRoute),
            Route::Random | Route::OldRandom => Reply::Go(302, self.random()?, String::new()),
            Route::Health => Reply::Health(self.checks(false)),
            Route::OldRun(target) => Reply::Go(308, Route::Run(target), query()),
            Route::ApiImages => Reply::ApiImages(self.names()?),
            Route::ApiImage(image) => Reply::ApiImage(Box::new(self.facts(&Target::image(&image), "", false)?)),
            Route::ApiArgs(image) => Reply::Args(self.open(&Target::image(&image))?.spec),
            Route::ApiLabels(image) => Reply::Labels(self.open(&Target::image(&image))?.labels),
        };
        Ok(view::reply(reply, request))
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
        let any = self.config.allow_origins.iter().any(|allowed| allowed == "*");
        let response = response
            .with("Access-Control-Allow-Origin", if any { "*" } else { origin })
            .with("Access-Control-Expose-Headers", EXPOSED);
        if request.method != Method::Options {
            return response;
        }
        response
            .with("Access-Control-Allow-Methods", "GET, POST")
            .with("Access-Control-Allow-Headers", "Content-Type, Accept, Last-Event-ID")
            .with("Access-Control-Max-Age", "600")
    }

    fn allows(&self, origin: &str) -> bool {
        self.config.allow_origins.iter().any(|allowed| allowed == "*" || allowed == origin)
    }

    fn catalog(&self) -> Result<Catalog, Error> {
        Ok(Catalog::open(&self.config.data)?)
    }

    fn folder(&self, query: &str) -> Result<Folder, Error> {
        let ask = |key: &str| {
            url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == key).map(|(_, v)| v.into_owned())
        };
        let search: String =
            ask("q").unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(128).collect();
        let page = ask("page").map_or(Some(1), |page| page.parse().ok().filter(|page| (1..=LAST_PAGE).contains(page)));
        let page = page.ok_or(Error::Page(LAST_PAGE))?;
        let wanted = search.to_lowercase();
        let catalog = self.catalog()?;
        let mut images = catalog.list()?.images;
        images.retain(|entry| entry.name.as_str().to_lowercase().contains(&wanted));
        let total = images.len();
        let first = (page - 1) * PAGE;
        let rows = images.into_iter().skip(first).take(PAGE).map(|entry| row(&catalog, entry)).collect();
        Ok(Folder { rows, total, page, more: first + PAGE < total, query: search })
    }

    fn download(&self, name: &ImageName) -> Result<Download, Error> {
        let image = self.catalog()?.image(name)?;
        if !self.config.terms(name.as_str()).download || image.is_directory() {
            return Err(Error::NoDownload);
        }
        Ok(Download {
            image: name.clone(),
            size: image.size(),
            modified: image.modified(),
            accel: self.config.accel.clone(),
            file: image.file().try_clone().map_err(FindError::Io)?,
        })
    }

    fn names(&self) -> Result<Vec<Target>, Error> {
        Ok(self.catalog()?.list()?.images.iter().map(|entry| Target::image(&entry.name)).collect())
    }

    /// Some image, by the clock: nobody can predict or needs to.
    fn random(&self) -> Result<Route, Error> {
        let mut names = self.names()?;
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        match names.len() {
            0 => Ok(Route::Home),
            count => Ok(Route::Image(names.swap_remove(clock.subsec_nanos() as usize / 1000 % count))),
        }
    }

    /// The slots of the site, and those of an image with a table of its own.
    fn slots(&self, image: Option<&str>) -> Result<Slots, Error> {
        let terms = image.map_or(self.config.site_terms(), |image| self.config.terms(image));
        let prefix = image.map_or("slot".to_owned(), |image| format!("image-{image}"));
        Ok(Slots::open(&self.config.state, &prefix, terms.slots)?)
    }

    /// A slot of the site, and one of the image where it has its own number.
    fn take_slots(&self, image: &str) -> Result<Vec<Slot>, Error> {
        // the image's first: a crowd that waits for one image takes no slot of the site
        let mut slots = Vec::new();
        if self.config.special_images().any(|special| special == image) {
            slots.push(self.slots(Some(image))?);
        }
        slots.push(self.slots(None)?);
        let take = |slots: Slots| slots.take().map_err(StartError::from)?.map_err(|_| Error::Busy);
        slots.into_iter().map(take).collect()
    }

    /// Opens and reads an image.
    pub fn open(&self, target: &Target) -> Result<Opened, Error> {
        let image = self.catalog()?.image(&target.image)?;
        let metadata = image.metadata()?;
        let labels = match &target.app {
            None => metadata.labels.clone(),
            Some(app) => metadata.app(app).ok_or(Error::NoApp)?.labels.clone(),
        };
        let spec = ArgSpec::from_labels(labels.iter());
        Ok(Opened { target: target.clone(), image, metadata, labels, spec })
    }

    /// What a page of the image shows; its definition file for its owner, and
    /// for visitors where the site says so.
    pub fn facts(&self, target: &Target, query: &str, owner: bool) -> Result<ImageFacts, Error> {
        let Opened { target, image, mut metadata, labels, spec } = self.open(target)?;
        let app = target.app.as_ref().and_then(|app| metadata.app(app));
        let help = app.map_or(&metadata.help, |app| &app.help).clone();
        let runscript = app.map_or(&metadata.runscript, |app| &app.runscript).clone();
        if !owner && !self.config.terms(target.image.as_str()).show_definition {
            metadata.definition = None;
        }
        let asked = self.asked(&target, &spec, query)?;
        let refused = image.trust(own_group()).err().map(|why| why.to_string());
        let size = (!image.is_directory()).then(|| image.size());
        let modified = image.modified();
        let terms = self.config.terms(target.image.as_str());
        let download = terms.download && !image.is_directory();
        let by_post = !terms.run_methods.contains(&Method::Get);
        Ok(ImageFacts {
            target,
            size,
            modified,
            metadata,
            labels,
            help,
            runscript,
            spec,
            asked,
            refused,
            download,
            by_post,
        })
    }

    /// What would come of a form filled in like this. What is required and
    /// not there yet is no error before the run is asked for.
    fn asked(&self, target: &Target, spec: &ArgSpec, query: &str) -> Result<Asked, Error> {
        let runtime = Runtime::find(self.config.runtime.as_deref());
        let runtime = runtime.unwrap_or_else(|_| Runtime::at("apptainer".as_ref()));
        let image = target.image.as_str();
        let input = Input::Query { text: query.as_bytes(), blank: Blank::Absent };
        let mut asked = Asked::default();
        match bind(spec, input, &self.config.terms(image).sanitise) {
            Ok(arguments) => {
                asked.argv = arguments.argv().to_vec();
                asked.report = arguments.report().clone();
            }
            Err(BindError::Input(error)) => return Err(BindError::Input(error).into()),
            Err(BindError::Rejected(rejected)) => {
                let told = rejected.errors().iter().filter(|error| error.why.word() != "required");
                asked.errors = told.map(|one| (one.name.to_string(), one.why.word(), one.why.to_string())).collect();
                asked.report = rejected.report().clone();
            }
        }
        asked.given = asked.report.given().iter().map(|(name, text)| (name.to_string(), text.clone())).collect();
        asked.command = command(&runtime, image, target.app.as_ref().map(|app| app.as_str()), &asked.argv);
        Ok(asked)
    }

    /// A page for a run whose arguments cannot be used: the form again.
    fn rejected(&self, target: &Target, rejected: &Rejected) -> Result<Reply, Error> {
        let mut facts = self.facts(target, "", false)?;
        facts.asked.given =
            rejected.report().given().iter().map(|(name, text)| (name.to_string(), text.clone())).collect();
        facts.asked.errors =
            rejected.errors().iter().map(|one| (one.name.to_string(), one.why.word(), one.why.to_string())).collect();
        facts.asked.report = rejected.report().clone();
        Ok(Reply::Rejected(Box::new(facts)))
    }

    fn run(&self, target: &Target, request: &Request, client: Option<Client>) -> Result<Response, Error> {
        let foreign = FetchSite::of(request) == FetchSite::Foreign;
        if foreign && !request.headers.origin.as_deref().is_some_and(|origin| self.allows(origin)) {
            return Err(Error::CrossSite);
        }
        let terms = self.config.terms(target.image.as_str());
        if !terms.run_methods.contains(&request.method) {
            let allowed: Vec<&str> = terms.run_methods.iter().map(|method| method.as_str()).collect();
            return Err(Error::RunMethod(allowed.join(", ")));
        }
        if request.headers.last_event_id.is_some() {
            return Ok(Response::empty(204).with("Cache-Control", "no-store"));
        }
        let opened = self.open(target)?;
        let shape = view::shape(request, opened.spec.output());
        let arguments = match bind(&opened.spec, input(request, shape)?, &terms.sanitise) {
            Err(BindError::Rejected(rejected)) if shape == view::Shape::Page => {
                return Ok(view::reply(self.rejected(target, &rejected)?, request));
            }
            bound => bound?,
        };
        let (run, invocation) = self.start(&opened, &arguments, client)?;
        log::event("run", &[("id", &request.id), ("command", &invocation.shown)]);
        if shape == view::Shape::Events {
            return Ok(live(run, invocation, arguments, request.id.clone()));
        }
        let outcome = run.collect();
        log::event(
            "ran",
            &[
                ("id", &request.id),
                ("image", &target.image),
                ("end", &format!("{:?}", outcome.end)),
                ("ms", &outcome.elapsed.as_millis()),
            ],
        );
        let stderr = invocation.scrub(&String::from_utf8_lossy(&outcome.stderr));
        let Opened { target, image, spec, .. } = opened;
        let ran = Ran {
            target,
            size: (!image.is_directory()).then(|| image.size()),
            command: invocation.shown,
            runtime: invocation.runtime,
            outcome,
            stderr,
            report: arguments.report().clone(),
            output: spec.output(),
            max_age: spec.max_age(),
            by_post: !terms.run_methods.contains(&Method::Get),
            spec,
        };
        Ok(view::reply(Reply::Ran(Box::new(ran)), request))
    }

    /// Takes a slot and starts a run.
    pub fn start(
        &self,
        opened: &Opened,
        arguments: &Arguments,
        client: Option<Client>,
    ) -> Result<(Run, Invocation), Error> {
        opened.image.trust(own_group())?;
        let slots = self.take_slots(opened.target.image.as_str())?;
        let (invocation, limits) = self.invocation(opened, arguments.argv())?;
        let run = Run::start(&invocation, limits, &slots, client)?;
        Ok((run, invocation))
    }

    /// The exact command of a run, and its bounds.
    pub fn invocation(&self, opened: &Opened, argv: &[String]) -> Result<(Invocation, Limits), Error> {
        let name = opened.target.image.as_str();
        let terms = self.config.terms(name);
        let runtime = Runtime::find(self.config.runtime.as_deref())?;
        let abilities = self.abilities(&runtime)?;
        let limits = limits(terms, &abilities);
        let means = Means {
            runtime: &runtime,
            abilities: &abilities,
            limits: &limits,
            network: terms.network,
            launcher: &terms.launcher,
        };
        let app = opened.target.app.as_ref().map(|app| app.as_str());
        Ok((Invocation::new(&means, (name, opened.image.path()), app, argv), limits))
    }

    /// What the runtime can do here; with `strict`, a promise that does not
    /// hold is an error.
    fn abilities(&self, runtime: &Runtime) -> Result<Abilities, Error> {
        self.slots(None)?; // makes the state folder
        let abilities = Abilities::of(runtime, &self.config.state)?;
        let broken = abilities.missing.iter().find(|(ability, _)| ability.promised());
        match broken {
            Some((ability, why)) if self.config.strict => Err(Error::Strict(*ability, why.clone())),
            _ => Ok(abilities),
        }
    }
}

fn limits(terms: &Terms, abilities: &Abilities) -> Limits {
    Limits {
        deadline: terms.deadline,
        output: terms.output_limit,
        memory: terms.memory,
        processes: Some(terms.processes),
        cpus: terms.cpus,
        counted: abilities.has(Ability::UserNamespaces) && abilities.has(Ability::Counting),
    }
}

/// The answer of a site whose configuration cannot be read.
pub fn misconfigured() -> Response {
    view::misconfigured()
}

fn own_group() -> u32 {
    rustix::process::getegid().as_raw()
}

fn row(catalog: &Catalog, entry: Entry) -> Row {
    let facts = row_facts(catalog, &entry.name).map_err(|error| error.detail());
    let known = catalog.facts(&entry.name);
    Row {
        target: Target::image(&entry.name),
        size: known.filter(|_| !entry.directory).map(|(size, _)| size),
        modified: known.map_or(std::time::SystemTime::UNIX_EPOCH, |(_, modified)| modified),
        facts,
    }
}

fn row_facts(catalog: &Catalog, name: &ImageName) -> Result<RowFacts, Error> {
    let metadata = catalog.image(name)?.metadata().map_err(|error: MetadataError| Error::from(error))?;
    let lines = metadata.help.as_deref().unwrap_or_default().lines();
    let summary = lines.map(str::trim).find(|line| !line.is_empty()).map(|line| line.chars().take(200).collect());
    let spec = ArgSpec::from_labels(metadata.labels.iter());
    Ok(RowFacts { format: metadata.format, architecture: metadata.architecture, summary, spec })
}

/// Where the arguments are: a GET has them in the query, a POST in its
/// content only. A page's form sends its empty fields too: there they count
/// as left out.
fn input(request: &Request, shape: view::Shape) -> Result<Input<'_>, Error> {
    let blank = if shape == view::Shape::Page { Blank::Absent } else { Blank::Value };
    if request.method == Method::Get {
        return Ok(Input::Query { text: request.query.as_bytes(), blank });
    }
    let bytes = match &request.body {
        Body::Bytes(bytes) => bytes,
        Body::TooLarge => return Err(Error::BodyTooLarge),
        Body::NoLength => return Err(Error::BodyNoLength),
        Body::Incomplete => return Err(Error::BodyIncomplete),
    };
    let media = request.headers.content_type.as_deref().unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/x-www-form-urlencoded" => Ok(Input::Form { text: bytes, blank }),
        "application/json" => Ok(Input::Json(bytes)),
        "" if bytes.is_empty() => Ok(Input::Form { text: bytes, blank }),
        _ => Err(Error::MediaType),
    }
}

fn live(mut run: Run, invocation: Invocation, arguments: Arguments, id: String) -> Response {
    let write = move |output: &mut dyn Write| {
        let scrub = |text: &str| invocation.scrub(text);
        let mut stream = view::Stream::begin(output, &invocation.shown, arguments.report())?;
        loop {
            let event = run.next(HEARTBEAT.saturating_sub(stream.silent_for()));
            let facts =
                view::Facts { scrub: &scrub, truncated: run.truncated(), elapsed_ms: run.elapsed().as_millis() as u64 };
            stream.event(&event, &facts)?;
            if let Event::End(end) = event {
                log::event("ran", &[("id", &id), ("end", &format!("{end:?}")), ("ms", &run.elapsed().as_millis())]);
                return Ok(());
            }
            if stream.silent_for() >= HEARTBEAT {
                stream.event(&Event::Silence, &facts)?;
            }
        }
    };
    Response::live("text/event-stream", Box::new(write))
        .with("Cache-Control", "no-store")
        .with("X-Accel-Buffering", "no")
        .with("Vary", view::VARY)
}
