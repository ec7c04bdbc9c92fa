//! Folders of 100,000 names (`tests/bench/make-images names`), warm: the first page, where each name tells that it is an
//! image, and where the program has to look into each file.

use std::time::Instant;

use crate::client::Client;
use crate::table::{Bound, Samples, Unit, milliseconds};
use crate::{Bench, Result};

/// Pages asked for.
const PAGES: usize = 40;
/// What each folder holds.
const TOTAL: &str = "\"total\":100000";

pub fn measure(bench: &Bench) -> Result<()> {
    let mut client = Client::connect(&bench.address)?;
    let folders = [
        ("/container/with/", "first page of 100,000 names with an extension, through nginx", 100.0),
        ("/container/without/", "the same without one: each file is looked into", 600.0),
    ];
    for (path, what, bound) in folders {
        let first = String::from_utf8(client.get(path, "application/json")?)?;
        if !first.replace([' ', '\n'], "").contains(TOTAL) {
            return Err(format!("{path} does not count 100,000 images").into());
        }
        let mut samples = Samples::new(Unit::Milliseconds);
        for _ in 0..PAGES {
            let begun = Instant::now();
            client.get(path, "application/json")?;
            samples.push(milliseconds(begun.elapsed()));
        }
        samples.row(what, Bound::Below(bound));
    }
    Ok(())
}
