//! The image author's table: labels, and what each makes of an image.

use serde_json::json;

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{Site, Wire, get, on_both_wires};
use crate::{BOOL, FLOAT, HELLO, IMAGE, INT, JSON, MAX_AGE, OUTPUT, RUN, SCHEMA, STR, TEXT, hello, passed, warnings};

/// One site with an image for each set of labels: `argv.0.sif`, `argv.1.sif`, …
fn site(wire: Wire, sets: &[Vec<(&str, &str)>]) -> Site {
    let images = sets.iter().enumerate();
    images.fold(Site::new(wire), |site, (number, labels)| site.image(&format!("argv.{number}.sif"), labels))
}

/// The arguments of such an image, and what its author is told.
fn args(site: &Site, number: usize) -> (serde_json::Value, Vec<String>) {
    let image = format!("argv.{number}.sif");
    (site.ask(&get(&format!("/container/args/{image}"))).json(), warnings(site, &image))
}

#[test]
fn label_names_count_upper_cased_and_values_as_they_are() {
    on_both_wires(|wire| {
        let names = |str, int| vec![(str, "Name,ice-cream,name"), (int, "_x")];
        let sets = [
            names(STR, INT),
            names("singularity_runscript_arg_str", "singularity_runscript_arg_int"),
            names("Singularity_Runscript_Arg_Str", "SINGULARITY_runscript_ARG_int"),
            vec![("singularity_runscript_arg_str", "a"), (STR, "b")],
        ];
        let site = site(wire, &sets);
        for (number, set) in sets.iter().enumerate().take(3) {
            let (names, warnings) = args(&site, number);
            assert_eq!(names["str"], json!(["Name", "ice-cream", "name"]), "{set:?}");
            assert_eq!((&names["int"], warnings.len()), (&json!(["_x"]), 0));
        }
        let (names, warnings) = args(&site, 3);
        assert_eq!(names["str"].as_array().map(Vec::len), Some(1));
        assert!(warnings.len() == 1 && warnings[0].contains(STR), "{warnings:?}");
    });
}

#[test]
fn white_space_empty_and_repeated_names_are_dropped() {
    on_both_wires(|wire| {
        let set = vec![(STR, " a , b ,, a,\tc\n,"), (INT, " , ,"), (BOOL, "")];
        let (names, warnings) = args(&site(wire, &[set]), 0);
        assert_eq!(names, json!({ "str": ["a", "b", "c"], "int": [], "float": [], "bool": [] }));
        assert_eq!(warnings, [""; 0]);
    });
}

#[test]
fn a_name_of_two_types_is_refused_with_a_warning() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[(STR, "name,both"), (FLOAT, "both,weight")]);
        let names = site.ask(&get("/container/args/argv.sif")).json();
        assert_eq!(names, json!({ "str": ["name"], "int": [], "float": ["weight"], "bool": [] }));
        let told = warnings(&site, "argv.sif");
        assert!(told.len() == 1 && told[0].contains("`both`") && told[0].contains("str") && told[0].contains("float"));
        assert!(site.ask(&get(IMAGE).accept(BROWSER)).good().contains("`both`"), "the author sees it on the page");
        assert_eq!(passed(&site, "both=1&name=a"), json!(["--name", "a"]));
    });
}

#[test]
fn a_name_that_is_no_argument_name_is_refused_with_a_warning() {
    let most = "n".repeat(64);
    let over = "n".repeat(65);
    let bad = ["-x", "--name", "9lives", "a b", "a=b", "é", "a.b", "$(id)", &over].map(|bad| format!("good,{bad}"));
    let good = format!("_,a-,A_9-z,{most}");
    on_both_wires(|wire| {
        let sets: Vec<_> = bad.iter().chain([&good]).map(|names| vec![(STR, names.as_str())]).collect();
        let site = site(wire, &sets);
        for (number, names) in bad.iter().enumerate() {
            let (args, warnings) = args(&site, number);
            assert_eq!(args["str"], json!(["good"]), "{names}");
            assert!(warnings.len() == 1 && warnings[0].contains(STR), "{names}: {warnings:?}");
        }
        let (args, warnings) = args(&site, bad.len());
        assert_eq!((&args["str"], warnings.len()), (&json!(["_", "a-", "A_9-z", most]), 0));
    });
}

