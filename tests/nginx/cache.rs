//! `cache.conf`: answers of named images that may be kept are kept by nginx, each for the question that it answers.

use std::fs;

use serde_json::json;

use crate::setup::{LOCATIONS, change, own_with, root};
use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::servers::{Server, http};
use crate::support::{HANG, Site, Wire, sif, until};

const STR: &str = "SINGULARITY_RUNSCRIPT_ARG_STR";
const MAX_AGE: &str = "SINGULARITY_RUNSCRIPT_MAX_AGE";
const PURE: &str = "/container/run/argv.pure.sif";
const UPSTREAM: &str =
    "fastcgi_cache_path kept keys_zone=containers:1m use_temp_path=off; include singularity-nginx/upstream.conf;";

fn site() -> Site {
    let site = Site::new(Wire::FastCgi).set("slots", 4).set("allow_origins", "https://a.example,https://b.example");
    let site = site.image("argv.pure.sif", &[(STR, "name"), (MAX_AGE, "60")]).image("argv.other.sif", &[(STR, "name")]);
    site.image("argv.unnamed.sif", &[(MAX_AGE, "60")]).image("exit-3.sif", &[(MAX_AGE, "60")])
}

/// With the lines of `cache.conf` that its first lines tell to write.
fn caching(site: &Site) -> Option<Server> {
    site.start();
    own_with(&root(site), &site.socket(), UPSTREAM, LOCATIONS, |here| {
        change(
            here,
            "locations.conf",
            "# include singularity-nginx/cache.conf;",
            "include singularity-nginx/cache.conf;",
        );
        change(here, "cache.conf", r"(?:NAME\.sif|OTHER\.sif)", r"(?:argv\.pure\.sif|argv\.other\.sif|exit-3\.sif)");
    })
}

/// Waits until so many answers lie in the cache: that is so a moment after the visitor has them.
fn kept(server: &Server, count: usize) {
    let files = || {
        let entries = fs::read_dir(server.folder().join("kept")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().len() == 32).count()
    };
    until(&format!("{count} answers are kept"), HANG, || files() == count);
}

#[test]
fn a_repeated_call_is_answered_from_the_cache() {
    let site = site();
    let Some(server) = caching(&site) else { return };
    let ask = |query: &str| {
        let answer = server.get(&format!("{PURE}{query}"), &[]);
        (answer.json(), answer.header("X-Cache").map(str::to_owned))
    };
    let told = |name: &str, cache: &str| (json!(["--name", name]), Some(cache.to_owned()));
    assert_eq!(ask("?name=Amy"), told("Amy", "MISS"));
    kept(&server, 1);
    for _ in 0..3 {
        assert_eq!(ask("?name=Amy"), told("Amy", "HIT"));
    }
    assert_eq!(site.runs().len(), 1, "the container ran once");
    assert_eq!(ask("?name=Ben"), told("Ben", "MISS"));
    assert_eq!(ask("").0, json!([]));
    kept(&server, 3);
    assert_eq!(ask("?name=Amy").0, told("Amy", "").0);
    assert_eq!(ask("?name=Ben").0, told("Ben", "").0);
    assert_eq!(site.runs().len(), 3, "one for each of the three questions");
    let kept = server.get(&format!("{PURE}?name=Amy"), &[]);
    assert_eq!(kept.header("Cache-Control"), Some("public, max-age=60"));
    assert_eq!(kept.header("X-Run-Exit-Code"), Some("0"));
}

