//! `gzip.conf`: what is compressed, what never is, and what caches are told of it.

use std::collections::BTreeSet;
use std::io::Read;

use crate::RUN;
use crate::setup::{LEGACY, UPSTREAM, change, complete, own_with, root, site};
use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::servers::{Server, http};
use crate::support::{Answer, Site, Wire};

const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");
const ALL: &str = "include singularity-nginx/locations.conf; include singularity-nginx/legacy.conf; \
     include singularity-nginx/subpath.conf; include singularity-nginx/download.conf;";

/// Pages long enough, and somebody's own server that compresses everything.
fn served(site: &Site) -> Option<Server> {
    site.start();
    own_with(&root(site), &site.socket(), UPSTREAM, ALL, |here| {
        change(here, "download.conf", "/srv/images/", &format!("{}/", site.data().display()));
    })
}

fn plain(answer: &Answer) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut bytes).expect("gzip");
    bytes
}

/// The fields that `Vary` names, in lower case; none of them twice, in however many lines.
fn vary(answer: &Answer) -> BTreeSet<String> {
    let lines = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("vary"));
    let mut named = BTreeSet::new();
    for name in lines.flat_map(|(_, value)| value.split(',')) {
        assert!(named.insert(name.trim().to_lowercase()), "{name} is named twice: {:?}", answer.headers);
    }
    named
}

fn names(list: &str) -> BTreeSet<String> {
    list.split(' ').map(str::to_owned).collect()
}

#[test]
fn pages_json_documents_and_files_are_compressed() {
    let site = site();
    let Some(server) = served(&site) else { return };
    let negotiated = "accept accept-encoding origin";
    for (target, accept, varies) in [
        ("/container/", BROWSER, negotiated),
        ("/container/", "*/*", negotiated),
        ("/container/argv.img", BROWSER, negotiated),
        ("/container/argv.img", "*/*", negotiated),
        ("/container/openapi.json", "*/*", negotiated),
        ("/container/openapi/argv.img.json", "*/*", negotiated),
        ("/container/none.img", BROWSER, negotiated),
        ("/container/problems/busy", BROWSER, negotiated),
        ("/apps/container/", BROWSER, negotiated),
        ("/apps/container/argv.img", "*/*", negotiated),
        ("/api/container/argv.img", "*/*", negotiated),
        ("/container/static/style.css", "*/*", "accept-encoding"),
        ("/container/static/app.js", "*/*", "accept-encoding"),
        ("/apps/container/static/app.js", "*/*", "accept-encoding origin"),
    ] {
        let ask = |fields: &[(&str, &str)]| server.get(target, &[&[("Accept", accept)], fields].concat());
        let (whole, small) = (ask(&[]), ask(&[GZIP]));
        // a problem names its request, and may be too short
        if whole.status == 200 && (whole.body.len() >= 1000 || accept == BROWSER) {
            assert_eq!(small.header("Content-Encoding"), Some("gzip"), "{target} {accept}");
            assert!(plain(&small) == whole.body && small.body.len() < whole.body.len(), "{target} {accept}");
        }
        assert_eq!(whole.header("Content-Encoding"), None, "{target}");
        for answer in [&whole, &small] {
            assert_eq!(vary(answer), names(varies), "{target} {accept}");
        }
        // by way of a proxy
        let proxied = ask(&[GZIP, ("Via", "1.1 proxy")]);
        assert_eq!(proxied.header("Content-Encoding"), small.header("Content-Encoding"), "{target}");
        let head = server.ask(&http("HEAD", target, &[("Accept", accept), GZIP], b""));
        assert_eq!(vary(&head), names(varies), "HEAD {target}");
    }
}

#[test]
fn the_complete_conf_compresses_its_home_page() {
    let site = site();
    let Some(server) = complete(&site) else { return };
    for (target, accept) in [("/", BROWSER), ("/elsewhere", BROWSER), ("/container/openapi.json", "*/*")] {
        let answer = server.get(target, &[("Accept", accept), GZIP]);
        assert_eq!(answer.header("Content-Encoding"), Some("gzip"), "{target}");
        assert!(plain(&answer).len() > answer.body.len());
        assert_eq!(vary(&answer), names("accept accept-encoding origin"), "{target}");
    }
    // what is not on the disk is compressed all the same
    std::fs::remove_file(server.folder().join("singularity-nginx/static/app.js")).unwrap();
    let script = server.get("/container/static/app.js", &[GZIP]);
    assert_eq!(script.header("Content-Encoding"), Some("gzip"));
    assert_eq!(vary(&script), names("accept-encoding origin"));
}

