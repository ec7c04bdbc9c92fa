//! Records: the bytes on the socket and what they mean.
//!
//! In: byte slices. Out: headers, request beginnings, name-value pairs, and finished records as bytes.
//! Pure: no I/O, no state, and no length read here is ever believed by allocating it.
//! Obeys the FastCGI Specification 1.0, sections 3.3 (records), 3.4 (name-value pairs), 4 and 5 (record types).
//!
//! ```text
//! byte  0        1     2..4        4..6            6               7         8 …
//!     | version | type | request id | content length | padding length | reserved | content | padding |
//! ```

/// The only version there is (section 3.3).
const VERSION: u8 = 1;
/// Length of a record's header.
pub const HEADER: usize = 8;
/// Length of the bodies of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE.
pub const BODY: usize = 8;
/// Bit of BEGIN_REQUEST's flags: leave the connection open after the answer.
const KEEP_CONN: u8 = 1;
/// Bit of a pair's first length byte: the length has four bytes.
const LONG: u8 = 0x80;

/// Record types (section 8).
pub mod kind {
    pub const BEGIN_REQUEST: u8 = 1;
    pub const ABORT_REQUEST: u8 = 2;
    pub const END_REQUEST: u8 = 3;
    pub const PARAMS: u8 = 4;
    pub const STDIN: u8 = 5;
    pub const STDOUT: u8 = 6;
    pub const STDERR: u8 = 7;
    pub const DATA: u8 = 8;
    pub const GET_VALUES: u8 = 9;
    pub const GET_VALUES_RESULT: u8 = 10;
    pub const UNKNOWN_TYPE: u8 = 11;
}

/// How a request ended, for END_REQUEST (section 5.5). FCGI_OVERLOADED is not among them: a full house lets callers wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolStatus {
    RequestComplete = 0,
    CantMultiplex = 1,
    UnknownRole = 3,
}

/// The eight bytes before every content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: u8,
    pub id: u16,
    pub content: u16,
    pub padding: u8,
}

impl Header {
    /// `None`: another version of the protocol, or no FastCGI at all.
    pub fn decode(bytes: [u8; HEADER]) -> Option<Self> {
        let [version, kind, id1, id0, length1, length0, padding, _] = bytes;
        (version == VERSION).then_some(Self {
            kind,
            id: u16::from_be_bytes([id1, id0]),
            content: u16::from_be_bytes([length1, length0]),
            padding,
        })
    }

    pub fn encode(self) -> [u8; HEADER] {
        let ([id1, id0], [length1, length0]) = (self.id.to_be_bytes(), self.content.to_be_bytes());
        [VERSION, self.kind, id1, id0, length1, length0, self.padding, 0]
    }
}

/// The headers of the records that stand one after the other in `bytes`, each as soon as all of it is there.
pub fn headers(mut bytes: &[u8]) -> impl Iterator<Item = Header> + '_ {
    std::iter::from_fn(move || {
        let header = bytes.first_chunk().copied().and_then(Header::decode)?;
        let length = HEADER + usize::from(header.content) + usize::from(header.padding);
        bytes = bytes.get(length..).unwrap_or_default();
        Some(header)
    })
}

/// The body of BEGIN_REQUEST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    pub role: u16,
    pub keep: bool,
}

impl Begin {
    /// Unknown flags are no error: the specification reserves them.
    pub fn decode(body: [u8; BODY]) -> Self {
        let [role1, role0, flags, ..] = body;
        Self { role: u16::from_be_bytes([role1, role0]), keep: flags & KEEP_CONN != 0 }
    }
}

/// Appends a record; content beyond 65,535 bytes, which no caller has, is left out.
fn append(out: &mut Vec<u8>, kind: u8, id: u16, content: &[u8]) {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&Header { kind, id, content: length, padding: 0 }.encode());
    out.extend(content.iter().take(length.into()));
}

/// An empty record: the end of a stream.
pub fn end_stream(out: &mut Vec<u8>, kind: u8, id: u16) {
    append(out, kind, id, &[]);
}

/// END_REQUEST (section 5.5).
pub fn end_request(out: &mut Vec<u8>, id: u16, code: u32, status: ProtocolStatus) {
    let [c3, c2, c1, c0] = code.to_be_bytes();
    append(out, kind::END_REQUEST, id, &[c3, c2, c1, c0, status as u8, 0, 0, 0]);
}

/// UNKNOWN_TYPE (section 4.2).
pub fn unknown_type(out: &mut Vec<u8>, unknown: u8) {
    append(out, kind::UNKNOWN_TYPE, 0, &[unknown, 0, 0, 0, 0, 0, 0, 0]);
}

/// GET_VALUES_RESULT (section 4.1) for the content of a GET_VALUES; names we do not know are left out, as it demands.
pub fn values_result(out: &mut Vec<u8>, asked: &[u8], connections: usize) -> Result<(), Malformed> {
    let connections = connections.to_string();
    let known: [(&[u8], &[u8]); 3] = [
        (b"FCGI_MAX_CONNS", connections.as_bytes()),
        (b"FCGI_MAX_REQS", connections.as_bytes()),
        (b"FCGI_MPXS_CONNS", b"0"),
    ];
    let mut wanted = [false; 3];
    for pair in Pairs::new(asked) {
        let (name, _) = pair?;
        for (wanted, (known, _)) in wanted.iter_mut().zip(&known) {
            *wanted |= *known == name;
        }
    }
    let mut content = Vec::new();
    for (_, (name, value)) in wanted.iter().zip(known).filter(|(wanted, _)| **wanted) {
        // Both are far below 128 bytes: one length byte each.
        content.extend([name.len() as u8, value.len() as u8]);
        content.extend_from_slice(name);
        content.extend_from_slice(value);
    }
    append(out, kind::GET_VALUES_RESULT, 0, &content);
    Ok(())
}

