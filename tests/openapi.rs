//! The OpenAPI documents: that they say what the program does.
//!
//! The quick tests ask the built program for a document, and then for everything that it describes; the long one lets
//! openapi-spec-validator and schemathesis do the same with the real runtime behind nginx. What schemathesis is told,
//! and why, stands in `openapi/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "openapi/answers.rs"]
mod answers;
#[path = "hostile/front.rs"]
#[allow(dead_code, reason = "written for other tests")]
mod front;
#[path = "openapi/names.rs"]
mod names;
#[path = "openapi/public.rs"]
mod public;
#[path = "openapi/schema.rs"]
mod schema;
#[path = "nginx/setup.rs"]
#[allow(dead_code, reason = "written for other tests")]
mod setup;
#[path = "openapi/shape.rs"]
mod shape;
mod support;
#[path = "openapi/version.rs"]
mod version;
#[path = "openapi/web_server.rs"]
mod web_server;

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use support::{Site, Wire, get, on_both_wires, sif};

const STR: &str = "SINGULARITY_RUNSCRIPT_ARG_STR";
const INT: &str = "SINGULARITY_RUNSCRIPT_ARG_INT";
const FLOAT: &str = "SINGULARITY_RUNSCRIPT_ARG_FLOAT";
const BOOL: &str = "SINGULARITY_RUNSCRIPT_ARG_BOOL";
const SCHEMA: &str = "SINGULARITY_RUNSCRIPT_ARG_SCHEMA";
const OUTPUT: &str = "SINGULARITY_RUNSCRIPT_OUTPUT";

const FOLDER: &str = "/container/openapi.json";
const IMAGE: &str = "/container/openapi/argv.sif.json";
const RUN: &str = "/container/run/argv.sif";

const KEYWORDS: &str = r#"{"name": {"title": "Name", "description": "Who", "maxLength": 20, "examples": ["Amy"]},
    "colour": {"enum": ["red", "blue", "a/b"], "default": "red"}, "age": {"minimum": 0, "maximum": 150},
    "weight": {"minimum": 0.5, "default": 1.5}, "is_dino": {"description": "Tick it"}, "required": ["age"]}"#;

fn labels() -> [(&'static str, &'static str); 5] {
    [(STR, "name,colour"), (INT, "age"), (FLOAT, "weight"), (BOOL, "is_dino"), (SCHEMA, KEYWORDS)]
}

fn site(wire: Wire) -> Site {
    Site::new(wire).image("argv.sif", &labels())
}

fn document(site: &Site, address: &str) -> Value {
    let answer = site.ask(&get(address));
    assert_eq!((answer.status, answer.media()), (200, "application/json"), "{}", answer.text());
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.1");
    document
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().map(String::as_str).collect()
}

/// The schema of an argument in the query, in a form, in JSON.
fn places<'a>(document: &'a Value, run: &str, name: &str) -> [&'a Value; 3] {
    let run = &document["paths"][run];
    let query = run["get"]["parameters"].as_array().expect("parameters");
    let query = query.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {query:?}"));
    let body = |media: &str| &run["post"]["requestBody"]["content"][media]["schema"]["properties"][name];
    [&query["schema"], body("application/x-www-form-urlencoded"), body("application/json")]
}

#[test]
fn the_folder_s_document_is_of_all_images_that_can_be_read() {
    on_both_wires(|wire| {
        let whole = sif::with_labels(&[]);
        let site = site(wire).image("none.sif", &[]).file("cut.sif", &whole[..5000]);
        let document = document(&site, FOLDER);
        let expected = BTreeSet::from([
            "/container/",
            "/container/health",
            "/container/random",
            FOLDER,
            "/container/{image}",
            "/container/args/{image}",
            "/container/labels/{image}",
            "/container/openapi/{image}.json",
            RUN,
            "/container/run/none.sif",
        ]);
        assert_eq!(BTreeSet::from_iter(keys(&document["paths"])), expected);
        assert_eq!(document["components"]["schemas"]["ImageName"]["enum"], json!(["argv.sif", "none.sif"]));
        assert_eq!(document.get("servers"), None);
        site.ask(&get("/container/openapi/cut.sif.json")).problem(422);
        site.ask(&get("/container/openapi/other.sif.json")).problem(404);
    });
}

