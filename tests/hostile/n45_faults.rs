//! 45 to 47: faults of the host while it serves.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::request::EVENTS;
use crate::support::{HANG, Site, Talk, Wire, get, on_both_wires, skip, until};

/// Ten times what is promised.
const RECOVERY: Duration = Duration::from_secs(20);

/// Kills the server so many times while it runs something; each time nothing is left and all slots are free again.
fn killed(wire: Wire, times: usize) {
    let names = ["hang.sif", "ignore.sif", "nest.sif", "stdout.sif", "forks-5.sif"];
    let mut site = Site::new(wire).image("argv.sif", &[]).set("slots", 1).set("deadline", 200);
    for name in names {
        site = site.image(name, &[]);
    }
    for (number, name) in names.iter().cycle().take(times).enumerate() {
        let talk = site.open(&get(&format!("/container/run/{name}")).accept(EVENTS));
        site.wait_for_runs(2 * number + 1);
        kill(&site, talk);
        site.nothing_runs();
        let begun = Instant::now();
        site.ask(&get("/container/run/argv.sif")).good();
        assert!(begun.elapsed() < RECOVERY);
    }
    let locks = fs::read_dir(site.path("state")).unwrap().flatten();
    let locks: Vec<_> = locks.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    // one slot and whose turn it is, what the host can do with the image and the lock for that, who is not counted
    assert!(locks.len() <= 6, "{locks:?}");
}

fn kill(site: &Site, talk: Talk) {
    if site.wire == Wire::Cgi {
        let pid = rustix::process::Pid::from_raw(talk.process() as i32).expect("an id");
        rustix::process::kill_process(pid, Signal::KILL).expect("the program");
        talk.leave().map(|mut child| child.wait());
    } else {
        site.end(Signal::KILL);
    }
}

#[test]
fn hostile_45_killed_again_and_again() {
    on_both_wires(|wire| killed(wire, 5));
}

#[test]
#[ignore = "long"]
fn hostile_45_killed_again_and_again_long() {
    on_both_wires(|wire| killed(wire, 100));
}

/// A small disk on this folder, in a mount namespace of the program's own. The account has all capabilities there until
/// the program starts; `first` is done with them.
pub fn on_a_disk(folder: &Path, options: &str, first: &str) -> Vec<String> {
    let script = format!(
        "set -e; mount -t tmpfs -o {options} none {}; {first} \
         exec /usr/bin/setpriv --inh-caps=-all --ambient-caps=-all -- \"$0\" \"$@\"",
        folder.display()
    );
    ["/usr/bin/unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "/bin/sh", "-c", &script]
        .map(str::to_owned)
        .to_vec()
}

pub fn under(site: Site, words: &[String]) -> Site {
    site.under(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A shell among the program's mounts that keeps the capabilities. It ends when this is dropped.
struct Superuser {
    words: File,
    done: PathBuf,
}

impl Superuser {
    /// What [`on_a_disk`] does first.
    fn wanted(site: &Site) -> String {
        let fifo = site.path("words");
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, 0o600.into(), 0).expect("a FIFO");
        format!("(cd /; exec /bin/sh -s <{}) &", fifo.display())
    }

    fn of(site: &Site) -> Superuser {
        site.start();
        let words = File::options().write(true).open(site.path("words")).expect("a FIFO");
        Superuser { words, done: site.path("done") }
    }

    fn does(&mut self, what: &str) {
        writeln!(self.words, "{what} && touch {}", self.done.display()).expect("a shell");
        until(what, HANG, || self.done.exists());
        fs::remove_file(&self.done).expect("a file");
    }
}

pub fn disks_can_be_made() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let words = on_a_disk(folder.path(), "size=64k", "");
    let can = Command::new(&words[0]).args(&words[1..]).arg("/bin/true").output();
    let can = can.is_ok_and(|tried| tried.status.success());
    if !can {
        skip("no mounts in user namespaces here");
    }
    can
}

#[test]
fn hostile_46_a_full_disk_is_told_and_recovered_from() {
    if !disks_can_be_made() {
        return;
    }
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let state = site.path("state");
        fs::create_dir(&state).unwrap();
        let first = if wire == Wire::FastCgi { Superuser::wanted(&site) } else { String::new() };
        // the folder itself takes the only inode that there is
        let site = under(site, &on_a_disk(&state, "mode=700,nr_inodes=1", &first));
        for _ in 0..3 {
            let answer = site.ask(&get("/container/run/argv.sif"));
            assert_eq!(answer.problem(503).0, "cannot-start");
            assert!(answer.header("Retry-After").is_some());
            assert_eq!(site.ask(&get("/container/")).json()["total"], 1, "pages need no disk");
        }
        assert_eq!(site.runs().len(), 0);
        assert!(site.log().contains("No space left on device"), "{}", site.log());
        let site = if wire == Wire::FastCgi {
            Superuser::of(&site).does(&format!("mount -o remount,nr_inodes=100 {}", state.display()));
            site
        } else {
            under(site, &on_a_disk(&state, "mode=700,nr_inodes=100", ""))
        };
        site.ask(&get("/container/run/argv.sif")).good();
    });
}

