//! The images of the corpus, beside what a real container runtime says of them.
//!
//! `tests/images/make` builds them with the real tools; `apptainer inspect` is the oracle for labels, runscript, help,
//! definition file and apps. Skipped, with the reason printed, where there is no runtime or where this is root (a
//! runtime inspects as a plain user).

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use singularity_nginx::image::{Catalog, Labels, Metadata};

const RUNTIMES: [&str; 4] =
    ["/usr/local/bin/apptainer", "/usr/bin/apptainer", "/usr/local/bin/singularity", "/usr/bin/singularity"];

fn run(program: &Path, arguments: &[&str], home: &Path) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("HOME", home).env("TMPDIR", home).env("LANG", "C.UTF-8");
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").output().unwrap()
}

/// The runtime, or why the comparison is skipped.
fn runtime(home: &Path) -> Result<PathBuf, String> {
    if rustix::process::geteuid().is_root() {
        return Err("this is root; run it as a plain user".to_owned());
    }
    let found = RUNTIMES.iter().map(PathBuf::from).find(|path| path.exists());
    let found = found.ok_or("there is no container runtime; scripts/install-runtime installs one")?;
    let answer = run(&found, &["version"], home);
    if answer.status.success() { Ok(found) } else { Err("the container runtime does not start".to_owned()) }
}

/// What both say, in one shape.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    labels: BTreeMap<String, String>,
    texts: [String; 3],
    apps: BTreeMap<String, (BTreeMap<String, String>, String, String)>,
}

fn ours(metadata: &Metadata) -> Facts {
    let map = |labels: &Labels| labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let apps = metadata.apps.iter();
    Facts {
        labels: map(&metadata.labels),
        texts: [text(&metadata.runscript), text(&metadata.help), text(&metadata.definition)],
        apps: apps
            .map(|app| (app.name.to_string(), (map(&app.labels), text(&app.runscript), text(&app.help))))
            .collect(),
    }
}

fn theirs(answer: &[u8]) -> Facts {
    let document: Value = serde_json::from_slice(answer).unwrap();
    let attributes = &document["data"]["attributes"];
    let map = |labels: &Value| {
        let pairs = labels.as_object().into_iter().flatten();
        pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    let text = |text: &Value| text.as_str().unwrap_or_default().to_owned();
    let apps = attributes["apps"].as_object().into_iter().flatten();
    Facts {
        labels: map(&attributes["labels"]),
        texts: ["runscript", "helpfile", "deffile"].map(|key| text(&attributes[key])),
        apps: apps
            .map(|(name, app)| (name.clone(), (map(&app["labels"]), text(&app["runscript"]), text(&app["helpfile"]))))
            .collect(),
    }
}

#[test]
fn the_runtime_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let runtime = match runtime(home) {
        Ok(runtime) => runtime,
        Err(why) => return println!("skipped: {why}"),
    };
    let make = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/make");
    let images = home.join("images");
    let made = run(Path::new("/bin/bash"), &[make.to_str().unwrap(), "--with-runtime", images.to_str().unwrap()], home);
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr);
        return println!("skipped: tests/images/make could not build the images: {why}");
    }
    let catalog = Catalog::open(&images).unwrap();
    let (mut compared, mut refused) = (0, Vec::new());
    for entry in catalog.list().unwrap().images {
        let image = catalog.image(&entry.name).unwrap();
        // Ours first: the runtime's helper for ext3 writes into images that its account owns, and behind a launch line
        // at the wrong place, so that the image is damaged afterwards.
        let metadata = image.metadata();
        let answer = run(&runtime, &["--quiet", "inspect", "--json", "--all", image.path().to_str().unwrap()], home);
        if answer.status.success() {
            let metadata = metadata.unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert_eq!(ours(&metadata), theirs(&answer.stdout), "{}", entry.name);
            compared += 1;
        } else {
            refused.push(entry.name.to_string());
        }
    }
    println!("{compared} images compared; the runtime inspects none of: {}", refused.join(" "));
    assert!(compared >= 11, "only {compared} images could be compared");
    assert!(!refused.iter().any(|name| name.starts_with("runtime-")), "{refused:?}");
}
