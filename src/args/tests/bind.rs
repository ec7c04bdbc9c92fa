//! Specification and input → arguments: the visitor's side of the contract, row by row.

use proptest::prelude::*;
use unicode_normalization::char::is_combining_mark;

use super::{DINO, bind_input, dino, json, query, rejected, spec, words};
use crate::args::bounds::{MAX_BODY_BYTES, MAX_PARAMETERS, MAX_QUERY_BYTES};
use crate::args::{
    ArgSpec, Arguments, BindError, BindReport, Blank, ExtraCharacters, Input, InputError, SanitiseMode, SanitisePolicy,
};

fn argv(result: Result<Arguments, BindError>) -> Vec<String> {
    result.unwrap().argv().to_vec()
}

fn form(spec: &ArgSpec, text: &str, blank: Blank) -> Result<Arguments, BindError> {
    bind_input(spec, Input::Form { text: text.as_bytes(), blank }, &SanitisePolicy::default())
}

fn given(report: &BindReport) -> Vec<(&str, &str)> {
    report.given().iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// The error of an input that is not read.
fn failed(input: Input) -> InputError {
    match bind_input(&spec(&DINO), input, &SanitisePolicy::default()) {
        Err(BindError::Input(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_of_2017() {
    let spec = spec(&DINO);
    let result = query(&spec, "is_dino=no&weight=1e3&evil=1&age=-5&name=Amy").unwrap();
    assert_eq!(result.argv(), ["--name", "Amy", "--age", "-5", "--weight", "1e3", "--is_dino"]);
    assert_eq!(result.report().ignored(), ["evil"]);
    assert_eq!(result.report().changed(), []);
    assert_eq!(argv(query(&spec, "")), [""; 0]);
    assert_eq!(argv(query(&spec, "&&")), [""; 0]);
}

#[test]
fn an_image_without_labels_takes_nothing() {
    let result = query(&spec(&[]), "name=Amy&-x&--bind=/:/h").unwrap();
    assert_eq!(result.argv(), [""; 0]);
    assert_eq!(result.report().ignored(), ["name", "-x", "--bind"]);
}

#[test]
fn a_flag_is_passed_whatever_its_value() {
    for text in ["is_dino", "is_dino=", "is_dino=yes", "is_dino=false", "is_dino=%00", "is_dino=%ff"] {
        assert_eq!(argv(query(&spec(&DINO), text)), ["--is_dino"], "{text}");
    }
    let text = r#"{"is_dino": true}"#;
    assert_eq!(argv(json(&spec(&DINO), text)), ["--is_dino"]);
    for text in [r#"{"is_dino": false}"#, r#"{"is_dino": null}"#, "{}"] {
        assert_eq!(argv(json(&spec(&DINO), text)), [""; 0], "{text}");
    }
}

#[test]
fn all_errors_at_once_in_the_order_of_the_labels() {
    let one = rejected(query(&spec(&DINO), "weight=nan&name=Amy&is_dino"));
    assert_eq!(one.others(), ["--name", "Amy", "--is_dino"], "to be shown");
    let result = query(&spec(&DINO), "weight=nan&age=abc&name=$&x=1&is_dino=1&is_dino=1");
    let told = rejected(result.clone());
    assert_eq!(
        words(result),
        ["name: nothing-left", "age: not-an-integer", "weight: not-a-number", "is_dino: given-twice"]
    );
    assert_eq!(told.errors()[1].to_string(), "age: write a whole number in decimal digits");
    assert_eq!(told.report().ignored(), ["x"]);
    assert_eq!(given(told.report()), [("name", "$"), ("age", "abc"), ("weight", "nan"), ("is_dino", "1")]);
}

#[test]
fn stripping_is_never_silent() {
    let result = query(&spec(&DINO), "name=%24(id)+-x").unwrap();
    assert_eq!(result.argv(), ["--name", "id-x"]);
    let [change] = result.report().changed() else { panic!("one change") };
    assert_eq!((change.name.as_str(), &*change.before, &*change.after), ("name", "$(id) -x", "id-x"));
    assert_eq!(given(result.report()), [("name", "$(id) -x")]);
    assert_eq!(serde_json::to_string(change).unwrap(), r#"{"name":"name","before":"$(id) -x","after":"id-x"}"#);

    let policy = SanitisePolicy { mode: SanitiseMode::Reject, ..SanitisePolicy::default() };
    let input = Input::Query { text: b"name=a;b", blank: Blank::Value };
    assert_eq!(words(bind_input(&spec(&DINO), input, &policy)), ["name: not-allowed-characters"]);
}

#[test]
fn given_twice_is_refused_on_every_way() {
    for text in ["age=1&age=2", "age=1&age=1", "age=&age=1", "%61ge=1&age=2"] {
        assert_eq!(words(query(&spec(&DINO), text)), ["age: given-twice"], "{text}");
        assert_eq!(words(form(&spec(&DINO), text, Blank::Value)), ["age: given-twice"], "{text}");
    }
    for text in [r#"{"age": 1, "age": 2}"#, r#"{"age": null, "age": 2}"#, r#"{"\u0061ge": 1, "age": null}"#] {
        assert_eq!(words(json(&spec(&DINO), text)), ["age: given-twice"], "{text}");
    }
    let result = query(&spec(&DINO), "x=1&x=2").unwrap();
    assert_eq!(result.report().ignored(), ["x"]);
}

#[test]
fn a_blank_is_a_value_unless_the_caller_says_that_a_form_was_sent() {
    let text = "name=&age=&weight=&is_dino=";
    assert_eq!(words(form(&spec(&DINO), text, Blank::Value)), ["name: empty", "age: empty", "weight: empty"]);
    let result = form(&spec(&DINO), text, Blank::Absent).unwrap();
    assert_eq!(result.argv(), ["--is_dino"]);
    assert_eq!(given(result.report()), [("is_dino", "")]);
    assert_eq!(argv(form(&spec(&DINO), "age=&age=5", Blank::Absent)), ["--age", "5"]);
    let required = dino(r#"{"required": ["age"]}"#);
    assert_eq!(words(form(&required, "age=", Blank::Absent)), ["age: required"]);
}

#[test]
fn bytes_that_are_no_text_are_refused_by_name() {
    for (text, word) in [
        ("%ff", "not-text"),
        ("a%c3", "not-text"),
        ("%ed%a0%80", "not-text"),
        ("%00", "control-character"),
        ("a%0Ab", "control-character"),
        ("%1b[2J", "control-character"),
        ("%C2%85", "control-character"),
    ] {
        assert_eq!(words(query(&spec(&DINO), &format!("name={text}"))), [format!("name: {word}")], "{text}");
    }
    let raw = Input::Form { text: b"name=\xff", blank: Blank::Value };
    assert_eq!(words(bind_input(&spec(&DINO), raw, &SanitisePolicy::default())), ["name: not-text"]);
    let told = rejected(query(&spec(&DINO), "name=a%00b"));
    assert_eq!(given(told.report()), [("name", "a\u{fffd}b")]);
    // In what is ignored they do no harm, and are shown escaped.
    let result = query(&spec(&DINO), "a%0ab%1b=%ff&%ff=1").unwrap();
    assert_eq!(result.report().ignored(), ["a\\nb\\u{1b}", "\u{fffd}"]);
    let long = query(&spec(&DINO), &"x".repeat(8_000)).unwrap();
    assert_eq!(long.report().ignored()[0].chars().count(), 65);
}

#[test]
fn percent_signs_that_encode_nothing_are_text() {
    assert_eq!(argv(query(&spec(&DINO), "name=50%25zz%zz%")), ["--name", "50zzzz"]);
    let policy = SanitisePolicy { extra: ExtraCharacters::new("%=").unwrap(), ..SanitisePolicy::default() };
    let input = Input::Query { text: b"name=a=%zz", blank: Blank::Value };
    assert_eq!(argv(bind_input(&spec(&DINO), input, &policy)), ["--name", "a=%zz"]);
}

#[test]
fn json_numbers_are_judged_by_their_text() {
    let rows = [
        (r#"{"age": -5, "weight": 1e3, "name": "Amy"}"#, vec!["--name", "Amy", "--age", "-5", "--weight", "1e3"]),
        (r#"{"weight": 10000000000000000000000}"#, vec!["--weight", "10000000000000000000000"]),
        (r#"{"weight": 0.10}"#, vec!["--weight", "0.10"]),
        (r#"{"weight": -1.5E-3}"#, vec!["--weight", "-0.0015"]),
        (r#"{"age": 5.0}"#, vec!["--age", "5"]),
        (r#"{"age": -9223372036854775808.00}"#, vec!["--age", "-9223372036854775808"]),
        (r#"{"age": "-5", "weight": "1e3"}"#, vec!["--age", "-5", "--weight", "1e3"]),
        (r#" {"age" : null , "name":"\u00e9"} "#, vec!["--name", "é"]),
    ];
    for (text, expected) in rows {
        assert_eq!(argv(json(&spec(&DINO), text)), expected, "{text}");
    }
}

#[test]
fn json_of_the_wrong_type_is_refused() {
    let rows = [
        (r#"{"name": 5}"#, "name: wrong-type"),
        (r#"{"name": true}"#, "name: wrong-type"),
        (r#"{"name": ["Amy"]}"#, "name: wrong-type"),
        (r#"{"name": "\u0000"}"#, "name: control-character"),
        (r#"{"name": "\ud800"}"#, "name: not-text"),
        (r#"{"age": 1e3}"#, "age: not-an-integer"),
        (r#"{"age": 1.5}"#, "age: not-an-integer"),
        (r#"{"age": 1.0e1}"#, "age: not-an-integer"),
        (r#"{"age": "1.0"}"#, "age: not-an-integer"),
        (r#"{"age": 9223372036854775808.0}"#, "age: integer-out-of-range"),
        (r#"{"age": 10000000000000000000}"#, "age: integer-out-of-range"),
        (r#"{"age": "1 0"}"#, "age: not-an-integer"),
        (r#"{"age": false}"#, "age: wrong-type"),
        (r#"{"weight": 1e999}"#, "weight: number-out-of-range"),
        (r#"{"weight": "nan"}"#, "weight: not-a-number"),
        (r#"{"weight": {}}"#, "weight: wrong-type"),
        (r#"{"is_dino": "yes"}"#, "is_dino: wrong-type"),
        (r#"{"is_dino": 1}"#, "is_dino: wrong-type"),
    ];
    for (text, expected) in rows {
        assert_eq!(words(json(&spec(&DINO), text)), [expected], "{text}");
    }
    let result = json(&spec(&DINO), r#"{"evil": [[[1]]], "name": "Amy"}"#).unwrap();
    assert_eq!((result.argv().len(), result.report().ignored()), (2, &["evil".to_owned()][..]));
}

#[test]
fn the_authors_bounds_are_kept() {
    let spec = dino(
        r#"{"name": {"enum": ["red", "a/b"], "maxLength": 5}, "age": {"minimum": 0, "maximum": 150},
            "weight": {"minimum": 0.1, "enum": [0.1, 1000]}, "required": ["age", "is_dino"]}"#,
    );
    assert_eq!(
        argv(query(&spec, "age=150&weight=1e3&is_dino&name=re;d")),
        ["--name", "red", "--age", "150", "--weight", "1e3", "--is_dino"]
    );
    let rows = [
        ("is_dino&age=-1", "age: below-minimum"),
        ("is_dino&age=151", "age: above-maximum"),
        ("is_dino&weight=5", "age: required|weight: not-one-of"),
        ("age=5", "is_dino: required"),
        ("is_dino&age=5&weight=0.09", "weight: below-minimum"),
        ("is_dino&age=5&name=blue", "name: not-one-of"),
        ("is_dino&age=5&name=bluish", "name: too-long"),
    ];
    for (text, expected) in rows {
        assert_eq!(words(query(&spec, text)).join("|"), expected, "{text}");
    }
    assert_eq!(words(json(&spec, r#"{"age": null, "is_dino": false}"#)), ["age: required", "is_dino: required"]);
    assert_eq!(argv(query(&spec, "is_dino&age=5&name=a/b")), ["--name", "a/b", "--age", "5", "--is_dino"]);
    // A default is shown, not passed.
    assert_eq!(argv(query(&dino(r#"{"age": {"default": 5}}"#), "")), [""; 0]);
}

#[test]
fn inputs_are_bounded_before_they_are_read() {
    let spec = spec(&DINO);
    let blank = Blank::Value;
    let long = "x".repeat(200_000);
    assert_eq!(failed(Input::Query { text: long.as_bytes(), blank }), InputError::QueryTooLong);
    assert_eq!(failed(Input::Query { text: &long.as_bytes()[..=MAX_QUERY_BYTES], blank }), InputError::QueryTooLong);
    assert_eq!(failed(Input::Form { text: &long.as_bytes()[..=MAX_BODY_BYTES], blank }), InputError::BodyTooLong);
    assert_eq!(failed(Input::Json(long.as_bytes())), InputError::BodyTooLong);
    let many = "a&".repeat(MAX_PARAMETERS);
    assert!(query(&spec, &many).is_ok());
    assert_eq!(failed(Input::Query { text: format!("{many}a").as_bytes(), blank }), InputError::TooMany);
    assert_eq!(failed(Input::Form { text: "x=1&".repeat(5_000).as_bytes(), blank }), InputError::TooMany);
    let members: Vec<String> = (0..=MAX_PARAMETERS).map(|number| format!("\"{number}\":0")).collect();
    assert_eq!(failed(Input::Json(format!("{{{}}}", members.join(",")).as_bytes())), InputError::TooMany);
    let value = format!("name={}", "x".repeat(64_000));
    assert_eq!(words(form(&spec, &value, blank)), ["name: too-long"]);
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    assert!(json(&spec, &deep).is_ok());
}

#[test]
fn bodies_that_are_no_object_are_refused_as_a_whole() {
    let error = |text: &[u8]| failed(Input::Json(text));
    for text in [&b"[]"[..], b"5", b"\"a\"", b"null", b"true"] {
        assert_eq!(error(text), InputError::NotAnObject, "{text:?}");
    }
    for text in [
        &b""[..],
        b"{",
        b"{\"age\":}",
        b"{} {}",
        b"name=Amy",
        b"{\"age\":01}",
        b"{\"age\":+1}",
        b"{\"age\":NaN}",
        b"{'a':1}",
        b"{\"\\ud800\":1}",
    ] {
        assert!(matches!(error(text), InputError::NotJson { .. }), "{text:?}");
    }
    assert_eq!(error(b"{\n \"age\": \xff}"), InputError::NotUtf8 { line: 2, column: 9 });
    assert_eq!(
        error("{\"name\": \"Zo\u{eb}\"}".chars().map(|c| c as u8).collect::<Vec<u8>>().as_slice()),
        InputError::NotUtf8 { line: 1, column: 13 }
    );
    assert_eq!(error(b"{\n \"age\": x}"), InputError::NotJson { line: 2, column: 9 });
}

/// What an author offers passes as the author wrote it, by every way and whatever the site allows; nothing else does.
#[test]
fn a_choice_passes_as_its_author_wrote_it() {
    let spec = dino(r#"{"name": {"enum": ["C++", "New York", "a/b", "R&D", "Zoë", "$(id)"], "default": "New York"}}"#);
    assert_eq!(spec.warnings(), []);
    for mode in [SanitiseMode::Strip, SanitiseMode::Reject] {
        let policy = SanitisePolicy { mode, ..SanitisePolicy::default() };
        for (sent, passed) in [
            ("C%2B%2B", "C++"),
            ("New+York", "New York"),
            ("New%20York", "New York"),
            ("a/b", "a/b"),
            ("R%26D", "R&D"),
            ("Zoe%CC%88", "Zoë"),
            ("%24(id)", "$(id)"),
        ] {
            let text = format!("name={sent}");
            let bound =
                bind_input(&spec, Input::Query { text: text.as_bytes(), blank: Blank::Value }, &policy).unwrap();
            assert_eq!(
                (bound.argv(), bound.report().changed()),
                (&["--name".to_owned(), passed.to_owned()][..], &[][..])
            );
        }
        let bound = bind_input(&spec, Input::Json(br#"{"name": "R&D"}"#), &policy).unwrap();
        assert_eq!(bound.argv(), ["--name", "R&D"]);
        for text in ["name=New%20york", "name=C%2B", "name=%24(id)x"] {
            let input = Input::Query { text: text.as_bytes(), blank: Blank::Value };
            assert!(bind_input(&spec, input, &policy).is_err(), "{text}");
        }
    }
}

#[test]
fn accents_pass_however_they_are_encoded() {
    let bound = query(&spec(&DINO), "name=Zoe%CC%88").unwrap();
    assert_eq!((bound.argv(), bound.report().changed()), (&["--name".to_owned(), "Zoë".to_owned()][..], &[][..]));
    // a letter for which there is no single character keeps its mark; a mark without a letter is none of a word
    let bound = query(&spec(&DINO), "name=q%CC%88%CC%A3").unwrap();
    assert_eq!(bound.argv()[1].chars().count(), 3);
    let bound = query(&spec(&DINO), "name=%CC%88a").unwrap();
    assert_eq!((bound.argv()[1].as_str(), bound.report().changed().len()), ("a", 1));
}

#[test]
fn a_byte_order_mark_before_json_is_skipped() {
    let input = Input::Json(b"\xef\xbb\xbf{\"age\": 5}");
    assert_eq!(argv(bind_input(&spec(&DINO), input, &SanitisePolicy::default())), ["--age", "5"]);
}

/// Each word of an argv is a declared option or a harmless value behind one.
fn is_sound(argv: &[String], extra: &str) -> bool {
    let mut rest = argv.iter();
    while let Some(option) = rest.next() {
        let good = match option.as_str() {
            "--name" => rest.next().is_some_and(|word| {
                !word.is_empty()
                    && !word.starts_with('-')
                    && word
                        .chars()
                        .all(|c| c.is_alphanumeric() || is_combining_mark(c) || "._-".contains(c) || extra.contains(c))
            }),
            "--age" => {
                rest.next().is_some_and(|text| text.parse::<i64>().is_ok_and(|number| number.to_string() == *text))
            }
            "--weight" => rest.next().is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite)),
            "--is_dino" => true,
            _ => false,
        };
        if !good {
            return false;
        }
    }
    true
}

const ANY_NAME: &str = r"name|age|weight|is_dino|n%61me|--x|\PC{0,5}";
const ANY_VALUE: &str = r"-?[0-9]{1,3}|-?[0-9]\.[0-9]e-?[0-9]{1,2}|([-$;`a-z%+ ]|%[0-9a-f]{2}|\PC){0,12}";
const ANY_JSON: &str = concat!(
    r#"\{("(name|age|weight|is_dino)":"#,
    r#"(-?[0-9]{1,20}|[0-9.eE+-]{1,8}|"\PC{0,9}"|true|null|\[\PC{0,3}),?){0,4}\}?"#
);

proptest! {
    #[test]
    fn nothing_else_reaches_an_argv(
        pairs in proptest::collection::vec(
            (ANY_NAME, ANY_VALUE), 0..6),
        blank in any::<bool>(),
    ) {
        let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let blank = if blank { Blank::Absent } else { Blank::Value };
        if let Ok(arguments) = form(&spec(&DINO), &text.join("&"), blank) {
            prop_assert!(is_sound(arguments.argv(), ""), "{:?}", arguments.argv());
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let policy = SanitisePolicy { extra: ExtraCharacters::new("=/").unwrap(), ..SanitisePolicy::default() };
        let blank = Blank::Value;
        let named = [b"name=", &bytes[..]].concat();
        for input in [Input::Query { text: &named, blank }, Input::Form { text: &bytes, blank }, Input::Json(&bytes)] {
            if let Ok(arguments) = bind_input(&spec(&DINO), input, &policy) {
                prop_assert!(is_sound(arguments.argv(), "=/"), "{:?}", arguments.argv());
            }
        }
    }

    #[test]
    fn any_json_text_is_survived(text in ANY_JSON) {
        if let Ok(arguments) = json(&spec(&DINO), &text) {
            prop_assert!(is_sound(arguments.argv(), ""), "{:?}", arguments.argv());
        }
    }
}
