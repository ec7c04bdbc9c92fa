//! A hello page with a graceful end: `hello SOCKET` listens there, `hello` alone serves descriptor 0. SIGTERM drains.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use fastcgi::{Server, ShutdownHandle, stdin_listener};
use signal_hook::consts::SIGTERM;
use signal_hook::low_level::pipe;

fn main() -> io::Result<()> {
    let listener: OwnedFd = match std::env::args_os().nth(1) {
        Some(path) => UnixListener::bind(path)?.into(),
        None => stdin_listener()?,
    };
    let stop = ShutdownHandle::new()?;
    pipe::register(SIGTERM, stop.signal_end()?)?;
    Server::new(listener).shutdown(stop).serve(|request| {
        let query = request.param("QUERY_STRING").unwrap_or_default();
        let _ = write!(request.stdout(), "Content-Type: text/plain\r\n\r\nhello {query}!\n");
    })
}
