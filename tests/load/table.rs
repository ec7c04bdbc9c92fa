//! What was measured, as two Markdown tables: the scenes, and the lines that had to be kept.

use std::time::Duration;

use crate::house::Seen;

/// One row of the first table; what does not apply stays empty.
#[derive(Default)]
pub struct Row {
    scene: String,
    answers: usize,
    rate: f64,
    percentiles: [f64; 3],
    seen: Option<Seen>,
    pub orphans: Option<usize>,
    /// Milliseconds.
    pub recovery: Option<f64>,
}

impl Row {
    /// So many answers with these times, within `lasted`.
    pub fn new(scene: &str, times: &[Duration], lasted: Duration) -> Row {
        Row {
            scene: scene.to_owned(),
            answers: times.len(),
            rate: times.len() as f64 / lasted.as_secs_f64().max(1e-9),
            percentiles: [50, 95, 99].map(|percent| percentile(times, percent)),
            ..Row::default()
        }
    }

    pub fn seen(mut self, seen: Seen) -> Row {
        self.seen = Some(seen);
        self
    }
}

/// A line that has to be kept.
struct Line {
    what: String,
    measured: String,
    bound: String,
    kept: bool,
}

/// See the module. Rows are printed at once: scenes take a while.
#[derive(Default)]
pub struct Table {
    rows: usize,
    lines: Vec<Line>,
}

impl Table {
    pub fn row(&mut self, row: Row) {
        if self.rows == 0 {
            println!(
                "| Scene | Answers | 1/s | p50 ms | p95 ms | p99 ms | Memory MB | Threads | Processes | Descriptors | Orphans | Recovery ms |"
            );
            println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        }
        self.rows += 1;
        let [p50, p95, p99] = row.percentiles.map(figure);
        let seen = row.seen.map_or(" | | | ".to_owned(), |seen| {
            format!(" {} | {} | {} | {} ", figure(seen.memory), seen.threads, seen.processes, seen.descriptors)
        });
        let orphans = row.orphans.map(|count| count.to_string()).unwrap_or_default();
        let recovery = row.recovery.map(figure).unwrap_or_default();
        let (scene, answers, rate) = (row.scene, row.answers, figure(row.rate));
        println!("| {scene} | {answers} | {rate} | {p50} | {p95} | {p99} |{seen}| {orphans} | {recovery} |");
    }

    /// Notes whether a line was kept.
    pub fn line(&mut self, what: &str, measured: impl ToString, bound: &str, kept: bool) {
        let (measured, bound) = (measured.to_string(), bound.to_owned());
        self.lines.push(Line { what: what.to_owned(), measured, bound, kept });
    }

    /// Prints the second table; whether all lines were kept.
    pub fn finish(self) -> bool {
        println!("\n| Line | Bound | Measured | |\n|---|---|---|---|");
        for Line { what, measured, bound, kept } in &self.lines {
            println!("| {what} | {bound} | {measured} | {} |", if *kept { "kept" } else { "**missed**" });
        }
        self.lines.iter().all(|line| line.kept)
    }
}

/// The time in milliseconds that so many of 100 do not exceed; not a number when there is none.
pub fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// Three digits that count.
pub fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    if value.is_nan() { "–".to_owned() } else { format!("{value:.digits$}") }
}
