//! What is done to the servers, scene by scene. Each begins with fresh servers and ends with a look at what is left.

use std::time::{Duration, Instant};

use crate::crowd::{Crowd, Group, Reading, Tally};
use crate::house::{House, PATIENCE, SLOTS, Seen, get, question, wait};
use crate::table::{Row, Table, milliseconds};
use crate::{Result, processes, process};

const LIST: &str = "/container/";
/// Longest time in which something of a run may be left after the server's end.
const GONE: Duration = Duration::from_secs(5);
/// Longest time from the start of a server to its first good answer.
const RECOVERY: f64 = 2000.0;
/// Longest time of a refusal, and of the list while others run, for 99 of 100, in milliseconds.
const REFUSAL: f64 = 100.0;
/// By how much memory may differ between the first tenth and the last tenth of the soak, in megabytes.
const FLAT: f64 = 1.0;

/// How much of everything.
#[derive(Clone, Copy)]
pub struct Size {
    pub images: usize,
    pub visitors: usize,
    pub slow: usize,
    pub kills: usize,
    pub runs: usize,
    /// Of each scene that has no other end.
    pub time: Duration,
}

impl Size {
    pub const WHOLE: Size = Size {
        images: 10_000,
        visitors: 1000,
        slow: 500,
        kills: 100,
        runs: 10_000,
        time: Duration::from_secs(20),
    };
    /// A tenth of everything but the time, without which nothing could be seen.
    pub const QUICK: Size =
        Size { images: 1000, visitors: 100, slow: 50, kills: 10, runs: 1000, time: Duration::from_secs(5) };
}

/// What a server is when nobody visits.
struct Rest {
    descriptors: usize,
    mounts: usize,
}

/// See the module.
pub struct Stage {
    pub house: House,
    pub size: Size,
    pub table: Table,
}

impl Stage {
    pub fn play(&mut self) -> Result<()> {
        self.list()?;
        self.runs()?;
        self.slow_readers()?;
        self.kills()?;
        self.soak()
    }

    fn list(&mut self) -> Result<()> {
        let Size { images, visitors, time, .. } = self.size;
        let name = format!("{visitors} clients, list of {images} images");
        let (tallies, seen) = self.scene("many", &[Group::new(visitors, LIST, time)])?;
        for tally in &tallies {
            self.row(&name, tally, &tally.answered, Some(seen));
            self.no_faults(&name, tally);
        }
        Ok(())
    }

    fn runs(&mut self) -> Result<()> {
        let Size { images, visitors, time, .. } = self.size;
        let runs = Group { arrival: Duration::from_secs(2), ..Group::new(visitors, "/container/run/sleep-100.sif", time) };
        let list = Group { pause: Duration::from_millis(50), ..Group::new(4, LIST, time) };
        let (tallies, seen) = self.scene("many", &[runs, list])?;
        let [runs, list] = &tallies[..] else { return Err("two groups".into()) };
        let name = format!("{visitors} clients run for 100 ms, {SLOTS} slots");
        self.row(&name, runs, &runs.answered, Some(seen));
        self.row("the refusals among them (503)", runs, &runs.refused, None);
        self.row(&format!("list of {images} images meanwhile"), list, &list.answered, None);
        self.no_faults(&name, runs);
        self.no_faults("list meanwhile", list);
        let (refusal, listed) = (percentile(&runs.refused, 99), percentile(&list.answered, 99));
        self.table.line("refusals, p99", format!("{refusal:.1} ms"), "< 100 ms", refusal < REFUSAL);
        self.table.line("list during runs, p99", format!("{listed:.1} ms"), "< 100 ms", listed < REFUSAL);
        let most = most_at_once(&self.house.runs());
        self.table.line("containers at once", most.to_string(), &format!("≤ {SLOTS}"), (1..=SLOTS).contains(&most));
        self.leave()
    }

    fn slow_readers(&mut self) -> Result<()> {
        let Size { slow, time, .. } = self.size;
        let path = "/container/run/stdout-1.sif";
        let pause = Duration::from_millis(20);
        // nobody else takes a slot before all of them have their answers
        let lazy = Group { reading: Reading::Slowly, ..Group::new(slow / 2, path, time * 2) };
        let dead = Group { reading: Reading::Never, ..Group::new(slow - slow / 2, path, time * 2) };
        let list = Group { pause, ..Group::new(4, LIST, time * 2) };
        let runs = Group { pause, ..Group::new(4, "/container/run/argv.sif", time * 2) };
        let (tallies, seen) = self.scene("few", &[lazy, dead, list, runs])?;
        let [lazy, dead, list, runs] = &tallies[..] else { return Err("four groups".into()) };
        self.row(&format!("list beside {slow} slow readers of 1 MiB each"), list, &list.answered, Some(seen));
        self.row("runs beside them", runs, &runs.answered, None);
        for (name, tally) in [("reading 1 kB/s", lazy), ("not reading", dead), ("list beside", list), ("runs beside", runs)] {
            self.no_faults(name, tally);
        }
        let held = lazy.held + dead.held;
        self.table.line("slow readers that hold an answer", held.to_string(), &format!("{slow}"), held == slow);
        self.leave()
    }

