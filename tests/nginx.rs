//! The files of `nginx/`, included in real nginx servers: one that is somebody's already, and one of our own.
//!
//! Skipped, with the reason printed, where nginx is not installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "nginx/cache.rs"]
mod cache;
#[path = "nginx/cut.rs"]
mod cut;
#[path = "nginx/download.rs"]
mod download;
#[path = "nginx/errors.rs"]
mod errors;
#[path = "nginx/gzip.rs"]
mod gzip;
#[path = "nginx/limits.rs"]
mod limits;
#[path = "nginx/setup.rs"]
mod setup;
mod support;

use std::fs;

use serde_json::json;
use setup::{LEGACY, LOCATIONS, OWN, UPSTREAM, complete, included, install, own, root, site};
use support::request::{BROWSER, EVENTS};
use support::servers::{self, Here, Server, Upstream, http};
use support::{Answer, Site, Wire, get, post, until};

const RUN: &str = "/container/run/argv.img";
const FORM: &str = "application/x-www-form-urlencoded";

/// An answer without what differs from one server to the next.
fn comparable(answer: Answer, server: &Server) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let headers = answer.headers.into_iter().filter(|(name, _)| name != "Date");
    let plain = headers.map(|(name, value)| (name, value.replace(&server.address().port().to_string(), "PORT")));
    (answer.status, plain.collect(), answer.body)
}

#[test]
fn nothing_of_the_site_that_includes_us_changes() {
    let site = site();
    let root = root(&site);
    let Some(before) = own(&root, &site.socket(), "", "") else { return };
    let Some(after) = included(&site, LOCATIONS) else { return };
    for target in [
        "/",
        "/index.html",
        "/a.png",
        "/missing.png",
        "/sub",
        "/sub/",
        "/sub/x.css",
        "/exact",
        "/missing",
        "/api/containers",
        "/containers/random",
        "/container.svg",
        "/containerx",
        "/x/container/",
        "/static/style.css",
        "/%2e%2e/",
        "/a.png/x",
    ] {
        for (method, content) in [("GET", &b""[..]), ("HEAD", b""), ("POST", b"x=1"), ("POST", &[b'x'; 2000])] {
            let ask = |server: &Server| comparable(server.ask(&http(method, target, &[], content)), server);
            assert_eq!(ask(&after), ask(&before), "{method} {target}");
        }
    }
    assert_eq!(site.runs().len(), 0);
    assert_eq!(after.get("/container/", &[]).status, 200);
}

#[test]
fn addresses_that_look_like_pictures_reach_us() {
    let site = site().prints("print.png.img", b"a picture");
    let Some(server) = included(&site, LOCATIONS) else { return };
    let answer = server.get(&format!("{RUN}?name=$(id)&age=-5&is_dino"), &[]);
    assert_eq!((answer.status, answer.json()), (200, json!(["--name", "id", "--age", "-5", "--is_dino"])));
    assert_eq!(answer.header("X-Run-Exit-Code"), Some("0"));
    assert_eq!(server.get("/container/run/print.png.img", &[]).text(), "a picture");
    assert_eq!(server.get("/container/%61rgv%2Eimg", &[]).json()["name"], "argv.img");
    // our problems stay ours, though the site has an error page
    let (word, _) = server.get("/container/none.css", &[]).problem(404);
    assert_eq!(word, "no-such-image");
    assert!(server.get("/container/none.css", &[("Accept", BROWSER)]).text().contains("<h1>"));
    server.get("/container/run/exit-3.sif", &[]).problem(502);
    for target in ["/container", "/container/../container"] {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.header("Location")), (301, Some("/container/")), "{target}");
    }
}

#[test]
fn answers_are_the_application_s_own() {
    let site = site();
    let Some(server) = included(&site, LOCATIONS) else { return };
    let age = format!("{RUN}?age=3");
    for target in ["/container/", "/container/argv.img", &age, "/container/run/exit-3.sif", "/container/none.sif"] {
        for accept in ["*/*", BROWSER] {
            let direct = site.ask(&get(target).accept(accept));
            let through = server.get(target, &[("Accept", accept)]);
            assert_eq!(through.status, direct.status, "{target}");
            for (name, value) in direct.headers.iter().filter(|(name, _)| name != "Status" && !name.contains("Elapsed"))
            {
                let same = through.header(name) == Some(value) || name == "Content-Length";
                assert!(same, "{target}: {name} is {:?}, not {value}", through.header(name));
            }
            let expected = (direct.status == 200).then_some("server");
            assert_eq!(through.header("X-Own"), expected, "what the site says of all its addresses, no more");
        }
    }
    let direct = site.ask(&post(RUN, FORM, "name=Amy"));
    let through = server.ask(&http("POST", RUN, &[("Content-Type", FORM)], b"name=Amy"));
    assert_eq!((through.body, through.status), (direct.body, 200));
}