#[test]
fn what_an_answer_depends_on_is_not_mixed() {
    let site = site();
    let Some(server) = caching(&site) else { return };
    let questions: [&[(&str, &str)]; 8] = [
        &[("Accept", "*/*")],
        &[("Accept", ENVELOPE)],
        &[("Accept", BROWSER)],
        &[("Accept", "*/*"), ("Origin", "https://a.example")],
        &[("Accept", "*/*"), ("Origin", "https://b.example")],
        &[("Accept", "*/*"), ("Host", "elsewhere")],
        &[("Accept", "*/*"), ("Host", "localhost:1234")],
        &[("Accept", "*/*"), ("Sec-Fetch-Site", "same-origin")],
    ];
    let ask = |fields: &[(&str, &str)]| server.get(&format!("{PURE}?name=Amy"), fields);
    let mut count = 0;
    let first = questions.map(|fields| {
        let answer = ask(fields);
        count += 1;
        kept(&server, count);
        answer
    });
    let again = questions.map(ask);
    assert_eq!(site.runs().len(), questions.len(), "each is a question of its own");
    for (first, again) in first.iter().zip(&again) {
        assert_eq!((first.header("X-Cache"), again.header("X-Cache")), (Some("MISS"), Some("HIT")));
        assert_eq!((first.media(), &first.body), (again.media(), &again.body));
        for name in ["Access-Control-Allow-Origin", "Content-Security-Policy", "Vary"] {
            assert_eq!(first.header(name), again.header(name), "{name}");
        }
    }
    assert_eq!(again[1].media(), ENVELOPE);
    assert!(again[2].media().starts_with("text/html"));
    assert_eq!(again[3].header("Access-Control-Allow-Origin"), Some("https://a.example"));
    assert_eq!(again[4].header("Access-Control-Allow-Origin"), Some("https://b.example"));
    assert_eq!(again[0].header("Access-Control-Allow-Origin"), None);
    // and whom the application refuses, the cache refuses
    for fields in [[("Origin", "https://evil.example")], [("Sec-Fetch-Site", "cross-site")]] {
        assert_eq!(ask(&fields).problem(403).0, "cross-site", "{fields:?}");
    }
    // nor does it show a visitor of another site what would have to run, or a page what it may not embed
    let led = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")];
    assert_eq!(ask(&led).status, 303);
    assert_eq!(ask(&[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", "image")]).problem(403).0, "embedded");
    assert_eq!(ask(&[("Referer", "https://evil.example/")]).status, 303);
}

#[test]
fn what_does_not_say_so_is_never_kept() {
    let site = site();
    let Some(server) = caching(&site) else { return };
    let json = [("Content-Type", "application/json")];
    let mut runs = 0;
    let mut twice = |what: &str, request: Vec<u8>, status: u16| {
        for _ in 0..2 {
            let answer = server.ask(&request);
            assert_eq!(answer.status, status, "{what}");
            assert_ne!(answer.header("X-Cache"), Some("HIT"), "{what}");
        }
        runs += 2;
        assert_eq!(site.runs().len(), runs, "{what}");
    };
    twice("no MAX_AGE", http("GET", "/container/run/argv.other.sif?name=Amy", &[], b""), 200);
    twice("not named in cache.conf", http("GET", "/container/run/argv.unnamed.sif", &[], b""), 200);
    twice("a failure", http("GET", "/container/run/exit-3.sif", &[], b""), 502);
    twice("a POST", http("POST", PURE, &json, br#"{"name": "Amy"}"#), 200);
    twice("a stream", http("GET", PURE, &[("Accept", EVENTS)], b""), 200);
    for _ in 0..2 {
        server.get(&format!("{PURE}?name=$"), &[]).problem(400);
        assert_eq!(server.ask(&http("HEAD", PURE, &[], b"")).status, 405);
    }
}

/// As the file says: an answer is kept for as long as its image said when it was given.
#[test]
fn answers_of_an_image_that_is_replaced_stay_until_they_are_thrown_away() {
    let site = site();
    let Some(server) = caching(&site) else { return };
    let address = format!("{PURE}?name=Amy");
    assert_eq!(server.get(&address, &[]).json(), json!(["--name", "Amy"]));
    kept(&server, 1);
    let (draft, place) = (site.path("draft"), site.data().join("argv.pure.sif"));
    fs::write(&draft, sif::with_labels(&[(MAX_AGE, "60")])).unwrap();
    fs::rename(&draft, &place).unwrap();
    assert_eq!(server.get(&address, &[]).json(), json!(["--name", "Amy"]));
    for entry in fs::read_dir(server.folder().join("kept")).unwrap().flatten() {
        fs::remove_file(entry.path()).unwrap();
    }
    assert_eq!(server.get(&address, &[]).json(), json!([]), "the new image takes no name");
    assert_eq!(site.runs().len(), 2);
}

/// An answer to somebody who may is not given to somebody who may not.
#[test]
fn the_cache_keeps_nobody_s_own_answers() {
    let rules = "[[rules]]\nwho = 'token:ci'\nmay = 'run'\nimages = 'argv.pure.sif'\n\
                 [[rules]]\nwho = 'anyone'\nmay = 'run'\nimages = 'argv.other.sif'\n";
    let site = site().image("argv.other.sif", &[(STR, "name"), (MAX_AGE, "60")]);
    fs::write(site.path("sn.toml"), rules).unwrap();
    let (config, store) = (site.path("sn.toml"), site.path("store"));
    let site = site.set("config", config.display()).set("store", store.display());
    let made = site.command().args(["token", "add", "ci"]).stdout(std::process::Stdio::piped()).output().unwrap();
    let bearer = format!("Bearer {}", String::from_utf8(made.stdout).unwrap().trim());
    let Some(server) = caching(&site) else { return };
    for _ in 0..3 {
        let mine = server.get(&format!("{PURE}?name=Amy"), &[("Authorization", &bearer)]);
        assert_eq!((mine.status, mine.header("X-Cache")), (200, Some("MISS")), "{}", mine.text());
        assert_eq!(mine.header("Cache-Control"), Some("private, no-store"));
        assert_eq!(server.get(&format!("{PURE}?name=Amy"), &[]).problem(404).0, "no-such-image");
        let wrong = server.get(&format!("{PURE}?name=Amy"), &[("Authorization", "Bearer x")]);
        assert_eq!(wrong.problem(401).0, "wrong-token");
    }
    assert_eq!(site.runs().len(), 3, "each ran");
    // what anyone may run is the same for all
    let other = "/container/run/argv.other.sif?name=Amy";
    assert_eq!(server.get(other, &[("Authorization", &bearer)]).header("X-Cache"), Some("MISS"));
    kept(&server, 1);
    let answer = server.get(other, &[]);
    assert_eq!((answer.header("X-Cache"), answer.header("X-Signed-In-As")), (Some("HIT"), None));
}
