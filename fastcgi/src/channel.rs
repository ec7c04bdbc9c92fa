//! One connection, record by record: what the peer sends becomes the head of a request, its body, or an answer on the spot.
//!
//! In: a [`Socket`]. Out: [`Head`]s, bytes of STDIN, and the records of our answers. Runs no handler and starts no thread.
//! Keeps one request at a time (FCGI_MPXS_CONNS is 0) and holds one input buffer and the parameters, whatever lengths the peer claims.
//! FastCGI Specification 1.0, sections 3.3, 4 and 5.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::input::Input;
use crate::output::Output;
use crate::record::{
    BODY, Begin, HEADER, Header, Pairs, ProtocolStatus, end_request, end_stream, kind, unknown_type, values_result,
};
use crate::settings::Settings;
use crate::shutdown::ShutdownHandle;
use crate::socket::{Deadline, Fault, Socket, within};

/// FCGI_RESPONDER, the one role played here.
const RESPONDER: u16 = 1;

/// Bytes per request that are read for nobody: the rest of a body, stray records. Beyond that the connection is closed.
const MAX_IGNORED: usize = 256 * 1024;

/// A request whose parameters have all arrived.
pub struct Head {
    pub id: u16,
    pub keep: bool,
    /// Well-formed name-value pairs.
    pub params: Vec<u8>,
}

/// A record that belongs to the business at hand; its content is still to be read.
enum Event {
    Begin(u16, Begin),
    Params(usize),
    Stdin(usize),
    Abort,
}

/// Where a request's STDIN stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    Open,
    Ended,
    Aborted,
    Failed(Fault),
}

pub struct Channel {
    socket: Socket,
    settings: Arc<Settings>,
    stop: ShutdownHandle,
    input: Input,
    /// The request being received or answered.
    active: Option<u16>,
    /// Bytes read for nobody since the last request began.
    ignored: usize,
    pub stdin: Stdin,
    output: Output,
    /// Whether anything of the current answer is out of our hands.
    sent: bool,
    broken: Option<Fault>,
}

