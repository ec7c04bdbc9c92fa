//! 37: a run ends by its deadline, and all of it ends.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Answer, Site, get, on_both_wires, processes, real, skip};

/// Asks for all of these at once.
fn at_once(site: &Site, names: &[&str]) -> Vec<(Answer, Duration)> {
    std::thread::scope(|scope| {
        let asked = names.iter().map(|name| {
            scope.spawn(move || {
                let begun = Instant::now();
                (site.ask(&get(&format!("/container/run/{name}"))), begun.elapsed())
            })
        });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    })
}

#[test]
fn hostile_37_hang_ends_at_the_deadline() {
    let names = ["hang.sif", "ignore.sif", "close.sif", "stop.sif", "nest.sif"];
    on_both_wires(|wire| {
        let mut site = Site::new(wire).set("deadline", 1).set("slots", names.len());
        for name in names {
            site = site.image(name, &[]);
        }
        for (name, (answer, elapsed)) in names.iter().zip(at_once(&site, &names)) {
            assert_eq!(answer.problem(504).0, "deadline", "{name}");
            // TERM at the deadline; KILL three seconds later for what ignores it
            let least = if *name == "ignore.sif" { 4 } else { 1 };
            let least = Duration::from_secs(least) - Duration::from_millis(100);
            assert!(elapsed >= least && elapsed < Duration::from_secs(30), "{name}: {elapsed:?}");
        }
        site.nothing_runs();
    });
}

#[test]
fn hostile_37_escaped_processes_are_found() {
    let names = ["daemonise.sif", "linger.sif", "nest.sif"];
    on_both_wires(|wire| {
        let mut site = Site::new(wire).set("deadline", 20).set("slots", names.len());
        for name in names {
            site = site.image(name, &[]);
        }
        for (answer, elapsed) in at_once(&site, &names[..2]) {
            assert_eq!(answer.good(), "escaped\n");
            assert!(elapsed < Duration::from_secs(15), "an escaped process is killed, not waited for: {elapsed:?}");
        }
        site.nothing_runs();
    });
}

/// proc(5), `hidepid=1`: who looks at a process of somebody else is refused, and at one that does not want to be looked at
/// (prctl(2) PR_SET_DUMPABLE). No process namespace can be made there, or the kernel would do the work.
#[test]
fn hostile_37_escaped_processes_are_found_where_others_are_hidden() {
    // what keeps its capabilities is somebody else
    let script = "set -e; mount -t proc -o hidepid=1 none /proc; mount --bind /dev/null /proc/version; (cd /; exec env -i sleep 300 >/dev/null 2>&1) & \
                  exec /usr/bin/setpriv --inh-caps=-all --ambient-caps=-all -- \"$0\" \"$@\"";
    let namespaces = ["--user", "--map-current-user", "--keep-caps", "--mount", "--pid", "--fork", "--kill-child"];
    let words = [&["/usr/bin/unshare"], &namespaces[..], &["/bin/sh", "-c", script]].concat();
    let tried = Command::new(words[0]).args(&words[1..]).args(["cat", "/proc/1/stat"]).output();
    if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
        return skip(&format!("others cannot be hidden here: {tried:?}"));
    }
    on_both_wires(|wire| {
        for name in ["daemonise.sif", "linger.sif", "hide.sif"] {
            let site = Site::new(wire).image(name, &[]).set("deadline", 20).under(&words);
            assert_eq!(site.ask(&get(&format!("/container/run/{name}"))).good(), "escaped\n");
            site.nothing_runs();
        }
    });
}

#[test]
fn hostile_37_a_real_container_ends_at_the_deadline() {
    let modes = [
        ("hang", 504),
        ("ignore", 504),
        ("close", 504),
        ("stop", 504),
        ("nest", 504),
        ("daemonise", 200),
        ("linger", 200),
    ];
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        // the limit counts what else the account runs, all these for instance
        let site = site.set("deadline", 4).set("slots", modes.len()).set("processes", 4000);
        std::thread::scope(|scope| {
            for (mode, status) in modes {
                let site = &site;
                scope.spawn(move || {
                    let mark = real::mark();
                    let answer = site.ask(&get(&format!("/container/run/behave.sif?mode={mode}&mark={mark}")));
                    assert_eq!(answer.status, status, "{mode}: {}", answer.text());
                    processes::gone_within(processes::GONE, || processes::called(&mark.to_string()));
                });
            }
        });
        site.nothing_runs();
    });
}
