//! Where a browser says a request comes from.
//!
//! Sources: the Fetch standard's `Origin`, the Fetch Metadata fields
//! `Sec-Fetch-Site`, `Sec-Fetch-Mode` and `Sec-Fetch-Dest`; where they are
//! missing (plain http) `Referer`. Programs send none of them; browsers cannot be made to forge them by a page.

use super::Request;

/// The relation of the page that caused a request to this site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchSite {
    /// This site's own page, the address bar, or a program.
    Ours,
    /// A link or address that became the visible page (top-level GET).
    Navigation,
    /// A page of another origin, or a browser that fetches ahead of its user.
    Foreign,
}

impl FetchSite {
    /// Reads the fields of `request`. A field that is present but unknown
    /// counts as foreign.
    pub fn of(request: &Request) -> FetchSite {
        let headers = &request.headers;
        let foreign = match headers.sec_fetch_site.as_deref() {
            Some("same-origin" | "none") => false,
            Some(_) => true,
            // browsers send no Sec-Fetch fields over plain http, and no Origin with a GET
            None => match (headers.origin.as_deref(), headers.referer.as_deref()) {
                (Some(origin), _) => !same_origin(origin, headers.host.as_deref()),
                (None, Some(page)) => !same_origin(origin_of(page), headers.host.as_deref()),
                (None, None) => false,
            },
        };
        // a browser that fetches ahead does not do what its user asked for
        let ahead = headers.sec_purpose.as_deref().is_some_and(|purpose| purpose.contains("prefetch"));
        let top_level = request.method == super::Method::Get
            && !ahead
            && headers.sec_fetch_mode.as_deref() == Some("navigate")
            && headers.sec_fetch_dest.as_deref() == Some("document");
        match (foreign || ahead, top_level) {
            (false, _) => FetchSite::Ours,
            (true, true) => FetchSite::Navigation,
            (true, false) => FetchSite::Foreign,
        }
    }
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
        assert_eq!(FetchSite::of(&request), FetchSite::Foreign);
    }

    #[test]
    fn the_referer_counts_where_nothing_else_is_said() {
        for (referer, expected) in [
            ("http://h/container/x", FetchSite::Ours),
            ("http://h?x", FetchSite::Ours),
            ("http://evil/http://h/", FetchSite::Foreign),
            ("http://evil", FetchSite::Foreign),
            ("garbage", FetchSite::Foreign),
        ] {
            let mut request = Request::get("", "/", "");
            request.headers.host = Some("h".to_owned());
            request.headers.referer = Some(referer.to_owned());
            assert_eq!(FetchSite::of(&request), expected, "{referer}");
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
            (Method::Get, Some("cross-site"), Some("navigate"), Some("iframe"), None, FetchSite::Foreign),
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
}
