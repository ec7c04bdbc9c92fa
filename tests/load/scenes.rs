//! What is done to the servers, scene by scene. Each begins with fresh servers and ends with a look at what is left.

#[path = "layout.rs"]
mod layout;

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::crowd::{Crowd, Group, Reading, Tally};
use crate::house::{House, PATIENCE, Rest, SLOTS, Seen, get, question, wait};
use crate::table::{Row, Table, figure, percentile};
use crate::{Result, process};

/// Addresses that are visited: the list, and runs that say a word, sleep for 100 ms, print 1 MiB.
const LIST: &str = "/container/";
const QUICK_RUN: &str = "/container/run/argv.sif";
const LONGER_RUN: &str = "/container/run/sleep-100.sif";
const LARGE_RUN: &str = "/container/run/stdout-1.sif";
/// Prints 300 kB at once, and is asked for live.
const LIVE_RUN: &str = "/container/run/print.sif";
/// Whoever asks for these shares the slots when the server is killed.
const KILLED: [&str; 3] = ["hang", "daemonise", "ignore"];

/// The lines that have to be kept: most milliseconds of 99 of 100 refusals, and of the list while others run; of the
/// list beside slow readers; from a kill to the first good answer; until nothing is left of the killed server's runs; growth of the soak in megabytes.
const REFUSAL: f64 = 100.0;
const PAGES: f64 = 100.0;
const RECOVERY: f64 = 2000.0;
const GONE: Duration = Duration::from_secs(5);
const GROWTH: f64 = 1.0;

/// How much of everything.
#[derive(Clone, Copy)]
pub struct Size {
    pub images: usize,
    pub visitors: usize,
    pub slow: usize,
    /// Who reads a live answer slowly; more than the server has connections.
    pub live: usize,
    pub kills: usize,
    pub runs: usize,
    /// Of a scene that has no other end.
    pub time: Duration,
}

impl Size {
    pub const WHOLE: Size = Size {
        images: 10_000,
        visitors: 1000,
        slow: 500,
        live: 574,
        kills: 100,
        runs: 10_000,
        time: Duration::from_secs(20),
    };
    /// A tenth; the time is what it takes to see something.
    pub const QUICK: Size =
        Size { images: 1000, visitors: 100, slow: 50, live: 574, kills: 10, runs: 1000, time: Duration::from_secs(5) };
}

/// See the module.
pub struct Stage {
    house: House,
    size: Size,
    table: Table,
    /// Answers that nobody intended, by scene and kind.
    faults: BTreeMap<String, usize>,
    /// What was left over after a scene.
    left: Vec<String>,
}

impl Stage {
    pub fn new(house: House, size: Size) -> Stage {
        Stage { house, size, table: Table::default(), faults: BTreeMap::new(), left: Vec::new() }
    }

    /// All scenes; whether every line was kept.
    pub fn play(mut self) -> Result<bool> {
        self.list()?;
        self.runs()?;
        self.slow_readers()?;
        self.live_readers()?;
        self.docker_layout()?;
        self.kills()?;
        self.soak()?;
        let faults: Vec<String> = self.faults.iter().map(|(what, count)| format!("{count} × {what}")).collect();
        let told = if faults.is_empty() { "0".to_owned() } else { faults.join(", ") };
        self.table.line("answers other than 200 and the intended 503", told, "0", faults.is_empty());
        let left = if self.left.is_empty() { "nothing".to_owned() } else { self.left.join(", ") };
        let what = "processes, descriptors, mounts, files left over after each scene";
        self.table.line(what, left, "nothing", self.left.is_empty());
        Ok(self.table.finish())
    }

    fn list(&mut self) -> Result<()> {
        let Size { images, visitors, time, .. } = self.size;
        let name = format!("{visitors} clients, list of {images} images");
        let (rest, tallies, seen) = self.scene("many", &[Group::new(visitors, LIST, time)])?;
        for tally in &tallies {
            self.row(&name, tally, Some(seen));
        }
        self.leave(&name, &rest)
    }

    fn runs(&mut self) -> Result<()> {
        let Size { images, visitors, time, .. } = self.size;
        let name = format!("{visitors} clients run for 100 ms, {SLOTS} slots");
        let runs = Group { arrival: Duration::from_secs(2), ..Group::new(visitors, LONGER_RUN, time) };
        let list = Group { pause: Duration::from_millis(50), ..Group::new(4, LIST, time) };
        let (rest, tallies, seen) = self.scene("many", &[runs, list])?;
        let [runs, list] = &tallies[..] else { return Err("there were two groups".into()) };
        self.row(&name, runs, Some(seen));
        self.table.row(Row::new("the refusals among them (503)", &runs.refused, runs.lasted));
        self.row(&format!("list of {images} images meanwhile"), list, None);
        for (what, times) in [("refusals, p99", &runs.refused), ("list beside the runs, p99", &list.answered)] {
            let slow = percentile(times, 99);
            self.table.line(what, format!("{} ms", figure(slow)), "< 100 ms", slow < REFUSAL);
        }
        let most = most_at_once(&self.house.runs());
        self.table.line("containers at once", most, &format!("≤ {SLOTS}"), (1..=SLOTS).contains(&most));
        self.leave(&name, &rest)
    }

