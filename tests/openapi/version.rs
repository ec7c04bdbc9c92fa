//! The documents in the words of OpenAPI 3.0.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Site, Wire, get, on_both_wires};
use crate::{BOOL, FLOAT, FOLDER, IMAGE, INT, OUTPUT, SCHEMA, document, keys, site};

/// Everything that 3.0.3 knows of a schema (§4.7.24), and one word of ours: none.
const KEYWORDS: [&str; 31] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "deprecated",
    "description",
    "discriminator",
    "enum",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "title",
];

fn older(site: &Site, address: &str) -> Value {
    let answer = site.ask(&get(&format!("{address}?version=3.0")));
    assert_eq!((answer.status, answer.media()), (200, "application/json"), "{}", answer.text());
    answer.json()
}

/// One schema and those in it.
fn judge(schema: &Value, path: &str) {
    for (key, value) in schema.as_object().unwrap_or_else(|| panic!("{path}: {schema}")) {
        let at = format!("{path}/{key}");
        assert!(key == "type" || KEYWORDS.contains(&key.as_str()), "{at}");
        match key.as_str() {
            "type" => assert!(value.is_string(), "{at}: {value}"),
            "exclusiveMinimum" | "exclusiveMaximum" | "nullable" => assert!(value.is_boolean(), "{at}: {value}"),
            "items" | "not" => judge(value, &at),
            "additionalProperties" if !value.is_boolean() => judge(value, &at),
            "allOf" | "anyOf" | "oneOf" => value.as_array().unwrap().iter().for_each(|one| judge(one, &at)),
            "properties" => value.as_object().unwrap().values().for_each(|one| judge(one, &at)),
            _ => {}
        }
    }
    let is_number = schema["type"] == "number" || schema["type"] == "integer";
    assert!(!(is_number && schema.get("enum").is_some()), "{path}: {schema}");
}

/// Every place where a schema stands.
fn judge_all(value: &Value, path: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let at = format!("{path}/{key}");
                match key.as_str() {
                    "schema" => judge(member, &at),
                    "schemas" => {
                        member.as_object().unwrap().iter().for_each(|(name, one)| judge(one, &format!("{at}/{name}")))
                    }
                    "content" => assert_eq!(keys(member).len(), 1, "{at}: one media type"),
                    _ => {}
                }
                if key != "schema" && key != "schemas" {
                    judge_all(member, &at);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| judge_all(item, path)),
        _ => {}
    }
}

