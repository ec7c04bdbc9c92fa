//! Which pages may run something: the rule for other sites.
//!
//! In: the fields by which a browser says where a request comes from. Out: run, show the form, or refuse. Never: a yes
//! from a field that a redirect of a third site leaves as it was (`Referer`).

use super::Site;
use super::asker::{Asker, Meant};
use crate::error::Error;
use crate::http::{FetchSite, Request, is_embedded};

impl Site {
    /// Whether a run that `request` asks for is answered by the form, because another site led its visitor here.
    /// An identity that a browser sends by itself counts only where a page of this site asks.
    pub(super) fn leads_to_form(&self, request: &Request, asker: &Asker) -> Result<bool, Error> {
        if self.is_led(request)? {
            return Ok(true);
        }
        match Meant::of(request) {
            Meant::Led if asker.principal.is_ambient() => Ok(true),
            Meant::Unknown if asker.principal.is_ambient() => Err(Error::UnprovenOrigin),
            _ => Ok(false),
        }
    }

    fn is_led(&self, request: &Request) -> Result<bool, Error> {
        let origin = request.headers.origin.as_deref();
        let allowed = self.allows_all() || origin.is_some_and(|origin| self.allows(origin));
        match FetchSite::of(request) {
            FetchSite::Ahead => Err(Error::Embedded),
            FetchSite::Navigation if !allowed => Ok(true),
            FetchSite::Foreign if !allowed => Err(Error::CrossSite),
            // no page may show a run as a part of itself, not even one of ours
            _ if is_embedded(request) => Err(Error::Embedded),
            FetchSite::Ours | FetchSite::Navigation | FetchSite::Foreign => Ok(false),
        }
    }

    /// Whether pages of this origin may call us.
    pub(super) fn allows(&self, origin: &str) -> bool {
        self.allows_all() || self.service.config().allow_origins.iter().any(|allowed| allowed == origin)
    }

    /// Whether pages of any origin may.
    pub(super) fn allows_all(&self) -> bool {
        self.service.config().allow_origins.iter().any(|allowed| allowed == "*")
    }
}
