//! Runs that fail, on every face: the words fit what is there, and nothing that the run said is lost.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::site::as_runtime;
use crate::support::{HANG, Site, Wire, get, on_both_wires, processes, until};

/// An image of the stub, words that the failure is told in, and where to look for more.
const FAILURES: [(&str, &str, &str); 4] = [
    ("exit-3.sif", "exit status 3", "stderr may say why"),
    ("exit-137.sif", "was killed, often because it used too much memory (exit status 137, SIGKILL)", ""),
    ("exit-139.sif", "crashed: it used memory that is not its own (exit status 139, SIGSEGV)", ""),
    ("exit-143.sif", "was told to end (exit status 143, SIGTERM)", ""),
];

#[test]
fn a_failure_is_told_in_the_same_words_on_all_faces() {
    on_both_wires(|wire| {
        for (image, words, more) in FAILURES {
            let site = Site::new(wire).image(image, &[]);
            let run = format!("/container/run/{image}");
            let (code, problem) = site.ask(&get(&run)).problem(502);
            assert_eq!(code, "container-failed");
            let detail = problem["detail"].as_str().expect("words").to_owned();
            assert!(detail.contains(words) && detail.contains(more), "{detail}");
            let envelope = site.ask(&get(&run).accept(ENVELOPE)).json();
            assert_eq!(envelope["detail"], problem["detail"]);
            let page = site.ask(&get(&run).accept(BROWSER));
            assert_eq!(page.status, 502);
            assert!(page.text().contains(&detail), "{}", page.text());
            let events = site.ask(&get(&run).accept(EVENTS)).text();
            let last = events.trim_end().rsplit("data: ").next().expect("an event");
            let last: Value = serde_json::from_str(last).expect("JSON");
            assert_eq!(last["detail"], problem["detail"]);
            let terminal = site
                .command()
                .args(["run", image])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .output()
                .expect("the program");
            let told = String::from_utf8_lossy(&terminal.stderr).into_owned();
            let name = words
                .contains("SIG")
                .then(|| words.rsplit(", ").next())
                .flatten()
                .map_or("status 3", |name| name.trim_end_matches(')'));
            assert!(terminal.status.code() == Some(1) && told.contains(name), "{told}");
        }
    });
}

/// Many programs tell what is wrong on stdout.
#[test]
fn a_failure_told_on_stdout_is_not_lost() {
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.exit-3.sif", b"bad value\n");
        let (_, problem) = site.ask(&get("/container/run/print.exit-3.sif")).problem(502);
        assert_eq!(
            (&problem["stdout"], &problem["stderr"], &problem["exit_code"]),
            (&json!("bad value\n"), &json!(""), &json!(3))
        );
        let detail = problem["detail"].as_str().expect("words");
        assert!(detail.contains("The end of its output may say why") && !detail.contains("stderr may say"), "{detail}");
        let page = site.ask(&get("/container/run/print.exit-3.sif").accept(BROWSER)).text();
        assert!(page.contains("bad value") && page.contains("The end of its output may say why"), "{page}");
    });
}

/// Of a long output the end, and what works says nothing.
#[test]
fn the_problem_holds_the_end_of_a_long_output() {
    let printed = format!("{}the last line\n", "x\n".repeat(100_000));
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.exit-3.sif", printed.as_bytes()).prints("print.sif", b"fine\n");
        let (_, problem) = site.ask(&get("/container/run/print.exit-3.sif")).problem(502);
        let kept = problem["stdout"].as_str().expect("text");
        assert!(kept.ends_with("the last line\n") && kept.len() == 65_536, "{} bytes", kept.len());
        assert_eq!(site.ask(&get("/container/run/print.sif").accept(ENVELOPE)).json()["detail"], Value::Null);
    });
}

/// The end of the run and the rest of its output come to somebody who could not look meanwhile: a busy host.
#[test]
fn output_that_is_cut_is_no_success_whichever_is_seen_first() {
    let site = Site::new(Wire::Cgi).image("wait.sif", &[]).set("output_limit", 1024);
    let stub = site.path("runtime/apptainer").display().to_string();
    let script = format!("#!/bin/sh\n{stub} \"$@\" || exit\ncase $* in *wait.sif) head -c 3000 /dev/zero;; esac\n");
    let site = as_runtime(site, &script);
    for words in [&["run", "wait.sif"][..], &["run", "wait.sif", "--json"]] {
        let mut command = site.command();
        let run = command.args(words).stdout(Stdio::piped()).spawn().expect("the program");
        let begun = || processes::family(run.id()).iter().any(|process| process.command.contains("/apptainer --quiet"));
        until("the container runs", HANG, begun);
        let reader = processes::process(run.id() as i32).expect("it reads");
        reader.signal(Signal::STOP);
        fs::write(site.path("runtime/go"), "").expect("a file");
        until("the run is over", HANG, || processes::family(run.id()).len() == 1);
        reader.signal(Signal::CONT);
        let ended = run.wait_with_output().expect("its end");
        assert_eq!(ended.status.code(), Some(1), "{words:?}");
        if words.contains(&"--json") {
            let envelope: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
            assert_eq!((&envelope["end"], &envelope["truncated"]), (&json!("output-limit"), &json!(true)));
            assert_eq!(envelope["exit_code"], Value::Null);
        }
        fs::remove_file(site.path("runtime/go")).expect("it is there");
    }
}
