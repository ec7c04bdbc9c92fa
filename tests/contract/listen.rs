//! FastCGI: every way to get a listening socket, and what must not happen to one that is there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::request::EVENTS;
use crate::support::servers::{self, Wrapper};
use crate::support::{Answer, HANG, Request, Site, Wire, fcgi, get, until};
use crate::{RUN, hello};

/// A server that the test started by itself.
struct Started(Child);

impl Started {
    fn new(command: &mut Command) -> Started {
        Started(command.stdout(Stdio::null()).spawn().expect("the program"))
    }

    /// TERM, a clean end.
    fn end(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it lives");
        let status = self.0.wait().expect("a child");
        assert!(status.success(), "{status}");
    }
}

/// Starts a server that must not start: waits for its end, checks the exit status; what it says.
fn refused(command: &mut Command) -> String {
    let mut started = Started::new(command.stderr(Stdio::piped()));
    let mut ended = None;
    until("a start that must fail ends", HANG, || {
        ended = started.0.try_wait().expect("a child");
        ended.is_some()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(1));
    let mut told = String::new();
    started.0.stderr.take().expect("a pipe").read_to_string(&mut told).expect("text");
    told
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One request, over any stream; the server closes the connection behind the answer.
fn ask(mut stream: impl Read + Write, request: &Request) -> Answer {
    stream.write_all(&fcgi::encode(request, 1, false)).expect("the server reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let mut stdout = Vec::new();
    let mut rest = &bytes[..];
    while let [1, kind, _, _, length1, length0, padding, _, content @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*length1, *length0]));
        if *kind == fcgi::STDOUT {
            stdout.extend(&content[..length]);
        }
        rest = &content[length + usize::from(*padding)..];
    }
    Answer::parse(&stdout)
}

fn unix(site: &Site) -> UnixStream {
    let stream = UnixStream::connect(site.path("socket")).expect("somebody listens");
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream
}

/// A run and the list, over the socket in the site's folder.
fn works(site: &Site) {
    assert_eq!(ask(unix(site), &get(&format!("{RUN}?age=3"))).json(), json!(["--age", "3"]));
    assert_eq!(ask(unix(site), &get("/container/")).json()["total"], 1);
}

#[test]
fn listen_on_a_unix_socket() {
    let site = hello(Wire::FastCgi);
    let listen = format!("unix:{}", site.path("new/folder/socket").display());
    let server = Started::new(site.command().args(["fastcgi", "--listen", &listen]));
    let socket = site.path("new/folder/socket");
    until("the socket is there", HANG, || UnixStream::connect(&socket).is_ok());
    assert_eq!(socket.metadata().unwrap().mode() & 0o777, 0o660);
    assert_eq!(site.path("new/folder").metadata().unwrap().mode() & 0o777, 0o750);
    assert_eq!(ask(UnixStream::connect(&socket).unwrap(), &get("/container/")).json()["total"], 1);
    server.end();
    assert!(!socket.exists(), "removed at the end");
}

#[test]
fn listen_on_an_address_and_port() {
    for free in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(address) = TcpListener::bind(free).and_then(|free| free.local_addr()) else {
            crate::support::skip(&format!("no {free} here"));
            continue;
        };
        let site = hello(Wire::FastCgi);
        let place = address.to_string();
        let server = Started::new(site.command().args(["fastcgi", "--listen", &place]));
        until("it listens", HANG, || TcpStream::connect(address).is_ok());
        let answer = ask(TcpStream::connect(address).unwrap(), &get(&format!("{RUN}?age=3")));
        assert_eq!(answer.json(), json!(["--age", "3"]));
        let told = refused(site.command().args(["fastcgi", "--listen", &place]));
        assert!(told.contains(&place) && told.contains("stop it first"), "a second start fails clearly: {told}");
        server.end();
    }
}

#[test]
fn listen_on_descriptor_0() {
    let site = hello(Wire::FastCgi);
    for words in [&[][..], &["fastcgi"]] {
        let listener: OwnedFd = UnixListener::bind(site.path("socket")).unwrap().into();
        let server = Started::new(site.command().args(words).stdin(listener));
        works(&site);
        // descriptor 0 of a run is /dev/null, not the socket
        assert_eq!(
            site.runs().iter().filter(|run| run.descriptors().get(&0).is_none_or(|is| is != "/dev/null")).count(),
            0
        );
        server.end();
        assert!(site.path("socket").exists(), "it is not ours to remove");
        std::fs::remove_file(site.path("socket")).unwrap();
    }
}

