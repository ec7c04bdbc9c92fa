//! The real stack: demo images, the real runtime, the program by FastCGI, nginx as configured in this repository.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::driver::Browser;
use crate::setup;
use crate::support::servers::Server;
use crate::support::{Site, Wire, real, sif, skip};

/// The button that runs.
pub const RUN: &str = "#form button[type=submit]";
const DEMOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

/// Dropped in this order: the browser leaves, then nginx, then the site.
pub struct Stack {
    pub browser: Browser,
    pub nginx: Server,
    pub site: Site,
}

impl Stack {
    /// Everything with the demo images; nothing, with the reason printed, where something is not installed.
    pub fn start() -> Option<Stack> {
        Stack::with(demos()?)
    }

    /// The same with this site.
    pub fn with(site: Site) -> Option<Stack> {
        let nginx = setup::complete(&site)?;
        let browser = Browser::open()?;
        Some(Stack { browser, nginx, site })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.nginx.address())
    }

    /// The browser goes to a path of the site.
    pub fn go(&self, path: &str) {
        self.browser.go(&self.url(path));
    }
}

/// A site with the demo images and the real runtime.
pub fn demos() -> Option<Site> {
    let Some(runtime) = real::runtime() else {
        skip("no container runtime is installed (scripts/install-runtime)");
        return None;
    };
    let mut site = Site::new(Wire::FastCgi).set("runtime", runtime.display()).set("slots", 8);
    for name in ["hello-name", "hello-world", "mandelbrot", "epidemic", "slow"] {
        let Ok(image) = fs::read(Path::new(DEMOS).join(format!("{name}.sif"))) else {
            skip("the demo images are not built (data/generate_demos.sh)");
            return None;
        };
        site = site.file(&format!("{name}.sif"), &image);
    }
    Some(site)
}

/// An image that prints what terminals understand, and fails.
pub fn terminal() -> Option<Vec<u8>> {
    let image = real::build(&real::runtime()?, TERMINAL);
    Some(fs::read(image).expect("an image"))
}

const TERMINAL: &str = r#"Bootstrap: scratch

%setup
    mkdir -p "$APPTAINER_ROOTFS/bin" "$APPTAINER_ROOTFS/tmp"
    cp /bin/busybox "$APPTAINER_ROOTFS/bin/busybox"
    for name in sh sleep printf; do ln -s busybox "$APPTAINER_ROOTFS/bin/$name"; done

%labels
    SINGULARITY_RUNSCRIPT_ARG_INT mark

%runscript
    printf '\033[31mred\033[0m plain\n<b>no markup</b>\n'
    printf 'a message\n' >&2
    printf 'progress 10 %%\r'; sleep 1
    printf 'progress 50 %%\r'; sleep 2
    printf 'progress 99 %%\n'
    printf 'what went wrong\n' >&2
    exit 3
"#;

/// An image to look at: everything that a page can show of one.
pub fn everything() -> Vec<u8> {
    let labels: serde_json::Map<_, _> = (0..12).map(|number| (format!("org.example.{number}"), json!("x"))).collect();
    let mut labels = serde_json::Value::Object(labels);
    for (name, value) in [
        ("SINGULARITY_RUNSCRIPT_ARG_STR", "colour,note,9bad"),
        ("SINGULARITY_RUNSCRIPT_ARG_INT", "age"),
        ("SINGULARITY_RUNSCRIPT_ARG_BOOL", "loud"),
        (
            "SINGULARITY_RUNSCRIPT_ARG_SCHEMA",
            r#"{"colour": {"enum": ["red", "blue"], "default": "red"}, "age": {"description": "In years", "minimum": 1, "maximum": 150}, "required": ["age"]}"#,
        ),
        ("org.opencontainers.image.source", "https://example.org/source"),
        ("bad.link", "javascript:alert(1)"),
    ] {
        labels[name] = json!(value);
    }
    labels["long"] = json!("many words ".repeat(40));
    sif::with_attributes(&json!({
        "labels": labels,
        "helpfile": "Everything that a page can show.\n\nA second paragraph <b>of text</b>.",
        "runscript": "#!/bin/sh\nexec everything \"$@\"\n",
        "deffile": "Bootstrap: scratch\n%environment\n  API_KEY=sk-definition\n",
        "apps": { "sing": { "labels": {}, "runscript": "echo la", "helpfile": "Sings." } },
    }))
}
