//! The server's side of a run: [`Invocation`] → [`Event`]s → [`Outcome`].
//!
//! One `poll` over the run's stdout, stderr, the supervisor's socket and the
//! visitor's connection. Dropping a [`Run`] ends it: there is no other way
//! out, and none that leaves a container behind.

use std::io::{self, PipeReader};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use thiserror::Error;

use super::control::{Report, read_report, send_order};
use super::invocation::Invocation;
use super::lifecycle::{LifecycleEvent, State};
use super::outcome::{End, Event, Outcome};
use super::pipes::{Tail, take};
use super::poll::ready;
use super::process_tree::{self, Child};
use super::slots::Slot;
use super::supervisor::{COMMAND, WORST_CASE};

/// What a supervisor is called in lists of processes.
const NAME: &str = "singularity-nginx";
/// Above glibc's largest threshold for a mapping of its own (mallopt(3), M_MMAP_THRESHOLD): what a run printed goes back
/// to the kernel when it is dropped, and not to the pool of one of many threads. Pages that are not touched cost nothing.
const OWN_MAPPING: usize = 33 << 20;
/// A supervisor that is silent for so long after the deadline, or after it was told to stop, is given up: its worst case,
/// and as much again for a host that is busy.
const SUPERVISOR_TIMEOUT: Duration = WORST_CASE.saturating_mul(2);
// a deadline is never told as a lost run because the server was the first to give up
const _: () = assert!(SUPERVISOR_TIMEOUT.as_secs() >= WORST_CASE.as_secs() + 5);
/// After the supervisor's report the pipes are at their end; a descriptor that
/// was carried elsewhere is not waited for.
const DRAIN: Duration = Duration::from_secs(1);
/// Bytes that are read after the report: more than both pipes hold (pipe(7), pipe-max-size) was not printed by the run.
const MAX_LATE_BYTES: usize = 4 << 20;

/// Why a run could not begin: a lack of processes, memory or descriptors.
#[derive(Debug, Error)]
#[error("a run could not be started: {0}")]
pub struct StartError(#[from] io::Error);

/// The visitor's end of a run: its connection, watched for its end.
pub struct Client {
    /// The connection's socket.
    pub connection: OwnedFd,
    /// Asked when something arrives on it: whether that says that nobody
    /// waits any longer (FastCGI's ABORT_REQUEST).
    pub aborted: Box<dyn Fn() -> bool>,
}

/// A run that is under way.
pub struct Run {
    supervisor: Child,
    /// Open until the supervisor has reported.
    control: Option<UnixStream>,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    client: Option<Client>,
    /// Whether arriving bytes may be an abort; other bytes are not for us.
    listening: bool,
    begun: Instant,
    /// Bytes of stdout that may still come.
    output_left: usize,
    /// Bytes that came after the end.
    late_bytes: usize,
    truncated: bool,
    state: State,
    /// When we stop waiting: for the supervisor, and after its report for the pipes.
    give_up: Instant,
    /// Whether the supervisor's end has been taken.
    reaped: bool,
    /// Called when nothing of the run is left: how it ended, and after how long.
    when_ended: Option<WhenEnded>,
    /// Its wall time, once it is over.
    elapsed: Option<Duration>,
}

/// What is told of a run's end to whoever wants to know, however it comes about.
pub type WhenEnded = Box<dyn FnOnce(&End, Duration)>;

/// Whoever reads a run while it happens.
#[derive(Clone, Copy, Default)]
pub struct Reader<'a> {
    /// Has no room for more at the moment: the run's pipes are not read, and fill.
    pub full: bool,
    /// Wants to know when this takes bytes again.
    pub waits_for: Option<BorrowedFd<'a>>,
}

impl Run {
    /// Starts the supervisor and gives it the order and the slots' locks.
    pub fn start(invocation: &Invocation, slots: &[Slot], client: Option<Client>) -> Result<Run, StartError> {
        let (mut control, theirs) = UnixStream::pair()?;
        let (stdout, out) = io::pipe()?;
        let (stderr, err) = io::pipe()?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(NAME).arg(COMMAND).env_clear();
        let supervisor = process_tree::spawn(command.stdin(OwnedFd::from(theirs)).stdout(out).stderr(err))?;
        // the ends of the pipes that the command still holds
        drop(command);
        let begun = Instant::now();
        let given = send_order(&mut control, &invocation.order, slots, SUPERVISOR_TIMEOUT);
        let run = Run {
            supervisor,
            control: Some(control),
            stdout: Some(stdout),
            stderr: Some(stderr),
            client,
            listening: true,
            begun,
            output_left: invocation.order.limits.output,
            late_bytes: 0,
            truncated: false,
            state: State::Running,
            give_up: begun + invocation.order.limits.deadline + SUPERVISOR_TIMEOUT,
            reaped: false,
            when_ended: None,
            elapsed: None,
        };
        given.map(|()| run).map_err(StartError)
    }