    fn slow_readers(&mut self) -> Result<()> {
        let Size { slow, time, .. } = self.size;
        let time = time * 2;
        let name = format!("list beside {slow} slow readers of 1 MiB");
        let pause = Duration::from_millis(20);
        let lazy = Group { reading: Reading::Slowly, ..Group::new(slow / 2, LARGE_RUN, time) };
        let dead = Group { reading: Reading::Never, ..Group::new(slow - slow / 2, LARGE_RUN, time) };
        let list = Group { pause, ..Group::new(4, LIST, time) };
        let runs = Group { pause, ..Group::new(4, QUICK_RUN, time) };
        let (rest, tallies, seen) = self.scene("few", &[list, runs, lazy, dead])?;
        let [list, runs, lazy, dead] = &tallies[..] else { return Err("there were four groups".into()) };
        self.row(&name, list, Some(seen));
        self.row("runs beside them", runs, None);
        self.note_faults("slow readers", lazy);
        self.note_faults("dead readers", dead);
        let held = lazy.held + dead.held;
        self.table.line("slow readers that got a run and hold its answer", held, &slow.to_string(), held == slow);
        self.leave(&name, &rest)
    }

    /// One address asks for many live answers and reads none; everybody else looks at pages.
    fn live_readers(&mut self) -> Result<()> {
        let Size { live, time, .. } = self.size;
        let name = format!("list beside {live} slow readers of live answers");
        let readers =
            Group { reading: Reading::Never, accept: "text/event-stream", ..Group::new(live, LIVE_RUN, time * 2) };
        let list = Group { pause: Duration::from_millis(20), ..Group::new(4, LIST, time * 2) };
        let (rest, tallies, seen) = self.scene("few", &[list, readers])?;
        let [list, readers] = &tallies[..] else { return Err("there were two groups".into()) };
        self.row(&name, list, Some(seen));
        self.note_faults("slow readers of live answers", readers);
        self.table.line("slow readers that got a live answer", readers.held, "many", readers.held > live / 4);
        let slow = percentile(&list.answered, 99);
        let what = "list beside slow readers of live answers, p99";
        self.table.line(what, format!("{} ms", figure(slow)), "< 100 ms", slow < REFUSAL);
        let zombies = self.house.zombies()?;
        self.table.line("zombies after them", zombies, "0", zombies == 0);
        self.leave(&name, &rest)
    }

    /// All slots are taken, the server is killed, another one is started: again and again.
    fn kills(&mut self) -> Result<()> {
        let kills = self.size.kills;
        let name = format!("kill -9 of the server × {kills}, each during {SLOTS} runs");
        self.house.open("few")?;
        let rest = self.house.rest()?;
        let begun = Instant::now();
        let mut told = Kills::default();
        let mut why = String::new();
        for round in 0..kills {
            if let Err(error) = self.kill(round, &mut told) {
                why = format!("round {round}: {error}");
                break;
            }
        }
        let slowest = percentile(&told.recoveries, 100);
        let mut row = Row::new(&name, &told.recoveries, begun.elapsed()).seen(told.seen);
        row.orphans = Some(told.orphans);
        row.recovery = Some(slowest);
        self.table.row(row);
        let held = why.is_empty();
        self.table.line("all slots free again after each kill", if held { "yes" } else { &why }, "yes", held);
        let left = format!("{} (the last one went after {} ms)", told.orphans, figure(percentile(&told.gone, 100)));
        self.table.line("left of the runs 5 s after a kill", left, "0", told.orphans == 0);
        let kept = held && slowest < RECOVERY;
        self.table.line("kill to first good answer, slowest", format!("{} ms", figure(slowest)), "< 2 s", kept);
        self.leave(&name, &rest)
    }

    fn kill(&mut self, round: usize, told: &mut Kills) -> Result<()> {
        let visitors = self.fill_slots(round)?;
        told.seen.look(self.house.server()?);
        let killed = Instant::now();
        self.house.kill_and_start("few")?;
        let good = || get(&self.house.address, LIST, PATIENCE).is_ok_and(|(status, _)| status == 200);
        wait("no good answer", PATIENCE, good)?;
        told.recoveries.push(killed.elapsed());
        if wait("orphans", GONE.saturating_sub(killed.elapsed()), || self.house.left_behind().is_empty()).is_err() {
            told.orphans += self.house.left_behind().len();
        }
        told.gone.push(killed.elapsed());
        drop(visitors);
        Ok(())
    }

