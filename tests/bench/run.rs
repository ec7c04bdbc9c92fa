//! A run through nginx beside the bare command: what the way through both servers costs.
//!
//! The bare command has the argv (`singularity-nginx run --dry-run --json` prints it), the environment, the working directory
//! and the stdin that the server gives it. The two take turns in coming first, because a run leaves work behind (file
//! systems to be unmounted) that the next one meets.

use std::process::Command;
use std::time::Instant;

use crate::client::Client;
use crate::table::{Bound, Samples, Unit, milliseconds};
use crate::{Bench, Result, process};

const IMAGE: &str = "hello-world.sif";
/// Pairs that are counted; one more is made before them.
const PAIRS: usize = 150;
/// The environment of a run, as `src/run/invocation.rs` has it.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/nonexistent"),
    ("LANG", "C.UTF-8"),
];

pub fn measure(bench: &Bench) -> Result<()> {
    let words = command(bench, IMAGE)?;
    let mut command = start(&words);
    let mut client = Client::connect(&bench.address)?;
    let path = format!("/container/run/{IMAGE}");
    let mut through = || -> Result<(f64, Vec<u8>)> {
        let begun = Instant::now();
        let content = client.get(&path, "*/*")?;
        Ok((milliseconds(begun.elapsed()), content))
    };
    let mut alone = || -> Result<(f64, Vec<u8>)> {
        let finished = process::run(&mut command)?;
        Ok((milliseconds(finished.wall), finished.stdout))
    };
    let [mut bare, mut served, mut more] = [(); 3].map(|()| Samples::new(Unit::Milliseconds));
    for pair in 0..=PAIRS {
        let ((a, expected), (b, content)) = if pair % 2 == 0 {
            let first = alone()?;
            (first, through()?)
        } else {
            let first = through()?;
            (alone()?, first)
        };
        if content != expected || content.is_empty() {
            return Err("the run through nginx answers something else than the bare command".into());
        }
        if pair > 0 {
            bare.push(a);
            served.push(b);
            more.push(b - a);
        }
    }
    let runtime = words.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    bare.row(&format!("`{runtime} run {IMAGE}`, the bare command"), Bound::None);
    served.row("the same run through nginx and FastCGI", Bound::None);
    more.row("what that is more, pair by pair", Bound::AtMost(5.0));
    Ok(())
}

/// The words of the command that the server runs for an image.
pub fn command(bench: &Bench, image: &str) -> Result<Vec<String>> {
    let said = process::run(Command::new(&bench.program).args(["run", image, "--dry-run", "--json"]))?.stdout;
    let told: serde_json::Value = serde_json::from_slice(&said)?;
    let words = told["command"].as_array().ok_or("`run --dry-run --json` tells no command")?;
    Ok(words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
}

/// A command with a run's surroundings.
pub fn start(words: &[String]) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command.args(words).env_clear().envs(ENVIRONMENT).current_dir("/");
    command
}
