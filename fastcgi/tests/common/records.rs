//! FastCGI records as a web server sends and reads them (FastCGI 1.0 §3), for the tests of this package and of the program.
//!
//! Built and read without the library, so that a mistake in its own encoding cannot hide here.
#![allow(dead_code)]

use std::io::{ErrorKind, Read, Result};

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

/// A record with padding.
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

/// A name-value pair (§3.4).
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

/// A stream cut into records, with its end.
pub fn stream(kind: u8, id: u16, bytes: &[u8]) -> Vec<u8> {
    let mut records: Vec<u8> = bytes.chunks(0xffff).flat_map(|chunk| record(kind, id, chunk)).collect();
    records.extend(record(kind, id, b""));
    records
}

/// A record that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: u8,
    pub id: u16,
    pub content: Vec<u8>,
}

impl Record {
    /// The next record; nothing when the connection is closed.
    pub fn read(connection: &mut impl Read) -> Result<Option<Record>> {
        let mut header = [0; 8];
        match connection.read_exact(&mut header) {
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                return Ok(None);
            }
            read => read?,
        }
        let [version, kind, id1, id0, length1, length0, padding, _] = header;
        assert_eq!(version, 1);
        let mut content = vec![0; u16::from_be_bytes([length1, length0]).into()];
        connection.read_exact(&mut content)?;
        connection.read_exact(&mut vec![0; padding.into()])?;
        Ok(Some(Record { kind, id: u16::from_be_bytes([id1, id0]), content }))
    }
}