/// Nobody has to read the log for the site to go on.
#[test]
fn hostile_46_a_log_that_cannot_be_written() {
    on_both_wires(|wire| {
        for log in ["2>/dev/full", "2>&-"] {
            let shell = format!("exec \"$0\" \"$@\" {log}");
            let site = Site::new(wire).image("argv.sif", &[]).image("exit-3.sif", &[]);
            // a start is told by the log
            let site = site.under(&["/bin/sh", "-c", &shell]).impatient();
            site.ask(&get("/container/run/argv.sif")).good();
            site.ask(&get("/container/run/exit-3.sif")).problem(502);
            site.ask(&get("/container/nothing")).problem(404);
        }
    });
}

/// Files may be bounded in length (`ulimit -f`): the log, what is kept. Then nothing can be kept, and nothing runs that
/// needs it; the server goes on.
#[test]
fn hostile_46_files_may_not_become_longer() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let site = site.under(&["/usr/bin/prlimit", "--fsize=500", "--"]).impatient();
        for _ in 0..3 {
            let (code, problem) = site.ask(&get("/container/run/argv.sif")).problem(503);
            assert!(matches!(code.as_str(), "isolation" | "no-runtime"), "{problem}");
            assert_eq!(site.ask(&get("/container/")).status, 200);
        }
        assert!(site.runs().is_empty());
        site.nothing_runs();
    });
}

/// A visitor's disk may be full too: the CGI program then ends like one whose visitor has left.
#[test]
fn hostile_46_an_answer_that_cannot_be_written() {
    let site = Site::new(Wire::Cgi).image("stdout-8.sif", &[]);
    for accept in ["*/*", EVENTS] {
        let mut command = site.command();
        for (name, value) in get("/container/run/stdout-8.sif").accept(accept).variables {
            command.env(String::from_utf8(name).unwrap(), String::from_utf8(value).unwrap());
        }
        let full = File::options().write(true).open("/dev/full").unwrap();
        let begun = Instant::now();
        command.stdout(Stdio::from(full)).status().unwrap();
        assert!(begun.elapsed() < RECOVERY);
        site.nothing_runs();
    }
}

/// Renaming takes a moment in which there is no folder; nothing may hang or be served from the old one.
#[test]
fn hostile_47_the_data_folder_is_replaced() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]).image("hang.sif", &[]).set("deadline", 200).set("slots", 2);
        let (data, away) = (site.data(), site.path("away"));
        let talk = site.open(&get("/container/run/hang.sif"));
        site.wait_for_runs(1);
        fs::rename(&data, &away).unwrap();
        let begun = Instant::now();
        for page in ["/container/", "/container/argv.sif", "/container/run/argv.sif", "/api/containers"] {
            assert_eq!(site.ask(&get(page)).problem(503).0, "data-folder", "{page}");
        }
        assert_eq!(site.ask(&get("/container/health")).status, 503);
        // a link to another folder, a file, a folder that cannot be entered
        fs::write(&data, "no folder").unwrap();
        assert_eq!(site.ask(&get("/container/")).problem(503).0, "data-folder");
        fs::remove_file(&data).unwrap();
        fs::create_dir(&data).unwrap();
        assert_eq!(site.ask(&get("/container/")).json()["total"], 0);
        site.ask(&get("/container/argv.sif")).problem(404);
        fs::remove_dir(&data).unwrap();
        fs::rename(&away, &data).unwrap();
        site.ask(&get("/container/run/argv.sif")).good();
        assert!(begun.elapsed() < RECOVERY);
        let child = talk.leave();
        std::thread::spawn(move || {
            child.map(|mut child| {
                let _ = child.kill();
                child.wait()
            })
        });
        site.nothing_runs();
    });
}

#[test]
fn hostile_47_the_data_folder_is_unmounted() {
    if !disks_can_be_made() {
        return;
    }
    let site = Site::new(Wire::FastCgi).image("argv.sif", &[]);
    let data = site.path("data");
    // what is below the mount shows when it is gone
    let first = Superuser::wanted(&site);
    let site = under(site, &on_a_disk(&data, "mode=755,size=1m", &first));
    let mut superuser = Superuser::of(&site);
    let total = || site.ask(&get("/container/")).json()["total"].clone();
    let begun = Instant::now();
    assert_eq!(total(), 0);
    for (what, images) in [("umount", 1), ("mount -t tmpfs -o mode=755 none", 0), ("umount -l", 1)] {
        superuser.does(&format!("{what} {}", data.display()));
        assert_eq!(total(), images, "after {what}");
    }
    site.ask(&get("/container/run/argv.sif")).good();
    assert!(begun.elapsed() < RECOVERY);
}
