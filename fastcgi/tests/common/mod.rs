//! The other side of the socket: a web server reduced to the bytes it sends, and a place for a server to listen.
//!
//! Builds and reads records by itself, so that a mistake in the library's own encoding cannot hide here.
//! Every wait ends after [`HANG`].
#![allow(dead_code, unused_imports)]

pub mod records;

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastcgi::{Request, Server, ShutdownHandle};
pub use records::{
    ABORT, BEGIN, END, GET_VALUES, PARAMS, Record, STDERR, STDIN, STDOUT, UNKNOWN_TYPE, VALUES_RESULT, begin, padded,
    pair, record, stream,
};
use tempfile::TempDir;

/// A test that waits longer than this hangs.
pub const HANG: Duration = Duration::from_secs(20);
/// Far more than a server may read for nobody.
pub const FLOOD: usize = 100_000_000;

pub fn pairs(list: &[(&str, &str)]) -> Vec<u8> {
    list.iter().flat_map(|(name, value)| pair(name.as_bytes(), value.as_bytes())).collect()
}

/// A whole request.
pub fn request(id: u16, keep: bool, params: &[(&str, &str)], stdin: &[u8]) -> Vec<u8> {
    [begin(id, 1, keep), stream(PARAMS, id, &pairs(params)), stream(STDIN, id, stdin)].concat()
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub stdout: String,
    pub stderr: String,
    pub code: u32,
    pub status: u8,
}

pub struct Client<S = UnixStream>(pub S);

impl Client {
    pub fn connect(path: &std::path::Path) -> Self {
        let stream = UnixStream::connect(path).expect("connect");
        stream.set_read_timeout(Some(HANG)).expect("timeout");
        stream.set_write_timeout(Some(HANG)).expect("timeout");
        Self(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server takes our bytes");
    }

    /// The next record; `None`: the connection is closed.
    pub fn record(&mut self) -> Option<Record> {
        Record::read(&mut self.0).unwrap_or_else(|error| panic!("no record: {error}"))
    }

    /// Everything up to the END_REQUEST for this request; no record may be for anybody else.
    pub fn answer(&mut self, id: u16) -> Answer {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            let record = self.record().expect("an answer before the end of the connection");
            assert_eq!(record.id, id);
            match record.kind {
                STDOUT => stdout.extend(record.content),
                STDERR => stderr.extend(record.content),
                END => {
                    let [c3, c2, c1, c0, status, 0, 0, 0] = record.content[..] else { panic!("{record:?}") };
                    return Answer {
                        stdout: String::from_utf8(stdout).expect("text"),
                        stderr: String::from_utf8(stderr).expect("text"),
                        code: u32::from_be_bytes([c3, c2, c1, c0]),
                        status,
                    };
                }
                kind => panic!("record of type {kind} in an answer"),
            }
        }
    }

    /// Sends a request and gives its STDOUT.
    pub fn ask(&mut self, keep: bool, params: &[(&str, &str)], stdin: &[u8]) -> String {
        self.send(&request(1, keep, params, stdin));
        let answer = self.answer(1);
        assert_eq!((answer.code, answer.status), (0, 0), "{answer:?}");
        answer.stdout
    }

    /// Sends the same bytes until the server takes no more, or `most` are sent; says how many were.
    pub fn flood(&mut self, bytes: &[u8], most: usize) -> usize {
        let mut sent = 0;
        while sent < most && self.0.write_all(bytes).is_ok() {
            sent += bytes.len();
        }
        sent
    }

    /// Waits for the end of the connection; what still comes is dropped.
    pub fn closed(&mut self) {
        let mut scrap = [0; 65536];
        loop {
            match self.0.read(&mut scrap) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("the connection stays open: {error}"),
            }
        }
    }
}

/// A server in a thread, listening in a folder of its own.
pub struct Site {
    folder: TempDir,
    pub stop: ShutdownHandle,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Site {
    pub fn start(handler: impl Fn(&mut Request) + Send + Sync + 'static) -> Self {
        Self::with(|server| server, handler)
    }

    pub fn with(
        options: impl FnOnce(Server) -> Server,
        handler: impl Fn(&mut Request) + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let listener = UnixListener::bind(folder.path().join("socket")).expect("socket");
        let stop = ShutdownHandle::new().expect("handle");
        let server = options(Server::new(listener).shutdown(stop.clone()));
        let thread = std::thread::spawn(move || server.serve(handler));
        Self { folder, stop, thread: Some(thread) }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub fn connect(&self) -> Client {
        Client::connect(&self.path())
    }

    /// One request on a connection of its own.
    pub fn ask(&self, params: &[(&str, &str)]) -> String {
        self.connect().ask(false, params, b"")
    }

    /// The end of `serve`.
    pub fn finish(&mut self) -> std::io::Result<()> {
        let thread = self.thread.take().expect("finished once");
        until(|| thread.is_finished());
        thread.join().expect("serve does not panic")
    }
}

impl Drop for Site {
    /// Every test ends with a drain, which must come to its end too.
    fn drop(&mut self) {
        if self.thread.is_some() && !std::thread::panicking() {
            self.stop.drain();
            self.finish().expect("drain");
        }
    }
}

/// Waits until it is so.
pub fn until(so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < HANG, "it does not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A handler that says what it was given: parameters in order, then the body's length.
pub fn echo(request: &mut Request) {
    let mut text: String = request.params().map(|(name, value)| format!("{name}={value}\n")).collect();
    let mut body = Vec::new();
    match request.stdin().read_to_end(&mut body) {
        Ok(length) => text += &format!("body={length}\n"),
        Err(error) => text += &format!("body failed: {:?}\n", error.kind()),
    }
    let _ = request.stdout().write_all(text.as_bytes());
}
