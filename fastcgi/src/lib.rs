//! A FastCGI 1.0 responder: sockets and records below, [`Request`]s above.
//!
//! In: a listening socket. Out: calls of a handler, on one thread per connection. Obeys the FastCGI Specification 1.0 (Open Market, 29 April
//! 1996), sections 2 to 6.2. Never writes to the process's stderr, installs no signal handler, starts no process, and believes no length.
//!
//! ```text
//! listener → server (a thread a connection) → channel (records) → request → handler
//!       socket (bytes, deadlines), input, output ─┘
//! ```
//!
//! ```no_run
//! use std::io::Write;
//!
//! fn main() -> std::io::Result<()> {
//!     fastcgi::run(|request| {
//!         let name = request.param("QUERY_STRING").unwrap_or_default();
//!         let _ = write!(request.stdout(), "Content-Type: text/plain\r\n\r\nhello {name}!\n");
//!     })
//! }
//! ```
//!
//! [`run`] is the whole of it for a program started by a FastCGI process manager; [`Server`] has the bounds and the drain.

#![deny(unsafe_code)]

mod channel;
mod input;
mod listener;
mod output;
mod record;
mod request;
mod server;
mod settings;
mod shutdown;
mod socket;
mod watch;

use std::io;
use std::os::fd::RawFd;

pub use listener::{adopt_listener, is_listener, stdin_listener};
pub use request::{Request, Role, Stdin, Stream};
pub use server::Server;
pub use shutdown::ShutdownHandle;
pub use watch::Watch;

/// Serves the listening socket on descriptor 0, as the specification starts programs, with the default bounds.
///
/// # Errors
/// Descriptor 0 is not a listening socket (under plain CGI, or at a terminal); or as [`Server::serve`].
pub fn run(handler: impl Fn(&mut Request) + Send + Sync + 'static) -> io::Result<()> {
    Server::new(stdin_listener()?).serve(handler)
}

/// Serves the listening socket with this number (3 in socket activation), with the default bounds.
///
/// # Errors
/// There is no listening socket with this number; or as [`Server::serve`].
pub fn run_raw(handler: impl Fn(&mut Request) + Send + Sync + 'static, raw_fd: RawFd) -> io::Result<()> {
    Server::new(adopt_listener(raw_fd)?).serve(handler)
}
