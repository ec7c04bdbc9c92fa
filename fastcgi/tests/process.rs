//! What only a process of its own can show: descriptors, limits, memory, environment, signals, and a silent stderr.
//!
//! The test program is this test binary, started again with only the test `program`, a mode in the environment and the
//! listening socket on descriptor 0, as the specification starts FastCGI applications.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use common::*;
use fastcgi::{Request, Server, ShutdownHandle};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tempfile::TempDir;

const MODE: &str = "FASTCGI_TEST_PROGRAM";
const PEERS: &str = "FCGI_WEB_SERVER_ADDRS";

/// Not a test but the program under test; does nothing unless started by one.
#[test]
fn program() {
    let outcome = match std::env::var(MODE).as_deref() {
        Ok("run") => fastcgi::run(handler),
        Ok("run_raw") => fastcgi::run_raw(handler, 0),
        Ok("server") => serve_until_term(),
        _ => return,
    };
    match outcome {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    }
}

fn serve_until_term() -> std::io::Result<()> {
    let stop = ShutdownHandle::new()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, stop.signal_end()?)?;
    Server::new(fastcgi::stdin_listener()?).shutdown(stop).serve(handler)
}

fn handler(request: &mut Request) {
    match request.param("DO").as_deref() {
        Some("list descriptors") => {
            let child = Command::new("ls").args(["-l", "/proc/self/fd"]).stdin(Stdio::inherit()).output().unwrap();
            let _ = request.stdout().write_all(&child.stdout);
        }
        Some("sleep") => std::thread::sleep(Duration::from_millis(200)),
        Some("say begun") => {
            let _ = request.stdout().write_all(b"begun\n");
            let _ = request.stdout().flush();
        }
        Some("ignore") => return,
        _ => {}
    }
    echo(request);
}

struct Program {
    child: Child,
    folder: TempDir,
}

impl Program {
    fn start(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        Self { child: spawn(mode, listener.into(), None), folder }
    }

    fn connect(&self) -> Client {
        Client::connect(&self.folder.path().join("socket"))
    }

