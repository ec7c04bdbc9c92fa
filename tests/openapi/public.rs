//! The long test: public tools judge the documents, and the program by them.
//!
//! A Python environment below the temporary folder, made once for each account, from PyPI; the demo images of `data/`;
//! the real runtime; nginx with the configuration of this repository. What cannot be had is said, and the test ends.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::front::Front;
use crate::support::python::{self, succeeds};
use crate::support::{Site, Wire, real, skip};
use crate::{FOLDER, document};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi");
const DEMOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");
/// The same cases each time.
const SEED: &str = "2026";
/// Runs at once are no matter of this test: a 503 would be a good answer, but would hide the one that is asked for.
const SLOTS: usize = 64;

#[test]
#[ignore = "long"]
fn schemathesis_and_a_validator_find_nothing() {
    let Some(runtime) = real::runtime() else { return skip("no container runtime is installed") };
    if !Path::new(DEMOS).join("hello-name.sif").exists() {
        return skip("the demo images are not built (data/generate_demos.sh)");
    }
    let list = Path::new(HERE).join("requirements.txt");
    let Some(tools) = python::environment(&list, false).map(|folder| folder.join("bin")) else {
        return skip("no python3 with venv (package python3-venv)");
    };
    let site = Site::new(Wire::FastCgi).set("runtime", runtime.display()).set("data", DEMOS).set("slots", SLOTS);
    site.start();
    let Some(front) = Front::nginx(&[site.socket()], |_, text| text) else { return };

    let folder = tempfile::tempdir().expect("a folder");
    let images = ["hello-name.sif", "hello-world.sif", "mandelbrot.sif", "epidemic.sif", "slow.sif"];
    let addresses = images.map(|image| format!("/container/openapi/{image}.json"));
    for (number, address) in addresses.iter().map(String::as_str).chain([FOLDER]).enumerate() {
        let file = folder.path().join(format!("{number}.json"));
        fs::write(&file, document(&site, address).to_string()).expect("a file");
        println!(
            "{}",
            succeeds(Command::new(tools.join("openapi-spec-validator")).args(["--schema", "3.1"]).arg(&file))
        );
    }

    for name in ["schemathesis.toml", "hooks.py"] {
        fs::copy(Path::new(HERE).join(name), folder.path().join(name)).expect("a copy");
    }
    let whole = &["--max-examples", "10"][..];
    let shaped = |accept| {
        ["--include-path-regex", "/run/", "--phases", "examples,fuzzing", "--max-examples", "5", "--header", accept]
    };
    let envelope = shaped("Accept: application/vnd.singularity-run+json");
    let events = shaped("Accept: text/event-stream");
    for words in [whole, &envelope, &events] {
        let mut command = Command::new(tools.join("st"));
        command.args(["run", &front.url(FOLDER), "--no-color", "--seed", SEED]).args(words);
        let told = std::panic::AssertUnwindSafe(|| succeeds(command.current_dir(folder.path())));
        match std::panic::catch_unwind(told) {
            Ok(told) => println!("{told}"),
            Err(panic) => {
                eprintln!("{}", site.log());
                std::panic::resume_unwind(panic);
            }
        }
    }
}