#[test]
fn the_document_of_an_empty_folder() {
    let document = document(&Site::new(Wire::Cgi), FOLDER);
    assert_eq!(keys(&document["paths"]), ["/container/", "/container/health", "/container/random", FOLDER]);
    assert_eq!(document["tags"], json!([]));
}

#[test]
fn an_image_s_document_contains_its_apps() {
    on_both_wires(|wire| {
        let apps = json!({
            "labels": {}, "helpfile": "\n  The image.\n",
            "apps": { "foo": { "labels": { INT: "age" }, "helpfile": "The app." } },
        });
        let site = Site::new(wire).file("argv.sif", &sif::with_attributes(&apps));
        for address in [FOLDER, IMAGE] {
            let document = document(&site, address);
            let foo = &document["paths"]["/container/run/argv.sif/foo"]["get"];
            assert_eq!(
                (&foo["parameters"][0]["name"], &foo["summary"]),
                (&json!("age"), &json!("The app.")),
                "{address}"
            );
            assert_eq!(document["paths"][RUN]["get"]["parameters"], json!([]));
            assert_eq!(document["paths"][RUN]["get"]["description"], "```text\nThe image.\n```");
            for path in ["/container/argv.sif/foo", "/container/args/argv.sif/foo", "/container/labels/argv.sif/foo"] {
                assert!(document["paths"].get(path).is_some(), "{address}: no {path}");
            }
        }
        let document = document(&site, IMAGE);
        assert_eq!(document["info"]["title"], "argv.sif");
        assert_eq!(document["components"]["schemas"].get("ImageName"), None);
        assert!(
            document["paths"].get("/container/argv.sif").is_some() && document["paths"].get("/container/").is_none()
        );
    });
}

#[test]
fn parameters_are_what_the_labels_declare() {
    let document = document(&site(Wire::FastCgi), FOLDER);
    let get = &document["paths"][RUN]["get"];
    let told = |one: &Value| (one["name"].as_str().unwrap().to_owned(), one["required"] == true);
    let parameters: Vec<_> = get["parameters"].as_array().unwrap().iter().map(told).collect();
    let expected = [("name", false), ("colour", false), ("age", true), ("weight", false), ("is_dino", false)];
    assert_eq!(parameters, expected.map(|(name, required)| (name.to_owned(), required)));
    assert_eq!(get["parameters"][0]["description"], "Who");

    let [query, form, body] = places(&document, RUN, "name");
    assert_eq!(
        (&query["maxLength"], &query["examples"], &query["title"]),
        (&json!(20), &json!(["Amy"]), &json!("Name"))
    );
    assert_eq!(
        (&query["type"], &form["type"], &body["type"]),
        (&json!("string"), &json!("string"), &json!(["string", "null"]))
    );
    let [query, form, body] = places(&document, RUN, "colour");
    // a choice passes as its author wrote it, whatever the site allows in words of visitors
    assert_eq!(
        (&query["enum"], &form["enum"], &body["enum"]),
        (&json!(["red", "blue", "a/b"]), &json!(["red", "blue", "a/b"]), &json!(["red", "blue", "a/b", null]))
    );
    assert_eq!((&query["default"], &body["default"]), (&json!("red"), &json!("red")));
    let [query, form, body] = places(&document, RUN, "age");
    for schema in [query, form, body] {
        assert_eq!(
            (&schema["type"], &schema["minimum"], &schema["maximum"]),
            (&json!("integer"), &json!(0), &json!(150))
        );
    }
    let [query, _, body] = places(&document, RUN, "weight");
    assert_eq!((&query["type"], &query["minimum"], &query["default"]), (&json!("number"), &json!(0.5), &json!(1.5)));
    assert_eq!((query.get("maximum"), &body["type"]), (None, &json!(["number", "null"])));
    let [query, form, body] = places(&document, RUN, "is_dino");
    assert_eq!(
        (&query["type"], &form["type"], &body["type"]),
        (&json!("string"), &json!("string"), &json!(["boolean", "null"]))
    );
    assert_eq!(get["parameters"][4]["allowEmptyValue"], true);
    let form = &document["paths"][RUN]["post"]["requestBody"];
    assert_eq!(
        (&form["required"], &form["content"]["application/json"]["schema"]["required"]),
        (&json!(true), &json!(["age"]))
    );
}

