//! What is described is what is answered, by the web server too: nginx with the configuration of this repository refuses
//! what it refuses, and each operation of the documents has that answer.

use serde_json::Value;

use crate::answers::conforms;
use crate::setup::{LOCATIONS, UPSTREAM, change, complete_with, own, root};
use crate::support::request::BROWSER;
use crate::support::servers::{Server, http};
use crate::support::{Answer, Site, Wire};
use crate::{FOLDER, IMAGE, document, keys, labels};

const METHODS: [&str; 2] = ["get", "post"];

fn site() -> Site {
    let site = Site::new(Wire::FastCgi).set("download", true).set("metrics", true).set("deadline", 50);
    site.image("argv.sif", &labels()).image("hang.sif", &[])
}

/// nginx before the site, as an administrator has changed it: file, from, to.
fn front(site: &Site, changes: &[(&str, &str, &str)]) -> Option<Server> {
    complete_with(site, |here| changes.iter().for_each(|(file, from, to)| change(here, file, from, to)))
}

/// Every operation of both documents.
fn operations(site: &Site, each: impl Fn(&Value, &str, &str)) {
    for address in [FOLDER, IMAGE] {
        let document = document(site, address);
        for path in keys(&document["paths"]) {
            for method in METHODS {
                if document["paths"][path].get(method).is_some() {
                    each(&document, path, method);
                }
            }
        }
    }
}

/// An answer of this status by nginx to each operation, for programs and for people.
fn each_is(site: &Site, status: u16, ask: impl Fn(&str, &str, &str) -> Answer) {
    operations(site, |document, path, method| {
        let target = path.replace("{image}", "argv.sif");
        for (accept, media) in [("*/*", "application/problem+json"), (BROWSER, "text/html; charset=utf-8")] {
            let answer = ask(&method.to_uppercase(), &target, accept);
            assert_eq!((answer.status, answer.media()), (status, media), "{method} {target}: {}", answer.text());
            conforms(document, path, method, &answer);
        }
    });
}

#[test]
fn what_is_too_much_for_the_web_server_is_described() {
    let site = site();
    let Some(front) = front(&site, &[]) else { return };
    let long = "x".repeat(9000);
    // nginx has not read the fields when it refuses the address, and for a page it has to
    operations(&site, |document, path, method| {
        let target = path.replace("{image}", "argv.sif");
        let answer = front.ask(&http(&method.to_uppercase(), &format!("{target}?x={long}"), &[], b""));
        assert_eq!(answer.problem(414).0, "query-too-long", "{target}");
        conforms(document, path, method, &answer);
        let answer = front.ask(&http(&method.to_uppercase(), &target, &[("X-Long", &long)], b""));
        assert_eq!(answer.problem(431).0, "field-too-large", "{target}");
        conforms(document, path, method, &answer);
    });
    let content = vec![b'x'; 300_000];
    each_is(&site, 413, |method, target, accept| front.ask(&http(method, target, &[("Accept", accept)], &content)));
    each_is(&site, 400, |method, target, accept| {
        front.ask(&http(method, target, &[("Accept", accept), ("Host", "a"), ("Host", "b")], b""))
    });
}

#[test]
fn an_application_that_is_gone_or_late_is_described() {
    let site = site();
    let Some(front) = front(&site, &[("pass.conf", "fastcgi_read_timeout 75s", "fastcgi_read_timeout 1s")]) else {
        return;
    };
    let document = document(&site, FOLDER);
    let answer = front.ask(&http("GET", "/container/run/hang.sif", &[], b""));
    assert_eq!(answer.problem(504).0, "no-answer");
    conforms(&document, "/container/run/hang.sif", "get", &answer);
    site.nothing_runs();
    let Some(front) = own(&root(&site), &site.path("nobody"), UPSTREAM, LOCATIONS) else { return };
    each_is(&site, 502, |method, target, accept| front.ask(&http(method, target, &[("Accept", accept)], b"")));
}

#[test]
fn a_limit_of_the_web_server_is_described() {
    let site = site();
    // this machine is counted, and may ask for nothing
    let none = "limit_req zone=singularity_nginx_page_rate;";
    let changes = [
        ("limits.conf", "\"~^127\\.\"", "\"~^128\\.\""),
        ("limits.conf", "rate=20r/s", "rate=1r/m"),
        ("limits.conf", "rate=50r/s", "rate=1r/m"),
        ("limit-runs.conf", "limit_req zone=singularity_nginx_run_rate burst=60 nodelay;", none),
        ("limit-pages.conf", "limit_req zone=singularity_nginx_page_rate burst=300 nodelay;", none),
    ];
    let Some(front) = front(&site, &changes) else { return };
    front.ask(&http("GET", "/container/", &[], b""));
    each_is(&site, 429, |method, target, accept| {
        let answer = front.ask(&http(method, target, &[("Accept", accept)], b""));
        assert_eq!(answer.header("Retry-After"), Some("5"));
        answer
    });
}
