//! What the kernel can do here, asked by this same executable and by looking.
//!
//! In: what the runtime calls itself and offers. Out: the same [`Host`] with an answer, or an *unknown*, for what
//! needs no runtime to be known. Never: starts the runtime.

use std::fs::File;
use std::io;
use std::path::Path;

use super::capture::{Answer, capture};
use super::environment::session;
use super::host::{Finding, Host};
use super::host_feature::HostFeature;
use super::supervisor::COMMAND;
use super::trials;

/// What needs no runtime to be answered; and which of the other features the kernel gives an ordinary account not: a
/// setuid runtime may have them all the same.
pub fn ask_kernel(host: Host) -> (Host, Vec<HostFeature>) {
    let lacking = host.flags.lacking();
    let release = match lacking.is_empty() {
        true => Finding::Yes,
        false => Finding::No(format!("`{}` does not offer {}", host.version, lacking.join(", "))),
    };
    let namespace = trial(trials::USER_NAMESPACE);
    let in_namespace = |word| if namespace == Finding::Yes { trial(word) } else { namespace.clone() };
    let (nesting, init, network) =
        (in_namespace(trials::NESTING), in_namespace(trials::INIT), in_namespace(trials::NETWORK));
    let counting = match kernel_release() < (5, 14) {
        true => Finding::No("the kernel is older than Linux 5.14".to_owned()),
        false => namespace.clone(),
    };
    let cgroups = match host.flags.limits {
        true => ask_cgroups(),
        false => Finding::No(format!("`{}` does not offer --memory, --pids-limit, --cpus", host.version)),
    };
    let hints = [
        (&network, HostFeature::NetworkNamespaces),
        (&init, HostFeature::ProcessNamespaces),
        (&namespace, HostFeature::UserNamespaces),
    ];
    let hints = hints.into_iter().filter(|(found, _)| matches!(found, Finding::No(_))).map(|(_, hint)| hint).collect();
    let host = host
        .with(HostFeature::Release, release)
        .with(HostFeature::Fuse, ask_fuse())
        .with(HostFeature::Filter, trial(trials::FILTER))
        .with(HostFeature::ProcessTree, if counting == Finding::Yes { init.clone() } else { counting.clone() })
        .with(HostFeature::Nesting, if counting == Finding::Yes { nesting } else { counting.clone() })
        .with(HostFeature::Counting, counting)
        .with(HostFeature::Cgroups, cgroups);
    (host, hints)
}

/// Whether this executable can do it to itself.
fn trial(word: &str) -> Finding {
    match capture(Path::new("/proc/self/exe"), &[COMMAND, word], &[]) {
        Answer::Text(_) => Finding::Yes,
        Answer::Refused(why) => Finding::No(why),
        Answer::TimedOut => Finding::Unknown("the trial did not end in time".to_owned()),
        Answer::Failed(why) => Finding::Unknown(why),
    }
}

fn ask_fuse() -> Finding {
    use io::ErrorKind::{NotFound, PermissionDenied};
    const NO_DEVICE: [i32; 2] = [libc::ENODEV, libc::ENXIO];
    match File::options().read(true).write(true).open("/dev/fuse") {
        Ok(_) => Finding::Yes,
        Err(error)
            if matches!(error.kind(), NotFound | PermissionDenied)
                || error.raw_os_error().is_some_and(|number| NO_DEVICE.contains(&number)) =>
        {
            Finding::No(format!("/dev/fuse: {error}"))
        }
        Err(error) => Finding::Unknown(format!("/dev/fuse: {error}")),
    }
}

/// The runtime limits by cgroups only with cgroup v2 and a systemd session
/// that makes scopes with limits: systemd-run(1) tries exactly that.
fn ask_cgroups() -> Finding {
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        return Finding::No("there is no unified cgroup hierarchy (version 2)".to_owned());
    }
    let program = Path::new("/usr/bin/systemd-run");
    if !program.exists() {
        return Finding::No("there is no systemd, of which the runtime asks its cgroups".to_owned());
    }
    let trial = ["--user", "--scope", "--quiet", "--property=TasksMax=64", "--property=MemoryMax=1G", "--", "true"];
    match capture(program, &trial, &session()) {
        Answer::Text(_) => Finding::Yes,
        Answer::Refused(why) => Finding::No(format!("no systemd session of this account: {why}")),
        Answer::TimedOut => Finding::Unknown("systemd-run(1) did not end in time".to_owned()),
        Answer::Failed(why) => Finding::Unknown(why),
    }
}

/// The kernel's release, as far as two numbers tell.
fn kernel_release() -> (u32, u32) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
