//! A run without HTTP: the service by itself, with a stub in the place of the runtime.
//!
//! Imports nothing of `http`, `wire` or `view`. A supervisor is this executable, started once more, so that this test has
//! a `main` of its own that plays the supervisor, too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;

use singularity_nginx::args::{Blank, Input, bind};
use singularity_nginx::auth::Principal;
use singularity_nginx::config::Config;
use singularity_nginx::error::Error;
use singularity_nginx::image::{FolderName, TargetPath};
use singularity_nginx::run::{self, End};
use singularity_nginx::service::{Caller, Service};

#[path = "support/sif.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod sif;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(run::SUPERVISE) => ended(run::supervise(words.get(1).map(String::as_str))),
        _ => {
            lists_describes_and_runs();
            println!("test lists_describes_and_runs ... ok\n\n1 passed, 0 failed");
            ExitCode::SUCCESS
        }
    }
}

fn ended(life: std::io::Result<()>) -> ExitCode {
    if life.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn target(name: &str) -> TargetPath {
    TargetPath::parse(name).unwrap()
}

fn service(folder: &Path) -> Service {
    for name in ["data", "runtime/runs"] {
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder.join(name)).unwrap();
    }
    let image = sif::with_labels(&[("SINGULARITY_RUNSCRIPT_ARG_STR", "name")]);
    std::fs::write(folder.join("data/argv.sif"), image).unwrap();
    std::os::unix::fs::symlink(stub_runtime::PATH, folder.join("runtime/apptainer")).unwrap();
    let file = folder.join("settings.toml");
    let settings = format!("state = {:?}\nruntime = {:?}\n", folder.join("state"), folder.join("runtime/apptainer"));
    std::fs::write(&file, settings).unwrap();
    Service::new(Config::load(Some(&file)).unwrap())
}

fn lists_describes_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let listed = service.list(&Principal::Owner, &FolderName::default(), "", 1).unwrap();
    assert_eq!((listed.total, listed.rows[0].target.to_string().as_str()), (1, "argv.sif"));
    assert_eq!(service.describe(&Principal::Owner, None).unwrap().callables.len(), 1);
    assert!(matches!(service.open(&Principal::Owner, &target("none.sif")).err(), Some(Error::Find(_))));

    let opened = service.open(&Principal::Owner, &target("argv.sif")).unwrap();
    let input = Input::Query { text: b"name=Amy&evil=1", blank: Blank::Value };
    let arguments = bind(&opened.spec, input, &service.config().settings("argv.sif").sanitise).unwrap();
    let (run, invocation) = service.start(Caller::at_terminal(), &opened, &arguments).unwrap();
    let ran = service.ran(opened, &arguments, run, invocation).unwrap();
    assert_eq!(ran.outcome.end, End::Exited(0), "{}", ran.stderr);
    assert_eq!(String::from_utf8_lossy(&ran.outcome.stdout), "[\"--name\",\"Amy\"]\n");
    assert_eq!(ran.report.ignored(), ["evil"]);
}
