//! 44: hosts that cannot do everything. Each lack is a real one, made inside a user namespace of the test
//! (user_namespaces(7)), in which the account keeps its number.

use std::process::Command;

use serde_json::Value;

use crate::n23_surroundings::UNFILTERED;
use crate::support::site::as_runtime;
use crate::support::{Site, Wire, get, on_both_wires, real, skip};

/// A lack, how to make it, and the flags that must be left out because the runtime would refuse to start.
struct Lack {
    feature: &'static str,
    made_by: &'static str,
    without: &'static [&'static str],
    /// Flags of isolation that a host with this lack can keep all the same.
    with: &'static [&'static str],
    /// Whether `strict` refuses to run.
    promised: bool,
}

const LACKS: [Lack; 6] = [
    Lack {
        feature: "user-namespaces",
        made_by: "echo 0 > /proc/sys/user/max_user_namespaces",
        without: &["--userns", "--net"],
        with: &[],
        promised: true,
    },
    Lack {
        feature: "network-namespaces",
        made_by: "echo 0 > /proc/sys/user/max_net_namespaces",
        without: &["--net", "--network"],
        with: &["--userns", "--containall"],
        promised: true,
    },
    Lack {
        feature: "process-namespaces",
        made_by: "echo 0 > /proc/sys/user/max_pid_namespaces",
        without: &["--containall", "--pid"],
        with: &["--userns", "--net"],
        promised: true,
    },
    // as in Docker: where a part of /proc is covered, the kernel allows no new one
    Lack {
        feature: "process-namespaces",
        made_by: "mount --bind /dev/null /proc/version",
        without: &["--containall", "--pid"],
        with: &["--userns", "--net"],
        promised: true,
    },
    Lack {
        feature: "fuse",
        made_by: "touch no; chmod 0 no; mount --bind no /dev/fuse",
        without: &[],
        with: &["--userns", "--net", "--containall"],
        promised: false,
    },
    Lack {
        feature: "cgroups",
        made_by: "mount -t tmpfs none /sys/fs/cgroup",
        without: &["--memory", "--pids-limit", "--cpus"],
        with: &["--userns", "--net", "--containall"],
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
fn row(told: &Value, feature: &str) -> Value {
    let rows = told["checks"].as_array().expect("rows");
    rows.iter().find(|row| row["check"] == feature).unwrap_or_else(|| panic!("no {feature}: {told}")).clone()
}

fn doctor(site: &Site) -> Value {
    let output = site.command().args(["doctor", "--json"]).output().expect("the program");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn hostile_44_what_a_host_cannot_do_is_named_and_left_out() {
    on_both_wires(|wire| {
        for lack in LACKS.iter().filter(|lack| can_be_made(lack.made_by)) {
            let Lack { feature, made_by, without, with, .. } = lack;
            let site = under(Site::new(wire).image("argv.sif", &[]).set("memory", 256 << 20).set("cpus", 1), made_by);
            site.ask(&get("/container/run/argv.sif")).good();
            let argv = site.the_run().argv();
            assert!(!argv.iter().any(|word| without.contains(&word.as_str())), "{made_by}: {argv:?}");
            for kept in ["--no-eval", "--no-privs", "--no-mount"].iter().chain(*with) {
                assert!(argv.iter().any(|word| word == kept), "{made_by}: {kept} is not in {argv:?}");
            }
            if with.contains(&"--userns") {
                assert_eq!(site.the_run().status("Seccomp"), "2", "{made_by}: a run without a filter");
            }
            let told = row(&doctor(&site), feature);
            assert_eq!(told["ok"], false, "{made_by}: {told}");
            for text in ["reason", "buys", "lost", "get"] {
                assert!(told[text].as_str().is_some_and(|text| text.len() > 10), "{made_by}: {text} in {told}");
            }
            let shown = row(&site.ask(&get("/container/health")).json(), feature);
            assert_eq!(shown["ok"], false, "{made_by}: {shown}");
            assert!(shown["reason"].as_str().is_some_and(|text| text.len() > 10), "{shown}");
            if wire == Wire::FastCgi {
                let line = format!("event=missing what={feature}");
                assert!(site.log().contains(&line), "{made_by}: not named at the start: {}", site.log());
            }
        }
    });
}

#[test]
fn hostile_44_strict_refuses_where_a_promise_does_not_hold() {
    on_both_wires(|wire| {
        for Lack { feature, made_by, promised, .. } in LACKS.iter().filter(|lack| can_be_made(lack.made_by)) {
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
                assert_eq!(row(&doctor(&site), feature)["weight"], "better");
            }
        }
    });
}

/// Without cgroups a limit of memory holds for each process by itself, and not for the run.
#[test]
fn hostile_44_strict_refuses_memory_that_cannot_hold() {
    let made_by = LACKS[5].made_by;
    if !can_be_made(made_by) {
        return;
    }
    on_both_wires(|wire| {
        let site = under(Site::new(wire).image("argv.sif", &[]).set("strict", true), made_by);
        let answer = site.set("memory", 256 << 20).ask(&get("/container/run/argv.sif"));
        assert_eq!(answer.problem(503).0, "isolation");
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
    assert_eq!(row(&doctor(&site), lack.feature)["ok"], false);
    site.end(rustix::process::Signal::TERM);
    let site = site.under(&[]);
    assert_eq!(row(&doctor(&site), lack.feature)["ok"], true, "doctor");
    site.ask(&get("/container/run/argv.sif")).good();
    let with: Vec<_> = site.runs().iter().filter(|run| run.argv().contains(&"--net".to_owned())).map(|_| ()).collect();
    assert_eq!(with.len(), 1, "the second run has a network namespace");
}

/// A release as a stub: what it calls itself, and what its `help run` lacks of what the newest offers.
struct Release {
    version: &'static str,
    lacks: &'static [&'static str],
}

/// From the release notes and the help texts of each.
const RELEASES: [Release; 13] = [
    Release {
        version: "singularity version 3.5.3",
        lacks: &["--no-eval", "--no-mount", "--no-pid", "--env", "--memory", "--pids-limit", "--cpus"],
    },
    Release {
        version: "singularity version 3.8.7",
        lacks: &["--no-eval", "bind-paths", "--no-pid", "--memory", "--pids-limit", "--cpus"],
    },
    Release { version: "singularity-ce version 3.11.5", lacks: &["--no-pid"] },
    Release { version: "singularity-ce version 4.0.3", lacks: &[] },
    Release { version: "singularity-ce version 4.1.5", lacks: &[] },
    Release { version: "singularity-ce version 4.3.3", lacks: &[] },
    Release { version: "singularity-ce version 4.5.0", lacks: &[] },
    Release {
        version: "apptainer version 1.0.3",
        lacks: &["--no-eval", "bind-paths", "--no-pid", "--memory", "--pids-limit", "--cpus"],
    },
    Release { version: "apptainer version 1.1.9", lacks: &["bind-paths", "--no-pid"] },
    Release { version: "apptainer version 1.2.5", lacks: &["--no-pid"] },
    Release { version: "apptainer version 1.3.6", lacks: &[] },
    Release { version: "apptainer version 1.4.5", lacks: &[] },
    Release { version: "apptainer version 1.5.0-rc.1+5-gabcdef", lacks: &[] },
];

impl Release {
    fn offers(&self, flag: &str) -> bool {
        !self.lacks.contains(&flag)
    }

    /// The stub as this release: it refuses what it does not offer, as the runtimes do.
    fn of(&self, site: Site) -> Site {
        let flags = self.lacks.iter().filter(|flag| flag.starts_with("--"));
        let refused: String = flags.map(|flag| format!("{flag}|{flag}=*) refuse \"$word\" ;;\n")).collect();
        let values = if self.offers("bind-paths") { "" } else { "*bind-paths*) refuse \"$word\" ;;\n" };
        let lines: Vec<String> = self.lacks.iter().map(|flag| format!("-e '/{flag}/d'")).collect();
        let lacking = if self.lacks.is_empty() { "cat".to_owned() } else { format!("sed {}", lines.join(" ")) };
        let script = format!(
            "#!/bin/sh\nrefuse() {{ echo \"Error for command \\\"run\\\": unknown flag: $1\" >&2; exit 1; }}\n\
             [ \"$1\" = --version ] && {{ echo '{}'; exit; }}\n\
             [ \"$1\" = help ] && {{ {stub} help run | {lacking}; exit; }}\n\
             for word; do case $word in\n/*) break ;;\n{refused}{values}esac; done\nexec {stub} \"$@\"\n",
            self.version,
            stub = site.path("runtime/apptainer").display(),
        );
        as_runtime(site, &script)
    }
}

/// Each release runs with the flags that it offers and no others; what that costs is named, and `strict` refuses it.
#[test]
fn hostile_44_each_release_is_used_with_the_flags_that_it_offers() {
    on_both_wires(|wire| {
        for release in &RELEASES {
            let version = release.version;
            let site = release.of(Site::new(wire).image("argv.sif", &[]));
            site.ask(&get("/container/run/argv.sif")).good();
            let argv = site.the_run().argv();
            for flag in ["--no-eval", "--no-mount"] {
                assert_eq!(argv.iter().any(|word| word == flag), release.offers(flag), "{version}: {flag}: {argv:?}");
            }
            let binds = argv.iter().any(|word| word.contains("bind-paths"));
            assert_eq!(binds, release.offers("--no-mount") && release.offers("bind-paths"), "{version}: {argv:?}");
            for always in ["--containall", "--no-privs", "--userns", "--net"] {
                assert!(argv.iter().any(|word| word == always), "{version}: {always}: {argv:?}");
            }
            let named = row(&doctor(&site), "runtime-release");
            let lacks = ["--no-eval", "--no-mount", "bind-paths"].iter().any(|flag| !release.offers(flag));
            assert_eq!(named["ok"], !lacks, "{version}: {named}");
            assert!(!lacks || named["reason"].as_str().is_some_and(|why| why.contains(version)), "{named}");
            site.end(rustix::process::Signal::TERM);
            let strict = site.set("strict", true).ask(&get("/container/run/argv.sif"));
            // on a host that lacks something else strict refuses anyway
            assert!(!lacks || strict.problem(503).0 == "isolation", "{version}: {}", strict.text());
        }
    });
}

/// Where ordinary accounts get no user namespaces a runtime that is installed setuid can do what they cannot: it keeps all
/// flags but the one for user namespaces. The runtime is asked, and not the kernel alone.
#[test]
fn hostile_44_a_setuid_runtime_keeps_its_isolation() {
    let lack = &LACKS[0];
    if !can_be_made(lack.made_by) {
        return;
    }
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' --userns '*) echo 'FATAL: no user namespaces' >&2; exit 255 ;;\n\
             *probe.sqfs*) exit 0 ;; esac\nexec {} \"$@\"\n",
            site.path("runtime/apptainer").display()
        );
        let site = under(as_runtime(site, &script), lack.made_by);
        site.ask(&get("/container/run/argv.sif")).good();
        let argv = site.the_run().argv();
        for kept in ["--containall", "--net", "--network", "--no-privs", "--no-eval"] {
            assert!(argv.iter().any(|word| word == kept), "{kept} is not in {argv:?}");
        }
        assert!(!argv.iter().any(|word| word == "--userns"), "{argv:?}");
        let told = doctor(&site);
        let holds =
            ["user-namespaces", "network-namespaces", "process-namespaces"].map(|row_| row(&told, row_)["ok"].clone());
        assert_eq!(holds, [false, true, true], "{told}");
    });
}

