//! 44: hosts that cannot do everything. Each lack is a real one, made inside a user namespace of the test
//! (user_namespaces(7)), in which the account keeps its number.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::n23_surroundings::UNFILTERED;
use crate::support::{Site, Wire, get, on_both_wires, real, skip};

/// A lack, how to make it, and the flags that must be left out because the runtime would refuse to start.
struct Lack {
    ability: &'static str,
    made_by: &'static str,
    without: &'static [&'static str],
    /// Whether `strict` refuses to run.
    promised: bool,
}

const LACKS: [Lack; 6] = [
    Lack {
        ability: "user-namespaces",
        made_by: "echo 0 > /proc/sys/user/max_user_namespaces",
        without: &["--userns", "--net"],
        promised: true,
    },
    Lack {
        ability: "network-namespaces",
        made_by: "echo 0 > /proc/sys/user/max_net_namespaces",
        without: &["--net", "--network"],
        promised: true,
    },
    Lack {
        ability: "process-namespaces",
        made_by: "echo 0 > /proc/sys/user/max_pid_namespaces",
        without: &["--containall", "--pid"],
        promised: true,
    },
    // as in Docker: where a part of /proc is covered, the kernel allows no new one
    Lack {
        ability: "process-namespaces",
        made_by: "mount --bind /dev/null /proc/version",
        without: &["--containall", "--pid"],
        promised: true,
    },
    Lack { ability: "fuse", made_by: "touch no; chmod 0 no; mount --bind no /dev/fuse", without: &[], promised: false },
    Lack {
        ability: "cgroups",
        made_by: "mount -t tmpfs none /sys/fs/cgroup",
        without: &["--memory", "--pids-limit", "--cpus"],
        promised: false,
    },
];

/// The same account with all capabilities in a namespace of its own; they are gone when the program starts.
fn on_a_host_where(made_by: &str) -> Vec<String> {
    let script =
        format!("set -e; {made_by}; exec /usr/bin/setpriv --inh-caps=-all --ambient-caps=-all -- \"$0\" \"$@\"");
    ["/usr/bin/unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "/bin/sh", "-c", &script]
        .map(str::to_owned)
        .to_vec()
}

fn can_be_made(made_by: &str) -> bool {
    let words = on_a_host_where(made_by);
    let folder = tempfile::tempdir().expect("a folder");
    let tried = Command::new(&words[0]).args(&words[1..]).arg("/bin/true").current_dir(folder.path()).output();
    let can = tried.as_ref().is_ok_and(|tried| tried.status.success());
    if !can {
        skip(&format!("this cannot be made here: {made_by}: {tried:?}"));
    }
    can
}

fn under(site: Site, made_by: &str) -> Site {
    let words = on_a_host_where(made_by);
    site.under(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The rows of `doctor --json`, or of the health page.
fn row(told: &Value, ability: &str) -> Value {
    let rows = told["checks"].as_array().expect("rows");
    rows.iter().find(|row| row["check"] == ability).unwrap_or_else(|| panic!("no {ability}: {told}")).clone()
}

fn doctor(site: &Site) -> Value {
    let output = site.command().args(["doctor", "--json"]).output().expect("the program");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn hostile_44_what_a_host_cannot_do_is_named_and_left_out() {
    on_both_wires(|wire| {
        for lack in LACKS.iter().filter(|lack| can_be_made(lack.made_by)) {
            let Lack { ability, made_by, without, .. } = lack;
            let site = under(Site::new(wire).image("argv.sif", &[]).set("memory", 256 << 20).set("cpus", 1), made_by);
            site.ask(&get("/container/run/argv.sif")).good();
            let argv = site.the_run().argv();
            assert!(!argv.iter().any(|word| without.contains(&word.as_str())), "{made_by}: {argv:?}");
            for kept in ["--no-eval", "--no-privs", "--no-mount"] {
                assert!(argv.iter().any(|word| word == kept), "{made_by}: {kept} is not in {argv:?}");
            }
            let told = row(&doctor(&site), ability);
            assert_eq!(told["ok"], false, "{made_by}: {told}");
            for text in ["reason", "buys", "lost", "get"] {
                assert!(told[text].as_str().is_some_and(|text| text.len() > 10), "{made_by}: {text} in {told}");
            }
            let shown = row(&site.ask(&get("/container/health")).json(), ability);
            assert_eq!(shown["ok"], false, "{made_by}: {shown}");
            assert!(shown["reason"].as_str().is_some_and(|text| text.len() > 10), "{shown}");
            if wire == Wire::FastCgi {
                let line = format!("event=missing what={ability}");
                assert!(site.log().contains(&line), "{made_by}: not named at the start: {}", site.log());
            }
        }
    });
}

#[test]
fn hostile_44_strict_refuses_where_a_promise_does_not_hold() {
    on_both_wires(|wire| {
        for Lack { ability, made_by, promised, .. } in LACKS.iter().filter(|lack| can_be_made(lack.made_by)) {
            let site = under(Site::new(wire).image("argv.sif", &[]).set("strict", true), made_by);
            let answer = site.ask(&get("/container/run/argv.sif"));
            if *promised {
                let (word, problem) = answer.problem(503);
                assert_eq!(word, "isolation", "{problem}");
                assert!(answer.header("Retry-After").is_some());
                assert_eq!(site.runs().len(), 0);
                assert!(site.log().contains("isolation") && site.log().contains("namespaces"), "{}", site.log());
                assert_eq!(site.ask(&get("/container/argv.sif")).status, 200, "pages are shown all the same");
            } else {
                answer.good();
                assert_eq!(row(&doctor(&site), ability)["weight"], "better");
            }
        }
    });
}

/// The one lack that no shell can make.
#[test]
fn hostile_44_a_kernel_without_filters_is_named() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]).under(&["/usr/bin/perl", "-e", UNFILTERED]);
        site.ask(&get("/container/run/argv.sif")).good();
        let told = row(&doctor(&site), "call-filter");
        assert_eq!(told["ok"], false, "{told}");
        for text in ["reason", "buys", "lost", "get"] {
            assert!(told[text].as_str().is_some_and(|text| text.len() > 10), "{text} in {told}");
        }
        if wire == Wire::FastCgi {
            assert!(site.log().contains("event=missing what=call-filter"), "{}", site.log());
            site.end(rustix::process::Signal::TERM);
        }
        let strict = site.set("strict", true).ask(&get("/container/run/argv.sif"));
        assert_eq!(strict.problem(503).0, "isolation");
    });
}

