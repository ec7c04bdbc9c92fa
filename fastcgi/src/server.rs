//! The server: threads that take turns at the door.
//!
//! In: a listening socket, bounds, a handler. Out: answered requests, until the drain; `serve` returns when the last one is done.
//! A thread waits at the door, lets one connection in, sees that another thread waits in its place, and stays with its connection.
//! So nothing has to be caught when a thread cannot be started or the house is full: connections wait in the socket's backlog.
//! Nothing a peer does ends the server, and it writes nothing to the process's stderr.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};

use crate::channel::Channel;
use crate::listener::{allowed_peers, internet_peer, is_listener, not_a_listener};
use crate::request::Request;
use crate::settings::Settings;
use crate::shutdown::ShutdownHandle;
use crate::socket::{Socket, wait};

/// Threads that may wait at the door without work.
const SPARE_THREADS: usize = 8;
/// Pause before the next try when the system has no descriptor or no thread for us.
const RETRY: Duration = Duration::from_millis(50);

/// A FastCGI server on a listening socket, TCP or Unix.
#[derive(Debug)]
pub struct Server {
    listener: OwnedFd,
    settings: Settings,
    peers: Option<Vec<IpAddr>>,
    stop: Option<ShutdownHandle>,
}

impl Server {
    /// A server with the default bounds. The socket is set to non-blocking, also for others who share it.
    pub fn new(listener: impl Into<OwnedFd>) -> Self {
        Self { listener: listener.into(), settings: Settings::default(), peers: None, stop: None }
    }

    /// Connections, and so threads, at once; default 512, at least 1. Further ones wait in the socket's backlog, they are not refused.
    /// A full house keeps no connection open after its answer.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> Self {
        self.settings.max_connections = count.max(1);
        self
    }

    /// Bytes of all parameters of a request together; default 1 MiB. More are answered with status 431.
    #[must_use]
    pub fn max_params_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_params_bytes = bytes;
        self
    }

    /// Parameters of a request; default 40,000. More are answered with status 431.
    #[must_use]
    pub fn max_params(mut self, count: usize) -> Self {
        self.settings.max_params = count;
        self
    }

    /// How long a connection may wait for its next request, or for its first; default 90 s.
    #[must_use]
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.settings.idle_timeout = time;
        self
    }

    /// How long all parameters of a request that has begun may take, and how long a read of its body may wait; default 30 s.
    #[must_use]
    pub fn read_timeout(mut self, time: Duration) -> Self {
        self.settings.read_timeout = time;
        self
    }

    /// How long a peer may take none of the answer; default 60 s.
    #[must_use]
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.settings.write_timeout = time;
        self
    }

    /// How long the drain waits for running requests; default 120 s. Those that still run then are left to the end of the process.
    #[must_use]
    pub fn drain_timeout(mut self, time: Duration) -> Self {
        self.settings.drain_timeout = time;
        self
    }

    /// Addresses whose TCP connections are taken, in place of those in the variable `FCGI_WEB_SERVER_ADDRS`. Unix sockets are not concerned.
    #[must_use]
    pub fn allowed_peers(mut self, peers: impl IntoIterator<Item = IpAddr>) -> Self {
        self.peers = Some(peers.into_iter().map(|peer| peer.to_canonical()).collect());
        self
    }

    /// The handle that starts the drain.
    #[must_use]
    pub fn shutdown(mut self, stop: ShutdownHandle) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Answers requests until the drain: then no connection is accepted any more, idle ones are closed, running requests are finished.
    /// The handler runs on many threads at once. Its panic is the visitor's 500 if nothing was sent yet, and the end of that request only.
    ///
    /// # Errors
    /// At the start: the descriptor is no listening socket, `FCGI_WEB_SERVER_ADDRS` holds something other than addresses.
    /// Later only: the listening socket has become unusable, or the drain took too long (`TimedOut`).
    pub fn serve(self, handler: impl Fn(&mut Request) + Send + Sync + 'static) -> io::Result<()> {
        if !is_listener(&self.listener) {
            return Err(not_a_listener());
        }
        ioctl_fionbio(&self.listener, true)?;
        let house = Arc::new(House {
            handler,
            peers: self.peers.map_or_else(allowed_peers, |peers| Ok(Some(peers)))?,
            stop: self.stop.map_or_else(ShutdownHandle::new, Ok)?,
            listener: Mutex::new(Some(self.listener)),
            settings: Arc::new(self.settings),
            crew: Mutex::default(),
            left: Condvar::new(),
            draining: AtomicBool::new(false),
            broken: OnceLock::new(),
        });
        while !house.hire() && !house.stop.wait_at_most(RETRY) {}
        house.stop.wait();
        house.drain()
    }
}

/// Threads: all, and those at the door.
#[derive(Debug, Default)]
struct Crew {
    alive: usize,
    waiting: usize,
}

