//! Errors that nginx itself makes are problems (RFC 9457), and pages for people, with the texts of the application's table.

use std::fs;
use std::path::Path;

use singularity_nginx::problems::Code;

use crate::setup::{LEGACY, LOCATIONS, UPSTREAM, change, complete, included, own, own_with, root, site};
use crate::support::request::BROWSER;
use crate::support::servers::{Server, http};
use crate::support::{Answer, Site};
use crate::{FORM, RUN};

/// Which row of the table each status is.
const ERRORS: [Code; 9] = [
    Code::TooManyRequests,
    Code::BadRequest,
    Code::NoSuchImage,
    Code::ContentTooLarge,
    Code::QueryTooLong,
    Code::FieldTooLarge,
    Code::ImageUnavailable,
    Code::Unreachable,
    Code::NoAnswer,
];
const BOTH: &str = "include singularity-nginx/locations.conf; include singularity-nginx/subpath.conf;";

/// An error of nginx: the same facts as the row of the table, kept by nobody, and no path of the server.
pub fn is(answer: &Answer, code: Code) {
    let row = code.row();
    let (word, problem) = answer.problem(row.status);
    assert_eq!((word.as_str(), problem["title"].as_str()), (row.code, Some(row.title)));
    assert_eq!(problem["detail"], row.about);
    assert!(problem["instance"].as_str().is_some_and(|id| id.starts_with("urn:singularity-nginx:request:")));
    assert_eq!(answer.header("Retry-After"), (row.status == 429).then_some("5"));
    fields(answer);
}

fn fields(answer: &Answer) {
    for (name, value) in [("Cache-Control", "no-store"), ("Vary", "Accept"), ("X-Content-Type-Options", "nosniff")] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.header("X-Own"), None, "no rule of the site");
    assert!(!answer.text().contains("/tmp") && !answer.text().contains("unix:"), "{}", answer.text());
}

/// A server whose application is not there.
fn alone(site: &Site, locations: &str) -> Option<Server> {
    own(&root(site), Path::new("/nonexistent/singularity-nginx/socket"), UPSTREAM, locations)
}

/// A map of problems.conf, as the table has its texts.
fn map(source: &str, name: &str, text: impl Fn(Code) -> String) -> String {
    let rows = ERRORS.iter().enumerate().map(|(number, code)| {
        let status = if number == 0 { "default".to_owned() } else { format!("{:<7}", code.row().status) };
        format!("    {status} \"{}\";\n", text(*code))
    });
    format!("\nmap ${source} $singularity_nginx_{name} {{\n{}}}\n", rows.collect::<String>())
}

#[test]
fn the_texts_are_those_of_the_table() {
    let code = |text: &str| {
        let parts = text.split('`').enumerate();
        parts.map(|(n, part)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
    };
    let expected = [
        map("status", "status", |code| code.row().status.to_string()),
        map("singularity_nginx_status", "problem", |code| code.row().code.to_owned()),
        map("singularity_nginx_status", "title", |code| code.row().title.to_owned()),
        map("singularity_nginx_status", "detail", |code| code.row().about.to_owned()),
        map("singularity_nginx_status", "page", |row| code(row.row().about)),
    ];
    let file = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/nginx/problems.conf")).unwrap();
    for map in expected {
        assert!(file.contains(map.trim_start()), "nginx/problems.conf needs this:\n{map}");
    }
    for row in ERRORS.map(Code::row) {
        let plain = |text: &str| !text.contains(['$', '\\', '"', '<', '>', '&', ';', '{', '}']);
        assert!(plain(row.title) && plain(row.about), "{}: nginx, JSON and HTML take it as it is", row.code);
    }
}

#[test]
fn too_much_content_is_a_problem() {
    let site = site();
    let Some(server) = included(&site, BOTH) else { return };
    for target in [RUN, "/container/", "/container/static/style.css", "/apps/container/run/argv.img"] {
        let answer = server.ask(&http("POST", target, &[("Content-Type", FORM)], &vec![b'x'; 300_000]));
        is(&answer, Code::ContentTooLarge);
        let mount = if target.starts_with("/apps") { "/apps" } else { "" };
        assert_eq!(answer.json()["type"], format!("{mount}/container/problems/content-too-large"));
    }
    let elsewhere = server.ask(&http("POST", "/exact", &[], &vec![b'x'; 300_000]));
    assert_eq!((elsewhere.status, elsewhere.text().as_str()), (413, "own own-error.html\n"), "the site's own error");
}

#[test]
fn chunks_that_are_none_are_a_problem() {
    let site = site();
    let Some(server) = included(&site, LOCATIONS) else { return };
    let head = format!("POST {RUN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n");
    is(&server.ask(format!("{head}Transfer-Encoding: chunked\r\n\r\nno chunk\r\n").as_bytes()), Code::BadRequest);
    assert_eq!(site.runs().len(), 0);
}

#[test]
fn an_application_that_is_not_there_is_a_problem() {
    let site = site();
    let Some(server) = alone(&site, &format!("{LEGACY} include singularity-nginx/subpath.conf;")) else { return };
    fs::remove_file(server.folder().join("singularity-nginx/static/icon.svg")).unwrap();
    for target in [
        "/container/",
        "/container/argv.img",
        RUN,
        "/container/download/argv.img",
        "/container/static/icon.svg",
        "/api/containers",
        "/api/container/argv.img",
        "/containers/run/argv.img",
        "/apps/container/",
        "/apps/container/run/argv.img",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            is(&server.ask(&http(method, target, &[], b"")), Code::Unreachable);
        }
        let head = server.ask(&http("HEAD", target, &[], b""));
        assert_eq!((head.status, head.media(), head.body.len()), (502, "application/problem+json", 0));
        fields(&head);
    }
    assert_eq!(server.get("/container/static/style.css", &[]).status, 200, "what the pages of nginx look like");
    assert_eq!(server.get("/", &[]).text(), "own index.html\n");
}

