//! The supervisor: one small process per run, the parent of all its processes.
//!
//! In, on descriptor 0 (a socket): an [`Order`], and the descriptor of the
//! slot's lock. Out, on the same socket: one [`Report`], after nothing of the
//! run is left. The end of the socket means that the server is gone or does
//! not want the run any more: the run is ended.
//!
//! Where the host can do that, the run has a process namespace of its own, and
//! the supervisor starts its init (`init.rs`), which starts the runtime: then the
//! kernel ends all of it with the supervisor, whoever killed that.
//! The supervisor is a *subreaper* (prctl(2) PR_SET_CHILD_SUBREAPER): processes
//! of the run that daemonise become its children, and no process of the run
//! escapes the sweep. It starts the runtime with descriptors 0 (/dev/null),
//! 1 and 2, and no others.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant, SystemTime};

use rustix::event::PollFlags;
use rustix::process::Signal;

use super::control::{Order, Report, receive_order};
use super::init;
use super::poll::{Watched, ready};
use super::process_tree::{self, Child};
use super::resource_limits;
use super::seccomp;
use super::syscalls;
use super::trials;

/// The command by which the executable is started as a supervisor.
pub const COMMAND: &str = "supervise";
/// From TERM to KILL when the deadline is over.
const GRACE: Duration = Duration::from_secs(3);
/// From TERM to KILL when nobody waits for the answer any more.
const SHORT_GRACE: Duration = Duration::from_millis(500);
/// From KILL to giving up on a process in an uninterruptible wait.
const STUCK: Duration = Duration::from_secs(2);
/// The longest time from the deadline, or from the word to stop, to the report.
pub const WORST_CASE: Duration = GRACE.saturating_add(STUCK).saturating_add(process_tree::SWEEP);
/// How often the locks are touched, so that what removes old files from /tmp leaves them: it counts in days.
const TOUCH: Duration = Duration::from_secs(600);

/// The life of a supervisor, or the trial of this word. The error says why it could not even begin.
pub fn supervise(word: Option<&str>) -> io::Result<()> {
    if let Some(outcome) = trials::run(word) {
        return outcome;
    }
    syscalls::ignore_no_signal();
    // away from the terminal of whoever started the server: /dev/tty would be theirs (TIOCSTI types into it)
    rustix::process::setsid()?;
    let mut control = UnixStream::from(rustix::io::dup(io::stdin().as_fd())?);
    rustix::io::fcntl_setfd(&control, rustix::io::FdFlags::CLOEXEC)?;
    let (order, locks) = receive_order(&mut control)?;
    let signals = ending_signals()?;
    process_tree::become_subreaper()?;
    // refused where there are no keyrings (ENOSYS, or seccomp): then there is nothing to share
    let _ = syscalls::leave_keyring();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let report = match start(&order) {
        Err(error) => Report::NotExecuted(error.to_string()),
        Ok((mut child, init)) => {
            let watch = Watch { control: &control, signals: &signals, locks: &locks, init: init.as_ref() };
            let report = watch.until_the_end(&mut child, order.limits.deadline);
            end(child);
            report.unwrap_or_else(|error| Report::Unwatched(error.to_string()))
        }
    };
    // nothing of the run is left: whoever hears of its end finds the slot free
    drop(locks);
    let text = serde_json::to_vec(&report).map_err(io::Error::other)?;
    // the server may be gone: then nobody wants to know
    let _ = control.write_all(&text);
    Ok(())
}

/// A descriptor that becomes readable when somebody asks the supervisor to end.
fn ending_signals() -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        signal_hook::low_level::pipe::register(signal.as_raw(), theirs.try_clone()?)?;
    }
    Ok(ours)
}

/// Starts the runtime, by an init or as a child, then lets go of its pipes, so that they end with it.
fn start(order: &Order) -> io::Result<(Child, Option<UnixStream>)> {
    order.limits.set()?;
    if order.filtered {
        seccomp::set()?;
    }
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    let started = resource_limits::first_to_go(|| match order.init {
        true => init::spawn(order).map(|(child, socket)| (child, Some(socket))),
        false => alone(order).map(|child| (child, None)),
    });
    for let_go in
        [rustix::stdio::dup2_stdin(&null), rustix::stdio::dup2_stdout(&null), rustix::stdio::dup2_stderr(&null)]
    {
        // dup2(2) on open descriptors does not fail; if it did, only the end of the pipes would come later
        let _ = let_go;
    }
    started
}

