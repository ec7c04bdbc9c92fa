//! The house: who may import whom, rooms and files, and what every file begins with.
//!
//! Reads the source as text (`house/`). A new arrow is a decision: it is drawn here and
//! in ARCHITECTURE.md, or not at all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "house/files.rs"]
mod files;
#[path = "house/words.rs"]
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use files::{Package, circles};

/// Room → the rooms it may import. Every arrow of the house.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["app", "cli", "config", "run", "service", "wire"]),
    (
        "cli",
        &[
            "app", "args", "auth", "config", "error", "http", "image", "routes", "run", "service", "text", "view",
            "wire",
        ],
    ),
    ("wire", &["app", "error", "http", "limits", "log", "visitor"]),
    (
        "app",
        &[
            "args", "auth", "error", "http", "image", "log", "reply", "routes", "run", "service", "text", "view",
            "visitor",
        ],
    ),
    ("view", &["args", "error", "http", "image", "problems", "reply", "routes", "run", "service"]),
    ("reply", &["args", "error", "image", "problems", "routes", "service"]),
    ("service", &["args", "auth", "config", "error", "image", "log", "run", "visitor"]),
    ("error", &["args", "auth", "http", "image", "problems", "run"]),
    ("config", &["args", "auth", "http", "run", "trust"]),
    ("auth", &["text"]),
    ("routes", &["http", "image", "problems"]),
    ("run", &["trust"]),
    ("args", &["limits", "text"]),
    ("problems", &[]),
    ("image", &["text", "trust"]),
    ("trust", &[]),
    ("http", &["limits", "visitor"]),
    ("visitor", &[]),
    ("log", &["text"]),
    ("limits", &[]),
    ("text", &[]),
    ("lib", &[]),
];

/// Words that may stand only in the files below these paths.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("Command::new", &["src/run/"]),
    ("QUERY_STRING", &["src/wire/", "src/http/request.rs"]),
    ("SCRIPT_FILENAME", &["src/wire/meta.rs"]),
    ("REQUEST_URI", &["src/wire/meta.rs"]),
    (" ::fastcgi::", &["src/wire/fastcgi.rs"]),
    ("PreEscaped", &[]),
    // a server, a CGI program and a terminal agree: no variable of somebody's session is read, only given to a run
    ("\"HOME\"", &["src/run/environment.rs"]),
    ("\"XDG_", &["src/run/"]),
    ("temp_dir()", &[]),
    ("home_dir()", &[]),
    ("unsafe {", &["src/run/syscalls.rs"]),
    ("allow(unsafe_code)", &["src/run/syscalls.rs"]),
    ("run::handle", &[]),
    ("image::catalog", &[]),
    // the service alone looks into the data folder
    ("Catalog::open", &["src/service/", "src/image/"]),
];

/// Lines of a file: more wants a second door.
const MOST_LINES: usize = 420;

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((relative(&path), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

fn relative(path: &Path) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.strip_prefix(root).unwrap().to_string_lossy().into_owned()
}

fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The code of a file before its tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap()
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("/testing.rs")
}

fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for root in ["crate::", "singularity_nginx::"] {
            for after in line.split(root).skip(1) {
                found.insert(after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    found
}

#[test]
fn the_map_draws_the_same_arrows() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `src/")?.strip_suffix(" |"));
    let drawn: BTreeMap<&str, BTreeSet<&str>> = rows
        .map(|row| {
            let (place, imports) = (row.split('`').next().unwrap(), row.rsplit(" | ").next().unwrap());
            let room = place.trim_end_matches('/').trim_end_matches(".rs");
            (room, imports.split(", ").filter(|room| *room != "–").collect())
        })
        .collect();
    let held: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .filter(|(room, _)| *room != "lib")
        .map(|(room, to)| (*room, to.iter().copied().collect()))
        .collect();
    assert_eq!(drawn, held);
}

#[test]
fn imports_follow_the_arrows() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut drawn: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (path, text) in sources("src") {
        let from = *arrows.keys().find(|known| **known == room(&path)).unwrap_or_else(|| panic!("{path}: a new room"));
        for to in imports(code(&text)).into_iter().filter(|to| to != from && !is_test(&path)) {
            let to = arrows[from].iter().find(|allowed| **allowed == to);
            drawn.insert((from, to.unwrap_or_else(|| panic!("{path}: a new arrow from {from}: {:?}", imports(&text)))));
        }
    }
    for (from, allowed) in ARROWS {
        for to in *allowed {
            assert!(drawn.contains(&(*from, *to)), "the arrow {from} → {to} is gone: take it out of the table");
        }
    }
}

#[test]
fn arrows_make_no_circle() {
    let mut left: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    while !left.is_empty() {
        let leaf = left.iter().find(|(_, to)| to.is_empty()).map(|(from, _)| *from);
        let leaf = leaf.unwrap_or_else(|| panic!("a circle among {:?}", left.keys()));
        left.remove(leaf);
        left.values_mut().for_each(|to| {
            to.remove(leaf);
        });
    }
}

fn package(folder: &str) -> Package {
    let inside = |path: &str| path.strip_prefix(folder).unwrap().trim_start_matches('/').to_owned();
    let files: Vec<_> = sources(folder).into_iter().map(|(path, text)| (inside(&path), text)).collect();
    Package::new(&files)
}

#[test]
fn no_file_imports_itself_through_others() {
    for folder in ["src", "fastcgi/src"] {
        let arrows = package(folder).arrows();
        let drawn = circles(&arrows).into_iter().flat_map(|circle| {
            let within = |(from, to): &(String, String)| circle.contains(from) && circle.contains(to);
            let arrows = arrows.iter().filter(|(arrow, _)| within(arrow));
            arrows.map(|((from, to), path)| format!("{from} → {to} ({path})")).collect::<Vec<_>>()
        });
        let drawn: Vec<String> = drawn.collect();
        assert!(drawn.is_empty(), "{folder}: files import each other in a circle:\n{}", drawn.join("\n"));
    }
}

#[test]
fn every_import_has_a_name() {
    for folder in ["src", "fastcgi/src"] {
        assert_eq!(package(folder).globs(), [], "a glob hides what is imported: name it");
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_small() {
    for (path, text) in sources("src").into_iter().chain(sources("fastcgi/src")) {
        assert!(text.starts_with("//!"), "{path} does not begin with //!");
        let lines = code(&text).lines().count();
        assert!(lines <= MOST_LINES, "{path} has {lines} lines without its tests");
    }
}

#[test]
fn words_that_belong_to_one_room_stay_there() {
    for (path, text) in sources("src").iter().filter(|(path, _)| !is_test(path)) {
        for (word, places) in ONLY_IN {
            let allowed = places.iter().any(|place| path.starts_with(place));
            let code = code(text).lines().filter(|line| !line.trim_start().starts_with("//"));
            assert!(allowed || !code.into_iter().any(|line| line.contains(word)), "{path} names {word}");
        }
    }
}
