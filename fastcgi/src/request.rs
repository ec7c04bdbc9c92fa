//! A request as its handler sees it.
//!
//! In: a [`Head`] and the [`Channel`] it came on. Out: parameters, STDIN as it arrives, and an answer that is ended exactly once.
//! Bytes stay bytes: nothing is dropped for not being UTF-8. FastCGI Specification 1.0, section 6.2 (Responder).

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::channel::{Channel, Head};
use crate::record::{Pairs, kind};
use crate::watch::Watch;

/// What the visitor gets when the handler panics before anything was sent.
const PANICKED: &str = "Status: 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    The application failed on this request. If it happens again, tell the administrator.\n";
/// Memory kept from one request's parameters for the next one's.
const KEPT_PARAMS: usize = 16 * 1024;

/// What the web server wants from the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Takes a request, gives an answer. Requests in other roles are answered with FCGI_UNKNOWN_ROLE and reach no handler.
    Responder,
}

/// One request. As a descriptor (`AsFd`) it is the connection's socket, for one purpose: a handler that is silent for long can `poll` it
/// for `POLLRDHUP` and learn at once that the web server has hung up. Reading from it or writing to it breaks the connection.
pub struct Request {
    channel: Channel,
    head: Head,
    stderr: bool,
    ended: bool,
}

impl Request {
    pub(crate) fn new(channel: Channel, head: Head) -> Self {
        Self { channel, head, stderr: false, ended: false }
    }

    /// The role the application plays in this request.
    pub fn role(&self) -> Role {
        Role::Responder
    }

    /// The value of a parameter; bytes that are not UTF-8 become U+FFFD. See [`param_bytes`](Self::param_bytes).
    pub fn param(&self, name: &str) -> Option<String> {
        self.param_bytes(name.as_bytes()).map(lossy)
    }

    /// All parameters in the order sent; bytes that are not UTF-8 become U+FFFD. See [`params_bytes`](Self::params_bytes).
    pub fn params(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.params_bytes().map(|(name, value)| (lossy(name), lossy(value)))
    }

    /// The exact value of a parameter. When a name was sent more than once the last one counts.
    pub fn param_bytes(&self, name: &[u8]) -> Option<&[u8]> {
        self.params_bytes().filter(|(sent, _)| *sent == name).last().map(|(_, value)| value)
    }

    /// All parameters, exactly, in the order sent, repeated ones included.
    pub fn params_bytes(&self) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
        Pairs::new(&self.head.params).filter_map(Result::ok)
    }

    /// The request's body, as it arrives. What is not read is dropped, up to 256 KiB; beyond that the connection closes after the answer.
    pub fn stdin(&mut self) -> Stdin<'_> {
        Stdin(self)
    }

    /// The answer: a CGI document (RFC 3875, section 6). Gathered into records of up to 32 KiB; `flush` sends what there is,
    /// the end of the handler sends the rest.
    pub fn stdout(&mut self) -> Stream<'_> {
        Stream { request: self, kind: kind::STDOUT }
    }

    /// Lines for the web server's error log. Gathered and sent along with `stdout`.
    pub fn stderr(&mut self) -> Stream<'_> {
        self.stderr |= !self.ended;
        Stream { request: self, kind: kind::STDERR }
    }

    /// Whether nobody waits for the answer any longer: an ABORT_REQUEST has come, or the web server has closed the connection (nginx does that
    /// when the visitor leaves). Looks and returns at once. An ABORT_REQUEST behind 16 KiB of unread body is seen once that is read.
    pub fn is_aborted(&mut self) -> bool {
        self.channel.is_aborted()
    }

    /// The same question for somebody who does not hold the request: see [`Watch`].
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn watch(&self) -> io::Result<Watch> {
        Ok(Watch::new(self.as_fd().try_clone_to_owned()?, self.head.id))
    }

    /// Sends the rest of the answer and ends the request with this exit status. What is written later fails.
    /// A handler that just returns ends its request with 0.
    pub fn exit(&mut self, code: i32) {
        if !std::mem::replace(&mut self.ended, true) {
            // A peer that is gone by now has nobody to tell; the channel remembers it.
            let _ = self.channel.end(self.head.id, self.stderr, code.cast_unsigned());
        }
    }

    /// Gives the answer up: the connection closes without END_REQUEST, and with a record that no answer holds, so that the web server does
    /// not take what it has got for the whole answer. What is written later fails.
    pub fn abandon(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.channel.abandon();
        }
    }

    /// Runs the handler behind a fence: its panic ends the request, not the thread. What was sent by then is no whole answer.
    pub(crate) fn answer(&mut self, handler: &dyn Fn(&mut Self)) {
        let fenced = catch_unwind(AssertUnwindSafe(|| handler(self)));
        if fenced.is_ok() {
            return self.exit(0);
        }
        if self.ended {
            return;
        }
        if !self.channel.take_back() {
            return self.abandon();
        }
        self.stderr = false;
        let _ = self.stdout().write_all(PANICKED.as_bytes());
        self.exit(1);
    }

    /// The channel, whether it may be used again, and memory for the next request's parameters.
    pub(crate) fn into_parts(mut self) -> (Channel, bool, Vec<u8>) {
        self.head.params.clear();
        self.head.params.shrink_to(KEPT_PARAMS);
        let keep = self.head.keep && self.channel.is_sound();
        (self.channel, keep, self.head.params)
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl AsFd for Request {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.socket().as_fd()
    }
}

/// The body of a [`Request`]. Fails with `ConnectionAborted` when the web server aborts the request, with `TimedOut` when it stalls.
pub struct Stdin<'a>(&'a mut Request);

impl Read for Stdin<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.ended {
            return Err(ended());
        }
        self.0.channel.read_stdin(buffer)
    }
}

/// A stream of the answer to a [`Request`]. Fails with `BrokenPipe` when the web server has left, with `TimedOut` when it does not read.
pub struct Stream<'a> {
    request: &'a mut Request,
    kind: u8,
}

impl Stream<'_> {
    /// Takes some of these bytes, sends what the web server takes at once, and waits for nothing. `Ok(0)`: it takes none now; `poll` the
    /// stream (`AsFd`) for `POLLOUT` and try again, also with no bytes at all. At most one record is held: see [`unsent`](Self::unsent).
    ///
    /// # Errors
    /// As `write`, but for `TimedOut`: how long to wait is for the caller to say.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.request.ended {
            return Err(ended());
        }
        Ok(self.request.channel.try_write(self.kind, self.request.head.id, bytes)?)
    }

    /// Bytes taken and not sent, the headers of their records included. 0: all is out of our hands.
    pub fn unsent(&self) -> usize {
        self.request.channel.unsent()
    }
}

impl AsFd for Stream<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.request.as_fd()
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.request.ended {
            return Err(ended());
        }
        Ok(self.request.channel.write(self.kind, self.request.head.id, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.request.ended {
            return Ok(());
        }
        Ok(self.request.channel.flush()?)
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the request has been ended by exit()")
}