    fn ask(&self, params: &[(&str, &str)]) -> String {
        self.connect().ask(false, params, b"")
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Descriptors or threads: the entries of a folder in /proc.
    fn count(&self, what: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{what}", self.child.id())).unwrap().count()
    }

    /// A line of /proc/PID/status in bytes.
    fn memory(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() * 1024
    }

    /// How often its threads have gone to sleep.
    fn switches(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let number = |text: &str| {
            text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse::<u64>().ok()
        };
        threads.flatten().filter_map(|thread| number(&status(thread))).sum::<u64>()
    }

    fn limit(&self, resource: Resource, limit: Option<u64>) {
        let maximum = getrlimit(resource).maximum;
        prlimit(Some(self.pid()), resource, Rlimit { current: limit, maximum }).unwrap();
    }

    /// Sends SIGTERM; the exit status and everything that was written to stderr.
    fn end(mut self) -> (ExitStatus, String) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        exit(&mut self.child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(mode: &str, stdin: OwnedFd, peers: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["program", "--exact", "--nocapture", "--test-threads=1"]).env(MODE, mode).env_remove(PEERS);
    if let Some(peers) = peers {
        command.env(PEERS, peers);
    }
    command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn exit(child: &mut Child) -> (ExitStatus, String) {
    let mut noise = String::new();
    child.stderr.take().unwrap().read_to_string(&mut noise).unwrap();
    (child.wait().unwrap(), noise)
}

#[test]
fn no_descriptor_reaches_a_child() {
    for mode in ["run", "server"] {
        let program = Program::start(mode);
        let mut others: Vec<Client> = (0..5).map(|_| program.connect()).collect();
        for client in &mut others {
            assert_eq!(client.ask(true, &[], b""), "body=0\n");
        }
        let list = program.ask(&[("DO", "list descriptors")]);
        assert!(list.contains(" 0 -> /dev/null"), "{list}");
        assert!(!list.contains("socket:"), "{list}");
    }
}

#[test]
fn running_out_of_descriptors_makes_callers_wait() {
    let program = Program::start("server");
    assert_eq!(program.ask(&[]), "body=0\n");
    let open = || program.count("fd");
    until(|| {
        let before = open();
        std::thread::sleep(Duration::from_millis(50));
        before == open()
    });
    // The lowest free number is the next one, whatever else was inherited.
    let free = (0..).find(|fd| !Path::new(&format!("/proc/{}/fd/{fd}", program.child.id())).exists());
    program.limit(Resource::Nofile, free);
    let mut client = program.connect();
    client.send(&request(1, true, &[("a", "1")], b""));
    // The server tries again and again; one that has got a descriptor answers and sleeps.
    let begun = program.switches();
    until(|| program.switches() > begun + 5);
    client.0.set_nonblocking(true).unwrap();
    assert!(client.0.read(&mut [0]).is_err(), "the limit has no effect");
    client.0.set_nonblocking(false).unwrap();
    program.limit(Resource::Nofile, Some(1024));
    client.0.set_read_timeout(Some(HANG)).unwrap();
    assert_eq!(client.answer(1).stdout, "a=1\nbody=0\n");
    assert_eq!(program.end().1, "");
}

#[test]
fn running_out_of_threads_makes_callers_wait() {
    let program = Program::start("server");
    assert_eq!(program.ask(&[]), "body=0\n");
    // Room for everything but another stack.
    program.limit(Resource::As, Some(program.memory("VmSize:") + 1024 * 1024));
    let threads = program.count("task");
    let mut clients: Vec<Client> = (0..6).map(|_| program.connect()).collect();
    for client in &mut clients {
        client.send(&request(1, true, &[("DO", "sleep")], b""));
    }
    for client in &mut clients {
        assert_eq!(client.answer(1).stdout, "DO=sleep\nbody=0\n");
        assert_eq!(program.count("task"), threads, "the limit has no effect");
    }
    program.limit(Resource::As, None);
    assert_eq!(program.ask(&[]), "body=0\n");
    let (status, noise) = program.end();
    assert!(status.success(), "{status}");
    assert_eq!(noise, "");
}

#[test]
fn three_hundred_megabytes_are_refused_with_flat_memory() {
    const ALL: usize = 300_000_000;
    const FLAT: u64 = 8 * 1024 * 1024;
    let program = Program::start("server");
    assert_eq!(program.ask(&[]), "body=0\n");
    let before = program.memory("VmHWM:");
    let mut client = program.connect();
    client.send(&begin(1, 1, true));
    let sent = client.flood(&record(PARAMS, 1, &[1; 65535]), ALL);
    assert!(sent < ALL / 10, "{sent} bytes of parameters taken");
    assert!(client.answer(1).stdout.starts_with("Status: 431 "));
    // A body that nobody reads, with and without the wish to keep the connection.
    for keep in [true, false] {
        let mut client = program.connect();
        client.send(&[begin(1, 1, keep), stream(PARAMS, 1, &pairs(&[("DO", "ignore")]))].concat());
        let sent = client.flood(&record(STDIN, 1, &[1; 65535]), ALL);
        assert!(sent < ALL / 10, "{sent} bytes of body taken");
        assert_eq!(client.answer(1).stdout, "");
    }
    let grown = program.memory("VmHWM:") - before;
    assert!(grown < FLAT, "grown by {grown} bytes");
    assert_eq!(program.end().1, "");
}

#[test]
fn keep_alive_ends_without_noise() {
    let program = Program::start("server");
    for _ in 0..10 {
        let mut client = program.connect();
        assert_eq!(client.ask(true, &[], b""), "body=0\n");
        client.send(&begin(1, 1, true)[..5]);
    }
    assert_eq!(program.ask(&[]), "body=0\n");
    let (status, noise) = program.end();
    assert!(status.success(), "{status}");
    assert_eq!(noise, "");
}

#[test]
fn term_drains() {
    let program = Program::start("server");
    let (mut idle, mut busy) = (program.connect(), program.connect());
    assert_eq!(idle.ask(true, &[], b""), "body=0\n");
    let params = stream(PARAMS, 1, &pairs(&[("DO", "say begun")]));
    busy.send(&[begin(1, 1, true), params, record(STDIN, 1, b"fir")].concat());
    assert_eq!(busy.record().map(|record| record.content), Some(b"begun\n".to_vec()));
    kill_process(program.pid(), Signal::TERM).unwrap();
    idle.closed();
    busy.send(&stream(STDIN, 1, b"st"));
    assert_eq!(busy.answer(1).stdout, "DO=say begun\nbody=5\n");
    busy.closed();
    let (status, noise) = program.end();
    assert!(status.success(), "{status}");
    assert_eq!(noise, "");
}

#[test]
fn run_and_run_raw_serve_descriptor_0() {
    for mode in ["run", "run_raw"] {
        let program = Program::start(mode);
        assert_eq!(program.ask(&[("a", "1")]), "a=1\nbody=0\n");
    }
}

#[test]
fn without_a_listening_socket_run_says_so() {
    for mode in ["run", "run_raw", "server"] {
        let null = fs::File::open("/dev/null").unwrap();
        let (status, noise) = exit(&mut spawn(mode, null.into(), None));
        assert_eq!(status.code(), Some(2), "{noise}");
        assert!(noise.starts_with("no listening socket: "), "{noise}");
    }
}

#[test]
fn the_environment_names_the_peers_of_a_tcp_socket() {
    for (peers, welcome) in [("192.0.2.1, 127.0.0.1", true), ("192.0.2.1,::1", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut child = spawn("run", listener.into(), Some(peers));
        let mut client = Client(TcpStream::connect(address).unwrap());
        client.0.set_read_timeout(Some(HANG)).unwrap();
        if welcome {
            assert_eq!(client.ask(true, &[("a", "1")], b""), "a=1\nbody=0\n");
        } else {
            client.closed();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn the_environment_does_not_lock_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    let program = Program { child: spawn("run", listener.into(), Some("127.0.0.1")), folder };
    assert_eq!(program.ask(&[("a", "1")]), "a=1\nbody=0\n");
}

#[test]
fn an_unreadable_list_of_peers_stops_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (status, noise) = exit(&mut spawn("run", listener.into(), Some("localhost")));
    assert_eq!(status.code(), Some(2));
    assert!(noise.contains("FCGI_WEB_SERVER_ADDRS: \"localhost\" is not an IP address"), "{noise}");
}
