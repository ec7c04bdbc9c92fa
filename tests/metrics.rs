//! `/container/metrics`: nothing unless the site wants it, else numbers that Prometheus reads: counted from the locks
//! and the folder, the same from every process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use support::request::{BROWSER, EVENTS};
use support::{Site, get, on_both_wires, skip};

const METRICS: &str = "/container/metrics";

/// Sample → value.
fn samples(site: &Site) -> BTreeMap<String, String> {
    let answer = site.ask(&get(METRICS));
    let text = answer.good();
    assert_eq!(answer.media(), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').expect("a sample"))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn strangers_are_told_nothing() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        for accept in ["*/*", BROWSER] {
            let answer = site.ask(&get(METRICS).accept(accept));
            let other = site.ask(&get("/container/nothing/there/at/all").accept(accept));
            assert_eq!((answer.status, answer.media()), (404, other.media()), "as if there were no such address");
        }
        assert_eq!(site.ask(&get(METRICS)).problem(404).0, "no-such-address");
        for page in ["/container/", "/container/argv.sif", "/container/openapi.json"] {
            assert!(!site.ask(&get(page).accept(BROWSER)).text().contains("metrics"), "{page}");
        }
    });
}

#[test]
fn slots_and_refusals_are_counted_over_all_processes() {
    on_both_wires(|wire| {
        let site = Site::new(wire).set("metrics", true).set("slots", 2).set("deadline", 30);
        let site = site.image("hang.sif", &[]).image("argv.sif", &[]).image("bad name.sif", &[]);
        let number = |name: &str| samples(&site).get(&format!("singularity_nginx_{name}")).cloned().unwrap_or_default();
        assert_eq!(["slots", "slots_in_use", "refused_total"].map(number), ["2", "0", "0"]);
        assert_eq!(["images", "entries_not_served", "ready"].map(number), ["2", "1", "1"]);
        let mut runs = Vec::new();
        for count in 1..=2 {
            let mut talk = site.open(&get("/container/run/hang.sif").accept(EVENTS));
            talk.wait_for("event: command");
            runs.push(talk);
            assert_eq!(number("slots_in_use"), count.to_string());
        }
        for count in 1..=3 {
            site.ask(&get("/container/run/argv.sif")).problem(503);
            assert_eq!(number("refused_total"), count.to_string());
        }
        site.ask(&get("/container/run/none.sif")).problem(404);
        assert_eq!(number("refused_total"), "3", "what is refused for another reason is not counted");
        for talk in runs {
            let child = talk.leave();
            std::thread::spawn(move || child.map(|mut child| child.wait()));
        }
        site.nothing_runs();
        assert_eq!(["slots_in_use", "refused_total"].map(number), ["0", "3"]);
    });
}

/// Whoever counts takes no run's slot away.
#[test]
fn a_look_refuses_nobody() {
    on_both_wires(|wire| {
        let site = Site::new(wire).set("metrics", true).set("slots", 1).image("argv.sif", &[]);
        site.ask(&get(METRICS)).good();
        std::thread::scope(|scope| {
            let looks = scope.spawn(|| (0..40).for_each(|_| drop(site.ask(&get(METRICS)).good())));
            (0..20).for_each(|_| drop(site.ask(&get("/container/run/argv.sif")).good()));
            looks.join().unwrap();
        });
    });
}

#[test]
fn what_is_missing_is_told() {
    on_both_wires(|wire| {
        let site = Site::new(wire).set("metrics", true).set("runtime", "/nowhere/apptainer");
        let samples = samples(&site);
        assert_eq!(samples["singularity_nginx_ready"], "0");
        assert_eq!(samples["singularity_nginx_check{check=\"runtime\"}"], "0");
        assert_eq!(samples["singularity_nginx_check{check=\"data\"}"], "1");
    });
}

/// Prometheus's own client reads the text, each family with its type and help.
#[test]
fn prometheus_reads_it() {
    const READ: &str = "import sys\n\
        from prometheus_client.parser import text_string_to_metric_families as families\n\
        for family in families(sys.stdin.read()):\n    \
            assert family.documentation and family.samples, family\n    \
            print(family.name, family.type, len(family.samples))\n";
    let python = || {
        let mut command = Command::new("/usr/bin/python3");
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    };
    if !python().args(["-c", "import prometheus_client"]).stderr(Stdio::null()).status().is_ok_and(|end| end.success())
    {
        return skip("python3-prometheus-client is not installed");
    }
    on_both_wires(|wire| {
        let site = Site::new(wire).set("metrics", true).image("argv.sif", &[]);
        site.ask(&get("/container/run/argv.sif")).good();
        let text = site.ask(&get(METRICS)).good();
        let mut child = python().args(["-c", READ]).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{text}");
        let read = String::from_utf8(output.stdout).unwrap();
        for family in ["singularity_nginx_slots gauge 1", "singularity_nginx_refused counter 1"] {
            assert!(read.lines().any(|line| line == family), "{read}");
        }
        assert!(read.contains("singularity_nginx_check gauge "), "{read}");
        assert_eq!(read.lines().count(), 8, "{read}");
    });
}
