//! Mounted elsewhere: links are built from `SCRIPT_NAME`, the route is `PATH_INFO`, and nothing else is used.

use serde_json::Value;

use crate::support::request::{BROWSER, ENVELOPE};
use crate::support::{Answer, Request, Site, get, on_both_wires, sif};
use crate::{HELLO, IMAGE, RUN, hello};

const MOUNT: &str = "/~amy/cgi-bin/serve.cgi";

fn mounted(address: &str) -> Request {
    get(address).var("SCRIPT_NAME", MOUNT)
}

/// All values of `href`, `src` and `action`.
fn links(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in [" href=\"", " src=\"", " action=\""] {
        for rest in html.split(attribute).skip(1) {
            let value = rest.split('"').next().unwrap_or_default();
            found.push(value.replace("&amp;", "&"));
        }
    }
    found
}

/// All texts of a JSON value that are addresses.
fn addresses(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with('/') => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| addresses(item, found)),
        Value::Object(members) => members.values().for_each(|member| addresses(member, found)),
        _ => {}
    }
}

/// Every link of an answer.
fn all_links(answer: &Answer) -> Vec<String> {
    let mut found: Vec<String> = answer.header("Location").into_iter().map(str::to_owned).collect();
    if answer.media().starts_with("text/html") {
        let elsewhere = |link: &String| link.starts_with("data:") || link.starts_with('#');
        found.extend(links(&answer.text()).into_iter().filter(|link| !elsewhere(link)));
    } else if answer.media().contains("json") {
        addresses(&answer.json(), &mut found);
    }
    found
}

fn site(wire: crate::support::Wire) -> Site {
    let apps = serde_json::json!({ "labels": {}, "apps": { "hello": { "labels": {}, "runscript": "x" } } });
    let bytes = sif::with_labels(&[]);
    let many = (0..101).fold(hello(wire), |site, number| site.file(&format!("z-{number:03}.sif"), &bytes));
    many.file("apps.sif", &sif::with_attributes(&apps)).image("exit-3.sif", &HELLO)
}

#[test]
fn every_link_works_below_a_prefix() {
    on_both_wires(|wire| {
        let site = site(wire);
        let mut followed = std::collections::BTreeSet::new();
        for (address, accept) in [
            ("/container/", BROWSER),
            ("/container/", "*/*"),
            ("/container/?page=2&q=sif", BROWSER),
            (IMAGE, BROWSER),
            (IMAGE, "*/*"),
            ("/container/apps.sif", BROWSER),
            ("/container/apps.sif", "*/*"),
            ("/container/apps.sif/hello", BROWSER),
            (RUN, BROWSER),
            (RUN, ENVELOPE),
            ("/container/run/exit-3.sif", BROWSER),
            ("/container/none.sif", BROWSER),
            ("/nowhere", BROWSER),
            ("/api/containers", "*/*"),
            ("/api/container/argv.sif", "*/*"),
            ("/container/random", "*/*"),
            ("/containers/run/argv.sif?name=x", "*/*"),
            ("/", "*/*"),
            ("", "*/*"),
        ] {
            let answer = site.ask(&mounted(address).accept(accept));
            // calls to copy and addresses for scripts, too
            for root in ["/container/", "/containers/", "/api/"] {
                for (at, _) in answer.text().match_indices(root) {
                    let before = answer.text()[..at].trim_end_matches("/api").to_owned();
                    assert!(before.ends_with(MOUNT), "{address}: {}{root}", before.lines().last().unwrap_or_default());
                }
            }
            for link in all_links(&answer) {
                let path = link.strip_prefix(MOUNT).unwrap_or_else(|| panic!("{address}: {link} leaves the mount"));
                assert!(path.starts_with('/'), "{link}");
                followed.insert(path.to_owned());
            }
        }
        assert!(followed.len() > 110, "{}", followed.len());
        for link in followed.iter().filter(|link| !link.contains("/z-0") && !link.contains("none.sif")) {
            let status = site.ask(&mounted(link)).status;
            // the form of exit-3.sif leads to what it does, a random image to some image
            assert!(matches!(status, 200 | 302 | 502), "{link}: {status}");
        }
    });
}

#[test]
fn links_begin_at_the_root_without_a_prefix() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for request in [get(IMAGE), get(IMAGE).without("SCRIPT_NAME"), get(IMAGE).var("SCRIPT_NAME", "/")] {
            let links = all_links(&site.ask(&request));
            assert!(links.len() >= 4 && links.iter().all(|link| link.starts_with("/container/")), "{links:?}");
        }
    });
}

#[test]
fn key_prefix_stands_before_every_link() {
    on_both_wires(|wire| {
        let site = hello(wire).set("prefix", "/apps/");
        for (mount, expected) in
            [("", "/apps/container/"), ("/cgi-bin/serve.cgi", "/apps/cgi-bin/serve.cgi/container/")]
        {
            for address in ["/container/", IMAGE, "/container/nothing"] {
                let links = all_links(&site.ask(&get(address).var("SCRIPT_NAME", mount).accept(BROWSER)));
                assert!(links.iter().all(|link| link.starts_with(expected)), "{address}: {links:?}");
            }
            let moved = site.ask(&get("/container/random").var("SCRIPT_NAME", mount));
            assert!(moved.header("Location").is_some_and(|place| place.starts_with(expected)), "{:?}", moved.headers);
        }
    });
}

#[test]
fn a_prefix_is_percent_encoded_in_links() {
    on_both_wires(|wire| {
        let answer = hello(wire).ask(&get(IMAGE).var("SCRIPT_NAME", "/a b/ä\"<"));
        assert_eq!(answer.json()["links"]["run"], "/a%20b/%C3%A4%22%3C/container/run/argv.sif");
    });
}

#[test]
fn a_script_name_that_is_not_absolute_is_400() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for name in [
            "relative",
            "//",
            "///",
            "/a//",
            "//evil.example",
            "/a/../b",
            "/a/./b",
            "http://evil.example",
            "/a?b",
            "/a\\b",
            "/a\nb",
        ] {
            assert_eq!(site.ask(&get(IMAGE).var("SCRIPT_NAME", name)).problem(400).0, "bad-request", "{name:?}");
        }
    });
}

#[test]
fn host_request_uri_and_script_filename_are_not_used() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let honest: Vec<Answer> = [BROWSER, "*/*"].map(|accept| site.ask(&mounted(IMAGE).accept(accept))).into();
        for (before, accept) in honest.iter().zip([BROWSER, "*/*"]) {
            let request = mounted(IMAGE)
                .accept(accept)
                .header("Host", "evil.example")
                .header("X-Forwarded-Host", "evil.example")
                .header("X-Forwarded-Prefix", "/evil")
                .var("SERVER_NAME", "evil.example")
                .var("REQUEST_URI", "/container/run/evil.sif")
                .var("DOCUMENT_URI", "/evil")
                .var("SCRIPT_FILENAME", "/etc/passwd")
                .var("PATH_TRANSLATED", "/etc/passwd");
            assert_eq!(site.ask(&request).body, before.body);
        }
    });
}

/// `PATH_INFO` is decoded already: nothing in it is decoded a second time.
#[test]
fn the_path_is_not_decoded_again() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for path in ["/container/argv%2Esif", "/container%2Fargv.sif", "/%63ontainer/", "/container/argv.sif%00"] {
            site.ask(&get("/").var("PATH_INFO", path)).problem(404);
        }
    });
}
