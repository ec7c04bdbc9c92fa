//! Each test of this suite is named in `tests/README.md`.

use std::fs;
use std::path::Path;

#[test]
fn every_test_of_rights_is_named_in_the_index() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let index = fs::read_to_string(tests.join("README.md")).unwrap();
    for entry in fs::read_dir(tests.join("rights")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        for after in text.split("#[test]\nfn ").skip(1) {
            let name = after.split('(').next().unwrap();
            assert!(index.contains(&format!("`{name}`")), "{name} is not named in tests/README.md");
        }
    }
}
