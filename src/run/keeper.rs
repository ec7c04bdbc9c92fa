//! The keeper: one small process per run, the parent of all its processes.
//!
//! In, on descriptor 0 (a socket): an [`Order`], and the descriptor of the
//! slot's lock. Out, on the same socket: one [`Report`], after nothing of the
//! run is left. The end of the socket means that the server is gone or does
//! not want the run any more: the run is ended.
//!
//! The keeper is a *subreaper* (prctl(2) PR_SET_CHILD_SUBREAPER): processes
//! of the run that daemonise become its children, and no process of the run
//! escapes the sweep. It starts the runtime with descriptors 0 (/dev/null),
//! 1 and 2, and no others.

use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

use super::cell;
use super::family;
use super::filter;
use super::invocation::ENVIRONMENT;
use super::limits::{self, Limits};
use super::raw;

/// Locks that come with an order: the site's slot and the image's.
pub const MAX_LOCKS: usize = 2;
/// The command by which the executable is started as a keeper.
pub const COMMAND: &str = "keep";
/// The words behind it for a trial: what [`super::Ability::Counting`] needs,
/// and what [`super::Ability::Filter`] does.
pub const TRY_CELL: &str = "try-cell";
pub const TRY_FILTER: &str = "try-filter";
/// Largest order in bytes: arguments come from at most 64 KiB of content.
const MAX_ORDER: usize = 1024 * 1024;
/// From TERM to KILL when the deadline is over.
const GRACE: Duration = Duration::from_secs(3);
/// From TERM to KILL when nobody waits for the answer any more.
const SHORT_GRACE: Duration = Duration::from_millis(500);
/// From KILL to giving up on a process in an uninterruptible wait.
const STUCK: Duration = Duration::from_secs(2);

/// What the keeper is to run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Variables on top of the fixed environment, where the runtime needs
    /// them to reach its own systemd session.
    pub session: Vec<(String, String)>,
    pub limits: Limits,
    /// Whether system calls are filtered.
    pub filtered: bool,
}

/// How it ended.
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

/// The life of a keeper. The error says why it could not even begin.
pub fn keep(word: Option<&str>) -> io::Result<()> {
    match word {
        Some(TRY_CELL) => return cell::tried(),
        Some(TRY_FILTER) => return filter::set(),
        _ => {}
    }
    // away from the terminal of whoever started the server: /dev/tty would be theirs (TIOCSTI types into it)
    rustix::process::setsid()?;
    let mut control = UnixStream::from(rustix::io::dup(io::stdin().as_fd())?);
    rustix::io::fcntl_setfd(&control, rustix::io::FdFlags::CLOEXEC)?;
    let (order, slots) = receive(&mut control)?;
    let signals = ending_signals()?;
    family::adopt()?;
    // refused where there are no keyrings (ENOSYS, or seccomp): then there is nothing to share
    let _ = raw::leave_keyring();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let report = match start(&order) {
        Err(error) => Report::NotExecuted(error.to_string()),
        Ok(mut child) => {
            let report = watch(&mut child, &control, &signals, order.limits.deadline);
            end(&mut child);
            report.unwrap_or_else(|error| Report::Unwatched(error.to_string()))
        }
    };
    // nothing of the run is left: whoever hears of its end finds the slot free
    drop(slots);
    let text = serde_json::to_vec(&report).map_err(io::Error::other)?;
    // the server may be gone: then nobody wants to know
    let _ = control.write_all(&text);
    Ok(())
}

/// Reads the order and the locks that came with its first byte.
fn receive(control: &mut UnixStream) -> io::Result<(Order, Vec<OwnedFd>)> {
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

/// A descriptor that becomes readable when somebody asks the keeper to end.
fn ending_signals() -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        signal_hook::low_level::pipe::register(signal.as_raw(), theirs.try_clone()?)?;
    }
    Ok(ours)
}

/// Starts the runtime, then lets go of its pipes, so that they end with it.
fn start(order: &Order) -> io::Result<Child> {
    order.limits.set()?;
    if order.filtered {
        filter::set()?;
    }
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    let mut command = Command::new(&order.program);
    command
        .args(&order.arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .envs(order.session.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .process_group(0);
    let child = limits::first_to_go(|| command.spawn());
    for let_go in
        [rustix::stdio::dup2_stdin(&null), rustix::stdio::dup2_stdout(&null), rustix::stdio::dup2_stderr(&null)]
    {
        // dup2(2) on open descriptors does not fail; if it did, only the end of the pipes would come later
        let _ = let_go;
    }
    child
}

/// Waits for the first of: the runtime ends, the time is up, the server or a
/// signal says stop.
fn watch(child: &mut Child, control: &UnixStream, signals: &UnixStream, deadline: Duration) -> io::Result<Report> {
    let pid = Pid::from_child(child);
    let ended = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    let until = Instant::now().checked_add(deadline);
    let (report, grace) = match first(&[ended.as_fd(), control.as_fd(), signals.as_fd()], until)? {
        Some(0) => return Ok(told(child.wait()?)),
        Some(_) => (Report::Cancelled, SHORT_GRACE),
        None => (Report::Deadline, GRACE),
    };
    let _ = rustix::process::kill_process_group(pid, Signal::TERM);
    // a stopped process would not see TERM
    let _ = rustix::process::kill_process_group(pid, Signal::CONT);
    let patience = Instant::now().checked_add(grace);
    let both = [ended.as_fd(), control.as_fd()];
    // a visitor who leaves during the long grace ends it
    first(if report == Report::Deadline { &both } else { &both[..1] }, patience)?;
    Ok(report)
}

/// Ends what is left of the run, however it went.
fn end(child: &mut Child) {
    let pid = Pid::from_child(child);
    if !matches!(child.try_wait(), Ok(Some(_))) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        let _ = child.kill();
        family::ends_within(pid, STUCK);
    }
    family::sweep(|_| false);
}

fn told(status: ExitStatus) -> Report {
    match (status.code(), status.signal()) {
        (Some(code), _) => Report::Exited(code),
        (None, Some(signal)) => Report::Signalled(signal),
        (None, None) => Report::Exited(-1),
    }
}

/// The index of the first descriptor that is readable or at its end; `None`
/// when the time is over.
fn first(descriptors: &[BorrowedFd<'_>], until: Option<Instant>) -> io::Result<Option<usize>> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(family::timespec);
        let mut polled: Vec<PollFd<'_>> =
            descriptors.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        match poll(&mut polled, left.as_ref()) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(polled.iter().position(|fd| !fd.revents().is_empty())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
