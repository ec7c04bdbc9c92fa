//! What is described is what is answered: statuses, header fields, media types, members.

use serde_json::{Value, json};

use crate::schema::{self, check};
use crate::support::request::{ENVELOPE, EVENTS};
use crate::support::{Answer, Site, Wire, get, on_both_wires, post, sif};
use crate::{FOLDER, IMAGE, INT, OUTPUT, RUN, STR, document, keys, site};

/// The answer's status, media type and content are among those of the operation.
pub fn conforms(document: &Value, path: &str, method: &str, answer: &Answer) {
    let responses = &document["paths"][path][method]["responses"];
    let status = answer.status.to_string();
    let response = schema::resolved(document, responses.get(&status).unwrap_or_else(|| panic!("{path}: {status}")));
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let required = schema::resolved(document, header)["required"] == true;
        assert!(!required || answer.header(name).is_some(), "{path}: {status} without {name}");
    }
    let Some(content) = response.get("content") else {
        assert_eq!(answer.body, b"", "{path}: {status}");
        return;
    };
    let media = answer.media().split(';').next().unwrap();
    let described = content.get(media).unwrap_or_else(|| panic!("{path}: {status} {media}"));
    if media.ends_with("json") && described.get("schema").is_some() {
        let wrong = check(document, &described["schema"], &answer.json());
        assert_eq!(wrong, [""; 0], "{path}: {}", answer.text());
    }
}

#[test]
fn what_is_described_is_what_is_answered() {
    on_both_wires(|wire| {
        let apps = json!({
            "labels": { STR: "name" }, "helpfile": "Help.",
            "apps": { "foo": { "labels": { INT: "age" } } },
        });
        let site = site(wire)
            .set("metrics", true)
            .file("argv-1.sif", &sif::with_attributes(&apps))
            .prints("print.sif", b"no JSON")
            .image("exit-3.sif", &[])
            .image("print-1.sif", &[(OUTPUT, "image/svg+xml")])
            .file("cut.sif", &sif::with_labels(&[])[..5000]);
        for address in [FOLDER, "/container/openapi/argv-1.sif.json", IMAGE] {
            let document = document(&site, address);
            for path in keys(&document["paths"]) {
                let actual = path.replace("{image}", "argv-1.sif");
                if !path.starts_with("/container/run/") {
                    let answer = site.ask(&get(&actual));
                    assert!(answer.status < 400, "{actual}: {}", answer.text());
                    conforms(&document, path, "get", &answer);
                    continue;
                }
                for accept in ["*/*", ENVELOPE, EVENTS, "text/html"] {
                    let answer = site.ask(&get(&format!("{actual}?age=5&name=Amy")).accept(accept));
                    assert!(answer.status == 200 || actual.contains("exit"), "{actual}: {}", answer.text());
                    conforms(&document, path, "get", &answer);
                }
                let answer = site.ask(
                    &post(&actual, "application/json", r#"{"age": 5, "evil": 1, "name": "a;b"}"#).accept(ENVELOPE),
                );
                conforms(&document, path, "post", &answer);
            }
        }
        let document = document(&site, FOLDER);
        let refusals = [
            (get(&format!("{RUN}?age=x&evil=1&weight=y")), "get", 400),
            (post(RUN, "text/xml", "<a/>"), "post", 415),
            (get(RUN).header("Sec-Fetch-Site", "cross-site"), "get", 403),
            (get(RUN).header("Referer", "https://evil.example/"), "get", 303),
            (get(RUN).header("Last-Event-ID", "1"), "get", 204),
        ];
        for (request, method, status) in refusals {
            let answer = site.ask(&request);
            assert_eq!(answer.status, status);
            conforms(&document, RUN, method, &answer);
        }
        for (path, actual) in [("/container/", "/container/?page=0"), ("/container/{image}", "/container/cut.sif")] {
            conforms(&document, path, "get", &site.ask(&get(actual)));
        }
    });
}

#[test]
fn events_carry_what_is_described() {
    let site = Site::new(Wire::FastCgi).prints("print.sif", b"text and \xff\n");
    let document = document(&site, FOLDER);
    let text = site.ask(&get("/container/run/print.sif?evil=1").accept(EVENTS)).text();
    let schemas = &document["components"]["schemas"];
    let media = &document["components"]["responses"]["Run"]["content"][EVENTS]["schema"];
    assert_eq!(media["anyOf"][1]["$ref"], "#/components/schemas/RunEvent");
    let mut seen = Vec::new();
    for event in text.split("\n\n").filter(|event| event.contains("\nevent: ")) {
        let field =
            |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{event}"));
        let kind = field("event: ");
        let whole = json!({ "id": field("id: "), "event": kind, "data": field("data: ") });
        let schema = schemas["RunEvent"]["oneOf"].as_array().unwrap().iter();
        let schema = schema
            .map(|one| schema::resolved(&document, one))
            .find(|one| one["properties"]["event"]["const"] == kind)
            .expect("a schema");
        assert_eq!(check(&document, schema, &whole), [""; 0], "{event}");
        let data: Value = serde_json::from_str(field("data: ")).unwrap();
        assert_eq!(check(&document, &schema["properties"]["data"]["contentSchema"], &data), [""; 0], "{event}");
        seen.push(kind.to_owned());
    }
    assert!(
        seen.contains(&"command".to_owned())
            && seen.contains(&"stdout".to_owned())
            && seen.contains(&"exit".to_owned()),
        "{seen:?}"
    );
}
