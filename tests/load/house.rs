//! The servers under load, and what can be seen of them from outside.
//!
//! ```text
//! singularity-nginx   the program      runtime/apptainer   the stub      nginx.conf, singularity-nginx/: made by scripts/load
//! many/, few/         images           runtime/runs/PID/   its records   state/, tmp/, *.log                made here
//! ```
//! Both servers are children of ours, and we are a subreaper (prctl(2)): what they leave behind falls to us, so that
//! nothing can hide. Dropping a [`House`] ends all of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

use crate::processes::{self, Process};
use crate::{Result, process, sif};

/// Slots of the site under load.
pub const SLOTS: usize = 8;
/// Open descriptors that the server is granted: what systemd and a login shell give.
const SERVER_DESCRIPTORS: u32 = 1024;
/// How long a server may take to answer first, or to end.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How often processes and descriptors are counted.
const LOOKS: Duration = Duration::from_millis(200);
/// The locks of the slots, whose turn it is, what was found out about the host with the image and the lock for that, and
/// that visitors are of this host.
const STATE_FILES: usize = SLOTS + 5;
/// What the few images do is said by their names, see `tests/stub`.
pub const FEW: [&str; 7] =
    ["argv.sif", "sleep-100.sif", "stdout-1.sif", "print.sif", "hang.sif", "ignore.sif", "daemonise.sif"];
/// What the image `print.sif` prints at once: more than the sockets on the way to a reader hold.
const PRINTED: usize = 300_000;

/// See the module.
pub struct House {
    folder: PathBuf,
    pub address: String,
    servers: Option<(Pid, Pid)>,
}

