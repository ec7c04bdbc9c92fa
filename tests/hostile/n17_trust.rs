//! 17 to 19: images and folders that others could have changed, that change while they are read, and that hold secrets.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::support::request::BROWSER;
use crate::support::site::copy_program;
use crate::support::{Site, Wire, get, on_both_wires, real, sif, skip};

fn chmod(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of ours");
}

#[test]
fn hostile_17_what_others_may_write_to_is_not_run() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let (above, data, image) = (site.path(""), site.path("data"), site.path("data/argv.sif"));
        for (path, wrong, right) in [
            (&above, 0o757, 0o755),
            (&data, 0o757, 0o755),
            (&data, 0o1777, 0o755),
            (&image, 0o646, 0o644),
            (&image, 0o666, 0o644),
        ] {
            chmod(path, wrong);
            let (word, problem) = site.ask(&get("/container/run/argv.sif")).problem(403);
            assert_eq!(word, "not-trusted");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("chmod")), "{problem}");
            let page = site.ask(&get("/container/argv.sif")).json();
            assert!(page["refused"].is_string(), "the page says why: {page}");
            assert_eq!(site.runs().len(), 0);
            chmod(path, right);
        }
        site.ask(&get("/container/run/argv.sif")).good();
    });
}

#[test]
fn hostile_17_a_runtime_that_others_may_write_to_is_not_run() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let runtime = site.path("runtime/open");
        copy_program(stub_runtime::PATH, &runtime);
        let site = site.set("runtime", runtime.display());
        let (folder, above) = (site.path("runtime"), site.path(""));
        for (path, wrong, right) in [(&runtime, 0o757, 0o755), (&folder, 0o757, 0o755), (&above, 0o757, 0o755)] {
            chmod(path, wrong);
            let answer = site.ask(&get("/container/run/argv.sif"));
            assert!(matches!(answer.status, 403 | 503), "{} {}", answer.status, answer.text());
            assert_eq!(site.runs().len(), 0);
            chmod(path, right);
        }
        site.ask(&get("/container/run/argv.sif")).good();
    });
}

/// Whoever can change a link on the way chooses what is run.
#[test]
fn hostile_17_a_link_that_others_may_change_is_not_followed() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let (open, link) = (site.path("open"), site.path("open/link"));
        fs::create_dir(&open).unwrap();
        symlink(site.path("runtime"), &link).unwrap();
        let site = site.set("runtime", link.join("apptainer").display());
        chmod(&open, 0o757);
        site.ask(&get("/container/run/argv.sif")).problem(503);
        assert_eq!(site.runs().len(), 0);
        chmod(&open, 0o755);
        site.ask(&get("/container/run/argv.sif")).good();
    });
}

/// A link of the administrator's that leads through a folder of somebody else's.
#[test]
fn hostile_17_a_link_through_an_open_folder_is_not_run() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let open = site.data().join("open");
        fs::create_dir(&open).unwrap();
        symlink("../argv.sif", open.join("last.sif")).unwrap();
        symlink("open/last.sif", site.data().join("chain.sif")).unwrap();
        site.ask(&get("/container/run/chain.sif")).good();
        chmod(&open, 0o757);
        assert_eq!(site.ask(&get("/container/run/chain.sif")).problem(403).0, "not-trusted");
        site.ask(&get("/container/run/argv.sif")).good();
    });
}

