//! Isolation never fails open: what a run needs and is not known refuses it, whoever is stopped or killed meanwhile; and
//! a run leaves nothing, in whatever order its processes, its visitor and its server end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod container;
mod crashes;
mod life;
mod probes;

use rustix::process::Signal;

use support::processes::{self, Process};
use support::{Site, get};

/// Where a run with the stub must be: in all namespaces, filtered, without a shell.
fn assert_isolated(run: &support::site::Run) {
    let argv = run.argv();
    for flag in ["--containall", "--no-eval", "--no-privs", "--userns", "--net", "--no-mount"] {
        assert!(argv.iter().any(|word| word == flag), "{flag} is not in {argv:?}");
    }
    assert_eq!((run.status("Seccomp").as_str(), run.status("NoNewPrivs").as_str()), ("2", "1"), "{argv:?}");
}

/// Asks until the site runs something; each refusal says that the host is being looked at.
fn runs_again(site: &Site) {
    for _ in 0..80 {
        let answer = site.ask(&get("/container/run/argv.sif"));
        if answer.status == 200 {
            return;
        }
        let (code, problem) = answer.problem(503);
        assert!(matches!(code.as_str(), "isolation" | "no-runtime" | "busy"), "{problem}");
        assert!(answer.header("Retry-After").is_some(), "{problem}");
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    panic!("nothing runs any more: {}", site.log());
}

/// Kills one of these.
fn kill(process: &Process) {
    process.signal(Signal::KILL);
}

/// All processes below a server, and none that has ended and was not waited for.
fn no_zombies(server: u32) {
    support::until("no zombie is left", processes::GONE, || processes::zombies(server) == 0);
}