/// A runtime that refuses a flag without which nothing is kept apart is told to the administrator, and never to the
/// author of an image.
#[test]
fn hostile_44_a_runtime_that_refuses_its_flags_is_the_sites_fault() {
    on_both_wires(|wire| {
        let stub = |site: &Site| site.path("runtime/apptainer").display().to_string();
        for flag in ["--no-privs", "--quiet", "--scratch=/dev/shm"] {
            let site = Site::new(wire).image("argv.sif", &[]);
            let script = format!(
                "#!/bin/sh\ncase \"$1\" in --version|help) exec {stub} \"$@\" ;; esac\n\
                 for word; do [ \"$word\" = {flag} ] && {{ echo \"FATAL: unknown flag: $word\" >&2; exit 1; }}; done\n\
                 exec {stub} \"$@\"\n",
                stub = stub(&site)
            );
            let site = as_runtime(site, &script);
            let answer = site.ask(&get("/container/run/argv.sif"));
            assert_eq!(answer.problem(503).0, "no-runtime", "{flag}");
            assert!(answer.header("Retry-After").is_some());
            assert!(site.log().contains(&format!("unknown flag: {flag}")), "{}", site.log());
            assert_eq!(site.runs().len(), 0);
            assert_eq!(row(&doctor(&site), "runtime")["ok"], false);
            let health = site.ask(&get("/container/health"));
            assert_eq!((health.status, &health.json()["ready"]), (503, &false.into()), "{}", health.text());
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

/// Where nothing can be asked, because the lock of whoever asks is no file, that is said, and not that somebody is asking.
#[test]
fn hostile_44_a_lock_that_is_no_file_is_told() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]).impatient();
        let state = site.path("state");
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&state).unwrap();
        std::fs::create_dir(state.join("probe.lock")).unwrap();
        let answer = site.ask(&get("/container/run/argv.sif"));
        assert_eq!(answer.problem(503).0, "cannot-start");
        assert!(site.log().contains("probe.lock"), "{}", site.log());
        let told = row(&doctor(&site), "runtime");
        assert!(told["ok"] == false && told.to_string().contains("probe.lock"), "{told}");
        std::fs::remove_dir(state.join("probe.lock")).unwrap();
        site.ask(&get("/container/run/argv.sif")).good();
    });
}
