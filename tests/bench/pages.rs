//! Pages: labels of one SIF, the home page by plain CGI, what the executable weighs, requests per second.
//!
//! The data folder holds four images, one of them `hello-name.sif`.

use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use singularity_nginx::image::{Catalog, ImageName};

use crate::client::Client;
use crate::table::{Bound, Samples, Unit, milliseconds};
use crate::{Bench, Result, process};

/// Labels read, starts of a CGI program, seconds of load, repetitions of it.
const READS: usize = 2000;
const STARTS: usize = 100;
/// Images of a document, and the bytes of each that are there.
const IMAGES: usize = 100;
const HEAD: usize = 131_072;
const LOAD: &str = "2s";
const LOADS: usize = 3;

pub fn measure(bench: &Bench) -> Result<()> {
    weight(bench)?;
    labels(bench)?;
    home_by_cgi(bench)?;
    document_by_cgi(bench)?;
    load(bench)
}

/// The executable's size; what the server holds once it has answered.
fn weight(bench: &Bench) -> Result<()> {
    let size = bench.program.metadata()?.len() as f64 / 1e6;
    Samples::one(Unit::Megabytes, size).row("the executable, static", Bound::AtMost(4.0));
    Client::connect(&bench.address)?.get("/container/", "application/json")?;
    let resident = process::memory(&bench.server.to_string(), "VmRSS")?;
    Samples::one(Unit::Megabytes, resident)
        .row("memory of the idle FastCGI server, once it has listed", Bound::AtMost(8.0));
    Ok(())
}

/// Opening the folder, the image, and reading what it says of itself, as each request does.
pub fn read_labels(data: &Path, image: &ImageName) -> Result<Duration> {
    let begun = Instant::now();
    let metadata = Catalog::open(data)?.image(image)?.metadata()?;
    let time = begun.elapsed();
    black_box(metadata.labels.len());
    Ok(time)
}

fn labels(bench: &Bench) -> Result<()> {
    let image = ImageName::parse("hello-name.sif")?;
    let mut samples = Samples::new(Unit::Milliseconds);
    for _ in 0..READS {
        samples.push(milliseconds(read_labels(&bench.data, &image)?));
    }
    samples.row("labels of one SIF, inside the process", Bound::Below(0.2));
    Ok(())
}

fn home_by_cgi(bench: &Bench) -> Result<()> {
    let mut command = Command::new(&bench.program);
    command.env_clear().env("SINGULARITY_NGINX_DATA", &bench.data).envs([
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/cgi-bin/serve"),
        ("PATH_INFO", "/container/"),
        ("QUERY_STRING", ""),
        ("HTTP_ACCEPT", "text/html"),
    ]);
    let (mut processor, mut wall) = (Samples::new(Unit::Milliseconds), Samples::new(Unit::Milliseconds));
    for _ in 0..STARTS {
        let finished = process::run(&mut command)?;
        if !String::from_utf8_lossy(&finished.stdout).contains("hello-name.sif") {
            return Err("the home page by CGI does not list hello-name.sif".into());
        }
        processor.push(milliseconds(finished.processor));
        wall.push(milliseconds(finished.wall));
    }
    processor.row("home page with 4 images by plain CGI, processor time", Bound::Below(3.0));
    wall.row("the same on the clock, from start to end", Bound::None);
    Ok(())
}

/// The OpenAPI 3.0 document of 100 images, whose file systems are holes: nobody reads those.
fn document_by_cgi(bench: &Bench) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let whole = std::fs::read(bench.data.join("hello-name.sif"))?;
    for number in 0..IMAGES {
        let image = std::fs::File::create(folder.path().join(format!("image-{number:03}.sif")))?;
        (&image).write_all(whole.get(..HEAD).unwrap_or(&whole))?;
        image.set_len(whole.len() as u64)?;
    }
    let mut command = Command::new(&bench.program);
    command.env_clear().env("SINGULARITY_NGINX_DATA", folder.path()).envs([
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/cgi-bin/serve"),
        ("PATH_INFO", "/container/openapi.json"),
    ]);
    for (version, what, bound) in [
        ("3.1", "OpenAPI 3.1 of 100 images by plain CGI, processor time", Bound::None),
        ("3.0", "OpenAPI 3.0 of the same", Bound::Below(20.0)),
    ] {
        let mut samples = Samples::new(Unit::Milliseconds);
        for _ in 0..STARTS {
            let finished = process::run(command.env("QUERY_STRING", format!("version={version}")))?;
            if !String::from_utf8_lossy(&finished.stdout).contains("/container/run/image-099.sif") {
                return Err("the document does not hold 100 images".into());
            }
            samples.push(milliseconds(finished.processor));
        }
        samples.row(what, bound);
    }
    Ok(())
}

/// Requests per second of the list, and the memory that is left of it.
fn load(bench: &Bench) -> Result<()> {
    let url = format!("http://{}/container/", bench.address);
    for connections in ["1", "8", "64"] {
        let mut samples = Samples::new(Unit::PerSecond);
        for _ in 0..LOADS {
            let mut command = Command::new("wrk");
            command.args(["-t1", "-c", connections, "-d", LOAD, "-H", "Accept: application/json", &url]);
            let said = String::from_utf8(process::run(&mut command)?.stdout)?;
            if said.contains("Non-2xx") {
                return Err(format!("under load not every answer is 200: {said}").into());
            }
            let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
            samples.push(rate.ok_or("wrk names no rate")?.trim().parse()?);
        }
        samples.row(&format!("list as JSON through nginx, {connections} at once (wrk, {LOAD})"), Bound::None);
    }
    let resident = process::memory(&bench.server.to_string(), "VmRSS")?;
    Samples::one(Unit::Megabytes, resident).row("memory of the FastCGI server after that", Bound::None);
    Ok(())
}
