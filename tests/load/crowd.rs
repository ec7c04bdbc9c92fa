//! Many visitors in one thread: HTTP/1.1 clients around one epoll(7).
//!
//! In: groups of visitors, each with what it asks for and how it behaves. Out: a [`Tally`] a group.
//! A visitor keeps its connection, asks one thing at a time, and after a refusal waits as long as `Retry-After` says.
//! The time of an answer runs from the first byte sent (or the begin of the connection) to the last byte read.
//! Bounded: nobody asks after the groups' time is over, and whoever has no answer [`LATE`] later is counted as late.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::Result;
use crate::answer::Answer;

/// How long answers are waited for after the last question.
const LATE: Duration = Duration::from_secs(60);
/// Bytes read at once.
const PIECE: usize = 64 * 1024;
/// What a slow reader takes, and how often.
const SIP: usize = 1000;
const SIPS: Duration = Duration::from_secs(1);
/// Receive buffer of a slow reader: what it does not read stays with the server.
const SMALL_BUFFER: usize = 4096;

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    AtOnce,
    /// 1 kB a second, once the header of a 200 is there.
    Slowly,
    /// The header of a 200, then nothing.
    Never,
}

/// Visitors that behave alike.
#[derive(Clone)]
pub struct Group {
    pub visitors: usize,
    pub path: String,
    /// The media type that is asked for.
    pub accept: &'static str,
    pub reading: Reading,
    /// From an answer to the next question.
    pub pause: Duration,
    /// The first questions are spread over this time.
    pub arrival: Duration,
    /// Nobody asks later than this.
    pub time: Duration,
    /// The group asks no more than this.
    pub most: usize,
}

impl Group {
    pub fn new(visitors: usize, path: &str, time: Duration) -> Group {
        Group {
            visitors,
            path: path.to_owned(),
            accept: "application/json",
            reading: Reading::AtOnce,
            pause: Duration::ZERO,
            arrival: Duration::from_secs(1),
            time,
            most: usize::MAX,
        }
    }
}

/// What a group saw.
#[derive(Default)]
pub struct Tally {
    pub asked: usize,
    /// Times of the answers with status 200, and of the refusals.
    pub answered: Vec<Duration>,
    pub refused: Vec<Duration>,
    /// Everything else, by what it was.
    pub faults: BTreeMap<String, usize>,
    /// Slow readers that hold an answer.
    pub held: usize,
    /// From the group's begin to its last answer.
    pub lasted: Duration,
}

struct Visitor {
    group: usize,
    stream: Option<TcpStream>,
    /// Bytes of the question that are not sent yet.
    unsent: Vec<u8>,
    begun: Instant,
    answer: Answer,
    asking: bool,
    /// Reads no more than a sip at a time, from now on.
    slow: bool,
}

/// See the module.
pub struct Crowd {
    address: SocketAddr,
    groups: Vec<Group>,
    visitors: Vec<Visitor>,
    tallies: Vec<Tally>,
    epoll: rustix::fd::OwnedFd,
    /// Who does something at what time.
    agenda: BinaryHeap<Reverse<(Instant, usize)>>,
    begun: Instant,
}

impl Crowd {
    pub fn new(address: &str, groups: &[Group]) -> Result<Crowd> {
        let begun = Instant::now();
        let mut crowd = Crowd {
            address: address.parse()?,
            groups: groups.to_vec(),
            visitors: Vec::new(),
            tallies: groups.iter().map(|_| Tally::default()).collect(),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            agenda: BinaryHeap::new(),
            begun,
        };
        for (number, group) in groups.iter().enumerate() {
            for place in 0..group.visitors {
                let at = begun + group.arrival.mul_f64(place as f64 / group.visitors as f64);
                crowd.agenda.push(Reverse((at, crowd.visitors.len())));
                crowd.visitors.push(Visitor {
                    group: number,
                    stream: None,
                    unsent: Vec::new(),
                    begun,
                    answer: Answer::new(),
                    asking: false,
                    slow: false,
                });
            }
        }
        Ok(crowd)
    }

