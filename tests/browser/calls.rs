//! "Use it from": what the page shows, taken from the page and really run, in each language.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::pages::TOOLS;
use crate::stack::{Stack, demos};
use crate::support::python::{self, succeeds};
use crate::support::{servers, skip};

const QUERY: &str = "name=Zo%C3%AB&age=-5&weight=1e3&is_dino=yes";

/// The answer of `hello-name.sif`, whoever asked.
fn is_the_answer(language: &str, printed: &str) {
    let answer: Value = serde_json::from_str(printed).unwrap_or_else(|error| panic!("{language}: {error}: {printed}"));
    assert_eq!((&answer["name"], &answer["age"]), (&json!("hello Zoë!"), &json!(-5)), "{language}");
    assert_eq!(answer["species"], "You are a dinosaur! :D", "{language}");
}

/// The same, shown as the language shows a value of its own.
fn holds_the_answer(language: &str, printed: &str) {
    for text in ["hello Zoë!", "-5", "You are a dinosaur! :D"] {
        assert!(printed.contains(text), "{language}: no {text} in {printed}");
    }
}

fn each_language_works(stack: &Stack) {
    let browser = &stack.browser;
    stack.go(&format!("/container/hello-name.sif?{QUERY}"));
    browser.wait_for("#calls", "http://127.0.0.1");
    let calls = browser.script("return [...document.querySelectorAll('#calls .call')].map(one => [one.querySelector('summary').textContent, one.querySelector('code').textContent])");
    let calls: Vec<(String, String)> = serde_json::from_value(calls).expect("pairs");
    let code = |language: &str| calls.iter().find(|(name, _)| name == language).expect("a language").1.as_str();

    is_the_answer("curl", &succeeds(Command::new("sh").args(["-c", code("curl")])));

    let script = format!(
        "const said = []; const console = {{ log: (value) => said.push(JSON.stringify(value)) }}; return (async () => {{ {} }})().then(() => said.join(''))",
        code("JavaScript")
    );
    is_the_answer("JavaScript", browser.script(&script).as_str().expect("a text"));

    match python::environment(Path::new(TOOLS), true) {
        Some(tools) => {
            holds_the_answer("Python", &succeeds(Command::new(tools.join("bin/python")).args(["-c", code("Python")])))
        }
        None => skip("no python3 with venv (package python3-venv)"),
    }

    if let Some(r) = servers::program("Rscript") {
        let has_httr2 =
            Command::new(&r).args(["-e", "library(httr2)"]).output().is_ok_and(|output| output.status.success());
        match has_httr2 {
            true => holds_the_answer("R", &succeeds(Command::new(&r).args(["-e", code("R")]))),
            false => skip("R has no httr2 (package r-cran-httr2)"),
        }
    }

    let home = tempfile::tempdir().expect("a folder");
    let mut shell = Command::new("sh");
    shell.args(["-c", code("Apptainer")]).current_dir(stack.site.path("data")).env("HOME", home.path());
    shell.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    is_the_answer("Apptainer", &succeeds(&mut shell));
}

#[test]
fn what_the_page_shows_works_in_each_language() {
    let Some(stack) = Stack::start() else { return };
    each_language_works(&stack);
}

/// The script puts the site's address where it stands for the site, and leaves values alone that hold the same words.
#[test]
fn the_site_s_address_stands_in_one_place() {
    let Some(site) = demos() else { return };
    let site = site.image("where.sif", &[("SINGULARITY_RUNSCRIPT_ARG_STR", "site")]).set("extra_characters", ":/");
    let Some(stack) = Stack::with(site) else { return };
    let value = "https://SITE/container/run/where.sif";
    let check = || {
        let codes =
            stack.browser.script("return [...document.querySelectorAll('#calls code')].map(one => one.textContent)");
        let codes: Vec<String> = serde_json::from_value(codes).expect("texts");
        for (at, code) in codes.iter().enumerate() {
            let ours = code.matches(&stack.url("/container/run/where.sif")).count();
            assert_eq!((code.matches(value).count(), ours), (1, usize::from(at < 4)), "{code}");
        }
    };
    stack.go(&format!("/container/where.sif?site={value}"));
    stack.browser.wait_for("#calls", "http://127.0.0.1");
    check();
    // and when the form changes
    stack.browser.write("#arg-site", "/x");
    stack.browser.wait_for("#command", "where.sif/x");
    check();
}

#[test]
#[ignore = "long"]
fn also_where_only_post_runs() {
    let Some(site) = demos() else { return };
    let Some(stack) = Stack::with(site.set("run_methods", "POST")) else { return };
    each_language_works(&stack);
}