    /// Calls this once, when nothing of the run is left and its output is read or given up.
    pub fn when_ended(&mut self, call: Option<WhenEnded>) {
        self.when_ended = call;
    }

    /// The next event; [`Event::Silence`] after `timeout` without one. After
    /// [`Event::End`] there is nothing more.
    pub fn next(&mut self, timeout: Duration) -> Event {
        self.next_for(Reader::default(), timeout).unwrap_or(Event::Silence)
    }

    /// The same for a reader who may be slow; `None`: what it waits for is ready. However slow it is, the run ends by
    /// its deadline, and the supervisor is reaped when it has reported.
    pub fn next_for(&mut self, reader: Reader<'_>, timeout: Duration) -> Option<Event> {
        let until = Instant::now() + timeout;
        loop {
            let drained = self.stdout.is_none() && self.stderr.is_none();
            if let Some(end) = self.end().filter(|_| drained) {
                return Some(Event::End(end));
            }
            if reader.full && self.has_ended() {
                // the pipes hold what is left; nobody reads them yet
                self.give_up = Instant::now() + DRAIN;
            }
            let left = until.min(self.give_up).saturating_duration_since(Instant::now());
            match self.wait(reader, left) {
                Waited::Event(event) => return Some(event),
                Waited::Reader => return None,
                Waited::Change => {}
                // the clock is asked only when nothing is there to be read
                Waited::Nothing if Instant::now() >= self.give_up && !(reader.full && self.has_ended()) => {
                    match self.end() {
                        Some(end) => return Some(Event::End(end)),
                        None => self.apply(LifecycleEvent::TimedOut),
                    }
                }
                Waited::Nothing => return Some(Event::Silence),
            }
        }
    }

    /// How it ended, once it has. A run whose output was cut has done no work that is worth its exit status, whichever is
    /// seen first: that, or the rest of the output.
    fn end(&self) -> Option<End> {
        match self.state.end()? {
            End::Exited(_) if self.truncated => Some(End::OutputLimit),
            end => Some(end.clone()),
        }
    }

    /// Whether nothing of the run is left but what it printed.
    pub fn has_ended(&self) -> bool {
        self.state.end().is_some()
    }

    /// The whole run. Only the last bytes of stderr are kept.
    pub fn collect(mut self) -> Outcome {
        let mut stdout = Vec::new();
        // where memory is promised to nobody who may not use it (vm.overcommit_memory 2), what is printed takes what it needs
        let _ = stdout.try_reserve_exact(OWN_MAPPING);
        let mut stderr = Tail::default();
        let end = loop {
            match self.next(Duration::from_secs(3600)) {
                Event::Stdout(piece) => stdout.extend_from_slice(&piece),
                Event::Stderr(piece) => stderr.push(&piece),
                Event::Silence => {}
                Event::End(end) => break end,
            }
        };
        Outcome {
            end,
            stdout,
            stderr: stderr.bytes,
            truncated: self.truncated,
            stderr_truncated: stderr.cut,
            elapsed: self.elapsed(),
        }
    }

    /// Wall time so far.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Whether stdout was cut at its limit.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// One `poll`; at most one event.
    fn wait(&mut self, reader: Reader<'_>, timeout: Duration) -> Waited {
        let Some(ready) = self.poll(reader, timeout) else { return Waited::Nothing };
        if self.has_left(ready.client) {
            self.client = None;
            self.apply(LifecycleEvent::VisitorLeft);
        }
        if ready.control {
            self.report();
        }
        let event = if ready.stdout {
            let piece = take(&mut self.stdout);
            self.came(piece.as_ref());
            self.kept(piece).map(Event::Stdout)
        } else if ready.stderr {
            let piece = take(&mut self.stderr);
            self.came(piece.as_ref());
            piece.map(Event::Stderr)
        } else {
            None
        };
        match event {
            Some(event) => Waited::Event(event),
            None if ready.reader => Waited::Reader,
            None => Waited::Change,
        }
    }

    /// Counts what comes after the end, and stops listening to whoever has a pipe of the run and is none of it.
    fn came(&mut self, piece: Option<&Vec<u8>>) {
        if !self.has_ended() {
            return;
        }
        self.late_bytes += piece.map_or(0, Vec::len);
        if self.late_bytes > MAX_LATE_BYTES {
            self.truncated |= self.stdout.take().is_some();
            self.stderr = None;
        }
    }

    /// Bytes that are no abort are left alone, and not looked at again.
    fn has_left(&mut self, seen: PollFlags) -> bool {
        if seen == PollFlags::IN {
            self.listening = self.client.as_ref().is_some_and(|client| (client.aborted)());
            return self.listening;
        }
        !seen.is_empty()
    }

