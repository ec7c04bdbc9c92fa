//! The shape of the documents: names that generated clients can use, schemas everywhere, paths that are those of the
//! table of routes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::request::{ENVELOPE, EVENTS};
use crate::support::{Answer, Site, Wire, get, on_both_wires};
use crate::{FLOAT, FOLDER, INT, OUTPUT, RUN, SCHEMA, STR, document, keys, places, site};

/// Every value in a document, with its path.
fn visit<'a>(value: &'a Value, path: &str, each: &mut dyn FnMut(&str, &'a Value)) {
    each(path, value);
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| visit(member, &format!("{path}/{key}"), each));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| visit(item, &format!("{path}/{index}"), each));
        }
        _ => {}
    }
}

/// Objects in answers are components, so that they have names.
#[test]
fn components_have_names_of_their_own() {
    let document = document(&site(Wire::Cgi), FOLDER);
    let names: BTreeSet<&str> = keys(&document["components"]["schemas"]).into_iter().collect();
    let expected = BTreeSet::from([
        "Args",
        "ArgumentError",
        "ChangedWord",
        "Folder",
        "FolderImage",
        "Health",
        "HealthCheck",
        "Image",
        "ImageApp",
        "ImageArgument",
        "ImageName",
        "InnerFolder",
        "Labels",
        "OpenApi",
        "Problem",
        "RunCommand",
        "RunEnvelope",
        "RunEvent",
        "RunEventCommand",
        "RunEventExit",
        "RunEventStderr",
        "RunEventStdout",
        "RunExit",
        "RunImage",
        "RunOutput",
    ]);
    assert_eq!(names, expected);
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (member, property) in schema["properties"].as_object().into_iter().flatten() {
            for inner in [property, &property["items"]] {
                let is_anonymous = inner["type"] == "object" && inner.get("properties").is_some();
                assert!(!is_anonymous, "{name}.{member} has no name");
            }
        }
    }
}

#[test]
fn arrays_have_items_and_media_types_schemas() {
    let site = site(Wire::Cgi).set("download", "true").image("picture.sif", &[(OUTPUT, "image/png")]);
    for address in [FOLDER, "/container/openapi/picture.sif.json"] {
        for version in ["3.1", "3.0"] {
            let document = site.ask(&get(&format!("{address}?version={version}"))).json();
            let mut arrays = 0;
            visit(&document, "", &mut |path, value| {
                if value["type"] == "array" {
                    arrays += 1;
                    assert!(value["items"].is_object(), "{path}");
                }
                if path.ends_with("/content") {
                    for (media, inner) in value.as_object().unwrap_or_else(|| panic!("{path}")) {
                        assert!(inner["schema"].is_object(), "{path} {media}");
                    }
                }
            });
            assert!(arrays > 5);
        }
    }
}

/// What validators make of a stream: one text (openapi-core), or each event (schemathesis).
#[test]
fn a_stream_is_a_text_and_its_events_are_described() {
    let document = document(&site(Wire::Cgi), FOLDER);
    let schema = &document["components"]["responses"]["Run"]["content"][EVENTS]["schema"];
    assert_eq!(schema["anyOf"][0]["type"], "string");
    assert_eq!(schema["anyOf"][1], json!({ "$ref": "#/components/schemas/RunEvent" }));
    let envelope = &document["components"]["responses"]["Run"]["content"][ENVELOPE]["schema"];
    assert_eq!(envelope["$ref"], "#/components/schemas/RunEnvelope");
}

/// A name that stands in the word `container`, too.
#[test]
fn an_image_called_a_breaks_no_path() {
    on_both_wires(|wire| {
        for name in ["a", "container", "on", "i"] {
            let site = Site::new(wire).image(name, &[]);
            let document = document(&site, FOLDER);
            let expected = BTreeSet::from([
                "/container/".to_owned(),
                "/container/health".to_owned(),
                "/container/random".to_owned(),
                FOLDER.to_owned(),
                "/container/{image}".to_owned(),
                "/container/args/{image}".to_owned(),
                "/container/labels/{image}".to_owned(),
                "/container/openapi/{image}.json".to_owned(),
                format!("/container/run/{name}"),
            ]);
            let paths: BTreeSet<String> = keys(&document["paths"]).into_iter().map(str::to_owned).collect();
            assert_eq!(paths, expected, "{name}");
        }
    });
}

/// Of what is not declared everything can be read as text: that is what a generated client does with the first of them.
#[test]
fn a_declared_type_comes_first_and_text_else() {
    let site = site(Wire::Cgi)
        .image("csv.sif", &[(OUTPUT, "text/csv")])
        .image("json.sif", &[(OUTPUT, "application/json")])
        .image("png.sif", &[(OUTPUT, "image/png")]);
    let document = document(&site, FOLDER);
    let responses = &document["components"]["responses"];
    for (name, first, schema) in [
        ("Run", "text/plain", json!({ "type": "string" })),
        ("Run.text.csv", "text/csv", json!({ "type": "string" })),
        ("Run.application.json", "application/json", json!({})),
        ("Run.image.png", "image/png", json!({ "contentMediaType": "image/png" })),
    ] {
        let content = &responses[name]["content"];
        assert_eq!((keys(content)[0], &content[first]["schema"]), (first, &schema), "{name}");
    }
}

/// The choices of a number: constants, of which nothing makes names.
#[test]
fn a_number_of_choices_is_any_of_constants() {
    let schema = r#"{"step": {"enum": [0.5, 1.5], "default": 0.5}, "n": {"enum": [1, 2]}}"#;
    let site = Site::new(Wire::Cgi).image("argv.sif", &[(FLOAT, "step"), (INT, "n"), (STR, "w"), (SCHEMA, schema)]);
    let document = document(&site, FOLDER);
    let [query, form, body] = places(&document, RUN, "step");
    let constants = json!([{ "const": 0.5 }, { "const": 1.5 }]);
    for schema in [query, form] {
        assert_eq!((&schema["anyOf"], schema.get("enum"), &schema["default"]), (&constants, None, &json!(0.5)));
    }
    assert_eq!(body["anyOf"], json!([{ "const": 0.5 }, { "const": 1.5 }, { "const": null }]));
    assert_eq!(places(&document, RUN, "n")[0]["enum"], json!([1, 2]));
    let said = |answer: Answer| answer.status;
    assert_eq!(
        (said(site.ask(&get(&format!("{RUN}?step=1.5")))), said(site.ask(&get(&format!("{RUN}?step=1"))))),
        (200, 400)
    );
}
