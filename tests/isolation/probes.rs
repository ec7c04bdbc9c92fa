//! What the application asks of its host and runtime at the start, and somebody who stops or kills what answers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::processes::{self, Process};
use crate::support::site::{PROGRAM, as_runtime};
use crate::support::{HANG, Site, Wire, get, real};
use crate::{assert_isolated, runs_again};

/// The processes that answer: words of their command line that no other has.
const KINDS: [&[&str]; 8] = [
    &["/runtime/versioned --version"],
    &["/runtime/versioned help run"],
    &["supervise try-user-namespace"],
    &["supervise try-nesting"],
    &["supervise try-filter"],
    &["singularity-nginx supervise "],
    &[INIT],
    &["/bin/sh", "--quiet run", "probe.sqfs"],
];
/// The copy of a supervisor that begins a process namespace has its command line.
const INIT: &str = "init";
/// How often a site is made anew until such a process was met: some live for a millisecond.
const TRIES: usize = 40;

/// Sends this signal to the first process below the program that is wanted. Whether there was one.
fn meddle(site: &Site, mut wanted: impl FnMut(&Process) -> bool, signal: Signal, stop: &AtomicBool) -> bool {
    let mut seen = BTreeSet::new();
    let begun = Instant::now();
    while begun.elapsed() < HANG && !stop.load(Ordering::SeqCst) {
        for pid in below(site) {
            if seen.contains(&pid) {
                continue;
            }
            let Some(process) = after_exec(pid) else { continue };
            seen.insert(pid);
            if wanted(&process) {
                process.signal(signal);
                return true;
            }
        }
    }
    false
}

/// The processes below the programs of a site, which this process has started, from the kernel's lists of children: fast
/// enough to meet what lives for a millisecond.
fn below(site: &Site) -> Vec<i32> {
    let of_site = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == site.folder());
    let mut open: Vec<i32> = children(std::process::id() as i32).into_iter().filter(of_site).collect();
    let mut found = Vec::new();
    while let Some(parent) = open.pop() {
        let below = children(parent);
        found.extend(&below);
        open.extend(below);
    }
    found
}

fn children(pid: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>()).collect()
}

/// A process once it has a name of its own, and not that of the one that started it: before that it is no process of its
/// own, but its parent's call that starts it.
fn after_exec(pid: i32) -> Option<Process> {
    for _ in 0..1000 {
        let process = processes::process(pid)?;
        let starter = process.command.trim() == PROGRAM || process.command.contains(" fastcgi --listen");
        if !starter {
            return Some(process);
        }
    }
    None
}

/// The stub, a little slower, so that it can be met.
fn slow_stub(wire: Wire) -> Site {
    let site = Site::new(wire).image("argv.sif", &[]).set("slots", 4).set("deadline", 15);
    let script = format!("#!/bin/sh\nsleep 0.01\nexec {} \"$@\"\n", site.path("runtime/apptainer").display());
    as_runtime(site, &script)
}

/// Requests in parallel with the questions; one process of them gets the signal. No run is weaker than it should be, and
/// soon all run again. Whether such a process was met.
fn meddled(site: &Site, kind: &[&str], signal: Signal) -> bool {
    let stop = AtomicBool::new(false);
    let wanted = |process: &Process| match kind {
        [INIT] => process.is_init(),
        ["singularity-nginx supervise "] => process.is_supervisor(),
        words => words.iter().all(|word| process.command.contains(word)),
    };
    let met = std::thread::scope(|scope| {
        let meddler = scope.spawn(|| meddle(site, wanted, signal, &stop));
        let ask = || {
            let answer = site.ask(&get("/container/run/argv.sif"));
            // a stopped run is ended by its deadline, a killed one failed
            assert!(matches!(answer.status, 200 | 502 | 503 | 504), "{}: {}", answer.status, answer.text());
            assert_eq!(site.ask(&get("/container/")).status, 200, "pages are shown meanwhile");
        };
        let visitors: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
        for visitor in visitors {
            visitor.join().expect("an answer");
        }
        stop.store(true, Ordering::SeqCst);
        meddler.join().expect("met or not")
    });
    runs_again(site);
    site.runs().iter().for_each(assert_isolated);
    met
}

fn each_in_turn(wire: Wire, signal: Signal) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        // more at a time, and what looks for the processes is too slow to meet them
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(kind) = KINDS.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let met = (0..TRIES).any(|_| meddled(&slow_stub(wire), kind, signal));
                    assert!(met, "{kind:?} was never met");
                }
            });
        }
    });
}

#[test]
fn a_killed_question_weakens_no_run() {
    each_in_turn(Wire::FastCgi, Signal::KILL);
}

#[test]
fn a_stopped_question_weakens_no_run() {
    each_in_turn(Wire::FastCgi, Signal::STOP);
}