/// A pair claims more bytes than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Name-value pairs, one after the other, in the order sent. Ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Pairs<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn length(&mut self) -> Option<usize> {
        let (&first, rest) = self.rest.split_first()?;
        if first & LONG == 0 {
            self.rest = rest;
            return Some(first.into());
        }
        let (&[b3, b2, b1, b0], rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        usize::try_from(u32::from_be_bytes([b3 & !LONG, b2, b1, b0])).ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn pair(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let (name, value) = (self.length()?, self.length()?);
        Some((self.take(name)?, self.take(value)?))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let pair = self.pair().ok_or(Malformed);
        if pair.is_err() {
            self.rest = &[];
        }
        Some(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_round_trip() {
        for header in [
            Header { kind: 1, id: 1, content: 8, padding: 0 },
            Header { kind: 255, id: 0xfffe, content: 0xffff, padding: 255 },
            Header { kind: 0, id: 0, content: 0, padding: 0 },
        ] {
            assert_eq!(Header::decode(header.encode()), Some(header));
        }
    }

    #[test]
    fn a_header_is_laid_out_as_section_3_3_draws_it() {
        let header = Header { kind: 6, id: 0x0102, content: 0x0304, padding: 5 };
        assert_eq!(header.encode(), [1, 6, 1, 2, 3, 4, 5, 0]);
        // The reserved byte may hold anything.
        assert_eq!(Header::decode([1, 6, 1, 2, 3, 4, 5, 77]), Some(header));
    }

    #[test]
    fn another_version_is_refused() {
        for version in (0..=255).filter(|version| *version != VERSION) {
            assert_eq!(Header::decode([version, 1, 0, 1, 0, 8, 0, 0]), None);
        }
    }

    #[test]
    fn begin_request_ignores_flags_it_does_not_know() {
        assert_eq!(Begin::decode([0, 1, 0xfe, 9, 9, 9, 9, 9]), Begin { role: 1, keep: false });
        assert_eq!(Begin::decode([1, 2, 0xff, 0, 0, 0, 0, 0]), Begin { role: 0x0102, keep: true });
    }

    #[test]
    fn answers_are_laid_out_as_the_specification_draws_them() {
        let mut out = Vec::new();
        end_request(&mut out, 7, 0x0102_0304, ProtocolStatus::UnknownRole);
        unknown_type(&mut out, 99);
        end_stream(&mut out, kind::STDOUT, 258);
        let expected: [&[u8]; 3] = [
            &[1, 3, 0, 7, 0, 8, 0, 0, 1, 2, 3, 4, 3, 0, 0, 0],
            &[1, 11, 0, 0, 0, 8, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0],
            &[1, 6, 1, 2, 0, 0, 0, 0],
        ];
        assert_eq!(out, expected.concat());
    }

    #[test]
    fn values_are_given_once_each_and_only_if_known() {
        let mut out = Vec::new();
        let asked = b"\x0f\x00FCGI_MPXS_CONNS\x04\x02EVIL??\x0f\x00FCGI_MPXS_CONNS";
        assert_eq!(values_result(&mut out, asked, 3), Ok(()));
        assert_eq!(out, b"\x01\x0a\0\0\0\x12\0\0\x0f\x01FCGI_MPXS_CONNS0");
        out.clear();
        assert_eq!(values_result(&mut out, b"\x05\x00FCGI", 3), Err(Malformed));
    }

    type Pair<'a> = Result<(&'a [u8], &'a [u8]), Malformed>;

    fn pairs(bytes: &[u8]) -> Vec<Pair<'_>> {
        Pairs::new(bytes).collect()
    }

    #[test]
    fn lengths_have_one_byte_or_four() {
        assert_eq!(pairs(b""), []);
        assert_eq!(pairs(b"\x01\x02abc"), [Ok((&b"a"[..], &b"bc"[..]))]);
        assert_eq!(pairs(b"\0\0"), [Ok((&b""[..], &b""[..]))]);
        assert_eq!(pairs(b"\x80\0\0\x01\x01ab"), [Ok((&b"a"[..], &b"b"[..]))]);
        let long = [&b"\x7f\x80\0\x01\0"[..], &[b'n'; 127], &[b'v'; 256]].concat();
        assert_eq!(pairs(&long), [Ok((&[b'n'; 127][..], &[b'v'; 256][..]))]);
    }

    #[test]
    fn a_pair_that_claims_too_much_ends_the_list() {
        for lie in [
            &b"\x01"[..],
            b"\x80\0\0",
            b"\x02\0a",
            b"\x01\x02ab",
            b"\xff\xff\xff\xff\xff\xff\xff\xffabc",
            b"\x01\x80\0\0\0",
        ] {
            let bytes = [b"\x01\x01ab", lie].concat();
            assert_eq!(pairs(&bytes), [Ok((&b"a"[..], &b"b"[..])), Err(Malformed)], "{lie:?}");
        }
    }
}
