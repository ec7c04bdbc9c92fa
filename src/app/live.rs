//! A run while it happens, for a reader who may be slow or gone.
//!
//! In: a [`Run`], a [`Sink`]. Out: its events, in the order in which they happen. One thread waits for whichever comes
//! first: the container prints and there is room for it, or the reader takes something. So a slow reader slows the
//! container down while it runs; it neither keeps a run from ending and being reaped, nor holds more than [`ROOM`], one
//! piece, and what the pipes hold. Never: waits for a reader without end.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::args::Arguments;
use crate::http::{Response, Sink};
use crate::log;
use crate::run::{Event, Invocation, Reader, Run};
use crate::view::{self, EventStream, RunContext};

/// Longest time without a sign of life on a live answer.
const HEARTBEAT: Duration = Duration::from_millis(900);
/// Bytes that wait for the reader before no more is read from the run.
const ROOM: usize = 64 * 1024;
/// What is left after the run's end may take so many times the timeout, however steadily it is taken.
const MAX_TIMEOUTS: u32 = 12;

/// A live answer, and how long its reader may take nothing once the run has ended.
pub(super) fn live(run: Run, invocation: Invocation, arguments: Arguments, id: String, timeout: Duration) -> Response {
    let write = move |sink: &mut dyn Sink| {
        let scrubber = invocation.scrubber();
        let scrub = |text: &str| scrubber.scrub(text);
        let stream = EventStream::begin(&invocation.shown, arguments.report());
        let (image, launched) = (&invocation.image, invocation.launched);
        let mut live = Live { stream, scrub: &scrub, image, launched, id: &id, moved: Instant::now(), held: 0 };
        let ended = live.while_it_runs(run, sink, timeout)?;
        live.rest(sink, timeout, ended)
    };
    Response::live("text/event-stream", Box::new(write))
        .with("Cache-Control", "no-store")
        .with("X-Accel-Buffering", "no")
        .with("Vary", view::RUN_VARY)
}

struct Live<'a> {
    stream: EventStream,
    scrub: &'a dyn Fn(&str) -> String,
    image: &'a str,
    launched: bool,
    id: &'a str,
    /// When the reader last took something, or could begin to.
    moved: Instant,
    /// What the sink held then.
    held: usize,
}

impl Live<'_> {
    /// Up to the last event; when the run has ended.
    fn while_it_runs(&mut self, mut run: Run, sink: &mut dyn Sink, timeout: Duration) -> io::Result<Instant> {
        let mut ended: Option<Instant> = None;
        loop {
            self.hand_over(sink)?;
            if run.has_ended() && ended.is_none() {
                self.moved = Instant::now();
                ended = Some(self.moved);
            }
            let waits = self.waits(sink);
            let left = match ended {
                Some(ended) if waits => self.left(timeout, ended)?,
                _ if waits => HEARTBEAT,
                _ => HEARTBEAT.saturating_sub(self.stream.silent_for()),
            };
            let waits_for = if waits { sink.descriptor() } else { None };
            let reader = Reader { full: self.stream.waiting().len() >= ROOM, waits_for };
            let event = run.next_for(reader, left);
            let context = RunContext {
                scrub: self.scrub,
                image: self.image,
                launched: self.launched,
                truncated: run.truncated(),
                elapsed_ms: run.elapsed().as_millis() as u64,
            };
            match &event {
                None => {}
                // whoever has something to read needs no sign of life
                Some(Event::Silence) if waits => {}
                Some(event) => self.stream.event(event, &context),
            }
            if let Some(Event::End(end)) = &event {
                let ms = run.elapsed().as_millis();
                log::event("ran", &[("id", &self.id), ("end", &format!("{end:?}")), ("ms", &ms)]);
                return Ok(ended.unwrap_or_else(Instant::now));
            }
            if !waits && self.stream.waiting().is_empty() && self.stream.silent_for() >= HEARTBEAT {
                self.stream.event(&Event::Silence, &context);
            }
        }
    }

    /// What is left when nothing of the run is.
    fn rest(&mut self, sink: &mut dyn Sink, timeout: Duration, ended: Instant) -> io::Result<()> {
        loop {
            self.hand_over(sink)?;
            if !self.waits(sink) {
                return Ok(());
            }
            let left = Timespec::try_from(self.left(timeout, ended)?).map_err(io::Error::other)?;
            if let Some(reader) = sink.descriptor() {
                // interrupted or not: what the reader takes is seen above
                let _ = poll(&mut [PollFd::from_borrowed_fd(reader, PollFlags::OUT)], Some(&left));
            }
        }
    }

    /// Gives the reader what it takes now.
    fn hand_over(&mut self, sink: &mut dyn Sink) -> io::Result<()> {
        loop {
            let taken = sink.try_write(self.stream.waiting())?;
            let held = sink.unsent();
            if taken > 0 || held < self.held {
                self.moved = Instant::now();
            }
            self.held = held;
            if taken == 0 {
                return Ok(());
            }
            self.stream.taken(taken);
        }
    }

    fn waits(&self, sink: &dyn Sink) -> bool {
        !self.stream.waiting().is_empty() || sink.unsent() > 0
    }

    /// How much longer a reader is waited for.
    fn left(&self, timeout: Duration, ended: Instant) -> io::Result<Duration> {
        let left = timeout.saturating_sub(self.moved.elapsed());
        let left = left.min((timeout * MAX_TIMEOUTS).saturating_sub(ended.elapsed()));
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the reader takes nothing"));
        }
        Ok(left)
    }
}
