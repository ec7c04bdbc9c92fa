//! The long tests: public tools judge the documents, and the program by them; generated clients use it.
//!
//! A Python environment below the temporary folder, made once for each account, from PyPI; the demo images of `data/`;
//! the real runtime; nginx with the configuration of this repository. What cannot be had is said, and the test ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::front::Front;
use crate::support::python::{self, succeeds};
use crate::support::{Site, Wire, get, real, skip};
use crate::{FOLDER, document};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi");
const DEMOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");
/// The same cases each time.
const SEED: &str = "2026";
/// Runs at once are no matter of this test: a 503 would be a good answer, but would hide the one that is asked for.
const SLOTS: usize = 64;

/// The runtime, where the demo images are there, too.
fn ready() -> Option<PathBuf> {
    let runtime = real::runtime();
    if runtime.is_none() {
        skip("no container runtime is installed");
    } else if !Path::new(DEMOS).join("hello-name.sif").exists() {
        skip("the demo images are not built (data/generate_demos.sh)");
        return None;
    }
    runtime
}

#[test]
#[ignore = "long"]
fn schemathesis_and_a_validator_find_nothing() {
    let Some(runtime) = ready() else { return };
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
        fs::write(&file, site.ask(&get(&format!("{address}?version=3.0"))).good()).expect("a file");
        println!(
            "{}",
            succeeds(Command::new(tools.join("openapi-spec-validator")).args(["--schema", "3.0"]).arg(&file))
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

/// In place of a definition's base: busybox.
const BASE: &str = r#"Bootstrap: scratch

%setup
    mkdir -p "$APPTAINER_ROOTFS/bin" "$APPTAINER_ROOTFS/tmp" "$APPTAINER_ROOTFS/etc"
    cp /bin/busybox "$APPTAINER_ROOTFS/bin/busybox"
    ln -s busybox "$APPTAINER_ROOTFS/bin/sh"
"#;

/// Images beside the demos: their labels and runscripts.
const OTHERS: [(&str, &str, &str); 3] = [
    ("words.sif", "Author somebody", "echo no JSON, nothing declared"),
    ("fails.sif", "Author somebody", "echo bad value >&2; exit 3"),
    (
        "steps.sif",
        "SINGULARITY_RUNSCRIPT_ARG_FLOAT step\n    SINGULARITY_RUNSCRIPT_ARG_SCHEMA {\"step\": {\"enum\": [0.5, 1.5]}}",
        "echo \"$@\"",
    ),
];

#[test]
#[ignore = "long"]
fn generated_clients_and_openapi_core_agree_with_the_answers() {
    let Some(runtime) = ready() else { return };
    if !Path::new(real::BUSYBOX).exists() {
        return skip("no /bin/busybox to build an image from (package busybox-static)");
    }
    let list = Path::new(HERE).join("clients.txt");
    let Some(tools) = python::environment(&list, false).map(|folder| folder.join("bin")) else {
        return skip("no python3 with venv (package python3-venv)");
    };
    let mut site = Site::new(Wire::FastCgi).set("runtime", runtime.display()).set("slots", SLOTS);
    for image in ["hello-name.sif", "hello-world.sif", "mandelbrot.sif", "epidemic.sif", "slow.sif"] {
        site = site.file(image, &fs::read(Path::new(DEMOS).join(image)).expect("a demo"));
    }
    for (name, labels, runscript) in OTHERS {
        let definition = format!("{BASE}\n%labels\n    {labels}\n\n%runscript\n    {runscript}\n");
        site = site.file(name, &fs::read(real::build(&runtime, &definition)).expect("an image"));
    }
    site.start();
    let Some(front) = Front::nginx(&[site.socket()], |_, text| text) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for version in ["3.1", "3.0"] {
        let document = site.ask(&get(&format!("{FOLDER}?version={version}"))).good();
        fs::write(folder.path().join(format!("{version}.json")), document).expect("a file");
    }
    let mut command = Command::new(tools.join("python"));
    command.arg(Path::new(HERE).join("clients.py")).arg(front.url("")).arg(folder.path());
    println!("{}", succeeds(command.env("HOME", folder.path()).env("PYTHONDONTWRITEBYTECODE", "1")));
}
