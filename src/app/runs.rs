//! A run by HTTP: who may ask, what is asked, and in which form it is answered.

use super::asker::Asker;
use super::live::live;
use super::{Client, Site};
use crate::args::{BindError, Blank, Input, bind};
use crate::auth::{Principal, Verb};
use crate::error::Error;
use crate::http::{Body, Method, Representation, Request, Response, Source};
use crate::image::TargetPath;
use crate::log;
use crate::reply::Reply;
use crate::service::{Caller, ImageRights};
use crate::text::{is_obeyed, shown};
use crate::view;

impl Site {
    pub(super) fn run(
        &self,
        path: &TargetPath,
        request: &Request,
        asker: &Asker,
        client: Option<Client>,
    ) -> Result<Response, Error> {
        let who = &asker.principal;
        let rights = match self.service.rights_at(who, path) {
            // what may not be seen is not there, whatever else is wrong with the request
            Err(error) if self.service.depends_on_who_asks() => return Err(error),
            rights => rights.ok(),
        };
        if self.leads_to_form(request, asker)? {
            let form = Reply::Form(path.clone(), self.without_secrets(who, path, &request.query));
            return Ok(view::reply(form, request, &self.brand(request, asker)));
        }
        self.check_method(request.method, rights)?;
        let permit = self.admit(request)?;
        if request.headers.last_event_id.is_some() {
            return Ok(Response::empty(204).with("Cache-Control", "no-store"));
        }
        let looking = self.service.reading_permit();
        let opened = self.service.open(who, path)?;
        opened.runs_here()?;
        self.check_method(request.method, Some(opened.rights.clone()))?;
        let arguments = match bind(&opened.spec, input(request)?, &opened.settings.sanitise) {
            Err(BindError::Rejected(rejected)) if request.representation == Representation::Page => {
                return Ok(view::reply(
                    Reply::Rejected(Box::new(self.service.rejected(who, path, &rejected)?)),
                    request,
                    &self.brand(request, asker),
                ));
            }
            bound => bound?,
        };
        drop(looking);
        let verb = if request.method == Method::Get { Verb::Get } else { Verb::Post };
        let caller =
            Caller { principal: who.clone(), verb, id: request.id.clone(), visitor: Some(&request.visitor), client };
        let (run, invocation) = self.service.start(caller, &opened, &arguments)?;
        log::event("run", &[("id", &request.id), ("command", &invocation.shown)]);
        let timeout = self.service.config().visitors.reader_patience;
        let held = |mut response: Response| {
            response.reader_timeout = Some(timeout);
            response.held.extend(permit.map(|permit| Box::new(permit) as Box<dyn std::any::Any>));
            response
        };
        if request.representation == Representation::Events {
            return Ok(held(live(run, invocation, arguments, request.id.clone(), timeout)));
        }
        let ran = self.service.ran(opened, &arguments, run, invocation)?;
        log::event(
            "ran",
            &[
                ("id", &request.id),
                ("image", &ran.target.image),
                ("end", &format!("{:?}", ran.outcome.end)),
                ("ms", &ran.outcome.elapsed.as_millis()),
            ],
        );
        Ok(held(view::reply(Reply::FinishedRun(Box::new(ran)), request, &self.brand(request, asker))))
    }
}

impl Site {
    /// A query to fill in the form with: what is never sent in an address goes into no other.
    fn without_secrets(&self, who: &Principal, path: &TargetPath, query: &str) -> String {
        let _looking = self.service.reading_permit();
        let Ok(opened) = self.service.open(who, path) else { return query.to_owned() };
        if !opened.spec.has_secrets() {
            return query.to_owned();
        }
        let is_secret = |name: &str| opened.spec.get(name).is_some_and(|arg| arg.write_only);
        let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !is_secret(name));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// Whether this method runs the image, for the one who asks. Where another does, it is named; where none does because of
    /// the rules, how to get the right.
    fn check_method(&self, method: Method, rights: Option<ImageRights>) -> Result<(), Error> {
        let ways = self.ways(rights.as_ref());
        if ways.contains(&method) {
            return Ok(());
        }
        match rights.and_then(|rights| rights.refusal) {
            Some(refusal) => Err(Error::NotAllowed(refusal)),
            None => Err(Error::RunMethod(ways.iter().map(|way| way.as_str()).collect::<Vec<_>>().join(", "))),
        }
    }
}

/// Where the arguments are: a GET has them in the query, a POST in its
/// content only. A browser sends each field of a form, also the empty ones:
/// from there they count as left out.
fn input(request: &Request) -> Result<Input<'_>, Error> {
    let blank = match request.source {
        Source::Form => Blank::Absent,
        Source::Program => Blank::Value,
    };
    if request.method == Method::Get {
        return Ok(Input::Query { text: request.query.as_bytes(), blank });
    }
    if let Some(names) = names(&request.query) {
        return Err(Error::QueryBesideContent(names));
    }
    if let Some(encoding) = request.headers.content_encoding.as_deref().map(str::trim)
        && !encoding.is_empty()
        && !encoding.eq_ignore_ascii_case("identity")
    {
        return Err(Error::ContentEncoding(shown(encoding, MAX_SHOWN, is_obeyed)));
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

/// Characters of a visitor's text that an error repeats.
const MAX_SHOWN: usize = 64;
/// Names of a query that an error repeats.
const MAX_NAMES: usize = 8;

/// The first names of a query; nothing of one that is empty.
fn names(query: &str) -> Option<String> {
    let mut names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| shown(&name, MAX_SHOWN, is_obeyed));
    let first: Vec<String> = names.by_ref().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    let more = if names.next().is_some() { ", …" } else { "" };
    (!first.is_empty()).then(|| first.join(", ") + more)
}