#[test]
fn an_integer_without_bounds_has_those_of_64_bits() {
    let site = Site::new(Wire::Cgi).image("argv.sif", &[(INT, "n")]);
    let document = document(&site, IMAGE);
    for schema in places(&document, RUN, "n") {
        assert_eq!((schema["minimum"].as_i64(), schema["maximum"].as_i64()), (Some(i64::MIN), Some(i64::MAX)));
        for (value, status) in [(i64::MAX.to_string(), 200), ("9223372036854775808".to_owned(), 400)] {
            assert_eq!(site.ask(&get(&format!("{RUN}?n={value}"))).status, status);
        }
    }
}

#[test]
fn words_are_described_as_the_site_treats_them() {
    let strip = r"^[^\u0000-\u001F\u007F-\u009F\uFFFD]*[^\u0000-\u002D\u002F\u003A-\u0040\u005B-\u005E\u0060\u007B-\u009F\uFFFD][^\u0000-\u001F\u007F-\u009F\uFFFD]*$";
    let slash = r"^[^\u0000-\u001F\u007F-\u009F\uFFFD]*[^\u0000-\u002D\u003A-\u0040\u005B-\u005E\u0060\u007B-\u009F\uFFFD][^\u0000-\u001F\u007F-\u009F\uFFFD]*$";
    let reject = r"^[^\u0000-\u002D\u002F\u003A-\u0040\u005B-\u005E\u0060\u007B-\u009F\uFFFD][^\u0000-\u002C\u002F\u003A-\u0040\u005B-\u005E\u0060\u007B-\u009F\uFFFD]*$";
    for (mode, extra, expected) in [("strip", "", strip), ("strip", "/", slash), ("reject", "", reject)] {
        let site = site(Wire::Cgi).set("sanitise", mode).set("extra_characters", extra);
        let document = document(&site, IMAGE);
        for schema in places(&document, RUN, "name") {
            assert_eq!(schema["pattern"], expected, "{mode} {extra}");
        }
        assert_eq!(places(&document, RUN, "colour")[0]["enum"], json!(["red", "blue", "a/b"]), "{mode} {extra}");
    }
}

#[test]
fn only_methods_that_run_are_described() {
    on_both_wires(|wire| {
        for (methods, expected) in [("GET,POST", vec!["get", "post"]), ("POST", vec!["post"]), ("GET", vec!["get"])] {
            let site = site(wire).set("run_methods", methods);
            for address in [FOLDER, IMAGE] {
                assert_eq!(keys(&document(&site, address)["paths"][RUN]), expected);
            }
        }
    });
}

#[test]
fn downloads_are_described_where_they_are_offered() {
    let path = "/container/download/{image}";
    assert_eq!(document(&site(Wire::Cgi), FOLDER)["paths"].get(path), None);
    let document = document(&site(Wire::Cgi).set("download", "true"), FOLDER);
    for status in ["200", "206", "304", "404", "416"] {
        assert!(document["paths"][path]["get"]["responses"].get(status).is_some(), "{status}");
    }
}

#[test]
fn metrics_are_described_where_the_site_has_them() {
    on_both_wires(|wire| {
        let path = "/container/metrics";
        assert_eq!(document(&site(wire), FOLDER)["paths"].get(path), None);
        let site = site(wire).set("metrics", true);
        let get = &document(&site, FOLDER)["paths"][path]["get"];
        assert_eq!(get["operationId"], "metrics");
        assert_eq!(keys(&get["responses"]["200"]["content"]), ["text/plain"]);
        assert_eq!(document(&site, IMAGE)["paths"].get(path), None, "it is not the image's");
    });
}

