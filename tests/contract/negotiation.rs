//! HTML or JSON by `Accept` (RFC 9110 §12.5.1), and entity tags (§8.8.3, §13.1.2).

use std::fs;

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{Site, get, on_both_wires, sif};
use crate::{HELLO, HTML, IMAGE, JSON, PROBLEM, RUN, TEXT, hello};

/// `Accept`, and what an address of both kinds answers.
const CHOICES: [(&str, &str); 15] = [
    ("", JSON),
    ("*/*", JSON),
    ("application/json", JSON),
    ("text/html", HTML),
    (BROWSER, HTML),
    ("text/html;q=0.4, application/json;q=0.5", JSON),
    ("text/html;q=0.5, application/json;q=0.4", HTML),
    ("application/json;q=0, */*;q=0.1", HTML),
    ("text/*, application/json;q=0.9", HTML),
    ("TEXT/HTML", HTML),
    ("text/html;q=0, */*", JSON),
    ("*/*;q=0.1, application/json;q=0.2, text/html;q=0.3", HTML),
    ("text/html;level=1", HTML),
    ("image/png", JSON),
    ("garbage;;,q=,/", JSON),
];

#[test]
fn pages_for_browsers_and_json_for_programs() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for address in ["/container/", IMAGE] {
            for (accept, media) in CHOICES {
                let answer = site.ask(&get(address).accept(accept));
                answer.good();
                assert_eq!(answer.media(), media, "{address} {accept:?}");
                assert!(answer.header("Vary").is_some_and(|vary| vary.contains("Accept")), "{:?}", answer.headers);
            }
            assert_eq!(site.ask(&get(address).without("HTTP_ACCEPT")).media(), JSON);
        }
        for (accept, media) in CHOICES {
            let answer = site.ask(&get("/container/none.sif").accept(accept));
            assert_eq!(
                (answer.status, answer.media()),
                (404, if media == JSON { PROBLEM } else { HTML }),
                "{accept:?}"
            );
            assert!(answer.header("Vary").is_some_and(|vary| vary.contains("Accept")));
        }
    });
}

#[test]
fn pages_load_nothing_from_elsewhere() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for address in ["/container/", IMAGE, RUN, "/container/none.sif"] {
            let answer = site.ask(&get(address).accept(BROWSER));
            let policy = answer.header("Content-Security-Policy").expect("a policy");
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
            let page = answer.text();
            for inline in ["<script>", "<style", " style=", " onclick=", " onload=", "javascript:"] {
                assert!(!page.contains(inline), "{inline} in {page}");
            }
            for attribute in [" href=\"", " src=\"", " action=\""] {
                for value in page.split(attribute).skip(1) {
                    let ours = (value.starts_with('/') && !value.starts_with("//")) || value.starts_with('#');
                    // the output itself, to save it without a second run
                    let ours = ours || value.starts_with("data:application/json;base64,");
                    assert!(ours, "{attribute}{}", &value[..40]);
                }
            }
        }
    });
}

/// The four answers of `run`.
#[test]
fn the_answer_of_run_follows_accept() {
    on_both_wires(|wire| {
        let site = hello(wire).prints("print.sif", b"text\n");
        for (accept, media) in [
            ("*/*", TEXT),
            ("", TEXT),
            ("application/json", TEXT),
            ("text/plain", TEXT),
            ("audio/ogg", TEXT),
            (ENVELOPE, ENVELOPE),
            (EVENTS, EVENTS),
            ("text/html", HTML),
            (BROWSER, HTML),
            ("text/event-stream;q=0.5, application/vnd.singularity-run+json;q=0.6", ENVELOPE),
            ("text/html;q=0.5, text/plain", TEXT),
            ("text/html, text/plain;q=0.5", HTML),
        ] {
            let answer = site.ask(&get("/container/run/print.sif").accept(accept));
            answer.good();
            assert_eq!(answer.media(), media, "{accept:?}");
            assert!(answer.header("Vary").is_some_and(|vary| vary.contains("Accept")));
        }
        assert_eq!(site.ask(&get(RUN)).media(), JSON, "the whole of it is JSON");
    });
}