    /// Lets them ask until their time is over.
    pub fn visit(mut self) -> Result<Vec<Tally>> {
        let end = self.begun + self.groups.iter().map(|group| group.time).max().unwrap_or_default();
        let mut events = [MaybeUninit::uninit(); 256];
        loop {
            let now = Instant::now();
            self.due(now);
            let open = self.visitors.iter().any(|visitor| visitor.asking && !visitor.slow);
            if now >= end + LATE || (now >= end && !open) || (self.agenda.is_empty() && !open) {
                break;
            }
            let next = self.agenda.peek().map_or(end + LATE, |Reverse((at, _))| *at);
            let next = if now < end { next.min(end) } else { next.min(end + LATE) };
            let patience = next.saturating_duration_since(now).min(Duration::from_millis(200));
            let patience = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
            let ready: Vec<usize> = match epoll::wait(&self.epoll, &mut events, Some(&patience)) {
                Ok((events, _)) => events.iter().map(|event| event.data.u64() as usize).collect(),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for index in ready {
                self.moved(index, PIECE);
            }
        }
        for visitor in self.visitors.iter().filter(|visitor| visitor.asking && !visitor.slow) {
            *self.tallies[visitor.group].faults.entry("late".into()).or_default() += 1;
        }
        for visitor in self.visitors.iter().filter(|visitor| visitor.asking && visitor.slow) {
            self.tallies[visitor.group].held += 1;
        }
        Ok(self.tallies)
    }

    /// Whoever has something to do at this time does it.
    fn due(&mut self, now: Instant) {
        while self.agenda.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, index))) = self.agenda.pop() else { return };
            if self.visitors[index].slow {
                self.moved(index, SIP);
                continue;
            }
            let group = &self.groups[self.visitors[index].group];
            let tally = &mut self.tallies[self.visitors[index].group];
            if now < self.begun + group.time && tally.asked < group.most {
                tally.asked += 1;
                if let Err(why) = self.ask(index) {
                    self.failed(index, &why.to_string());
                }
            }
        }
    }

    fn ask(&mut self, index: usize) -> Result<()> {
        let Group { path, accept, .. } = &self.groups[self.visitors[index].group];
        let question = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n\r\n", self.address);
        let fresh = self.visitors[index].stream.is_none();
        let visitor = &mut self.visitors[index];
        visitor.begun = Instant::now();
        visitor.unsent = question.into_bytes();
        visitor.answer = Answer::new();
        visitor.asking = true;
        if fresh {
            let stream = connect(self.address, self.groups[visitor.group].reading)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
            visitor.stream = Some(stream);
            return Ok(());
        }
        self.send(index)
    }

    /// Sends what goes; waits for the connection to take the rest.
    fn send(&mut self, index: usize) -> Result<()> {
        let visitor = &mut self.visitors[index];
        let Some(stream) = &mut visitor.stream else { return Ok(()) };
        match stream.write(&visitor.unsent) {
            Ok(sent) => {
                visitor.unsent.drain(..sent);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let more = if visitor.unsent.is_empty() { epoll::EventFlags::empty() } else { epoll::EventFlags::OUT };
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::modify(&self.epoll, stream, data, epoll::EventFlags::IN | more)?)
    }

    /// The connection can be written to or read from.
    fn moved(&mut self, index: usize, most: usize) {
        if !self.visitors[index].unsent.is_empty() {
            if let Err(why) = self.send(index) {
                self.failed(index, &why.to_string());
            }
            return;
        }
        let mut piece = [0; PIECE];
        let visitor = &mut self.visitors[index];
        let Some(stream) = &mut visitor.stream else { return };
        let most = if self.groups[visitor.group].reading == Reading::AtOnce { most } else { SIP };
        let read = match stream.read(&mut piece[..most]) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return self.rest(index);
            }
            Err(error) => return self.failed(index, &error.kind().to_string()),
        };
        if !visitor.asking {
            // nginx ends a connection that was used often, or long ago
            visitor.stream = None;
            return;
        }
        match visitor.answer.take(&piece[..read]) {
            Ok(true) => self.answered(index),
            Ok(false) => self.rest(index),
            Err(why) => self.failed(index, &why.to_string()),
        }
    }

    /// A slow reader that has an answer before it leaves the rest of it alone for a while.
    fn rest(&mut self, index: usize) {
        let visitor = &mut self.visitors[index];
        let reading = self.groups[visitor.group].reading;
        if reading == Reading::AtOnce || visitor.answer.status != 200 {
            return;
        }
        if let (false, Some(stream)) = (visitor.slow, &visitor.stream) {
            visitor.slow = true;
            let _ = epoll::delete(&self.epoll, stream);
        }
        if reading == Reading::Slowly {
            self.agenda.push(Reverse((Instant::now() + SIPS, index)));
        }
    }

    fn answered(&mut self, index: usize) {
        let now = Instant::now();
        let visitor = &mut self.visitors[index];
        let group = &self.groups[visitor.group];
        let tally = &mut self.tallies[visitor.group];
        let time = now - visitor.begun;
        let mut pause = group.pause;
        match visitor.answer.status {
            200 => tally.answered.push(time),
            _ if visitor.answer.is_refusal() => {
                tally.refused.push(time);
                pause = Duration::from_secs(visitor.answer.retry_after.unwrap_or(1));
            }
            status => *tally.faults.entry(format!("status {status}")).or_default() += 1,
        }
        tally.lasted = now - self.begun;
        visitor.asking = false;
        if std::mem::replace(&mut visitor.slow, false) || !visitor.answer.keep {
            visitor.stream = None;
        }
        self.agenda.push(Reverse((now + pause, index)));
    }

    fn failed(&mut self, index: usize, why: &str) {
        let visitor = &mut self.visitors[index];
        visitor.stream = None;
        visitor.unsent.clear();
        if std::mem::replace(&mut visitor.asking, false) {
            visitor.slow = false;
            *self.tallies[visitor.group].faults.entry(why.to_owned()).or_default() += 1;
            self.agenda.push(Reverse((Instant::now() + Duration::from_secs(1), index)));
        }
    }
}

/// A connection under way.
fn connect(address: SocketAddr, reading: Reading) -> Result<TcpStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if reading != Reading::AtOnce {
        sockopt::set_socket_recv_buffer_size(&socket, SMALL_BUFFER)?;
    }
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}
