//! The table of the contract in `tests/README.md` agrees with the tests, and with what the README promises.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Tables of the README whose rows are promises: each has a row of the same name.
const PROMISES: [&str; 5] = ["| Address | What |", "| `Accept` | Answer |", "| Type |", "| Label | Value |", "| Key |"];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The names of the tests in the files of a folder and below.
fn names(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(names(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).unwrap();
            let tests = text.split("#[test]\n").skip(1);
            let named = tests.filter_map(|test| test.lines().find_map(|line| line.strip_prefix("fn ")));
            found.extend(named.map(|line| line.split('(').next().unwrap().to_owned()));
        }
    }
    found
}

/// The rows of the table that follows a line that begins like this: first cell, the rest.
fn rows<'a>(text: &'a str, head: &str) -> Vec<(&'a str, &'a str)> {
    let lines = text.lines().skip_while(|line| !line.starts_with(head));
    let rows = lines.skip(2).map_while(|line| line.strip_prefix("| "));
    let rows: Vec<_> = rows.map(|row| row.split_once(" | ").expect("two cells")).collect();
    assert!(!rows.is_empty(), "no table {head}");
    rows
}

#[test]
fn every_row_of_the_contract_has_a_test_and_every_test_a_row() {
    let table = fs::read_to_string(tests().join("README.md")).unwrap();
    let table = rows(&table, "| Promise | Tests |");
    let everywhere = names(&tests());
    let mut named = BTreeSet::new();
    for (row, cell) in &table {
        let tests: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{row} has no test");
        for test in tests {
            assert!(everywhere.contains(test), "{row}: there is no test {test}");
            named.insert(test.to_owned());
        }
    }
    let without: Vec<String> = names(&tests().join("contract")).difference(&named).cloned().collect();
    assert_eq!(without, [""; 0], "tests of the contract that no row names");
    let promised: BTreeSet<&str> = table.iter().map(|(row, _)| *row).collect();
    let readme = fs::read_to_string(tests().join("../README.md")).unwrap();
    for head in PROMISES {
        for (row, _) in rows(&readme, head) {
            assert!(promised.contains(row), "the README promises {row}, and no row of tests/README.md is about it");
        }
    }
}