    /// What is ready; `None` when the time passed and nothing is.
    fn poll(&self, reader: Reader<'_>, timeout: Duration) -> Option<Ready> {
        let client = if self.listening { PollFlags::RDHUP | PollFlags::IN } else { PollFlags::RDHUP };
        let pipe = |pipe: &'_ Option<PipeReader>| !reader.full && pipe.is_some();
        let watched = [
            (self.stdout.as_ref().map(AsFd::as_fd).filter(|_| pipe(&self.stdout)), PollFlags::IN),
            (self.stderr.as_ref().map(AsFd::as_fd).filter(|_| pipe(&self.stderr)), PollFlags::IN),
            (self.control.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.client.as_ref().map(|client| client.connection.as_fd()), client),
            (reader.waits_for, PollFlags::OUT),
        ];
        let seen = ready(watched, Some(Instant::now() + timeout));
        // after an error nothing is known: look again
        let [stdout, stderr, control, client, reader] = seen.unwrap_or(Some([PollFlags::empty(); 5]))?;
        Some(Ready {
            stdout: !stdout.is_empty(),
            stderr: !stderr.is_empty(),
            control: !control.is_empty(),
            client,
            reader: !reader.is_empty(),
        })
    }

    /// What the supervisor's report says.
    fn report(&mut self) {
        self.apply(match self.control.as_ref().and_then(read_report) {
            Some(Report::Exited(code)) => LifecycleEvent::Report(End::Exited(code)),
            Some(Report::Signalled(signal)) => LifecycleEvent::Report(End::Signalled(signal)),
            Some(Report::Deadline) => LifecycleEvent::Report(End::Deadline),
            Some(Report::Cancelled) => LifecycleEvent::Report(End::Cancelled),
            Some(Report::NotExecuted(why)) => LifecycleEvent::Report(End::NotExecuted(why)),
            Some(Report::Unwatched(_)) => LifecycleEvent::Report(End::Lost),
            None => LifecycleEvent::SupervisorGone,
        });
    }

    /// Follows the table of `life.rs`, and does what a new state asks for.
    fn apply(&mut self, event: LifecycleEvent) {
        let before = std::mem::replace(&mut self.state, State::Running);
        self.state = before.clone().after(event);
        match &self.state {
            state if *state == before => {}
            State::Running => {}
            State::Stopping(_) => {
                // the supervisor reads the end of the socket as the word to stop
                if let Some(control) = &self.control {
                    let _ = control.shutdown(Shutdown::Write);
                }
                self.give_up = self.give_up.min(Instant::now() + SUPERVISOR_TIMEOUT);
            }
            State::Over { .. } => {
                self.elapsed.get_or_insert(self.begun.elapsed());
                self.control = None;
                self.give_up = Instant::now() + DRAIN;
                self.reap();
            }
        }
    }

    /// Takes the supervisor's end: it comes with its report. A supervisor that does
    /// not end, or that was killed, leaves its tree to this process.
    fn reap(&mut self) {
        if std::mem::replace(&mut self.reaped, true) {
            return;
        }
        let mut abandoned = matches!(self.state, State::Over { abandoned: true, .. });
        if abandoned || !self.supervisor.ends_within(SUPERVISOR_TIMEOUT) {
            self.supervisor.kill();
            abandoned = true;
        }
        let ended = self.supervisor.wait();
        // a supervisor that was killed before it could report, while nobody looked
        if abandoned || ended.is_ok_and(|status| !status.success()) {
            process_tree::sweep();
        } else {
            process_tree::reap_orphans();
        }
    }

    /// Cuts a piece of stdout to what there is room for.
    fn kept(&mut self, piece: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let mut piece = piece?;
        if piece.len() > self.output_left {
            piece.truncate(self.output_left);
            self.truncated = true;
            self.apply(LifecycleEvent::OutputFull);
        }
        self.output_left -= piece.len();
        (!piece.is_empty()).then_some(piece)
    }
}

impl Drop for Run {
    /// Closing the socket ends the run; the supervisor ends with it.
    fn drop(&mut self) {
        self.control = None;
        self.stdout = None;
        self.stderr = None;
        self.reap();
        if let Some(call) = self.when_ended.take() {
            // whoever lets go of a run that is under way cancels it
            call(&self.end().unwrap_or(End::Cancelled), self.elapsed.unwrap_or(self.begun.elapsed()));
        }
    }
}

/// What came of waiting.
enum Waited {
    Event(Event),
    /// What the reader waits for is ready.
    Reader,
    /// Something happened that is no event.
    Change,
    Nothing,
}

struct Ready {
    stdout: bool,
    stderr: bool,
    control: bool,
    client: PollFlags,
    reader: bool,
}

#[cfg(test)]
mod tests;
