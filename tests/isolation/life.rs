//! The life of runs as a model: random orders of what can happen to them, and what must hold after each.
//!
//! States and events are those of `src/run/lifecycle.rs`; the events here are what causes them: a supervisor or the server is
//! killed, a visitor leaves, a deadline passes, output reaches its limit, the host is being looked at, another run
//! begins. After each order: no process, no held slot, no zombie, and a next run that is as isolated as the first.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::request::EVENTS;
use crate::support::{HANG, Site, Talk, Wire, get, until};
use crate::{assert_isolated, kill, no_zombies, runs_again};

/// Orders that are tried, on each wire.
const ORDERS: u64 = 24;
/// Events in one order.
const LENGTH: usize = 6;
const SLOTS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Event {
    SecondRun,
    SupervisorKilled,
    ServerKilled,
    VisitorLeaves,
    DeadlinePasses,
    OutputFull,
    HostUnknown,
    Moment,
}

const EVENTS_OF_A_RUN: [Event; 10] = [
    Event::SecondRun,
    Event::SecondRun,
    Event::SupervisorKilled,
    Event::SupervisorKilled,
    Event::ServerKilled,
    Event::VisitorLeaves,
    Event::DeadlinePasses,
    Event::OutputFull,
    Event::HostUnknown,
    Event::Moment,
];

/// Images of the stub, one for each way not to end.
const IMAGES: [&str; 7] =
    ["hang.sif", "ignore.sif", "stop.sif", "slow-20.sif", "nest.sif", "linger.sif", "daemonise.sif"];

/// A small generator of numbers (xorshift): the same order for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// A site with runs under way.
struct Model {
    site: Site,
    talks: Vec<Talk>,
}

impl Model {
    fn new(wire: Wire) -> Model {
        let mut site = Site::new(wire).image("argv.sif", &[]).image("stdout.sif", &[]);
        for image in IMAGES {
            site = site.image(image, &[]);
        }
        let site = site.set("slots", SLOTS).set("deadline", 2).set("output_limit", 65_536).set("visitor_slots", 0);
        Model { site, talks: Vec::new() }
    }

    fn begin(&mut self, image: &str) {
        let request = get(&format!("/container/run/{image}"));
        self.talks.push(self.site.open(&request.accept(EVENTS)));
    }

    fn apply(&mut self, event: Event, dice: &mut Dice) {
        match event {
            Event::SecondRun => self.begin(IMAGES[dice.below(IMAGES.len())]),
            Event::OutputFull => self.begin("stdout.sif"),
            Event::SupervisorKilled => {
                let supervisors = self.site.others().into_iter();
                let supervisors: Vec<_> =
                    supervisors.filter(|one| one.command.starts_with("singularity-nginx supervise")).collect();
                if !supervisors.is_empty() {
                    kill(&supervisors[dice.below(supervisors.len())]);
                }
            }
            Event::ServerKilled if self.site.wire == Wire::FastCgi => {
                self.site.end(Signal::KILL);
                self.talks.clear();
            }
            Event::ServerKilled => {
                if let Some(talk) = self.talks.pop() {
                    let _ = Pid::from_raw(talk.process() as i32).map(|pid| kill_process(pid, Signal::KILL));
                    talk.leave().map(|mut child| child.wait());
                }
            }
            Event::VisitorLeaves => {
                if !self.talks.is_empty() {
                    let talk = self.talks.swap_remove(dice.below(self.talks.len()));
                    reap(talk);
                }
            }
            Event::DeadlinePasses => std::thread::sleep(Duration::from_millis(2200)),
            Event::HostUnknown => {
                for entry in std::fs::read_dir(self.site.path("state")).into_iter().flatten().flatten() {
                    if entry.file_name().as_encoded_bytes().starts_with(b"features") {
                        let _ = std::fs::remove_file(entry.path());
                    }
                }
            }
            Event::Moment => std::thread::sleep(Duration::from_millis(dice.below(60) as u64)),
        }
        std::thread::sleep(Duration::from_millis(dice.below(25) as u64));
    }

    /// What must hold, however it went.
    fn check(mut self) {
        self.talks.drain(..).for_each(reap);
        let site = self.site;
        until("nothing of any run is left", HANG, || site.others().is_empty());
        for slot in 0..SLOTS {
            if let Ok(lock) = File::open(site.path(&format!("state/slot-{slot}.lock"))) {
                until("the slot is free", HANG, || lock.try_lock().is_ok());
            }
        }
        if site.wire == Wire::FastCgi {
            no_zombies(site.start());
        }
        let before = site.runs().len();
        runs_again(&site);
        assert!(site.runs().len() > before);
        site.runs().iter().for_each(assert_isolated);
    }
}

/// The visitor goes; a CGI program is waited for in a thread of its own, because it ends only when its run does.
fn reap(talk: Talk) {
    if let Some(mut child) = talk.leave() {
        std::thread::spawn(move || child.wait());
    }
}

fn order(wire: Wire, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut model = Model::new(wire);
    let mut events = Vec::new();
    let first = IMAGES[dice.below(IMAGES.len())];
    model.begin(first);
    for _ in 0..LENGTH {
        let event = EVENTS_OF_A_RUN[dice.below(EVENTS_OF_A_RUN.len())];
        events.push(event);
        model.apply(event, &mut dice);
    }
    eprintln!("{wire:?} {seed}: {first} {events:?}");
    model.check();
}

fn orders(wire: Wire, first: u64) {
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + ORDERS {
                        return;
                    }
                    order(wire, seed);
                }
            });
        }
    });
}

#[test]
fn random_orders_leave_nothing_of_a_fastcgi_server() {
    orders(Wire::FastCgi, 1);
}

#[test]
fn random_orders_leave_nothing_of_cgi_programs() {
    orders(Wire::Cgi, 1);
}

#[test]
#[ignore = "long"]
fn many_random_orders_leave_nothing_long() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(7, |time| time.as_secs());
    for round in 0..12 {
        orders(Wire::FastCgi, seed + round * ORDERS);
        orders(Wire::Cgi, seed + round * ORDERS);
    }
}

/// A real container whose server and supervisor are killed at the same moment ends all the same.
#[test]
fn a_real_container_outlives_neither_server_nor_supervisor() {
    for (mode, supervisor_first) in [("hang", true), ("hang", false), ("nest", true), ("ignore", false)] {
        let Some(site) = crate::support::real::site(Wire::FastCgi) else { return };
        let site = site.set("deadline", 200);
        let mark = crate::support::real::mark();
        let _talk = site.open(&get(&format!("/container/run/behave.sif?mode={mode}&mark={mark}")));
        let tree = crate::support::real::running(&site, mark);
        let supervisor = tree.iter().find(|one| one.is_supervisor()).expect("a supervisor").clone();
        if supervisor_first {
            supervisor.signal(Signal::KILL);
            site.end(Signal::KILL);
        } else {
            site.end(Signal::KILL);
            supervisor.signal(Signal::KILL);
        }
        crate::support::processes::all_gone(&tree);
    }
}
