//! Cases 30 to 33: pages of other sites, strange origins and hosts, caches between a run and its visitor.

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{Request, Site, get, on_both_wires, post};

const FORM: &str = "application/x-www-form-urlencoded";

/// The request as a browser sends it.
fn from(request: Request, site: &str, mode: &str, dest: &str) -> Request {
    request.header("Sec-Fetch-Site", site).header("Sec-Fetch-Mode", mode).header("Sec-Fetch-Dest", dest)
}

#[test]
fn hostile_30_other_sites_run_nothing() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let run = "/container/run/argv.sif";
        for request in [
            from(post(run, FORM, ""), "cross-site", "navigate", "document").header("Origin", "https://evil.example"),
            from(post(run, FORM, ""), "same-site", "navigate", "document").header("Origin", "https://b.example"),
            from(get(run), "cross-site", "no-cors", "image"),
            from(get(run), "cross-site", "navigate", "iframe"),
            from(get(run), "cross-site", "cors", "empty").header("Origin", "https://evil.example"),
            from(get(run), "same-site", "no-cors", "script"),
            // fetched ahead of a click that may never come, by a page's speculation rules
            from(get(run), "cross-site", "navigate", "document").header("Sec-Purpose", "prefetch"),
            from(get(run), "same-origin", "navigate", "document").header("Sec-Purpose", "prefetch;prerender"),
            post(run, FORM, "").header("Origin", "https://evil.example"),
            post(run, FORM, "").header("Origin", "null"),
            post(run, FORM, "").header("Referer", "https://evil.example/"),
            get(run).header("Origin", "https://evil.example").accept(EVENTS),
        ] {
            site.ask(&request).problem(403);
        }
        let head = site.ask(&get(run).method("HEAD"));
        assert_eq!((head.status, head.body.len()), (405, 0));
        assert!(head.header("Allow").is_some_and(|allow| !allow.contains("HEAD")));
        assert_eq!(site.ask(&get(run).method("OPTIONS")).status, 204);
        assert_eq!(site.runs().len(), 0, "nothing ran");
        for request in [
            get(run),
            from(get(run), "none", "navigate", "document"),
            from(get(run), "same-origin", "navigate", "document"),
            from(get(run), "same-origin", "cors", "empty"),
            post(run, FORM, "").header("Origin", "http://localhost"),
        ] {
            site.ask(&request).good();
        }
    });
}

/// A link, a script, a refresh, a mail: whatever led the visitor here, the form is shown and nothing runs.
#[test]
fn hostile_30_a_visitor_who_was_led_here_gets_the_form() {
    on_both_wires(|wire| {
        let labels = [("SINGULARITY_RUNSCRIPT_ARG_STR", "name")];
        let site = Site::new(wire).image("argv.sif", &labels).set("allow_origins", "https://good.example");
        for query in ["", "?name=Amy", "?name=a+b&evil=%0d%0aSet-Cookie:x&not-run=1#x"] {
            let run = &format!("/container/run/argv.sif{query}");
            for request in [
                from(get(run), "cross-site", "navigate", "document"),
                from(get(run), "same-site", "navigate", "document"),
                from(get(run), "unheard-of", "navigate", "document"),
                // a redirect of a third site leaves the Referer as it was: it is no proof of an allowed page
                from(get(run), "cross-site", "navigate", "document").header("Referer", "https://good.example/"),
                get(run).header("Referer", "https://evil.example/page"),
                get(run).header("Referer", "http://localhost.evil.example/"),
                get(run).header("Referer", "android-app://mail/"),
            ] {
                for accept in [BROWSER, "*/*", ENVELOPE, EVENTS] {
                    let answer = site.ask(&request.clone().accept(accept));
                    let place = format!("/container/argv.sif{query}#not-run");
                    assert_eq!((answer.status, answer.header("Location")), (303, Some(place.as_str())));
                    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
                }
            }
        }
        assert_eq!(site.runs().len(), 0, "nothing ran");
    });
}

/// Markdown of an image's author is a page of ours: what it embeds comes from the same origin.
#[test]
fn hostile_30_nothing_runs_as_a_part_of_a_page() {
    on_both_wires(|wire| {
        for origins in ["", "https://good.example", "*"] {
            let site = Site::new(wire).image("argv.sif", &[]).set("allow_origins", origins);
            for from_where in ["same-origin", "same-site", "cross-site", "none"] {
                for dest in ["image", "iframe", "frame", "script", "style", "object", "video", "worker", "new"] {
                    for mode in ["no-cors", "cors", "navigate"] {
                        let run = "/container/run/argv.sif";
                        let request = from(get(run), from_where, mode, dest);
                        site.ask(&request.clone().header("Origin", "https://good.example")).problem(403);
                        site.ask(&request).problem(403);
                    }
                }
            }
            assert_eq!(site.runs().len(), 0, "nothing ran");
        }
    });
}