/// A weak tag is what a visitor has of a compressed answer (RFC 9110 §8.8.1).
#[test]
fn a_weak_tag_is_as_good_as_a_strong_one() {
    let site = site();
    let Some(server) = served(&site) else { return };
    for target in ["/container/argv.img", "/container/openapi.json", "/apps/container/static/app.js"] {
        let small = server.get(target, &[GZIP]);
        let weak = small.header("ETag").expect("a tag").to_owned();
        assert!(weak.starts_with("W/\""), "{target}: {weak}");
        let strong = server.get(target, &[]).header("ETag").expect("a tag").to_owned();
        assert_eq!(format!("W/{strong}"), weak);
        for tag in [&weak, &strong] {
            for method in ["GET", "HEAD"] {
                let same = server.ask(&http(method, target, &[GZIP, ("If-None-Match", tag)], b""));
                assert_eq!((same.status, same.header("ETag")), (304, Some(tag.as_str())), "{target}: it is repeated");
                assert_eq!(vary(&same), vary(&small), "{target}");
                assert_eq!(same.header("Content-Encoding"), None);
            }
        }
        assert_eq!(server.get(target, &[GZIP, ("If-None-Match", "W/\"other\"")]).status, 200);
    }
    // nginx itself compares the tags of files weakly, too
    let file = server.get("/container/static/app.js", &[GZIP]);
    let weak = file.header("ETag").expect("a tag");
    assert!(weak.starts_with("W/\""), "{weak}");
    let same = server.get("/container/static/app.js", &[GZIP, ("If-None-Match", weak)]);
    assert_eq!((same.status, vary(&same)), (304, names("accept-encoding")));
}

/// Though the site compresses everything: what is in it beside a visitor's own words would show in its length.
#[test]
fn runs_are_never_compressed() {
    let text = "the same words again and again\n".repeat(1000);
    let site = site().prints("print.sif", text.as_bytes()).image("exit-3.sif", &[]);
    let Some(server) = served(&site) else { return };
    for mount in ["", "/apps"] {
        for image in ["print.sif", "exit-3.sif", "argv.img?name=$", "none.sif"] {
            for accept in ["*/*", ENVELOPE, EVENTS, BROWSER] {
                let target = format!("{mount}/container/run/{image}");
                let answer = server.get(&target, &[("Accept", accept), GZIP]);
                assert_eq!(answer.header("Content-Encoding"), None, "{target} {accept}");
                assert_eq!(vary(&answer), names("accept origin"), "{target} {accept}: {:?}", answer.headers);
            }
        }
    }
    let sent = [GZIP, ("Content-Type", crate::FORM)];
    assert_eq!(server.ask(&http("POST", RUN, &sent, b"name=Amy")).header("Content-Encoding"), None);
}

/// There are no ranges of a compressed answer.
#[test]
fn image_files_are_never_compressed() {
    for by_nginx in [true, false] {
        let mut site = site().set("download", true).file("zeros.img", &[0; 50_000]);
        if by_nginx {
            site = site.set("accel", "/container-files/");
        }
        let Some(server) = served(&site) else { return };
        for mount in ["", "/apps"] {
            let target = format!("{mount}/container/download/zeros.img");
            let whole = server.get(&target, &[GZIP]);
            assert_eq!((whole.status, whole.header("Content-Encoding"), whole.body.len()), (200, None, 50_000));
            assert_eq!(whole.header("Accept-Ranges"), Some("bytes"), "{target}");
            let tag = whole.header("ETag").expect("a tag");
            assert!(tag.starts_with('"'), "{tag}");
            let part = server.get(&target, &[GZIP, ("Range", "bytes=100-199"), ("If-Range", tag)]);
            assert_eq!((part.status, part.body.len()), (206, 100), "{target}");
            assert_eq!(vary(&whole), names("origin"), "{target}");
        }
    }
}

/// What is kept is kept as it is, whoever asked for it first.
#[test]
fn an_answer_from_the_cache_is_not_compressed() {
    let text = "the same words again and again\n".repeat(1000);
    let labels = [("SINGULARITY_RUNSCRIPT_MAX_AGE", "60")];
    let site =
        Site::new(Wire::FastCgi).set("slots", 4).image("argv.pure.sif", &labels).prints("print.sif", text.as_bytes());
    site.start();
    let upstream = format!("fastcgi_cache_path kept keys_zone=containers:1m use_temp_path=off; {UPSTREAM}");
    let Some(server) = own_with(&root(&site), &site.socket(), &upstream, LEGACY, |here| {
        change(
            here,
            "locations.conf",
            "# include singularity-nginx/cache.conf;",
            "include singularity-nginx/cache.conf;",
        );
        change(here, "cache.conf", r"(?:NAME\.sif|OTHER\.sif)", r"(?:argv\.pure\.sif|print\.sif)");
    }) else {
        return;
    };
    let ask = |fields: &[(&str, &str)]| server.get("/container/run/argv.pure.sif", fields);
    let first = ask(&[GZIP]);
    assert_eq!(first.header("X-Cache"), Some("MISS"));
    crate::until("it is kept", crate::support::HANG, || ask(&[GZIP]).header("X-Cache") == Some("HIT"));
    for fields in [&[GZIP][..], &[], &[("Accept-Encoding", "identity")]] {
        let answer = ask(fields);
        assert_eq!((answer.header("Content-Encoding"), answer.header("X-Cache")), (None, Some("HIT")), "{fields:?}");
        assert_eq!((&answer.body, vary(&answer)), (&first.body, names("accept origin")));
    }
    assert_eq!(server.get("/container/run/print.sif", &[GZIP]).text(), text);
}
