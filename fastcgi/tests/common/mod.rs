//! The other side of the socket: a web server reduced to the bytes it sends, and a place for a server to listen.
//!
//! Builds and reads records by itself, so that a mistake in the library's own encoding cannot hide here.
//! Every wait ends after [`HANG`].
#![allow(dead_code)]

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastcgi::{Request, Server, ShutdownHandle};
use tempfile::TempDir;

/// A test that waits longer than this hangs.
pub const HANG: Duration = Duration::from_secs(20);
/// Far more than a server may read for nobody.
pub const FLOOD: usize = 100_000_000;

pub const BEGIN: u8 = 1;
pub const ABORT: u8 = 2;
pub const END: u8 = 3;
pub const PARAMS: u8 = 4;
pub const STDIN: u8 = 5;
pub const STDOUT: u8 = 6;
pub const STDERR: u8 = 7;
pub const GET_VALUES: u8 = 9;
pub const VALUES_RESULT: u8 = 10;
pub const UNKNOWN_TYPE: u8 = 11;

pub fn padded(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("content of one record");
    let mut bytes = vec![1, kind, (id >> 8) as u8, id as u8, (length >> 8) as u8, length as u8, padding, 0];
    bytes.extend_from_slice(content);
    bytes.extend(vec![0xAA; padding.into()]);
    bytes
}

pub fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind, id, content, 0)
}

pub fn begin(id: u16, role: u8, keep: bool) -> Vec<u8> {
    record(BEGIN, id, &[0, role, keep.into(), 0, 0, 0, 0, 0])
}

pub fn pair(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in [name, value] {
        match part.len() {
            short @ ..128 => bytes.push(short as u8),
            long => bytes.extend((long as u32 | 0x8000_0000).to_be_bytes()),
        }
    }
    [bytes.as_slice(), name, value].concat()
}

pub fn pairs(list: &[(&str, &str)]) -> Vec<u8> {
    list.iter().flat_map(|(name, value)| pair(name.as_bytes(), value.as_bytes())).collect()
}

/// A stream cut into records, with its end.
pub fn stream(kind: u8, id: u16, bytes: &[u8]) -> Vec<u8> {
    let mut records: Vec<u8> = bytes.chunks(0xffff).flat_map(|chunk| record(kind, id, chunk)).collect();
    records.extend(record(kind, id, b""));
    records
}

/// A whole request.
pub fn request(id: u16, keep: bool, params: &[(&str, &str)], stdin: &[u8]) -> Vec<u8> {
    [begin(id, 1, keep), stream(PARAMS, id, &pairs(params)), stream(STDIN, id, stdin)].concat()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: u8,
    pub id: u16,
    pub content: Vec<u8>,
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
        let mut header = [0; 8];
        match self.0.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => return None,
            Err(error) => panic!("no record: {error}"),
        }
        let [version, kind, id1, id0, length1, length0, padding, _] = header;
        assert_eq!(version, 1);
        let mut content = vec![0; u16::from_be_bytes([length1, length0]).into()];
        self.0.read_exact(&mut content).expect("content");
        self.0.read_exact(&mut vec![0; padding.into()]).expect("padding");
        Some(Record { kind, id: u16::from_be_bytes([id1, id0]), content })
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
