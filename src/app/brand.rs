//! How the site calls itself, on pages.

use super::Site;
use crate::http::{Representation, Request, entity_tag};
use crate::view::Brand;

impl Site {
    /// What all pages show; a logo that cannot be shown is left out (`doctor` says so).
    pub(super) fn brand(&self, request: &Request) -> Brand<'_> {
        let brand = &self.service.config().brand;
        let logo = if request.representation == Representation::Page { self.service.logo() } else { None };
        Brand {
            title: brand.title.as_deref(),
            welcome: brand.welcome.as_deref(),
            link: brand.link.as_deref(),
            logo: logo.map(|logo| entity_tag(&logo.bytes).trim_matches('"').to_owned()),
        }
    }
}
