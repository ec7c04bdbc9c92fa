//! 49 and 50: many runs one after the other, many visitors at the same time. (`scripts/load` measures; this looks for
//! what grows and what breaks.)

use std::fs;

use crate::support::{Site, Wire, get, on_both_wires, processes, sif};

/// What must not grow with the number of runs.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
    mounts: usize,
    files: Vec<String>,
}

/// Threads of the server that may wait for a connection (`fastcgi/src/server.rs`).
const AT_THE_DOOR: usize = 8;

fn held(site: &Site) -> Held {
    let server = if site.wire == Wire::FastCgi { site.start() } else { std::process::id() };
    let count = |what: &str| fs::read_dir(format!("/proc/{server}/{what}")).map_or(0, Iterator::count);
    let mut files: Vec<String> = ["state", "tmp", "data", "run"]
        .iter()
        .flat_map(|folder| fs::read_dir(site.path(folder)).into_iter().flatten().flatten())
        .map(|entry| entry.path().display().to_string())
        .collect();
    files.sort();
    Held {
        descriptors: if site.wire == Wire::FastCgi { processes::descriptors(server) } else { 0 },
        threads: if site.wire == Wire::FastCgi { count("task") } else { 0 },
        mounts: fs::read_to_string("/proc/self/mountinfo").expect("mounts").lines().count(),
        files,
    }
}

/// The image's runs, of each kind of end.
fn soak(wire: Wire, runs: usize) {
    let names = ["argv.sif", "exit-3.sif", "daemonise.sif", "stdout-1.sif"];
    let mut site = Site::new(wire).set("slots", 2);
    for name in names {
        site = site.image(name, &[]);
    }
    let run = |number: usize| site.ask(&get(&format!("/container/run/{}", names[number % names.len()]))).status;
    (0..8).for_each(|number| assert!(matches!(run(number), 200 | 502)));
    site.nothing_runs();
    let server = || if wire == Wire::FastCgi { processes::memory(site.start()) } else { 0 };
    let (memory, before) = (server(), held(&site));
    for number in 0..runs {
        assert!(matches!(run(number), 200 | 502), "run {number}");
        if number % 1000 == 999 {
            let _ =
                fs::remove_dir_all(site.path("runtime/runs")).and_then(|()| fs::create_dir(site.path("runtime/runs")));
        }
    }
    site.nothing_runs();
    // threads of connections that have ended may take a moment to go, and some wait at the door for the next one: how
    // many is chance, but it is a few, however many runs there were
    crate::support::until("nothing grows", processes::GONE, || {
        held(&site).descriptors <= before.descriptors && held(&site).threads <= before.threads + AT_THE_DOOR
    });
    let after = held(&site);
    assert_eq!((after.files, after.mounts), (before.files, before.mounts));
    assert!(server() < memory + (16 << 10), "{memory} KiB, then {} KiB", server());
}

#[test]
fn hostile_49_nothing_grows_with_the_number_of_runs() {
    on_both_wires(|wire| soak(wire, 100));
}

#[test]
#[ignore = "long"]
fn hostile_49_nothing_grows_with_the_number_of_runs_long() {
    on_both_wires(|wire| soak(wire, 10_000));
}

/// So many visitors ask for the list of so many images, each some times.
fn listings(wire: Wire, visitors: usize, images: usize, times: usize) {
    let site = Site::new(wire);
    let bytes = sif::with_labels(&[("SINGULARITY_RUNSCRIPT_ARG_STR", "name")]);
    for number in 0..images {
        fs::write(site.data().join(format!("image-{number:05}.sif")), &bytes).unwrap();
    }
    std::thread::scope(|scope| {
        for visitor in 0..visitors {
            let site = &site;
            scope.spawn(move || {
                for time in 0..times {
                    let page = (visitor + time) % 3 + 1;
                    let listing = site.ask(&get(&format!("/container/?page={page}"))).good();
                    let listing: serde_json::Value = serde_json::from_str(&listing).expect("JSON");
                    assert_eq!(listing["total"], images);
                    assert_eq!(listing["images"].as_array().map(Vec::len), Some(100));
                    assert_eq!(listing["images"][0]["name"], format!("image-{:05}.sif", (page - 1) * 100));
                }
            });
        }
    });
}

#[test]
fn hostile_50_many_visitors_list_many_images() {
    on_both_wires(|wire| listings(wire, 50, 1000, if wire == Wire::Cgi { 1 } else { 3 }));
}

#[test]
#[ignore = "long"]
fn hostile_50_many_visitors_list_many_images_long() {
    listings(Wire::FastCgi, 1000, 10_000, 2);
    listings(Wire::Cgi, 100, 10_000, 1);
}
