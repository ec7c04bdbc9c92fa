//! The first process of a run's own process namespace (pid_namespaces(7)): started by the supervisor, it starts the
//! runtime, and when it ends the kernel ends everything else in there.
//!
//! In: the program and its arguments as words, the environment and descriptors 1 and 2 of the runtime, and on
//! descriptor 0 a socket to the supervisor. Out, on the same socket: a [`Report`] when the runtime has ended. TERM is
//! passed on to the runtime. The end of the socket, or of the supervisor, is its own end.
//! As an init it reaps orphans of the run.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};

use super::cell::{self, Cell};
use super::invocation::ENVIRONMENT;
use super::keeper::{Order, Report};
use super::process_tree::{self, Child};
use super::raw;

/// The command by which the executable is started as an init; behind it `--`, the program, its arguments.
pub const COMMAND: &str = "init";

/// Starts the init of an order, and with it the run; the socket tells how the runtime ended.
pub fn spawn(order: &Order) -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    raw::own_process_namespace()?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("singularity-nginx")
        .args([COMMAND, "--"])
        .arg(&order.program)
        .args(&order.arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .envs(order.session.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(OwnedFd::from(theirs));
    raw::begins_as_init(&mut command);
    let child = process_tree::spawn(&mut command)?;
    Ok((child, ours))
}

/// Whether that works here.
pub fn tried() -> io::Result<()> {
    cell::enter(Cell::Counted, cell::TRIAL)?;
    raw::own_process_namespace()?;
    let mut command = Command::new("/bin/true");
    command.env_clear().stdin(Stdio::null());
    raw::begins_as_init(&mut command);
    let status = process_tree::spawn(&mut command)?.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
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

/// The life of an init.
pub fn main(words: &[String]) -> io::Result<()> {
    let mut control = UnixStream::from(rustix::io::dup(io::stdin().as_fd())?);
    rustix::io::fcntl_setfd(&control, rustix::io::FdFlags::CLOEXEC)?;
    let report = run(words, &control)?;
    let Some(report) = report else { return Ok(()) };
    // the supervisor may be gone
    let _ = control.write_all(&serde_json::to_vec(&report).map_err(io::Error::other)?);
    Ok(())
}

/// Starts the runtime and waits for its end; `None` when the supervisor is gone.
fn run(words: &[String], control: &UnixStream) -> io::Result<Option<Report>> {
    let (ended, of_child) = UnixStream::pair()?;
    let (asked, of_term) = UnixStream::pair()?;
    for (signal, pipe) in [(Signal::CHILD, &of_child), (Signal::TERM, &of_term)] {
        pipe.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(signal.as_raw(), pipe.try_clone()?)?;
    }
    let Some((program, arguments)) = words.split_first() else { return Ok(None) };
    let started = Command::new(program).args(arguments).stdin(Stdio::null()).process_group(0).spawn();
    let runtime = match started {
        Ok(child) => Pid::from_child(&child),
        Err(error) => return Ok(Some(Report::NotExecuted(error.to_string()))),
    };
    loop {
        let mut polled = [&ended, &asked, control].map(|fd| PollFd::new(fd, PollFlags::IN));
        match poll(&mut polled, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        let [child, term, gone] = polled.map(|fd| !fd.revents().is_empty());
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
