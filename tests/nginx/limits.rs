//! `limits.conf`: what one visitor may ask for, and what is said to more.
//!
//! Visitors of this machine are not counted; so nginx takes their addresses from a proxy's field here, as the file
//! itself tells an administrator to.

use std::time::Instant;

use crate::setup::{self, UPSTREAM, change, complete_with, included, own_with, root, site};
use crate::support::request::{BROWSER, EVENTS};
use crate::support::servers::{self, Server, Visit, http};
use crate::support::{Answer, HANG, Site};

const PROXIED: &str = "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; \
     include singularity-nginx/locations.conf; include singularity-nginx/subpath.conf; include singularity-nginx/legacy.conf;";

/// The connections of one visitor, as limit-runs.conf and limit-pages.conf say.
const RUNS: usize = 40;
/// The burst of runs, and of pages.
const RUN_BURST: usize = 60;
const PAGE_BURST: usize = 300;

fn proxied(site: &Site) -> Option<Server> {
    site.start();
    own_with(&root(site), &site.socket(), UPSTREAM, PROXIED, |_| {})
}

/// A question of this address.
fn of(server: &Server, address: &str, target: &str, accept: &str) -> Answer {
    server.get(target, &[("X-Forwarded-For", address), ("Accept", accept)])
}

/// What is said over a limit.
fn limited(answer: &Answer) {
    assert_eq!(answer.problem(429).0, "too-many-requests", "{}", answer.text());
    assert_eq!(answer.header("Retry-After"), Some("5"));
}

/// Asks so often at once; how many were limited.
fn burst(server: &Server, count: usize, target: &str, address: impl Fn(usize) -> String) -> usize {
    let mut visit = server.visit();
    let mut ask = |number: usize| {
        let address = address(number);
        if number % 90 == 89 {
            visit = server.visit();
        }
        visit.ask(&http("GET", target, &[("X-Forwarded-For", &address), ("Accept", "*/*")], b""))
    };
    (0..count).filter(|number| ask(*number).status == 429).count()
}

fn hanging(server: &Server, address: &str) -> Visit {
    let mut visit = server.visit();
    let fields = [("X-Forwarded-For", address), ("Accept", EVENTS)];
    visit.send(&http("GET", "/container/run/hang.sif", &fields, b""));
    visit
}

#[test]
fn one_address_holds_so_many_runs_and_no_more() {
    let site = site().set("slots", RUNS + 4).set("processes", 64);
    let Some(server) = proxied(&site) else { return };
    let held: Vec<Visit> = (0..RUNS).map(|_| hanging(&server, "192.0.2.1")).collect();
    site.wait_for_runs(RUNS);
    limited(&of(&server, "192.0.2.1", "/container/run/argv.img", "*/*"));
    limited(&of(&server, "192.0.2.1", "/apps/container/run/argv.img", "*/*"));
    let page = of(&server, "192.0.2.1", "/container/run/argv.img", BROWSER);
    assert_eq!((page.status, page.media(), page.header("Retry-After")), (429, "text/html; charset=utf-8", Some("5")));
    assert!(page.text().contains("<h1>Too many requests came from your address</h1>"), "{}", page.text());
    // pages of the same visitor, and runs of others
    of(&server, "192.0.2.1", "/container/", "*/*").good();
    of(&server, "192.0.2.2", "/container/run/argv.img", "*/*").good();
    assert_eq!(site.runs().len(), RUNS + 1, "what is limited does not run");
    drop(held);
    site.nothing_runs();
    of(&server, "192.0.2.1", "/container/run/argv.img", "*/*").good();
}

#[test]
fn runs_and_pages_have_rates_of_their_own() {
    let site = site();
    let Some(server) = proxied(&site) else { return };
    let one = |address: &'static str| move |_: usize| address.to_owned();
    let begun = Instant::now();
    // refused by the application before anything starts, and counted all the same
    let over = burst(&server, 3 * RUN_BURST, "/container/run/none.sif", one("192.0.2.1"));
    let passed = 3 * RUN_BURST - over;
    let most = RUN_BURST + 2 + (begun.elapsed().as_secs_f64() * 20.0) as usize;
    assert!((RUN_BURST..=most).contains(&passed), "{passed} passed, {most} may");
    assert_eq!(burst(&server, 20, "/container/static/style.css", one("192.0.2.1")), 0, "pages are counted apart");
    let begun = Instant::now();
    let over = burst(&server, 3 * PAGE_BURST, "/container/static/style.css", one("192.0.2.3"));
    let passed = 3 * PAGE_BURST - over;
    let most = PAGE_BURST + 2 + (begun.elapsed().as_secs_f64() * 50.0) as usize;
    assert!((PAGE_BURST..=most).contains(&passed), "{passed} passed, {most} may");
    if over > 0 && begun.elapsed() < HANG {
        assert!(server.log().contains("limiting requests"), "the owner is told");
    }
}

#[test]
fn a_class_behind_one_address_is_not_limited() {
    let site = site().set("slots", 64).set("processes", 64);
    let Some(server) = proxied(&site) else { return };
    // all thirty open the list, an image's page and their files, and run something
    let class = |_: usize| "192.0.2.30".to_owned();
    for target in ["/container/", "/container/argv.img"] {
        assert_eq!(burst(&server, 30, target, class), 0, "{target}");
    }
    for file in ["style.css", "app.js", "icon.svg"] {
        assert_eq!(burst(&server, 30, &format!("/container/static/{file}"), class), 0, "{file}");
    }
    let runs: Vec<Visit> = (0..30).map(|_| hanging(&server, "192.0.2.30")).collect();
    site.wait_for_runs(30);
    of(&server, "192.0.2.30", "/container/run/argv.img", "*/*").good();
    drop(runs);
}

