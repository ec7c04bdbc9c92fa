//! Where connections come from: listening sockets handed over by whoever started the process, and whom to let in.
//!
//! In: descriptor 0, a descriptor number, `FCGI_WEB_SERVER_ADDRS`. Out: an owned, close-on-exec listening socket; a list of addresses.
//! Never opens a socket of its own. FastCGI Specification 1.0, sections 2.2 (descriptor 0), 2.3 and 3.2 (allowed peers).

use std::env;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use rustix::net::SocketAddrAny;
use rustix::net::sockopt::socket_acceptconn;

/// The variable that names the peers a TCP listener talks to: addresses, separated by commas.
const ALLOWED_PEERS: &str = "FCGI_WEB_SERVER_ADDRS";

/// Whether the descriptor is a listening socket: how a program finds out that it was started as a FastCGI application.
pub fn is_listener(fd: impl AsFd) -> bool {
    socket_acceptconn(fd).unwrap_or(false)
}

/// Takes the listening socket from descriptor 0 (section 2.2) and leaves `/dev/null` there, so that no child inherits it.
///
/// # Errors
/// Descriptor 0 is not a listening socket: the program was not started as a FastCGI application. Nothing has changed then.
pub fn stdin_listener() -> io::Result<OwnedFd> {
    let listener = checked(io::stdin().as_fd())?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(listener)
}

/// Duplicates a listening socket that is known by its number only, such as 3 in socket activation. The original stays open.
///
/// # Errors
/// There is no such descriptor, or it is not a listening socket.
#[allow(unsafe_code)]
pub fn adopt_listener(raw_fd: RawFd) -> io::Result<OwnedFd> {
    if raw_fd < 0 {
        return Err(not_a_listener());
    }
    // SAFETY: the number is not -1, and it is only borrowed for the calls in `checked`, which ask the kernel about it and duplicate it;
    // whether it is open is for the kernel to say (EBADF), and no owner of it is affected.
    let borrowed = unsafe { BorrowedFd::borrow_raw(raw_fd) };
    checked(borrowed)
}

/// A close-on-exec duplicate of a listening socket.
fn checked(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    if is_listener(fd) { fd.try_clone_to_owned() } else { Err(not_a_listener()) }
}

pub fn not_a_listener() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "no listening socket: let a FastCGI process manager or socket activation start the program, or open a socket for it",
    )
}

/// The peers that the environment allows; `None`: everybody.
pub fn allowed_peers() -> io::Result<Option<Vec<IpAddr>>> {
    match env::var_os(ALLOWED_PEERS) {
        None => Ok(None),
        Some(list) => parse_peers(&list.to_string_lossy()).map(Some),
    }
}

fn parse_peers(list: &str) -> io::Result<Vec<IpAddr>> {
    let address = |word: &str| match word.trim().parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{ALLOWED_PEERS}: {word:?} is not an IP address; name addresses separated by commas, or unset it"),
        )),
    };
    list.split(',').map(address).collect()
}

/// The address and port of a peer; `None` for a Unix socket, whose file permissions say who may connect.
pub fn internet_peer(peer: Option<&SocketAddrAny>) -> Option<SocketAddr> {
    SocketAddr::try_from(peer?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_addresses_between_commas() {
        let peers = parse_peers("127.0.0.1, ::1,::ffff:10.0.0.1").unwrap();
        assert_eq!(peers, ["127.0.0.1", "::1", "10.0.0.1"].map(|peer| peer.parse::<IpAddr>().unwrap()));
        for bad in ["", "localhost", "127.0.0.1,", "127.0.0.1:9000"] {
            assert_eq!(parse_peers(bad).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad:?}");
        }
    }

    #[test]
    fn only_a_listening_socket_is_adopted() {
        assert!(adopt_listener(-1).is_err());
        assert!(adopt_listener(1 << 20).is_err());
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(!is_listener(&one));
        assert!(adopt_listener(std::os::fd::AsRawFd::as_raw_fd(&one)).is_err());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(is_listener(&listener));
        assert!(is_listener(adopt_listener(std::os::fd::AsRawFd::as_raw_fd(&listener)).unwrap()));
    }
}
