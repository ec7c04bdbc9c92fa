//! [`Request`] → [`Response`]: one match on [`Route`]. The rooms know nothing
//! of one another; what flows between them flows here.

mod asker;
mod brand;
mod live;
mod readers;
mod runs;
mod sites;
mod spool;
mod who;

use crate::args::{Blank, Input};
use crate::auth::Principal;
use crate::error::Error;
use crate::http::{Method, Request, Response};
use crate::image::{FindError, FolderName, NotRun, TargetPath};
use crate::log;
use crate::reply::{OpenApiVersion, Reply};
use crate::routes::{Action, LOGO, Route};
pub use crate::run::Client;
use crate::service::visitor_semaphore::VisitorPermit;
use crate::service::{Folder, ImageRights, LAST_PAGE, Service};
use crate::view;
use asker::Asker;
use readers::Readers;

/// What pages of other origins may read of a run's header.
const EXPOSED: &str =
    "X-Run-Exit-Code, X-Run-Elapsed-Ms, X-Run-Ignored, X-Run-Changed, X-Run-Truncated, Retry-After, ETag";

/// What pages of other origins may send.
const HEADERS: &str = "Content-Type, Accept, Last-Event-ID";
/// The same where the site has rules.
const HEADERS_AND_TOKEN: &str = "Content-Type, Accept, Last-Event-ID, Authorization";

/// A site on the web: what it does, and how many read its answers at once.
#[derive(Debug)]
pub struct Site {
    service: Service,
    readers: Option<Readers>,
}

impl Site {
    /// The site of a service.
    pub fn new(service: Service) -> Site {
        Site { service, readers: None }
    }

    /// The same site for a server of so many connections.
    pub fn with_readers(self, connections: usize) -> Site {
        let readers = Readers::new(connections, self.service.config().longest_output());
        Site { readers: Some(readers), ..self }
    }

    /// What it does.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Places a request: see [`Request::place`].
    pub fn place(&self, request: &mut Request) -> Result<(), crate::http::RequestError> {
        let visitors = &self.service.config().visitors;
        request.place(&visitors.proxies, visitors.prefix.as_ref())
    }

    /// Answers a request. `client` is the visitor's connection, where the
    /// wire has one: a run ends when it does.
    pub fn respond(&self, request: &Request, client: Option<Client>) -> Response {
        let asker = match self.asker(request) {
            Ok(asker) => asker,
            Err(error) => return self.refuse(request, error),
        };
        let response = self.route(request, &asker, client).and_then(|response| self.spooled(request, response));
        let response = match response {
            Ok(response) => response,
            Err(error) => self.refused(request, &asker, asker.explain(error)),
        };
        self.finished(request, &asker, response)
    }

    /// The answer to a request that cannot be answered as asked, and nobody knows who asks.
    pub fn refuse(&self, request: &Request, error: Error) -> Response {
        let asker = Asker::default();
        let response = self.refused(request, &asker, error);
        self.finished(request, &asker, response)
    }

    fn refused(&self, request: &Request, asker: &Asker, error: Error) -> Response {
        if self.service.config().metrics && matches!(error, Error::Busy | Error::VisitorBusy) {
            // a number that cannot be written down is no reason to refuse otherwise
            let _ = self.service.slots(None).map(|slots| slots.refuse());
        }
        let told = match error {
            Error::CrossSite | Error::Embedded | Error::Identity(_) | Error::NotRun(NotRun::Distrust(_)) => true,
            _ => error.status() >= 500,
        };
        if told {
            log::event("refused", &[("id", &request.id), ("status", &error.status()), ("why", &error)]);
        }
        view::error(&error, request, &self.brand(request, asker))
    }

    fn route(&self, request: &Request, asker: &Asker, client: Option<Client>) -> Result<Response, Error> {
        self.check_host(request)?;
        let who = &asker.principal;
        let route = Route::parse(&request.path).ok_or(Error::NoRoute)?;
        if request.method == Method::Options {
            return Ok(view::options(&self.allowed(who, &route)));
        }
        let row = route.row();
        if !row.methods().contains(&request.method) {
            return Err(Error::Method(self.allowed(who, &route)));
        }
        let query = || request.query.clone();
        let _permit = (row.action == Action::Reads).then(|| self.service.reading_permit());
        let reply = match route {
            Route::Top => Reply::Go(302, Route::Home, String::new()),
            Route::Home => Reply::Home(self.folder(who, &FolderName::default(), &request.query)?),
            Route::Folder(folder) => Reply::Home(self.folder(who, &folder, &request.query)?),
            Route::Image(path) => match self.service.facts(who, &path, typed(&request.query)) {
                Err(Error::Find(FindError::Folder(folder))) => Reply::Go(308, Route::Folder(folder), query()),
                facts => Reply::Image(Box::new(facts?)),
            },
            Route::Args(path) => Reply::Args(self.service.open(who, &path)?.spec),
            Route::Labels(path) => Reply::Labels(self.service.open(who, &path)?.labels),
            Route::OpenApi => Reply::OpenApi(self.service.describe(who, None)?, version(&request.query)?),
            Route::ImageOpenApi(path) => {
                Reply::OpenApi(self.service.describe(who, Some(&path))?, version(&request.query)?)
            }
            Route::Run(path) => return self.run(&path, request, asker, client),
            Route::Download(path) => return self.send_file(&path, request, asker),
            Route::Static(file) if file.as_str() == LOGO => Reply::Logo(self.service.logo().ok_or(Error::NoRoute)?),
            Route::Static(file) => return view::asset(file.as_str(), request).ok_or(Error::NoRoute),
            Route::Random | Route::OldRandom => {
                let image = self.service.random(who)?.map(|image| Route::Image((&image).into()));
                Reply::Go(302, image.unwrap_or(Route::Home), String::new())
            }
            Route::Api => Reply::Api,
            Route::Problem(code) => Reply::About(code),
            Route::Health => Reply::Health(self.service.checks(false)),
            Route::Metrics => Reply::Metrics(Box::new(self.service.metrics(who)?)),
            Route::OldRun(path) => Reply::Go(308, Route::Run(path), query()),
            Route::ApiImages => Reply::ApiImages(self.service.top_names(who)?),
            Route::ApiImage(image) => {
                Reply::ApiImage(Box::new(self.service.facts(who, &(&image).into(), Input::NOTHING)?))
            }
            Route::ApiArgs(image) => Reply::Args(self.service.open(who, &(&image).into())?.spec),
            Route::ApiLabels(image) => Reply::Labels(self.service.open(who, &(&image).into())?.labels),
        };
        Ok(view::reply(reply, request, &self.brand(request, asker)))
    }