#[test]
fn an_image_without_argument_labels_takes_none() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[("Maintainer", "Amy")]);
        let answer = site.ask(&get(&format!("{RUN}?name=Amy&x")));
        assert_eq!((answer.json(), answer.header("X-Run-Ignored")), (json!([]), Some("name, x")));
        assert!(site.ask(&get(IMAGE).accept(BROWSER)).good().contains("takes no arguments"));
    });
}

/// One line of JSON beside the labels that declare.
const KEYWORDS: &str = r#"{
    "name": { "title": "Your name", "description": "Who is greeted", "maxLength": 5, "examples": ["Amy"] },
    "size": { "enum": ["small", "large"], "default": "small" },
    "age": { "minimum": 0, "maximum": 150 },
    "year": { "enum": [1999, 2024] },
    "weight": { "minimum": 0.5, "maximum": 10 },
    "required": ["age", "is_dino"]
}"#;

fn described(wire: Wire) -> Site {
    let labels = [(STR, "name,size"), (INT, "age,year"), (FLOAT, "weight"), (BOOL, "is_dino"), (SCHEMA, KEYWORDS)];
    Site::new(wire).image("argv.sif", &labels)
}

#[test]
fn schema_keywords_are_told() {
    on_both_wires(|wire| {
        let site = described(wire);
        assert_eq!(warnings(&site, "argv.sif"), [""; 0]);
        let page = site.ask(&get(IMAGE)).json();
        let expected = json!([
            { "name": "name", "type": "str", "required": false, "title": "Your name", "description": "Who is greeted",
              "maxLength": 5, "examples": ["Amy"] },
            { "name": "size", "type": "str", "required": false, "default": "small", "enum": ["small", "large"] },
            { "name": "age", "type": "int", "required": true, "minimum": 0, "maximum": 150 },
            { "name": "year", "type": "int", "required": false, "enum": [1999, 2024] },
            { "name": "weight", "type": "float", "required": false, "minimum": 0.5, "maximum": 10 },
            { "name": "is_dino", "type": "bool", "required": true },
        ]);
        assert_eq!(page["arguments"], expected);
        let html = site.ask(&get(IMAGE).accept(BROWSER)).good();
        for part in [
            "Your name",
            "Who is greeted",
            "maxlength=\"5\"",
            "placeholder=\"e.g. Amy\"",
            "min=\"0\" max=\"150\"",
            "<select",
        ] {
            assert!(html.contains(part), "no {part} in {html}");
        }
        assert!(html.contains("<option value=\"large\">"), "{html}");
    });
}

#[test]
fn schema_bounds_are_checked() {
    on_both_wires(|wire| {
        let site = described(wire);
        for (query, name, code) in [
            ("age=1", "is_dino", "required"),
            ("is_dino", "age", "required"),
            ("is_dino&age=-1", "age", "below-minimum"),
            ("is_dino&age=151", "age", "above-maximum"),
            ("is_dino&age=1&year=2000", "year", "not-one-of"),
            ("is_dino&age=1&weight=0.4", "weight", "below-minimum"),
            ("is_dino&age=1&weight=1e2", "weight", "above-maximum"),
            ("is_dino&age=1&size=medium", "size", "not-one-of"),
            ("is_dino&age=1&name=Amelie", "name", "too-long"),
        ] {
            let (_, problem) = site.ask(&get(&format!("{RUN}?{query}"))).problem(400);
            let error = &problem["errors"][0];
            assert_eq!((&error["name"], &error["code"]), (&json!(name), &json!(code)), "{query}");
            assert_eq!(problem["errors"].as_array().map(Vec::len), Some(1), "{query}");
        }
        assert_eq!(site.runs().len(), 0);
        // a default is shown and not passed unless sent
        let given = passed(&site, "is_dino&age=150&weight=10&name=Amber&year=2024");
        let expected = ["--name", "Amber", "--age", "150", "--year", "2024", "--weight", "10", "--is_dino"];
        assert_eq!(given, json!(expected));
        assert_eq!(passed(&site, "is_dino&age=0&size=large"), json!(["--size", "large", "--age", "0", "--is_dino"]));
    });
}

