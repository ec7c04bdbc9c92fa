//! Every way in, on real web servers and with a real container runtime: a row of the README's table each.
//!
//! A test starts a server with our program behind it, fills the cells of its row, and fails when one of them is not as
//! the README says. Skipped, with the reason printed, where a server or the runtime is not installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../hostile/front.rs"]
#[allow(dead_code, reason = "written for other tests")]
mod front;
#[path = "../support/mod.rs"]
mod support;

mod kinds;
mod misconfigured;
mod unfinished;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use front::{Cgi, Front};
use serde_json::json;
use support::processes::{self, GONE};
use support::request::{BROWSER, EVENTS};
use support::{Answer, HANG, Site, Wire, real, skip};

/// Seconds of a run; a silent one under plain CGI ends by it.
const DEADLINE: u64 = 9;

/// Columns of the table, behind the server.
const COLUMNS: [&str; 8] =
    ["Home", "Static files", "Run", "Live output", "Cancel", "Download", "Prefix", "A silent run whose visitor leaves"];

/// A site with the demo images and the one that misbehaves, all of them with the real runtime.
/// An image in a folder, with all characters that a name may hold.
const IN_FOLDER: &str = "lab/A0._+:@=~-";

fn site(wire: Wire) -> Option<Site> {
    let mut site = real::site(wire)?.set("deadline", DEADLINE).set("download", true).set("slots", 4);
    for name in ["hello-name.sif", "hello-world.sif", "slow.sif"] {
        let Ok(bytes) = fs::read(demo(name)) else {
            skip(&format!("data/{name} is not built (data/generate_demos.sh)"));
            return None;
        };
        site = site.file(name, &bytes);
    }
    fs::create_dir(site.data().join("lab")).unwrap();
    fs::copy(demo("hello-world.sif"), site.data().join(IN_FOLDER)).unwrap();
    Some(site)
}

fn demo(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

fn ask(front: &Front, address: &str, accept: &str) -> Answer {
    front.open(address, accept).answer()
}

/// The configuration lies beside the program, and no address shows it, however it is written.
fn configuration_is_hidden(front: &Front) {
    let folder = front.mount().rsplit_once('/').map_or("", |(folder, _)| folder);
    for name in [
        ".ht-singularity-nginx.toml",
        "%2eht-singularity-nginx.toml",
        "/.ht-singularity-nginx.toml",
        "./.ht-singularity-nginx.toml",
        ".HT-singularity-nginx.toml",
    ] {
        for address in [format!("{folder}/{name}"), format!("{}/{name}", front.mount()), format!("/{name}")] {
            let answer = front.get(&address);
            assert!(matches!(answer.status, 400 | 403 | 404), "{address}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("data ="), "{address}: {}", answer.text());
        }
    }
}

/// Fills a row, prints it, and compares it with the README's. `prefixed` is the same application below a prefix, where
/// the first server has it at the top.
fn fill(title: &str, _site: Site, front: Front, prefixed: Option<Front>) {
    configuration_is_hidden(&front);
    let cells = [
        home(&front),
        static_file(&front),
        run(&front),
        live(&front),
        cancel(&front),
        download(&front),
        prefix(prefixed.as_ref().unwrap_or(&front)),
        silent(&front),
    ];
    let row = format!("| {title} | {} |", cells.join(" | "));
    println!("| | {} |\n|---{}|\n{row}", COLUMNS.join(" | "), "|---".repeat(COLUMNS.len()));
    drop((front, prefixed));
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.contains(&row), "the README's table has another row than\n{row}");
}

fn home(front: &Front) -> &'static str {
    let page = ask(front, "/container/", BROWSER);
    let text = page.good();
    assert_eq!(page.media(), "text/html; charset=utf-8");
    for name in ["hello-name.sif", "hello-world.sif", "slow.sif"] {
        assert!(text.contains(&format!("href=\"{}/container/{name}\"", front.mount())), "{text}");
    }
    folder(front);
    "yes"
}

/// A slash at the end of an address is as good as any other part of it.
fn folder(front: &Front) {
    let lab = format!("{}/container/lab/", front.mount());
    let answer = ask(front, "/container/lab", "*/*");
    assert_eq!(answer.status, 308);
    assert!(answer.header("Location").is_some_and(|place| place.ends_with(&lab)), "{:?}", answer.header("Location"));
    let list = ask(front, "/container/lab/", "application/json").json();
    assert_eq!((&list["total"], &list["images"][0]["name"]), (&1.into(), &IN_FOLDER.into()), "{list}");
    assert_eq!(ask(front, &format!("/container/run/{IN_FOLDER}"), "*/*").status, 200);
}

fn static_file(front: &Front) -> &'static str {
    let page = ask(front, "/container/", BROWSER).text();
    for (name, media) in [("style.css", "text/css"), ("app.js", "text/javascript"), ("icon.svg", "image/svg+xml")] {
        let start = format!("\"{}/container/static/{name}?v=", front.mount());
        let at = page.find(&start).unwrap_or_else(|| panic!("no {name} on {page}"));
        let link = page[at + 1..].split('"').next().unwrap();
        let answer = ask(front, link.strip_prefix(front.mount()).unwrap(), "*/*");
        let file = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("nginx/static").join(name)).unwrap();
        assert!(answer.status == 200 && answer.body == file && answer.media().starts_with(media), "{link}");
        assert!(answer.header("Cache-Control").is_some_and(|lifetime| lifetime.contains("immutable")));
    }
    "yes"
}

