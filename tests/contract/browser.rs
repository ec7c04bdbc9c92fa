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
fn own_pages_typed_addresses_and_programs_run() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let requests = [
            get(RUN).without("HTTP_HOST"),
            fetched(get(RUN).accept(BROWSER), "none", "navigate", "document"),
            fetched(get(RUN), "same-origin", "navigate", "document"),
            fetched(get(RUN).accept(EVENTS), "same-origin", "cors", "empty"),
            fetched(post(RUN, FORM, ""), "same-origin", "navigate", "document").header("Origin", "http://localhost"),
            post(RUN, FORM, "").header("Origin", "http://localhost"),
            get(RUN).header("Referer", "http://localhost/container/argv.sif"),
        ];
        for request in &requests {
            site.ask(request).good();
        }
        assert_eq!(site.runs().len(), requests.len());
    });
}

/// The rule for other sites: a visitor who was led here sees what would run, and nothing has run.
#[test]
fn a_visitor_from_another_site_gets_the_form_filled_in() {
    on_both_wires(|wire| {
        for methods in ["GET,POST", "POST"] {
            let site = hello(wire).set("run_methods", methods);
            let led = |request: Request| fetched(request.accept(BROWSER), "cross-site", "navigate", "document");
            for mount in ["", "/~amy/serve.cgi"] {
                let answer = site.ask(&led(get(&format!("{RUN}?name=Amy&age=7"))).var("SCRIPT_NAME", mount));
                let place = format!("{mount}{IMAGE}?name=Amy&age=7#not-run");
                assert_eq!((answer.status, answer.header("Location")), (303, Some(place.as_str())));
                assert_eq!(answer.header("Cache-Control"), Some("no-store"));
            }
            let page = site.ask(&led(get(&format!("{IMAGE}?name=Amy&age=7")))).good();
            assert!(page.contains("value=\"Amy\"") && page.contains("value=\"7\""), "{page}");
            let line = page.split("id=\"not-run\">").nth(1).and_then(|rest| rest.split('<').next()).expect("the line");
            assert!(line.contains("Nothing has run yet, because another site led here"), "{line}");
            // the 2017 spelling leads to the same answer, and never to a run
            let old = site.ask(&led(get("/containers/run/argv.sif?name=Amy")));
            assert_eq!((old.status, old.header("Location")), (308, Some("/container/run/argv.sif?name=Amy")));
            // an app has a form of its own
            let app = site.ask(&led(get("/container/run/argv.sif/hello")));
            assert_eq!((app.status, app.header("Location")), (303, Some("/container/argv.sif/hello#not-run")));
            assert_eq!(site.runs().len(), 0);
        }
    });
}

#[test]
fn pages_of_allowed_origins_run_and_embed_nothing() {
    on_both_wires(|wire| {
        let site = hello(wire).set("allow_origins", GOOD);
        let good = |request: Request| request.header("Origin", GOOD);
        site.ask(&good(fetched(post(RUN, FORM, ""), "cross-site", "navigate", "document"))).good();
        site.ask(&good(get(RUN))).good();
        // what names no origin could be anybody's
        let unnamed = fetched(get(RUN), "cross-site", "navigate", "document");
        assert_eq!(site.ask(&unnamed).status, 303);
        assert_eq!(site.runs().len(), 2);
        let site = hello(wire).set("allow_origins", "*");
        site.ask(&unnamed).good();
        site.ask(&get(RUN).header("Referer", "https://any.example/")).good();
        site.ask(&fetched(get(RUN), "cross-site", "no-cors", "empty")).good();
        for dest in ["image", "iframe", "script"] {
            let (word, told) = site.ask(&fetched(get(RUN), "cross-site", "no-cors", dest)).problem(403);
            assert_eq!(word, "embedded");
            assert!(told["detail"].as_str().is_some_and(|text| text.contains("Link to the image's page")), "{told}");
        }
        assert_eq!(site.runs().len(), 3);
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
