//! Whether anybody still waits, for a handler that is busy elsewhere.
//!
//! In: a duplicate of the connection's socket. Out: yes or no. Looks at what has arrived without taking it (recv(2) MSG_PEEK), so the request
//! can read and write meanwhile. FastCGI Specification 1.0, section 5.4 (FCGI_ABORT_REQUEST).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{RecvFlags, recv};

use crate::record::{headers, kind};

/// Bytes that are looked at: an abort behind more than that is seen once the request has read them.
const LOOK: usize = 4096;

/// The other end of a request, without the request. As a descriptor it is the connection's socket: `poll` it for `POLLRDHUP`, and for `POLLIN`
/// if ABORT_REQUEST matters; then ask [`is_gone`](Self::is_gone).
#[derive(Debug)]
pub struct Watch {
    socket: OwnedFd,
    id: u16,
}

impl Watch {
    pub(crate) fn new(socket: OwnedFd, id: u16) -> Self {
        Self { socket, id }
    }

    /// Whether the web server has hung up, or has sent ABORT_REQUEST among the records that wait to be read. To be asked after the body has
    /// been read: it begins to look where the request would go on reading.
    pub fn is_gone(&self) -> bool {
        let mut seen = [0; LOOK];
        match recv(&self.socket, &mut seen[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((0, _)) => true,
            Ok((length, _)) => aborts(seen.get(..length).unwrap_or_default(), self.id),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => false,
            Err(_) => true,
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether one of these records aborts the request.
fn aborts(records: &[u8], id: u16) -> bool {
    headers(records).any(|header| header.kind == kind::ABORT_REQUEST && header.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_is_found_behind_other_records() {
        let stdin = [1, kind::STDIN, 0, 7, 0, 2, 1, 0, b'a', b'b', 0];
        let abort = [1, kind::ABORT_REQUEST, 0, 7, 0, 0, 0, 0];
        let both = [&stdin[..], &abort].concat();
        assert!(aborts(&both, 7));
        assert!(!aborts(&both, 8));
        assert!(!aborts(&stdin, 7));
        assert!(!aborts(&both[..15], 7));
        assert!(!aborts(&[2, 2, 0, 7, 0, 0, 0, 0], 7));
        assert!(!aborts(b"", 7));
    }
}
