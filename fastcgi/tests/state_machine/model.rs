//! What a server must do with each record, as plain values.
//!
//! In: the records of one connection, in order. Out: the records that answer them. The handler is that of `state_machine.rs`.

use super::common::pair;
use super::common::{ABORT, BEGIN, END, GET_VALUES, PARAMS, Record, STDIN, STDOUT, UNKNOWN_TYPE, VALUES_RESULT};

pub const DATA: u8 = 8;
/// A request with this parameter is answered before its body is read.
pub const UNREAD: &str = "UNREAD";
/// Bounds of the server under test.
pub const MAX_PARAMS: usize = 6;
pub const MAX_PARAMS_BYTES: usize = 700;

/// Protocol statuses of END_REQUEST (section 5.5).
const COMPLETE: u8 = 0;
const CANT_MULTIPLEX: u8 = 1;
const UNKNOWN_ROLE: u8 = 3;

#[derive(Debug, Default)]
enum State {
    /// No request is active.
    #[default]
    Idle,
    /// The parameters of one are arriving.
    Params { id: u16, keep: bool, bytes: Vec<u8> },
    /// Its body is arriving; `text` says what the parameters were.
    Body { id: u16, keep: bool, text: String, length: usize },
    /// The connection is closed: nothing is answered any more.
    Closed,
}

#[derive(Debug, Default)]
pub struct Model {
    state: State,
    pub answers: Vec<Record>,
}

impl Model {
    /// The request that is active.
    pub fn under_way(&self) -> Option<u16> {
        match self.state {
            State::Params { id, .. } | State::Body { id, .. } => Some(id),
            State::Idle | State::Closed => None,
        }
    }

    /// What is no FastCGI: a handler that reads learns it and answers, then the connection is closed.
    pub fn garbled(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Body { id, text, .. } => self.respond(id, &format!("{text}body failed: InvalidData\n"), false),
            State::Idle | State::Params { .. } | State::Closed => {}
        }
    }

    pub fn take(&mut self, kind: u8, id: u16, content: &[u8]) {
        if matches!(self.state, State::Closed) {
            return;
        }
        let ours = self.under_way() == Some(id);
        match kind {
            GET_VALUES if id == 0 => self.values(content),
            _ if id == 0 => self.unknown(kind),
            BEGIN if ours || content.len() != 8 => self.garbled(),
            BEGIN if self.under_way().is_some() => self.end(id, 0, CANT_MULTIPLEX),
            BEGIN => self.begin(id, content),
            ABORT | PARAMS | STDIN if ours => self.advance(kind, content),
            ABORT | PARAMS | STDIN | DATA => {}
            _ => self.unknown(kind),
        }
    }

    fn answer(&mut self, kind: u8, id: u16, content: &[u8]) {
        self.answers.push(Record { kind, id, content: content.to_vec() });
    }

    fn unknown(&mut self, kind: u8) {
        self.answer(UNKNOWN_TYPE, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]);
    }

    fn end(&mut self, id: u16, code: u8, status: u8) {
        self.answer(END, id, &[0, 0, 0, code, status, 0, 0, 0]);
    }

    /// Each known name once, in the order of the specification, whatever was asked how often.
    fn values(&mut self, asked: &[u8]) {
        let Some(asked) = pairs(asked) else { return self.garbled() };
        let known = [("FCGI_MAX_CONNS", "512"), ("FCGI_MAX_REQS", "512"), ("FCGI_MPXS_CONNS", "0")];
        let told = known.iter().filter(|(name, _)| asked.iter().any(|(asked, _)| *asked == name.as_bytes()));
        let content: Vec<u8> = told.flat_map(|(name, value)| pair(name.as_bytes(), value.as_bytes())).collect();
        self.answer(VALUES_RESULT, 0, &content);
    }

    fn begin(&mut self, id: u16, content: &[u8]) {
        let keep = content[2] & 1 == 1;
        if content[..2] == [0, 1] {
            self.state = State::Params { id, keep, bytes: Vec::new() };
        } else {
            self.end(id, 0, UNKNOWN_ROLE);
            self.next(keep);
        }
    }

    /// After a request.
    fn next(&mut self, keep: bool) {
        self.state = if keep { State::Idle } else { State::Closed };
    }

    /// A record of the active request.
    fn advance(&mut self, kind: u8, content: &[u8]) {
        match (std::mem::take(&mut self.state), kind) {
            (State::Params { id, keep, .. }, ABORT) => {
                self.end(id, 0, COMPLETE);
                self.next(keep);
            }
            (State::Params { id, keep, bytes }, PARAMS) if content.is_empty() => self.begun(id, keep, &bytes),
            (State::Params { id, keep, bytes }, PARAMS) => {
                let bytes = [&bytes[..], content].concat();
                if bytes.len() > MAX_PARAMS_BYTES {
                    return self.refuse(id, "Status: 431");
                }
                self.state = State::Params { id, keep, bytes };
            }
            (State::Body { id, keep, text, .. }, ABORT) => {
                self.respond(id, &format!("{text}body failed: ConnectionAborted\n"), keep);
            }
            (State::Body { id, keep, text, length }, STDIN) if content.is_empty() => {
                self.respond(id, &format!("{text}body={length}\n"), keep);
            }
            (State::Body { id, keep, text, length }, STDIN) => {
                self.state = State::Body { id, keep, text, length: length + content.len() };
            }
            // A body before the end of the parameters, or parameters behind it.
            (state, _) => {
                self.state = state;
                self.garbled();
            }
        }
    }

    /// All parameters are there.
    fn begun(&mut self, id: u16, keep: bool, bytes: &[u8]) {
        let Some(params) = pairs(bytes) else { return self.refuse(id, "Status: 400") };
        if params.len() > MAX_PARAMS {
            return self.refuse(id, "Status: 431");
        }
        if params.iter().any(|(name, _)| *name == UNREAD.as_bytes()) {
            return self.respond(id, "unread\n", keep);
        }
        let lossy = String::from_utf8_lossy;
        let text = params.iter().map(|(name, value)| format!("{}={}\n", lossy(name), lossy(value))).collect();
        self.state = State::Body { id, keep, text, length: 0 };
    }

    /// An answer of the handler.
    fn respond(&mut self, id: u16, text: &str, keep: bool) {
        self.answer(STDOUT, id, text.as_bytes());
        self.answer(STDOUT, id, b"");
        self.end(id, 0, COMPLETE);
        self.next(keep);
    }

    /// An answer to a request that no handler sees.
    fn refuse(&mut self, id: u16, status: &str) {
        self.answer(STDOUT, id, status.as_bytes());
        self.answer(STDOUT, id, b"");
        self.end(id, 1, COMPLETE);
        self.next(false);
    }
}

/// Name-value pairs (section 3.4); `None`: one claims more bytes than there are.
fn pairs(mut bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (name, rest) = length(bytes)?;
        let (value, rest) = length(rest)?;
        if rest.len() < name || rest.len() - name < value {
            return None;
        }
        found.push((&rest[..name], &rest[name..name + value]));
        bytes = &rest[name + value..];
    }
    Some(found)
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [short @ ..128, ..] => Some((short.into(), &bytes[1..])),
        [b3, b2, b1, b0, ..] => Some((u32::from_be_bytes([b3 & 127, b2, b1, b0]) as usize, &bytes[4..])),
        _ => None,
    }
}

/// Of the server's own documents the status alone.
pub fn shortened(mut answer: Record) -> Record {
    if answer.content.starts_with(b"Status: ") {
        answer.content.truncate("Status: 400".len());
    }
    answer
}