impl Channel {
    pub fn new(socket: Socket, settings: Arc<Settings>, stop: ShutdownHandle) -> Self {
        Self {
            socket,
            settings,
            stop,
            input: Input::default(),
            active: None,
            ignored: 0,
            stdin: Stdin::Ended,
            output: Output::default(),
            sent: false,
            broken: None,
        }
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Waits for a request and takes in its parameters.
    pub fn receive(&mut self, mut params: Vec<u8>) -> Result<Head, Fault> {
        let mut until = within(self.settings.idle_timeout);
        loop {
            let Event::Begin(id, begin) = self.next(until)? else { return Err(Fault::Garbled) };
            (self.active, self.ignored, self.sent) = (Some(id), 0, false);
            if begin.role != RESPONDER {
                self.dismiss(id, begin.keep, ProtocolStatus::UnknownRole)?;
            } else if self.params(id, &mut params)? {
                self.stdin = Stdin::Open;
                return Ok(Head { id, keep: begin.keep, params });
            } else {
                self.dismiss(id, begin.keep, ProtocolStatus::RequestComplete)?;
            }
            until = within(self.settings.idle_timeout);
        }
    }

    /// Takes in the parameters; `false`: the request was aborted. One deadline holds for all of them, however they trickle in.
    fn params(&mut self, id: u16, params: &mut Vec<u8>) -> Result<bool, Fault> {
        let until = within(self.settings.read_timeout);
        params.clear();
        loop {
            match self.next(until)? {
                Event::Params(0) => break,
                Event::Params(count) if params.len() + count > self.settings.max_params_bytes => {
                    return self.refuse(id, TOO_LARGE);
                }
                Event::Params(_) => self.read_content(params, until)?,
                Event::Abort => return Ok(false),
                Event::Begin(..) | Event::Stdin(_) => return Err(Fault::Garbled),
            }
        }
        match Pairs::new(params).try_fold(0_usize, |count, pair| pair.map(|_| count + 1)) {
            Ok(count) if count <= self.settings.max_params => Ok(true),
            Ok(_) => self.refuse(id, TOO_LARGE),
            Err(_) => self.refuse(id, MALFORMED),
        }
    }

    /// Ends a request that no handler sees.
    fn dismiss(&mut self, id: u16, keep: bool, status: ProtocolStatus) -> Result<(), Fault> {
        self.active = None;
        end_request(self.output.records(), id, 0, status);
        self.flush()?;
        if keep { Ok(()) } else { Err(Fault::Refused) }
    }

    /// Answers a request whose parameters cannot be taken.
    fn refuse(&mut self, id: u16, answer: &str) -> Result<bool, Fault> {
        self.write(kind::STDOUT, id, answer.as_bytes())?;
        self.end(id, false, 1)?;
        Err(Fault::Refused)
    }

    /// Reads up to the next record that concerns the request at hand, or that begins one. Answers or skips all others.
    fn next(&mut self, until: Deadline) -> Result<Event, Fault> {
        loop {
            self.ignore(self.input.content)?;
            self.skip_record(until)?;
            let header = Header::decode(self.array(until)?).ok_or(Fault::Garbled)?;
            (self.input.content, self.input.padding) = (header.content.into(), header.padding.into());
            let ours = self.active == Some(header.id);
            match (header.kind, header.id) {
                (kind::GET_VALUES, 0) => self.tell_values(until)?,
                (unknown, 0) => unknown_type(self.output.records(), unknown),
                (kind::BEGIN_REQUEST, id) => {
                    if self.input.content != BODY || ours {
                        return Err(Fault::Garbled);
                    }
                    let begin = Begin::decode(self.array(until)?);
                    self.input.content = 0;
                    if self.active.is_none() {
                        return Ok(Event::Begin(id, begin));
                    }
                    end_request(self.output.records(), id, 0, ProtocolStatus::CantMultiplex);
                }
                (kind::ABORT_REQUEST, _) if ours => return Ok(Event::Abort),
                (kind::PARAMS, _) if ours => return Ok(Event::Params(self.input.content)),
                (kind::STDIN, _) if ours => return Ok(Event::Stdin(self.input.content)),
                // Section 3.3: records of a request that is not active are ignored.
                (kind::ABORT_REQUEST | kind::PARAMS | kind::STDIN | kind::DATA, _) => {
                    self.ignore(HEADER + self.input.padding)?;
                    continue;
                }
                (unknown, _) => unknown_type(self.output.records(), unknown),
            }
            // Whatever was answered on the spot; no handler's bytes are held back with it.
            self.flush()?;
        }
    }

    fn tell_values(&mut self, until: Deadline) -> Result<(), Fault> {
        let mut asked = Vec::new();
        self.read_content(&mut asked, until)?;
        values_result(self.output.records(), &asked, self.settings.max_connections).map_err(|_| Fault::Garbled)
    }

    /// Accounts for bytes that are read for nobody; there is an end to that.
    fn ignore(&mut self, count: usize) -> Result<(), Fault> {
        self.ignored += count;
        if self.ignored > MAX_IGNORED { Err(Fault::Refused) } else { Ok(()) }
    }

    /// Reads some bytes of STDIN; 0: it has ended.
    pub fn read_stdin(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.stdin {
            Stdin::Open => {}
            Stdin::Ended => return Ok(0),
            Stdin::Aborted => return Err(aborted()),
            Stdin::Failed(fault) => return Err(fault.into()),
        }
        match self.stdin_bytes(buffer) {
            Err(fault) => {
                self.stdin = Stdin::Failed(fault);
                Err(fault.into())
            }
            Ok(0) if self.stdin == Stdin::Aborted => Err(aborted()),
            Ok(count) => Ok(count),
        }
    }

    fn stdin_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let until = within(self.settings.read_timeout);
        if self.input.content == 0 {
            match self.next(until)? {
                Event::Stdin(0) => self.stdin = Stdin::Ended,
                Event::Stdin(_) => {}
                Event::Abort => self.stdin = Stdin::Aborted,
                Event::Begin(..) | Event::Params(_) => return Err(Fault::Garbled),
            }
        }
        if self.stdin != Stdin::Open {
            return Ok(0);
        }
        self.fill(1, until)?;
        Ok(self.input.take_content(buffer.len(), |bytes| {
            // As long as `bytes`, which is no longer than `buffer`.
            if let Some(place) = buffer.get_mut(..bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }))
    }

    /// Whether an ABORT_REQUEST for the current request has arrived, or the peer has left. Looks at what is there and waits for nothing.
    pub fn is_aborted(&mut self) -> bool {
        if self.stdin == Stdin::Aborted || matches!(self.broken, Some(Fault::Gone)) || self.socket.peer_has_left() {
            return true;
        }
        let room = self.input.room();
        if !room.is_empty()
            && let Ok(Some(count)) = self.socket.recv_now(room)
        {
            self.input.received(count);
        }
        self.active.is_some_and(|id| self.input.holds_empty(kind::ABORT_REQUEST, id))
    }

    /// Writes some bytes of a stream.
    pub fn write(&mut self, kind: u8, id: u16, bytes: &[u8]) -> Result<usize, Fault> {
        if let Some(fault) = self.broken {
            return Err(fault);
        }
        let count = self.output.take(kind, id, bytes);
        if self.output.is_full() {
            self.flush()?;
        }
        Ok(count)
    }

    /// Writes some bytes of a stream and waits for nothing: none while something written before is still held.
    pub fn try_write(&mut self, kind: u8, id: u16, bytes: &[u8]) -> Result<usize, Fault> {
        if self.push()? > 0 {
            return Ok(0);
        }
        let count = self.output.take(kind, id, bytes);
        self.push()?;
        Ok(count)
    }

    /// Sends what the peer takes now; how many bytes are held then.
    fn push(&mut self) -> Result<usize, Fault> {
        if let Some(fault) = self.broken {
            return Err(fault);
        }
        match self.socket.send_now(self.output.records()) {
            Ok(count) => {
                self.sent |= count > 0;
                Ok(self.output.sent(count))
            }
            Err(fault) => {
                self.broken = Some(fault);
                Err(fault)
            }
        }
    }

    /// Bytes that are written and not sent, the headers of their records included.
    pub fn unsent(&self) -> usize {
        self.output.len()
    }

    /// Ends the connection without END_REQUEST, behind a record that no answer holds: some web servers (nginx without buffering) take the
    /// end of a connection alone for the end of the answer. Waits for nothing, though the peer may read nothing now.
    pub fn abandon(&mut self) {
        self.active = None;
        unknown_type(self.output.records(), 0);
        self.socket.make_room();
        // where it does not fit all the same, the end of the connection has to do
        let _ = self.push();
        self.output.clear();
        self.broken = Some(Fault::Refused);
    }

    /// Sends everything written so far.
    pub fn flush(&mut self) -> Result<(), Fault> {
        if let Some(fault) = self.broken {
            return Err(fault);
        }
        let records = self.output.records();
        self.sent |= !records.is_empty();
        let outcome = self.socket.send(records, self.settings.write_timeout);
        self.broken = outcome.err();
        self.output.clear();
        outcome
    }

    /// Takes back what was written, if none of it has been sent.
    pub fn take_back(&mut self) -> bool {
        if !self.sent {
            self.output.clear();
        }
        !self.sent
    }

    /// Ends the streams and the request (section 5.5 and the end of section 6.2).
    pub fn end(&mut self, id: u16, stderr: bool, code: u32) -> Result<(), Fault> {
        let records = self.output.records();
        if stderr {
            end_stream(records, kind::STDERR, id);
        }
        end_stream(records, kind::STDOUT, id);
        end_request(records, id, code, ProtocolStatus::RequestComplete);
        self.active = None;
        if self.stdin == Stdin::Open && self.input.holds_empty(kind::STDIN, id) {
            self.stdin = Stdin::Ended;
        }
        self.flush()
    }

    /// Whether the connection can take another request after the one just answered.
    pub fn is_sound(&self) -> bool {
        self.broken.is_none() && !matches!(self.stdin, Stdin::Failed(_))
    }

    /// Closes the connection the way its end deserves.
    pub fn close(self, fault: Option<Fault>) {
        let unread = match fault {
            None => self.broken.is_none() && matches!(self.stdin, Stdin::Open | Stdin::Failed(_)),
            Some(fault) => matches!(fault, Fault::Garbled | Fault::Refused),
        };
        if unread {
            self.socket.close_gently();
        }
    }

    /// Makes sure that at least `count` bytes, which is at most a header, are in the input buffer.
    fn fill(&mut self, count: usize, until: Deadline) -> Result<(), Fault> {
        while self.input.bytes().len() < count {
            // Between requests, and only then, the drain of the server ends the wait.
            let stop = self.active.is_none().then(|| self.stop.as_fd());
            let received = self.socket.recv(self.input.room(), stop, until)?;
            self.input.received(received);
        }
        Ok(())
    }

    /// A header, or the body of a record that has a fixed one.
    fn array<const N: usize>(&mut self, until: Deadline) -> Result<[u8; N], Fault> {
        self.fill(N, until)?;
        self.input.array().ok_or(Fault::Garbled)
    }

    /// Appends the rest of the record's content to `out`.
    fn read_content(&mut self, out: &mut Vec<u8>, until: Deadline) -> Result<(), Fault> {
        while self.input.content > 0 {
            self.fill(1, until)?;
            self.input.take_content(usize::MAX, |bytes| out.extend_from_slice(bytes));
        }
        Ok(())
    }

    /// Reads past what is left of the current record.
    fn skip_record(&mut self, until: Deadline) -> Result<(), Fault> {
        while !self.input.skip_record() {
            self.fill(1, until)?;
        }
        Ok(())
    }
}

fn aborted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the web server aborted the request")
}

const TOO_LARGE: &str = "Status: 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    The request has too many or too long parameters. Send a shorter URL and fewer headers.\n";
const MALFORMED: &str = "Status: 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    The request's parameters are malformed.\n";