#[test]
fn a_schema_that_is_wrong_takes_nothing_with_it() {
    on_both_wires(|wire| {
        let schemas = [
            "not json",
            "[]",
            r#"{"nobody": {"title": "x"}}"#,
            r#"{"age": {"minimum": "x"}}"#,
            r#"{"age": {"pattern": "x"}}"#,
            r#"{"required": ["nobody"]}"#,
            r#"{"name": {"maximum": 3}}"#,
        ];
        let sets = schemas.map(|schema| HELLO.into_iter().chain([(SCHEMA, schema)]).collect());
        let site = site(wire, &sets);
        for (number, schema) in schemas.into_iter().enumerate() {
            let (_, told) = args(&site, number);
            assert!(told.len() == 1 && (told[0].contains(SCHEMA) || told[0].contains('`')), "{schema}: {told:?}");
            let passed = site.ask(&get(&format!("/container/run/argv.{number}.sif?age=1"))).json();
            assert_eq!(passed, json!(["--age", "1"]), "{schema}");
        }
    });
}

#[test]
fn output_label_gives_the_media_type() {
    let sandbox = Some("sandbox; default-src 'none'");
    on_both_wires(|wire| {
        let types = ["image/png", "image/svg+xml", "text/csv", "application/pdf"];
        let mut site = Site::new(wire);
        for (number, media) in types.into_iter().enumerate() {
            let name = format!("print.{number}.sif");
            site = site.prints(&name, b"a,b\n1,2\n").image(&name, &[(OUTPUT, media)]);
        }
        for (number, media) in types.into_iter().enumerate() {
            for accept in ["*/*", media, "application/json"] {
                let answer = site.ask(&get(&format!("/container/run/print.{number}.sif")).accept(accept));
                assert!([media, &format!("{media}; charset=utf-8")].contains(&answer.media()), "{}", answer.media());
                assert_eq!((answer.header("Content-Security-Policy"), answer.text().as_str()), (sandbox, "a,b\n1,2\n"));
            }
        }
        // what is declared comes first, also where a JSON reader would take it, with a parameter or without
        let mut labels = HELLO.to_vec();
        labels.push((OUTPUT, "text/csv; charset=utf-8"));
        assert_eq!(Site::new(wire).image("argv.sif", &labels).ask(&get(RUN)).media(), "text/csv; charset=utf-8");
        labels.pop();
        labels.push((OUTPUT, "application/json"));
        assert_eq!(Site::new(wire).image("argv.sif", &labels).ask(&get(RUN)).media(), JSON);
        // what is not on the list is a warning
        let site = Site::new(wire).prints("print.sif", b"<p>").image("print.sif", &[(OUTPUT, "text/html")]);
        assert_eq!(site.ask(&get("/container/run/print.sif")).media(), TEXT);
        let page = site.ask(&get("/container/print.sif")).json();
        assert!(page["warnings"][0].as_str().is_some_and(|told| told.contains(OUTPUT)), "{page}");
    });
}

#[test]
fn output_of_a_picture_is_shown_on_the_page() {
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.sif", b"\x89PNG").image("print.sif", &[(OUTPUT, "image/png")]);
        let page = site.ask(&get("/container/run/print.sif").accept(BROWSER)).good();
        assert!(page.contains("src=\"data:image/png;base64,iVBORw==\""), "{page}");
    });
}

#[test]
fn max_age_label_gives_a_lifetime_to_good_answers_only() {
    on_both_wires(|wire| {
        let ages = ["60", "-1", "1e3", "soon", "31536001", "60 s"];
        let site = site(wire, &ages.map(|age| vec![(MAX_AGE, age)])).image("exit-3.sif", &[(MAX_AGE, "60")]);
        let cache = |image: &str| {
            let answer = site.ask(&get(&format!("/container/run/{image}")));
            answer.header("Cache-Control").map(str::to_owned)
        };
        assert_eq!(cache("argv.0.sif").as_deref(), Some("public, max-age=60"));
        assert_eq!(args(&site, 0).1, [""; 0]);
        for (number, age) in ages.iter().enumerate().skip(1) {
            assert_eq!(cache(&format!("argv.{number}.sif")).as_deref(), Some("no-store"), "{age}");
            assert_eq!(args(&site, number).1.len(), 1, "{age}");
        }
        for accept in ["*/*", ENVELOPE, EVENTS, BROWSER] {
            let failed = site.ask(&get("/container/run/exit-3.sif").accept(accept));
            assert_eq!(failed.header("Cache-Control"), Some("no-store"), "a failure is not kept: {accept}");
        }
        assert_eq!(hello(wire).ask(&get(RUN)).header("Cache-Control"), Some("no-store"));
    });
}
