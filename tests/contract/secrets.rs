//! `writeOnly`: a secret comes by POST only, and stands in nothing that is shown or kept.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{Answer, Site, Wire, get, on_both_wires, post};
use crate::{FLOAT, INT, SCHEMA, STR, warnings};

const FORM: &str = "application/x-www-form-urlencoded";
const WORDS: &str = r#"{"password": {"writeOnly": true, "title": "Password"}, "pin": {"writeOnly": true, "minimum": 1},
    "dose": {"writeOnly": true, "maximum": 9}, "required": ["password"]}"#;
const SECRET: &str = "hunter2-xyzzy";
const PIN: &str = "48151623420";
const RUN: &str = "/container/run/exit-0.secret.sif";
const IMAGE: &str = "/container/exit-0.secret.sif";

/// Images that take secrets: one that prints nothing, one that prints what it was given.
fn site(wire: Wire) -> Site {
    let labels = [(STR, "name,password"), (INT, "pin,age"), (FLOAT, "dose"), (SCHEMA, WORDS)];
    Site::new(wire).image("exit-0.secret.sif", &labels).image("exit-3.secret.sif", &labels).image("argv.sif", &labels)
}

fn sent() -> String {
    format!("name=Amy&age=7&password={SECRET}&pin={PIN}&dose=3.14159265")
}

/// Everything that was answered, with its header.
fn whole(answer: &Answer) -> String {
    format!("{} {:?} {}", answer.status, answer.headers, answer.text())
}

fn holds_none(text: &str) {
    for secret in [SECRET, PIN, "3.14159265"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

fn files_hold_none(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files_hold_none(&entry.path());
        } else if let Ok(bytes) = fs::read(entry.path()) {
            holds_none(&String::from_utf8_lossy(&bytes));
            holds_none(&entry.file_name().to_string_lossy());
        }
    }
}

#[test]
fn a_secret_reaches_the_container_and_nothing_else() {
    on_both_wires(|wire| {
        let site = site(wire);
        for image in ["exit-0", "exit-3"] {
            for accept in ["*/*", ENVELOPE, EVENTS, BROWSER] {
                let address = format!("/container/run/{image}.secret.sif");
                let answer = site.ask(&post(&address, FORM, sent()).accept(accept));
                holds_none(&whole(&answer));
                let shown = "--name Amy --password '***' --pin '***' --age 7 --dose '***'";
                if [ENVELOPE, EVENTS].contains(&accept) {
                    assert!(answer.text().contains(shown), "{}", answer.text());
                }
            }
        }
        let given = ["--name", "Amy", "--password", SECRET, "--pin", PIN, "--age", "7", "--dose", "3.14159265"];
        let runs = site.runs();
        assert_eq!(runs.len(), 8);
        assert!(runs.iter().all(|run| run.arguments() == given), "{:?}", runs[0].arguments());
        let body = json!({ "password": SECRET, "pin": 48_151_623_420_i64 }).to_string();
        let printed = site.ask(&post("/container/run/argv.sif", "application/json", &body));
        assert_eq!(printed.json(), json!(["--password", SECRET, "--pin", PIN]), "what a container prints is its own");
        assert_eq!(
            printed.header("Content-Disposition"),
            Some("inline; filename=\"argv.json\""),
            "no number in a name"
        );
        holds_none(&site.log());
        assert!(wire == Wire::Cgi || site.log().contains("--password \\'***\\'"), "{}", site.log());
        files_hold_none(&site.path("state"));
    });
}

#[test]
fn no_address_holds_a_secret() {
    on_both_wires(|wire| {
        let site = site(wire);
        for query in [sent(), "name=Amy".to_owned(), String::new()] {
            for accept in ["*/*", ENVELOPE, EVENTS, BROWSER] {
                let answer = site.ask(&get(&format!("{RUN}?{query}")).accept(accept));
                assert_eq!((answer.status, answer.header("Allow")), (405, Some("POST")), "{query}");
                holds_none(&whole(&answer));
            }
        }
        assert_eq!(site.runs().len(), 0);
        // a link of another site leads to the form, without it
        let led = site.ask(
            &get(&format!("{RUN}?{}", sent()))
                .accept(BROWSER)
                .header("Sec-Fetch-Site", "cross-site")
                .header("Sec-Fetch-Mode", "navigate"),
        );
        assert_eq!((led.status, led.header("Location")), (303, Some(&*format!("{IMAGE}?name=Amy&age=7#not-run"))));
        // a page that is asked for with one does not repeat it
        for accept in ["*/*", BROWSER] {
            let answer = site.ask(&get(&format!("{IMAGE}?{}", sent())).accept(accept));
            assert_eq!(answer.status, 200);
            holds_none(&whole(&answer));
            assert!(answer.text().contains("--name Amy --age 7"), "{}", answer.text());
        }
        let page = site.ask(&get(&format!("{IMAGE}?{}", sent())).accept(BROWSER)).text();
        let field = page.split("<input").find(|part| part.contains("name=\"password\"")).expect("a field");
        let field = field.split('>').next().unwrap();
        assert!(field.contains("type=\"password\"") && !field.contains("value="), "{field}");
        assert!(page.contains("method=\"post\"") && page.contains("-X POST") && !page.contains("--fail-with-body -G"));
    });
}

