//! The measuring program of `scripts/bench`, which starts it as the account that serves.
//!
//! In: `SUITE ADDRESS PID PROGRAM DATA`: a suite, where nginx listens, the process id of the FastCGI server behind it,
//! the executable, the data folder; the environment configures the executable as it does the server.
//! Out: rows of a Markdown table, see `table`. A suite that cannot measure says why and fails; a missed bound is a
//! row that says so, no failure.
//! Never: asserts a time. What is compared is measured in turns, so that a machine that is busy for a while is busy
//! for both.

mod client;
mod formats;
mod many;
mod names;
mod pages;
mod process;
mod run;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is measured.
struct Bench {
    /// Where nginx listens, `127.0.0.1:8080`.
    address: String,
    /// The FastCGI server.
    server: u32,
    /// The executable.
    program: PathBuf,
    /// The images.
    data: PathBuf,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["memory", data, image] => formats::memory(data, image),
        [suite, address, server, program, data] => measure(suite, address, server, program, data),
        _ => Err("this program is started by scripts/bench".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {}: {why}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn measure(suite: &str, address: &str, server: &str, program: &str, data: &str) -> Result<()> {
    let bench =
        Bench { address: address.to_owned(), server: server.parse()?, program: program.into(), data: data.into() };
    match suite {
        "pages" => pages::measure(&bench),
        "run" => run::measure(&bench),
        "formats" => formats::measure(&bench),
        "many" => many::measure(&bench),
        "names" => names::measure(&bench),
        other => Err(format!("there is no suite {other}").into()),
    }
}
