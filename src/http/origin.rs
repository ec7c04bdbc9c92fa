//! Where a browser says a request comes from, and what for.
//!
//! Sources: the Fetch standard's `Origin`, the Fetch Metadata fields
//! `Sec-Fetch-Site`, `Sec-Fetch-Mode` and `Sec-Fetch-Dest`, and `Sec-Purpose`; where they are
//! missing (plain http) `Referer`. Programs send none of them; browsers cannot be made to forge them by a page.

use super::{Method, Request};

/// The relation of the page that caused a request to this site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchSite {
    /// This site's own page, the address bar, a bookmark, or a program.
    Ours,
    /// A GET by which a page of another site leads its visitor here: a link, a script, a refresh, a mail.
    Navigation,
    /// Everything else that a page of another site asks for.
    Foreign,
    /// A browser that fetches ahead of its user.
    Ahead,
}

impl FetchSite {
    /// Reads the fields of `request`. A field that is present but unknown
    /// counts as foreign.
    pub fn of(request: &Request) -> FetchSite {
        let headers = &request.headers;
        // a browser that fetches ahead does not do what its user asked for
        if headers.sec_purpose.as_deref().is_some_and(|purpose| purpose.contains("prefetch")) {
            return FetchSite::Ahead;
        }
        let host = headers.host.as_deref();
        let foreign = match (headers.sec_fetch_site.as_deref(), headers.origin.as_deref()) {
            (Some("same-origin" | "none"), _) => false,
            (Some(_), _) => true,
            // browsers send no Sec-Fetch fields over plain http, and no Origin with a GET
            (None, Some(origin)) => !same_origin(origin, host),
            (None, None) => headers.referer.as_deref().is_some_and(|page| !same_origin(origin_of(page), host)),
        };
        let navigates = match headers.sec_fetch_site {
            Some(_) => headers.sec_fetch_mode.as_deref() == Some("navigate"),
            None => true, // nobody can tell: the answer is one that runs nothing
        };
        let leads = request.method == Method::Get && headers.origin.is_none() && navigates && !is_embedded(request);
        match (foreign, leads) {
            (false, _) => FetchSite::Ours,
            (true, true) => FetchSite::Navigation,
            (true, false) => FetchSite::Foreign,
        }
    }
}

/// Whether the answer is to be a part of a page, of whichever site: a picture, a script, a style, a frame.
/// What a script fetches has the destination `empty`, a page of its own `document`.
pub fn is_embedded(request: &Request) -> bool {
    !matches!(request.headers.sec_fetch_dest.as_deref(), None | Some("empty" | "document"))
}

/// Whether `origin` (`scheme://host:port`) names `host` (a Host field).
/// `null` and a missing Host never do.
pub fn same_origin(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    matches!((authority, host), (Some(a), Some(h)) if a.eq_ignore_ascii_case(h))
}

