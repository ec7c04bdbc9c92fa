//! Keys of the configuration that no other test is about, each by what it does. The table in `tests/README.md` has all.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{Site, get, on_both_wires};
use crate::{HELLO, IMAGE, RUN, explained, hello};

#[test]
fn key_data_is_the_folder_that_is_served() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let other = site.path("other");
        fs::create_dir(&other).unwrap();
        fs::copy(site.path("data/argv.sif"), other.join("copy.sif")).unwrap();
        let site = site.set("data", other.display());
        assert_eq!(site.ask(&get("/container/")).json()["images"][0]["name"], "copy.sif");
        site.ask(&get(IMAGE)).problem(404);
    });
}

#[test]
fn key_runtime_is_the_program_that_runs() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let other = site.path("runtime/singularity");
        fs::rename(site.path("runtime/apptainer"), &other).unwrap();
        let site = site.set("runtime", other.display());
        assert_eq!(site.ask(&get(RUN)).json(), json!([]));
        assert_eq!(site.the_run().argv()[0], other.display().to_string());
    });
}

#[test]
fn key_wait_lets_visitors_wait_for_a_slot() {
    on_both_wires(|wire| {
        for (wait, second) in [(0, 503), (30, 200)] {
            let site = hello(wire).image("wait.sif", &[]).set("slots", 1).set("wait", wait);
            let first = site.open(&get("/container/run/wait.sif"));
            site.wait_for_runs(1);
            let asked = site.open(&get(RUN));
            if wait > 0 {
                site.wait_for_a_waiting_visitor();
                site.go();
            }
            assert_eq!(asked.finish().status, second, "wait = {wait}");
            site.go();
            assert_eq!(first.finish().status, 200);
        }
    });
}

/// Over all processes: under CGI each request has one of its own.
#[test]
fn key_runs_a_minute_bounds_what_one_visitor_begins() {
    on_both_wires(|wire| {
        let site = hello(wire).set("runs_a_minute", 2);
        let ask = |address: &str, target: &str| site.ask(&get(target).var("REMOTE_ADDR", address));
        // what does not run is not counted
        for target in ["/container/", IMAGE, "/container/run/none.sif", "/container/run/argv.sif?age=x"] {
            (0..3).for_each(|_| assert_ne!(ask("203.0.113.7", target).status, 429, "{target}"));
        }
        // one customer's network is one visitor
        for address in ["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6"] {
            ask(address, RUN).good();
        }
        for (address, accept) in
            [("2001:db8:1:2::7", "*/*"), ("2001:db8:1:2::1", ENVELOPE), ("2001:db8:1:2::1", EVENTS)]
        {
            let refused = site.ask(&get(RUN).accept(accept).var("REMOTE_ADDR", address));
            let (word, problem) = refused.problem(429);
            assert_eq!(word, "too-many-runs", "{problem}");
            assert!(problem["detail"].as_str().is_some_and(|why| why.contains("2 runs a minute (`runs_a_minute`)")));
            let wait: u32 = refused.header("Retry-After").unwrap_or_default().parse().expect("seconds");
            assert!((1..=61).contains(&wait), "{wait}");
        }
        let page = site.ask(&get(RUN).accept(BROWSER).var("REMOTE_ADDR", "2001:db8:1:2::1"));
        assert!(page.status == 429 && page.text().contains("too-many-runs"), "{}", page.text());
        ask("2001:db8:1:3::1", RUN).good();
        assert_eq!(site.runs().len(), 3, "what is refused does not run");
        // whoever cannot be told from others is not counted
        (0..3).for_each(|_| drop(ask("127.0.0.1", RUN).good()));
        let kept = fs::metadata(site.path("state/run-rate.table")).expect("a table");
        assert_eq!(kept.permissions().mode() & 0o777, 0o600);
        assert!(!fs::read(site.path("state/run-rate.table")).unwrap().windows(8).any(|text| text == b"2001:db8"));
    });
}

#[test]
fn key_cpus_bounds_a_run() {
    on_both_wires(|wire| {
        let site = hello(wire).set("cpus", 1);
        site.ask(&get(RUN)).good();
        let run = site.the_run();
        let one = |list: String| list.parse::<u32>().is_ok();
        let by_runtime = run.argv().join(" ").contains("--cpus 1 ");
        assert!(by_runtime || one(run.status("Cpus_allowed_list")), "{:?}", run.argv());
    });
}

#[test]
fn key_show_definition_shows_what_is_hidden_else() {
    on_both_wires(|wire| {
        let asked = |shown: bool| {
            let site = Site::new(wire).file("argv.sif", &explained(&HELLO, "")).set("show_definition", shown);
            (site.ask(&get(IMAGE)).json()["definition"].clone(), site.ask(&get(IMAGE).accept(BROWSER)).good())
        };
        let (hidden, page) = asked(false);
        assert!(hidden == Value::Null && !page.contains("API_KEY=secret"), "{hidden}");
        let (shown, page) = asked(true);
        assert!(shown.as_str().is_some_and(|text| text.contains("API_KEY=secret")), "{shown}");
        assert!(page.contains("API_KEY=secret"), "{page}");
    });
}

#[test]
fn key_state_is_a_folder_of_ours_alone_and_holds_the_locks() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let state = site.path("made/state");
        let site = site.set("state", state.display());
        site.ask(&get(RUN)).good();
        let mode = || fs::metadata(&state).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o700);
        assert!(fs::read_dir(&state).unwrap().flatten().any(|entry| entry.file_name() == "slot-0.lock"));
        fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(site.ask(&get(RUN)).problem(503).0, "cannot-start");
        assert!(site.log().contains("others can write to it"), "{}", site.log());
        assert_eq!(site.runs().len(), 1);
        // a folder in which no lock can be taken is no folder for locks: nothing runs, and that is told
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_file(state.join("slot-0.lock")).unwrap();
        fs::create_dir(state.join("slot-0.lock")).unwrap();
        assert_eq!(site.ask(&get(RUN)).problem(503).0, "cannot-start");
        assert_eq!(site.ask(&get("/container/health")).status, 503);
    });
}

/// Whoever is first makes a folder in `/tmp`; a link in its place is nobody's folder either.
#[test]
fn key_state_taken_by_another_account_says_what_to_set() {
    on_both_wires(|wire| {
        for taken in ["/usr", "/dev/null"] {
            let site = hello(wire).set("state", taken);
            assert_eq!(site.ask(&get(RUN)).problem(503).0, "cannot-start");
            assert!(site.log().contains("set `state` to a folder of this account"), "{}", site.log());
            assert_eq!(site.runs().len(), 0);
        }
    });
}
