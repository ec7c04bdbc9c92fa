//! Real web servers and FastCGI wrappers, and a visitor of theirs who speaks HTTP/1.1 (RFC 9112).
//!
//! A [`Server`] runs in the foreground, in a folder of its own, on a free port of 127.0.0.1 or on a Unix socket; it
//! ends, with all of its process group, when it is dropped. Drop it before the [`Site`](super::Site) that it serves.
//! Where a program is not installed the start is `None`, and the reason is printed.
//!
//! ```text
//! let conf = "daemon off; pid nginx.pid; events {} http { server { listen ADDRESS; } }";
//! let server = servers::nginx(|here| conf.replace("ADDRESS", &here.address.to_string()))?;
//! let answer = server.ask(&servers::http("GET", "/", &[("Accept", "*/*")], b""));
//! ```

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tempfile::TempDir;

use super::fcgi::{self, Connection};
use super::{Answer, HANG, processes::GONE, skip};

/// Where system administrators' programs are; ordinary users have not all of these in PATH.
const PLACES: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"];
/// A port that was free can be taken before the server has it.
const ATTEMPTS: usize = 3;

/// Where a server is to work, for its configuration.
pub struct Here<'a> {
    /// Its own folder; everything it writes should be in it.
    pub folder: &'a Path,
    /// Where it is to listen.
    pub address: SocketAddr,
}

/// A server under way.
pub struct Server {
    child: Child,
    folder: TempDir,
    address: SocketAddr,
}

/// The program of this name; where there is none, says so.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = PLACES.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// nginx with this `nginx.conf`. It has to say `daemon off;`, and to name process id, logs and temporary files relative
/// to its folder (`pid nginx.pid;`).
pub fn nginx(conf: impl Fn(&Here) -> String) -> Option<Server> {
    let program = program("nginx")?;
    Some(Server::start("nginx", conf, |here, conf| {
        let mut command = Command::new(&program);
        command.args(["-e", "error.log", "-p"]).arg(here.folder).arg("-c").arg(conf);
        command
    }))
}

/// Apache 2.4 with this configuration file. Its folder is `ServerRoot`.
pub fn apache(conf: impl Fn(&Here) -> String) -> Option<Server> {
    let program = program("apache2")?;
    Some(Server::start("apache2", conf, |here, conf| {
        let mut command = Command::new(&program);
        command.arg("-DFOREGROUND").arg("-d").arg(here.folder).arg("-f").arg(conf).arg("-E").arg("error.log");
        command
    }))
}

/// lighttpd with this configuration file.
pub fn lighttpd(conf: impl Fn(&Here) -> String) -> Option<Server> {
    let program = program("lighttpd")?;
    Some(Server::start("lighttpd", conf, |_, conf| {
        let mut command = Command::new(&program);
        command.arg("-D").arg("-f").arg(conf);
        command
    }))
}

/// chromedriver, which starts Chromium: what they keep lies in the server's folder.
pub fn chromedriver() -> Option<Server> {
    let [program, env] = ["chromedriver", "env"].map(program);
    let (program, env) = (program?, env?);
    Some(Server::start(
        "chromedriver",
        |_| String::new(),
        |here, _| {
            let mut command = Command::new(&env);
            command.arg(format!("HOME={}", here.folder.display())).arg(&program);
            command.arg(format!("--port={}", here.address.port()));
            command
        },
    ))
}

/// What listens on a Unix socket in a web server's place: fcgiwrap, spawn-fcgi, systemd-socket-activate.
pub struct Wrapper(Child);

/// fcgiwrap: FastCGI in, CGI programs out; `children` requests at once.
pub fn fcgiwrap(socket: &Path, children: usize) -> Option<Wrapper> {
    let mut command = Command::new(program("fcgiwrap")?);
    command.args(["-f", "-c", &children.to_string(), "-s"]).arg(format!("unix:{}", socket.display())).env_clear();
    Some(Wrapper::start(command, socket))
}