/// What the threads share.
struct House<H> {
    handler: H,
    settings: Arc<Settings>,
    peers: Option<Vec<IpAddr>>,
    stop: ShutdownHandle,
    /// The door: locked by the thread that waits for the next connection, gone once the drain has begun.
    listener: Mutex<Option<OwnedFd>>,
    crew: Mutex<Crew>,
    left: Condvar,
    draining: AtomicBool,
    /// Why the door no longer works.
    broken: OnceLock<Errno>,
}

impl<H: Fn(&mut Request) + Send + Sync + 'static> House<H> {
    /// Starts a thread that waits at the door; `false`: the house is full, or the system has no thread for us now.
    fn hire(self: &Arc<Self>) -> bool {
        {
            let mut crew = lock(&self.crew);
            if crew.alive >= self.settings.max_connections {
                return false;
            }
            crew.alive += 1;
            crew.waiting += 1;
        }
        let badge = Badge(Arc::clone(self));
        let hired = thread::Builder::new().name("fastcgi".into()).spawn(move || badge.0.work()).is_ok();
        if !hired {
            lock(&self.crew).waiting -= 1;
        }
        hired
    }

    /// A thread's day.
    fn work(self: &Arc<Self>) {
        loop {
            let socket = self.accept();
            lock(&self.crew).waiting -= 1;
            let Some(socket) = socket else { return };
            self.door_is_manned();
            self.attend(Socket::new(socket));
            let mut crew = lock(&self.crew);
            if crew.waiting >= SPARE_THREADS {
                return;
            }
            crew.waiting += 1;
        }
    }

    /// Whether somebody waits for the next connection, if need be somebody new.
    fn door_is_manned(self: &Arc<Self>) -> bool {
        lock(&self.crew).waiting > 0 || self.hire()
    }

    /// The next connection; `None`: the drain has begun.
    fn accept(&self) -> Option<OwnedFd> {
        let door = lock(&self.listener);
        loop {
            let listener = door.as_ref()?;
            if wait(listener.as_fd(), PollFlags::IN, Some(self.stop.as_fd()), None).is_ok_and(|woken| woken.stop) {
                return None;
            }
            match acceptfrom_with(listener, SocketFlags::CLOEXEC) {
                Ok((socket, peer)) if self.admits(&socket, peer.as_ref()) => return Some(socket),
                // Somebody not allowed in, or gone already.
                Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
                Err(errno @ (Errno::BADF | Errno::INVAL | Errno::NOTSOCK)) => {
                    self.broken.get_or_init(|| errno);
                    self.stop.drain();
                }
                // EMFILE, ENFILE, ENOBUFS, ENOMEM and network errors pass.
                Err(_) if self.stop.wait_at_most(RETRY) => return None,
                Err(_) => {}
            }
        }
    }

    /// Section 3.2: the peer's address is checked, if it has one and a list was given.
    fn admits(&self, socket: &OwnedFd, peer: Option<&SocketAddrAny>) -> bool {
        let Some(peer) = internet_peer(peer) else { return true };
        // Records are gathered already; a small one is meant to arrive now.
        let _ = set_tcp_nodelay(socket, true);
        self.peers.as_ref().is_none_or(|peers| peers.contains(&peer.ip().to_canonical()))
    }

    /// Answers the requests of one connection.
    fn attend(self: &Arc<Self>, socket: Socket) {
        let mut channel = Channel::new(socket, Arc::clone(&self.settings), self.stop.clone());
        let mut params = Vec::new();
        loop {
            let head = match channel.receive(params) {
                Ok(head) => head,
                Err(fault) => return channel.close(Some(fault)),
            };
            let mut request = Request::new(channel, head);
            request.answer(&self.handler);
            let keep;
            (channel, keep, params) = request.into_parts();
            if !keep || self.draining.load(Ordering::Relaxed) || !self.door_is_manned() {
                return channel.close(None);
            }
        }
    }

    /// Closes the door and waits until the last thread has left.
    fn drain(&self) -> io::Result<()> {
        self.draining.store(true, Ordering::Relaxed);
        *lock(&self.listener) = None;
        let (crew, patience) = (lock(&self.crew), self.settings.drain_timeout);
        let waited = self.left.wait_timeout_while(crew, patience, |crew| crew.alive > 0);
        let late = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        match self.broken.get() {
            Some(errno) => Err((*errno).into()),
            None if late => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "requests were still running at the end of the drain"))
            }
            None => Ok(()),
        }
    }
}

/// A thread's membership of the crew; given back however the thread ends.
struct Badge<H>(Arc<House<H>>);

impl<H> Drop for Badge<H> {
    fn drop(&mut self) {
        let mut crew = lock(&self.0.crew);
        crew.alive -= 1;
        if crew.alive == 0 {
            self.0.left.notify_all();
        }
    }
}

/// The data behind our locks is valid at every step: a panic in between spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