#[test]
fn an_application_that_does_not_answer_is_a_problem() {
    let site = site();
    site.start();
    let Some(server) = own_with(&root(&site), &site.socket(), UPSTREAM, LOCATIONS, |here| {
        change(here, "pass.conf", "fastcgi_read_timeout 75s", "fastcgi_read_timeout 1s");
    }) else {
        return;
    };
    is(&server.get("/container/run/hang.sif", &[]), Code::NoAnswer);
    site.nothing_runs();
}

#[test]
fn people_get_a_page() {
    let site = site();
    let Some(server) = alone(&site, BOTH) else { return };
    for mount in ["", "/apps"] {
        let page = server.get(&format!("{mount}/container/"), &[("Accept", BROWSER)]);
        assert_eq!((page.status, page.media()), (502, "text/html; charset=utf-8"));
        fields(&page);
        let row = Code::Unreachable.row();
        for part in [
            format!("<title>{}</title>", row.title),
            format!("<h1>{}</h1><p>{}</p>", row.title, row.about),
            format!("href=\"{mount}/container/static/style.css\""),
            format!("<a href=\"{mount}/container/problems/unreachable\">unreachable</a>"),
        ] {
            assert!(page.text().contains(&part), "{part}: {}", page.text());
        }
        let policy = page.header("Content-Security-Policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("style-src 'self'"), "{policy}");
    }
    for (accept, media) in [
        ("*/*", "application/problem+json"),
        ("application/json, text/html", "application/problem+json"),
        ("text/html;q=0, */*", "application/problem+json"),
        ("text/html;q=0.5", "text/html; charset=utf-8"),
        ("TEXT/HTML", "text/html; charset=utf-8"),
        ("text/event-stream", "application/problem+json"),
    ] {
        assert_eq!(server.get("/container/", &[("Accept", accept)]).media(), media, "{accept}");
    }
}

/// A run that failed is told by the application, not by nginx.
#[test]
fn the_application_s_own_errors_pass_as_they_are() {
    let site = site().set("deadline", 1);
    let Some(server) = included(&site, BOTH) else { return };
    for mount in ["", "/apps"] {
        let ask = |target: &str| server.get(&format!("{mount}{target}"), &[]);
        assert_eq!(ask("/container/run/exit-3.sif").problem(502).1["exit_code"], 3);
        assert_eq!(ask("/container/run/hang.sif").problem(504).0, "deadline");
        let answer = server.ask(&http("POST", RUN, &[("Content-Type", FORM)], &vec![b'x'; 100_000]));
        assert_eq!(answer.problem(413).0, "content-too-large");
        assert_eq!(ask(&format!("{RUN}?age=x")).problem(400).0, "bad-arguments");
    }
}

/// TRACE goes to the application, too, which may not be there.
#[test]
fn methods_that_nobody_has_are_answered_without_the_application() {
    let site = site();
    let Some(server) = complete(&site) else { return };
    site.end(rustix::process::Signal::TERM);
    is(&server.ask(&http("TRACE", "/container/", &[], b"")), Code::Unreachable);
}

/// These come before a location is chosen: only a server of our own can say what is answered.
#[test]
fn what_nginx_cannot_read_is_a_problem_on_a_server_of_our_own() {
    let site = site();
    let Some(server) = complete(&site) else { return };
    for target in ["/container/", RUN, "/", "/elsewhere"] {
        is(&server.get(&format!("{target}?q={}", "x".repeat(9000)), &[]), Code::QueryTooLong);
        is(&server.get(target, &[("X-Long", &"x".repeat(9000))]), Code::FieldTooLarge);
        is(&server.ask(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes()), Code::BadRequest);
        is(&server.get(target, &[("Host", "a"), ("Host", "b")]), Code::BadRequest);
    }
    is(&server.ask(b"nonsense\r\n\r\n"), Code::BadRequest);
    let head = server.ask(&http("HEAD", &format!("{RUN}?q={}", "x".repeat(9000)), &[], b""));
    assert_eq!((head.status, head.body.len()), (414, 0));
    assert_eq!(server.get("/container/.error/page", &[]).problem(404).0, "no-such-address", "nobody's address");
    assert_eq!(site.runs().len(), 0);
}

/// Files of before that somebody has changed stay as they are in an upgrade, and include what they included.
#[test]
fn files_of_before_that_were_kept_still_work() {
    let site = site();
    site.start();
    // as scripts/install writes it beside a limits.conf of before
    let level = format!("include singularity-nginx/problems.conf; {UPSTREAM}");
    let Some(server) = own_with(&root(&site), &site.socket(), &level, LOCATIONS, |here| {
        change(here, "locations.conf", "singularity-nginx/error-location.conf", "singularity-nginx/limited.conf");
        change(
            here,
            "locations.conf",
            "include singularity-nginx/errors.conf;",
            "error_page 429 = $singularity_nginx_limited;",
        );
        change(here, "limit-runs.conf", "limit_conn singularity_nginx_runs 40;", "limit_conn all 1;");
        change(here, "limits.conf", "include singularity-nginx/problems.conf;", "");
        let zone = "limit_req_zone $singularity_nginx_visitor zone=singularity_nginx_run_rate:1m rate=20r/s;";
        change(here, "limits.conf", zone, &format!("limit_conn_zone $server_name zone=all:1m; {zone}"));
    }) else {
        return;
    };
    let mut visit = server.visit();
    visit.send(&http("GET", "/container/run/hang.sif", &[], b""));
    site.wait_for_runs(1);
    is(&server.get(RUN, &[]), Code::TooManyRequests);
    drop(visit);
    site.nothing_runs();
}
