//! The server's side of a run: [`Invocation`] → [`Event`]s → [`Outcome`].
//!
//! One `poll` over the run's stdout, stderr, the keeper's socket and the
//! visitor's connection. Dropping a [`Run`] ends it: there is no other way
//! out, and none that leaves a container behind.

use std::io::{self, IoSlice, PipeReader, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal};
use thiserror::Error;

use super::family::{self, timespec};
use super::invocation::Invocation;
use super::keeper::{COMMAND, MAX_LOCKS, Order, Report};
use super::limits::Limits;
use super::outcome::{End, Event, Outcome};
use super::pipes::{Tail, take};
use super::slots::Slot;

/// What a keeper is called in lists of processes.
const NAME: &str = "singularity-nginx";
/// Above glibc's largest threshold for a mapping of its own (mallopt(3), M_MMAP_THRESHOLD): what a run printed goes back
/// to the kernel when it is dropped, and not to the pool of one of many threads. Pages that are not touched cost nothing.
const OWN_MAPPING: usize = 33 << 20;
/// A keeper that is silent for so long after the deadline is given up.
const KEEPER_LATE: Duration = Duration::from_secs(10);
/// How long a keeper may take to end a run that nobody waits for.
const KEEPER_ENDS: Duration = Duration::from_secs(9);
/// After the keeper's report the pipes are at their end; a descriptor that
/// was carried elsewhere is not waited for.
const DRAIN: Duration = Duration::from_secs(1);

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
    keeper: Child,
    /// Open until the keeper has reported.
    control: Option<UnixStream>,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    client: Option<Client>,
    /// Whether arriving bytes may be an abort; other bytes are not for us.
    listening: bool,
    begun: Instant,
    /// Bytes of stdout that may still come.
    room: usize,
    truncated: bool,
    /// Why we ended it, if we did.
    cause: Option<End>,
    /// How it ended, once nothing of it is left.
    end: Option<End>,
    /// When we stop waiting: for the keeper, and after its report for the pipes.
    give_up: Instant,
    /// Whether the keeper's end has been taken.
    reaped: bool,
}

/// Whoever reads a run while it happens.
#[derive(Clone, Copy, Default)]
pub struct Reader<'a> {
    /// Has no room for more at the moment: the run's pipes are not read, and fill.
    pub full: bool,
    /// Wants to know when this takes bytes again.
    pub waits_for: Option<BorrowedFd<'a>>,
}

impl Run {
    /// Starts the keeper and gives it the order and the slots' locks.
    pub fn start(
        invocation: &Invocation,
        limits: Limits,
        slots: &[Slot],
        client: Option<Client>,
    ) -> Result<Run, StartError> {
        let (mut control, theirs) = UnixStream::pair()?;
        let (stdout, out) = io::pipe()?;
        let (stderr, err) = io::pipe()?;
        let keeper = Command::new("/proc/self/exe")
            .arg0(NAME)
            .arg(COMMAND)
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(out)
            .stderr(err)
            .spawn()?;
        let begun = Instant::now();
        let order = Order {
            program: invocation.program.clone(),
            arguments: invocation.arguments.clone(),
            session: invocation.session.clone(),
            limits,
            filtered: invocation.filtered,
        };
        let given = give(&mut control, &order, slots);
        let run = Run {
            keeper,
            control: Some(control),
            stdout: Some(stdout),
            stderr: Some(stderr),
            client,
            listening: true,
            begun,
            room: limits.output,
            truncated: false,
            cause: None,
            end: None,
            give_up: begun + limits.deadline + KEEPER_LATE,
            reaped: false,
        };
        given.map(|()| run).map_err(StartError)
    }

    /// The next event; [`Event::Silence`] after `patience` without one. After
    /// [`Event::End`] there is nothing more.
    pub fn next(&mut self, patience: Duration) -> Event {
        self.next_for(Reader::default(), patience).unwrap_or(Event::Silence)
    }

    /// The same for a reader who may be slow; `None`: what it waits for is ready. However slow it is, the run ends by
    /// its deadline, and the keeper is reaped when it has reported.
    pub fn next_for(&mut self, reader: Reader<'_>, patience: Duration) -> Option<Event> {
        let until = Instant::now() + patience;
        loop {
            let drained = self.stdout.is_none() && self.stderr.is_none();
            if let Some(end) = self.end.as_ref().filter(|_| drained) {
                return Some(Event::End(end.clone()));
            }
            if reader.full && self.end.is_some() {
                // the pipes hold what is left; nobody reads them yet
                self.give_up = Instant::now() + DRAIN;
            }
            let left = until.min(self.give_up).saturating_duration_since(Instant::now());
            match self.wait(reader, left) {
                Waited::Event(event) => return Some(event),
                Waited::Reader => return None,
                Waited::Change => {}
                // the clock is asked only when nothing is there to be read
                Waited::Nothing if Instant::now() >= self.give_up && !(reader.full && self.end.is_some()) => {
                    match &self.end {
                        Some(end) => return Some(Event::End(end.clone())),
                        None => self.reported(End::Lost),
                    }
                }
                Waited::Nothing => return Some(Event::Silence),
            }
        }
    }

