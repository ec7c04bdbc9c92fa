//! Requests by FastCGI. The only file that names the FastCGI package.
//!
//! The listening socket is one that we open ourselves (`--listen`), one that
//! was passed by socket activation (sd_listen_fds(3)), or descriptor 0
//! (FastCGI 1.0 §2.2). TERM and INT end the accepting, running requests are
//! finished.

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use ::fastcgi::{Server, ShutdownHandle, Stream};
use rustix::fs::Mode;

use super::meta::MetaVariables;
use crate::app::{Client, Site};
use crate::http::{Peer, Sink};
use crate::limits::MAX_BODY_BYTES;
use crate::log;

/// Connections at once, and so threads; further ones wait in the socket's backlog.
const CONNECTIONS: usize = 512;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `unix:PATH`
    Unix(PathBuf),
    /// `ADDRESS:PORT`
    Tcp(SocketAddr),
    /// A socket that somebody opened for us.
    Inherited,
}

impl Listen {
    /// Reads `unix:PATH` or `ADDRESS:PORT`.
    pub fn parse(text: &str) -> Result<Listen, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err("unix: wants a path".to_owned()) } else { Ok(Listen::Unix(path.into())) };
        }
        text.parse().map(Listen::Tcp).map_err(|_| {
            format!("`{text}` is no place to listen: write unix:PATH or ADDRESS:PORT, like 127.0.0.1:9000")
        })
    }
}

/// Whether a listening socket was passed to this process.
pub fn called() -> bool {
    activated() || ::fastcgi::is_listener(io::stdin())
}

/// Serves until TERM or INT, and then until the last request is answered.
pub fn serve(site: Site, listen: &Listen) -> io::Result<()> {
    let (socket, unlink) = open(listen)?;
    if site.service().config().access.trust_remote_user && !is_unix(socket.as_fd()) {
        // everybody who reaches the port could be anybody
        let why = "trust_remote_user = true needs a Unix socket: whoever reaches a port could claim to be anybody. Listen \
                   on unix:PATH, or set trust_remote_user = false";
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    let shutdown = ShutdownHandle::new()?;
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        signal_hook::low_level::pipe::register(signal.as_raw(), shutdown.signal_end()?)?;
    }
    log::event(
        "serving",
        &[("data", &site.service().config().data.display()), ("slots", &site.service().config().site_settings().slots)],
    );
    site.service().prepare();
    // finding out what the host can do takes a while: visitors of pages need not wait for that
    let site = Arc::new(site.with_readers(CONNECTIONS));
    let announced = Arc::clone(&site);
    if let Err(error) =
        std::thread::Builder::new().name("announce".to_owned()).spawn(move || announced.service().announce())
    {
        log::event("missing", &[("what", &"checks"), ("why", &error)]);
    }
    let server = Server::new(socket).max_connections(CONNECTIONS).shutdown(shutdown);
    let served = server.serve(move |request| {
        let peer = peer(request.as_fd());
        let variables = MetaVariables::collect(request.params_bytes(), site.groups_variable(), peer);
        // all of STDIN: what comes after it can only be an abort
        let mut stdin = Vec::new();
        let most = MAX_BODY_BYTES as u64 + 1;
        let _ = request.stdin().take(most).read_to_end(&mut stdin);
        if request.is_aborted() {
            return;
        }
        let client = request.watch().ok().and_then(client);
        let answer = super::serve(&site, variables, &mut stdin.as_slice(), &mut Answer(request.stdout()), client);
        // a slow reader keeps the connection up to its very end, and what the answer holds as long
        if answer.whole {
            request.exit(0)
        } else {
            request.abandon()
        }
        drop(answer.held);
    });
    drop(unlink);
    log::event("stopped", &[]);
    served
}

/// The STDOUT of a request.
struct Answer<'a>(Stream<'a>);

