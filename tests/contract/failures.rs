//! Runs that fail, on every face: the words fit what is there, and nothing that the run said is lost.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{Site, get, on_both_wires};

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
