//! The visitor's table: what each type lets pass, and how; what is ignored and changed; the order of the argv.

use serde_json::{Value, json};

use crate::support::request::ENVELOPE;
use crate::support::{Site, Wire, get, on_both_wires};
use crate::{BOOL, FLOAT, INT, RUN, STR, encoded, hello, passed};

/// What a GET with this value of this argument passes; or the machine word of the refusal.
fn told(site: &Site, name: &str, value: &str) -> Result<String, String> {
    let answer = site.ask(&get(&format!("{RUN}?{name}={}", encoded(value))));
    if answer.status == 200 {
        let words = answer.json();
        assert_eq!((&words[0], words.as_array().map(Vec::len)), (&json!(format!("--{name}")), Some(2)));
        return Ok(words[1].as_str().expect("a word").to_owned());
    }
    let (_, problem) = answer.problem(400);
    assert_eq!(problem["errors"][0]["name"], name);
    Err(problem["errors"][0]["code"].as_str().expect("a word").to_owned())
}

fn check(wire: Wire, name: &str, table: &[(&str, Result<&str, &str>)]) {
    let site = hello(wire);
    for (value, expected) in table {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(told(&site, name, value), expected, "{name}={value:?}");
    }
}

#[test]
fn int_is_a_sign_and_digits_that_fit() {
    let table = [
        ("10", Ok("10")),
        ("-5", Ok("-5")),
        ("+5", Ok("5")),
        ("0", Ok("0")),
        ("9223372036854775807", Ok("9223372036854775807")),
        ("-9223372036854775808", Ok("-9223372036854775808")),
        ("9223372036854775808", Err("integer-out-of-range")),
        ("-9223372036854775809", Err("integer-out-of-range")),
        ("1.0", Err("not-an-integer")),
        ("1e3", Err("not-an-integer")),
        ("0x10", Err("not-an-integer")),
        ("ten", Err("not-an-integer")),
        (" 1", Ok("1")),
        ("\u{a0}-1 ", Ok("-1")),
        ("1 000", Err("not-an-integer")),
        ("", Err("empty")),
    ];
    on_both_wires(|wire| check(wire, "age", &table));
}

#[test]
fn float_is_passed_as_typed_but_for_negative_exponents() {
    let table = [
        ("1.5", Ok("1.5")),
        ("1.50", Ok("1.50")),
        ("-1.5", Ok("-1.5")),
        (".5", Ok(".5")),
        ("3", Ok("3")),
        ("1e3", Ok("1e3")),
        ("2.5E-3", Ok("2.5E-3")),
        ("-1e3", Ok("-1000")),
        ("-2.5e-3", Ok("-0.0025")),
        ("-1.25e1", Ok("-12.5")),
        ("nan", Err("not-a-number")),
        ("inf", Err("not-a-number")),
        ("1,5", Err("not-a-number")),
        ("heavy", Err("not-a-number")),
        ("1e999", Err("number-out-of-range")),
        ("-1e999", Err("number-out-of-range")),
        ("", Err("empty")),
    ];
    on_both_wires(|wire| check(wire, "weight", &table));
}

#[test]
fn str_is_one_word_of_harmless_characters() {
    let table = [
        ("Amy", Ok("Amy")),
        ("Zoë_北.京-9", Ok("Zoë_北.京-9")),
        ("a b", Ok("ab")),
        ("a;b|c&d", Ok("abcd")),
        ("$(id)", Ok("id")),
        ("--x", Ok("x")),
        ("a/b:c,d+e@f=g%h", Ok("abcdefgh")),
        ("$", Err("nothing-left")),
        ("--", Err("nothing-left")),
        ("", Err("empty")),
        ("a\nb", Err("control-character")),
    ];
    on_both_wires(|wire| check(wire, "name", &table));
}

#[test]
fn str_may_keep_a_fixed_set_of_extra_characters() {
    on_both_wires(|wire| {
        let site = hello(wire).set("extra_characters", ":/,+@=%");
        for (value, expected) in
            [("a/b:c,d+e@f=g%h", "a/b:c,d+e@f=g%h"), ("https://a.b/c?d", "https://a.b/cd"), ("-/x", "/x")]
        {
            assert_eq!(told(&site, "name", value), Ok(expected.to_owned()));
        }
        let site = hello(wire).set("extra_characters", ":");
        assert_eq!(told(&site, "name", "a:b/c"), Ok("a:bc".to_owned()));
    });
}

#[test]
fn str_is_refused_where_the_site_rejects() {
    on_both_wires(|wire| {
        let site = hello(wire).set("sanitise", "reject");
        assert_eq!(told(&site, "name", "Amy"), Ok("Amy".to_owned()));
        for value in ["a b", "$(id)", "-x", "a/b"] {
            assert_eq!(told(&site, "name", value), Err("not-allowed-characters".to_owned()), "{value}");
        }
        assert_eq!(site.runs().len(), 1);
    });
}

#[test]
fn bool_is_passed_when_present_whatever_the_value() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for query in ["is_dino=yes", "is_dino=", "is_dino", "is_dino=false", "is_dino=0", "is_dino=%ff"] {
            assert_eq!(passed(&site, query), json!(["--is_dino"]), "{query}");
        }
        assert_eq!(passed(&site, ""), json!([]));
    });
}