    /// As many runs at once as there are slots. Were one slot not free, its run would be refused and this would fail.
    fn fill_slots(&self, round: usize) -> Result<Vec<TcpStream>> {
        self.house.forget_runs();
        let images = KILLED.iter().cycle().skip(round % KILLED.len()).take(SLOTS);
        let ask = |image: &&str| question(&self.house.address, &format!("/container/run/{image}.sif"));
        let visitors = images.map(ask).collect::<Result<Vec<TcpStream>>>()?;
        wait("a slot is not free", PATIENCE, || self.house.begun_runs() >= SLOTS)?;
        Ok(visitors)
    }

    fn soak(&mut self) -> Result<()> {
        let total = self.size.runs;
        let name = format!("soak: {total} runs, {SLOTS} clients");
        let tenth = Group {
            most: total / 10,
            arrival: Duration::ZERO,
            ..Group::new(SLOTS, QUICK_RUN, Duration::from_secs(120))
        };
        self.house.open("few")?;
        self.house.spare_records()?;
        let rest = self.house.rest()?;
        let watch = self.house.watch()?;
        let server = self.house.server()?.to_string();
        let (mut all, mut memory, begun) = (Tally::default(), Vec::new(), Instant::now());
        for _ in 0..10 {
            for tally in Crowd::new(&self.house.address, std::slice::from_ref(&tenth))?.visit()? {
                self.note_faults("soak", &tally);
                all.answered.extend(tally.answered);
            }
            memory.push(process::memory(&server, "VmRSS")?);
        }
        all.lasted = begun.elapsed();
        let seen = watch.seen()?;
        self.row(&name, &all, Some(seen));
        let answered = all.answered.len();
        self.table.line("runs of the soak that were answered", answered, &total.to_string(), answered == total);
        // a server that has not been busy yet takes its share first: threads, and an allocator's pool for each
        let grown = memory.last().zip(memory.get(4)).map_or(f64::NAN, |(last, half)| last - half);
        let course: Vec<String> = memory.iter().map(|megabytes| format!("{megabytes:.1}")).collect();
        let course = format!("{} MB", course.join(" "));
        self.table.line("memory after each tenth of the soak, last − fifth", course, "< 1 MB", grown < GROWTH);
        self.leave(&name, &rest)
    }

    /// Fresh servers, what they are at rest, and groups that visit them.
    fn scene(&mut self, data: &str, groups: &[Group]) -> Result<(Rest, Vec<Tally>, Seen)> {
        self.house.open(data)?;
        let rest = self.house.rest()?;
        let watch = self.house.watch()?;
        let tallies = Crowd::new(&self.house.address, groups)?.visit()?;
        Ok((rest, tallies, watch.seen()?))
    }

    fn row(&mut self, name: &str, tally: &Tally, seen: Option<Seen>) {
        let row = Row::new(name, &tally.answered, tally.lasted);
        self.table.row(match seen {
            Some(seen) => row.seen(seen),
            None => row,
        });
        self.note_faults(name, tally);
    }

    fn note_faults(&mut self, scene: &str, tally: &Tally) {
        for (what, count) in &tally.faults {
            *self.faults.entry(format!("{what} ({scene})")).or_default() += count;
        }
    }

    /// The end of a scene: the visitors are sent away, and the server has to be as it was before they came.
    fn leave(&mut self, scene: &str, before: &Rest) -> Result<()> {
        self.house.send_visitors_away()?;
        let beyond = || self.house.rest().map(|now| now.beyond(before));
        let at_rest = wait("", GONE, || beyond().is_ok_and(|more| more.is_empty()));
        if at_rest.is_err() {
            self.left.push(format!("{} ({scene})", beyond()?));
        }
        self.house.close()
    }
}

/// What was seen while the server was killed.
#[derive(Default)]
struct Kills {
    seen: Seen,
    /// From a kill to the first good answer, and until nothing of the runs was left.
    recoveries: Vec<Duration>,
    gone: Vec<Duration>,
    orphans: usize,
}

/// Most runs at one time, of their begins and ends.
fn most_at_once(runs: &[(u64, u64)]) -> usize {
    let mut changes: Vec<(u64, isize)> = runs.iter().flat_map(|(begun, ended)| [(*begun, 1), (*ended, -1)]).collect();
    // of the same microsecond the end counts first
    changes.sort_unstable();
    let at_once = changes.iter().scan(0, |running, (_, change)| {
        *running += change;
        Some(*running)
    });
    at_once.max().unwrap_or(0).unsigned_abs()
}
