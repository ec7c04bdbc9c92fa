//! The program of `scripts/load`: many visitors at once, slow ones, killed servers, and what is left of it all.
//!
//! In: `FOLDER ADDRESS [--quick]`: a private folder with the program, the stub runtime and nginx's configuration (see
//! [`house`]), and where nginx is to listen. Out: Markdown tables on stdout; exit status 1 when a line was missed, 2
//! when nothing could be measured.
//! Never: talks to anything but ADDRESS, leaves a process behind, or goes on for ever: every wait has an end.

mod answer;
mod crowd;
mod house;
mod scenes;
mod table;

#[path = "../bench/process.rs"]
#[allow(dead_code, reason = "a part is used")]
mod process;
#[path = "../support/processes.rs"]
#[allow(dead_code, clippy::expect_used, reason = "a part is used; it was written for tests, which may panic")]
mod processes;
#[path = "../support/sif.rs"]
#[allow(dead_code, reason = "a part is used")]
mod sif;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use house::House;
use scenes::{Size, Stage};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let played = match words[..] {
        [folder, address] => play(Path::new(folder), address, Size::WHOLE),
        [folder, address, "--quick"] => play(Path::new(folder), address, Size::QUICK),
        _ => Err("this program is started by scripts/load".into()),
    };
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::from(2)
        }
    }
}

fn play(folder: &Path, address: &str, size: Size) -> Result<bool> {
    Stage::new(House::build(folder, address, size.images)?, size).play()
}

/// What `processes` waits with, in a part that is not used here.
#[allow(dead_code, reason = "see above")]
fn until(what: &str, patience: Duration, so: impl FnMut() -> bool) {
    if let Err(why) = house::wait(what, patience, so) {
        eprintln!("load: {why}");
    }
}
