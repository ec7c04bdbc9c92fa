//! Runs that a launcher carries elsewhere, on a real Slurm: one node on this machine, everything on 127.0.0.1, every
//! daemon as the account that runs the tests.
//!
//! A long test. Skipped, with the reason printed, where Slurm, munge or the container runtime is not installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use support::request::EVENTS;
use support::servers::{Wrapper, program};
use support::{HANG, Site, Wire, get, processes, real, until};
use tempfile::TempDir;

/// A cluster of one node; its daemons end in the order of these fields.
struct Cluster {
    _daemons: Vec<Daemon>,
    _munge: Wrapper,
    folder: TempDir,
    srun: PathBuf,
    squeue: PathBuf,
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

impl Cluster {
    fn start() -> Option<Cluster> {
        let [munged, slurmctld, slurmd, srun, squeue] =
            ["munged", "slurmctld", "slurmd", "srun", "squeue"].map(program);
        let (munged, slurmctld, slurmd) = (munged?, slurmctld?, slurmd?);
        let folder = tempfile::Builder::new().prefix("sn-slurm-").tempdir().unwrap();
        let cluster_folder = folder.path();
        let path = |name: &str| cluster_folder.join(name);
        // munge wants everybody to reach its socket
        fs::set_permissions(cluster_folder, Permissions::from_mode(0o711)).unwrap();
        fs::write(path("key"), [7; 128]).unwrap();
        fs::set_permissions(path("key"), Permissions::from_mode(0o400)).unwrap();
        for name in ["state", "spool"] {
            fs::create_dir(path(name)).unwrap();
        }
        let ports = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [control, node] = ports.each_ref().map(|free| free.local_addr().unwrap().port());
        drop(ports);
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let conf = CONF
            .replace("FOLDER", &cluster_folder.display().to_string())
            .replace("HOST", host.trim())
            .replace("ACCOUNT", &account())
            .replace("CONTROL", &control.to_string())
            .replace("NODE", &node.to_string());
        fs::write(path("slurm.conf"), conf).unwrap();

        let mut command = Command::new(munged);
        command.arg("--foreground");
        for word in ["key", "pid", "log", "seed"] {
            command.arg(format!("--{word}-file={}", path(word).display()));
        }
        command.arg(format!("--socket={}", path("munge").display()));
        let munge = Wrapper::start(command, &path("munge"));
        let daemon = |program: &PathBuf, words: &[&str]| {
            let mut command = Command::new(program);
            command.args(words).env("SLURM_CONF", path("slurm.conf")).process_group(0);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            Daemon(child.expect("a daemon"))
        };
        let daemons = vec![daemon(&slurmd, &["-D", "-N", "n1"]), daemon(&slurmctld, &["-D"])];
        let cluster = Cluster { _daemons: daemons, _munge: munge, srun: srun?, squeue: squeue?, folder };
        until("the node is ready", HANG, || cluster.runs("true"));
        Some(cluster)
    }

    fn asked(&self, program: &PathBuf) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.folder.path().join("slurm.conf")).stderr(Stdio::null());
        command
    }

    fn runs(&self, word: &str) -> bool {
        self.asked(&self.srun).args(["--quiet", "--immediate=2", word]).status().unwrap().success()
    }

    /// What is running or waiting, by its state.
    fn jobs(&self) -> String {
        let output = self.asked(&self.squeue).args(["--noheader", "--format=%T"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// As it stands in the configuration of a site.
    fn launcher(&self) -> String {
        let conf = self.folder.path().join("slurm.conf");
        format!("/usr/bin/env SLURM_CONF={} {} --quiet", conf.display(), self.srun.display())
    }
}

const CONF: &str = "\
ClusterName=test
SlurmctldHost=HOST(127.0.0.1)
SlurmctldPort=CONTROL
SlurmUser=ACCOUNT
SlurmdUser=ACCOUNT
AuthType=auth/munge
AuthInfo=socket=FOLDER/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=FOLDER/state
SlurmdSpoolDir=FOLDER/spool
SlurmctldPidFile=FOLDER/slurmctld.pid
SlurmdPidFile=FOLDER/slurmd.pid
SlurmctldLogFile=FOLDER/slurmctld.log
SlurmdLogFile=FOLDER/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=n1 NodeHostname=HOST NodeAddr=127.0.0.1 Port=NODE CPUs=1 State=UNKNOWN
PartitionName=all Nodes=n1 Default=YES State=UP
";

fn account() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A site whose runs go to the cluster. Its own bound of processes would be too low for anything, if it went along.
fn site(cluster: &Cluster) -> Option<Site> {
    let site = real::site(Wire::FastCgi)?.set("launcher", cluster.launcher()).set("processes", 8);
    Some(site.set("slots", 4).set("deadline", 100))
}

fn address(mode: &str, mark: u32) -> String {
    format!("/container/run/behave.sif?mode={mode}&mark={mark}")
}

fn marked(mark: u32) -> Vec<processes::Process> {
    processes::called(&format!("sleep {mark} "))
}

#[test]
#[ignore = "starts a cluster"]
fn slurm_carries_runs_and_none_outlives_its_visitor() {
    let Some(cluster) = Cluster::start() else { return };
    let Some(site) = site(&cluster) else { return };
    let answer = site.ask(&get("/container/run/behave.sif?mode=echo&name=Amy"));
    assert_eq!(answer.good(), "Amy\n", "{}", site.log());
    until("the job is done", HANG, || cluster.jobs().is_empty());

    // the visitor leaves: a job that runs, and one that waits behind it
    let mark = real::mark();
    let first = site.open(&get(&address("hang", mark)).accept(EVENTS));
    until("it runs", HANG, || !marked(mark).is_empty());
    let second = site.open(&get(&address("hang", real::mark())).accept(EVENTS));
    until("the other one waits", HANG, || cluster.jobs().contains("PENDING"));
    second.leave();
    until("nothing waits", HANG, || cluster.jobs() == "RUNNING");
    first.leave();
    until("nothing runs", HANG, || cluster.jobs().is_empty() && marked(mark).is_empty());
    site.nothing_runs();

    // the server is killed
    let mark = real::mark();
    let _talk = site.open(&get(&address("hang", mark)).accept(EVENTS));
    until("it runs", HANG, || !marked(mark).is_empty());
    site.end(Signal::KILL);
    until("nothing runs", HANG, || cluster.jobs().is_empty() && marked(mark).is_empty());
}

#[test]
#[ignore = "starts a cluster"]
fn slurm_ends_runs_by_their_deadline() {
    let Some(cluster) = Cluster::start() else { return };
    let Some(site) = site(&cluster) else { return };
    let site = site.set("deadline", 2);
    let mark = real::mark();
    assert_eq!(site.ask(&get(&address("ignore", mark))).problem(504).0, "deadline");
    until("nothing runs", HANG, || cluster.jobs().is_empty() && marked(mark).is_empty());
}