impl Wrapper {
    /// Starts a command and waits until somebody listens on the socket.
    pub fn start(mut command: Command, socket: &Path) -> Wrapper {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0).spawn();
        let mut wrapper = Wrapper(child.unwrap_or_else(|error| panic!("{command:?}: {error}")));
        let begun = Instant::now();
        while UnixStream::connect(socket).is_err() {
            let ended = wrapper.0.try_wait().expect("a child");
            assert!(ended.is_none() && begun.elapsed() < HANG, "{command:?} does not listen: {ended:?}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        wrapper
    }

    /// The wrapper's own process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

impl Server {
    fn start(name: &str, conf: impl Fn(&Here) -> String, command: impl Fn(&Here, &Path) -> Command) -> Server {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new().prefix("sn-server-").tempdir().expect("a temporary folder");
            let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
            let here = Here { folder: folder.path(), address };
            let file = folder.path().join("conf");
            fs::write(&file, conf(&here)).expect("a configuration");
            let log = File::create(folder.path().join("stderr")).expect("a log");
            let mut command = command(&here, &file);
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
            command.env_clear().env("PATH", PLACES.join(":")).env("LANG", "C.UTF-8").env("TMPDIR", folder.path());
            let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let mut server = Server { child, folder, address };
            if server.listens() {
                return server;
            }
            said = server.log();
        }
        panic!("{name} does not start: {said}");
    }

    /// Waits until it listens; false when it has ended instead.
    fn listens(&mut self) -> bool {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if self.child.try_wait().expect("a child").is_some() {
                return false;
            }
            assert!(begun.elapsed() < HANG, "does not listen: {}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // the port may be another server's
        self.child.try_wait().expect("a child").is_none()
    }

    /// Its first process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has written to stderr and to `error.log`.
    pub fn log(&self) -> String {
        let read = |name| fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("stderr"), read("error.log")].concat()).into_owned()
    }

    pub fn visit(&self) -> Visit {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(HANG)).expect("a socket");
        Visit { stream, bytes: Vec::new(), asked_head: false }
    }

    /// One request over a connection of its own.
    pub fn ask(&self, request: &[u8]) -> Answer {
        self.visit().ask(request)
    }

    /// A GET with these fields.
    pub fn get(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(&http("GET", target, fields, b""))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// TERM, and KILL for what is left of the process group.
fn end(child: &mut Child) {
    let pid = Pid::from_child(child);
    let _ = kill_process(pid, Signal::TERM);
    let begun = Instant::now();
    // the zombie keeps the number from being used again
    let ended = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT);
    while ended().is_ok_and(|status| status.is_none()) && begun.elapsed() < GONE {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let _ = kill_process_group(pid, Signal::KILL);
    let _ = child.wait();
}

/// A request, with `Host: localhost` unless the fields have one.
pub fn http(method: &str, target: &str, fields: &[(&str, &str)], content: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text += "Host: localhost\r\n";
    }
    if !content.is_empty() {
        text += &format!("Content-Length: {}\r\n", content.len());
    }
    for (name, value) in fields {
        text += &format!("{name}: {value}\r\n");
    }
    [text.as_bytes(), b"\r\n", content].concat()
}

/// A visitor's connection.
pub struct Visit {
    stream: TcpStream,
    bytes: Vec<u8>,
    asked_head: bool,
}

impl Visit {
    pub fn send(&mut self, request: &[u8]) {
        self.asked_head = request.starts_with(b"HEAD ");
        self.stream.write_all(request).expect("the server reads");
    }

