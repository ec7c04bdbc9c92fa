//! A FastCGI client reduced to records (FastCGI 1.0 §3): builds them by itself, so that a mistake in the server's own
//! encoding cannot hide here.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{HANG, Request};

pub const BEGIN: u8 = 1;
pub const ABORT: u8 = 2;
pub const END: u8 = 3;
pub const PARAMS: u8 = 4;
pub const STDIN: u8 = 5;
pub const STDOUT: u8 = 6;
pub const STDERR: u8 = 7;
pub const GET_VALUES: u8 = 9;
pub const UNKNOWN_TYPE: u8 = 11;

/// A record with padding.
pub fn padded(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let ([id1, id0], [length1, length0]) = (id.to_be_bytes(), (content.len() as u16).to_be_bytes());
    let mut bytes = vec![1, kind, id1, id0, length1, length0, padding, 0];
    bytes.extend(content);
    bytes.extend(vec![0x55; padding.into()]);
    bytes
}

pub fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind, id, content, 0)
}

pub fn begin(id: u16, role: u8, keep: bool) -> Vec<u8> {
    record(BEGIN, id, &[0, role, keep.into(), 0, 0, 0, 0, 0])
}

/// A name-value pair (§3.4).
pub fn pair(name: &[u8], value: &[u8]) -> Vec<u8> {
    let length = |length: usize| match length {
        0..128 => vec![length as u8],
        _ => (length as u32 | 0x8000_0000).to_be_bytes().to_vec(),
    };
    [&length(name.len())[..], &length(value.len()), name, value].concat()
}

/// A stream as records, with its end.
pub fn stream(kind: u8, id: u16, bytes: &[u8]) -> Vec<u8> {
    let mut records: Vec<u8> = bytes.chunks(0xffff).flat_map(|piece| record(kind, id, piece)).collect();
    records.extend(record(kind, id, b""));
    records
}

/// All records of a request.
pub fn encode(request: &Request, id: u16, keep: bool) -> Vec<u8> {
    let pairs: Vec<u8> = request.variables.iter().flat_map(|(name, value)| pair(name, value)).collect();
    [begin(id, 1, keep), stream(PARAMS, id, &pairs), stream(STDIN, id, &request.content)].concat()
}

/// A record that came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: u8,
    pub id: u16,
    pub content: Vec<u8>,
}

/// A web server's connection.
pub struct Connection(pub UnixStream);

impl Connection {
    pub fn open(socket: &Path) -> std::io::Result<Connection> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(HANG))?;
        stream.set_write_timeout(Some(HANG))?;
        Ok(Connection(stream))
    }

    /// Sends bytes; a server that has had enough may have closed already.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// The next record; nothing when the connection is closed.
    pub fn record(&mut self) -> Option<Record> {
        let mut header = [0; 8];
        match self.0.read_exact(&mut header) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the server is silent"),
            Err(_) => return None,
            Ok(()) => {}
        }
        let [version, kind, id1, id0, length1, length0, padding, _] = header;
        assert_eq!(version, 1);
        let mut content = vec![0; u16::from_be_bytes([length1, length0]).into()];
        self.0.read_exact(&mut content).expect("the content of a record");
        self.0.read_exact(&mut vec![0; padding.into()]).expect("the padding of a record");
        Some(Record { kind, id: u16::from_be_bytes([id1, id0]), content })
    }

    /// What this request's STDOUT holds, up to its END_REQUEST; nothing when the connection closes before.
    pub fn answer(&mut self, id: u16) -> Option<Vec<u8>> {
        let mut stdout = Vec::new();
        loop {
            let record = self.record()?;
            match record.kind {
                STDOUT if record.id == id => stdout.extend(record.content),
                END if record.id == id => return Some(stdout),
                _ => {}
            }
        }
    }
}
