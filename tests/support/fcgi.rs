//! A FastCGI client reduced to records (FastCGI 1.0 §3), and a request of a test as records.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{HANG, Request};

#[path = "../../fastcgi/tests/common/records.rs"]
mod records;

pub use records::{
    ABORT, BEGIN, END, GET_VALUES, PARAMS, Record, STDERR, STDIN, STDOUT, UNKNOWN_TYPE, begin, padded, pair, record,
    stream,
};

/// All records of a request.
pub fn encode(request: &Request, id: u16, keep: bool) -> Vec<u8> {
    let pairs: Vec<u8> = request.variables.iter().flat_map(|(name, value)| pair(name, value)).collect();
    [begin(id, 1, keep), stream(PARAMS, id, &pairs), stream(STDIN, id, &request.content)].concat()
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
        match Record::read(&mut self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the server is silent"),
            Err(_) => None,
            Ok(record) => record,
        }
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