/// What somebody mends must count without a search for files to delete, and what breaks must be seen.
#[test]
fn hostile_44_doctor_and_a_new_server_look_afresh() {
    let lack = &LACKS[1];
    if !can_be_made(lack.made_by) {
        return;
    }
    let site = under(Site::new(Wire::FastCgi).image("argv.sif", &[]), lack.made_by);
    site.ask(&get("/container/run/argv.sif")).good();
    assert_eq!(row(&doctor(&site), lack.ability)["ok"], false);
    site.end(rustix::process::Signal::TERM);
    let site = site.under(&[]);
    assert_eq!(row(&doctor(&site), lack.ability)["ok"], true, "doctor");
    site.ask(&get("/container/run/argv.sif")).good();
    let with: Vec<_> = site.runs().iter().filter(|run| run.argv().contains(&"--net".to_owned())).map(|_| ()).collect();
    assert_eq!(with.len(), 1, "the second run has a network namespace");
}

/// A runtime that answers this to `--version` and otherwise is the stub.
fn with_version(site: Site, version: &str) -> Site {
    let runtime = site.path("runtime/versioned");
    let stub = site.path("runtime/apptainer");
    let script =
        format!("#!/bin/sh\n[ \"$1\" = --version ] && {{ echo '{version}'; exit; }}\nexec {} \"$@\"\n", stub.display());
    // written elsewhere and copied by another process: a file that this one has open for writing cannot be executed
    let text = site.path("runtime/versioned.txt");
    fs::write(&text, script).unwrap();
    fs::set_permissions(&text, fs::Permissions::from_mode(0o755)).unwrap();
    let copied = std::process::Command::new("cp").args([&text, &runtime]).status().unwrap();
    assert!(copied.success());
    site.set("runtime", runtime.display())
}

#[test]
fn hostile_44_an_old_runtime_is_named() {
    on_both_wires(|wire| {
        for (version, is_old) in [
            ("2.6.1-dist", true),
            ("singularity version 3.8.7", true),
            ("singularity-ce version 3.9.9", true),
            ("apptainer version 1.0.3", true),
            ("apptainer version 1.4.5", false),
            ("singularity-ce version 4.1.0", false),
            ("apptainer version 2.0.0-rc.1+5-gabcdef", false),
        ] {
            let site = with_version(Site::new(wire).image("argv.sif", &[]), version);
            let told = doctor(&site);
            assert!(told.to_string().contains(version), "{version}: {told}");
            let wrong = |row: &Value| row["ok"] == false && row.to_string().contains(version);
            let named = told["checks"].as_array().expect("rows").iter().any(wrong);
            assert_eq!(named, is_old, "{version}: {told}");
            let strict = site.set("strict", true).ask(&get("/container/run/argv.sif"));
            // on a host that lacks something else strict refuses anyway
            assert!(!is_old || strict.status == 503, "{version}: {}", strict.text());
        }
    });
}

/// Where the network cannot be taken away the real runtime still runs what it is given, and strict does not.
#[test]
fn hostile_44_a_real_container_on_a_host_without_network_namespaces() {
    let made_by = LACKS[1].made_by;
    on_both_wires(|wire| {
        let Some(site) = real::site(wire).filter(|_| can_be_made(made_by)) else { return };
        let site = under(site, made_by);
        assert_eq!(site.ask(&get("/container/run/behave.sif?mode=echo&name=Amy")).good(), "Amy\n");
        site.end(rustix::process::Signal::TERM);
        let site = site.set("strict", true);
        assert_eq!(site.ask(&get("/container/run/behave.sif?mode=echo&name=Amy")).problem(503).0, "isolation");
    });
}
