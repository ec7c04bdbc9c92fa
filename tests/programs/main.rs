//! What programs do with the site, as the documentation says it: its snippets, the page's snippets, live output,
//! downloads that go on. With the demo images, the real runtime and real web servers.
//!
//! What is missing on a machine (the runtime, node, python3-requests, R with httr2) skips a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../hostile/front.rs"]
#[allow(dead_code, reason = "written for other tests")]
mod front;
#[path = "../support/mod.rs"]
mod support;

mod authors;
mod calling;
mod live;
mod page;
mod resume;
mod snippet;

use std::fs;
use std::path::Path;

use front::{Cgi, Front};
use support::{Site, Wire, real, skip};

const DEMOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");
/// What the snippets ask for.
const AMY: &str = "/container/run/hello-name.sif?name=Amy&age=10&is_dino=yes";

/// A site with copies of these demo images and the real runtime.
fn demos(wire: Wire, names: &[&str]) -> Option<Site> {
    let Some(runtime) = real::runtime() else {
        skip("no container runtime is installed (scripts/install-runtime)");
        return None;
    };
    let mut site = Site::new(wire).set("runtime", runtime.display()).set("slots", 8);
    for name in names {
        let Ok(bytes) = fs::read(Path::new(DEMOS).join(name)) else {
            skip("the demo images are not built (data/generate_demos.sh)");
            return None;
        };
        site = site.file(name, &bytes);
    }
    Some(site)
}

/// nginx with the configuration of this repository, in front of FastCGI.
fn nginx(site: &Site) -> Option<Front> {
    site.start();
    Front::nginx(&[site.socket()], |_, text| text)
}

/// Both ways of being served: nginx with FastCGI, Apache with CGI.
fn served(names: &[&str]) -> Vec<(Site, Front)> {
    let by_fastcgi = demos(Wire::FastCgi, names).and_then(|site| Some((nginx(&site)?, site)));
    let by_cgi = demos(Wire::Cgi, names).map(|site| site.set("download", "true"));
    let by_cgi = by_cgi.and_then(|site| Some((Front::cgi(Cgi::Apache, &site.cgi_program())?, site)));
    [by_fastcgi, by_cgi].into_iter().flatten().map(|(front, site)| (site, front)).collect()
}

/// A folder that code may write to.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// An image whose runs fail, and say why on stderr.
fn failing() -> Option<Vec<u8>> {
    let Some(runtime) = real::runtime() else {
        skip("no container runtime is installed (scripts/install-runtime)");
        return None;
    };
    if !Path::new(real::BUSYBOX).exists() {
        skip("no /bin/busybox to build an image from (package busybox-static)");
        return None;
    }
    Some(fs::read(real::build(&runtime, FAILING)).expect("an image"))
}

const FAILING: &str = r#"Bootstrap: scratch

%setup
    mkdir -p "$APPTAINER_ROOTFS/bin"
    cp /bin/busybox "$APPTAINER_ROOTFS/bin/busybox"
    ln -s busybox "$APPTAINER_ROOTFS/bin/sh"

%labels
    SINGULARITY_RUNSCRIPT_OUTPUT image/png

%runscript
    echo "the value is bad" >&2
    exit 3
"#;

/// What a caller must be told of it.
fn tells_why(said: &str, code: &str) {
    for text in ["ended with exit status 3", "the value is bad"] {
        assert!(said.contains(text), "no {text} in {said}\n{code}");
    }
}
