//! 20 to 22: images made to hurt. (The readers' own corpus and mutations are in
//! `tests/images` and in the unit tests; here a small one goes through the whole program.)

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::support::request::BROWSER;
use crate::support::{HANG, Site, Wire, get, on_both_wires, processes, real, sif, skip};

/// A small image that a listing must still show.
fn site(wire: Wire) -> Site {
    Site::new(wire).image("good.sif", &[("SINGULARITY_RUNSCRIPT_ARG_STR", "name")])
}

/// Whatever lies beside it, the good image is listed, each other one has a row, and no page is an error of ours.
fn assert_survives(site: &Site, names: &[String]) {
    let begun = Instant::now();
    let before = if site.wire == Wire::FastCgi { processes::memory(site.start()) } else { 0 };
    let listing = site.ask(&get("/container/"));
    assert_eq!(listing.status, 200, "{}", listing.text());
    let listing = listing.json();
    assert_eq!(listing["total"], names.len() + 1, "{listing}");
    let rows = listing["images"].as_array().expect("rows");
    for row in rows {
        assert!(row["error"].is_string() || row["format"].is_string(), "{row}");
    }
    let good = rows.iter().find(|row| row["name"] == "good.sif").expect("the good one");
    assert_eq!(good["args"]["str"], json!(["name"]));
    for name in names {
        let answer = site.ask(&get(&format!("/container/{name}")));
        assert!(matches!(answer.status, 200 | 422), "{name}: {} {}", answer.status, answer.text());
        assert!(answer.body.len() < 4 << 20, "{name} makes {} bytes", answer.body.len());
    }
    if site.wire == Wire::FastCgi {
        let after = processes::memory(site.start());
        assert!(after < before + (64 << 10), "{before} KiB, then {after} KiB");
    }
    assert!(begun.elapsed() < HANG);
}

/// A generator that gives the same numbers in every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// One valid file of each format.
fn valid() -> Vec<(String, Vec<u8>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/corpus");
    let mut found = vec![("made.sif".to_owned(), sif::with_labels(&[("A", "b")]))];
    for name in ["squashfs-xz.sqfs", "squashfs-behind-launch-line.simg", "ext4.img", "ext2-behind-launch-line.img"] {
        if let Ok(bytes) = fs::read(corpus.join(name)) {
            found.push((name.to_owned(), bytes));
        }
    }
    found
}

#[test]
fn hostile_20_flipped_and_truncated_images() {
    on_both_wires(|wire| {
        let mut site = site(wire);
        let mut random = Random(20);
        let mut names = Vec::new();
        for (name, bytes) in valid() {
            for number in 0..12 {
                let mut bytes = bytes.clone();
                if number % 3 == 0 {
                    bytes.truncate(random.below(bytes.len()));
                } else {
                    // where headers and tables are, most of the time
                    let reach = if number % 3 == 1 { bytes.len().min(5200) } else { bytes.len() };
                    for _ in 0..=number {
                        bytes[random.below(reach)] ^= 1 << random.below(8);
                    }
                }
                let name = format!("bad{number}-{name}");
                site = site.file(&name, &bytes);
                names.push(name);
            }
        }
        assert_survives(&site, &names);
    });
}

/// A SIF whose `inspect-metadata.json` claims a gigabyte, and has it, as a hole.
fn huge() -> Vec<u8> {
    let mut file = sif::with_text(b"{}");
    let size = (1_u64 << 30).to_le_bytes();
    file[4096 + 25..4096 + 33].copy_from_slice(&size);
    file[4096 + 33..4096 + 41].copy_from_slice(&size);
    file
}

#[test]
fn hostile_21_bombs() {
    let quoted = |text: String| format!("{{\"data\":{{\"attributes\":{{\"labels\":{text}}}}},\"type\":\"container\"}}");
    let keys: Vec<String> = (0..1_000_000).map(|number| format!("\"k{number}\":1")).collect();
    let bombs = [
        ("deep.sif", quoted("[".repeat(1_000_000))),
        ("deeper.sif", quoted(format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)))),
        ("keys.sif", quoted(format!("{{{}}}", keys.join(",")))),
        ("some.sif", quoted(format!("{{{}}}", keys[..600].join(",")))),
        ("label.sif", quoted(format!("{{\"A\":\"{}\"}}", "x".repeat(300 << 10)))),
        ("megabytes.sif", quoted(format!("{{\"A\":\"{}\"}}", "x".repeat(30 << 20)))),
        ("number.sif", quoted(format!("{{\"A\":{}}}", "9".repeat(100_000)))),
    ];
    on_both_wires(|wire| {
        let mut site = site(wire).file("huge.sif", &huge());
        let mut file = fs::File::options().write(true).open(site.path("data/huge.sif")).unwrap();
        file.seek(SeekFrom::Start((1 << 30) + 65_536)).and_then(|_| file.write_all(b"end")).unwrap();
        for (name, text) in &bombs {
            site = site.file(name, &sif::with_text(text.as_bytes()));
        }
        let mut names: Vec<String> = bombs.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.push("huge.sif".to_owned());
        assert_survives(&site, &names);
        for name in names {
            let labels = site.ask(&get(&format!("/container/labels/{name}")));
            assert!(labels.body.len() <= 600 << 10, "{name}: {} bytes of labels", labels.body.len());
            assert!(
                labels.status == 422 || labels.json().as_object().is_some_and(|labels| labels.len() <= 512),
                "{name}"
            );
        }
    });
}