    /// A connection for an answer whose reader may be slow, where they are counted.
    fn admit(&self, request: &Request) -> Result<Option<VisitorPermit>, Error> {
        self.readers.as_ref().map(|readers| readers.admit(&request.visitor)).transpose()
    }

    /// A long answer waits for its reader in a file.
    fn spooled(&self, request: &Request, response: Response) -> Result<Response, Error> {
        let Some(readers) = self.readers.as_ref().filter(|_| request.method != Method::Head) else {
            return Ok(response);
        };
        let state = || {
            self.service.slots(None)?; // makes it
            Ok(self.service.config().state.as_path())
        };
        readers.spooled(state, &request.visitor, response)
    }

    /// An image's file, which takes its time.
    fn send_file(&self, path: &TargetPath, request: &Request, asker: &Asker) -> Result<Response, Error> {
        // whether it is there, and may be had, is said before anything else
        let download = self.service.download(&asker.principal, path)?;
        let permit = self.admit(request)?;
        let mut response = view::reply(Reply::File(download), request, &self.brand(request, asker));
        response.held.extend(permit.map(|permit| Box::new(permit) as Box<dyn std::any::Any>));
        Ok(response)
    }

    /// The `Allow` field of a route: an image may run by fewer methods. What may not be seen is as what is not there.
    fn allowed(&self, who: &Principal, route: &Route) -> String {
        match route {
            Route::Run(path) | Route::OldRun(path) => {
                let methods = self.ways(self.service.rights_at(who, path).ok().as_ref());
                let words = methods.iter().map(|method| method.as_str()).chain(["OPTIONS"]);
                words.collect::<Vec<_>>().join(", ")
            }
            _ => route.allow(),
        }
    }

    /// The methods that run an image; where there is none, those of the site.
    fn ways(&self, rights: Option<&ImageRights>) -> Vec<Method> {
        let site = self.service.config().site_settings();
        let (get, post) = match rights {
            Some(rights) => (rights.get, rights.post),
            None => (site.runs_by_get(), site.runs_by_post()),
        };
        [(get, Method::Get), (post, Method::Post)].into_iter().filter(|(runs, _)| *runs).map(|(_, way)| way).collect()
    }

    fn check_host(&self, request: &Request) -> Result<(), Error> {
        let hosts = &self.service.config().hosts;
        let host = request.headers.host.as_deref().unwrap_or_default();
        let known = hosts.is_empty() || hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        if known { Ok(()) } else { Err(Error::Host) }
    }

    /// Who else may keep an answer, read it, and what it depends on.
    fn finished(&self, request: &Request, asker: &Asker, response: Response) -> Response {
        let runs = Route::parse(&request.path).is_some_and(|route| route.row().action == Action::Runs);
        let response = if runs { view::of_a_run(response) } else { response };
        self.shared(request, self.kept_private(request, asker, response))
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
            .with("Access-Control-Allow-Headers", if self.service.takes_tokens() { HEADERS_AND_TOKEN } else { HEADERS })
            .with("Access-Control-Max-Age", "600")
    }

    /// A page of a folder's list, by the query's `q` and `page`.
    fn folder(&self, who: &Principal, folder: &FolderName, query: &str) -> Result<Folder, Error> {
        let page = asked(query, "page")
            .map_or(Some(1), |page| page.parse().ok().filter(|page| (1..=LAST_PAGE).contains(page)));
        self.service.list(who, folder, &asked(query, "q").unwrap_or_default(), page.ok_or(Error::Page(LAST_PAGE))?)
    }
}

/// The value of a name in a query.
fn asked(query: &str, key: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
}

/// In which version a document is wanted.
fn version(query: &str) -> Result<OpenApiVersion, Error> {
    let named = asked(query, "version").map(|name| OpenApiVersion::parse(&name));
    named.unwrap_or(Some(OpenApiVersion::default())).ok_or(Error::Version(OpenApiVersion::NAMES))
}

/// A form as far as it is filled in.
fn typed(query: &str) -> Input<'_> {
    Input::Query { text: query.as_bytes(), blank: Blank::Absent }
}

/// The answer of a site whose configuration cannot be read.
pub fn misconfigured() -> Response {
    view::misconfigured()
}
