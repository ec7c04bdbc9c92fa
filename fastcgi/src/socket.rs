//! One connected stream socket, and how long anybody waits for it.
//!
//! In: a descriptor, deadlines. Out: bytes, or a [`Fault`] that says why there are none.
//! Every wait ends: by data, by a deadline, or by the drain of the server. It never raises SIGPIPE and never reads without bound.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown, sockopt};

/// How long a peer that still writes has to notice that it was answered already.
const LINGER: Duration = Duration::from_secs(1);

/// A moment; `None` never comes.
pub type Deadline = Option<Instant>;

/// The moment `patience` from now.
pub fn within(patience: Duration) -> Deadline {
    Instant::now().checked_add(patience)
}

/// Why a connection is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer closed it.
    Gone,
    /// The peer let a deadline pass.
    Slow,
    /// The peer sent what the specification does not allow.
    Garbled,
    /// We have said why, in the specified way, and want no more of it.
    Refused,
    /// The server is shutting down and nothing was under way here.
    Draining,
    /// The system call failed.
    System(Errno),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::PIPE | Errno::CONNRESET => Self::Gone,
            other => Self::System(other),
        }
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        let (kind, text) = match fault {
            Fault::Gone => (io::ErrorKind::BrokenPipe, "the web server closed the connection"),
            Fault::Slow => (io::ErrorKind::TimedOut, "the web server let the time limit pass"),
            Fault::Garbled | Fault::Refused => {
                (io::ErrorKind::InvalidData, "the web server broke the FastCGI protocol")
            }
            Fault::Draining => (io::ErrorKind::ConnectionAborted, "the server is shutting down"),
            Fault::System(errno) => return errno.into(),
        };
        Self::new(kind, text)
    }
}

/// What ended a [`wait`]; neither: the deadline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Woken {
    pub ready: bool,
    pub stop: bool,
}

/// Waits for `events` on `fd`, for `stop` to become readable, or for the deadline, which wins once it has passed.
pub fn wait(
    fd: BorrowedFd<'_>,
    events: PollFlags,
    stop: Option<BorrowedFd<'_>>,
    until: Deadline,
) -> Result<Woken, Errno> {
    let mut fds = [PollFd::from_borrowed_fd(fd, events), PollFd::from_borrowed_fd(stop.unwrap_or(fd), PollFlags::IN)];
    let polled = if stop.is_some() { 2 } else { 1 };
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(Woken::default());
        }
        // A wait too long for the kernel's clock is a wait without end.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds.get_mut(..polled).unwrap_or_default(), left.as_ref()) {
            Ok(0) | Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
            Ok(_) => {
                let [ready, stop] = fds.map(|fd| !fd.revents().is_empty());
                return Ok(Woken { ready, stop });
            }
        }
    }
}

/// Whether one of `events`, an error or a hang-up is there without waiting.
pub fn happens_now(fd: BorrowedFd<'_>, events: PollFlags) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut [PollFd::from_borrowed_fd(fd, events)], Some(&now)), Ok(1..))
}

/// The connected socket.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl Socket {
    pub fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Reads at least one byte into `buffer`.
    pub fn recv(&self, buffer: &mut [u8], stop: Option<BorrowedFd<'_>>, until: Deadline) -> Result<usize, Fault> {
        loop {
            let woken = wait(self.0.as_fd(), PollFlags::IN, stop, until)?;
            match woken {
                Woken { ready: true, .. } => {}
                Woken { stop: true, .. } => return Err(Fault::Draining),
                _ => return Err(Fault::Slow),
            }
            if let Some(count) = self.recv_now(buffer)? {
                return Ok(count);
            }
        }
    }

    /// Reads what is there; `None`: nothing is.
    pub fn recv_now(&self, buffer: &mut [u8]) -> Result<Option<usize>, Fault> {
        match recv(&self.0, buffer, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Err(Fault::Gone),
            Ok((_, count)) => Ok(Some(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Writes all of `bytes`; the peer must take some of them every `patience`.
    pub fn send(&self, mut bytes: &[u8], patience: Duration) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match send(&self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if wait(self.0.as_fd(), PollFlags::OUT, None, within(patience))?.ready => {}
                Err(Errno::AGAIN) => return Err(Fault::Slow),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Writes what the peer takes now of `bytes`, and waits for nothing; how many.
    pub fn send_now(&self, bytes: &[u8]) -> Result<usize, Fault> {
        if bytes.is_empty() {
            return Ok(0);
        }
        match send(&self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes room behind what the peer has not read. The kernel doubles what it is asked for (socket(7), SO_SNDBUF).
    pub fn make_room(&self) {
        if let Ok(size) = sockopt::socket_send_buffer_size(&self.0) {
            let _ = sockopt::set_socket_send_buffer_size(&self.0, size);
        }
    }

    /// Whether the peer has closed the connection, however much of what it sent is still unread.
    pub fn peer_has_left(&self) -> bool {
        happens_now(self.0.as_fd(), PollFlags::RDHUP)
    }

    /// Closes while the peer may still be writing. Closed at once, its next write would fail and it might never look at our answer; left
    /// unread, it finds the connection full, looks, and hangs up. So nothing is read here, and the wait is short.
    pub fn close_gently(self) {
        if shutdown(&self.0, Shutdown::Write).is_ok() {
            // However this ends, the connection ends with it.
            let _ = wait(self.0.as_fd(), PollFlags::RDHUP, None, within(LINGER));
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