#[test]
fn hostile_31_no_permission_for_strange_origins() {
    on_both_wires(|wire| {
        for site in
            [Site::new(wire), Site::new(wire).set("allow_origins", "https://good.example,http://localhost:3000")]
        {
            let site = site.image("argv.sif", &[]);
            for origin in [
                "https://evil.example",
                "null",
                "https://good.example.evil.example",
                "http://good.example",
                "https://good.example:8443",
                "HTTPS://GOOD.EXAMPLE",
                "*",
                "",
            ] {
                for request in [
                    get("/container/"),
                    get("/container/run/argv.sif"),
                    get("/container/run/argv.sif").method("OPTIONS"),
                ] {
                    let answer =
                        site.ask(&request.header("Origin", origin).header("Access-Control-Request-Method", "POST"));
                    let told: Vec<_> =
                        answer.headers.iter().filter(|(name, _)| name.starts_with("Access-Control")).collect();
                    assert!(told.is_empty(), "{origin}: {told:?}");
                }
            }
        }
    });
}

#[test]
fn hostile_32_unknown_host() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]).set("hosts", "127.0.0.1:8080,localhost:8080");
        for host in ["evil.example", "localhost", "localhost:8081", "127.0.0.1:8080.evil.example", ""] {
            for path in ["/container/", "/container/run/argv.sif", "/container/static/style.css", "/container/health"] {
                site.ask(&get(path).header("Host", host)).problem(421);
            }
        }
        site.ask(&get("/container/run/argv.sif").without("HTTP_HOST")).problem(421);
        for several in ["localhost:8080, evil", "localhost:8080,localhost:8080"] {
            site.ask(&get("/container/run/argv.sif").header("Host", several)).problem(400);
        }
        assert_eq!(site.runs().len(), 0);
        site.ask(&get("/container/run/argv.sif").header("Host", "LOCALHOST:8080")).good();
    });
}

#[test]
fn hostile_33_answers_of_a_run_are_not_kept() {
    on_both_wires(|wire| {
        let site =
            Site::new(wire).image("argv.sif", &[("SINGULARITY_RUNSCRIPT_ARG_STR", "name")]).image("exit-3.sif", &[]);
        for accept in ["*/*", ENVELOPE, EVENTS, BROWSER] {
            for address in
                ["/container/run/argv.sif?name=a", "/container/run/argv.sif?name=b", "/container/run/exit-3.sif"]
            {
                let answer = site.ask(&get(address).accept(accept));
                assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{address} {accept}");
                assert!(answer.header("Vary").is_some_and(|vary| vary.contains("Accept")));
                assert_eq!(answer.header("ETag"), None);
            }
        }
        assert_eq!(site.runs().len(), 12);
        // only the author of an image may say otherwise, and never of a failure
        let lasting = [("SINGULARITY_RUNSCRIPT_MAX_AGE", "60")];
        let site = Site::new(wire).image("argv.sif", &lasting).image("exit-3.sif", &lasting);
        let kept = site.ask(&get("/container/run/argv.sif"));
        assert_eq!(kept.header("Cache-Control"), Some("public, max-age=60"));
        assert_eq!(site.ask(&get("/container/run/exit-3.sif")).header("Cache-Control"), Some("no-store"));
        // a launcher's exit status proves nothing of the container's
        let site = Site::new(wire).image("argv.sif", &lasting).image("stdout-2.sif", &lasting);
        let site = site.set("launcher", "/usr/bin/env").set("output_limit", "1 MiB");
        for accept in ["*/*", ENVELOPE, BROWSER] {
            let answer = site.ask(&get("/container/run/argv.sif").accept(accept));
            assert_eq!((answer.status, answer.header("Cache-Control")), (200, Some("no-store")), "{accept}");
        }
        let answer = site.ask(&get("/container/run/stdout-2.sif"));
        assert_eq!(
            (answer.problem(502).0.as_str(), answer.header("Cache-Control")),
            ("output-limit", Some("no-store"))
        );
        assert_eq!(site.ask(&get("/container/run/stdout-2.sif").accept(BROWSER)).status, 502);
        let told = site.ask(&get("/container/run/stdout-2.sif").accept(ENVELOPE)).json();
        assert_eq!((&told["truncated"], &told["end"]), (&true.into(), &"output-limit".into()), "{told}");
        let document = site.ask(&get("/container/openapi/argv.sif.json")).text();
        assert!(!document.contains("may come from a cache"), "{document}");
    });
}