#[test]
fn what_is_wrong_with_a_secret_is_told_without_it() {
    on_both_wires(|wire| {
        let site = site(wire).set("extra_characters", ":");
        for (content, word) in [
            (format!("password={SECRET}&pin=x{PIN}"), "not-an-integer"),
            (format!("password={SECRET}&dose=2,718281"), "not-a-number"),
            (format!("password={SECRET}&dose=48151623420"), "above-maximum"),
            (format!("password={SECRET}&password={SECRET}"), "given-twice"),
            (format!("pin={PIN}"), "required"),
        ] {
            for accept in ["*/*", BROWSER] {
                let answer = site.ask(&post(RUN, FORM, &content).accept(accept));
                assert_eq!(answer.status, 400, "{}", answer.text());
                holds_none(&whole(&answer));
                assert!(!answer.text().contains("718281"), "{}", answer.text());
                assert!(accept == BROWSER || answer.json()["errors"][0]["code"] == word, "{}", answer.text());
            }
        }
        // what is stripped is told to have been, and no more
        let changed = site.ask(&post(RUN, FORM, "password=hunter2-xyzzy;"));
        assert_eq!(changed.header("X-Run-Changed"), Some("password=***;***"));
        holds_none(&whole(&changed));
        let rejecting = self::site(wire).set("sanitise", "reject");
        let refused = rejecting.ask(&post(RUN, FORM, "password=hunter2-xyzzy;|"));
        assert_eq!(refused.problem(400).1["errors"][0]["reason"], "remove what is not allowed here: ***");
    });
}

#[test]
fn a_secret_is_described_as_such() {
    on_both_wires(|wire| {
        let site = site(wire);
        let facts = site.ask(&get(IMAGE)).json();
        let told = |name: &str| {
            let arguments = facts["arguments"].as_array().unwrap().iter();
            arguments.clone().find(|arg| arg["name"] == name).unwrap()["writeOnly"].clone()
        };
        assert_eq!((told("password"), told("pin"), told("name")), (json!(true), json!(true), json!(null)));
        let document = site.ask(&get("/container/openapi/exit-0.secret.sif.json")).json();
        let run = &document["paths"][RUN];
        assert!(run.get("get").is_none() && run.get("post").is_some(), "{run}");
        for media in ["application/json", FORM] {
            let schema = &run["post"]["requestBody"]["content"][media]["schema"]["properties"];
            assert_eq!(
                (&schema["password"]["writeOnly"], &schema["password"]["format"]),
                (&json!(true), &json!("password"))
            );
            assert_eq!((&schema["pin"]["writeOnly"], schema["name"].get("writeOnly")), (&json!(true), None));
        }
    });
}

#[test]
fn a_secret_that_cannot_be_one_is_told_to_the_author() {
    on_both_wires(|wire| {
        let labels = [(STR, "a,b"), (crate::BOOL, "flag")];
        let schema = r#"{"a": {"writeOnly": "yes"}, "b": {"writeOnly": false}, "flag": {"writeOnly": true}}"#;
        let site = Site::new(wire).image("argv.sif", &[&labels[..], &[(SCHEMA, schema)]].concat());
        let told = warnings(&site, "argv.sif");
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("write true or false") && told[1].contains("bool"), "{told:?}");
        site.ask(&get("/container/run/argv.sif?b=x")).good();
    });
}

#[test]
fn at_a_terminal_a_secret_is_an_argument_like_others() {
    let site = site(Wire::Cgi);
    let output =
        site.command().args(["run", "argv.sif"]).arg(format!("password={SECRET}")).stdout(Stdio::piped()).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), json!(["--password", SECRET]));
}
