//! The images of the corpus, beside what a real container runtime says of them.
//!
//! `tests/images/make` builds them with the real tools; `apptainer inspect` is the oracle for labels, runscript, help,
//! definition file and apps. Needs a runtime and a plain user, because a runtime inspects as one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod strange;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use singularity_nginx::image::{Catalog, FolderName, Labels, Metadata};
use support::skip;

const RUNTIMES: [&str; 4] =
    ["/usr/local/bin/apptainer", "/usr/bin/apptainer", "/usr/local/bin/singularity", "/usr/bin/singularity"];

fn run(program: &Path, arguments: &[&str], home: &Path) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("HOME", home).env("TMPDIR", home).env("LANG", "C.UTF-8");
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").output().unwrap()
}

/// The runtime, or why there is nothing to compare with.
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

/// Members of an inspection that only its JSON has: scripts that nobody runs here, of the image and of its apps.
fn other_scripts(answer: &[u8]) -> Vec<String> {
    let document: Value = serde_json::from_slice(answer).unwrap();
    let attributes = &document["data"]["attributes"];
    let apps = attributes["apps"].as_object().into_iter().flatten();
    let of_apps = apps.map(|(name, app)| format!("{name}: {}", app["test"]));
    ["startscript", "test"].iter().map(|key| attributes[*key].to_string()).chain(of_apps).collect()
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

/// This program at a terminal, on these images.
fn program(images: &Path, words: &[&str], home: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_singularity-nginx"));
    command.args(words).env_clear().env("SINGULARITY_NGINX_DATA", images);
    command.env("SINGULARITY_NGINX_STATE", home.join("state")).output().unwrap()
}

/// The corpus with what a runtime can start, made anew in `home`; or why not.
fn corpus(home: &Path) -> Result<PathBuf, String> {
    let make = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/make");
    let images = home.join("images");
    let made = run(Path::new("/bin/bash"), &[make.to_str().unwrap(), "--with-runtime", images.to_str().unwrap()], home);
    let why = String::from_utf8_lossy(&made.stderr);
    if made.status.success() { Ok(images) } else { Err(format!("tests/images/make could not build the images: {why}")) }
}

/// The table of formats in the README: seen by name, labels, arguments, help, apps, runs.
#[test]
fn each_format_can_do_everything() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let images = match runtime(home).and_then(|_| corpus(home)) {
        Ok(images) => images,
        Err(why) => return skip(&why),
    };
    let list: Value = serde_json::from_slice(&program(&images, &["list", "--json"], home).stdout).unwrap();
    println!(
        "| Image | Seen by name | Labels | Arguments | Help | Apps | Runs | An app runs |\n|---|---|---|---|---|---|---|---|"
    );
    for (title, name) in [
        ("SIF with inspect-metadata.json", "runtime-sif.sif"),
        ("SIF without it", "runtime-sif-without-metadata.sif"),
        ("squashfs, gzip", "runtime-squashfs-gzip.sqfs"),
        ("squashfs, xz", "runtime-squashfs-xz.sqfs"),
        ("squashfs, zstd", "runtime-squashfs-zstd.sqfs"),
        ("squashfs, lz4", "runtime-squashfs-lz4.sqfs"),
        ("squashfs, lzo", "runtime-squashfs-lzo.sqfs"),
        ("squashfs behind a launch line", "runtime-squashfs.simg"),
        ("ext3", "runtime-ext3.img"),
        ("ext3 behind a launch line", "runtime-ext3-behind-launch-line.img"),
        ("sandbox directory", "runtime-sandbox"),
    ] {
        let seen =
            list["images"].as_array().unwrap().iter().any(|image| image["name"] == name && image["error"].is_null());
        let told = program(&images, &["inspect", "--json", name], home);
        let facts: Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
        let attributes = &facts["data"]["attributes"];
        // for the app's run a copy: the runtime's helper for ext3 writes into an image that its account owns
        let again = if images.join(name).is_dir() { name.to_owned() } else { format!("again-{name}") };
        if again != name {
            std::fs::copy(images.join(name), images.join(&again)).unwrap();
        }
        let ran = program(&images, &["run", name, "name=Amy", "evil=1"], home);
        let app = program(&images, &["run", &format!("{again}/hello")], home);
        let columns = [
            seen,
            attributes["labels"]["NAME"] == "amy",
            facts["image"]["arguments"][0]["name"] == "name",
            attributes["helpfile"].as_str().is_some_and(|help| help.contains("How to say hello")),
            attributes["apps"]["hello"]["labels"]["A"] == "b",
            ran.stdout == b"hello --name Amy\n",
            app.stdout == b"hello app\n",
        ];
        let marks: Vec<&str> = columns.iter().map(|yes| if *yes { "yes" } else { "no" }).collect();
        println!("| {title} | {} |", marks.join(" | "));
        let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(columns.iter().all(|yes| *yes), "{title}: {columns:?} {} {}", said(&ran), said(&app));
    }
}

#[test]
fn the_runtime_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let runtime = match runtime(home) {
        Ok(runtime) => runtime,
        Err(why) => return skip(&why),
    };
    let images = match corpus(home) {
        Ok(images) => images,
        Err(why) => return skip(&why),
    };
    let (compared, refused) = compare(&runtime, &images, home);
    assert!(compared >= 11, "only {compared} images could be compared");
    assert!(!refused.iter().any(|name| name.starts_with("runtime-")), "{refused:?}");
    let strange = home.join("strange");
    std::fs::create_dir(&strange).unwrap();
    for (name, bytes) in strange::images(&strange::roots(home).unwrap_or_else(|why| panic!("{why}"))) {
        std::fs::write(strange.join(name), bytes).unwrap();
    }
    // of a description without `data` the runtime says nothing, and looks nowhere else; it sees only what this account may read
    for name in ["description-without-data.sif", "closed-folder.sqfs", "for-root-alone.sqfs"] {
        std::fs::remove_file(strange.join(name)).unwrap();
    }
    let (compared, refused) = compare(&runtime, &strange, home);
    assert_eq!((compared, refused), (15, strange::WITHOUT_CONTAINER.map(str::to_owned).to_vec()));
}

/// Compares all images of a folder; how many, and those that the runtime does not inspect.
fn compare(runtime: &Path, images: &Path, home: &Path) -> (usize, Vec<String>) {
    let catalog = Catalog::open(images).unwrap();
    let (mut compared, mut refused) = (0, Vec::new());
    for entry in catalog.list(&FolderName::default()).unwrap().images {
        let image = catalog.image(&entry.name).unwrap();
        // Ours first: the runtime's helper for ext3 writes into images that its account owns, and behind a launch line
        // at the wrong place, so that the image is damaged afterwards.
        let metadata = image.metadata();
        let command = program(images, &["inspect", "--json", entry.name.as_str()], home);
        let answer = run(runtime, &["--quiet", "inspect", "--json", "--all", image.path().to_str().unwrap()], home);
        if answer.status.success() {
            let metadata = metadata.unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert_eq!(ours(&metadata), theirs(&answer.stdout), "{}", entry.name);
            assert_eq!(theirs(&command.stdout), theirs(&answer.stdout), "inspect --json {}", entry.name);
            assert_eq!(other_scripts(&command.stdout), other_scripts(&answer.stdout), "inspect --json {}", entry.name);
            compared += 1;
        } else {
            refused.push(entry.name.to_string());
        }
    }
    println!("{compared} images compared; the runtime inspects none of: {}", refused.join(" "));
    (compared, refused)
}
