//! Runtimes that crash, or need more than they are allowed; and an init whose supervisor ends before the kernel would
//! tell it so.

use rustix::process::{Pid, Signal, kill_process};

use crate::support::processes::all_gone;
use crate::support::site::as_runtime;
use crate::support::{HANG, Site, Wire, get, skip, until};
use crate::{assert_isolated, runs_again};

/// Dumps of Go programs, an image driver that does not start, an end without a word: while the runtime is tried.
const CRASHES: [&str; 5] = [
    "echo 'panic: runtime error: invalid memory address' >&2; echo 'goroutine 1 [running]:' >&2; exit 2",
    "echo 'runtime: may need to increase max user processes (ulimit -u)' >&2; echo 'fatal error: newosproc' >&2; exit 2",
    "echo 'FATAL:   failed to create new OS thread (have 9 already; errno=11)' >&2; exit 255",
    "echo 'FATAL:   while loading image: no such image driver' >&2; exit 255",
    "exit 1",
];

/// Whoever crashes whenever it is to take the network away has not said that it cannot.
#[test]
fn a_runtime_that_crashes_has_not_said_no() {
    for wire in [Wire::Cgi, Wire::FastCgi] {
        for crash in CRASHES {
            let site = Site::new(wire).image("argv.sif", &[]);
            let script = format!(
                "#!/bin/sh\ncase \" $* \" in *' --net '*probe.sqfs*) [ -e {folder}/crash ] && {{ {crash}; }} ;; esac\n\
                 exec {folder}/runtime/apptainer \"$@\"\n",
                folder = site.folder().display()
            );
            std::fs::write(site.path("crash"), "").unwrap();
            let site = as_runtime(site, &script);
            let (code, problem) = site.ask(&get("/container/run/argv.sif")).problem(503);
            assert_eq!(code, "isolation", "{crash}: {problem}");
            assert!(site.runs().is_empty(), "{crash}");
            std::fs::remove_file(site.path("crash")).unwrap();
            runs_again(&site);
            site.runs().iter().for_each(assert_isolated);
        }
    }
}

/// The one user namespace that a run may make is not enough for every runtime: then its runs go without that bound, and
/// `doctor` says so.
#[test]
fn a_runtime_that_makes_two_user_namespaces_runs() {
    for wire in [Wire::Cgi, Wire::FastCgi] {
        let site = Site::new(wire).image("argv.sif", &[]);
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in --quiet*) [ \"$(cat /proc/sys/user/max_user_namespaces)\" = 1 ] && {{\n\
             echo 'FATAL:   unshare: no space left on device' >&2; exit 255; }} ;; esac\n\
             exec {}/runtime/apptainer \"$@\"\n",
            site.folder().display()
        );
        let site = as_runtime(site, &script);
        site.ask(&get("/container/run/argv.sif")).good();
        site.runs().iter().for_each(assert_isolated);
        let told = site.command().args(["doctor", "--json"]).output().expect("the program").stdout;
        let told: serde_json::Value = serde_json::from_slice(&told).expect("JSON");
        let rows = told["checks"].as_array().expect("rows");
        let nested = rows.iter().find(|row| row["check"] == "nested-namespaces").expect("a row");
        assert_eq!(nested["ok"], false, "{nested}");
    }
}

/// The kernel ends an init with its supervisor only once the init has asked for that: here it asks late, and supervisor
/// and server are gone before.
#[test]
fn an_init_ends_though_its_supervisor_was_killed_before_it_began() {
    let strace = "/usr/bin/strace";
    if !std::path::Path::new(strace).exists() {
        return skip("no strace");
    }
    let site = Site::new(Wire::FastCgi).image("hang.sif", &[]).set("deadline", 60);
    let trace = site.path("trace").display().to_string();
    let delayed = ["-f", "-qq", "-e", "trace=prctl", "-e", "inject=prctl:delay_enter=700000", "-o", &trace];
    let site = site.under(&[&[strace], &delayed[..]].concat());
    let server = Pid::from_raw(site.start() as i32).expect("an id");
    let _talk = site.open(&get("/container/run/hang.sif"));
    until("an init begins", HANG, || site.others().iter().any(|one| one.is_init()));
    let run = site.others();
    let of_run = |one: &&crate::support::processes::Process| one.is_init() || one.is_supervisor();
    let run: Vec<_> = run.iter().filter(of_run).cloned().collect();
    // a stopped server cannot sweep
    kill_process(server, Signal::STOP).expect("the server");
    run.iter().filter(|one| one.is_supervisor()).for_each(|one| one.signal(Signal::KILL));
    site.end(Signal::KILL);
    all_gone(&run);
}
