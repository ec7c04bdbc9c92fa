//! The schema label: each keyword, and each way to get it wrong.

use serde_json::json;

use super::dino;
use crate::args::bounds::{MAX_CHOICES, MAX_SCHEMA_BYTES};
use crate::args::{Arg, ArgSpec};

fn arg<'a>(spec: &'a ArgSpec, name: &str) -> &'a Arg {
    spec.get(name).unwrap()
}

fn warnings(spec: &ArgSpec) -> Vec<String> {
    spec.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn every_keyword_is_kept() {
    let spec = dino(
        r#"{"name": {"title": "Name", "description": "Who?", "default": "Amy", "enum": ["Amy", "Bob"],
                     "examples": ["Bob"], "maxLength": 3},
            "age": {"minimum": -1, "maximum": 150, "default": 10},
            "weight": {"minimum": 0, "maximum": 1e3, "default": 0.1, "enum": [0.1, 5]},
            "is_dino": {"default": false, "description": "Rawr"},
            "required": ["age"]}"#,
    );
    assert_eq!(warnings(&spec), [""; 0]);
    let name = arg(&spec, "name");
    assert_eq!((name.title.as_deref(), name.description.as_deref()), (Some("Name"), Some("Who?")));
    assert_eq!((&name.choices, &name.examples), (&vec![json!("Amy"), json!("Bob")], &vec![json!("Bob")]));
    assert_eq!((&name.default, name.max_length, name.required), (&Some(json!("Amy")), Some(3), false));
    let age = arg(&spec, "age");
    assert_eq!((&age.minimum, &age.maximum), (&Some((-1).into()), &Some(150.into())));
    assert!(age.required);
    let weight = arg(&spec, "weight");
    assert_eq!(weight.maximum.as_ref().and_then(|number| number.as_f64()), Some(1000.0));
    assert_eq!(weight.choices, [json!(0.1), json!(5)]);
    assert_eq!(arg(&spec, "is_dino").default, Some(json!(false)));
}

