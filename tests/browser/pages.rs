//! What holds for every page: accessible to all (axe-core), valid HTML (tidy, vnu), no request to elsewhere, no part
//! that jumps; and that a page which breaks its policy would be noticed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::brand;
use crate::driver::Browser;
use crate::stack::{RUN, Stack, demos, everything, terminal};
use crate::support::request::BROWSER;
use crate::support::{Site, Wire, python, servers, skip};

/// Public tools that some tests use.
pub const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/requirements.txt");

/// Pages that are what they are as soon as they are loaded.
const STILL: [&str; 18] = [
    "/",
    "/?q=zzz",
    "/container/lab/",
    "/container/api",
    "/container/lab/old/",
    "/container/hello-name.sif",
    "/container/everything.sif?colour=blue&x=1&note=a+b",
    "/container/everything.sif/sing",
    "/container/none.sif",
    "/container/broken.sif",
    "/container/run/everything.sif?age=ten&x=1",
    "/container/run/hello-name.sif?name=Amy",
    "/container/run/epidemic.sif?days=5",
    "/container/run/mandelbrot.sif?iterations=10",
    "/container/run/hello-world.sif",
    "/container/run/terminal.sif",
    "/container/openapi/none.sif.json",
    "/elsewhere",
];

/// Images of which a page runs.
const LIVE: [&str; 5] =
    ["hello-name.sif", "epidemic.sif?days=5", "mandelbrot.sif?iterations=10", "hello-world.sif", "terminal.sif"];

/// A site where every kind of page can be had.
fn all() -> Option<Site> {
    let site = demos()?.file("everything.sif", &everything()).file("broken.sif", b"no image at all");
    let site = site.file("terminal.sif", &terminal()?).set("download", true).set("show_definition", true);
    fs::create_dir_all(site.data().join("lab/old")).unwrap();
    fs::copy(site.path("data/everything.sif"), site.data().join("lab/everything:1.0")).unwrap();
    let logo = site.path("logo");
    fs::write(&logo, brand::LOGO).unwrap();
    let site = site.set("logo", logo.display());
    Some(site.set("title", "The lab").set("welcome", "Containers of ours.").set("link", "https://example.org/"))
}

/// A site without images and without a runtime.
fn bare() -> Site {
    Site::new(Wire::FastCgi).set("runtime", "/nonexistent/apptainer")
}

fn axe() -> Option<String> {
    let Some(tools) = python::environment(Path::new(TOOLS), true) else {
        skip("no python3 with venv (package python3-venv)");
        return None;
    };
    let script = fs::read_to_string(find(&tools, "axe.min.js")).expect("axe.min.js");
    // the driver runs it as a function of its own; it is to be the page's
    Some(format!("{script}; window.axe = axe;"))
}

/// The file of this name below a folder.
fn find(folder: &Path, name: &str) -> PathBuf {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if entry.file_type().unwrap().is_dir() => open.push(path),
                path if path.file_name().is_some_and(|found| found == name) => return path,
                _ => {}
            }
        }
    }
    panic!("no {name} below {}", folder.display());
}

/// What axe finds on the page that is open: rule, elements.
fn violations(browser: &Browser, axe: &str) -> Vec<Value> {
    browser.script(axe);
    let options =
        json!({ "resultTypes": ["violations"], "preload": false, "rules": { "target-size": { "enabled": true } } });
    let run = format!(
        "return axe.run(document, {options}).then(found => found.violations.map(one => [one.id, one.help, one.nodes.map(node => node.html + ' ' + node.failureSummary)]))"
    );
    browser.script(&run).as_array().expect("a list").clone()
}

/// Wide and narrow, light and dark.
const LOOKS: [(u32, bool); 4] = [(1280, false), (390, true), (390, false), (1280, true)];