#[test]
fn methods_and_validators_pass_through() {
    let site = site();
    let Some(server) = included(&site, LOCATIONS) else { return };
    let mut visit = server.visit();
    let page = visit.ask(&http("GET", "/container/argv.img", &[], b""));
    let tag = page.header("ETag").expect("a tag").to_owned();
    let unchanged = visit.ask(&http("GET", "/container/argv.img", &[("If-None-Match", &tag)], b""));
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    let head = visit.ask(&http("HEAD", "/container/argv.img", &[], b""));
    assert_eq!((head.status, head.header("ETag")), (200, Some(tag.as_str())));
    let options = visit.ask(&http("OPTIONS", RUN, &[], b""));
    assert_eq!((options.status, options.header("Allow")), (204, Some("GET, POST, OPTIONS")));
    assert_eq!(visit.ask(&http("HEAD", RUN, &[], b"")).status, 405);
    visit.ask(&http("DELETE", RUN, &[], b"")).problem(405);
    assert_eq!(site.runs().len(), 0);
    assert_eq!(visit.ask(&http("GET", RUN, &[], b"")).json(), json!([]), "all over one connection");
}

/// nginx answers these before it looks at locations. A method that is refused is answered with what is allowed.
#[test]
fn what_nginx_refuses_by_itself_names_the_methods() {
    let site = site();
    let Some(server) = complete(&site) else { return };
    for (target, allowed) in [("/container/", "GET, HEAD"), (RUN, "GET, POST"), ("/container/static/app.js", "GET")] {
        let answer = server.ask(&http("TRACE", target, &[], b""));
        assert_eq!(answer.problem(405).0, "method-not-allowed", "{target}");
        let allow = answer.header("Allow").unwrap_or_default();
        assert!(allow.starts_with(allowed), "{target}: {allow}");
    }
}

#[test]
fn static_files_come_from_the_disk_with_a_lifetime() {
    let site = site();
    let Some(server) = included(&site, LOCATIONS) else { return };
    let folder = server.folder().join("singularity-nginx/static");
    fs::write(folder.join("style.css"), "/* from the disk */").unwrap();
    for (target, lifetime) in [
        ("/container/static/style.css", "public, max-age=300"),
        ("/container/static/style.css?v=0123456789abcdef", "public, max-age=31536000, immutable"),
        ("/container/static/style.css?v=x", "public, max-age=300"),
    ] {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, "/* from the disk */"), "{target}");
        assert_eq!(answer.header("Cache-Control"), Some(lifetime));
        assert_eq!(answer.media(), "text/css; charset=utf-8");
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(answer.header("X-Own"), None, "no rule of the site");
    }
    // what is not on the disk comes from the executable
    let icon = fs::read(folder.join("icon.svg")).unwrap();
    fs::remove_file(folder.join("icon.svg")).unwrap();
    let answer = server.get("/container/static/icon.svg", &[]);
    assert!(answer.status == 200 && answer.body == icon && answer.media() == "image/svg+xml", "{}", answer.text());
    server.get("/container/static/none.css", &[]).problem(404);
    server.get("/container/static/", &[]).problem(404);
    server.ask(&http("POST", "/container/static/style.css", &[], b"x")).problem(405);
    // every file that a page names is there
    let page = server.get("/container/", &[("Accept", BROWSER)]).text();
    for link in page.split('"').filter(|text| text.starts_with("/container/static/")) {
        let answer = server.get(link, &[]);
        let kept = answer.header("Cache-Control").is_some_and(|lifetime| lifetime.contains("immutable"));
        assert!(answer.status == 200 && kept, "{link}: {:?}", answer.headers);
    }
}