/// The runtime as a child of ours.
fn alone(order: &Order) -> io::Result<Child> {
    let mut command = order.command();
    syscalls::ends_with_us(&mut command);
    process_tree::spawn(&mut command)
}

/// What a run is watched by.
struct Watch<'a> {
    control: &'a UnixStream,
    signals: &'a UnixStream,
    locks: &'a [OwnedFd],
    init: Option<&'a UnixStream>,
}

impl Watch<'_> {
    /// Waits for the first of: the runtime ends, the time is up, the server or a
    /// signal says stop. Then asks what is left to end.
    fn until_the_end(&self, child: &mut Child, deadline: Duration) -> io::Result<Report> {
        let until = Instant::now().checked_add(deadline);
        let happened = loop {
            let touch = Instant::now() + TOUCH;
            let soonest = until.map_or(touch, |until| until.min(touch));
            let watched = [child.ended(), self.control.as_fd(), self.signals.as_fd()].map(for_reading);
            match ready(watched, Some(soonest))? {
                None if until.is_none_or(|until| Instant::now() < until) => self.locks.iter().for_each(keep_young),
                happened => break happened,
            }
        };
        let (report, grace) = match happened {
            Some([ended, ..]) if !ended.is_empty() => {
                let status = child.wait()?;
                return Ok(self.init.map_or_else(|| Report::of(status), init::report));
            }
            Some(_) => (Report::Cancelled, SHORT_GRACE),
            None => (Report::Deadline, GRACE),
        };
        self.ask_to_end(child);
        let timeout = Instant::now().checked_add(grace);
        // a visitor who leaves during the long grace ends it
        let control = (report == Report::Deadline).then_some(self.control.as_fd());
        ready([for_reading(child.ended()), (control, PollFlags::IN)], timeout)?;
        Ok(report)
    }

    /// TERM, which an init passes on.
    fn ask_to_end(&self, child: &Child) {
        if self.init.is_some() {
            let _ = rustix::process::kill_process(child.pid(), Signal::TERM);
            return;
        }
        let _ = rustix::process::kill_process_group(child.pid(), Signal::TERM);
        // a stopped process would not see TERM
        let _ = rustix::process::kill_process_group(child.pid(), Signal::CONT);
    }
}

fn for_reading(descriptor: BorrowedFd<'_>) -> Watched<'_> {
    (Some(descriptor), PollFlags::IN)
}

/// Gives a lock's file the time of now.
fn keep_young(lock: &OwnedFd) {
    let now = std::fs::FileTimes::new().set_accessed(SystemTime::now()).set_modified(SystemTime::now());
    // refused nowhere that is known: the file is ours
    let _ = lock.try_clone().and_then(|file| std::fs::File::from(file).set_times(now));
}

/// Ends what is left of the run, however it went.
fn end(child: Child) {
    if !child.has_ended() {
        // of an init the kernel kills all the others, and lets it end after them
        let _ = rustix::process::kill_process_group(child.pid(), Signal::KILL);
        child.kill();
        child.ends_within(STUCK);
    }
    if child.has_ended() {
        drop(child);
    } else {
        // in an uninterruptible wait: its end is not waited for
        child.disown();
    }
    process_tree::sweep();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    /// What removes old files from /tmp goes by their times.
    #[test]
    fn a_lock_that_is_held_is_kept_young() {
        let lock = tempfile::tempfile().unwrap();
        let month = Duration::from_secs(30 * 86_400);
        lock.set_times(std::fs::FileTimes::new().set_accessed(UNIX_EPOCH).set_modified(UNIX_EPOCH)).unwrap();
        let held = OwnedFd::from(lock.try_clone().unwrap());
        keep_young(&held);
        let metadata = lock.metadata().unwrap();
        for time in [metadata.accessed().unwrap(), metadata.modified().unwrap()] {
            assert!(time.elapsed().unwrap_or_default() < month, "{time:?}");
        }
    }
}
