//! 40 to 43: how much may run at once.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::front::Front;
use crate::support::request::{ENVELOPE, EVENTS};
use crate::support::{HANG, Site, Talk, Wire, get, on_both_wires, processes, real, skip, until};

#[test]
fn hostile_40_many_processes_are_swept_and_others_served() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("forks-60.sif", &[]).image("argv.sif", &[]).set("deadline", 4).set("slots", 2);
        std::thread::scope(|scope| {
            let bomb = scope.spawn(|| site.ask(&get("/container/run/forks-60.sif")));
            site.wait_for_runs(1);
            for _ in 0..5 {
                site.ask(&get("/container/run/argv.sif")).good();
                site.ask(&get("/container/")).good();
            }
            bomb.join().unwrap().problem(504);
        });
        site.nothing_runs();
    });
}

/// Each run has its own count, where the host has user namespaces.
#[test]
fn hostile_40_a_fork_bomb_does_not_stop_other_runs() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("forks-300.sif", &[]).image("forks-5.sif", &[]);
        let site = site.set("processes", 64).set("slots", 4).set("deadline", 4);
        let made = |name: &str| {
            let envelope = site.ask(&get(&format!("/container/run/{name}")).accept(ENVELOPE)).json();
            assert_eq!(envelope["end"], "deadline", "{envelope}");
            let words = envelope["stdout"].as_str().expect("text");
            words
                .split(' ')
                .next()
                .and_then(|number| number.parse::<u32>().ok())
                .unwrap_or_else(|| panic!("{envelope}"))
        };
        std::thread::scope(|scope| {
            let bombs = [(); 2].map(|()| scope.spawn(|| made("forks-300.sif")));
            site.wait_for_runs(2);
            assert_eq!(made("forks-5.sif"), 5, "another run is not stopped");
            for bomb in bombs {
                let children = bomb.join().unwrap();
                assert!((32..=64).contains(&children), "{children} children of a bomb that may have 64 processes");
            }
        });
        site.nothing_runs();
    });
}

#[test]
fn hostile_40_a_real_fork_bomb_is_capped() {
    for wire in [Wire::Cgi, Wire::FastCgi] {
        let Some(site) = real::site(wire) else { return };
        let site = site.set("deadline", 12).set("slots", 2).set("processes", 60);
        let mark = real::mark();
        let run = |query: String| site.ask(&get(&format!("/container/run/behave.sif?{query}")).accept(ENVELOPE)).json();
        std::thread::scope(|scope| {
            let bomb = scope.spawn(|| run(format!("mode=forks&mark={mark}")));
            let family = real::running(&site, mark);
            let other = run("mode=echo&name=Amy".to_owned());
            assert_eq!((&other["stdout"], &other["exit_code"]), (&"Amy\n".into(), &0.into()), "{other}");
            let sleepers = real::running(&site, mark).iter().filter(|one| one.command.starts_with("sleep ")).count();
            // 400 were wanted; the limit counts what else the account runs at the time, other tests for instance
            assert!((2..=300).contains(&sleepers), "{sleepers} children");
            assert_eq!(bomb.join().unwrap()["end"], "deadline");
            let server = if wire == Wire::FastCgi { site.start() as i32 } else { 0 };
            processes::all_gone(&family.into_iter().filter(|one| one.pid != server).collect::<Vec<_>>());
        });
    }
}

/// The row of `doctor --json` with this name.
fn doctor(site: &Site, check: &str) -> Value {
    let output = site.command().args(["doctor", "--json"]).output().expect("the program");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = told["checks"].as_array().expect("rows");
    rows.iter().find(|row| row["check"] == check).unwrap_or_else(|| panic!("no {check}: {told}")).clone()
}

/// Whether the limits hold for a run as a whole; if not, that this is said where administrators look.
fn says_which_limits_hold(site: &Site) -> bool {
    let told = doctor(site, "cgroups");
    let shown = site.ask(&get("/container/health")).json();
    let row = shown["checks"].as_array().expect("rows").iter().find(|row| row["check"] == "cgroups").expect("a row");
    assert_eq!(row["ok"], told["ok"]);
    if told["ok"] == true {
        return true;
    }
    for text in [&told["lost"], &row["reason"]] {
        assert!(text.as_str().is_some_and(|text| text.contains("the private memory of each process")), "{text}");
    }
    false
}

