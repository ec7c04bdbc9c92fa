//! Each format of image: labels inside the process, beside the runtime's own `inspect --labels`, and the memory.
//!
//! The data folder is the one that `tests/bench/make-images formats` makes. A format that is not readable is a row
//! that says so.

use std::path::Path;
use std::process::Command;

use singularity_nginx::image::ImageName;

use crate::pages::read_labels;
use crate::table::{Bound, Samples, Unit, gap, milliseconds};
use crate::{Bench, Result, process, run};

/// Image, what it is, the bound of issue and README in milliseconds.
const IMAGES: [(&str, &str, f64); 5] = [
    ("sif.sif", "SIF", 0.1),
    ("gzip.sqfs", "squashfs of 400 MB, gzip", 8.0),
    ("xz.sqfs", "squashfs of 400 MB, xz", 8.0),
    ("zstd.sqfs", "squashfs of 400 MB, zstd", 8.0),
    ("ext3.img", "ext3 of 400 MB, 2.x", 1.0),
];
/// Turns of one call of the runtime and so many of ours.
const TURNS: usize = 20;
const READS: usize = 20;

pub fn measure(bench: &Bench) -> Result<()> {
    for (name, what, bound) in IMAGES {
        let image = ImageName::parse(name)?;
        match read_labels(&bench.data, &image) {
            Ok(_) => labels(bench, &image, what, bound)?,
            Err(why) => gap(&format!("labels: {what}"), &why.to_string()),
        }
    }
    Ok(())
}

fn labels(bench: &Bench, image: &ImageName, what: &str, bound: f64) -> Result<()> {
    let runtime = run::command(bench, image.as_str())?.into_iter().next().ok_or("no runtime is found")?;
    let path = bench.data.join(image.as_str()).to_string_lossy().into_owned();
    let mut inspect = run::start(&[runtime, "--quiet".into(), "inspect".into(), "--labels".into(), path]);
    let (mut ours, mut theirs) = (Samples::new(Unit::Milliseconds), Samples::new(Unit::Milliseconds));
    let mut fault = None;
    for _ in 0..TURNS {
        for _ in 0..READS {
            ours.push(milliseconds(read_labels(&bench.data, image)?));
        }
        match process::run(&mut inspect) {
            Ok(finished) => theirs.push(milliseconds(finished.wall)),
            Err(why) => fault = Some(why.to_string()),
        }
    }
    ours.row(&format!("labels: {what}"), Bound::Below(bound));
    let beside = "beside it the runtime's `inspect --labels`";
    match fault {
        None => theirs.row(beside, Bound::None),
        Some(why) => gap(beside, &why),
    }
    let mut once = Command::new(std::env::current_exe()?);
    let said = process::run(once.arg("memory").arg(&bench.data).arg(image.as_str()))?.stdout;
    Samples::one(Unit::Megabytes, String::from_utf8(said)?.trim().parse()?)
        .row("most memory of a process that reads them", Bound::Below(8.0));
    Ok(())
}

/// Reads one image's labels and prints what this process held at most, in megabytes.
pub fn memory(data: &str, image: &str) -> Result<()> {
    read_labels(Path::new(data), &ImageName::parse(image)?)?;
    println!("{}", process::memory("self", "VmHWM")?);
    Ok(())
}