impl Write for Answer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Sink for Answer<'_> {
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn unsent(&self) -> usize {
        self.0.unsent()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

/// Who is at the other end (unix(7), SO_PEERCRED): the account that a process had when it connected. A container's root is
/// this account, too.
fn peer(connection: BorrowedFd<'_>) -> Peer {
    if !is_unix(connection) {
        return Peer::Unknown;
    }
    match rustix::net::sockopt::socket_peercred(connection) {
        Ok(peer) if peer.uid == rustix::process::geteuid() => Peer::OwnAccount,
        Ok(_) => Peer::OtherAccount,
        Err(_) => Peer::Unknown,
    }
}

fn is_unix(socket: BorrowedFd<'_>) -> bool {
    rustix::net::sockopt::socket_domain(socket).is_ok_and(|domain| domain == rustix::net::AddressFamily::UNIX)
}

fn client(watch: ::fastcgi::Watch) -> Option<Client> {
    let connection = watch.as_fd().try_clone_to_owned().ok()?;
    Some(Client { connection, aborted: Box::new(move || watch.is_gone()) })
}

fn open(listen: &Listen) -> io::Result<(OwnedFd, Option<Unlink>)> {
    // the system's own words name no place
    let at = |place: &dyn Display, error: io::Error| io::Error::new(error.kind(), format!("{place}: {error}"));
    match listen {
        Listen::Tcp(address) => Ok((TcpListener::bind(address).map_err(|error| at(address, error))?.into(), None)),
        Listen::Unix(path) => {
            let (socket, unlink) = open_unix(path).map_err(|error| at(&path.display(), error))?;
            Ok((socket, Some(unlink)))
        }
        Listen::Inherited if activated() => Ok((::fastcgi::adopt_listener(3)?, None)),
        Listen::Inherited => Ok((::fastcgi::stdin_listener()?, None)),
    }
}

/// sd_listen_fds(3): LISTEN_PID is us, and there is one descriptor, 3.
fn activated() -> bool {
    let variable = |name| std::env::var(name).ok();
    variable("LISTEN_PID").and_then(|pid| pid.parse().ok()) == Some(std::process::id())
        && variable("LISTEN_FDS").as_deref() == Some("1")
}

/// A Unix socket, 0660, in a folder that is made 0750 where it is missing. A
/// socket that is there already is replaced only when nobody listens on it.
fn open_unix(path: &Path) -> io::Result<(OwnedFd, Unlink)> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    if let Ok(there) = path.symlink_metadata() {
        let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        if !there.file_type().is_socket() {
            return refuse("something that is not a socket is there: remove it, or choose another path");
        }
        match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Ok(_) => return refuse("another server listens there: stop it first"),
            Err(_) => return refuse("it cannot be seen whether another server listens there"),
        }
    }
    let before = rustix::process::umask(Mode::from_raw_mode(0o117));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    let socket = bound?;
    let unlink = Unlink { path: path.to_owned(), identity: identity(path) };
    Ok((socket.into(), unlink))
}

/// Removes the socket at the end, unless another one has taken its place.
struct Unlink {
    path: PathBuf,
    identity: Option<(u64, u64, SystemTime)>,
}

/// Device, inode and birth: inode numbers are used again.
fn identity(path: &Path) -> Option<(u64, u64, SystemTime)> {
    let metadata = path.symlink_metadata().ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.created().unwrap_or(SystemTime::UNIX_EPOCH)))
}

impl Drop for Unlink {
    fn drop(&mut self) {
        if identity(&self.path).is_some_and(|there| Some(there) == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn places_to_listen() {
        assert_eq!(Listen::parse("unix:/run/x.sock"), Ok(Listen::Unix("/run/x.sock".into())));
        assert!(matches!(Listen::parse("127.0.0.1:9000"), Ok(Listen::Tcp(_))));
        assert!(matches!(Listen::parse("[::1]:9000"), Ok(Listen::Tcp(_))));
        for wrong in ["", "unix:", "9000", "localhost:9000", "/run/x.sock", "127.0.0.1:99999"] {
            assert!(Listen::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/x.sock");
        let (first, unlink) = open_unix(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(open_unix(&path).err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
        drop(first);
        let (second, unlink_second) = open_unix(&path).unwrap();
        drop(unlink);
        assert!(path.exists(), "the socket of another server was removed");
        drop((second, unlink_second));
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        assert!(open_unix(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }
}