const TAGGED: [(&str, &str); 4] =
    [(IMAGE, "*/*"), (IMAGE, BROWSER), ("/container/args/argv.sif", "*/*"), ("/container/labels/argv.sif", "*/*")];

#[test]
fn etag_and_304_of_image_page_args_and_labels() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let mut tags = Vec::new();
        for (address, accept) in TAGGED {
            let request = get(address).accept(accept);
            let answer = site.ask(&request);
            let tag = answer.header("ETag").unwrap_or_else(|| panic!("{address} has no tag")).to_owned();
            assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag}");
            assert_eq!(site.ask(&request).header("ETag"), Some(tag.as_str()), "the same as long as the answer is");
            let weak = format!("W/{tag}");
            let many = format!("\"a\", {weak} , \"b\"");
            // the tag is repeated as the visitor has it: a cache looks for that one
            for (field, status, told) in [
                (tag.as_str(), 304, &tag),
                (&weak, 304, &weak),
                (&many, 304, &weak),
                ("*", 304, &tag),
                ("\"other\"", 200, &tag),
                (tag.trim_matches('"'), 200, &tag),
            ] {
                for method in ["GET", "HEAD"] {
                    let asked = site.ask(&request.clone().method(method).header("If-None-Match", field));
                    assert_eq!((asked.status, asked.header("ETag")), (status, Some(told.as_str())), "{method} {field}");
                    if status == 304 {
                        assert_eq!((asked.body.len(), asked.header("Content-Length")), (0, None));
                    }
                }
            }
            tags.push(tag);
        }
        assert_ne!(tags[0], tags[1], "the page and its JSON are two things");
    });
}

/// What nothing compresses does not depend on `Accept-Encoding`.
#[test]
fn vary_names_what_an_answer_depends_on() {
    let (page, run) = ("Accept, Accept-Encoding, Origin", "Accept, Origin");
    on_both_wires(|wire| {
        let site = hello(wire).image("exit-3.sif", &[]);
        for (address, expected) in [
            ("/container/", page),
            (IMAGE, page),
            ("/container/args/argv.sif", page),
            ("/container/openapi.json", page),
            ("/container/none.sif", page),
            (RUN, run),
            ("/container/run/argv.sif?age=x", run),
            ("/container/run/exit-3.sif", run),
            ("/container/run/none.sif", run),
            ("/container/static/style.css", "Accept-Encoding, Origin"),
        ] {
            for accept in ["*/*", ENVELOPE, EVENTS, BROWSER] {
                let answer = site.ask(&get(address).accept(accept));
                assert_eq!(answer.header("Vary"), Some(expected), "{address} {accept}: {}", answer.status);
            }
        }
    });
}

#[test]
fn etag_changes_with_the_image() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let tags =
            || TAGGED.map(|(address, accept)| site.ask(&get(address).accept(accept)).header("ETag").map(str::to_owned));
        let before = tags();
        let changed = sif::with_labels(&[HELLO[0], (crate::INT, "age,year"), HELLO[2], HELLO[3]]);
        fs::write(site.data().join("argv.sif"), changed).unwrap();
        for ((before, after), (address, _)) in before.into_iter().zip(tags()).zip(TAGGED) {
            assert!(before.is_some() && before != after, "{address}");
            let answer = site.ask(&get(address).header("If-None-Match", &before.unwrap()));
            assert_eq!(answer.status, 200);
        }
    });
}

#[test]
fn run_has_no_etag_and_is_never_304() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let answer = site.ask(&get(RUN).header("If-None-Match", "*"));
        assert_eq!((answer.status, answer.header("ETag")), (200, None));
    });
}

#[test]
fn an_image_is_revalidated_and_a_list_may_change_at_any_time() {
    on_both_wires(|wire| {
        let site: Site = hello(wire);
        assert_eq!(site.ask(&get(IMAGE)).header("Cache-Control"), Some("no-cache"));
        let list = site.ask(&get("/container/"));
        assert!(list.header("Cache-Control").is_none_or(|cache| cache.starts_with("no-")), "{:?}", list.headers);
    });
}