fn all_kinds(wire: Wire) -> Site {
    site(wire)
        .set("download", "true")
        .set("metrics", true)
        .image("picture.sif", &[(OUTPUT, "image/png"), (BOOL, "agree"), (SCHEMA, r#"{"required": ["agree"]}"#)])
        .image(
            "numbers.sif",
            &[(FLOAT, "step"), (INT, "n"), (SCHEMA, r#"{"step": {"enum": [0.5, 1.5]}, "n": {"enum": [5, 1]}}"#)],
        )
}

#[test]
fn the_older_document_holds_nothing_newer() {
    on_both_wires(|wire| {
        let site = all_kinds(wire);
        for address in [FOLDER, IMAGE, "/container/openapi/picture.sif.json"] {
            let (older, newer) = (older(&site, address), document(&site, address));
            assert_eq!(older["openapi"], "3.0.3");
            assert_eq!(keys(&older["paths"]), keys(&newer["paths"]));
            assert_eq!(keys(&older["components"]["schemas"]), keys(&newer["components"]["schemas"]));
            judge_all(&older, "");
        }
    });
}

/// The contents of the answers of each class of statuses are one: a generated function has one good result and one error.
#[test]
fn an_operation_has_one_good_answer_and_one_refusal() {
    let document = older(&all_kinds(Wire::Cgi), FOLDER);
    let mut judged = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let mut classes: [BTreeSet<String>; 10] = Default::default();
            for (status, response) in operation["responses"].as_object().unwrap() {
                let response = crate::schema::resolved(&document, response);
                let content = response.get("content").map_or("null".to_owned(), |content| match keys(content)[0] {
                    "application/json" => content.to_string(),
                    _ => "as it comes".to_owned(),
                });
                classes[usize::from(status.as_bytes()[0] - b'0')].insert(content);
            }
            let errors: BTreeSet<&String> = classes[4].union(&classes[5]).collect();
            assert!(classes[2].len() <= 1 && errors.len() <= 1, "{method} {path}: {classes:?}");
            judged += 1;
        }
    }
    assert!(judged > 10);
    let health = &document["paths"]["/container/health"]["get"]["responses"];
    assert_eq!(keys(&health["503"]["content"]), ["*/*"], "it is no problem, so it is read as it comes");
    assert_eq!(keys(&health["200"]["content"]), ["application/json"]);
}

#[test]
fn arguments_keep_their_meaning() {
    let document = older(&all_kinds(Wire::Cgi), FOLDER);
    let parameters = |image: &str| document["paths"][format!("/container/run/{image}")]["get"]["parameters"].clone();
    let body = |image: &str, name: &str| {
        let content = &document["paths"][format!("/container/run/{image}")]["post"]["requestBody"]["content"];
        assert_eq!(keys(content), ["application/json"]);
        content["application/json"]["schema"]["properties"][name].clone()
    };
    let name = &parameters("argv.sif")[0]["schema"];
    assert_eq!((&name["type"], &name["maxLength"], &name["example"]), (&json!("string"), &json!(20), &json!("Amy")));
    let name = body("argv.sif", "name");
    assert_eq!((&name["type"], &name["nullable"]), (&json!("string"), &json!(true)));
    assert_eq!(body("argv.sif", "colour")["enum"], json!(["red", "blue", "a/b", null]));
    let step = &parameters("numbers.sif")[1]["schema"];
    assert_eq!(
        (&step["minimum"], &step["maximum"], &step["description"], step.get("anyOf")),
        (&json!(0.5), &json!(1.5), &json!("One of 0.5, 1.5."), None)
    );
    let step = body("numbers.sif", "step");
    assert_eq!((&step["nullable"], &step["minimum"], step.get("anyOf")), (&json!(true), &json!(0.5), None));
    let number = &parameters("numbers.sif")[0]["schema"];
    assert_eq!((&number["minimum"], &number["maximum"], number.get("enum")), (&json!(1), &json!(5), None));
    let agree = body("picture.sif", "agree");
    assert_eq!(
        (&agree["type"], agree.get("enum"), &agree["description"]),
        (&json!("boolean"), None, &json!("Always true."))
    );
    let content = &document["components"]["responses"]["Run.image.png"]["content"];
    assert_eq!(content, &json!({ "image/png": { "schema": { "type": "string", "format": "binary" } } }));
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["RunOutput"]["properties"]["base64"]["format"], "byte");
    assert_eq!(schemas["RunEventExit"]["properties"]["event"]["enum"], json!(["exit"]));
    assert_eq!(
        (&schemas["Image"]["properties"]["size"]["type"], &schemas["Image"]["properties"]["size"]["nullable"]),
        (&json!("integer"), &json!(true))
    );
}

#[test]
fn an_unknown_version_is_400_and_names_those_there_are() {
    on_both_wires(|wire| {
        let site = site(wire);
        for address in [FOLDER, IMAGE] {
            assert_eq!(site.ask(&get(&format!("{address}?version=3.1"))).json(), document(&site, address));
            for version in ["3", "2.0", "3.0.3", "", "3.1%00"] {
                let (_, problem) = site.ask(&get(&format!("{address}?version={version}"))).problem(400);
                assert!(problem["type"].as_str().unwrap().ends_with("/unknown-version"), "{problem}");
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains("3.1") && detail.contains("3.0"), "{detail}");
            }
            let tags = ["3.1", "3.0"].map(|version| {
                let answer = site.ask(&get(&format!("{address}?version={version}")));
                answer.header("ETag").expect("a tag").to_owned()
            });
            assert_ne!(tags[0], tags[1]);
        }
    });
}

#[test]
fn the_version_is_described() {
    let document = document(&site(Wire::Cgi), FOLDER);
    for path in [FOLDER, "/container/openapi/{image}.json"] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().expect("parameters");
        let version = parameters.iter().find(|one| one["name"] == "version").unwrap_or_else(|| panic!("{path}"));
        assert_eq!(version["schema"]["enum"], json!(["3.1", "3.0"]));
    }
}
