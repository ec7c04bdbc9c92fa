//! The first process of a run's own process namespace (pid_namespaces(7)): a copy of the supervisor, which starts the
//! runtime; when it ends the kernel ends everything else in there.
//!
//! In: an [`Order`], descriptors 1 and 2 of the runtime, and a socket to the supervisor. Out, on the same socket: a
//! [`Report`] when the runtime has ended, or why it could not begin. TERM is passed on to the runtime. The end of the
//! socket, or of the supervisor, is its own end. As an init it reaps orphans of the run.
//! A copy (fork(2)), because to execute this program once more costs as much as everything else here together.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::event::PollFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};

use super::control::{Order, Report};
use super::poll::ready;
use super::process_tree::{self, Child};
use super::syscalls;

/// What it is called in lists of processes, where a copy has the command line of its parent.
const NAME: &std::ffi::CStr = c"singularity-ini";

/// Starts the init of an order, and with it the run; the socket tells how the runtime ended.
pub fn spawn(order: &Order) -> io::Result<(Child, UnixStream)> {
    let pair = UnixStream::pair()?;
    syscalls::own_process_namespace()?;
    let (child, (ours, _)) = process_tree::fork(pair, |(of_supervisor, ours)| {
        // else this copy would keep the supervisor's end open, and never hear that it is gone
        drop(of_supervisor);
        live(order, ours)
    })?;
    Ok((child, ours))
}

/// What the runtime's end was, once the init has ended. An init that was killed could not say it.
pub fn report(mut socket: &UnixStream) -> Report {
    let mut text = Vec::new();
    // the other end is closed: what is there is all
    let read = socket.set_nonblocking(true).and_then(|()| match socket.read_to_end(&mut text) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        read => read,
    });
    let report = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
    report.unwrap_or(Report::Signalled(Signal::KILL.as_raw()))
}

/// The life of an init; its exit status.
fn live(order: &Order, mut control: UnixStream) -> u8 {
    // a list of processes is all that it is for
    let _ = rustix::thread::set_name(NAME);
    let report = match begin(order, &control) {
        Ok(None) => return 0,
        Ok(Some(report)) => report,
        Err(error) => Report::NotExecuted(error.to_string()),
    };
    // the supervisor may be gone
    let _ = serde_json::to_vec(&report).map_err(io::Error::other).and_then(|text| control.write_all(&text));
    0
}

/// Starts the runtime and waits for its end; `None` when the supervisor is gone.
fn begin(order: &Order, control: &UnixStream) -> io::Result<Option<Report>> {
    syscalls::begin_as_init()?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    let (ended, of_child) = UnixStream::pair()?;
    let (asked, of_term) = UnixStream::pair()?;
    for (signal, pipe) in [(Signal::CHILD, &of_child), (Signal::TERM, &of_term)] {
        pipe.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(signal.as_raw(), pipe.try_clone()?)?;
    }
    let runtime = Pid::from_child(&order.command().spawn()?);
    loop {
        let watched = [&ended, &asked, control].map(|socket| (Some(socket.as_fd()), PollFlags::IN));
        let Some(seen) = ready(watched, None)? else { continue };
        let [child, term, gone] = seen.map(|flags| !flags.is_empty());
        if gone {
            return Ok(None);
        }
        if term {
            drain(&asked);
            let _ = kill_process_group(runtime, Signal::TERM);
            // a stopped process would not see TERM
            let _ = kill_process_group(runtime, Signal::CONT);
        }
        if child {
            drain(&ended);
            if let Some(status) = reap(runtime) {
                return Ok(Some(Report::of(status)));
            }
        }
    }
}

/// Reaps what has ended; the status of the runtime, if it is among them.
fn reap(runtime: Pid) -> Option<ExitStatus> {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == runtime {
            return Some(ExitStatus::from_raw(status.as_raw()));
        }
    }
    None
}

/// Takes what signals have written.
fn drain(mut pipe: &UnixStream) {
    let mut bytes = [0; 64];
    // one read at a time: more is told by the next poll
    let _ = pipe.read(&mut bytes);
}
