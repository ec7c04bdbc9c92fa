//! The table of URLs and methods.

use std::fs;

use serde_json::{Value, json};

use crate::support::request::{BROWSER, EVENTS};
use crate::support::{Site, Wire, get, on_both_wires, post};
use crate::{FORM, HELLO, HTML, IMAGE, JSON, RUN, TEXT, explained, hello};

/// Every address that answers a GET, and the media type it gives to programs.
const ADDRESSES: [(&str, u16, &str); 15] = [
    ("/container/", 200, JSON),
    (IMAGE, 200, JSON),
    ("/container/args/argv.sif", 200, JSON),
    ("/container/labels/argv.sif", 200, JSON),
    ("/container/static/style.css", 200, "text/css; charset=utf-8"),
    ("/container/static/icon.svg", 200, "image/svg+xml"),
    ("/container/random", 302, TEXT),
    ("/container/health", 200, JSON),
    ("/container/api", 200, JSON),
    ("/api/containers", 200, JSON),
    ("/api/container/argv.sif", 200, JSON),
    ("/api/container/args/argv.sif", 200, JSON),
    ("/api/container/labels/argv.sif", 200, JSON),
    ("/containers/random", 302, TEXT),
    ("/", 302, TEXT),
];

#[test]
fn every_address_answers_get_and_head_alike() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for (address, status, media) in ADDRESSES {
            let answer = site.ask(&get(address));
            assert_eq!((answer.status, answer.media()), (status, media), "{address}");
            assert!(!answer.body.is_empty());
            let head = site.ask(&get(address).method("HEAD"));
            assert_eq!((head.status, head.body.len()), (status, 0), "HEAD {address}");
            assert_eq!(head.headers, answer.headers, "HEAD {address}");
        }
    });
}

