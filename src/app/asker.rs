//! Who asks by HTTP, and whether a run with a browser's identity was meant.
//!
//! In: a principal, the fields of a request. Out: [`Asker`], [`Meant`]. Never: decides who may.

use crate::auth::Principal;
use crate::error::{Error, Refusal};
use crate::http::{Method, Representation, Request, same_origin};

/// Who asks.
#[derive(Debug, Default)]
pub struct Asker {
    /// As whom.
    pub principal: Principal,
    /// Whether a name was left out of account, because a page of another origin asks.
    pub foreign: bool,
}

impl Asker {
    /// Signing in helps no page of another origin: whoever is signed in already is not named by it.
    pub fn explain(&self, error: Error) -> Error {
        match error {
            Error::NotAllowed(refusal) if self.foreign => {
                Error::NotAllowed(Refusal { name_could_help: false, ..refusal })
            }
            other => other,
        }
    }
}

/// Whether a run that is asked for with an identity that browsers send by themselves was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// A page of this site, or a program that says so, asks for it.
    Yes,
    /// Somebody came by a link: a mail, a document, a bookmark. The form is shown.
    Led,
    /// Nobody knows.
    Unknown,
}

impl Meant {
    /// Reads the fields of `request`.
    pub fn of(request: &Request) -> Meant {
        let headers = &request.headers;
        if let Some(origin) = headers.origin.as_deref() {
            return if same_origin(origin, headers.host.as_deref()) { Meant::Yes } else { Meant::Unknown };
        }
        let read = request.method == Method::Get;
        match (headers.sec_fetch_site.as_deref(), headers.sec_fetch_mode.as_deref()) {
            (Some("same-origin" | "none"), Some(mode)) if mode != "navigate" => Meant::Yes,
            (Some(_), _) if read => Meant::Led,
            // over plain http browsers say nothing of it
            (None, _) if read && request.representation == Representation::Page => Meant::Led,
            _ => Meant::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_a_browsers_identity_was_meant_or_not() {
        use Representation::{Page, Raw};
        // method, form, site, mode, origin
        for (method, form, site, mode, origin, expected) in [
            (Method::Get, Raw, Some("same-origin"), Some("cors"), None, Meant::Yes),
            (Method::Get, Raw, Some("none"), Some("cors"), None, Meant::Yes),
            (Method::Get, Page, Some("same-origin"), Some("navigate"), None, Meant::Led),
            (Method::Get, Page, Some("none"), Some("navigate"), None, Meant::Led),
            (Method::Get, Page, Some("cross-site"), Some("navigate"), None, Meant::Led),
            (Method::Get, Raw, Some("same-origin"), None, None, Meant::Led),
            (Method::Post, Page, Some("same-origin"), Some("navigate"), Some("https://h"), Meant::Yes),
            (Method::Post, Page, Some("same-origin"), Some("navigate"), None, Meant::Unknown),
            (Method::Post, Raw, None, None, Some("http://h"), Meant::Yes),
            (Method::Post, Raw, None, None, Some("http://evil"), Meant::Unknown),
            (Method::Post, Raw, None, None, Some("null"), Meant::Unknown),
            (Method::Post, Raw, None, None, None, Meant::Unknown),
            (Method::Get, Raw, None, None, None, Meant::Unknown),
            (Method::Get, Page, None, None, None, Meant::Led),
        ] {
            let mut request = Request::get("", "/", "");
            (request.method, request.representation) = (method, form);
            request.headers.host = Some("h".to_owned());
            request.headers.sec_fetch_site = site.map(str::to_owned);
            request.headers.sec_fetch_mode = mode.map(str::to_owned);
            request.headers.origin = origin.map(str::to_owned);
            assert_eq!(Meant::of(&request), expected, "{method:?} {form:?} {site:?} {mode:?} {origin:?}");
        }
    }
}
