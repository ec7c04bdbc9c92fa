//! 23: what a run is started with, and what it may not ask of the kernel (seccomp(2)).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

use crate::support::site::write_program;
use crate::support::{Site, Wire, get, on_both_wires, real, site::PROGRAM, skip};

const ENOSYS: i32 = 38;
const EPROTONOSUPPORT: i32 = 93;
const EAFNOSUPPORT: i32 = 97;

/// Makes a host that has no filters of system calls, by one that refuses them (EINVAL, as a kernel without), and then
/// executes its arguments.
pub const UNFILTERED: &str = "my $prctl = (`/bin/uname -m` =~ /x86_64/) ? 157 : 167; \
     my $steps = pack '(SCCL)*', 0x20, 0, 0, 0, 0x15, 0, 3, $prctl, 0x20, 0, 0, 16, 0x15, 0, 1, 22, \
                                 0x06, 0, 0, 0x50016, 0x06, 0, 0, 0x7fff0000; \
     my $program = pack 'Sx6P', 6, $steps; \
     syscall($prctl, 38, 1, 0, 0, 0) == 0 && syscall($prctl, 22, 2, $program) == 0 or die; exec @ARGV or die";

fn small(wire: Wire) -> Site {
    Site::new(wire).image("good.sif", &[])
}

#[test]
fn hostile_23_descriptors_and_surroundings_of_a_run() {
    on_both_wires(|wire| {
        // as if the web server had left descriptors open
        let leaky = ["/bin/sh", "-c", "umask 0; exec \"$0\" \"$@\" 5</etc/passwd 7>>/dev/null 9</"];
        for prefix in [&[][..], &leaky] {
            let site = small(wire).under(prefix);
            site.ask(&get("/container/run/good.sif")).good();
            let run = site.the_run();
            let descriptors = run.descriptors();
            assert_eq!(descriptors.keys().copied().collect::<Vec<_>>(), [0, 1, 2], "{descriptors:?}");
            assert_eq!(descriptors[&0], "/dev/null");
            assert!(descriptors[&1].starts_with("pipe:") && descriptors[&2].starts_with("pipe:"), "{descriptors:?}");
            assert_eq!(run.cwd(), "/");
            assert_eq!(run.status("Umask"), "0077");
            assert_eq!(run.status("SigBlk").trim_matches('0'), "", "no signal is blocked");
        }
    });
}

/// What one run leaves in its session keyring is not there for the next one, although the server has a session.
#[test]
fn hostile_23_runs_share_no_keyring() {
    // keyctl(2) KEYCTL_JOIN_SESSION_KEYRING, as a login does
    let number = if cfg!(target_arch = "x86_64") { 250 } else { 219 };
    // where calls are filtered a run has no keyrings at all
    let session = format!("syscall({number}, 1, 0); {UNFILTERED}");
    let site = Site::new(Wire::FastCgi).image("keys.sif", &[]).under(&["/usr/bin/perl", "-e", &session]);
    for _ in 0..2 {
        let told = site.ask(&get("/container/run/keys.sif")).good();
        if told == "no keyrings\n" {
            return skip("this kernel gives no keyrings");
        }
        assert_eq!(told, "left\n");
    }
}

/// A runtime that offers what the stub does, and does this.
fn shell(site: &Site, runtime: &Path, does: &str) {
    let stub = site.path("runtime/apptainer");
    let script = format!("#!/bin/sh\n[ \"$1\" = help ] && exec {} \"$@\"\n{does}\n", stub.display());
    write_program(runtime, script);
}

/// A container has no terminal to type into (ioctl_tty(2) TIOCSTI), although the server has one.
#[test]
fn hostile_23_a_run_has_no_terminal() {
    // script(1) gives the server a terminal of its own
    if !Path::new("/usr/bin/script").exists() {
        return skip("there is no script(1) here (package bsdutils)");
    }
    let site = Site::new(Wire::FastCgi).image("good.sif", &[]);
    let runtime = site.path("runtime/tty");
    shell(&site, &runtime, "(exec 3<>/dev/tty) 2>/dev/null && echo a terminal || echo none");
    let site = site.set("runtime", runtime.display());
    let shell = "exec /usr/bin/script -qec \"$0 run good.sif\" /dev/null";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", shell, PROGRAM]).stdin(std::process::Stdio::null());
    for (name, value) in site.command().get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let told = command.output().expect("script(1)");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("none"), "{told}");
}