#[test]
fn hostile_21_squashfs_bomb() {
    let Some(tool) =
        ["/usr/bin/mksquashfs", "/usr/sbin/mksquashfs"].into_iter().map(PathBuf::from).find(|path| path.exists())
    else {
        return skip("no mksquashfs (package squashfs-tools)");
    };
    on_both_wires(|wire| {
        let site = site(wire);
        let root = site.path("root/.singularity.d");
        fs::create_dir_all(&root).unwrap();
        let mut labels = fs::File::create(root.join("labels.json")).unwrap();
        labels.write_all(b"{\"A\":\"").and_then(|()| labels.set_len(1 << 30)).unwrap();
        let image = site.data().join("bomb.sqfs");
        let made =
            Command::new(&tool).args([&site.path("root"), &image]).arg("-quiet").arg("-no-progress").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert_survives(&site, &["bomb.sqfs".to_owned()]);
    });
}

#[test]
fn hostile_21_links_in_a_sandbox_lead_nowhere_out() {
    on_both_wires(|wire| {
        let site = site(wire);
        fs::write(site.path("labels.json"), r#"{"STOLEN": "yes"}"#).unwrap();
        for (name, target) in [("up", "../../../labels.json"), ("absolute", "/etc/passwd"), ("loop", "labels.json")] {
            let inside = site.data().join(name).join(".singularity.d");
            fs::create_dir_all(&inside).unwrap();
            for file in ["labels.json", "runscript", "runscript.help", "Singularity"] {
                std::os::unix::fs::symlink(target, inside.join(file)).unwrap();
            }
        }
        let names = ["up", "absolute", "loop"].map(str::to_owned);
        assert_survives(&site, &names);
        for name in names {
            let page = site.ask(&get(&format!("/container/{name}"))).text();
            assert!(!page.contains("STOLEN") && !page.contains("root:"), "{page}");
        }
    });
}

/// The calls of a trace that start a process: `execve` and a `clone` or `fork` that makes no thread.
fn started(trace: &str) -> Vec<&str> {
    trace
        .lines()
        .filter(|line| ["execve(", "fork(", "clone(", "clone3("].iter().any(|call| line.contains(call)))
        .filter(|line| !line.contains("CLONE_THREAD") && !line.contains("resumed>"))
        .collect()
}

const CALLS: &str = "trace=execve,execveat,fork,vfork,clone,clone3,accept,accept4";

#[test]
fn hostile_22_listing_and_viewing_start_no_process() {
    let strace = "/usr/bin/strace";
    if !Path::new(strace).exists() {
        return skip("no strace");
    }
    let traced = |wire: Wire, addresses: &[&str]| {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let output = trace.path().display().to_string();
        let mut site = site(wire);
        for (name, bytes) in valid() {
            site = site.file(&name, &bytes);
        }
        fs::create_dir_all(site.data().join("$(touch gone)/.singularity.d")).unwrap();
        fs::create_dir_all(site.data().join("sandbox/.singularity.d")).unwrap();
        // a first run, so that the host and the runtime are known: the site has written down what they can do
        site.ask(&get("/container/run/good.sif")).good();
        site.end(rustix::process::Signal::TERM);
        let site = site.under(&[strace, "-f", "-qq", "-e", CALLS, "-e", "signal=none", "-o", &output]);
        // a server has a look at its host while it serves already
        if wire == Wire::FastCgi {
            site.start();
        }
        let before = trace.path().metadata().unwrap().len() as usize;
        for address in addresses {
            site.ask(&get(address));
        }
        drop(site);
        fs::read_to_string(trace.path()).unwrap().split_off(before)
    };
    let pages = [
        "/container/",
        "/container/?q=a",
        "/container/good.sif",
        "/container/args/made.sif",
        "/container/labels/ext4.img",
        "/container/squashfs-xz.sqfs",
        "/container/sandbox",
        "/container/health",
        "/api/containers",
        "/container/nothing",
    ];
    assert_eq!(started(&traced(Wire::FastCgi, &pages)), [""; 0]);
    // of a CGI program its own start is seen
    for page in pages {
        assert_eq!(started(&traced(Wire::Cgi, &[page])).len(), 1, "{page}");
    }
    // and this way of looking sees a run
    assert!(started(&traced(Wire::Cgi, &["/container/run/good.sif"])).len() >= 3);
    assert!(started(&traced(Wire::FastCgi, &["/container/run/good.sif"])).len() >= 2);
}

/// Whatever the runtime would do to look at an image, we do not do it: an image whose shell leaves a mark leaves none.
#[test]
fn hostile_22_no_program_of_a_real_image_is_run_to_look_at_it() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        let touched = site.path("touched");
        let root = site.data().join("sandbox");
        for folder in ["bin", "tmp", "proc", "sys", "dev", "etc", ".singularity.d"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::copy(real::BUSYBOX, root.join("bin/busybox")).unwrap();
        let shell =
            format!("#!/bin/busybox sh\n/bin/busybox touch {}\nexec /bin/busybox sh \"$@\"\n", touched.display());
        fs::write(root.join("bin/sh"), shell).unwrap();
        fs::set_permissions(root.join("bin/sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(site.data().join("$(touch touched)/.singularity.d")).unwrap();
        for page in ["/container/", "/container/sandbox", "/container/args/sandbox", "/container/labels/sandbox"] {
            for accept in ["*/*", BROWSER] {
                site.ask(&get(page).accept(accept)).good();
            }
        }
        for words in [&["list"][..], &["inspect", "sandbox"], &["inspect", "--json", "sandbox"]] {
            site.command().args(words).output().unwrap();
        }
        assert!(!touched.exists());
        // and this way of looking sees the shell
        let started = Command::new(real::runtime().expect("a runtime"))
            .args(["--quiet", "exec"])
            .arg(&root)
            .args(["/bin/sh", "-c", "true"])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(site.folder())
            .output();
        assert!(touched.exists(), "{started:?}");
        fs::remove_file(touched).unwrap();
    });
}
