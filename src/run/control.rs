//! The control socket between a server and a supervisor, on the server's side.
//!
//! Out: the [`Order`], with the slots' locks. In: the [`Report`]. Never: waits for a supervisor without end.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::keeper::{MAX_LOCKS, Order, Report};
use super::slots::Slot;

/// Longest report in bytes.
const MAX_REPORT: u64 = 64 * 1024;
/// From the first byte of a report to its end, at most.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads the keeper's report. One that is stopped before it ends is not waited for: what it said counts, if it is whole.
pub fn read_report(mut control: &UnixStream) -> Option<Report> {
    control.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut text = Vec::new();
    let _ = (&mut control).take(MAX_REPORT).read_to_end(&mut text);
    serde_json::from_slice(&text).ok()
}

/// Sends the order; the locks travel with its first byte (unix(7) SCM_RIGHTS). A keeper that is stopped before it has
/// taken an order that no socket holds as a whole is not waited for.
pub fn send_order(control: &mut UnixStream, order: &Order, slots: &[Slot], patience: Duration) -> io::Result<()> {
    control.set_write_timeout(Some(patience))?;
    let text = serde_json::to_vec(order)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes();
    let locks: Vec<BorrowedFd<'_>> = slots.iter().map(|slot| slot.file().as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_LOCKS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&locks));
    let sent = sendmsg(&*control, &[IoSlice::new(&length)], &mut ancillary, SendFlags::NOSIGNAL)?;
    if sent != length.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    control.write_all(&text)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::run::Limits;

    fn limits() -> Limits {
        Limits { deadline: Duration::from_secs(60), output: 100, memory: None, processes: None, cpus: None, cell: None }
    }

    #[test]
    fn a_report_is_heard_though_its_keeper_does_not_end() {
        for (said, heard) in [
            (r#"{"Exited":3}"#, Some(Report::Exited(3))),
            (r#""Deadline""#, Some(Report::Deadline)),
            (r#"{"Exi"#, None),
        ] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            theirs.write_all(said.as_bytes()).unwrap();
            let begun = Instant::now();
            assert_eq!(read_report(&ours), heard, "{said}");
            assert!(begun.elapsed() < READ_TIMEOUT * 10);
            drop(theirs);
        }
    }

    #[test]
    fn a_keeper_that_takes_no_order_is_not_waited_for() {
        let (mut ours, _theirs) = UnixStream::pair().unwrap();
        let order = Order {
            program: "/bin/true".into(),
            arguments: vec!["x".repeat(8 << 20)],
            session: Vec::new(),
            limits: limits(),
            filtered: false,
            init: false,
        };
        assert!(send_order(&mut ours, &order, &[], Duration::from_millis(50)).is_err());
    }
}
