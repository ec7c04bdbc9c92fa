//! 51, 52: readers who are slow or gone, and answers that cannot be finished.

use std::time::{Duration, Instant};

use crate::front::{Cgi, Front, whole};
use crate::n45_faults::{disks_can_be_made, on_a_disk, under};
use crate::support::fcgi::{self, Connection};
use crate::support::request::{BROWSER, EVENTS};
use crate::support::{HANG, Request, Site, Wire, get, on_both_wires, processes, until};

/// More than the sockets between server and reader hold, and little enough for a container to print it and go.
const AT_ONCE: usize = 300_000;

/// Ten times what is promised for pages.
const PAGE: Duration = Duration::from_secs(1);

fn printing(wire: Wire) -> Site {
    let text = b"all work and no play\n".repeat(AT_ONCE / 21);
    Site::new(wire).prints("print.sif", &text).image("argv.sif", &[]).image("stdout-12.sif", &[])
}

/// Sends a request by FastCGI, and reads nothing.
fn ask(site: &Site, request: &Request) -> Connection {
    let mut connection = site.connect();
    connection.send(&fcgi::encode(request, 1, false));
    connection
}

/// All of it, and whether it has an end.
fn rest(mut connection: Connection) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    while let Some(record) = connection.record() {
        match record.kind {
            fcgi::STDOUT => bytes.extend(record.content),
            fcgi::END => return (bytes, true),
            _ => {}
        }
    }
    (bytes, false)
}

fn let_go(site: &Site, times: usize) {
    until("the reader is let go", HANG, || site.log().matches("client=let-go").count() >= times);
}

#[test]
fn hostile_51_a_run_is_reaped_when_it_ends_whoever_reads() {
    // it ends by itself, and at its deadline because nobody reads
    for image in ["print.sif", "stdout-12.sif"] {
        let site = printing(Wire::FastCgi).set("slots", 1).set("deadline", 2).set("reader_patience", 600);
        let server = site.start();
        let live = get(&format!("/container/run/{image}")).accept(EVENTS);
        let connection = ask(&site, &live);
        site.wait_for_runs(1);
        let none = || site.others().is_empty() && processes::zombies(server) == 0;
        until("nothing of the run is left", HANG, none);
        // its slot is free
        site.ask(&get("/container/run/argv.sif")).good();
        let (bytes, whole) = rest(connection);
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            whole && text.contains("event: exit"),
            "a reader who comes back in time gets all of it: {}",
            bytes.len()
        );
    }
}

#[test]
fn hostile_51_a_reader_who_takes_nothing_is_let_go() {
    on_both_wires(|wire| {
        for (image, accept) in [("print.sif", EVENTS), ("stdout-12.sif", EVENTS), ("stdout-12.sif", "*/*")] {
            let site = printing(wire).set("deadline", 2).set("reader_patience", 1).set("output_limit", 16 << 20);
            let asked = get(&format!("/container/run/{image}")).accept(accept);
            if wire == Wire::Cgi {
                let talk = site.open(&asked);
                let_go(&site, 1);
                site.nothing_runs();
                talk.leave().map(|mut child| child.wait());
                continue;
            }
            let server = site.start();
            let threads = || std::fs::read_dir(format!("/proc/{server}/task")).map_or(0, Iterator::count);
            let connection = ask(&site, &asked);
            let_go(&site, 1);
            until("the thread is free", HANG, || threads() <= 3);
            let (bytes, whole) = rest(connection);
            assert!(!whole, "{accept}: half an answer of {} bytes ends like a whole one", bytes.len());
            assert!(!String::from_utf8_lossy(&bytes).contains("event: exit"));
        }
    });
}

/// A reader who goes on taking, however slowly, is served.
#[test]
fn hostile_51_a_slow_reader_gets_all_of_it() {
    on_both_wires(|wire| {
        let site = printing(wire).set("reader_patience", 5).set("deadline", 100).set("output_limit", 16 << 20);
        for accept in [EVENTS, "*/*"] {
            let mut talk = site.open(&get("/container/run/print.sif").accept(accept));
            talk.wait_for("play");
            std::thread::sleep(Duration::from_secs(1));
            let answer = talk.finish();
            assert!(answer.good().len() >= AT_ONCE - 21, "{accept}");
        }
    });
}