fn accessible(thorough: bool) {
    let (Some(axe), Some(site)) = (axe(), all()) else { return };
    let Some(stack) = Stack::with(site) else { return };
    let browser = &stack.browser;
    let (mut found, mut count) = (Vec::new(), 0);
    let mut look = |browser: &Browser, page: &str| {
        count += 1;
        // one look a page, each time another one, and every second page; or all
        for (width, dark) in LOOKS.into_iter().cycle().skip(count).take(if thorough { LOOKS.len() } else { 1 }) {
            browser.look(width, dark);
            let wrong = violations(browser, &axe);
            found.extend(wrong.iter().map(|one| format!("{page} ({width}, dark: {dark}): {one:#}")));
        }
    };
    let step = if thorough { 1 } else { 2 };
    for page in STILL.into_iter().step_by(step) {
        stack.go(page);
        look(browser, page);
    }
    for image in LIVE.into_iter().step_by(step) {
        stack.go(&format!("/container/{image}"));
        browser.click(RUN);
        browser.wait_for("#form", "Run again");
        look(browser, image);
    }
    stack.go("/container/slow.sif?steps=100");
    browser.click(RUN);
    browser.wait_for("#output", "step 1");
    look(browser, "running");
    browser.click("#cancel");
    browser.wait_for("#status", "Cancelled");
    drop(stack);
    let Some(stack) = Stack::with(bare()) else { return };
    stack.go("/");
    look(&stack.browser, "empty");
    fs::write(stack.site.data().join("everything.sif"), everything()).unwrap();
    stack.go("/container/run/everything.sif?age=3");
    stack.browser.wait_for("h1", "The container runtime cannot be used");
    look(&stack.browser, "503");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn axe_finds_nothing() {
    accessible(false);
}

#[test]
#[ignore = "long"]
fn axe_finds_nothing_wide_and_narrow_light_and_dark() {
    accessible(true);
}

/// The HTML of every still page, as files.
fn written() -> Option<(tempfile::TempDir, Vec<PathBuf>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = Vec::new();
    for (site, pages) in [(all()?, &STILL[..]), (bare(), &["/", "/container/none.sif"])] {
        let nginx = crate::setup::complete(&site)?;
        for page in pages {
            let answer = nginx.get(page, &[("Accept", BROWSER)]);
            assert!(answer.header("Content-Type").is_some_and(|media| media.starts_with("text/html")), "{page}");
            let file = folder.path().join(format!("{:02}{}.html", files.len(), page.replace(['/', '?'], "_")));
            fs::write(&file, answer.body).expect("a file");
            files.push(file);
        }
    }
    Some((folder, files))
}

#[test]
fn tidy_finds_no_error() {
    let Some(tidy) = servers::program("tidy") else { return };
    let Some((_folder, files)) = written() else { return };
    for file in files {
        let output = Command::new(&tidy).args(["-q", "-e"]).arg(&file).stdin(Stdio::null()).output().expect("tidy");
        let said = String::from_utf8_lossy(&output.stderr);
        // an empty place for messages it would drop, and this attribute of 2017 it does not know
        let known = |line: &&str| !line.contains("trimming empty") && !line.contains("attribute \"inputmode\"");
        let wrong = said.lines().filter(known).collect::<Vec<_>>();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", file.display());
    }
}

#[test]
#[ignore = "long"]
fn the_nu_validator_finds_nothing() {
    let Some(java) = servers::program("java") else { return };
    let Some(tools) = python::environment(Path::new(TOOLS), true) else { return skip("no python3 with venv") };
    let Some((_folder, files)) = written() else { return };
    let mut vnu = Command::new(java);
    python::succeeds(vnu.arg("-jar").arg(find(&tools, "vnu.jar")).arg("--errors-only").args(files));
}

#[test]
fn nothing_comes_from_elsewhere_and_nothing_jumps() {
    let Some(site) = all() else { return };
    let Some(stack) = Stack::with(site) else { return };
    let browser = &stack.browser;
    for page in STILL {
        stack.go(page);
        assert_eq!(browser.script("return document.querySelector('header img').naturalWidth"), 60, "the site's logo");
        let loaded = browser.script("return performance.getEntriesByType('resource').map(one => one.name)");
        let own = format!("http://{}/container/static/", stack.nginx.address());
        for address in loaded.as_array().expect("a list") {
            let address = address.as_str().expect("an address");
            assert!(address.starts_with(&own) || address.starts_with("data:"), "{page} loads {address}");
        }
        let shifts = "return new Promise(done => { let sum = 0; \
             new PerformanceObserver(list => { for (const one of list.getEntries()) sum += one.value; }).observe({ type: 'layout-shift', buffered: true }); \
             setTimeout(() => done(sum), 100); })";
        let shifted = browser.script(shifts).as_f64().expect("a number");
        // a result that is laid out anew may move what is below it; a good page stays below 0.1 by Google's measure
        let allowed = if page.contains("/run/") { 0.1 } else { 0.0 };
        assert!(shifted <= allowed, "{page} jumps: {shifted}");
    }
    // and what breaks the policy would be noticed
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.script("const one = document.createElement('script'); one.textContent = '1'; document.body.append(one);");
    let complaints = browser.complaints();
    assert!(complaints.iter().any(|line| line.contains("Content Security Policy")), "{complaints:?}");
}