    /// Whether nothing of the run is left but what it printed.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The whole run. Only the last bytes of stderr are kept.
    pub fn collect(mut self) -> Outcome {
        let mut stdout = Vec::with_capacity(OWN_MAPPING);
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
    fn wait(&mut self, reader: Reader<'_>, patience: Duration) -> Waited {
        let Some(ready) = self.poll(reader, patience) else { return Waited::Nothing };
        if self.has_left(ready.client) {
            self.client = None;
            self.stop(End::Cancelled);
        }
        if ready.control {
            self.report();
        }
        let event = if ready.stdout {
            let piece = take(&mut self.stdout);
            self.kept(piece).map(Event::Stdout)
        } else if ready.stderr {
            take(&mut self.stderr).map(Event::Stderr)
        } else {
            None
        };
        match event {
            Some(event) => Waited::Event(event),
            None if ready.reader => Waited::Reader,
            None => Waited::Change,
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
    fn poll(&self, reader: Reader<'_>, patience: Duration) -> Option<Ready> {
        let timeout = timespec(patience);
        let client = if self.listening { PollFlags::RDHUP | PollFlags::IN } else { PollFlags::RDHUP };
        let pipe = |pipe: &'_ Option<PipeReader>| !reader.full && pipe.is_some();
        let watched: [(Option<BorrowedFd<'_>>, PollFlags); 5] = [
            (self.stdout.as_ref().map(AsFd::as_fd).filter(|_| pipe(&self.stdout)), PollFlags::IN),
            (self.stderr.as_ref().map(AsFd::as_fd).filter(|_| pipe(&self.stderr)), PollFlags::IN),
            (self.control.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.client.as_ref().map(|client| client.connection.as_fd()), client),
            (reader.waits_for, PollFlags::OUT),
        ];
        let mut polled: Vec<PollFd<'_>> =
            watched.iter().filter_map(|(fd, flags)| Some(PollFd::from_borrowed_fd((*fd)?, *flags))).collect();
        match poll(&mut polled, Some(&timeout)) {
            Ok(0) => return None,
            Ok(_) => {}
            // interrupted: nothing is known, look again
            Err(_) => return Some(Ready::default()),
        }
        let mut seen = polled.iter().map(PollFd::revents);
        let mut of = |fd: Option<BorrowedFd<'_>>| fd.and_then(|_| seen.next()).unwrap_or(PollFlags::empty());
        let [stdout, stderr, control, client, reader] = watched.map(|(fd, _)| of(fd));
        Some(Ready {
            stdout: !stdout.is_empty(),
            stderr: !stderr.is_empty(),
            control: !control.is_empty(),
            client,
            reader: !reader.is_empty(),
        })
    }

    /// Reads the keeper's report: its last words, whole in one message.
    fn report(&mut self) {
        let mut text = Vec::new();
        let read = self.control.as_mut().map(|control| control.take(MAX_REPORT).read_to_end(&mut text));
        let report = read.and_then(Result::ok).and_then(|_| serde_json::from_slice(&text).ok());
        self.reported(match report {
            Some(Report::Exited(code)) => End::Exited(code),
            Some(Report::Signalled(signal)) => End::Signalled(signal),
            Some(Report::Deadline) => End::Deadline,
            Some(Report::Cancelled) => End::Cancelled,
            Some(Report::NotExecuted(why)) => End::NotExecuted(why),
            Some(Report::Unwatched(_)) | None => End::Lost,
        });
    }

    fn reported(&mut self, end: End) {
        self.end = Some(self.cause.take().unwrap_or(end));
        self.control = None;
        self.give_up = Instant::now() + DRAIN;
        self.reap();
    }

    /// Takes the keeper's end: it comes with its report. A keeper that does
    /// not end, or that was killed, leaves its family to this process.
    fn reap(&mut self) {
        if std::mem::replace(&mut self.reaped, true) {
            return;
        }
        let keeper = Pid::from_child(&self.keeper);
        let mut lost = self.end == Some(End::Lost);
        let patience = if lost { Duration::ZERO } else { KEEPER_ENDS };
        if !family::ends_within(keeper, patience) {
            let _ = rustix::process::kill_process(keeper, Signal::KILL);
            lost = true;
        }
        let _ = self.keeper.wait();
        if lost {
            family::sweep(is_keeper);
        }
    }

    /// Cuts a piece of stdout to what there is room for.
    fn kept(&mut self, piece: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let mut piece = piece?;
        if piece.len() > self.room {
            piece.truncate(self.room);
            self.truncated = true;
            self.stop(End::OutputLimit);
        }
        self.room -= piece.len();
        (!piece.is_empty()).then_some(piece)
    }

    /// Tells the keeper to end the run; the first reason counts.
    fn stop(&mut self, cause: End) {
        self.cause.get_or_insert(cause);
        if let Some(control) = &self.control {
            let _ = control.shutdown(Shutdown::Write);
        }
    }
}

impl Default for Ready {
    fn default() -> Ready {
        Ready { stdout: false, stderr: false, control: false, client: PollFlags::empty(), reader: false }
    }
}

impl Drop for Run {
    /// Closing the socket ends the run; the keeper ends with it.
    fn drop(&mut self) {
        self.control = None;
        self.stdout = None;
        self.stderr = None;
        self.reap();
    }
}

/// Whether this child is the keeper of another run: this same executable,
/// which no container can have.
fn is_keeper(child: Pid) -> bool {
    let program =
        |process: &str| std::fs::metadata(format!("/proc/{process}/exe")).map(|facts| (facts.dev(), facts.ino())).ok();
    let ours = program("self");
    ours.is_some() && program(&child.as_raw_nonzero().to_string()) == ours
}

/// Longest report in bytes.
const MAX_REPORT: u64 = 64 * 1024;

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

/// Sends the order; the locks travel with its first byte (unix(7) SCM_RIGHTS).
fn give(control: &mut UnixStream, order: &Order, slots: &[Slot]) -> io::Result<()> {
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
