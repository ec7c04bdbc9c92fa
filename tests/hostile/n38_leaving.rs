//! 38: the visitor leaves, and the run ends: behind FastCGI always; a CGI program learns of it when it writes, and by
//! TERM.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::front::{Cgi, Front};
use crate::support::processes::{self, Process};
use crate::support::request::EVENTS;
use crate::support::{Site, Wire, get, on_both_wires, real, skip, until};

#[test]
fn hostile_38_a_visitor_who_leaves_ends_the_run() {
    on_both_wires(|wire| {
        for (name, accept) in [
            ("hang.sif", EVENTS),
            ("ignore.sif", EVENTS),
            ("nest.sif", EVENTS),
            ("hang.sif", "*/*"),
            ("slow-50.sif", "*/*"),
        ] {
            let site = Site::new(wire).image(name, &[]).set("deadline", 200);
            let mut talk = site.open(&get(&format!("/container/run/{name}")).accept(accept));
            site.wait_for_runs(1);
            if accept == EVENTS {
                talk.wait_for("event: command");
            }
            // A CGI program that is silent learns nothing; but web servers send TERM when they give up.
            if wire == Wire::Cgi && accept != EVENTS {
                let pid = rustix::process::Pid::from_raw(talk.process() as i32).unwrap();
                rustix::process::kill_process(pid, Signal::TERM).unwrap();
            }
            let child = talk.leave();
            std::thread::spawn(move || child.map(|mut child| child.wait()));
            site.nothing_runs();
        }
    });
}

#[test]
fn hostile_38_a_silent_cgi_answer_ends_by_its_deadline() {
    let site = Site::new(Wire::Cgi).image("hang.sif", &[]).set("deadline", 2);
    let talk = site.open(&get("/container/run/hang.sif"));
    site.wait_for_runs(1);
    let child = talk.leave();
    std::thread::spawn(move || child.map(|mut child| child.wait()));
    until("the run has ended", Duration::from_secs(20), || site.others().is_empty());
}

/// A site with an image that hangs: the stub's, or one of the real runtime.
struct Hanging {
    site: Site,
    address: String,
    mark: Option<u32>,
}

impl Hanging {
    fn new(wire: Wire, is_real: bool, mode: &str, deadline: u32) -> Option<Hanging> {
        let mark = is_real.then(real::mark);
        let (site, address) = match mark {
            Some(mark) => (real::site(wire)?, format!("/container/run/behave.sif?mode={mode}&mark={mark}")),
            None => (Site::new(wire).image("hang.sif", &[]), "/container/run/hang.sif".to_owned()),
        };
        Some(Hanging { site: site.set("deadline", deadline), address, mark })
    }

    /// Waits until it runs; then all its processes, but the server.
    fn running(&self) -> Vec<Process> {
        match self.mark {
            Some(mark) => {
                let server = if self.site.wire == Wire::FastCgi { self.site.start() as i32 } else { 0 };
                real::running(&self.site, mark).into_iter().filter(|process| process.pid != server).collect()
            }
            None => {
                self.site.wait_for_runs(1);
                self.site.others()
            }
        }
    }

    fn ends(&self, family: &[Process]) {
        processes::all_gone(family);
        self.site.nothing_runs();
        if let Some(mark) = self.mark {
            processes::gone_within(processes::GONE, || processes::called(&mark.to_string()));
        }
    }
}

#[test]
fn hostile_38_a_visitor_who_leaves_ends_a_real_container() {
    on_both_wires(|wire| {
        for (mode, accept) in [("ignore", EVENTS), ("nest", EVENTS), ("silent", "*/*")] {
            if wire == Wire::Cgi && accept != EVENTS {
                continue;
            }
            let Some(hanging) = Hanging::new(wire, true, mode, 200) else { return };
            let talk = hanging.site.open(&get(&hanging.address).accept(accept));
            let family = hanging.running();
            let child = talk.leave();
            std::thread::spawn(move || child.map(|mut child| child.wait()));
            hanging.ends(&family);
        }
    });
}

fn through_nginx(is_real: bool) {
    for (mode, accept) in [("hang", EVENTS), ("silent", "*/*")] {
        let Some(hanging) = Hanging::new(Wire::FastCgi, is_real, mode, 60) else { return };
        hanging.site.start();
        let Some(front) = Front::nginx(&[hanging.site.socket()], |_, text| text) else { return };
        let mut visitor = front.open(&hanging.address, accept);
        let family = hanging.running();
        if accept == EVENTS {
            visitor.wait_for("event: command");
        }
        drop(visitor);
        hanging.ends(&family);
        // a client program that gives up by itself
        let curl = Path::new("/usr/bin/curl");
        if !curl.exists() {
            return skip("curl is not installed");
        }
        let url = front.url(&hanging.address);
        let words = ["-s", "-m", "1", "-H", &format!("Accept: {accept}"), &url];
        let left = Command::new(curl).args(words).stdout(Stdio::null()).status().unwrap();
        assert_eq!(left.code(), Some(28), "curl's own time was over");
        hanging.ends(&[]);
    }
}

#[test]
fn hostile_38_through_nginx_to_fastcgi() {
    through_nginx(false);
}

#[test]
fn hostile_38_through_nginx_to_fastcgi_with_a_real_container() {
    through_nginx(true);
}

/// The three ways in which a run under plain CGI ends early or on time.
fn by_cgi(server: Cgi, is_real: bool) {
    let Some(live) = Hanging::new(Wire::Cgi, is_real, "hang", 60) else { return };
    let Some(front) = Front::cgi(server, &live.site.cgi_program()) else { return };
    let mut visitor = front.open(&live.address, EVENTS);
    visitor.wait_for("event: command");
    let family = live.running();
    drop(visitor);
    live.ends(&family);
    drop(front);

    // (how a real container ends at its deadline is 37)
    if !is_real {
        let silent = Hanging::new(Wire::Cgi, false, "silent", 3).expect("the stub");
        let Some(front) = Front::cgi(server, &silent.site.cgi_program()) else { return };
        let visitor = front.open(&silent.address, "*/*");
        let family = silent.running();
        drop(visitor);
        processes::gone_within(Duration::from_secs(20), || silent.site.others());
        silent.ends(&family);
    }

    let Some(told) = Hanging::new(Wire::Cgi, is_real, "silent", 60) else { return };
    let program = told.site.cgi_program();
    let Some(front) = Front::cgi(server, &program) else { return };
    let _visitor = front.open(&told.address, "*/*");
    let family = told.running();
    let name = program.to_str().expect("a plain path");
    let programs: Vec<_> = told.site.others().into_iter().filter(|process| process.command.contains(name)).collect();
    assert_eq!(programs.len(), 1, "{programs:?}");
    programs[0].signal(Signal::TERM);
    told.ends(&family);
}

#[test]
fn hostile_38_under_fcgiwrap() {
    by_cgi(Cgi::Fcgiwrap, false);
}

#[test]
fn hostile_38_under_fcgiwrap_with_a_real_container() {
    by_cgi(Cgi::Fcgiwrap, true);
}

#[test]
fn hostile_38_under_apache() {
    by_cgi(Cgi::Apache, false);
}

#[test]
fn hostile_38_under_apache_with_a_real_container() {
    by_cgi(Cgi::Apache, true);
}

#[test]
fn hostile_38_under_lighttpd() {
    by_cgi(Cgi::Lighttpd, false);
}

#[test]
fn hostile_38_under_lighttpd_with_a_real_container() {
    by_cgi(Cgi::Lighttpd, true);
}