#[test]
fn hostile_41_memory_is_limited() {
    on_both_wires(|wire| {
        let site = Site::new(wire).set("memory", 256 << 20).set("slots", 2);
        let site = site.image("memory-500.sif", &[]).image("memory-8.sif", &[]);
        assert_eq!(site.ask(&get("/container/run/memory-8.sif")).good(), "8388608 bytes\n");
        if says_which_limits_hold(&site) {
            assert!(site.the_run().argv().windows(2).any(|pair| pair == ["--memory", "268435456"]));
            return skip("the runtime limits memory here, and the stub is none");
        }
        for _ in 0..3 {
            site.ask(&get("/container/run/memory-500.sif")).problem(502);
            site.ask(&get("/container/run/memory-8.sif")).good();
        }
        let site = site.unset("memory");
        site.end(Signal::TERM);
        assert_eq!(site.ask(&get("/container/run/memory-500.sif")).good(), "524288000 bytes\n", "no limit, no failure");
    });
}

#[test]
fn hostile_41_memory_of_a_real_container_is_limited() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        let site = site.set("memory", 256 << 20).set("deadline", 50).set("slots", 2);
        std::thread::scope(|scope| {
            let hog = scope.spawn(|| site.ask(&get("/container/run/behave.sif?mode=hog")));
            let other = site.ask(&get("/container/run/behave.sif?mode=echo&name=Amy"));
            assert_eq!(other.good(), "Amy\n");
            let (word, problem) = hog.join().unwrap().problem(502);
            assert_eq!(word, "container-failed", "{problem}");
        });
    });
}

/// Files in memory are as few as the container's own small file system holds.
#[test]
fn hostile_41_shared_memory_of_a_real_container_is_limited() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        let told = site.set("deadline", 50).ask(&get("/container/run/behave.sif?mode=share")).good();
        let bytes: u64 = told.trim().parse().expect("a number of bytes");
        assert!((1 << 20..=128 << 20).contains(&bytes), "{bytes} bytes");
    });
}

/// What the kernel counts for the account as a whole is never used up by one run.
#[test]
fn hostile_40_descriptors_in_flight_do_not_stop_other_runs() {
    // one after the other: the account is the same
    for wire in [Wire::Cgi, Wire::FastCgi] {
        let site =
            Site::new(wire).image("inflight.sif", &[]).image("argv.sif", &[]).set("deadline", 60).set("slots", 3);
        let mut full = site.open(&get("/container/run/inflight.sif").accept(EVENTS));
        full.wait_for("on their way");
        let sent = full.seen();
        assert!(!sent.contains("\"0 on their way"), "{sent}");
        site.ask(&get("/container/run/argv.sif")).good();
        full.leave();
    }
}

/// Timers and queued signals, too, are counted for the account as a whole: what one run has leaves enough for another.
#[test]
fn hostile_40_signals_of_one_run_do_not_stop_other_runs() {
    for wire in [Wire::Cgi, Wire::FastCgi] {
        let site = Site::new(wire).image("timers.sif", &[]).image("timers-1.sif", &[]).set("deadline", 60);
        let site = site.set("slots", 3);
        if doctor(&site, "process-counting")["ok"] != true {
            return skip("the kernel does not count what each run makes by itself");
        }
        let mut full = site.open(&get("/container/run/timers.sif").accept(EVENTS));
        full.wait_for(" timers");
        let text = site.ask(&get("/container/run/timers-1.sif")).good();
        let made: u32 = text.trim_end_matches(" timers\n").parse().expect("a number");
        full.leave();
        assert!((1..=1024).contains(&made), "{made} timers beside another run");
    }
}

/// Namespaces, too, are counted for the account as a whole.
#[test]
fn hostile_40_namespaces_of_a_real_container_are_capped() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        if doctor(&site, "process-counting")["ok"] != true {
            return skip("the kernel does not count what each run makes by itself");
        }
        let run = format!("/container/run/behave.sif?mode=spaces&mark={}", real::mark());
        let most = if doctor(&site, "nested-namespaces")["ok"] == true { 0 } else { 32 };
        let answer = site.set("deadline", 50).ask(&get(&run));
        let made = answer.text().trim().parse().unwrap_or(0);
        assert!((0..=most).contains(&made), "{made} user namespaces in one run");
    });
}