#[test]
fn an_ipv6_network_is_one_visitor() {
    let site = site();
    let Some(server) = proxied(&site) else { return };
    let neighbours = |number: usize| format!("2001:db8:1:2:{number:x}::1");
    assert!(burst(&server, 4 * RUN_BURST, "/container/run/none.sif", neighbours) > 0, "the same /64");
    let strangers = |number: usize| format!("2001:db8:2:{number:x}::1");
    assert_eq!(burst(&server, 4 * RUN_BURST, "/container/run/none.sif", strangers), 0, "as many networks");
    // bytes of an address that a text could not hold
    let odd = |number: usize| format!("2001:a0a::{number:x}");
    assert!(burst(&server, 4 * RUN_BURST, "/container/run/none.sif", odd) > 0, "zeros and line feeds");
}

/// A socket for both families (`listen [::]:80 ipv6only=off`) tells IPv4 addresses within IPv6.
#[test]
fn ipv4_within_ipv6_is_ipv4() {
    let site = site();
    let Some(server) = proxied(&site) else { return };
    let strangers = |number: usize| format!("::ffff:203.0.{}.{}", 100 + number / 250, number % 250);
    assert_eq!(burst(&server, 4 * RUN_BURST, "/container/run/none.sif", strangers), 0, "as many visitors");
    let one = |_: usize| "::ffff:192.0.2.5".to_owned();
    assert!(burst(&server, 4 * RUN_BURST, "/container/run/none.sif", one) > 0, "one visitor");
    // the same one, however it comes
    let again = |_: usize| "192.0.2.5".to_owned();
    assert!(burst(&server, 10, "/container/run/none.sif", again) > 0);
}

#[test]
fn this_machine_is_not_counted() {
    let site = site();
    let Some(server) = included(&site, setup::LOCATIONS) else { return };
    let mut visit = server.visit();
    for number in 0..2 * PAGE_BURST {
        if number % 90 == 89 {
            visit = server.visit();
        }
        assert_eq!(visit.ask(&http("GET", "/container/static/icon.svg", &[], b"")).status, 200, "{number}");
    }
}

/// What nginx itself refuses, and hands on, is counted too.
#[test]
fn methods_that_nobody_has_are_counted() {
    let site = site();
    let Some(server) = complete_with(&site, |here| {
        change(
            here,
            "site.conf",
            "server_tokens",
            "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; server_tokens",
        );
    }) else {
        return;
    };
    let ask = |address: &str| {
        let fields = [("X-Forwarded-For", address), ("Accept", "*/*")];
        server.visit().ask(&http("TRACE", "/container/", &fields, b"")).status
    };
    let statuses: Vec<u16> = (0..3 * PAGE_BURST).map(|_| ask("192.0.2.1")).collect();
    assert!(
        statuses.contains(&405) && statuses.contains(&429) && statuses.iter().all(|status| [405, 429].contains(status))
    );
    assert_eq!(ask("192.0.2.2"), 405);
}

/// Half a request belongs to nobody yet, and holds a connection all the same.
#[test]
fn half_requests_keep_nobody_from_pages() {
    const HALVES: usize = 3000;
    let site = site();
    let now = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if now.maximum.is_some_and(|most| most < 2 * HALVES as u64) {
        return crate::support::skip("this account may not open enough sockets");
    }
    let more = rustix::process::Rlimit { current: now.maximum, ..now };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, more).unwrap();
    let Some(server) = setup::complete(&site) else { return };
    let halves: Vec<Visit> = (0..HALVES)
        .map(|_| {
            let mut visit = server.visit();
            visit.send(b"GET / HTTP/1.1\r\nHost: x\r\n");
            visit
        })
        .collect();
    server.get("/container/", &[("Accept", "*/*")]).good();
    drop(halves);
}

/// nginx has one line less where a host has no IPv6; the file says so.
#[test]
fn the_complete_conf_listens_by_ipv6_where_there_is_any() {
    let site = site();
    site.start();
    let there = std::net::TcpListener::bind("[::1]:0").is_ok();
    let start = |file: bool| {
        servers::nginx(|here| {
            setup::install(here, &site.socket());
            if file {
                let source = concat!(env!("CARGO_MANIFEST_DIR"), "/nginx/listen-ipv6.conf");
                std::fs::copy(source, here.folder.join("singularity-nginx/listen-ipv6.conf")).unwrap();
                change(here, "listen-ipv6.conf", "8080", &here.address.port().to_string());
            }
            std::fs::read_to_string(here.folder.join("singularity-nginx/nginx.conf")).unwrap()
        })
    };
    let Some(without) = start(false) else { return };
    assert_eq!(without.get("/container/", &[]).status, 200);
    if !there {
        return crate::support::skip("this host has no IPv6");
    }
    let Some(with) = start(true) else { return };
    let by_ipv6 = std::net::TcpStream::connect(("::1", with.address().port()));
    assert!(by_ipv6.is_ok(), "{by_ipv6:?}");
}
