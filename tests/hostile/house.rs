//! The list of cases and its table in `tests/README.md` agree with the tests of this folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Cases of the list.
const LAST: u32 = 54;
/// Lines of a file: more wants a second one.
const MOST_LINES: usize = 400;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

fn files() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).unwrap().flatten();
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap()))
        .collect()
}

/// The names of tests in a text, with their numbers.
fn tests(text: &str) -> BTreeSet<(u32, String)> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let number = |word: &str| word.strip_prefix("hostile_")?.split('_').next()?.parse().ok();
    words.filter_map(|word| Some((number(word)?, word.to_owned()))).collect()
}

#[test]
fn every_case_has_a_test_and_every_test_a_row() {
    let in_files: BTreeSet<_> = files()
        .values()
        .flat_map(|text| {
            text.lines().filter(|line| line.starts_with("fn hostile_")).flat_map(tests).collect::<Vec<_>>()
        })
        .collect();
    let numbers: BTreeSet<u32> = in_files.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=LAST).collect(), "numbers of tests");
    let table = fs::read_to_string(folder().join("../README.md")).unwrap();
    let mut in_table = BTreeSet::new();
    for line in table.lines() {
        let Some(number) = line.strip_prefix("| ").and_then(|row| row.split(' ').next()?.parse::<u32>().ok()) else {
            continue;
        };
        let named = tests(line);
        assert!(named.iter().all(|(named, _)| *named == number), "row {number} names {named:?}");
        in_table.extend(named);
    }
    assert_eq!(in_table, in_files, "left: tests/README.md, right: tests/hostile");
}

/// Cargo sorts by file, then by test: then the numbers come in their order.
#[test]
fn files_begin_with_their_first_number_and_stay_small() {
    let mut last = 0;
    for (name, text) in files() {
        assert!(text.starts_with("//! ") && text.lines().count() <= MOST_LINES, "{name}");
        let numbers: Vec<u32> =
            text.lines().filter(|line| line.starts_with("fn hostile_")).flat_map(tests).map(|(n, _)| n).collect();
        let Some(first) = numbers.iter().min() else { continue };
        assert!(name.starts_with(&format!("n{first:02}_")), "{name} begins with {first}");
        assert!(*first > last, "{name} holds numbers of the file before it");
        last = numbers.into_iter().max().unwrap_or(last);
    }
}
