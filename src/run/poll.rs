//! The one loop around poll(2) of this room.
//!
//! In: descriptors, each with what it is watched for, and a time. Out: what each is ready for, or nothing when the time is
//! over. A call that a signal interrupts is made again with what is left of the time.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A descriptor, if there is one, and what it is watched for.
pub type Watched<'a> = (Option<BorrowedFd<'a>>, PollFlags);

/// Waits until one of them is ready or at its end; `until` may be none: as long as it takes. A place without a descriptor is
/// never ready.
pub fn ready<const N: usize>(watched: [Watched<'_>; N], until: Option<Instant>) -> io::Result<Option<[PollFlags; N]>> {
    loop {
        let left = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
        let mut polled: Vec<PollFd<'_>> =
            watched.iter().filter_map(|(fd, flags)| Some(PollFd::from_borrowed_fd((*fd)?, *flags))).collect();
        match poll(&mut polled, left.as_ref()) {
            Ok(0) => return Ok(None),
            Ok(_) => {
                let mut seen = polled.iter().map(PollFd::revents);
                let of = |(fd, _): Watched<'_>| fd.and_then(|_| seen.next()).unwrap_or(PollFlags::empty());
                return Ok(Some(watched.map(of)));
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn what_is_ready_stands_in_its_place() {
        let (first, _open) = io::pipe().unwrap();
        let (second, mut out) = io::pipe().unwrap();
        let watched =
            || [(Some(first.as_fd()), PollFlags::IN), (None, PollFlags::IN), (Some(second.as_fd()), PollFlags::IN)];
        assert_eq!(ready(watched(), Some(Instant::now())).unwrap(), None);
        out.write_all(b"x").unwrap();
        let none = PollFlags::empty();
        assert_eq!(ready(watched(), None).unwrap(), Some([none, none, PollFlags::IN]));
    }
}
