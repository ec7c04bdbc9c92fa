//! 53, 54: one visitor against all others: slots by address, and addresses that somebody else has written.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use crate::support::{Request, Site, get, on_both_wires};

/// Asks in the name of this address.
fn from(request: Request, address: &str) -> Request {
    request.var("REMOTE_ADDR", address)
}

#[test]
fn hostile_53_one_visitor_leaves_a_slot_to_others() {
    on_both_wires(|wire| {
        // one customer's IPv6 network is one visitor, IPv4 within IPv6 is IPv4
        for (first, same, other) in [
            ("203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8"),
            ("2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:3::1"),
        ] {
            let site = Site::new(wire).image("wait.sif", &[]).image("argv.sif", &[]).set("slots", 3);
            let long = || from(get("/container/run/wait.sif"), first);
            let talks = [site.open(&long()), site.open(&long())];
            site.wait_for_runs(2);
            let refused = site.ask(&from(get("/container/run/argv.sif"), same));
            let (word, problem) = refused.problem(429);
            assert_eq!((word.as_str(), refused.header("Retry-After")), ("visitor-busy", Some("2")));
            assert!(problem["detail"].as_str().is_some_and(|why| why.contains("address")), "{problem}");
            site.ask(&from(get("/container/run/argv.sif"), other)).good();
            // whoever cannot be told from others is not counted
            for nobody in ["127.0.0.1", "::1", "unix:", "what"] {
                site.ask(&from(get("/container/run/argv.sif"), nobody)).good();
            }
            assert_eq!(site.runs().len(), 7);
            site.go();
            talks.into_iter().for_each(|talk| assert_eq!(talk.finish().status, 200));
            site.ask(&from(get("/container/run/argv.sif"), same)).good();
        }
    });
}

#[test]
fn hostile_53_a_visitor_waits_for_its_own_slots_too() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("wait.sif", &[]).image("argv.sif", &[]);
        let site = site.set("slots", 2).set("visitor_slots", 1).set("wait", 30);
        let first = site.open(&from(get("/container/run/wait.sif"), "203.0.113.7"));
        site.wait_for_runs(1);
        let second = site.open(&from(get("/container/run/argv.sif"), "203.0.113.7"));
        site.ask(&from(get("/container/run/argv.sif"), "203.0.113.8")).good();
        assert_eq!(site.runs().len(), 2, "the second one waits");
        site.go();
        assert_eq!((first.finish().status, second.finish().status), (200, 200));
    });
}

#[test]
fn hostile_53_the_bound_can_be_taken_away() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("wait.sif", &[]).set("slots", 2).set("visitor_slots", 0);
        let ask = || site.open(&from(get("/container/run/wait.sif"), "203.0.113.7"));
        let talks = [ask(), ask()];
        site.wait_for_runs(2);
        assert_eq!(ask().finish().problem(503).0, "busy");
        site.go();
        talks.into_iter().for_each(|talk| assert_eq!(talk.finish().status, 200));
    });
}

#[test]
fn hostile_53_who_is_not_counted_is_told_to_the_owner() {
    on_both_wires(|wire| {
        let row = |site: &Site| {
            let told = site.command().args(["doctor", "--json"]).output().expect("the program");
            let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
            told["checks"].as_array().unwrap().iter().find(|row| row["check"] == "visitor-counting").cloned()
        };
        for (address, expected) in
            [("127.0.0.1", "this host itself"), ("unix:", "Unix socket"), ("10.0.0.1", "X-Forwarded-For")]
        {
            let site = Site::new(wire).image("argv.sif", &[]).set("proxies", "10.0.0.1");
            assert_eq!(row(&site), None);
            site.ask(&from(get("/container/run/argv.sif"), "203.0.113.7")).good();
            assert_eq!(row(&site), None);
            site.ask(&from(get("/container/run/argv.sif"), address)).good();
            let told = row(&site).expect("a row");
            assert!(told.to_string().contains(expected) && told["ok"] == false, "{told}");
        }
    });
}

/// What is noted is read as every file of the state folder is: a pipe or a link in its place holds nobody, and is nothing.
#[test]
fn hostile_53_a_note_that_is_no_file_holds_nobody() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let run = || site.ask(&from(get("/container/run/argv.sif"), "127.0.0.1"));
        run().good();
        let note = site.path("state/uncounted");
        let other = site.path("other");
        fs::write(&other, "precious").unwrap();
        for link in [false, true] {
            fs::remove_file(&note).expect("a note");
            match link {
                false => mknodat(CWD, &note, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
                true => std::os::unix::fs::symlink(&other, &note).unwrap(),
            }
            run().good();
            assert_eq!(site.ask(&get("/container/health")).status, 200);
        }
        assert_eq!(fs::read(&other).unwrap(), b"precious");
        // a time of the future tells of a clock that was set back: the note is written anew
        fs::remove_file(&note).expect("a link");
        run().good();
        let future = SystemTime::now() + Duration::from_secs(1_000_000);
        File::options().write(true).open(&note).unwrap().set_modified(future).unwrap();
        run().good();
        assert!(fs::metadata(&note).unwrap().modified().unwrap() < future);
    });
}

#[test]
fn hostile_54_only_named_proxies_are_believed() {
    on_both_wires(|wire| {
        let site =
            Site::new(wire).image("wait.sif", &[]).image("argv.sif", &[]).set("slots", 3).set("visitor_slots", 1);
        let site = site.set("proxies", "10.0.0.1, 10.1.0.0/16").set("hosts", "example.org");
        let by = |image: &str, peer: &str, field: &str| {
            let request = from(get(&format!("/container/run/{image}")), peer).header("X-Forwarded-For", field);
            request.header("X-Forwarded-Host", "example.org").header("Host", "inner")
        };
        let first = site.open(&by("wait.sif", "10.0.0.1", "203.0.113.7"));
        site.wait_for_runs(1);
        // the visitor's own words stand on the left; of two proxies each has added one
        for field in ["203.0.113.7", "198.51.100.9, 203.0.113.7", "198.51.100.9, 203.0.113.7, 10.1.2.3"] {
            assert_eq!(site.ask(&by("argv.sif", "10.0.0.1", field)).problem(429).0, "visitor-busy", "{field}");
        }
        site.ask(&by("argv.sif", "10.0.0.1", "203.0.113.8")).good();
        // nobody has named this one: its fields are a stranger's
        site.ask(&by("argv.sif", "10.0.0.2", "203.0.113.7")).problem(421);
        site.ask(&by("argv.sif", "10.0.0.2", "203.0.113.7").header("Host", "example.org")).good();
        for host in ["example.org, evil", "example.org,example.org"] {
            site.ask(&by("argv.sif", "10.0.0.1", "203.0.113.9").header("Host", host)).problem(400);
        }
        site.go();
        assert_eq!(first.finish().status, 200);
    });
}
