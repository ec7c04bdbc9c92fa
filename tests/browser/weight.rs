//! How much a page weighs, and how long its parts are kept. No browser is needed.

use std::fs;

use serde_json::json;

use crate::support::request::BROWSER;
use crate::support::{Site, get, on_both_wires, sif};

const KB: usize = 1000;

/// An image as people make them: a help text, four arguments that are described, the labels that every image has.
fn usual() -> Vec<u8> {
    let mut labels = json!({
        "SINGULARITY_RUNSCRIPT_ARG_STR": "name",
        "SINGULARITY_RUNSCRIPT_ARG_INT": "age",
        "SINGULARITY_RUNSCRIPT_ARG_FLOAT": "weight",
        "SINGULARITY_RUNSCRIPT_ARG_BOOL": "is_dino",
        "SINGULARITY_RUNSCRIPT_ARG_SCHEMA": r#"{"name": {"description": "Who is to be greeted"}, "age": {"minimum": 0, "maximum": 150}}"#,
    });
    for number in 0..12 {
        labels[format!("org.label-schema.usage.number-{number}")] = json!("/.singularity.d/runscript.help");
    }
    let help = "Says hello to somebody, and tells whether that person is a dinosaur or not.\n".repeat(10);
    sif::with_attributes(&json!({ "labels": labels, "helpfile": help, "runscript": "#!/bin/sh\nexec hello \"$@\"\n" }))
}

#[test]
fn pages_are_light() {
    on_both_wires(|wire| {
        let site = Site::new(wire).file("hello-0000.sif", &usual());
        let first = site.data().join("hello-0000.sif");
        for number in 1..10_000 {
            fs::hard_link(&first, first.with_file_name(format!("hello-{number:04}.sif"))).unwrap();
        }
        let page = |address: &str| site.ask(&get(address).accept(BROWSER)).text();
        let home = page("/container/");
        assert!(home.contains("10000 images") && home.contains("hello-0099.sif"), "{home}");
        assert!(home.len() <= 40 * KB, "the home page has {} bytes", home.len());
        assert!(page("/container/?page=100").contains("hello-9999.sif"), "the last page");
        let image = page("/container/hello-0000.sif");
        assert!(image.len() <= 30 * KB, "the page of an image has {} bytes", image.len());
        println!("home {} bytes, image {} bytes", home.len(), image.len());
    });
}

#[test]
fn files_are_light_and_kept_for_a_year() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        let home = site.ask(&get("/container/").accept(BROWSER)).text();
        for (file, most) in [("app.js", 30 * KB), ("style.css", 20 * KB), ("icon.svg", KB)] {
            let address =
                home.split('"').find(|part| part.contains(file)).unwrap_or_else(|| panic!("no link to {file}"));
            assert!(address.contains("?v="), "{address} names its content");
            let answer = site.ask(&get(address));
            assert_eq!(answer.header("Cache-Control"), Some("public, max-age=31536000, immutable"), "{file}");
            assert!(answer.body.len() <= most, "{file} has {} bytes", answer.body.len());
        }
    });
}