/// Scheme and authority of a URL.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(authority..).and_then(|rest| rest.find(['/', '?', '#']));
    end.and_then(|end| url.get(..authority + end)).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    #[test]
    fn origins_compare_with_the_host() {
        assert!(same_origin("http://localhost:8080", Some("localhost:8080")));
        for (origin, host) in [
            ("null", Some("null")),
            ("http://localhost", Some("localhost:8080")),
            ("http://evil", Some("good")),
            ("http://evil", None),
        ] {
            assert!(!same_origin(origin, host), "{origin}");
        }
    }

    #[test]
    fn fetching_ahead_is_nobodys_wish() {
        let mut request = Request::get("", "/", "");
        request.headers.sec_fetch_site = Some("same-origin".to_owned());
        request.headers.sec_fetch_mode = Some("navigate".to_owned());
        request.headers.sec_fetch_dest = Some("document".to_owned());
        assert_eq!(FetchSite::of(&request), FetchSite::Ours);
        request.headers.sec_purpose = Some("prefetch;prerender".to_owned());
        assert_eq!(FetchSite::of(&request), FetchSite::Ahead);
    }

    #[test]
    fn the_referer_counts_where_nothing_else_is_said() {
        for (referer, expected) in [
            ("http://h/container/x", FetchSite::Ours),
            ("http://h?x", FetchSite::Ours),
            ("http://evil/http://h/", FetchSite::Navigation),
            ("http://evil", FetchSite::Navigation),
            ("garbage", FetchSite::Navigation),
        ] {
            let mut request = Request::get("", "/", "");
            request.headers.host = Some("h".to_owned());
            request.headers.referer = Some(referer.to_owned());
            assert_eq!(FetchSite::of(&request), expected, "{referer}");
            request.headers.sec_fetch_site = Some("same-origin".to_owned());
            assert_eq!(FetchSite::of(&request), FetchSite::Ours, "{referer}");
            let mut post = request.clone();
            post.method = Method::Post;
            post.headers.sec_fetch_site = None;
            assert_ne!(FetchSite::of(&post), FetchSite::Navigation, "{referer}");
        }
    }

    #[test]
    fn a_site_is_ours_a_navigation_or_foreign() {
        // method, site, mode, dest, origin → relation
        let table = [
            (Method::Get, None, None, None, None, FetchSite::Ours),
            (Method::Get, Some("none"), Some("navigate"), Some("document"), None, FetchSite::Ours),
            (Method::Post, Some("same-origin"), Some("cors"), None, Some("http://h"), FetchSite::Ours),
            (Method::Get, Some("cross-site"), Some("navigate"), Some("document"), None, FetchSite::Navigation),
            (Method::Get, Some("same-site"), Some("navigate"), Some("document"), None, FetchSite::Navigation),
            (Method::Get, Some("what"), Some("navigate"), Some("document"), None, FetchSite::Navigation),
            (Method::Get, Some("cross-site"), Some("navigate"), None, None, FetchSite::Navigation),
            (Method::Get, Some("cross-site"), Some("navigate"), Some("document"), Some("null"), FetchSite::Foreign),
            (Method::Get, Some("cross-site"), Some("navigate"), Some("iframe"), None, FetchSite::Foreign),
            (Method::Get, Some("cross-site"), Some("navigate"), Some("frame"), None, FetchSite::Foreign),
            (Method::Get, Some("cross-site"), None, None, None, FetchSite::Foreign),
            (Method::Get, Some("same-origin"), Some("no-cors"), Some("image"), None, FetchSite::Ours),
            (Method::Post, Some("cross-site"), Some("navigate"), Some("document"), Some("null"), FetchSite::Foreign),
            (Method::Get, Some("cross-site"), Some("no-cors"), Some("image"), None, FetchSite::Foreign),
            (Method::Get, Some("same-site"), Some("cors"), None, Some("http://b.h"), FetchSite::Foreign),
            (Method::Get, Some("what"), None, None, None, FetchSite::Foreign),
            (Method::Post, None, None, None, Some("http://h"), FetchSite::Ours),
            (Method::Post, None, None, None, Some("https://evil"), FetchSite::Foreign),
            (Method::Post, None, None, None, Some("null"), FetchSite::Foreign),
        ];
        for (method, site, mode, dest, origin, expected) in table {
            let mut request = Request::get("", "/", "");
            request.method = method;
            request.headers.host = Some("h".to_owned());
            request.headers.sec_fetch_site = site.map(str::to_owned);
            request.headers.sec_fetch_mode = mode.map(str::to_owned);
            request.headers.sec_fetch_dest = dest.map(str::to_owned);
            request.headers.origin = origin.map(str::to_owned);
            assert_eq!(FetchSite::of(&request), expected, "{site:?} {mode:?} {dest:?} {origin:?}");
        }
    }

    #[test]
    fn what_becomes_a_part_of_a_page_is_embedded() {
        for (dest, embedded) in [
            (None, false),
            (Some("empty"), false),
            (Some("document"), false),
            (Some("image"), true),
            (Some("iframe"), true),
            (Some("script"), true),
            (Some("Document"), true),
            (Some(""), true),
        ] {
            let mut request = Request::get("", "/", "");
            request.headers.sec_fetch_dest = dest.map(str::to_owned);
            assert_eq!(is_embedded(&request), embedded, "{dest:?}");
        }
    }
}