impl House {
    /// Makes the images: `many` of them in one folder, and the few.
    pub fn build(folder: &Path, address: &str, many: usize) -> Result<House> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let nofile = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        rustix::process::setrlimit(
            rustix::process::Resource::Nofile,
            rustix::process::Rlimit { current: nofile, maximum: nofile },
        )?;
        for name in ["many", "few", "tmp"] {
            fs::create_dir(folder.join(name))?;
        }
        let image = sif::with_labels(&[("SINGULARITY_RUNSCRIPT_ARG_STR", "name"), ("maintainer", "Amy")]);
        for name in FEW {
            fs::write(folder.join("few").join(name), &image)?;
            fs::hard_link(folder.join("few").join(name), folder.join("many").join(name))?;
        }
        fs::create_dir_all(folder.join("runtime/print"))?;
        fs::write(folder.join("runtime/print/print.sif"), b"all work and no play\n".repeat(PRINTED / 21))?;
        for number in FEW.len()..many {
            fs::hard_link(folder.join("few/argv.sif"), folder.join(format!("many/image-{number:05}.sif")))?;
        }
        Ok(House { folder: folder.to_owned(), address: address.to_owned(), servers: None })
    }

    /// Puts one more image among the few.
    pub fn image(&self, name: &str) -> Result<()> {
        let few = self.folder.join("few");
        Ok(fs::hard_link(few.join("argv.sif"), few.join(name))?)
    }

    /// Starts both servers on a data folder.
    pub fn open(&mut self, data: &str) -> Result<()> {
        self.forget_runs();
        let server = self.start_server(data)?;
        let log = File::options().create(true).append(true).open(self.folder.join("nginx.log"))?;
        let nginx = Command::new("nginx")
            .args(["-p".as_ref(), self.folder.as_os_str(), "-c".as_ref(), "nginx.conf".as_ref()])
            .args(["-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.servers = Some((server, Pid::from_child(&nginx)));
        let socket = self.folder.join("fastcgi.sock");
        wait("the server does not listen", PATIENCE, || std::os::unix::net::UnixStream::connect(&socket).is_ok())?;
        wait("nginx does not listen", PATIENCE, || TcpStream::connect(&self.address).is_ok())?;
        // its own trials of the host, and our connection, are over then
        let mut before = None;
        wait("the server does not come to rest", PATIENCE, || {
            std::thread::sleep(LOOKS);
            let now = self.rest().ok();
            std::mem::replace(&mut before, now) == now
        })
    }

    fn start_server(&self, data: &str) -> Result<Pid> {
        let log = File::options().create(true).append(true).open(self.folder.join("server.log"))?;
        let server = Command::new("/bin/sh")
            .args(["-c", &format!("ulimit -S -n {SERVER_DESCRIPTORS} && exec \"$@\""), "-"])
            .arg(self.folder.join("singularity-nginx"))
            .args(["fastcgi", "--listen", &format!("unix:{}/fastcgi.sock", self.folder.display())])
            .env_clear()
            .env("TMPDIR", self.folder.join("tmp"))
            .env("SINGULARITY_NGINX_DATA", self.folder.join(data))
            .env("SINGULARITY_NGINX_STATE", self.folder.join("state"))
            .env("SINGULARITY_NGINX_RUNTIME", self.folder.join("runtime/apptainer"))
            .env("SINGULARITY_NGINX_SLOTS", SLOTS.to_string())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Pid::from_child(&server))
    }

    /// The process id of the FastCGI server.
    pub fn server(&self) -> Result<u32> {
        self.servers.map(|(server, _)| number(server)).ok_or_else(|| "no server runs".into())
    }

    /// Children of the server that have ended and were not reaped.
    pub fn zombies(&self) -> Result<usize> {
        Ok(processes::zombies(self.server()?))
    }

    /// kill -9 of the server, and another one in its place.
    pub fn kill_and_start(&mut self, data: &str) -> Result<()> {
        let (server, nginx) = self.servers.take().ok_or("no server runs")?;
        rustix::process::kill_process(server, Signal::KILL)?;
        rustix::process::waitpid(Some(server), WaitOptions::empty())?;
        self.servers = Some((self.start_server(data)?, nginx));
        Ok(())
    }

    /// Ends nginx, so that no visitor is there any more. The server lives on.
    pub fn send_visitors_away(&mut self) -> Result<()> {
        let (_, nginx) = self.servers.ok_or("no server runs")?;
        rustix::process::kill_process(nginx, Signal::TERM)?;
        self.ended("nginx", nginx)
    }

    /// Ends the server by TERM.
    pub fn close(&mut self) -> Result<()> {
        let (server, _) = self.servers.take().ok_or("no server runs")?;
        rustix::process::kill_process(server, Signal::TERM)?;
        self.ended("the server", server)
    }

    fn ended(&self, what: &str, pid: Pid) -> Result<()> {
        wait(&format!("{what} does not end"), PATIENCE, || {
            rustix::process::waitpid(Some(pid), WaitOptions::NOHANG).is_ok_and(|status| status.is_some())
        })
    }

    /// Whatever came from the servers of before and still lives: neither ours nor of the servers of now.
    pub fn left_behind(&self) -> Vec<Process> {
        self.reap();
        let mut known = BTreeSet::from([std::process::id() as i32]);
        for pid in self.servers.iter().flat_map(|(server, nginx)| [server, nginx]) {
            known.extend(processes::family(number(*pid)).iter().map(|process| process.pid));
        }
        let all = processes::family(std::process::id());
        all.into_iter().filter(|process| !known.contains(&process.pid)).collect()
    }

    /// Takes the ends of what has fallen to us; those of the servers are taken where they are ended.
    fn reap(&self) {
        let ours: Vec<Pid> = self.servers.iter().flat_map(|(server, nginx)| [*server, *nginx]).collect();
        for child in children() {
            if let Some(pid) = Pid::from_raw(child).filter(|pid| !ours.contains(pid)) {
                let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }

    /// The stub's records: when each run began and ended, in microseconds; of those that have ended.
    pub fn runs(&self) -> Vec<(u64, u64)> {
        let entries = fs::read_dir(self.folder.join("runtime/runs")).into_iter().flatten().flatten();
        let time = |path: PathBuf| fs::read_to_string(path).ok().and_then(|text| text.parse().ok());
        entries.filter_map(|run| Some((time(run.path().join("began"))?, time(run.path().join("ended"))?))).collect()
    }

    /// Runs that have begun, ended or not.
    pub fn begun_runs(&self) -> usize {
        let entries = fs::read_dir(self.folder.join("runtime/runs")).into_iter().flatten().flatten();
        entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")).count()
    }

    /// Throws the stub's records away while nothing runs. Process ids come again, and records must not meet.
    pub fn forget_runs(&self) {
        let runs = self.folder.join("runtime/runs");
        let _ = fs::remove_dir_all(&runs).or_else(|_| fs::remove_file(&runs));
    }

    /// Lets the stub keep no records, which cost more than the rest of a short run: where it puts them is no folder.
    pub fn spare_records(&self) -> Result<()> {
        self.forget_runs();
        Ok(fs::write(self.folder.join("runtime/runs"), "")?)
    }

    /// What there is of the server now.
    pub fn rest(&self) -> Result<Rest> {
        let pid = self.server()?;
        let count = |folder: &str| fs::read_dir(self.folder.join(folder)).map_or(0, Iterator::count);
        Ok(Rest {
            processes: processes::family(pid).len(),
            orphans: self.left_behind().len(),
            descriptors: processes::descriptors(pid),
            mounts: fs::read_to_string("/proc/self/mounts")?.lines().count(),
            temporary: count("tmp"),
            state: count("state"),
        })
    }

    /// Begins to look at the server.
    pub fn watch(&self) -> Result<Watch> {
        let pid = self.server()?;
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let look = move || {
            let mut seen = Seen::default();
            while !ended.load(Ordering::Relaxed) {
                seen.look(pid);
                std::thread::sleep(LOOKS);
            }
            seen.look(pid);
            seen
        };
        Ok(Watch { end, looking: std::thread::spawn(look) })
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some((server, nginx)) = self.servers.take() {
            let _ = rustix::process::kill_process(nginx, Signal::TERM);
            let _ = self.ended("nginx", nginx);
            let _ = rustix::process::kill_process(server, Signal::KILL);
        }
        for process in self.left_behind() {
            process.signal(Signal::KILL);
        }
    }
}

/// What was seen of a server: most of each.
#[derive(Clone, Copy, Default)]
pub struct Seen {
    /// Resident at most, in megabytes.
    pub memory: f64,
    pub threads: usize,
    /// The server, supervisors and containers.
    pub processes: usize,
    pub descriptors: usize,
}

impl Seen {
    pub fn look(&mut self, pid: u32) {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        self.memory = self.memory.max(process::memory(&pid.to_string(), "VmHWM").unwrap_or_default());
        self.threads = self.threads.max(threads);
        self.processes = self.processes.max(processes::family(pid).len());
        self.descriptors = self.descriptors.max(processes::descriptors(pid));
    }
}

/// What there is of a server while nobody visits it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Rest {
    processes: usize,
    orphans: usize,
    descriptors: usize,
    mounts: usize,
    /// Files in its folder for temporary files, and in its state folder.
    temporary: usize,
    state: usize,
}

impl Rest {
    /// What there is more than before, in words; nothing when it is as it was but for the slots' locks.
    pub fn beyond(&self, before: &Rest) -> String {
        let counts = [
            ("processes", self.processes, before.processes),
            ("orphans", self.orphans, 0),
            ("descriptors", self.descriptors, before.descriptors),
            ("mounts", self.mounts, before.mounts),
            ("temporary files", self.temporary, 0),
            ("state files", self.state, STATE_FILES.max(before.state)),
        ];
        let more = counts.iter().filter(|(_, now, before)| now > before);
        more.map(|(what, now, before)| format!("{} {what}", now - before)).collect::<Vec<_>>().join(", ")
    }
}

/// Looks until it is asked what it has seen.
pub struct Watch {
    end: Arc<AtomicBool>,
    looking: JoinHandle<Seen>,
}

impl Watch {
    pub fn seen(self) -> Result<Seen> {
        self.end.store(true, Ordering::Relaxed);
        self.looking.join().map_err(|_| "the watching thread has failed".into())
    }
}

/// Asks once, on a connection of its own; status and content.
pub fn get(address: &str, path: &str, patience: Duration) -> Result<(u16, String)> {
    let mut stream = question(address, path)?;
    stream.set_read_timeout(Some(patience))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).ok_or("no answer")?.parse()?;
    let content = answer.split_once("\r\n\r\n").map_or("", |(_, content)| content);
    Ok((status, content.to_owned()))
}

/// Asks, and does not wait.
pub fn question(address: &str, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n")?;
    Ok(stream)
}

/// Waits until it is so.
pub fn wait(what: &str, patience: Duration, mut so: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !so() {
        if begun.elapsed() > patience {
            return Err(format!("{what}, after {patience:?}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

/// Children of this process, ended ones too.
fn children() -> Vec<i32> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}
