//! What pages of other origins may do: CORS (Fetch standard §3.2), fetch metadata, Host.

use crate::support::request::{BROWSER, EVENTS};
use crate::support::{Answer, Request, get, on_both_wires, post};
use crate::{FORM, IMAGE, JSON, RUN, hello};

const GOOD: &str = "https://good.example";

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("Access-Control-Allow-Origin")
}

fn fetched(request: Request, site: &str, mode: &str, dest: &str) -> Request {
    request.header("Sec-Fetch-Site", site).header("Sec-Fetch-Mode", mode).header("Sec-Fetch-Dest", dest)
}

#[test]
fn cors_is_off_by_default() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for request in [get("/container/"), get(IMAGE), get(RUN), get(RUN).method("OPTIONS")] {
            let answer = site.ask(&request.header("Origin", GOOD).header("Access-Control-Request-Method", "POST"));
            let told: Vec<_> = answer.headers.iter().filter(|(name, _)| name.starts_with("Access-Control")).collect();
            assert!(told.is_empty(), "{told:?}");
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn cors_allows_the_origins_of_the_list() {
    on_both_wires(|wire| {
        let site = hello(wire).set("allow_origins", format!("{GOOD}, http://localhost:3000"));
        for origin in [GOOD, "http://localhost:3000"] {
            for request in [get("/container/"), get(IMAGE), get(RUN), get("/container/none.sif"), post(RUN, JSON, "{}")]
            {
                let answer = site.ask(&fetched(request, "cross-site", "cors", "empty").header("Origin", origin));
                assert!(matches!(answer.status, 200 | 404), "{}", answer.text());
                assert_eq!(allowed(&answer), Some(origin));
                assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
                assert!(answer.header("Vary").is_some_and(|vary| vary.contains("Origin")), "{:?}", answer.headers);
            }
        }
        let answer = site.ask(&get(&format!("{RUN}?x=1&name=a+b")).header("Origin", GOOD));
        let exposed = answer.header("Access-Control-Expose-Headers").expect("exposed");
        for name in ["X-Run-Ignored", "X-Run-Changed", "X-Run-Truncated"] {
            assert!(exposed.contains(name), "{exposed}");
        }
        for origin in ["https://evil.example", "null", "https://good.example.evil", "https://good.example:444"] {
            assert_eq!(allowed(&site.ask(&get(IMAGE).header("Origin", origin))), None, "{origin}");
            site.ask(&get(RUN).header("Origin", origin)).problem(403);
        }
        let stream = site.ask(&fetched(get(RUN).accept(EVENTS), "cross-site", "cors", "empty").header("Origin", GOOD));
        assert_eq!((stream.status, allowed(&stream)), (200, Some(GOOD)));
    });
}

#[test]
fn cors_for_everybody_has_no_credentials() {
    on_both_wires(|wire| {
        let site = hello(wire).set("allow_origins", "*");
        let request = fetched(post(RUN, JSON, "{\"age\": 1}"), "cross-site", "cors", "empty");
        let answer = site.ask(&request.header("Origin", "https://any.example"));
        answer.good();
        assert_eq!(allowed(&answer), Some("*"));
        assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
    });
}

#[test]
fn preflight_is_answered_and_never_runs() {
    on_both_wires(|wire| {
        let site = hello(wire).set("allow_origins", GOOD);
        let preflight = |address: &str, origin: &str| {
            let asked = get(address).method("OPTIONS").header("Origin", origin);
            let asked = asked.header("Access-Control-Request-Method", "POST");
            site.ask(&asked.header("Access-Control-Request-Headers", "content-type"))
        };
        let answer = preflight(RUN, GOOD);
        assert_eq!((answer.status, allowed(&answer), answer.body.len()), (204, Some(GOOD), 0));
        let methods = answer.header("Access-Control-Allow-Methods").expect("methods");
        assert!(methods.contains("GET") && methods.contains("POST"), "{methods}");
        let headers = answer.header("Access-Control-Allow-Headers").expect("headers").to_ascii_lowercase();
        assert!(headers.contains("content-type"), "{headers}");
        let refused = preflight(RUN, "https://evil.example");
        assert_eq!((refused.status, allowed(&refused)), (204, None));
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn a_foreign_page_never_runs_anything() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for request in [
            fetched(get(RUN), "cross-site", "no-cors", "image"),
            fetched(get(RUN), "cross-site", "navigate", "iframe"),
            fetched(get(RUN), "same-site", "cors", "empty").header("Origin", "https://b.localhost"),
            fetched(post(RUN, FORM, ""), "cross-site", "navigate", "document").header("Origin", "https://evil.example"),
            post(RUN, FORM, "").header("Origin", "null"),
            post(RUN, FORM, "").header("Origin", "https://evil.example"),
            get(RUN).header("Origin", "https://evil.example").accept(EVENTS),
        ] {
            assert_eq!(site.ask(&request).problem(403).0, "cross-site");
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn links_own_pages_and_programs_run() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let requests = [
            get(RUN).without("HTTP_HOST"),
            fetched(get(RUN).accept(BROWSER), "cross-site", "navigate", "document"),
            fetched(get(RUN), "none", "navigate", "document"),
            fetched(post(RUN, FORM, ""), "same-origin", "navigate", "document").header("Origin", "http://localhost"),
            post(RUN, FORM, "").header("Origin", "http://localhost"),
        ];
        for request in &requests {
            site.ask(request).good();
        }
        assert_eq!(site.runs().len(), requests.len());
    });
}

#[test]
fn reading_is_open_to_foreign_pages_but_not_for_scripts() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for address in ["/container/", IMAGE, "/container/args/argv.sif"] {
            let answer = site.ask(&fetched(get(address), "cross-site", "no-cors", "image").header("Origin", GOOD));
            answer.good();
            assert_eq!(allowed(&answer), None);
        }
    });
}

#[test]
fn hosts_are_those_of_the_list() {
    on_both_wires(|wire| {
        let site = hello(wire).set("hosts", "images.example,images.example:8443");
        for (host, status) in [
            ("images.example", 200),
            ("IMAGES.example:8443", 200),
            ("images.example:80", 421),
            ("localhost", 421),
            ("images.example.evil", 421),
        ] {
            for address in ["/container/", IMAGE, RUN] {
                assert_eq!(site.ask(&get(address).header("Host", host)).status, status, "{host}");
            }
        }
        site.ask(&get(IMAGE).without("HTTP_HOST")).problem(421);
        assert_eq!(site.runs().len(), 2);
        hello(wire).ask(&get(IMAGE).header("Host", "anything.example")).good();
    });
}
