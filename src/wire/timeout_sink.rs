//! A reader who is waited for as long as its answer says, and no longer.
//!
//! In: bytes, a [`Sink`]. Out: the same bytes, or `TimedOut` when the reader takes nothing for so long.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::http::Sink;

/// See the module.
pub struct TimeoutSink<'a> {
    sink: &'a mut dyn Sink,
    timeout: Duration,
}

impl<'a> TimeoutSink<'a> {
    pub fn new(sink: &'a mut dyn Sink, timeout: Duration) -> TimeoutSink<'a> {
        TimeoutSink { sink, timeout }
    }

    /// Waits until all is out.
    pub fn finish(&mut self) -> io::Result<()> {
        self.push(&[])?;
        self.sink.flush()
    }

    /// Some of `bytes`; of none, all that is held.
    fn push(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut until = Instant::now() + self.timeout;
        loop {
            let before = self.sink.unsent();
            let taken = self.sink.try_write(bytes)?;
            let left = self.sink.unsent();
            if taken > 0 || (bytes.is_empty() && left == 0) {
                return Ok(taken);
            }
            if left < before {
                until = Instant::now() + self.timeout;
            }
            let timeout = until.saturating_duration_since(Instant::now());
            if timeout.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the reader takes nothing"));
            }
            wait(self.sink.descriptor(), timeout)?;
        }
    }
}

/// Waits until the reader takes something; the time may also be over.
fn wait(reader: Option<BorrowedFd<'_>>, timeout: Duration) -> io::Result<()> {
    let Some(reader) = reader else { return Ok(()) };
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    match poll(&mut [PollFd::from_borrowed_fd(reader, PollFlags::OUT)], Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Write for TimeoutSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() { Ok(0) } else { self.push(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push(&[]).map(|_| ())
    }
}

impl Sink for TimeoutSink<'_> {
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.try_write(bytes)
    }

    fn unsent(&self) -> usize {
        self.sink.unsent()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.sink.descriptor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    /// A socket whose peer takes what it takes.
    struct Socket(UnixStream);

    impl Write for Socket {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("this waits without end")
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Socket {
        fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                written => written,
            }
        }

        fn unsent(&self) -> usize {
            0
        }

        fn descriptor(&self) -> Option<BorrowedFd<'_>> {
            Some(self.0.as_fd())
        }
    }

    #[test]
    fn a_reader_who_takes_nothing_is_let_go() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut socket = Socket(ours);
        let mut sink = TimeoutSink::new(&mut socket, Duration::from_millis(50));
        let written = sink.write_all(&vec![0; 8 << 20]).map_err(|error| error.kind());
        assert_eq!(written, Err(io::ErrorKind::TimedOut));
    }

    #[test]
    fn a_reader_who_takes_a_little_at_a_time_gets_all_of_it() {
        use std::io::Read;
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let reading = std::thread::spawn(move || {
            let (mut all, mut piece) = (0, vec![0; 65_536]);
            while let Ok(length @ 1..) = theirs.read(&mut piece) {
                all += length;
                std::thread::sleep(Duration::from_millis(5));
            }
            all
        });
        let mut socket = Socket(ours);
        TimeoutSink::new(&mut socket, Duration::from_secs(20)).write_all(&vec![0; 2 << 20]).unwrap();
        drop(socket);
        assert_eq!(reading.join().unwrap(), 2 << 20);
    }
}
