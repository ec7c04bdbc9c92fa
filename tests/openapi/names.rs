//! Names that generated clients make: no operation, image or choice may take the place of another.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Site, Wire, get, on_both_wires};
use crate::{FOLDER, RUN, SCHEMA, STR, document, keys, places, site};

/// What generators make of a name at worst: its letters and digits.
fn worst(name: &str) -> String {
    name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

fn operations(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    paths.map(|operation| operation["operationId"].as_str().expect("a name").to_owned()).collect()
}

/// A site with images and folders whose names differ in marks and case only.
fn alike(wire: Wire) -> Site {
    let site = site(wire);
    for folder in ["lab", "lab/x", "lab_x"] {
        std::fs::create_dir(site.data().join(folder)).unwrap();
    }
    let names = ["Image", "image", "Run", "lab/x.sif", "lab-x.sif", "labx.sif", "lab/x/y.sif", "lab_x/y.sif", "q:1.1"];
    names.into_iter().fold(site, |site, name| site.image(name, &[]))
}

/// `lab/x.sif` and `lab-x.sif` became one function, of the one that came last.
#[test]
fn operations_stay_different_in_generated_clients() {
    on_both_wires(|wire| {
        let site = alike(wire);
        for version in ["3.1", "3.0"] {
            let document = site.ask(&get(&format!("{FOLDER}?version={version}"))).json();
            let names = operations(&document);
            let different: BTreeSet<String> = names.iter().map(|name| worst(name)).collect();
            assert_eq!(different.len(), names.len(), "{names:?}");
            let plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
            assert!(names.iter().all(plain), "{names:?}");
            for expected in ["run_argv.sif", "run_Run", "post_run_argv.sif", "run_q_1.1", "describe_image"] {
                assert!(names.iter().any(|name| name == expected), "{expected} keeps its name: {names:?}");
            }
        }
    });
}

/// Generators gave up over `Image` and `image`, and forgot one of `lab-x.sif` and `lab_x.sif`.
#[test]
fn images_that_would_become_one_are_no_list_of_choices() {
    let of = |site: &Site| document(site, FOLDER)["components"]["schemas"]["ImageName"].clone();
    assert_eq!(of(&site(Wire::Cgi))["enum"], json!(["argv.sif"]));
    let name = of(&alike(Wire::Cgi));
    assert_eq!(keys(&name), ["type", "maxLength", "pattern", "examples"]);
    assert!(name["examples"].as_array().is_some_and(|all| all.contains(&json!("Image"))), "{name}");
}

#[test]
fn choices_that_would_become_one_are_constants() {
    let schema = r#"{"unit": {"enum": ["m", "M"]}, "tongue": {"enum": ["C", "C++"]}, "size": {"enum": ["S", "M"]}}"#;
    let site = Site::new(Wire::Cgi).image("argv.sif", &[(STR, "unit,tongue,size"), (SCHEMA, schema)]);
    let newer = document(&site, FOLDER);
    for (name, choices) in [("unit", ["m", "M"]), ("tongue", ["C", "C++"])] {
        let constants: Vec<Value> = choices.map(|choice| json!({ "const": choice })).to_vec();
        for schema in &places(&newer, RUN, name)[..2] {
            assert_eq!((&schema["type"], schema["anyOf"].as_array()), (&json!("string"), Some(&constants)), "{schema}");
            assert_eq!(schema.get("enum"), None);
        }
    }
    assert_eq!(places(&newer, RUN, "size")[0]["enum"], json!(["S", "M"]));
    let older = site.ask(&get(&format!("{FOLDER}?version=3.0"))).json();
    let parameters = older["paths"][RUN]["get"]["parameters"].as_array().unwrap();
    let unit = parameters.iter().find(|one| one["name"] == "unit").expect("unit");
    assert_eq!(unit["schema"], json!({ "type": "string", "description": r#"One of "m", "M"."# }));
    for (choice, status) in [("m", 200), ("M", 200), ("k", 400)] {
        assert_eq!(site.ask(&get(&format!("{RUN}?unit={choice}"))).status, status, "{choice}");
    }
}