/// Of 512 connections runs may hold 384, and those of one visitor 64.
#[test]
fn hostile_51_pages_keep_connections_that_runs_cannot_take() {
    let site = printing(Wire::FastCgi).set("slots", 4).set("visitor_slots", 0).set("reader_patience", 3600);
    let site = site.set("wait", 30).set("download", true);
    let by = |visitor: usize| {
        let address = format!("203.0.113.{visitor}");
        get("/container/run/print.sif").accept(EVENTS).var("REMOTE_ADDR", address)
    };
    let mut held = Vec::new();
    let mut hold = |request: &Request| {
        let mut connection = ask(&site, request);
        // the run has begun and its answer is under way
        let first = connection.record().expect("an answer");
        assert!(first.content.starts_with(b"Status: 200"), "{}", String::from_utf8_lossy(&first.content));
        held.push(connection);
    };
    for visitor in 1..=6 {
        for _ in 0..64 {
            hold(&by(visitor));
        }
        let refused = site.ask(&by(visitor));
        assert_eq!((refused.problem(429).0.as_str(), refused.header("Retry-After")), ("visitor-busy", Some("2")));
    }
    // a download's reader may be slow, too
    let download = get("/container/download/argv.sif").var("REMOTE_ADDR", "203.0.113.1");
    assert_eq!(site.ask(&download).problem(429).0, "visitor-busy");
    for other in [by(7), get("/container/run/argv.sif"), get("/container/download/argv.sif")] {
        let refused = site.ask(&other);
        assert_eq!((refused.problem(503).0.as_str(), refused.header("Retry-After")), ("crowded", Some("2")));
    }
    let begun = Instant::now();
    site.ask(&get("/container/").accept(BROWSER)).good();
    assert!(begun.elapsed() < PAGE, "{:?}", begun.elapsed());
    // the last of them may be ending right now; none stays because its reader does
    until("no zombie is left", processes::GONE, || processes::zombies(site.start()) == 0);
    drop(held);
    until("there is room again", HANG, || site.ask(&get("/container/run/argv.sif")).status == 200);
}

/// Whatever part of an answer its reader has left: of one that the sockets take but for a last piece, too.
#[test]
fn hostile_51_a_place_is_held_up_to_the_last_byte() {
    let site = printing(Wire::FastCgi).set("slots", 4).set("reader_patience", 3600).set("visitor_slots", 0);
    let server = site.start();
    let threads = || std::fs::read_dir(format!("/proc/{server}/task")).map_or(0, Iterator::count);
    let asked = get("/container/run/print.sif").var("REMOTE_ADDR", "203.0.113.7");
    // around what a socket holds (socket(7), wmem_default): 208 KiB
    for size in (190_000..=250_000).step_by(5_000) {
        std::fs::write(site.path("runtime/print/print.sif"), vec![b'x'; size]).unwrap();
        let held: Vec<Connection> = (0..100)
            .map(|_| {
                let mut connection = ask(&site, &asked);
                connection.record().expect("an answer");
                connection
            })
            .collect();
        // those that are refused are done at once; some wait for the next one
        until("one visitor holds 64 connections at most", Duration::from_secs(5), || threads() <= 64 + 12);
        drop(held);
        until("they are free", HANG, || threads() <= 12);
    }
}

/// Long answers wait for their readers in files without names, not in memory.
#[test]
fn hostile_52_long_answers_are_not_kept_in_memory() {
    let site = Site::new(Wire::FastCgi).image("stdout-7.sif", &[]).image("argv.sif", &[]);
    let server = site.start();
    site.ask(&get("/container/run/stdout-7.sif")).good();
    let before = processes::memory(server);
    let mut held = Vec::new();
    for count in 1..=20 {
        held.push(ask(&site, &get("/container/run/stdout-7.sif")));
        until("it is on its way", HANG, || site.log().matches("event=ran").count() > count);
    }
    let grown = processes::memory(server).saturating_sub(before) / 1024;
    assert!(grown < 70, "{grown} MiB more for 140 MiB of answers");
    for connection in held {
        let (bytes, whole) = rest(connection);
        assert!(whole && bytes.len() > 7 << 20, "{} bytes", bytes.len());
    }
    let left = std::fs::read_dir(site.path("state")).unwrap().flatten().map(|entry| entry.file_name());
    assert!(!left.map(|name| name.to_string_lossy().into_owned()).any(|name| name.starts_with("answer")));
}