#[test]
fn listen_on_descriptor_0_of_spawn_fcgi() {
    let Some(program) = servers::program("spawn-fcgi") else { return };
    let site = hello(Wire::FastCgi);
    let socket = site.path("socket").display().to_string();
    let site = site.under(&[program.to_str().unwrap(), "-n", "-s", &socket, "--"]);
    let wrapper = Wrapper::start(site.command(), &site.path("socket"));
    works(&site);
    drop(wrapper);
}

/// sd_listen_fds(3): LISTEN_FDS=1, LISTEN_PID is the process, the socket is descriptor 3.
#[test]
fn listen_by_socket_activation() {
    let site =
        hello(Wire::FastCgi).under(&["/bin/sh", "-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\" 3<&0 0</dev/null", "sh"]);
    for words in [&[][..], &["fastcgi"]] {
        let listener: OwnedFd = UnixListener::bind(site.path("socket")).unwrap().into();
        let server = Started::new(site.command().args(words).stdin(listener));
        works(&site);
        server.end();
        std::fs::remove_file(site.path("socket")).unwrap();
    }
}

#[test]
fn listen_by_systemd_socket_activate() {
    let Some(program) = servers::program("systemd-socket-activate") else { return };
    let site = hello(Wire::FastCgi);
    let socket = site.path("socket").display().to_string();
    // it starts the program at the first connection, and passes on only the variables that it is told
    let mut command = Command::new(program);
    command.arg("--listen").arg(&socket);
    for (name, value) in site.command().get_envs() {
        command.arg("-E").arg(format!("{}={}", name.to_str().unwrap(), value.unwrap().to_str().unwrap()));
    }
    let log = std::fs::File::options().append(true).open(site.path("log")).unwrap();
    command.arg(crate::support::site::PROGRAM).env_clear().stderr(log);
    let wrapper = Wrapper::start(command, &site.path("socket"));
    works(&site);
    drop(wrapper);
}

/// LISTEN_PID of another process: the socket on descriptor 3 is not for us.
#[test]
fn activation_for_another_process_is_not_taken() {
    let site =
        hello(Wire::FastCgi).under(&["/bin/sh", "-c", "LISTEN_FDS=1 LISTEN_PID=1 exec \"$@\" 3<&0 0</dev/null", "sh"]);
    let listener: OwnedFd = UnixListener::bind(site.path("socket")).unwrap().into();
    let told = refused(site.command().arg("fastcgi").stdin(listener));
    assert!(told.contains("no listening socket"), "{told}");
}

#[test]
fn without_a_socket_the_start_fails_clearly() {
    let site = hello(Wire::FastCgi);
    let told = refused(site.command().arg("fastcgi"));
    assert!(told.contains("no listening socket") && told.contains("--listen"), "{told}");
    let long = format!("unix:{}", site.path(&"x".repeat(108)).display());
    let told = refused(site.command().args(["fastcgi", "--listen", &long]));
    assert!(told.contains("107 bytes"), "{told}");
}

#[test]
fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let site = hello(Wire::FastCgi);
    let path = site.path("socket");
    let listen = format!("unix:{}", path.display());
    drop(UnixListener::bind(&path).unwrap());
    assert!(UnixStream::connect(&path).is_err(), "stale");
    let server = Started::new(site.command().args(["fastcgi", "--listen", &listen]));
    until("it listens", HANG, || UnixStream::connect(&path).is_ok());
    works(&site);
    let told = refused(site.command().args(["fastcgi", "--listen", &listen]));
    assert!(told.contains("another server listens"), "{told}");
    works(&site);
    server.end();
    std::fs::write(&path, "precious").unwrap();
    refused(site.command().args(["fastcgi", "--listen", &listen]));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_folder_that_cannot_be_entered_is_named() {
    let site = hello(Wire::FastCgi);
    let closed = site.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
    let listen = format!("unix:{}", closed.join("socket").display());
    if rustix::process::geteuid().is_root() {
        return crate::support::skip("root may write everywhere");
    }
    let told = refused(site.command().args(["fastcgi", "--listen", &listen])).to_lowercase();
    assert!(told.contains("permission denied") && told.contains(&listen[5..].to_lowercase()), "{told}");
}

/// TERM: nobody new is let in, what is under way is finished.
#[test]
fn term_finishes_what_is_under_way() {
    let site = Site::new(Wire::FastCgi).image("sleep-1500.sif", &[]);
    let mut talk = site.open(&get("/container/run/sleep-1500.sif").accept(EVENTS));
    talk.wait_for("event: command");
    site.wait_for_runs(1);
    std::thread::scope(|scope| {
        let ended = scope.spawn(|| site.end(Signal::TERM));
        let answer = talk.finish();
        assert!(answer.text().contains("slept") && answer.text().contains("event: exit"), "{}", answer.text());
        assert!(ended.join().unwrap().is_some_and(|status| status.success()));
    });
}