#[test]
fn undeclared_keys_do_not_pass_and_are_named() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let query = format!("{RUN}?evil=1&age=1&Name=x&%C3%A9=2&evil=3");
        let answer = site.ask(&get(&query));
        assert_eq!(answer.json(), json!(["--age", "1"]));
        assert_eq!(answer.header("X-Run-Ignored"), Some("evil, Name, %C3%A9"));
        assert_eq!(answer.header("X-Run-Changed"), None);
        let envelope = site.ask(&get(&query).accept(ENVELOPE)).json();
        assert_eq!((&envelope["ignored"], &envelope["changed"]), (&json!(["evil", "Name", "é"]), &json!([])));
        let clean = site.ask(&get(&format!("{RUN}?age=1")));
        assert_eq!(clean.header("X-Run-Ignored"), None);
    });
}

#[test]
fn changed_values_are_told_before_and_after() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let query = format!("{RUN}?name={}", encoded("Ä b, c"));
        let answer = site.ask(&get(&query));
        assert_eq!(answer.json(), json!(["--name", "Äbc"]));
        assert_eq!(answer.header("X-Run-Changed"), Some("name=%C3%84%20b%2C%20c;%C3%84bc"));
        let envelope = site.ask(&get(&query).accept(ENVELOPE)).json();
        assert_eq!(envelope["changed"], json!([{ "name": "name", "before": "Ä b, c", "after": "Äbc" }]));
        let page = site.ask(&get(&query).accept(crate::support::request::BROWSER)).good();
        assert!(page.contains("Ä b, c") && page.contains("<code>Äbc</code>"), "{page}");
    });
}

#[test]
fn the_fields_of_a_raw_answer_are_bounded() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let query: Vec<String> = (0..250).map(|number| format!("{}{number}=1", "x".repeat(20))).collect();
        let answer = site.ask(&get(&format!("{RUN}?{}", query.join("&"))));
        let field = answer.header("X-Run-Ignored").expect("told");
        assert!(field.len() < 4096 && field.ends_with("..."), "{}", field.len());
        let answer = site.ask(&get(&format!("{RUN}?name=x{}", "%C3%A9%20".repeat(500))));
        assert!(answer.header("X-Run-Changed").is_some_and(|field| field.len() < 4096));
    });
}

#[test]
fn a_declared_argument_given_twice_is_400() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for query in ["age=1&age=2", "age=1&age=1", "is_dino&is_dino", "name=a&n%61me=b"] {
            let (_, problem) = site.ask(&get(&format!("{RUN}?{query}"))).problem(400);
            assert_eq!(problem["errors"][0]["code"], "given-twice", "{query}");
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn argv_is_in_the_order_of_the_labels() {
    on_both_wires(|wire| {
        let labels = [(BOOL, "z,y"), (FLOAT, "f,e"), (INT, "d,c"), (STR, "b,a")];
        let site = Site::new(wire).image("argv.sif", &labels);
        let expected: Value =
            json!(["--b", "1", "--a", "2", "--d", "3", "--c", "4", "--f", "5", "--e", "6", "--z", "--y"]);
        assert_eq!(passed(&site, "y&z&e=6&f=5&c=4&d=3&a=2&b=1"), expected);
        assert_eq!(passed(&site, "b=1&a=2&d=3&c=4&f=5&e=6&z&y"), expected);
    });
}

#[test]
fn argv_is_runtime_run_flags_image_arguments() {
    on_both_wires(|wire| {
        let site = hello(wire);
        passed(&site, "name=Amy&age=10&is_dino");
        let argv = site.the_run().argv();
        assert_eq!(argv[0], site.path("runtime/apptainer").display().to_string());
        let image = site.path("data/argv.sif").display().to_string();
        let at = argv.iter().position(|word| *word == image).expect("the absolute path of the image");
        assert!(argv[1..at].contains(&"run".to_owned()), "{argv:?}");
        assert_eq!(argv[at + 1..], ["--name", "Amy", "--age", "10", "--is_dino"]);
        assert!(!argv.iter().any(|word| word.contains("sh -c")), "{argv:?}");
    });
}

/// What an author offers passes as the author wrote it, on every face the same list; a runtime that would let a shell
/// evaluate it runs nothing.
#[test]
fn a_choice_passes_as_its_author_wrote_it() {
    const CHOICES: [&str; 5] = ["C++", "New York", "a/b", "R&D", "it's $(id)"];
    let schema = json!({ "name": { "enum": CHOICES, "default": "New York" } }).to_string();
    on_both_wires(|wire| {
        let mut labels = crate::HELLO.to_vec();
        labels.push((crate::SCHEMA, &schema));
        let site = crate::support::Site::new(wire).image("argv.sif", &labels);
        for choice in CHOICES {
            assert_eq!(told(&site, "name", choice), Ok(choice.to_owned()));
            let sent = crate::support::post(RUN, crate::JSON, json!({ "name": choice }).to_string());
            assert_eq!(site.ask(&sent).json(), json!(["--name", choice]));
        }
        assert_eq!(told(&site, "name", "R&E"), Err("not-one-of".to_owned()));
        let page = site.ask(&get(crate::IMAGE).accept(crate::support::request::BROWSER)).good();
        let image = site.ask(&get(crate::IMAGE)).json();
        let document = site.ask(&get("/container/openapi/argv.sif.json")).text();
        for choice in CHOICES {
            let escaped = choice.replace('&', "&amp;");
            assert!(page.contains(&format!(">{escaped}</option>")) || page.contains(&escaped), "{choice}: {page}");
            assert!(image.to_string().contains(&json!(choice).to_string()), "{choice}: {image}");
            assert!(document.contains(&json!(choice).to_string()), "{choice}: {document}");
        }
    });
}