/// A quarter of the 256 MiB is one visitor's.
#[test]
fn hostile_52_one_visitor_does_not_fill_the_spool() {
    let site = Site::new(Wire::FastCgi).image("stdout-30.sif", &[]).set("output_limit", 31 << 20);
    let site = site.set("visitor_slots", 0);
    let by = |address: &str| get("/container/run/stdout-30.sif").var("REMOTE_ADDR", address);
    let held: Vec<Connection> = (0..2).map(|_| ask(&site, &by("203.0.113.7"))).collect();
    until("both wait", HANG, || site.log().matches("event=ran").count() >= 2);
    let refused = site.ask(&by("203.0.113.7"));
    assert_eq!(refused.problem(429).0, "visitor-busy");
    assert!(refused.header("Retry-After").is_some());
    assert_eq!(site.ask(&by("198.51.100.1")).good().len(), 30 << 20);
    drop(held);
    until("there is room again", HANG, || site.ask(&by("203.0.113.7")).status == 200);
}

/// Before anything was sent, and in words; what is short needs no disk.
#[test]
fn hostile_52_a_disk_that_takes_no_answer() {
    if !disks_can_be_made() {
        return;
    }
    let site = Site::new(Wire::FastCgi).image("stdout-1.sif", &[]).image("argv.sif", &[]);
    let state = site.path("state");
    std::fs::create_dir(&state).unwrap();
    let site = under(site, &on_a_disk(&state, "mode=700,size=200k", ""));
    for accept in ["*/*", "application/vnd.singularity-run+json"] {
        let refused = site.ask(&get("/container/run/stdout-1.sif").accept(accept));
        assert_eq!(refused.problem(503).0, "no-room");
        assert!(refused.header("Retry-After").is_some());
        site.ask(&get("/container/run/argv.sif")).good();
    }
    assert!(site.log().contains("No space left on device"), "{}", site.log());
}

/// The folder may lie on `/run`, which is small, and whose owner is the whole host: answers do not fill it.
#[test]
fn hostile_52_answers_leave_room_on_the_disk() {
    if !disks_can_be_made() {
        return;
    }
    let site = Site::new(Wire::FastCgi).image("stdout-7.sif", &[]).image("stdout-1.sif", &[]);
    let state = site.path("state");
    std::fs::create_dir(&state).unwrap();
    let site = under(site, &on_a_disk(&state, "mode=700,size=8m", ""));
    assert_eq!(site.ask(&get("/container/run/stdout-7.sif")).problem(503).0, "no-room");
    site.ask(&get("/container/run/stdout-1.sif")).good();
}

#[test]
fn hostile_52_an_answer_that_cannot_be_finished_never_looks_whole() {
    for accept in ["*/*", EVENTS] {
        let site = printing(Wire::FastCgi).set("deadline", 2).set("reader_patience", 1).set("output_limit", 16 << 20);
        site.start();
        let Some(front) = Front::nginx(&[site.socket()], |_, text| text) else { return };
        let bytes = front.read_late("/container/run/stdout-12.sif", accept, || let_go(&site, 1));
        assert!(!whole(&bytes), "{accept}: {} bytes look whole", bytes.len());
    }
}

/// A web server cannot tell a CGI program that has ended early from one that is done: only a length tells.
#[test]
fn hostile_52_under_cgi_a_length_is_not_reached() {
    for server in [Cgi::Fcgiwrap, Cgi::Apache, Cgi::Lighttpd] {
        let site = printing(Wire::Cgi).set("deadline", 2).set("reader_patience", 1).set("output_limit", 16 << 20);
        let Some(front) = Front::cgi(server, &site.cgi_program()) else { continue };
        let bytes = front.read_late("/container/run/stdout-12.sif", "*/*", || {
            site.wait_for_runs(1);
            until("the program has ended", HANG, || site.others().is_empty());
        });
        assert!(!whole(&bytes), "{server:?}: {} bytes look whole", bytes.len());
    }
}