#[test]
fn other_methods_are_405_with_allow() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for (address, _, _) in ADDRESSES {
            for method in ["POST", "PUT", "DELETE", "PATCH", "get", "PROPFIND"] {
                let answer = site.ask(&get(address).method(method));
                assert_eq!(answer.problem(405).0, "method-not-allowed", "{method} {address}");
                assert_eq!(answer.header("Allow"), Some("GET, HEAD, OPTIONS"));
            }
        }
        for method in ["PUT", "DELETE", "PATCH", "post"] {
            let answer = site.ask(&get(RUN).method(method));
            answer.problem(405);
            assert_eq!(answer.header("Allow"), Some("GET, POST, OPTIONS"));
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn options_answers_everywhere_and_never_runs() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for (address, _, _) in ADDRESSES {
            let answer = site.ask(&get(address).method("OPTIONS"));
            assert_eq!((answer.status, answer.header("Allow")), (204, Some("GET, HEAD, OPTIONS")), "{address}");
        }
        for accept in ["*/*", BROWSER, EVENTS] {
            let answer = site.ask(&get(RUN).method("OPTIONS").accept(accept));
            assert_eq!((answer.status, answer.header("Allow")), (204, Some("GET, POST, OPTIONS")));
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn head_on_run_is_405_and_never_runs() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for accept in ["*/*", BROWSER, EVENTS] {
            let answer = site.ask(&get(RUN).method("HEAD").accept(accept));
            assert_eq!((answer.status, answer.body.len()), (405, 0));
            assert_eq!(answer.header("Allow"), Some("GET, POST, OPTIONS"));
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn image_page_has_form_arguments_labels_and_help() {
    let help = "Says hello.\nAnd more.\n";
    on_both_wires(|wire| {
        let site = Site::new(wire).file("argv.sif", &explained(&[HELLO[0], HELLO[3], ("Maintainer", "Amy <b>")], help));
        let page = site.ask(&get(IMAGE)).json();
        let expected = json!({
            "name": "argv.sif", "help": help, "command": "apptainer run argv.sif",
            "args": { "str": ["name"], "int": [], "float": [], "bool": ["is_dino"] },
            "arguments": [
                { "name": "name", "type": "str", "required": false },
                { "name": "is_dino", "type": "bool", "required": false },
            ],
            "architecture": "amd64", "warnings": [], "notes": [],
        });
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&page[key], value, "{key}");
        }
        assert_eq!(page["labels"]["Maintainer"], "Amy <b>");
        assert_eq!(page["definition"], Value::Null, "not shown unless the site says so");
        for (key, address) in [
            ("self", IMAGE),
            ("run", RUN),
            ("args", "/container/args/argv.sif"),
            ("labels", "/container/labels/argv.sif"),
        ] {
            assert_eq!(page["links"][key], address);
        }
        let html = site.ask(&get(IMAGE).accept(BROWSER));
        assert_eq!((html.status, html.media()), (200, HTML));
        let html = html.text();
        for part in [
            "action=\"/container/run/argv.sif\"",
            "name=\"name\"",
            "type=\"checkbox\" name=\"is_dino\"",
            "apptainer run argv.sif",
            "Says hello.",
            "<th scope=\"row\">Maintainer</th>",
            "Amy &lt;b&gt;",
            "exec hello",
        ] {
            assert!(html.contains(part), "no {part} in {html}");
        }
        assert!(!html.contains("API_KEY"));
    });
}

#[test]
fn args_always_have_the_four_keys() {
    on_both_wires(|wire| {
        let site = hello(wire).image("none.sif", &[("Other", "x")]);
        let expected = json!({ "str": ["name"], "int": ["age"], "float": ["weight"], "bool": ["is_dino"] });
        assert_eq!(site.ask(&get("/container/args/argv.sif")).json(), expected);
        let none = site.ask(&get("/container/args/none.sif")).json();
        assert_eq!(none, json!({ "str": [], "int": [], "float": [], "bool": [] }));
        assert_eq!(none.as_object().unwrap().keys().collect::<Vec<_>>(), ["str", "int", "float", "bool"]);
    });
}

#[test]
fn labels_are_a_flat_object_as_the_image_has_them() {
    on_both_wires(|wire| {
        let labels =
            [("org.label-schema.build-date", "Monday"), ("Mixed Case", " a  b\n"), ("empty", ""), ("ä", "\"ü\"")];
        let site = Site::new(wire).image("argv.sif", &labels);
        let answer = site.ask(&get("/container/labels/argv.sif"));
        let expected: serde_json::Map<String, Value> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        assert_eq!(answer.json(), Value::Object(expected));
    });
}

#[test]
fn random_leads_to_some_image_and_is_never_kept() {
    on_both_wires(|wire| {
        let site = hello(wire).image("other.sif", &[]);
        for address in ["/container/random", "/containers/random"] {
            let answer = site.ask(&get(address).accept(BROWSER));
            assert_eq!((answer.status, answer.header("Cache-Control")), (302, Some("no-store")));
            let place = answer.header("Location").expect("a place");
            assert!([IMAGE, "/container/other.sif"].contains(&place), "{place}");
            site.ask(&get(place)).good();
        }
        let empty = Site::new(wire).ask(&get("/container/random"));
        assert_eq!((empty.status, empty.header("Location")), (302, Some("/container/")));
    });
}

#[test]
fn health_says_ready_or_why_not() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let health = site.ask(&get("/container/health"));
        assert_eq!((health.status, health.header("Cache-Control")), (200, Some("no-store")));
        assert_eq!(health.json()["ready"], true);
        for (key, value, what) in [
            ("data", "/nonexistent/data", "data"),
            ("runtime", "/nonexistent/apptainer", "runtime"),
            ("state", "/proc/nothing", "state"),
        ] {
            let site = hello(wire).set(key, value);
            let health = site.ask(&get("/container/health"));
            assert_eq!((health.status, &health.json()["ready"]), (503, &json!(false)), "{key}");
            let checks = health.json()["checks"].clone();
            let check = checks.as_array().unwrap().iter().find(|one| one["check"] == what).expect(what).clone();
            assert_eq!((&check["ok"], &check["weight"]), (&json!(false), &json!("needed")));
            assert!(check["reason"].as_str().is_some_and(|why| !why.contains("/nonexistent")), "{check}");
        }
    });
}

#[test]
fn static_files_come_from_the_executable() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let page = site.ask(&get("/container/").accept(BROWSER)).text();
        for (file, begin) in [("style.css", "/*"), ("icon.svg", "<svg")] {
            let address = format!("/container/static/{file}");
            let plain = site.ask(&get(&address));
            assert_eq!(plain.header("Cache-Control"), Some("public, max-age=300"));
            assert!(plain.good().contains(begin));
            // the pages link it with the hash of its content
            let linked = page.split('"').find(|text| text.starts_with(&address)).expect("a link");
            assert!(linked.contains("?v="), "{linked}");
            let pinned = site.ask(&get(linked));
            assert_eq!(pinned.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
            assert_eq!(pinned.body, plain.body);
            let tag = plain.header("ETag").expect("a tag");
            let kept = site.ask(&get(&address).header("If-None-Match", tag));
            assert_eq!((kept.status, kept.header("Cache-Control")), (304, Some("public, max-age=300")));
        }
        for address in
            ["/container/static/", "/container/static/none.css", "/container/static/a/b", "/container/static"]
        {
            site.ask(&get(address)).problem(404);
        }
    });
}

