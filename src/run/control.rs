//! The control socket between a server and a supervisor: what is sent over it.
//!
//! The server sends an [`Order`], with the locks of the run's slots; the supervisor sends one [`Report`]. Each is JSON; an
//! order comes behind its length (4 bytes, little endian), with whose first byte the locks travel (unix(7) SCM_RIGHTS).
//! Bounds: 1 MiB an order, 64 KiB a report. Never: waits for a supervisor without end.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use super::environment::ENVIRONMENT;
use super::limits::Limits;
use super::slots::Slot;

/// Locks that come with an order: the site's slot and the image's.
pub const MAX_LOCKS: usize = 2;
/// Largest order in bytes: arguments come from at most 64 KiB of content.
const MAX_ORDER: usize = 1024 * 1024;
/// Longest report in bytes.
const MAX_REPORT: u64 = 64 * 1024;
/// From the first byte of a report to its end, at most.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// What a supervisor is to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Absolute path of what is executed.
    pub program: PathBuf,
    /// Its arguments, without the program's own name.
    pub arguments: Vec<String>,
    /// Variables on top of the fixed environment, where the runtime needs
    /// them to reach its own systemd session.
    pub session: Vec<(String, String)>,
    pub limits: Limits,
    /// Whether its system calls are filtered: not those of a launcher, which may need privileges to get elsewhere.
    pub filtered: bool,
    /// Whether it has a process namespace of its own, with an init.
    pub init: bool,
}

/// How a run ended, as its supervisor tells it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    Exited(i32),
    Signalled(i32),
    Deadline,
    Cancelled,
    NotExecuted(String),
    /// The run could not be watched, so it was ended.
    Unwatched(String),
}

impl Order {
    /// The runtime as a command, in a process group of its own.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(ENVIRONMENT)
            .envs(self.session.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }
}

impl Report {
    /// What a process's status says.
    pub fn of(status: ExitStatus) -> Report {
        match (status.code(), status.signal()) {
            (Some(code), _) => Report::Exited(code),
            (None, Some(signal)) => Report::Signalled(signal),
            (None, None) => Report::Exited(-1),
        }
    }
}

/// Reads the supervisor's report. One that is stopped before it ends is not waited for: what it said counts, if it is whole.
pub fn read_report(mut control: &UnixStream) -> Option<Report> {
    control.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut text = Vec::new();
    let _ = (&mut control).take(MAX_REPORT).read_to_end(&mut text);
    serde_json::from_slice(&text).ok()
}

/// Sends the order; the locks travel with its first byte (unix(7) SCM_RIGHTS). A supervisor that is stopped before it has
/// taken an order that no socket holds as a whole is not waited for.
pub fn send_order(control: &mut UnixStream, order: &Order, slots: &[Slot], timeout: Duration) -> io::Result<()> {
    control.set_write_timeout(Some(timeout))?;
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

/// Reads the order and the locks that came with its first byte.
pub fn receive_order(control: &mut UnixStream) -> io::Result<(Order, Vec<OwnedFd>)> {
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_LOCKS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL;
    let got = recvmsg(&*control, &mut [IoSliceMut::new(&mut length)], &mut ancillary, flags)?;
    if got.bytes != length.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut locks = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            locks.extend(descriptors);
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_ORDER {
        return Err(io::Error::other("the order is too long"));
    }
    let mut text = vec![0; length];
    control.read_exact(&mut text)?;
    Ok((serde_json::from_slice(&text)?, locks))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::run::Limits;

    fn limits() -> Limits {
        Limits {
            deadline: Duration::from_secs(60),
            output: 100,
            memory: None,
            processes: None,
            cpus: None,
            user_namespace: None,
        }
    }

    #[test]
    fn a_report_is_heard_though_its_supervisor_does_not_end() {
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
    fn a_supervisor_that_takes_no_order_is_not_waited_for() {
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
