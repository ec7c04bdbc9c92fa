//! Labels → specification.

use proptest::prelude::*;

use super::{DINO, spec};
use crate::args::bounds::{MAX_ARGUMENTS, MAX_WARNINGS};
use crate::args::{ArgName, ArgType, Warning};

const STR: &str = "SINGULARITY_RUNSCRIPT_ARG_STR";
const INT: &str = "SINGULARITY_RUNSCRIPT_ARG_INT";

fn names(labels: &[(&str, &str)]) -> Vec<String> {
    let name = |arg: &crate::args::Arg| format!("{}:{}", arg.kind, arg.name);
    spec(labels).args().iter().map(name).collect()
}

#[test]
fn the_types_order_is_fixed_and_names_keep_theirs() {
    let labels = [
        ("SINGULARITY_RUNSCRIPT_ARG_BOOL", "q"),
        ("SINGULARITY_RUNSCRIPT_ARG_FLOAT", "w"),
        (INT, "z,a"),
        (STR, "name,ice-cream"),
    ];
    assert_eq!(names(&labels), ["str:name", "str:ice-cream", "int:z", "int:a", "float:w", "bool:q"]);
}

#[test]
fn names_by_kind_has_always_four_keys() {
    let text = |labels: &[(&str, &str)]| serde_json::to_string(&spec(labels).names_by_type()).unwrap();
    assert_eq!(text(&DINO), r#"{"str":["name"],"int":["age"],"float":["weight"],"bool":["is_dino"]}"#);
    assert_eq!(text(&[]), r#"{"str":[],"int":[],"float":[],"bool":[]}"#);
}

#[test]
fn label_names_count_upper_cased() {
    assert_eq!(names(&[("singularity_Runscript_arg_str", "Name")]), ["str:Name"]);
    let twice = spec(&[("singularity_runscript_arg_str", "a"), (STR, "b")]);
    assert_eq!(twice.args().len(), 1);
    assert_eq!(twice.args()[0].name.as_str(), "a");
    assert_eq!(twice.warnings(), [Warning::LabelTwice(STR)]);
}

#[test]
fn white_space_empty_and_repeated_names_are_dropped() {
    let found = spec(&[(STR, " name ,,\tice-cream, name,\n")]);
    assert_eq!(found.names_by_type().str, ["name", "ice-cream"]);
    assert_eq!(found.warnings(), []);
    assert_eq!(spec(&[(STR, "")]), spec(&[]));
    assert_eq!(spec(&[("MAINTAINER", "Vanessa"), ("", "")]), spec(&[]));
}

#[test]
fn a_name_of_two_types_is_refused_altogether() {
    let found = spec(&[(STR, "a,b"), (INT, "b,c,b"), ("SINGULARITY_RUNSCRIPT_ARG_BOOL", "b")]);
    assert_eq!(found.names_by_type().str, ["a"]);
    assert_eq!(found.names_by_type().int, ["c"]);
    assert!(found.names_by_type().bool.is_empty());
    assert_eq!(found.warnings(), [Warning::TwoTypes { name: "b".into(), first: ArgType::Str, second: ArgType::Int }]);
}

#[test]
fn hostile_names_are_dropped_with_a_short_warning() {
    let long = "x".repeat(10_000);
    for name in ["--", "-x", "a b", "1a", "é", "a=b", "a\0", "a;b", "a\u{202e}", "$(id)", &long, &"x".repeat(65)] {
        let found = spec(&[(STR, &format!("good,{name}"))]);
        assert_eq!(found.names_by_type().str, ["good"], "{name}");
        let [warning] = found.warnings() else { panic!("{name}: {:?}", found.warnings()) };
        let text = warning.to_string();
        assert!(text.starts_with("SINGULARITY_RUNSCRIPT_ARG_STR: `") && text.chars().count() < 250, "{text}");
        assert!(!text.contains(['\0', '\u{202e}']));
    }
    assert!(ArgName::new(&"x".repeat(64)).is_some());
    assert!(ArgName::new("_").is_some() && ArgName::new("").is_none());
}

#[test]
fn ten_thousand_names_stay_bounded() {
    let bad: Vec<String> = (0..10_000).map(|number| format!("-{number}")).collect();
    let found = spec(&[(STR, &bad.join(",")), (INT, "age")]);
    assert_eq!(found.names_by_type().int, ["age"]);
    assert_eq!(found.warnings().len(), MAX_WARNINGS + 1);
    assert_eq!(found.warnings().last(), Some(&Warning::More(10_000 - MAX_WARNINGS)));

    let good: Vec<String> = (0..10_000).map(|number| format!("a{number}")).collect();
    let found = spec(&[(STR, &good.join(","))]);
    assert_eq!(found.args().len(), MAX_ARGUMENTS);
    assert_eq!(found.warnings(), [Warning::TooManyArguments(10_000 - MAX_ARGUMENTS)]);
}

#[test]
fn a_label_that_looks_like_ours_is_named() {
    let found = spec(&[("singularity_runscript_arg_string", "name")]);
    assert_eq!(found.warnings(), [Warning::UnknownLabel("singularity_runscript_arg_string".into())]);
    let found = spec(&[("APPTAINER_RUNSCRIPT_ARG_STR", "name"), ("Maintainer", "Amy")]);
    let meant = "SINGULARITY_RUNSCRIPT_ARG_STR";
    assert_eq!(found.warnings(), [Warning::NearMiss { name: "APPTAINER_RUNSCRIPT_ARG_STR".into(), meant }]);
    assert!(found.args().is_empty());
    let found = spec(&[(meant, "name, \\"), ("other", "")]);
    assert_eq!(found.warnings(), [Warning::Continued(meant)]);
    assert_eq!(found.args().len(), 1);
}

#[test]
fn output_types_come_from_a_list() {
    let output = |text| spec(&[("SINGULARITY_RUNSCRIPT_OUTPUT", text)]);
    for text in
        ["image/png", "image/svg+xml", "text/csv", "application/json", "application/pdf", "application/octet-stream"]
    {
        let found = output(text);
        assert_eq!((found.output().map(|it| it.as_str()), found.warnings().len()), (Some(text), 0));
    }
    for text in [
        "text/csv; charset=utf-8",
        "Text/CSV;charset=\"UTF-8\"",
        "text/csv; header=present; charset=us-ascii",
        "text/csv;",
    ] {
        let found = output(text);
        assert_eq!((found.output().map(|it| it.as_str()), found.warnings().len()), (Some("text/csv"), 0), "{text}");
    }
    assert_eq!(output(" Image/PNG ").output().unwrap().as_str(), "image/png");
    for text in [
        "text/html",
        "application/xhtml+xml",
        "text/xml",
        "text/javascript",
        "image/png\r\nX: y",
        "text/csv; charset=utf-7",
        "text/csv; charset",
        "*/*",
    ] {
        let found = output(text);
        assert_eq!((found.output(), found.warnings().len()), (None, 1), "{text}");
        assert!(!found.warnings()[0].to_string().contains('\n'));
    }
    assert_eq!(output(" ").warnings(), []);
}

#[test]
fn max_age_is_a_bounded_number_of_seconds() {
    let age = |text| spec(&[("SINGULARITY_RUNSCRIPT_MAX_AGE", text)]);
    for (text, seconds) in [("0", 0), (" 60 ", 60), ("31536000", 31_536_000)] {
        assert_eq!(age(text).max_age(), Some(seconds));
    }
    for text in ["31536001", "-1", "+1", "1e3", "1.0", "٣", "99999999999999999999", "60s"] {
        assert_eq!((age(text).max_age(), age(text).warnings().len()), (None, 1), "{text}");
    }
}

proptest! {
    #[test]
    fn any_labels_give_a_sound_specification(
        labels in proptest::collection::vec(
            (proptest::sample::select(vec![STR, INT, "SINGULARITY_RUNSCRIPT_ARG_BOOL", "SINGULARITY_RUNSCRIPT_ARG_SCHEMA", "x"]),
             "([a-c ,_-]|\\PC){0,20}|\\{(\"[ab]\":\\{?\\PC{0,9}\\}?){0,2}\\}"), 0..6),
    ) {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let found = spec(&labels);
        for arg in found.args() {
            prop_assert!(ArgName::new(arg.name.as_str()).is_some());
            prop_assert_eq!(found.args().iter().filter(|other| other.name == arg.name).count(), 1);
        }
        prop_assert!(found.warnings().len() <= MAX_WARNINGS + 1);
        for warning in found.warnings() {
            prop_assert!(!warning.to_string().contains(char::is_control));
        }
    }
}
