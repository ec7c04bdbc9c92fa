//! POST: arguments from the body only, as a form or as a JSON object.

use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE};
use crate::support::{Site, get, on_both_wires, post};
use crate::{FORM, JSON, RUN, SCHEMA, hello};

const ALL: [&str; 7] = ["--name", "Amy", "--age", "-5", "--weight", "1.5", "--is_dino"];

/// The word of the first refused argument.
fn code(site: &Site, content: &Value) -> (String, String) {
    let (_, problem) = site.ask(&post(RUN, JSON, content.to_string())).problem(400);
    let text = |key: &str| problem["errors"][0][key].as_str().unwrap_or_else(|| panic!("{problem}")).to_owned();
    (text("name"), text("code"))
}

#[test]
fn post_takes_a_form() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for media in [FORM, "application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"] {
            let answer = site.ask(&post(RUN, media, "name=Amy&age=-5&weight=1.5&is_dino=on"));
            assert_eq!(answer.json(), json!(ALL), "{media}");
        }
        assert_eq!(site.ask(&post(RUN, FORM, "")).json(), json!([]));
        assert_eq!(site.ask(&get(RUN).method("POST")).json(), json!([]), "no content, no type");
    });
}

#[test]
fn post_takes_a_json_object() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let object = json!({ "name": "Amy", "age": -5, "weight": 1.5, "is_dino": true });
        for media in [JSON, "application/json; charset=utf-8", "APPLICATION/JSON"] {
            assert_eq!(site.ask(&post(RUN, media, object.to_string())).json(), json!(ALL), "{media}");
        }
        let texts = json!({ "age": "-5", "weight": "1.5", "extra": [1], "other": {} });
        let answer = site.ask(&post(RUN, JSON, texts.to_string()));
        assert_eq!(answer.json(), json!(["--age", "-5", "--weight", "1.5"]));
        assert_eq!(answer.header("X-Run-Ignored"), Some("extra, other"));
    });
}

#[test]
fn post_reads_its_arguments_from_the_body_only() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for (media, content) in [(FORM, "age=1"), (JSON, "{\"age\": 1}"), (FORM, "")] {
            let (code, problem) =
                site.ask(&post(&format!("{RUN}?name=Query&age=2&is_dino"), media, content)).problem(400);
            assert_eq!(code, "query-beside-content", "{media}");
            let detail = problem["detail"].as_str().expect("words");
            assert!(detail.contains("`name`, `age`, `is_dino`"), "{detail}");
            assert_eq!(site.ask(&post(&format!("{RUN}?"), media, content)).status, 200, "an empty query is none");
        }
        let many = format!("{RUN}?{}=1&{}", "x".repeat(200), "a&".repeat(50));
        let (_, problem) = site.ask(&post(&many, FORM, "")).problem(400);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() < 300), "{problem}");
    });
}

/// Shells and editors of some systems write a mark before UTF-8, or another encoding.
#[test]
fn json_may_begin_with_a_mark_and_is_utf_8() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let marked = b"\xef\xbb\xbf{\"age\": 5}".to_vec();
        assert_eq!(site.ask(&post(RUN, JSON, marked)).json(), json!(["--age", "5"]));
        let latin = b"{\"name\": \"Zo\xeb\"}".to_vec();
        let (code, problem) = site.ask(&post(RUN, JSON, latin)).problem(400);
        assert_eq!(code, "not-json");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("not in Latin-1")), "{problem}");
    });
}

#[test]
fn encoded_content_is_415() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for encoding in ["gzip", "br", "x-strange"] {
            let (code, problem) = site.ask(&post(RUN, JSON, "\x1f").header("Content-Encoding", encoding)).problem(415);
            assert_eq!(code, "unknown-content");
            let detail = problem["detail"].as_str().expect("words");
            assert!(detail.contains(&format!("`{encoding}` is not taken")), "{detail}");
        }
        assert_eq!(
            site.ask(&post(RUN, FORM, "age=1").header("Content-Encoding", "identity")).json(),
            json!(["--age", "1"])
        );
        assert_eq!(site.runs().len(), 1);
    });
}

#[test]
fn json_null_is_absent_and_false_passes_no_flag() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for (object, expected) in [
            (json!({ "name": null, "age": null, "weight": null, "is_dino": null }), json!([])),
            (json!({ "is_dino": false }), json!([])),
            (json!({ "is_dino": true }), json!(["--is_dino"])),
            (json!({ "age": 0, "is_dino": false }), json!(["--age", "0"])),
        ] {
            assert_eq!(site.ask(&post(RUN, JSON, object.to_string())).json(), expected, "{object}");
        }
        let mut labels = crate::HELLO.to_vec();
        labels.push((SCHEMA, r#"{"required": ["age"]}"#));
        let site = Site::new(wire).image("argv.sif", &labels);
        assert_eq!(code(&site, &json!({ "age": null })), ("age".to_owned(), "required".to_owned()));
    });
}

#[test]
fn json_numbers_pass_exactly() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for (text, expected) in [
            ("{\"age\": 9223372036854775807}", json!(["--age", "9223372036854775807"])),
            ("{\"weight\": 0.1000000000000000055511}", json!(["--weight", "0.1000000000000000055511"])),
            ("{\"weight\": 1e3}", json!(["--weight", "1e3"])),
            ("{\"weight\": -1e3}", json!(["--weight", "-1000"])),
        ] {
            assert_eq!(site.ask(&post(RUN, JSON, text)).json(), expected, "{text}");
        }
    });
}

#[test]
fn json_of_another_type_is_400() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for (object, name) in [
            (json!({ "name": 1 }), "name"),
            (json!({ "name": ["a"] }), "name"),
            (json!({ "age": true }), "age"),
            (json!({ "age": {} }), "age"),
            (json!({ "weight": [1] }), "weight"),
            (json!({ "is_dino": "yes" }), "is_dino"),
            (json!({ "is_dino": 1 }), "is_dino"),
        ] {
            assert_eq!(code(&site, &object), (name.to_owned(), "wrong-type".to_owned()), "{object}");
        }
        assert_eq!(code(&site, &json!({ "age": 1.5 })).1, "not-an-integer");
        let twice = site.ask(&post(RUN, JSON, r#"{"age": 1, "age": 2}"#)).problem(400).1;
        assert_eq!(twice["errors"][0]["code"], "given-twice");
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn post_strips_ignores_and_answers_as_get_does() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let form = post(RUN, FORM, "name=a+b&evil=1").accept(ENVELOPE);
        let json = post(RUN, JSON, r#"{"name": "a b", "evil": 1}"#).accept(ENVELOPE);
        for request in [form, json, get(&format!("{RUN}?name=a+b&evil=1")).accept(ENVELOPE)] {
            let envelope = site.ask(&request).json();
            assert_eq!(envelope["stdout"], "[\"--name\",\"ab\"]\n");
            assert_eq!(envelope["ignored"], json!(["evil"]));
            assert_eq!(envelope["changed"][0]["before"], "a b");
        }
    });
}

/// Browsers send every text field of a form, also those left empty.
#[test]
fn empty_fields_of_a_page_s_form_count_as_left_out() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for request in [get(&format!("{RUN}?name=&age=&weight=2")), post(RUN, FORM, "name=&age=&weight=2")] {
            let page = site.ask(&request.accept(BROWSER)).good();
            assert!(page.contains("apptainer run argv.sif --weight 2<"), "{page}");
        }
    });
}
