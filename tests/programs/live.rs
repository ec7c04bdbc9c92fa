//! Live output of a real container by `curl -N`, through nginx with FastCGI and through Apache with CGI.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::served;
use crate::support::{HANG, Wire, processes, servers, until};

const STEPS: usize = 10;

fn curl(url: &str) -> Option<Child> {
    // whoever starts tests in the background may have SIGINT ignored (sh(1)), and children inherit that
    let mut command = Command::new("/usr/bin/env");
    command
        .arg("--default-signal=INT")
        .arg(servers::program("curl")?)
        .args(["-sN", "-H", "Accept: text/event-stream", url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    Some(command.spawn().expect("curl"))
}

#[test]
fn each_line_of_a_real_container_arrives_when_it_is_printed() {
    for (site, front) in served(&["slow.sif"]) {
        let Some(mut child) = curl(&front.url(&format!("/container/run/slow.sif?steps={STEPS}"))) else { return };
        let begun = Instant::now();
        let mut steps = 0;
        let mut alive = 0;
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines().map(Result::unwrap) {
            if line.contains(&format!("step {} of {STEPS}", steps + 1)) {
                steps += 1;
                // it prints the next one half a second later, so it must be there now
                alive += usize::from(!processes::of_folder(site.folder()).is_empty());
            }
            if line.starts_with("data: ") {
                println!("{:?} {:6} ms {line}", site.wire, begun.elapsed().as_millis());
            }
        }
        assert_eq!(steps, STEPS, "all, in their order");
        assert!(alive >= STEPS - 1, "{alive} of {STEPS} lines came while the container ran");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn ctrl_c_of_curl_ends_the_run() {
    for (site, front) in served(&["slow.sif"]) {
        let Some(mut child) = curl(&front.url("/container/run/slow.sif?steps=100")) else { return };
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains("step 1 of 100")));
        let server = if site.wire == Wire::FastCgi { site.start() as i32 } else { 0 };
        let mut run = Vec::new();
        until("the container sleeps", HANG, || {
            let of_site = processes::of_folder(site.folder());
            let families = of_site.iter().flat_map(|process| processes::family(process.pid as u32));
            run = families.filter(|process| process.pid != server).collect();
            run.iter().any(|process| process.command.starts_with("sleep 0.5"))
        });
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let begun = Instant::now();
        assert!(!child.wait().unwrap().success());
        processes::all_gone(&run);
        site.nothing_runs();
        println!("{:?}: gone {} ms after Ctrl-C", site.wire, begun.elapsed().as_millis());
    }
}
