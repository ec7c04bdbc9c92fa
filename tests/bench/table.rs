//! Samples → one row of the table: what, bound, median (min–max), runs.
//!
//! A row with a bound is judged by the 95 % confidence interval of its median (order statistics, so whatever the
//! distribution): missed when all of it is beyond the bound, undecided when the bound lies inside it.

use std::time::Duration;

/// What a figure counts.
#[derive(Clone, Copy)]
pub enum Unit {
    Milliseconds,
    /// 10⁶ bytes.
    Megabytes,
    PerSecond,
}

/// What the median is held against.
#[derive(Clone, Copy)]
pub enum Bound {
    /// For information.
    None,
    Below(f64),
    AtMost(f64),
}

/// The figures of one row.
pub struct Samples {
    unit: Unit,
    values: Vec<f64>,
}

impl Samples {
    pub fn new(unit: Unit) -> Samples {
        Samples { unit, values: Vec::new() }
    }

    pub fn one(unit: Unit, value: f64) -> Samples {
        Samples { unit, values: vec![value] }
    }

    pub fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// Prints the row at once: suites take a while.
    pub fn row(mut self, what: &str, bound: Bound) {
        self.values.sort_unstable_by(f64::total_cmp);
        let runs = self.values.len();
        let at = |index: usize| self.values.get(index).copied().unwrap_or(f64::NAN);
        let median = (at(runs.saturating_sub(1) / 2) + at(runs / 2)) / 2.0;
        let unit = match self.unit {
            Unit::Milliseconds => "ms",
            Unit::Megabytes => "MB",
            Unit::PerSecond => "/s",
        };
        let (sign, most) = match bound {
            Bound::None => ("", f64::INFINITY),
            Bound::Below(most) => ("<", most),
            Bound::AtMost(most) => ("≤", most),
        };
        let kept = |value: f64| value < most || (sign == "≤" && value <= most);
        let reach = (1.96 * (runs as f64).sqrt() / 2.0).ceil() as usize;
        let (low, high) = (at((runs / 2).saturating_sub(reach)), at((runs / 2 + reach).min(runs.saturating_sub(1))));
        let verdict = match (kept(low), kept(high)) {
            (true, true) => String::new(),
            (true, false) => format!(" **undecided**: 95 % {} to {}", figure(low), figure(high)),
            _ => " **missed**".to_owned(),
        };
        let bound = if sign.is_empty() { String::new() } else { format!("{sign} {most} {unit}") };
        let range = if runs > 1 { format!(" ({}–{})", figure(at(0)), figure(at(runs - 1))) } else { String::new() };
        println!("| {what} | {bound} | {}{range} {unit}{verdict} | {runs} |", figure(median));
    }
}

/// A row for what could not be measured.
pub fn gap(what: &str, why: &str) {
    println!("| {what} | | {why} | 0 |");
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Three digits that count.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}