/// When the host has no memory left, runs end before servers.
#[test]
fn hostile_41_a_run_is_the_first_to_go() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]).image("hang.sif", &[]).set("deadline", 60);
        site.ask(&get("/container/run/argv.sif")).good();
        assert_eq!(site.the_run().oom_score(), 1000);
        site.nothing_runs();
        let hanging = site.open(&get("/container/run/hang.sif").accept(EVENTS));
        site.wait_for_runs(2);
        let others = site.others();
        let supervisor = others.iter().find(|process| process.is_supervisor()).expect("a supervisor");
        let score = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", supervisor.pid)).unwrap();
        assert_ne!(score.trim(), "1000", "the supervisor has to outlive the run");
        hanging.leave();
    });
}

/// Most runs that lived at the same time, by what the stub wrote down.
fn most_at_once(site: &Site) -> usize {
    let mut changes: Vec<(u64, i32)> = Vec::new();
    for run in site.runs() {
        let (began, ended) = run.times();
        changes.extend([(began, 1), (ended.expect("an end"), -1)]);
    }
    changes.sort();
    let mut alive = 0;
    let alive = changes.iter().map(|(_, change)| {
        alive += change;
        alive
    });
    alive.max().unwrap_or(0) as usize
}

/// So many visitors at the same time want a run, and others the list.
fn crowd(wire: Wire, visitors: usize) {
    const SLOTS: usize = 8;
    let site = Site::new(wire).image("sleep-100.sif", &[]).set("slots", SLOTS).set("deadline", 50);
    site.ask(&get("/container/run/sleep-100.sif")).good();
    let (mut ran, mut refused) = (1, 0);
    std::thread::scope(|scope| {
        let asked = |_| scope.spawn(|| site.ask(&get("/container/run/sleep-100.sif")));
        let asked: Vec<_> = (0..visitors).map(asked).collect();
        for _ in 0..10 {
            assert_eq!(site.ask(&get("/container/")).json()["total"], 1);
        }
        for answer in asked.into_iter().map(|asked| asked.join().expect("an answer")) {
            if answer.status == 200 {
                ran += 1;
                continue;
            }
            assert_eq!(answer.problem(503).0, "busy");
            let wait = answer.header("Retry-After").and_then(|wait| wait.parse::<u32>().ok());
            assert!(wait.is_some_and(|wait| wait > 0), "{:?}", answer.headers);
            refused += 1;
        }
    });
    assert!(ran > 1 && refused > 0, "{ran} ran, {refused} refused");
    assert_eq!(site.runs().len(), ran, "nobody who was refused ran all the same");
    let most = most_at_once(&site);
    assert!((2..=SLOTS).contains(&most), "{most} at once");
}

#[test]
fn hostile_42_no_more_runs_than_slots() {
    on_both_wires(|wire| crowd(wire, 60));
}

#[test]
#[ignore = "long"]
fn hostile_42_no_more_runs_than_slots_long() {
    on_both_wires(|wire| crowd(wire, 1000));
}

/// CGI processes and FastCGI servers of one site count the same slots.
#[test]
fn hostile_42_slots_are_counted_over_all_processes() {
    let site =
        Site::new(Wire::FastCgi).image("hang.sif", &[]).image("argv.sif", &[]).set("slots", 1).set("deadline", 60);
    let holding = site.open(&get("/container/run/hang.sif"));
    site.wait_for_runs(1);
    let by_cgi = Talk::by_cgi(site.command(), &get("/container/run/argv.sif"), String::from("no path"));
    assert_eq!(by_cgi.finish().problem(503).0, "busy");
    holding.leave();
    site.nothing_runs();
    let by_cgi = Talk::by_cgi(site.command(), &get("/container/run/argv.sif"), String::from("no path"));
    by_cgi.finish().good();
}