#[test]
fn reserved_words_and_odd_names_are_no_images() {
    let words = ["run", "args", "labels", "download", "openapi", "openapi.json", "random", "health", "static", "mcp"];
    let most = format!("{}.sif", "n".repeat(124));
    let over = format!("{}.sif", "n".repeat(125));
    on_both_wires(|wire| {
        let site = hello(wire).image("A0._+-.sif", &[]).image(&most, &[]);
        let data = site.data();
        for word in words.iter().chain(&["jobs", "metrics"]) {
            fs::create_dir_all(data.join(word).join(".singularity.d")).unwrap();
        }
        for name in [&over, "_x.sif", ".x.sif", "a b.sif", "ä.sif"] {
            fs::write(data.join(name), "").unwrap();
        }
        assert_eq!(site.ask(&get("/container/")).json()["total"], 3, "the good ones");
        for name in ["A0._+-.sif", &most] {
            site.ask(&get(&format!("/container/{name}"))).good();
        }
        for name in [&over, "_x.sif", ".x.sif", "a b.sif", "ä.sif", "jobs", "metrics", "mcp", "run", "args", "static"]
        {
            for address in [format!("/container/{name}"), format!("/container/run/{name}")] {
                site.ask(&get(&address)).problem(404);
            }
        }
        // the administrator is told of each
        let listed = site.command().arg("list").stdout(std::process::Stdio::piped()).output().unwrap();
        let told = String::from_utf8_lossy(&listed.stdout).into_owned();
        for word in words.iter().chain(&["_x.sif", "a b.sif"]) {
            assert!(told.contains(&format!("not served: {word}: ")), "{word} in {told}");
        }
    });
}

/// What the program of 2017 answered, and the other spelling of its post.
#[test]
fn the_addresses_of_2017_work() {
    on_both_wires(|wire| {
        let site = hello(wire).image("other.sif", &[]);
        for request in [
            get("/containers/run/argv.sif?name=A%20b&age=1"),
            post("/containers/run/argv.sif?name=A%20b&age=1", FORM, "x=y"),
        ] {
            let answer = site.ask(&request);
            let place = format!("{RUN}?name=A%20b&age=1");
            assert_eq!((answer.status, answer.header("Location")), (308, Some(place.as_str())));
        }
        assert_eq!(site.ask(&get("/containers/run/argv.sif")).header("Location"), Some(RUN));
        assert_eq!(site.runs().len(), 0);
        let all = site.ask(&get("/api/containers")).json();
        let urls = all.as_object().unwrap();
        assert_eq!(urls.keys().collect::<Vec<_>>(), ["argv.sif", "other.sif"]);
        let one = site.ask(&get(urls["argv.sif"].as_str().unwrap())).json();
        assert_eq!(one.as_object().unwrap().keys().collect::<Vec<_>>(), ["name", "links", "args", "labels"]);
        assert_eq!(one["name"], "argv.sif");
        assert_eq!(one["args"], site.ask(&get("/container/args/argv.sif")).json());
        assert_eq!(one["labels"], site.ask(&get("/container/labels/argv.sif")).json());
        for (link, key) in [("args", "args"), ("labels", "labels")] {
            assert_eq!(site.ask(&get(one["links"][link].as_str().unwrap())).json(), one[key]);
        }
        assert_eq!(site.ask(&get(one["links"]["run"].as_str().unwrap())).json(), json!([]));
        for path in
            ["/api/container/none.sif", "/api/container/args/none.sif", "/api/", "/containers/", "/api/container/"]
        {
            site.ask(&get(path)).problem(404);
        }
    });
}

#[test]
fn the_top_leads_home() {
    for (path, wire) in [("/", Wire::Cgi), ("", Wire::FastCgi), ("/container", Wire::FastCgi)] {
        let answer = hello(wire).ask(&get(path));
        assert_eq!((answer.status, answer.header("Location")), (302, Some("/container/")), "{path}");
    }
}
