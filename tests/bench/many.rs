//! 10,000 images in one folder (`tests/bench/make-images many`), warm: a page of the list, a search, all labels.

use std::process::Command;
use std::time::Instant;

use crate::client::Client;
use crate::table::{Bound, Samples, Unit, milliseconds};
use crate::{Bench, Result, process};

/// Pages asked for; starts of the command that reads all labels.
const PAGES: usize = 40;
const LISTS: usize = 10;
/// What the folder holds.
const TOTAL: &str = "\"total\":10000";

pub fn measure(bench: &Bench) -> Result<()> {
    let mut client = Client::connect(&bench.address)?;
    let first = String::from_utf8(client.get("/container/", "application/json")?)?;
    if !first.replace([' ', '\n'], "").contains(TOTAL) {
        return Err("the list does not count 10,000 images".into());
    }
    let pages = [
        ("/container/", "first page of 10,000 SIFs as JSON, through nginx"),
        ("/container/?page=100", "the last page"),
        ("/container/?q=image-0042", "a search"),
    ];
    for (path, what) in pages {
        let mut samples = Samples::new(Unit::Milliseconds);
        for _ in 0..PAGES {
            let begun = Instant::now();
            client.get(path, "application/json")?;
            samples.push(milliseconds(begun.elapsed()));
        }
        samples.row(what, Bound::Below(150.0));
    }
    let resident = process::memory(&bench.server.to_string(), "VmHWM")?;
    Samples::one(Unit::Megabytes, resident).row("most memory of the FastCGI server so far", Bound::None);

    let mut samples = Samples::new(Unit::Milliseconds);
    for _ in 0..LISTS {
        let mut list = Command::new(&bench.program);
        list.args(["list", "--json"]).env_clear().env("SINGULARITY_NGINX_DATA", &bench.data);
        samples.push(milliseconds(process::run(&mut list)?.wall));
    }
    samples.row("labels of all 10,000, `singularity-nginx list --json`", Bound::Below(1500.0));
    Ok(())
}