/// An access list (acl(5)) that lets another account write shows in the group bits, of whatever group.
#[test]
fn hostile_17_access_lists_count() {
    let entry =
        |tag: u16, rights: u16, id: u32| [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat();
    let (owner, user, group, mask, other, nobody) = (1, 2, 4, 16, 32, u32::MAX);
    let list = [
        2_u32.to_le_bytes().to_vec(),
        entry(owner, 7, nobody),
        entry(user, 7, 65534),
        entry(group, 5, nobody),
        entry(mask, 7, nobody),
        entry(other, 5, nobody),
    ];
    on_both_wires(|wire| {
        for name in ["data", "data/argv.sif", "runtime"] {
            let site = Site::new(wire).image("argv.sif", &[]);
            site.ask(&get("/container/run/argv.sif")).good();
            let set = rustix::fs::setxattr(
                site.path(name),
                c"system.posix_acl_access",
                &list.concat(),
                rustix::fs::XattrFlags::empty(),
            );
            if let Err(error) = set {
                return skip(&format!("no access lists here: {error}"));
            }
            let answer = site.ask(&get("/container/run/argv.sif"));
            assert!(matches!(answer.status, 403 | 503), "{name}: {}", answer.status);
            assert_eq!(site.runs().len(), 1, "{name}");
        }
    });
}

/// The configuration names what is executed, the launcher is, and the state folder counts.
#[test]
fn hostile_17_configuration_launcher_and_state_are_looked_at() {
    let run = get("/container/run/argv.sif");
    for what in ["configuration", "launcher", "state"] {
        on_both_wires(|wire| {
            let site = Site::new(wire).image("argv.sif", &[]);
            let folder = site.path("open");
            fs::create_dir(&folder).unwrap();
            let site = match what {
                "configuration" => {
                    let file = folder.join("site.toml");
                    fs::write(&file, "slots = 3\n").unwrap();
                    site.variable("SINGULARITY_NGINX_CONFIG", file.display())
                }
                "launcher" => {
                    symlink("/usr/bin/env", folder.join("carry")).unwrap();
                    site.set("launcher", folder.join("carry").display())
                }
                _ => site.set("state", folder.join("state").display()),
            };
            site.ask(&run).good();
            site.end(rustix::process::Signal::TERM);
            chmod(&folder, 0o757);
            if what == "configuration" {
                let refused = site.command().arg("config").output().unwrap();
                assert_eq!(refused.status.code(), Some(1));
                assert!(site.log().contains("chmod go-w"), "{}", site.log());
            } else {
                assert_eq!(site.ask(&run).status, 503, "{what}");
            }
            assert_eq!(site.runs().len(), 1, "{what}");
        });
    }
}

/// What the runtime is asked with is an image in the state folder: where others could change that, it is not asked.
#[test]
fn hostile_17_nothing_is_asked_from_a_folder_that_others_can_change() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let open = site.path("open");
        fs::create_dir(&open).unwrap();
        let state = open.join("state");
        fs::create_dir(&state).unwrap();
        chmod(&state, 0o777);
        let site = site.set("state", state.display());
        assert_eq!(site.ask(&get("/container/run/argv.sif")).status, 503);
        let told = site.command().args(["doctor", "--json"]).output().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
        let rows = told["checks"].as_array().expect("rows");
        for check in ["state", "runtime"] {
            assert!(rows.iter().any(|row| row["check"] == check && row["ok"] == false), "{check}: {told}");
        }
        assert_eq!(site.ask(&get("/container/health")).status, 503);
        let left: Vec<_> = fs::read_dir(&state).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

/// Renames two versions over the same name, as fast as it goes, while `requests` are made.
fn rename_over(wire: Wire, requests: usize) {
    let site = Site::new(wire);
    let version = |word: &str| sif::with_labels(&[("VERSION", word), ("FILL", &word.repeat(20_000))]);
    let (old, new, name) = (version("old"), version("newer"), site.data().join("argv.sif"));
    let draft = site.path("draft");
    fs::write(&name, &old).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                for bytes in [&new, &old] {
                    fs::write(&draft, bytes).unwrap();
                    fs::rename(&draft, &name).unwrap();
                }
            }
        });
        let check = std::panic::AssertUnwindSafe(|| {
            for number in 0..requests {
                let address = ["/container/labels/argv.sif", "/container/", "/container/argv.sif"][number % 3];
                let answer = site.ask(&get(address));
                if number % 3 == 0 {
                    let labels = answer.json();
                    let word = labels["VERSION"].as_str().expect("a version");
                    assert_eq!(labels["FILL"], word.repeat(20_000), "one whole version");
                }
                assert!(matches!(answer.status, 200 | 404), "{}", answer.text());
            }
        });
        let checked = std::panic::catch_unwind(check);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        checked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// The arguments were those of one version, the run may have been of the other: its output is nobody's answer.
#[test]
fn hostile_18_replaced_while_it_runs() {
    let with_rename = |renamed: bool| {
        on_both_wires(|wire| {
            let site = Site::new(wire).image("wait.sif", &[]).set("slots", 4);
            std::thread::scope(|scope| {
                let asked = scope.spawn(|| site.ask(&get("/container/run/wait.sif")));
                site.wait_for_runs(1);
                let (draft, image) = (site.path("draft"), site.data().join("wait.sif"));
                fs::write(&draft, sif::with_labels(&[("VERSION", "2")])).unwrap();
                if renamed {
                    fs::rename(draft, image).unwrap();
                } else {
                    fs::copy(draft, image).unwrap(); // into the file that is there
                }
                site.go();
                let answer = asked.join().unwrap();
                assert_eq!(answer.problem(503).0, "replaced");
                assert!(answer.header("Retry-After").is_some());
            });
            site.ask(&get("/container/run/wait.sif")).good();
        })
    };
    with_rename(true);
    with_rename(false);
}

#[test]
fn hostile_18_rename_over() {
    on_both_wires(|wire| rename_over(wire, 120));
}

#[test]
#[ignore = "long"]
fn hostile_18_rename_over_long() {
    on_both_wires(|wire| rename_over(wire, 10_000));
}

const ADDRESSES: [&str; 8] = [
    "/container/",
    "/container/argv.sif",
    "/container/args/argv.sif",
    "/container/labels/argv.sif",
    "/container/run/argv.sif",
    "/api/container/argv.sif",
    "/container/openapi.json",
    "/container/openapi/argv.sif.json",
];

#[test]
fn hostile_19_environment_of_an_image_is_not_shown() {
    const SECRET: &str = "AKIAIOSFODNN7";
    on_both_wires(|wire| {
        let definition = format!("Bootstrap: scratch\n%environment\n    export API_KEY={SECRET}\n");
        let environment = json!({ "/.singularity.d/env/90-environment.sh": format!("export API_KEY={SECRET}") });
        let attributes = json!({ "labels": {}, "environment": environment, "deffile": definition, "runscript": "id" });
        let site = Site::new(wire).file("argv.sif", &sif::with_attributes(&attributes));
        for address in ADDRESSES {
            for accept in ["*/*", BROWSER] {
                let answer = site.ask(&get(address).accept(accept));
                assert!(!answer.text().contains(SECRET), "{address}: {}", answer.text());
            }
        }
        let shown = Site::new(wire).set("show_definition", true).file("argv.sif", &sif::with_attributes(&attributes));
        assert!(shown.ask(&get("/container/argv.sif")).text().contains(SECRET), "only where the site's owner says so");
    });
}

#[test]
fn hostile_19_environment_of_a_real_image_is_not_shown() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        for address in ADDRESSES.iter().filter(|address| !address.contains("/run/")) {
            for accept in ["*/*", BROWSER] {
                let answer = site.ask(&get(&address.replace("argv", "behave")).accept(accept));
                assert!(!answer.text().contains(real::API_KEY), "{address}: {}", answer.text());
            }
        }
    });
}
