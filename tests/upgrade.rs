//! Nobody notices: the list of images under load (wrk) while nginx reloads, while the executable is replaced, and while
//! one of two processes behind nginx is killed. Failed requests are counted, and none may be.
//!
//! Skipped, with the reason printed, where nginx or wrk is not installed. (A restart by systemd: tests/readme.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "hostile/front.rs"]
#[allow(dead_code, reason = "written for other tests")]
mod front;
mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use front::Front;
use rustix::process::{Pid, Signal, kill_process};
use support::{HANG, Site, Wire, servers, until};

/// Seconds under load; what happens in them happens this often.
const SECONDS: u32 = 6;
const TIMES: u32 = 4;

/// A site with some images; its processes are started here, on sockets that outlive them.
fn site() -> Site {
    (0..5).fold(Site::new(Wire::FastCgi), |site, number| site.image(&format!("image-{number}.sif"), &[]))
}

/// A process of the application that listens on descriptor 0, as under spawn-fcgi or systemd.
struct Process(Child);

impl Process {
    fn new(site: &Site, listener: &UnixListener) -> Process {
        let socket: OwnedFd = listener.try_clone().unwrap().into();
        let process = Process(site.command().stdin(socket).stdout(Stdio::null()).spawn().expect("the program"));
        until("it knows what TERM means", HANG, || process.catches(Signal::TERM));
        process
    }

    /// proc_pid_status(5): the signals it handles, as bits.
    fn catches(&self, signal: Signal) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it lives");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a line of signals");
        u64::from_str_radix(caught.trim(), 16).expect("a number") & (1 << (signal.as_raw() - 1)) != 0
    }

    /// TERM: what is under way is finished, and the end is clean.
    fn end(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it lives");
        assert!(self.0.wait().expect("a child").success());
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks for the list as fast as it can while `happens` happens, some times; the number of answers. None may fail.
fn under_load(what: &str, front: &Front, mut happens: impl FnMut()) {
    let Some(wrk) = servers::program("wrk") else { return };
    let load = Command::new(wrk)
        .args(["-t1", "-c8", &format!("-d{SECONDS}s"), "--timeout", "20s"])
        // A connection each: a server that ends may close an idle one at any time, and clients ask again (RFC 9112 §9.3.1).
        .args(["-H", "Connection: close", &front.url("/container/")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("wrk");
    for _ in 0..TIMES {
        std::thread::sleep(Duration::from_secs(1));
        happens();
    }
    let output = load.wait_with_output().expect("wrk");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let answers: u64 =
        said.split(" requests in").next().and_then(|text| text.trim().rsplit(' ').next()?.parse().ok()).unwrap_or(0);
    let failed: Vec<&str> =
        said.lines().filter(|line| line.contains("Non-2xx") || line.contains("Socket errors")).collect();
    println!(
        "{what}, {TIMES} times in {SECONDS} s: {answers} answers, failed: {}",
        if failed.is_empty() { "0".into() } else { failed.join(";") }
    );
    assert!(failed.is_empty() && answers >= u64::from(SECONDS), "{said}");
}

#[test]
fn nginx_reloads() {
    let site = site();
    let listener = UnixListener::bind(site.path("socket")).unwrap();
    let process = Process::new(&site, &listener);
    let Some(front) = Front::nginx(&[site.path("socket")], |_, text| text) else { return };
    let nginx = Pid::from_raw(front.id() as i32).unwrap();
    under_load("nginx reloads", &front, || kill_process(nginx, Signal::HUP).unwrap());
    process.end();
}

/// The new process takes the socket, the old one finishes what it has begun.
#[test]
fn the_executable_is_replaced() {
    let site = site();
    let listener = UnixListener::bind(site.path("socket")).unwrap();
    let mut process = Some(Process::new(&site, &listener));
    let Some(front) = Front::nginx(&[site.path("socket")], |_, text| text) else { return };
    under_load("the executable is replaced", &front, || {
        let new = Process::new(&site, &listener);
        process.replace(new).unwrap().end();
    });
}

/// The other way round, as systemd does it: nobody listens for a while, and requests wait.
#[test]
fn the_executable_is_restarted() {
    let site = site();
    let listener = UnixListener::bind(site.path("socket")).unwrap();
    let mut process = Some(Process::new(&site, &listener));
    let Some(front) = Front::nginx(&[site.path("socket")], |_, text| text) else { return };
    under_load("the executable is restarted", &front, || {
        process.take().unwrap().end();
        process = Some(Process::new(&site, &listener));
    });
}

/// Two processes, each with a socket of its own: nginx asks the other one.
#[test]
fn one_of_two_processes_is_killed() {
    let site = site();
    let sockets = ["first", "second"].map(|name| site.path(name));
    let listener = UnixListener::bind(&sockets[0]).unwrap();
    let stays = Process::new(&site, &listener);
    let start = || {
        let _ = std::fs::remove_file(&sockets[1]);
        Process::new(&site, &UnixListener::bind(&sockets[1]).unwrap())
    };
    let mut process = Some(start());
    let Some(front) = Front::nginx(&sockets, |_, text| text) else { return };
    under_load("one of two processes is killed", &front, || {
        process.take().unwrap().kill();
        std::thread::sleep(Duration::from_millis(200));
        process = Some(start());
    });
    process.unwrap().end();
    stays.end();
}
