//! `audit`: each run is written down, when it begins and when nothing of it is left.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{HANG, Site, Wire, get, on_both_wires, post, until};
use crate::{RUN, SCHEMA, STR, hello};

const SECRET: &str = "hunter2-xyzzy";
const FORM: &str = "application/x-www-form-urlencoded";

fn audited(site: Site) -> (Site, PathBuf) {
    let file = site.path("audit.jsonl");
    (site.set("audit", file.display()), file)
}

/// All lines; the last one ends.
fn lines(file: &PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Under FastCGI the answer may be there a moment before the last line is.
fn wait_for(file: &PathBuf, count: usize) -> Vec<Value> {
    until(&format!("{count} lines"), HANG, || lines(file).len() >= count);
    assert_eq!(lines(file).len(), count);
    lines(file)
}

#[test]
fn key_audit_writes_down_each_run() {
    on_both_wires(|wire| {
        let (site, file) = audited(hello(wire).image("exit-3.sif", &[]).image("hang.sif", &[]).set("deadline", 1));
        let ask = |target: &str, accept: &str| {
            site.ask(&get(target).accept(accept).var("REMOTE_ADDR", "203.0.113.7").var("REQUEST_ID", "abc"))
        };
        for accept in ["*/*", ENVELOPE, EVENTS, BROWSER] {
            ask(&format!("{RUN}?name=Amy&age=7&evil=1"), accept).good();
        }
        let told = wait_for(&file, 8);
        for pair in told.chunks(2) {
            let (begun, ended) = (&pair[0], &pair[1]);
            assert!(begun["id"].as_str().is_some_and(|id| !id.is_empty()) && begun["id"] == ended["id"], "{pair:?}");
            let facts =
                ["event", "who", "from", "image", "app", "method", "arguments", "rule"].map(|name| begun[name].clone());
            let expected =
                json!(["begun", null, "203.0.113.7", "argv.sif", null, "GET", ["--name", "Amy", "--age", "7"], null]);
            assert_eq!(json!(facts), expected);
            assert_eq!(
                (&ended["event"], &ended["end"], &ended["exit_code"]),
                (&json!("ended"), &json!("exited"), &json!(0))
            );
            assert!(ended["seconds"].as_f64().is_some_and(|seconds| (0.0..60.0).contains(&seconds)), "{ended}");
            let times = [begun, ended].map(|line| line["time"].as_str().expect("a time").to_owned());
            assert!(times[0] <= times[1] && times[0].ends_with('Z'), "{times:?}");
        }
        // what does not run is not there, however it ends
        for target in ["/container/", "/container/run/none.sif", "/container/run/argv.sif?age=x"] {
            ask(target, "*/*");
        }
        ask("/container/run/exit-3.sif", "*/*").problem(502);
        ask("/container/run/hang.sif", "*/*").problem(504);
        let ends = wait_for(&file, 12);
        assert_eq!((&ends[9]["end"], &ends[9]["exit_code"]), (&json!("exited"), &json!(3)));
        assert_eq!((&ends[11]["end"], &ends[11]["exit_code"]), (&json!("deadline"), &json!(null)));
        assert!(ends[11]["seconds"].as_f64().is_some_and(|seconds| seconds >= 1.0), "{}", ends[11]);
    });
}

#[test]
fn a_secret_is_not_in_the_audit() {
    on_both_wires(|wire| {
        let labels = [(STR, "name,password"), (SCHEMA, r#"{"password": {"writeOnly": true}}"#)];
        let (site, file) = audited(Site::new(wire).image("argv.sif", &labels));
        site.ask(&post(RUN, FORM, format!("name=Amy&password={SECRET}"))).good();
        let told = wait_for(&file, 2);
        assert_eq!(told[0]["arguments"], json!(["--name", "Amy", "--password", "***"]));
        assert_eq!(told[0]["method"], "POST");
        assert!(!fs::read_to_string(&file).unwrap().contains(SECRET));
    });
}

#[test]
fn an_audit_that_is_rotated_away_is_begun_again() {
    on_both_wires(|wire| {
        let (site, file) = audited(hello(wire));
        site.ask(&get(RUN)).good();
        wait_for(&file, 2);
        let old = site.path("audit.1");
        fs::rename(&file, &old).unwrap();
        site.ask(&get(RUN)).good();
        wait_for(&file, 2);
        assert_eq!(lines(&old).len(), 2);
    });
}

/// The visitor leaves, and the server is killed: what was begun stands there.
#[test]
fn the_audit_tells_what_never_ended_well() {
    let (site, file) = audited(hello(Wire::FastCgi).image("hang.sif", &[]));
    let talk = site.open(&get("/container/run/hang.sif"));
    site.wait_for_runs(1);
    assert_eq!(lines(&file).len(), 1, "before the container does anything");
    talk.leave();
    let told = wait_for(&file, 2);
    assert_eq!((&told[1]["end"], &told[1]["exit_code"]), (&json!("cancelled"), &json!(null)));
    let _talk = site.open(&get("/container/run/hang.sif"));
    site.wait_for_runs(2);
    site.end(Signal::KILL);
    site.nothing_runs();
    let told = lines(&file);
    assert_eq!((told.len(), &told[2]["event"]), (3, &json!("begun")), "it has no end");
}

#[test]
fn what_the_audit_cannot_hold_is_told_and_blocks_nobody() {
    on_both_wires(|wire| {
        let folder = "later";
        let site = hello(wire);
        let file = site.path(folder).join("audit.jsonl");
        let site = site.set("audit", file.display());
        site.ask(&get(RUN)).good();
        let audit = || {
            let health = site.ask(&get("/container/health"));
            assert_eq!(health.status, 200, "{}", health.text());
            let checks = health.json()["checks"].as_array().expect("checks").clone();
            checks.into_iter().find(|check| check["check"] == "audit")
        };
        until("both lines are counted", HANG, || site.log().matches("event=audit-lost ").count() >= 2);
        let told = audit().expect("health tells it");
        assert_eq!(told["ok"], false);
        assert!(!told.to_string().contains(&site.folder().display().to_string()), "no path of the server: {told}");
        // as soon as it can be written, how many are missing stands in it
        fs::create_dir(site.path(folder)).unwrap();
        site.ask(&get(RUN)).good();
        let lines = wait_for(&file, 3);
        assert_eq!((&lines[0]["event"], &lines[0]["lines"]), (&json!("lost"), &json!(2)));
        assert_eq!((&lines[1]["event"], &lines[2]["event"]), (&json!("begun"), &json!("ended")));
        assert_eq!(audit(), None, "nothing is missing any more");
    });
}

/// The kernel takes what there is room for: half a line. (A limit on the length of files stands for the disk's.)
#[test]
fn half_a_line_is_taken_back() {
    const ROOM: usize = 20 << 20;
    on_both_wires(|wire| {
        let (site, file) = audited(hello(wire));
        let site = site.under(&["/usr/bin/prlimit", &format!("--fsize={ROOM}"), "--"]);
        let before = [vec![b'x'; ROOM - 50], b"\n".to_vec()].concat();
        fs::write(&file, &before).unwrap();
        site.ask(&get(RUN)).good();
        until("both lines are counted", HANG, || site.log().matches("event=audit-lost ").count() >= 2);
        assert!(fs::read(&file).unwrap() == before, "{} bytes", fs::metadata(&file).unwrap().len());
        fs::write(&file, "").unwrap();
        site.ask(&get(RUN)).good();
        let told = wait_for(&file, 3);
        assert_eq!((&told[0]["event"], &told[0]["lines"]), (&json!("lost"), &json!(2)));
    });
}

#[test]
fn strict_runs_nothing_that_is_not_written_down() {
    on_both_wires(|wire| {
        // a host that keeps no promise says that first
        let strict = hello(wire).set("strict", true);
        let expected = if strict.ask(&get(RUN)).status == 200 { "audit" } else { "isolation" };
        // on a device that is full, and where there is no folder
        for file in ["/dev/full", "/nonexistent/audit.jsonl"] {
            let site = hello(wire).set("strict", true).set("audit", file);
            for accept in ["*/*", EVENTS] {
                let (word, problem) = site.ask(&get(RUN).accept(accept)).problem(503);
                assert_eq!(word, expected, "{problem}");
            }
            assert_eq!(site.runs().len(), 0);
            let health = site.ask(&get("/container/health"));
            let told = health.json()["checks"].to_string();
            assert!(health.status == 503 && told.contains("\"audit\""), "{told}");
        }
    });
}
