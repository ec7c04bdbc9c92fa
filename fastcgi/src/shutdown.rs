//! The handle that ends a server: a pipe, so that a signal handler can pull it and every `poll` can see it.
//!
//! In: one byte. Out: a descriptor that is readable from then on. The byte is never taken out again, so everybody who looks sees it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::socket::{happens_now, wait, within};

/// Starts the drain of a [`Server`](crate::Server) that was given a clone of it.
///
/// The library installs no signal handler. An application that wants SIGTERM to drain hands [`signal_end`](Self::signal_end)
/// to whatever turns signals into bytes, for example
/// `signal_hook::low_level::pipe::register(SIGTERM, stop.signal_end()?)?`.
/// As a descriptor (`AsFd`) it is readable once the drain has begun: a long-running handler can `poll` it.
#[derive(Clone, Debug)]
pub struct ShutdownHandle {
    seen: Arc<OwnedFd>,
    pulled: Arc<OwnedFd>,
}

impl ShutdownHandle {
    /// # Errors
    /// No descriptors are left for a pipe.
    pub fn new() -> io::Result<Self> {
        let (seen, pulled) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self { seen: Arc::new(seen), pulled: Arc::new(pulled) })
    }

    /// Starts the drain. Calling it again changes nothing.
    pub fn drain(&self) {
        // The only possible failure is a full pipe: then it has been pulled already.
        let _ = rustix::io::write(&*self.pulled, b"!");
    }

    /// A descriptor that starts the drain when one byte is written to it.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn signal_end(&self) -> io::Result<OwnedFd> {
        self.pulled.try_clone()
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        happens_now(self.as_fd(), PollFlags::IN)
    }

    /// Waits for the drain; `false`: it did not come in time.
    pub(crate) fn wait_at_most(&self, patience: Duration) -> bool {
        wait(self.as_fd(), PollFlags::IN, None, within(patience)).is_ok_and(|woken| woken.ready)
    }

    /// Waits for the drain.
    pub(crate) fn wait(&self) {
        // A failing poll is a lack of memory: try again later.
        while wait(self.as_fd(), PollFlags::IN, None, None).is_err() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl AsFd for ShutdownHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.seen.as_fd()
    }
}