#[test]
fn a_killed_question_of_a_cgi_program_weakens_no_run() {
    each_in_turn(Wire::Cgi, Signal::KILL);
}

/// The same with the real runtime, whose processes are its own affair: whichever of them is killed or stopped.
#[test]
fn a_real_runtime_whose_answer_is_killed_or_stopped_weakens_no_run() {
    real_runtime(12);
}

#[test]
#[ignore = "long"]
fn a_real_runtime_whose_answer_is_killed_or_stopped_weakens_no_run_long() {
    real_runtime(72);
}

fn real_runtime(processes: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= processes {
                        return;
                    }
                    one_of_a_real_runtime(number, if number % 4 == 3 { Signal::STOP } else { Signal::KILL });
                }
            });
        }
    });
}

/// The `number`th process gets the signal.
fn one_of_a_real_runtime(number: usize, signal: Signal) {
    let isolated = "processes own, interfaces 1, seccomp 2\n";
    let Some(site) = real::site(Wire::FastCgi) else { return };
    let site = site.set("slots", 4).set("deadline", 10);
    let (stop, mut seen) = (AtomicBool::new(false), 0);
    let wanted = |_: &Process| {
        seen += 1;
        seen > number
    };
    std::thread::scope(|scope| {
        scope.spawn(|| meddle(&site, wanted, signal, &stop));
        for _ in 0..2 {
            let answer = site.ask(&get("/container/run/behave.sif?mode=isolated"));
            if answer.status == 200 {
                assert_eq!(answer.text(), isolated, "{number}");
            }
        }
        stop.store(true, Ordering::SeqCst);
    });
    let begun = Instant::now();
    loop {
        let answer = site.ask(&get("/container/run/behave.sif?mode=isolated"));
        if answer.status == 200 {
            return assert_eq!(answer.text(), isolated, "{number}");
        }
        assert!(begun.elapsed() < HANG, "nothing runs any more: {}", site.log());
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// A question that has no answer is asked again, and what is known already is not forgotten: a server that is asked
/// while the runtime hangs refuses, and runs as soon as it answers.
#[test]
fn a_runtime_that_hangs_for_a_while_is_asked_again() {
    let site = Site::new(Wire::FastCgi).image("argv.sif", &[]);
    let script = format!(
        "#!/bin/sh\n[ -e {folder}/hang ] && [ \"$1\" != --version ] && [ \"$1\" != help ] && exec sleep 60\n\
         exec {folder}/runtime/apptainer \"$@\"\n",
        folder = site.folder().display()
    );
    std::fs::write(site.path("hang"), "").unwrap();
    let site = as_runtime(site, &script);
    let answer = site.ask(&get("/container/run/argv.sif"));
    assert_eq!(answer.problem(503).0, "isolation");
    assert!(site.log().contains("event=missing"), "the administrator is told: {}", site.log());
    let health = site.ask(&get("/container/health"));
    assert_eq!((health.status, &health.json()["ready"]), (503, &false.into()), "{}", health.text());
    std::fs::remove_file(site.path("hang")).unwrap();
    runs_again(&site);
    site.runs().iter().for_each(assert_isolated);
    assert_eq!(site.ask(&get("/container/health")).status, 200);
}

/// What a text does not hold that was cut is no *no*: nothing runs without a flag because of it, and nothing is kept.
#[test]
fn a_help_that_breaks_off_lowers_no_run() {
    for wire in [Wire::Cgi, Wire::FastCgi] {
        let site = Site::new(wire).image("argv.sif", &[]);
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = help ] && [ -e {folder}/cut ] && {{ {folder}/runtime/apptainer help run | head -c 200; exit; }}\n\
             exec {folder}/runtime/apptainer \"$@\"\n",
            folder = site.folder().display()
        );
        std::fs::write(site.path("cut"), "").unwrap();
        let site = as_runtime(site, &script);
        let (code, problem) = site.ask(&get("/container/run/argv.sif")).problem(503);
        assert_eq!(code, "no-runtime", "{problem}");
        assert!(site.runs().is_empty());
        std::fs::remove_file(site.path("cut")).unwrap();
        runs_again(&site);
        site.runs().iter().for_each(assert_isolated);
    }
}

/// Pages are served while the host is looked at.
#[test]
fn looking_at_the_host_keeps_nobody_from_pages() {
    let site = Site::new(Wire::FastCgi).image("argv.sif", &[]);
    let script = format!(
        "#!/bin/sh\nwhile [ ! -e {folder}/go ]; do sleep 0.02; done\nexec {folder}/runtime/apptainer \"$@\"\n",
        folder = site.folder().display()
    );
    let site = as_runtime(site, &script).impatient();
    assert_eq!(site.ask(&get("/container/")).status, 200);
    assert!(processes::has_thread(site.start(), "announce"), "the server was still looking at its host");
    std::fs::write(site.path("go"), "").unwrap();
    runs_again(&site);
}
