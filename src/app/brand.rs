//! How the site calls itself, on pages.

use super::Site;
use super::asker::Asker;
use crate::http::{Representation, Request, entity_tag};
use crate::view::Brand;

impl Site {
    /// What all pages show; a logo that cannot be shown is left out (`doctor` says so).
    pub(super) fn brand(&self, request: &Request, asker: &Asker) -> Brand<'_> {
        let brand = &self.service.config().brand;
        let logo = if request.representation == Representation::Page { self.service.logo() } else { None };
        let signed_in = asker.principal.is_signed_in().then(|| asker.principal.to_string());
        Brand {
            signed_in,
            login: self.service.config().access.login_url.as_deref(),
            title: brand.title.as_deref(),
            welcome: brand.welcome.as_deref(),
            link: brand.link.as_deref(),
            logo: logo.map(|logo| entity_tag(&logo.bytes).trim_matches('"').to_owned()),
        }
    }
}