#[test]
fn mounted_elsewhere_the_server_is_the_prefix() {
    on_both_wires(|wire| {
        let site = site(wire);
        for address in [FOLDER, IMAGE] {
            let document = site.ask(&get(address).var("SCRIPT_NAME", "/~amy/cgi-bin/a b.cgi")).json();
            assert_eq!(document["servers"], json!([{ "url": "/~amy/cgi-bin/a%20b.cgi" }]));
            assert!(keys(&document["paths"]).contains(&RUN));
        }
    });
}

#[test]
fn the_document_bears_an_entity_tag() {
    on_both_wires(|wire| {
        let site = site(wire);
        for address in [FOLDER, IMAGE] {
            let answer = site.ask(&get(address));
            let tag = answer.header("ETag").expect("a tag").to_owned();
            assert_eq!(answer.header("Cache-Control"), Some("no-cache"));
            let again = site.ask(&get(address).header("If-None-Match", &tag));
            assert_eq!((again.status, again.header("ETag"), again.body.len()), (304, Some(&*tag), 0));
            assert_eq!(site.ask(&get(address).method("HEAD")).header("ETag"), Some(&*tag));
            let another = sif::with_labels(&[(STR, "name")]);
            let before = fs::read(site.data().join("argv.sif")).unwrap();
            fs::write(site.data().join("argv.sif"), another).unwrap();
            assert_eq!(site.ask(&get(address).header("If-None-Match", &tag)).status, 200, "the image has changed");
            fs::write(site.data().join("argv.sif"), before).unwrap();
        }
    });
}

#[test]
fn the_terminal_prints_the_same_document() {
    let site = site(Wire::Cgi);
    for (words, address) in [(&["openapi"][..], FOLDER), (&["openapi", "argv.sif"], IMAGE)] {
        let output = site.command().args(words).stdout(std::process::Stdio::piped()).output().unwrap();
        assert!(output.status.success());
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed, document(&site, address));
    }
    for (word, code) in [("other.sif", 1), ("../argv.sif", 2)] {
        assert_eq!(site.command().args(["openapi", word]).status().unwrap().code(), Some(code), "{word}");
    }
}

#[test]
fn a_large_folder_s_document_is_bounded_and_counts_the_rest() {
    let bytes = sif::with_labels(&labels());
    let site =
        (0..1003).fold(Site::new(Wire::Cgi), |site, number| site.file(&format!("image-{number:04}.sif"), &bytes));
    let answer = site.ask(&get(FOLDER));
    let document = answer.json();
    let name = &document["components"]["schemas"]["ImageName"];
    assert_eq!(
        (name.get("enum"), name["examples"].as_array().map(Vec::len)),
        (None, Some(100)),
        "the others exist, too"
    );
    assert_eq!(keys(&document["paths"]).iter().filter(|path| path.starts_with("/container/run/")).count(), 100);
    let told = document["info"]["description"].as_str().unwrap();
    assert!(told.contains("903 more images are not in this document"), "{told}");
    assert!(answer.body.len() < 8 << 20, "{} bytes", answer.body.len());
    // few images with much to say
    let long = "x".repeat(60_000);
    let schema = format!(r#"{{"name": {{"description": "{}"}}, "long": "{long}"}}"#, "y".repeat(1000));
    let bytes = sif::with_labels(&[(STR, "name"), (SCHEMA, &schema)]);
    let site = (0..100).fold(Site::new(Wire::Cgi), |site, number| site.file(&format!("image-{number:04}.sif"), &bytes));
    let document = self::document(&site, FOLDER);
    let described = keys(&document["paths"]).iter().filter(|path| path.starts_with("/container/run/")).count();
    assert!((50..100).contains(&described), "{described}");
}