/// One wrong keyword beside a good one: it is named, and only it is lost.
#[test]
fn a_wrong_keyword_is_named_and_ignored() {
    let rows = [
        ("name", r#""minimum": 1"#),
        ("name", r#""default": 5"#),
        ("name", r#""default": "a b""#),
        ("name", r#""default": "-x""#),
        ("name", r#""default": """#),
        ("name", r#""maxLength": 0"#),
        ("name", r#""maxLength": 1025"#),
        ("name", r#""maxLength": "3""#),
        ("name", r#""maxLength": 2.5"#),
        ("name", r#""enum": []"#),
        ("name", r#""enum": "Amy""#),
        ("name", r#""pattern": "^a""#),
        ("name", r#""title": 5"#),
        ("name", r#""title": "\u001b[2J""#),
        ("name", r#""title": "\ud800""#),
        ("age", r#""minimum": "1""#),
        ("age", r#""minimum": 0.5"#),
        ("age", r#""minimum": 1e3"#),
        ("age", r#""maximum": 9223372036854775808"#),
        ("age", r#""maxLength": 5"#),
        ("age", r#""default": 1.5"#),
        ("age", r#""default": true"#),
        ("age", r#""examples": [[]]"#),
        ("weight", r#""maximum": 1e999"#),
        ("weight", r#""minimum": null"#),
        ("weight", r#""default": "5""#),
        ("is_dino", r#""enum": [true]"#),
        ("is_dino", r#""minimum": 0"#),
        ("is_dino", r#""default": "yes""#),
    ];
    for (name, member) in rows {
        let spec = dino(&format!(r#"{{"{name}": {{{member}, "description": "kept"}}}}"#));
        let keyword = member.split('"').nth(1).unwrap();
        let start = format!("SINGULARITY_RUNSCRIPT_ARG_SCHEMA: `{keyword}` of argument `{name}` is ignored: ");
        let told = warnings(&spec);
        assert!(!told.is_empty() && told.iter().all(|text| text.starts_with(&start)), "{member}: {told:?}");
        let mut left = arg(&spec, name).clone();
        assert_eq!(left.description.take().as_deref(), Some("kept"), "{member}");
        assert_eq!(&left, arg(&dino("{}"), name), "{member}");
    }
}

#[test]
fn bounds_judge_choices_and_defaults() {
    let spec = dino(
        r#"{"age": {"default": 200, "examples": [5, -5, 50], "enum": [5, 50, 500], "maximum": 100, "minimum": 0}}"#,
    );
    let age = arg(&spec, "age");
    assert_eq!((&age.choices, &age.examples), (&vec![json!(5), json!(50)], &vec![json!(5), json!(50)]));
    assert_eq!(age.default, None);
    assert_eq!(warnings(&spec).len(), 3);

    let spec = dino(r#"{"age": {"minimum": 5, "maximum": 4}}"#);
    assert_eq!((&arg(&spec, "age").minimum, &arg(&spec, "age").maximum), (&Some(5.into()), &None));
    assert!(warnings(&spec)[0].contains("`maximum` of argument `age`"));

    let spec = dino(r#"{"name": {"maxLength": 3, "default": "Amyx", "enum": ["Zoë", "Anna"]}}"#);
    assert_eq!((&arg(&spec, "name").choices, warnings(&spec).len()), (&vec![json!("Zoë")], 2));
}

/// A slip in one choice must not open the argument to every value.
#[test]
fn of_an_enum_only_wrong_values_are_dropped() {
    let spec = dino(r#"{"name": {"enum": ["red", "dark red", "-x", "two\nlines", 5, ""]}}"#);
    assert_eq!(arg(&spec, "name").choices, [json!("red"), json!("dark red")]);
    assert_eq!(warnings(&spec).len(), 4);
    let spec = dino(r#"{"is_dino": {"default": true}, "age": {"default": 5}}"#);
    assert_eq!(arg(&spec, "is_dino").default, None);
    assert!(warnings(&spec)[0].contains("a flag that is left out is not set"), "{:?}", warnings(&spec));
    assert_eq!(arg(&dino(r#"{"is_dino": {"default": false}}"#), "is_dino").default, Some(json!(false)));
}

#[test]
fn names_that_are_not_declared_are_told() {
    let spec = dino(r#"{"agee": {"minimum": 1}, "required": ["age", "nobody", 5], "age": {"minimum": 1}}"#);
    assert!(arg(&spec, "age").required && arg(&spec, "age").minimum.is_some());
    let told = warnings(&spec);
    assert_eq!(told.len(), 3);
    assert!(told[0].contains("`agee`") && told[1].contains("`nobody`") && told[2].contains("`5`"));
    assert_eq!(warnings(&dino(r#"{"required": true}"#)).len(), 1);
}

#[test]
fn an_argument_may_be_called_required() {
    let labels = [
        ("SINGULARITY_RUNSCRIPT_ARG_STR", "required"),
        ("SINGULARITY_RUNSCRIPT_ARG_SCHEMA", r#"{"required": {"title": "Need"}}"#),
    ];
    let spec = super::spec(&labels);
    assert_eq!(arg(&spec, "required").title.as_deref(), Some("Need"));
    assert_eq!(spec.warnings(), []);
}

#[test]
fn a_label_that_is_no_object_is_ignored_as_a_whole() {
    let long = format!("{{\"name\": {{\"title\": \"{}\"}}}}", "x".repeat(MAX_SCHEMA_BYTES));
    let deep = "[".repeat(50_000);
    let deep_inside = format!("{{\"name\": {{\"default\": {}1{}}}}}", "[".repeat(20_000), "]".repeat(20_000));
    for text in ["{", "[]", "5", "null", "{} x", "{'a': 1}", "{\"name\": {\"title\": }}", &long, &deep, &deep_inside] {
        let spec = dino(text);
        assert_eq!(spec.args(), dino("").args(), "{text:.40}");
        assert_eq!(warnings(&spec).len(), 1, "{text:.40}");
    }
    assert_eq!(warnings(&dino(" ")), [""; 0]);
}

#[test]
fn repetitions_and_floods_are_bounded() {
    let spec = dino(r#"{"name": {"title": "a", "title": "b"}, "name": {"title": "c"}, "age": 5}"#);
    assert_eq!(arg(&spec, "name").title.as_deref(), Some("a"));
    assert_eq!(warnings(&spec).len(), 3);

    let many: Vec<String> = (0..5_000).map(|number| format!("\"x{number}\":{{}}")).collect();
    let spec = dino(&format!("{{{}}}", many.join(",")));
    assert!(warnings(&spec).len() <= 33 && warnings(&spec).iter().all(|text| text.len() < 400));

    let choices: Vec<String> = (0..=MAX_CHOICES).map(|number| number.to_string()).collect();
    let spec = dino(&format!("{{\"age\": {{\"enum\": [{}]}}}}", choices.join(",")));
    assert!(arg(&spec, "age").choices.is_empty() && warnings(&spec).len() == 1);
}