#[test]
fn post_arrives_and_413_is_said() {
    let site = site();
    let Some(server) = included(&site, LOCATIONS) else { return };
    let post = |media: &str, content: &[u8]| server.ask(&http("POST", RUN, &[("Content-Type", media)], content));
    assert_eq!(post(FORM, b"name=Amy&age=7").json(), json!(["--name", "Amy", "--age", "7"]));
    assert_eq!(post("application/json", b"{\"age\": 7, \"is_dino\": true}").json(), json!(["--age", "7", "--is_dino"]));
    let padded = format!("name=Amy&x={}", "y".repeat(60_000));
    assert_eq!(post(FORM, padded.as_bytes()).json(), json!(["--name", "Amy"]), "above the site's own limit");
    assert_eq!(post(FORM, &[b'x'; 100_000]).problem(413).0, "content-too-large");
    assert_eq!(post(FORM, &vec![b'x'; 300_000]).problem(413).0, "content-too-large", "nginx's own limit");
    // sent in chunks, its length is known to nobody but nginx
    let chunked = format!(
        "POST {RUN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nage=3\r\n1\r\n4\r\n0\r\n\r\n"
    );
    assert_eq!(server.ask(chunked.as_bytes()).json(), json!(["--age", "34"]));
}

#[test]
fn live_output_arrives_piece_by_piece() {
    let site = site();
    let Some(server) = included(&site, LEGACY) else { return };
    let mut visit = server.visit();
    let fields = [("Accept", EVENTS), ("Accept-Encoding", "gzip")];
    visit.send(&http("GET", "/container/run/slow-200.sif", &fields, b""));
    for piece in ["event: command", "line 1\\n", "line 2\\n", "line 3\\n"] {
        visit.wait_for(piece);
    }
    assert!(!visit.seen().contains("line 40"), "what is printed later comes later");
    assert!(!visit.seen().contains("Content-Encoding"), "compressed, pieces would wait");
    drop(visit);
    site.nothing_runs();
}

#[test]
fn a_visitor_who_leaves_ends_the_run() {
    let site = site();
    let Some(server) = included(&site, LOCATIONS) else { return };
    for (number, accept) in ["*/*", EVENTS, BROWSER].into_iter().enumerate() {
        let mut visit = server.visit();
        visit.send(&http("GET", "/container/run/hang.sif", &[("Accept", accept)], b""));
        site.wait_for_runs(number + 1);
        drop(visit);
        site.nothing_runs();
    }
}

#[test]
fn large_answers_come_whole() {
    let site = site();
    let Some(server) = included(&site, LOCATIONS) else { return };
    let answer = server.get("/container/run/stdout-8.sif", &[]);
    // an output of exactly the limit is whole
    assert_eq!((answer.status, answer.body.len()), (200, 8 << 20));
}

#[test]
fn legacy_conf_serves_the_addresses_of_2017() {
    let site = site();
    let Some(server) = included(&site, LEGACY) else { return };
    let all = server.get("/api/containers", &[]).json();
    let one = server.get(all["argv.img"].as_str().expect("an address"), &[]).json();
    assert_eq!(one["args"]["int"], json!(["age"]));
    for link in ["args", "labels", "page", "run"] {
        assert_eq!(server.get(one["links"][link].as_str().expect(link), &[]).status, 200, "{link}");
    }
    let moved = server.get("/containers/run/argv.img?name=A%20b&age=1", &[]);
    assert_eq!((moved.status, moved.header("Location")), (308, Some("/container/run/argv.img?name=A%20b&age=1")));
    let random = server.get("/containers/random", &[]);
    assert!(random.status == 302 && random.header("Location").is_some_and(|place| place.starts_with("/container/")));
    assert_eq!(server.get("/containers", &[]).status, 301, "the folder's own redirect");
    assert_eq!(server.get("/a.png", &[]).header("X-Own"), Some("picture"), "the rest of the site is as it was");
}

#[test]
fn complete_conf_has_the_home_page_at_the_top() {
    let site = site();
    let Some(server) = complete(&site) else { return };
    let top = server.get("/", &[("Accept", BROWSER)]);
    assert_eq!(top.status, 200, "no redirect");
    assert!(top.text().contains("href=\"/container/argv.img\""), "{}", top.text());
    assert_eq!(server.get("/?q=argv", &[]).json()["total"], 1);
    assert_eq!(server.get("/elsewhere", &[]).problem(404).0, "no-such-address");
    assert_eq!(server.get("/api/containers", &[]).status, 200);
    assert_eq!(server.get(&format!("{RUN}?age=3"), &[]).json(), json!(["--age", "3"]));
    let style = server.get("/container/static/style.css", &[]);
    assert_eq!((style.status, style.header("Cache-Control")), (200, Some("public, max-age=300")));
    assert!(top.header("Server").is_some_and(|name| name == "nginx"), "no version");
    // everything that it writes lies in its folder
    for file in ["access.log", "error.log", "nginx.pid", "temp"] {
        assert!(server.folder().join(file).exists(), "{file}");
    }
}