/// Some wait as long as the site says, the others are refused at once; who waited runs when a slot is free.
#[test]
fn hostile_42_a_visitor_may_wait_for_a_slot() {
    const WAITING: usize = 64;
    const SLOTS: usize = 8;
    let site = Site::new(Wire::FastCgi).image("hang.sif", &[]).image("argv.sif", &[]);
    let site = site.set("slots", SLOTS).set("wait", 30).set("deadline", 300);
    let holding: Vec<Talk> = (0..SLOTS).map(|_| site.open(&get("/container/run/hang.sif"))).collect();
    site.wait_for_runs(SLOTS);
    let refused = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let ask = || {
            let answer = site.ask(&get("/container/run/argv.sif"));
            if answer.status != 200 {
                assert_eq!(answer.problem(503).0, "busy");
                refused.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        };
        (0..WAITING + 6).for_each(|_| drop(scope.spawn(ask)));
        // before anybody has waited in vain: the slots are still taken
        until("six are refused", HANG, || refused.load(std::sync::atomic::Ordering::SeqCst) == 6);
        assert_eq!(site.runs().len(), SLOTS);
        holding.into_iter().for_each(|talk| drop(talk.leave()));
    });
    assert_eq!((refused.into_inner(), site.runs().len()), (6, SLOTS + WAITING));
}

/// Whoever leaves while it waits makes room for others, and nothing runs for it.
#[test]
fn hostile_42_who_leaves_waits_no_longer() {
    const WAITING: usize = 64;
    let site = Site::new(Wire::FastCgi).image("hang.sif", &[]).image("argv.sif", &[]);
    let site = site.set("slots", 1).set("wait", 30).set("deadline", 300);
    let holding = site.open(&get("/container/run/hang.sif"));
    site.wait_for_runs(1);
    let asking = get("/container/run/argv.sif");
    let waiting: Vec<Talk> = (0..WAITING).map(|_| site.open(&asking)).collect();
    // the last of them is refused when all the others are in
    let talk = site.open(&asking);
    until("the waiting room is full", HANG, || site.log().contains("status=503"));
    waiting.into_iter().chain([talk]).for_each(|talk| drop(talk.leave()));
    until("each of them is answered", HANG, || site.log().matches("event=request ").count() > WAITING);
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| site.ask(&asking));
        site.wait_for_a_waiting_visitor();
        assert!(!patient.is_finished(), "no room to wait in");
        drop(holding.leave());
        patient.join().expect("an answer").good();
    });
    let begun = site.log().matches("event=run ").count();
    assert_eq!(begun, 2, "the one that held the slot, and the one that waited to the end");
}

/// Two servers of one site behind nginx; the first never answers, or dies while it runs. How many runs there were,
/// once there are as many as `expected`, the visitor is answered, and the second server has ended.
fn runs_behind_two_upstreams(dies: bool, expected: usize, change: impl Fn(&str, String) -> String) -> Option<usize> {
    let site = Site::new(Wire::FastCgi).image("hang.sif", &[]).set("deadline", 20).set("slots", 4);
    site.start();
    let second = site.path("run/second");
    let listen = format!("unix:{}", second.display());
    let mut other = site.command().args(["fastcgi", "--listen", &listen]).spawn().expect("the program");
    until("the second server listens", HANG, || second.exists());
    let front = Front::nginx(&[site.socket(), second], |name, text| match name {
        "pass.conf" => change(name, text.replace("fastcgi_read_timeout 75s", "fastcgi_read_timeout 2s")),
        _ => change(name, text),
    });
    let front = front.map(|front| {
        let mut visitor = front.open("/container/run/hang.sif", "*/*");
        site.wait_for_runs(1);
        if dies {
            site.end(Signal::KILL);
        }
        let answer = visitor.answer();
        assert!(matches!(answer.status, 502 | 504), "{}", answer.status);
        site.wait_for_runs(expected);
    });
    // it ends when it has finished what it was sent: then no further run begins
    let _ = kill_process(Pid::from_child(&other), Signal::TERM);
    other.wait().expect("a child");
    front.map(|()| site.runs().len())
}

#[test]
fn hostile_43_a_run_happens_once_behind_two_upstreams() {
    std::thread::scope(|scope| {
        for dies in [false, true] {
            let runs = scope.spawn(move || runs_behind_two_upstreams(dies, 1, |_, text| text));
            let again = scope.spawn(move || {
                let from = "fastcgi_next_upstream off";
                let change = |_: &str, text: String| text.replace(from, "fastcgi_next_upstream error timeout");
                runs_behind_two_upstreams(dies, 2, change)
            });
            let (Some(runs), Some(again)) = (runs.join().unwrap(), again.join().unwrap()) else { return };
            assert_eq!(runs, 1);
            assert_eq!(again, 2, "this way of looking sees a second run");
        }
    });
}
