//! 48: a runtime that does not work.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use crate::support::request::{ENVELOPE, EVENTS};
use crate::support::site::{as_runtime, write_program};
use crate::support::{Site, get, on_both_wires};

/// A file that is no program, or none at all, is not started; and who is told what.
#[test]
fn hostile_48_runtimes_that_do_not_work() {
    on_both_wires(|wire| {
        let broken = |name: &str, text: &str, mode: u32| {
            let site = Site::new(wire).image("argv.sif", &[]);
            let path = site.path("runtime").join(name);
            if mode != 0 {
                write_program(&path, text);
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            site.set("runtime", path.display()).set("deadline", 2)
        };
        for (name, text, mode) in [
            ("missing", "", 0),
            ("plain", "#!/bin/sh\n", 0o644),
            ("alien", "\x7fELF?", 0o755),
            ("loose", "#!/no/such/shell\n", 0o755),
            ("failing", "#!/bin/sh\nexit 3\n", 0o755),
            ("crashing", "#!/bin/sh\nkill -SEGV $$\n", 0o755),
            ("hanging", "#!/bin/sh\nexec sleep 300\n", 0o755),
        ] {
            let site = broken(name, text, mode);
            let answer = site.ask(&get("/container/run/argv.sif"));
            let (word, told) = answer.problem(503);
            assert_eq!(word, "no-runtime", "{name}");
            let absent = matches!(name, "missing" | "plain");
            assert_eq!(told["detail"].as_str().unwrap().contains("install"), absent, "{name}: {told}");
            assert!(answer.header("Retry-After").is_some());
            assert!(site.log().contains(name), "the log names it: {}", site.log());
        }
        let health = broken("missing", "", 0).ask(&get("/container/health"));
        assert_eq!((health.status, &health.json()["ready"]), (503, &false.into()));
    });
}

#[test]
fn hostile_48_runs_that_fail_are_told_apart() {
    on_both_wires(|wire| {
        let names = ["segfault.sif", "hang.sif", "fatal.sif", "exit-255.sif", "exit-3.sif"];
        let mut site = Site::new(wire).set("deadline", 1).set("slots", names.len());
        for name in names {
            site = site.image(name, &[]);
        }
        let words: Vec<String> = names
            .iter()
            .zip([502, 504, 502, 502, 502])
            .map(|(name, status)| site.ask(&get(&format!("/container/run/{name}"))).problem(status).0)
            .collect();
        assert_eq!(words[3], words[4], "the container's own exit status");
        let distinct = std::collections::BTreeSet::from_iter(&words);
        assert_eq!(distinct.len(), 4, "killed, late, the runtime's own failure, the container's: {words:?}");
        // a path in stderr is never shown (checked for every answer), the image's name is
        let problem = site.ask(&get("/container/run/fatal.sif")).problem(502).1;
        assert!(problem["stderr"].as_str().is_some_and(|stderr| stderr.contains("image fatal.sif:")), "{problem}");
        // nor is where the runtime puts a container together
        let site = Site::new(wire).image("mounts.sif", &[]);
        let problem = site.ask(&get("/container/run/mounts.sif")).problem(502).1;
        assert!(problem["stderr"].as_str().is_some_and(|stderr| stderr.contains("mounting /rootfs:")), "{problem}");
    });
}

/// What follows a runtime's last words is its own, too, however late it comes and in whichever form it is read.
#[test]
fn hostile_48_late_words_of_a_runtime_name_no_path() {
    let first = "FATAL:   could not open image $last";
    on_both_wires(|wire| {
        for (begins, goes_on) in
            [(format!("echo '{first}'"), "; sleep 0.2; "), (format!("printf '{first}'"), "; sleep 1.2; echo; ")]
        {
            let site = Site::new(wire).image("argv.sif", &[]);
            let stub = site.path("runtime/apptainer").display().to_string();
            let begins = begins.replace("'", "\"");
            let script = format!(
                "#!/bin/sh\nfor last; do :; done\ncase \"$*\" in *probe.sqfs|*help*|*--version) exec {stub} \"$@\";; esac\n\
                 {{ {begins}{goes_on}echo \"fuse: bad mount $last\"; }} >&2\nexit 255\n"
            );
            let site = as_runtime(site, &script);
            for form in [EVENTS, ENVELOPE, "*/*"] {
                // no path in it: checked for every answer
                let told = site.ask(&get("/container/run/argv.sif").accept(form)).text();
                assert!(told.contains("image argv.sif") && told.contains("bad mount argv.sif"), "{told}");
            }
        }
    });
}

/// Status 255 is the runtime's when it gives up, and every Perl program's that dies: only the first is a reason to ask the
/// runtime again what it can do, which keeps visitors waiting.
#[test]
fn hostile_48_a_container_s_status_255_is_no_doubt_of_the_runtime() {
    on_both_wires(|wire| {
        for (says, asked_again) in [("Died at /run.pl line 1.", false), ("FATAL:   container creation failed", true)] {
            let site = Site::new(wire).image("argv.sif", &[]);
            let stub = site.path("runtime/apptainer").display().to_string();
            let script = format!(
                "#!/bin/sh\ncase \"$*\" in *probe.sqfs|*help*|*--version) exec {stub} \"$@\";; esac\n\
                 echo '{says}' >&2\nexit 255\n"
            );
            let site = as_runtime(site, &script);
            site.ask(&get("/container/run/argv.sif")).problem(502);
            let kept = || {
                let entries = fs::read_dir(site.path("state")).unwrap().flatten();
                entries.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("/features-"))
            };
            let minutes_ago = SystemTime::now() - Duration::from_secs(600);
            let features = kept().expect("what is known is kept");
            File::options().write(true).open(features).unwrap().set_modified(minutes_ago).unwrap();
            site.ask(&get("/container/run/argv.sif")).problem(502);
            assert_eq!(kept().is_none(), asked_again, "{says}");
        }
    });
}