    /// Reads more; false at the end.
    fn more(&mut self) -> bool {
        let mut piece = vec![0; 65_536];
        let length = loop {
            match self.stream.read(&mut piece) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.unwrap_or_else(|error| panic!("{error} after {}", self.seen())),
            }
        };
        self.bytes.extend(&piece[..length]);
        length > 0
    }

    /// What has come and is not yet part of an answer.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Waits until the answer holds this text.
    pub fn wait_for(&mut self, text: &str) {
        while !self.seen().contains(text) {
            assert!(self.more(), "no {text:?} in {}", self.seen());
        }
    }

    /// Sends a request and reads its answer; the connection can be used again.
    pub fn ask(&mut self, request: &[u8]) -> Answer {
        self.send(request);
        self.answer()
    }

    /// Reads the answer to what was sent.
    pub fn answer(&mut self) -> Answer {
        let head = self.until(b"\r\n\r\n");
        let head = String::from_utf8(head).expect("a header is text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
        let fields = lines.map(|line| line.split_once(':').unwrap_or_else(|| panic!("no field: {line:?}")));
        let headers = fields.map(|(name, value)| (name.to_owned(), value.trim_start().to_owned())).collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        if self.asked_head || matches!(status, 204 | 304) {
            return answer;
        }
        answer.body = match (answer.header("Transfer-Encoding"), answer.header("Content-Length")) {
            (Some("chunked"), None) => self.chunks(),
            (None, Some(length)) => self.take(length.parse().expect("a length")),
            (None, None) => self.rest(),
            other => panic!("{other:?}"),
        };
        answer
    }

    /// Everything up to the server's close.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.bytes)
    }

    fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.bytes.windows(end.len()).position(|piece| piece == end) {
                return self.bytes.drain(..at + end.len()).collect();
            }
            assert!(self.more(), "the answer ends early: {:?}", self.seen());
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.bytes.len() < length {
            assert!(self.more(), "the answer ends early: {:?}", self.seen());
        }
        self.bytes.drain(..length).collect()
    }

    /// RFC 9112 §7.1.
    fn chunks(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n")).expect("a chunk's size");
            let length = usize::from_str_radix(line.trim_end(), 16).expect("a chunk's size");
            content.extend(self.take(length));
            assert_eq!(self.take(2), b"\r\n");
            if length == 0 {
                return content;
            }
        }
    }
}

/// An application that says nothing but what it was told.
pub struct Upstream {
    /// Its requests.
    pub seen: Arc<Mutex<Vec<Told>>>,
}

/// Number of the connection, whether it is to be kept, variables.
pub type Told = (usize, bool, Vec<(String, String)>);

impl Upstream {
    /// Listens; `answers`: sends an answer, else closes the connection.
    pub fn new(socket: &Path, answers: bool) -> Upstream {
        fs::create_dir_all(socket.parent().expect("a folder")).expect("a folder");
        let listener = UnixListener::bind(socket).expect("a socket");
        let seen: Arc<Mutex<Vec<Told>>> = Arc::default();
        let told = Arc::clone(&seen);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let told = Arc::clone(&told);
                std::thread::spawn(move || Upstream::serve(number, Connection(stream), &told, answers));
            }
        });
        Upstream { seen }
    }

    fn serve(number: usize, mut connection: Connection, told: &Mutex<Vec<Told>>, answers: bool) {
        let (mut keep, mut params) = (false, Vec::new());
        while let Some(record) = connection.record() {
            match record.kind {
                fcgi::BEGIN => keep = record.content[2] & 1 == 1,
                fcgi::PARAMS => params.extend(record.content),
                fcgi::STDIN if record.content.is_empty() => {
                    told.lock().expect("a lock").push((number, keep, pairs(&std::mem::take(&mut params))));
                    if !answers {
                        return;
                    }
                    let text = b"Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
                    connection
                        .send(&[fcgi::stream(fcgi::STDOUT, 1, text), fcgi::record(fcgi::END, 1, &[0; 8])].concat());
                }
                _ => {}
            }
        }
    }
}

/// Name-value pairs (FastCGI 1.0 §3.4).
fn pairs(mut bytes: &[u8]) -> Vec<(String, String)> {
    fn length(bytes: &mut &[u8]) -> usize {
        let size = if bytes[0] < 128 { 1 } else { 4 };
        let (number, rest) = bytes.split_at(size);
        *bytes = rest;
        number.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) & 0x7fff_ffff
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (name, value) = (length(&mut bytes), length(&mut bytes));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        found.push((text(&bytes[..name]), text(&bytes[name..name + value])));
        bytes = &bytes[name + value..];
    }
    found
}
