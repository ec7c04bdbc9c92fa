//! The site in numbers, as Prometheus reads them.
//!
//! In: [`Metrics`]. Out: its text format, version 0.0.4: `# HELP`, `# TYPE`, and
//! the samples of each. Names of images, arguments and visitors are not in it.

use std::fmt::Write;

use super::json::ready;
use crate::http::Response;
use crate::service::Metrics;

const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The numbers as an answer that nobody keeps.
pub fn show(metrics: &Metrics) -> Response {
    Response::new(200, MEDIA, text(metrics).into_bytes()).with("Cache-Control", "no-store")
}

fn text(metrics: &Metrics) -> String {
    let number = |number: usize| number as u64;
    let mut text = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        let _ = write!(text, "# HELP singularity_nginx_{name} {help}\n# TYPE singularity_nginx_{name} {kind}\n");
        for (labels, value) in samples {
            let _ = writeln!(text, "singularity_nginx_{name}{labels} {value}");
        }
    };
    let one = |value: u64| [(String::new(), value)];
    tell(
        "info",
        "gauge",
        "The version of the program.",
        &[(format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1)],
    );
    tell("ready", "gauge", "1 if containers can run.", &one(u64::from(ready(&metrics.checks))));
    tell("slots", "gauge", "How many containers may run at once, over all processes.", &one(number(metrics.slots)));
    tell("slots_in_use", "gauge", "How many containers run now.", &one(number(metrics.in_use)));
    tell("refused_total", "counter", "Runs that were refused because no slot was free.", &one(metrics.refusals));
    tell("images", "gauge", "Images in the data folder.", &one(number(metrics.images)));
    tell(
        "entries_not_served",
        "gauge",
        "Entries of the data folder that are not served.",
        &one(number(metrics.not_served)),
    );
    let checks = metrics.checks.iter();
    let holds = checks.map(|check| (format!("{{check=\"{}\"}}", check.what), u64::from(check.wrong.is_none())));
    tell("check", "gauge", "1 if this check holds. `doctor` has the details.", &holds.collect::<Vec<_>>());
    text
}