fn run(front: &Front) -> &'static str {
    let answer = ask(front, "/container/run/hello-name.sif?name=Amy&is_dino=yes", "*/*");
    answer.good();
    assert_eq!(answer.json(), json!({"name": "hello Amy!", "species": "You are a dinosaur! :D"}));
    assert_eq!((answer.media(), answer.header("X-Run-Exit-Code")), ("application/json", Some("0")));
    ask(front, "/container/run/hello-name.sif?age=x", "*/*").problem(400);
    "yes"
}

/// The first line is here while the last one is not yet printed.
fn live(front: &Front) -> &'static str {
    let mut visit = front.open("/container/run/slow.sif?steps=6", EVENTS);
    for step in 1..=3 {
        visit.wait_for(&format!("step {step} of 6"));
        assert!(!visit.seen().contains("step 6 of 6"), "all of it came at once: {}", visit.seen());
    }
    visit.wait_for("event: exit");
    "yes"
}

/// A visitor who leaves while events stream: nothing of the run is left.
fn cancel(front: &Front) -> &'static str {
    leave(front, "ignore", EVENTS);
    "yes"
}

/// The same while nothing is printed and nothing is written: the server has to tell.
fn silent(front: &Front) -> &'static str {
    if leave(front, "silent", "*/*") < GONE { "ends at once" } else { "ends by its deadline" }
}

/// How long a run goes on when its visitor has left.
fn leave(front: &Front, mode: &str, accept: &str) -> Duration {
    let mark = real::mark();
    let mut visit = front.open(&format!("/container/run/behave.sif?mode={mode}&mark={mark}"), accept);
    let sleeper = || processes::called(&format!("sleep {mark}"));
    support::until("the container runs", HANG, || !sleeper().is_empty());
    if accept == EVENTS {
        visit.wait_for("event: command");
    }
    let left = Instant::now();
    drop(visit);
    let patience = if accept == EVENTS { GONE } else { Duration::from_secs(DEADLINE) + GONE };
    processes::gone_within(patience, sleeper);
    let long = left.elapsed();
    processes::gone_within(GONE, || processes::called(&mark.to_string()));
    long
}

fn download(front: &Front) -> &'static str {
    let answer = ask(front, "/container/download/hello-world.sif", "*/*");
    assert_eq!(answer.status, 200);
    assert!(answer.body == fs::read(demo("hello-world.sif")).unwrap(), "{} bytes came", answer.body.len());
    "yes"
}

/// Every link of a page stays below the prefix, and works.
fn prefix(front: &Front) -> &'static str {
    assert!(front.mount().len() > 1);
    let mut followed = 0;
    for address in ["/container/", "/container/hello-name.sif"] {
        let page = ask(front, address, BROWSER).good();
        for rest in [" href=\"", " src=\"", " action=\""].iter().flat_map(|name| page.split(name).skip(1)) {
            let link = rest.split('"').next().unwrap().replace("&amp;", "&");
            if link.starts_with('#') || link.contains(':') {
                continue;
            }
            let address = link.strip_prefix(front.mount()).unwrap_or_else(|| panic!("{link} leaves the prefix"));
            if !address.contains("/run/") {
                assert!(matches!(ask(front, address, "*/*").status, 200 | 302), "{link}");
                followed += 1;
            }
        }
    }
    assert!(followed > 6, "{followed} links");
    run(front)
}

#[test]
fn nginx_fastcgi() {
    let Some(site) = site(Wire::FastCgi) else { return };
    site.start();
    let (Some(front), Some(prefixed)) = (kinds::nginx(&site), kinds::nginx_prefixed(&site)) else { return };
    fill("nginx, FastCGI", site, front, Some(prefixed));
}

#[test]
fn nginx_fcgiwrap() {
    by_cgi("nginx, fcgiwrap", |program| Front::cgi(Cgi::Fcgiwrap, program));
}

#[test]
fn apache_mod_cgi() {
    by_cgi("Apache, mod_cgi", kinds::apache_cgi);
}

#[test]
fn apache_mod_cgid() {
    by_cgi("Apache, mod_cgid", |program| Front::cgi(Cgi::Apache, program));
}

#[test]
fn apache_user_folder() {
    by_cgi("Apache, `/~amy/cgi-bin/`", kinds::apache_user_folder);
}

#[test]
fn apache_mod_fcgid() {
    by_cgi("Apache, mod_fcgid", kinds::apache_fcgid);
}

#[test]
fn lighttpd_cgi() {
    by_cgi("lighttpd, CGI", |program| Front::cgi(Cgi::Lighttpd, program));
}

#[test]
fn lighttpd_fastcgi() {
    let Some(site) = site(Wire::FastCgi) else { return };
    site.start();
    let Some(front) = kinds::lighttpd_fastcgi(&site) else { return };
    fill("lighttpd, FastCGI", site, front, None);
}

/// The web server starts the program, which has its configuration beside it.
fn by_cgi(title: &str, start: impl Fn(&Path) -> Option<Front>) {
    let Some(site) = site(Wire::Cgi) else { return };
    let Some(front) = start(&site.cgi_program()) else { return };
    fill(title, site, front, None);
}
