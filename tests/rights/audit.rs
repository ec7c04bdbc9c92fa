//! The audit says as whom somebody ran something, and by which rule.

use std::fs;

use serde_json::{Value, json};

use crate::support::{HANG, get, post, until};
use crate::{Person, RULES, on_wires, ruled, token};

#[test]
fn the_audit_names_who_and_the_rule() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        let file = site.path("store/audit.jsonl");
        let site = site.set("audit", file.display());
        let ci = Person::Token(token(&site, "ci"));
        let ask =
            |person: &Person, target: &str| site.ask(&person.sends(get(target)).var("REMOTE_ADDR", "203.0.113.7"));
        ask(&Person::Nobody, "/container/run/argv-1.sif").good();
        ask(&ci, "/container/run/lab/argv-7.sif").good();
        ask(&Person::Nobody, "/container/run/argv-9.sif").problem(404);
        ask(&Person::Nobody, "/container/run/argv-2.sif");
        let mut expected = vec![(json!(null), json!(2)), (json!("token:ci"), json!(5))];
        let amy = Person::User("amy", "");
        if amy.is_believed(wire) {
            site.ask(&amy.sends(post("/container/run/argv-9.sif", "application/json", "{}"))).good();
            expected.push((json!("amy"), json!(6)));
        }
        let lines = || -> Vec<Value> {
            let text = fs::read_to_string(&file).unwrap_or_default();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        until("all is written down", HANG, || lines().len() >= 2 * expected.len());
        let begun = lines().into_iter().filter(|line| line["event"] == "begun");
        let told: Vec<(Value, Value)> = begun.map(|line| (line["who"].clone(), line["rule"].clone())).collect();
        assert_eq!(told, expected, "what is refused has not run");
        assert!(lines().iter().all(|line| line.get("who").is_some()), "both lines say it");
    });
}
