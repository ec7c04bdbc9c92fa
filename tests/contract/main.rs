//! The contract with visitors, client programs and image authors, row by row, through the built program; on both wires
//! where both are concerned.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod audit;
mod author;
mod browser;
mod config;
mod download;
mod events;
mod failures;
mod folders;
mod forms;
mod house;
mod keys;
mod listen;
mod mount;
mod negotiation;
mod numbers;
mod paging;
mod problems;
mod run;
mod secrets;
mod terminal;
mod urls;

use serde_json::{Value, json};
use support::{Site, Wire, get, sif};

const STR: &str = "SINGULARITY_RUNSCRIPT_ARG_STR";
const INT: &str = "SINGULARITY_RUNSCRIPT_ARG_INT";
const FLOAT: &str = "SINGULARITY_RUNSCRIPT_ARG_FLOAT";
const BOOL: &str = "SINGULARITY_RUNSCRIPT_ARG_BOOL";
const SCHEMA: &str = "SINGULARITY_RUNSCRIPT_ARG_SCHEMA";
const OUTPUT: &str = "SINGULARITY_RUNSCRIPT_OUTPUT";
const MAX_AGE: &str = "SINGULARITY_RUNSCRIPT_MAX_AGE";

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The image of the tests: it prints its argv as JSON.
const IMAGE: &str = "/container/argv.sif";
const RUN: &str = "/container/run/argv.sif";

/// One argument of each type, as the image of the 2017 post has them.
const HELLO: [(&str, &str); 4] = [(STR, "name"), (INT, "age"), (FLOAT, "weight"), (BOOL, "is_dino")];

/// A site with that image.
fn hello(wire: Wire) -> Site {
    Site::new(wire).image("argv.sif", &HELLO)
}

/// Labels, and a help text of two lines.
fn explained(labels: &[(&str, &str)], help: &str) -> Vec<u8> {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    sif::with_attributes(&json!({
        "labels": labels,
        "helpfile": help,
        "runscript": "#!/bin/sh\nexec hello \"$@\"\n",
        "deffile": "Bootstrap: scratch\n%environment\n  API_KEY=secret\n",
    }))
}

/// What the argv-printing image was given.
fn passed(site: &Site, query: &str) -> Value {
    let answer = site.ask(&get(&format!("{RUN}?{query}")));
    answer.good();
    answer.json()
}

/// What its author is told.
fn warnings(site: &Site, image: &str) -> Vec<String> {
    let page = site.ask(&get(&format!("/container/{image}"))).json();
    let warnings = page["warnings"].as_array().unwrap_or_else(|| panic!("no warnings: {page}"));
    warnings.iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
}

/// Percent-encoded, every byte.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
