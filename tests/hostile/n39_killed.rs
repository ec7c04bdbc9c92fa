//! 39: the server is killed, and nothing of its runs goes on.

use rustix::process::Signal;

use crate::support::request::EVENTS;
use crate::support::{Site, Wire, get, on_both_wires, processes, real};

#[test]
fn hostile_39_a_killed_server_leaves_nothing() {
    on_both_wires(|wire| {
        for name in ["hang.sif", "ignore.sif", "nest.sif", "stdout.sif"] {
            let site = Site::new(wire).image(name, &[]).set("deadline", 200);
            let talk = site.open(&get(&format!("/container/run/{name}")).accept(EVENTS));
            site.wait_for_runs(1);
            kill_server(&site, talk);
            site.nothing_runs();
            // and the next one has all slots again
            let site = site.image("argv.sif", &[]).set("slots", 1);
            site.ask(&get("/container/run/argv.sif")).good();
        }
    });
}

fn kill_server(site: &Site, talk: crate::support::Talk) {
    if site.wire == Wire::Cgi {
        let pid = rustix::process::Pid::from_raw(talk.process() as i32).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        talk.leave().map(|mut child| child.wait());
    } else {
        site.end(Signal::KILL);
    }
}

#[test]
fn hostile_39_a_killed_server_leaves_no_real_container() {
    on_both_wires(|wire| {
        for mode in ["hang", "ignore", "nest"] {
            let Some(site) = real::site(wire) else { return };
            let site = site.set("deadline", 200);
            let mark = real::mark();
            let talk = site.open(&get(&format!("/container/run/behave.sif?mode={mode}&mark={mark}")));
            let family = real::running(&site, mark);
            kill_server(&site, talk);
            processes::all_gone(&family);
        }
    });
}

/// The supervisor is the parent of a run's processes; somebody else's KILL (the kernel's, when memory is short) must not set
/// them free.
fn kill_supervisor(site: &Site) {
    let supervisors = site.others().into_iter().filter(processes::Process::is_supervisor);
    let supervisors: Vec<_> = supervisors.collect();
    assert_eq!(supervisors.len(), 1, "{supervisors:?}");
    supervisors[0].signal(Signal::KILL);
}

#[test]
fn hostile_39_a_killed_supervisor_leaves_nothing() {
    on_both_wires(|wire| {
        for name in ["hang.sif", "ignore.sif", "nest.sif", "slow-20.sif"] {
            let site = Site::new(wire).image(name, &[]).image("argv.sif", &[]).set("deadline", 200).set("slots", 1);
            let mut talk = site.open(&get(&format!("/container/run/{name}")).accept(EVENTS));
            site.wait_for_runs(1);
            kill_supervisor(&site);
            talk.wait_for("event: exit");
            talk.finish();
            site.nothing_runs();
            site.ask(&get("/container/run/argv.sif")).good();
        }
    });
}

/// A shell that executes the program may have started something before: that is no orphan of a run.
#[test]
fn hostile_39_a_killed_supervisor_costs_no_child_of_the_starting_shell() {
    let site = Site::new(Wire::FastCgi).image("hang.sif", &[]).image("argv.sif", &[]).set("deadline", 200);
    let site = site.under(&["/bin/sh", "-c", "sleep 200 & echo $! > sleep; exec \"$0\" \"$@\""]);
    let talk = site.open(&get("/container/run/hang.sif"));
    site.wait_for_runs(1);
    let sleep = std::fs::read_to_string(site.path("sleep")).unwrap().trim().parse().unwrap();
    let sleep = processes::process(sleep).expect("it sleeps");
    kill_supervisor(&site);
    assert_eq!(talk.finish().status, 502);
    site.ask(&get("/container/run/argv.sif")).good();
    assert!(sleep.lives());
    sleep.signal(Signal::KILL);
    // what is left of it is a zombie of the server
    site.end(Signal::TERM);
}

#[test]
fn hostile_39_a_killed_supervisor_leaves_no_real_container() {
    on_both_wires(|wire| {
        for mode in ["hang", "nest"] {
            let Some(site) = real::site(wire) else { return };
            let site = site.set("deadline", 200);
            let mark = real::mark();
            let talk = site.open(&get(&format!("/container/run/behave.sif?mode={mode}&mark={mark}")));
            let family = real::running(&site, mark);
            kill_supervisor(&site);
            assert_eq!(talk.finish().status, 502);
            let server = if wire == Wire::FastCgi { site.start() as i32 } else { 0 };
            processes::all_gone(&family.into_iter().filter(|one| one.pid != server).collect::<Vec<_>>());
            site.nothing_runs();
        }
    });
}