/// Of the signals 1 to 31; a web server may have passed on more, but then the test itself has it too. The stub would not
/// tell: its language ignores PIPE by itself.
#[test]
fn hostile_23_no_signal_is_ignored() {
    let ignored = |status: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a line");
        u64::from_str_radix(line.trim(), 16).unwrap() & 0x7fff_ffff
    };
    let pipe = 1 << 12;
    let ours = ignored(&fs::read_to_string("/proc/self/status").unwrap()) & !pipe;
    on_both_wires(|wire| {
        let site = small(wire);
        let runtime = site.path("runtime/shell");
        shell(&site, &runtime, "exec cat /proc/self/status");
        let site = site.set("runtime", runtime.display());
        let status = site.ask(&get("/container/run/good.sif")).good();
        assert_eq!(ignored(&status) & !ours, 0, "{status}");
    });
}

/// A web server may block or ignore signals, and what it starts inherits that (signal(7)): without CHLD nobody hears that a
/// run has ended.
#[test]
fn hostile_23_signals_of_the_web_server_are_its_own() {
    on_both_wires(|wire| {
        for how in ["--block-signal", "--ignore-signal=CHLD", "--ignore-signal=CHLD,TERM,INT,QUIT,USR1"] {
            let site = small(wire).image("exit-3.sif", &[]).under(&["/usr/bin/env", how]);
            site.ask(&get("/container/run/good.sif")).good();
            let run = site.the_run();
            for signals in ["SigBlk", "SigIgn"] {
                // the language of the stub ignores PIPE by itself
                let left = u64::from_str_radix(&run.status(signals), 16).unwrap() & !(1 << 12);
                assert_eq!(left & 0x7fff_ffff, 0, "{how}: {signals}");
            }
            assert_eq!(site.ask(&get("/container/run/exit-3.sif")).problem(502).0, "container-failed", "{how}");
        }
    });
}

fn told(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

/// Nothing but what every program needs is answered.
fn refused(answers: &Map<String, Value>) {
    for (name, answer) in answers {
        let expected = match name.as_str() {
            "unix" | "inet" | "netlink_route" | "getppid" => 0,
            "netlink_xfrm" | "netlink_netfilter" => EPROTONOSUPPORT,
            "packet" | "alg" | "vsock" => EAFNOSUPPORT,
            _ => ENOSYS,
        };
        assert_eq!(answer, expected, "{name} in {answers:?}");
    }
}

#[test]
fn hostile_23_a_run_reaches_less_of_the_kernel() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("calls.sif", &[]).image("calls-32.sif", &[]);
        refused(&told(&site.ask(&get("/container/run/calls.sif")).good()));
        let run = site.the_run();
        assert_eq!((run.status("Seccomp").as_str(), run.status("NoNewPrivs").as_str()), ("2", "1"));
        let by_32_bits = site.ask(&get("/container/run/calls-32.sif"));
        if by_32_bits.status == 502 {
            return skip("this kernel has no calls of 32 bits");
        }
        refused(&told(&by_32_bits.good()));
    });
}

/// The way of looking sees something: without the filter the kernel answers otherwise.
#[test]
fn hostile_23_without_a_filter_the_kernel_answers() {
    let site = Site::new(Wire::FastCgi).image("calls.sif", &[]).under(&["/usr/bin/perl", "-e", UNFILTERED]);
    let answers = told(&site.ask(&get("/container/run/calls.sif")).good());
    let answered = answers.values().filter(|answer| ![ENOSYS, EAFNOSUPPORT].map(Value::from).contains(answer)).count();
    assert!(answered >= 15, "{answers:?}");
}

#[test]
fn hostile_23_a_real_container_reaches_less_of_the_kernel() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        let program = Path::new(stub_runtime::PATH);
        let facts = program.metadata().expect("the stub");
        let definition = format!(
            "Bootstrap: scratch\n\n%setup\n    # {} {}\n    mkdir -p \"$APPTAINER_ROOTFS/bin\"\n    cp /bin/busybox \
             \"$APPTAINER_ROOTFS/bin/sh\"\n    cp {} \"$APPTAINER_ROOTFS/bin/stub\"\n\n%runscript\n    \
             /bin/stub run /calls.sif\n    exec /bin/stub run /calls-32.sif\n",
            facts.len(),
            facts.mtime(),
            program.display(),
        );
        let runtime = real::runtime().expect("a runtime");
        let image = fs::read(real::build(&runtime, &definition)).expect("the image");
        let site = site.file("calls.sif", &image);
        let answer = site.ask(&get("/container/run/calls.sif"));
        for line in answer.text().lines().filter(|line| line.starts_with("{\"")) {
            refused(&told(line));
        }
        assert!(answer.text().contains("\"vsock\":97"), "{}", answer.text());
    });
}