/// Every row of the table of addresses reaches the application, or the file that stands for it.
#[test]
fn every_address_is_passed_on() {
    let site = site().set("metrics", true);
    fs::create_dir(site.data().join("lab")).unwrap();
    let Some(server) = complete(&site) else { return };
    for row in singularity_nginx::routes::TABLE {
        let value = match row.name {
            "Problem" => "busy",
            "Static" => "style.css",
            "Folder" => "lab",
            _ => "argv.img",
        };
        let address = row.pattern.replace("{}", value);
        let answer = server.get(&address, &[]);
        // a download is refused by the application, with a problem
        let passed = matches!(answer.status, 200 | 302 | 308)
            || row.name == "Download" && answer.problem(403).0 == "not-offered";
        assert!(passed, "{}: {address}: {}: {}", row.name, answer.status, answer.text());
    }
}

#[test]
fn the_application_is_told_what_it_needs_and_no_path() {
    let site = Site::new(Wire::FastCgi);
    let (root, socket) = (root(&site), site.path("fake/socket"));
    let upstream = Upstream::new(&socket, true);
    let Some(server) = own(&root, &socket, UPSTREAM, LEGACY) else { return };
    let fields = [("Proxy", "http://evil"), ("Origin", "https://a.example"), ("Content-Type", FORM)];
    for target in [
        "/container/%61%20b?x=%41&y",
        "/container/run/x.img?x=%41&y",
        "/api/containers?x=%41&y",
        "/containers/run/x?x=%41&y",
    ] {
        assert_eq!(server.ask(&http("POST", target, &fields, b"a=b")).text(), "ok", "{target}");
        let (_, _, told) = upstream.seen.lock().unwrap().pop().expect("a request");
        // of two values the last one counts
        let value = |name: &str| told.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("HTTP_PROXY").unwrap_or_default(), "", "httpoxy: {told:?}");
        let path = target.split('?').next().unwrap().replace("%61%20", "a ");
        for (name, expected) in [
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", path.as_str()),
            ("QUERY_STRING", "x=%41&y"),
            ("REQUEST_METHOD", "POST"),
            ("CONTENT_TYPE", FORM),
            ("CONTENT_LENGTH", "3"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REQUEST_SCHEME", "http"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("HTTP_ORIGIN", "https://a.example"),
            ("HTTP_HOST", "localhost"),
        ] {
            assert_eq!(value(name), Some(expected), "{name}");
        }
        assert_eq!(value("REQUEST_ID").map(str::len), Some(32));
        let root = root.display().to_string();
        assert!(!told.iter().any(|(_, value)| value.contains(&root)), "no path of the server: {told:?}");
    }
}

#[test]
fn connections_are_used_again() {
    let site = Site::new(Wire::FastCgi);
    let socket = site.path("fake/socket");
    let upstream = Upstream::new(&socket, true);
    let Some(server) = own(&root(&site), &socket, UPSTREAM, LOCATIONS) else { return };
    for _ in 0..5 {
        assert_eq!(server.get("/container/", &[]).text(), "ok");
        assert_eq!(server.get(RUN, &[]).text(), "ok");
    }
    let seen = upstream.seen.lock().unwrap();
    assert!(seen.iter().all(|(_, keep, _)| *keep), "FCGI_KEEP_CONN");
    let connections = seen.iter().map(|(number, _, _)| number).max();
    // the next request may come before the last answer's end
    assert!(seen.len() == 10 && connections < Some(&5), "{connections:?}");
}

#[test]
fn a_run_is_asked_for_once_whatever_becomes_of_it() {
    let site = Site::new(Wire::FastCgi);
    let socket = site.path("fake/socket");
    let upstream = Upstream::new(&socket, false);
    // two applications, as an administrator may have: the second is no second chance
    let conf = |here: &Here| {
        install(here, &socket);
        let file = here.folder.join("singularity-nginx/upstream.conf");
        let line = format!("server unix:{};", socket.display());
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace(&line, &format!("{line} {line}"))).unwrap();
        OWN.replace("UPSTREAM", UPSTREAM).replace("LOCATIONS", LOCATIONS).replace("ADDRESS", &here.address.to_string())
    };
    let Some(server) = servers::nginx(conf) else { return };
    assert_eq!(server.get(RUN, &[]).status, 502);
    until("the request is seen", support::HANG, || !upstream.seen.lock().unwrap().is_empty());
    assert_eq!(upstream.seen.lock().unwrap().len(), 1);
}