    fn kills(&mut self) -> Result<()> {
        let begun = Instant::now();
        let (mut recovery, mut first_runs, mut gone, mut orphans) = (Vec::new(), Vec::new(), Vec::new(), 0);
        self.house.open("few")?;
        let mut answers = 0;
        for round in 0..self.size.kills {
            self.house.forget_all_runs();
            // all slots at once: were one not free again, its run would be refused
            let images = ["hang", "daemonise", "sleep-100", if round % 4 == 0 { "ignore" } else { "hang" }];
            let mut visitors = Vec::new();
            for place in 0..SLOTS {
                visitors.push(question(&self.house.address, &format!("/container/run/{}.sif", images[place % 4]))?);
            }
            let full = wait("not all slots are free again", PATIENCE, || self.house.begun_runs() >= SLOTS);
            if let Err(why) = full {
                self.table.line("slots after a kill", why.to_string(), "all free", false);
                break;
            }
            self.house.kill_and_start("few")?;
            let started = Instant::now();
            let address = self.house.address.clone();
            wait("no answer after a kill", PATIENCE, || {
                answers += 1;
                get(&address, LIST, PATIENCE).is_ok_and(|(status, _)| status == 200)
            })?;
            recovery.push(started.elapsed());
            let left = wait("orphans", GONE, || self.house.left_behind().is_empty());
            gone.push(started.elapsed());
            if left.is_err() {
                orphans += self.house.left_behind().len();
            }
            wait("no run after a kill", PATIENCE, || {
                get(&address, "/container/run/argv.sif", PATIENCE).is_ok_and(|(status, _)| status == 200)
            })?;
            first_runs.push(started.elapsed());
        }
        let tally = Tally { answered: recovery.clone(), lasted: begun.elapsed(), asked: answers, ..Tally::default() };
        let watched = self.house.watch()?.seen()?;
        let slowest = percentile(&recovery, 100);
        let mut row = Row::new(&format!("kill -9 of the server × {} during {SLOTS} runs", self.size.kills));
        row.times(&recovery, tally.lasted).seen(watched);
        row.orphans = Some(orphans);
        row.recovery = Some(slowest);
        self.table.row(row);
        self.table.line("orphans 5 s after a kill", orphans.to_string(), "0", orphans == 0);
        self.table.line("recovery, slowest", format!("{slowest:.0} ms"), "< 2 s", slowest < RECOVERY);
        let note = format!(
            "nothing of the runs left after (slowest) {:.0} ms, all slots free and a run answered after {:.0} ms",
            percentile(&gone, 100),
            percentile(&first_runs, 100)
        );
        self.table.note(&note);
        self.house.send_visitors_away()?;
        self.house.close()
    }

    fn soak(&mut self) -> Result<()> {
        let total = self.size.runs;
        self.house.open("few")?;
        let rest = self.rest()?;
        let watch = self.house.watch()?;
        let server = self.house.server()?.as_raw_nonzero().to_string();
        let (mut memory, mut times, mut faults, mut refused) = (Vec::new(), Vec::new(), 0, 0);
        let begun = Instant::now();
        for _ in 0..10 {
            let tenth = Group {
                most: total / 10,
                arrival: Duration::ZERO,
                ..Group::new(SLOTS, "/container/run/argv.sif", Duration::from_secs(120))
            };
            for tally in Crowd::new(&self.house.address, &[tenth])?.visit()? {
                times.extend(tally.answered);
                refused += tally.refused.len();
                faults += tally.faults.values().sum::<usize>();
            }
            memory.push(process::memory(&server, "VmRSS")?);
            self.house.forget_runs();
        }
        let lasted = begun.elapsed();
        let name = format!("soak: {total} runs, {SLOTS} clients");
        let mut row = Row::new(&name);
        row.times(&times, lasted).seen(watch.seen()?);
        row.refused = Some(refused);
        row.faults = Some(faults);
        self.table.row(row);
        let answered = times.len();
        self.table.line("runs of the soak answered", answered.to_string(), &total.to_string(), answered == total);
        let (first, last) = (memory.first().copied().unwrap_or(f64::NAN), memory.last().copied().unwrap_or(f64::NAN));
        let course: Vec<String> = memory.iter().map(|megabytes| format!("{megabytes:.2}")).collect();
        self.table.line(
            "memory of the server after each tenth of the soak",
            format!("{} MB", course.join(", ")),
            &format!("last − first < {FLAT} MB"),
            last - first < FLAT,
        );
        self.leave_as(&rest)
    }

    /// Fresh servers, and groups that visit them.
    fn scene(&mut self, data: &str, groups: &[Group]) -> Result<(Vec<Tally>, Seen)> {
        self.house.open(data)?;
        let watch = self.house.watch()?;
        let tallies = Crowd::new(&self.house.address, groups)?.visit()?;
        Ok((tallies, watch.seen()?))
    }
}
