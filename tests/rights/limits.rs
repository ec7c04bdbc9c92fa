//! Limits for each visitor, where visitors have names: by name, not by address.

use crate::support::{Answer, get, post};
use crate::{Person, RULES, on_wires, ruled, token};

const ONE: &str = "/container/run/argv-1.sif";
const HIS: &str = "/container/run/lab/argv-7.sif";
const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn each_name_begins_its_own_runs_a_minute() {
    on_wires(|wire| {
        let site = ruled(wire, RULES).set("runs_a_minute", 1);
        let ci = Person::Token(token(&site, "ci"));
        let other = Person::Token(token(&site, "other"));
        let ask = |person: &Person, target: &str, address: &str| -> Answer {
            site.ask(&person.sends(get(target)).var("REMOTE_ADDR", address))
        };
        let limited = |answer: Answer| assert_eq!(answer.problem(429).0, "too-many-runs");
        // all behind one address
        ask(&Person::Nobody, ONE, "203.0.113.7").good();
        ask(&ci, HIS, "203.0.113.7").good();
        ask(&other, ONE, "203.0.113.7").good();
        limited(ask(&Person::Nobody, ONE, "203.0.113.7"));
        // and a name is the same from anywhere, also where no address is known
        limited(ask(&ci, ONE, "203.0.113.8"));
        limited(ask(&other, ONE, "127.0.0.1"));
        ask(&Person::Nobody, ONE, "203.0.113.8").good();
        // what may not be seen is not there, whatever the limit says
        ask(&Person::Nobody, "/container/run/argv-9.sif", "203.0.113.7").problem(404);
        for name in ["amy", "ben"] {
            let user = Person::User(name, "lab");
            if user.is_believed(wire) {
                let run = || site.ask(&user.sends(post(ONE, FORM, "")).var("REMOTE_ADDR", "203.0.113.7"));
                run().good();
                limited(run());
            }
        }
    });
}

#[test]
fn each_name_has_its_own_slots() {
    on_wires(|wire| {
        let site =
            ruled(wire, &format!("{RULES}\n[[rules]]\nwho = \"anyone\"\nmay = [\"run\"]\nimages = [\"wait.sif\"]\n"));
        let site = site.image("wait.sif", &[]).set("slots", 4).set("visitor_slots", 1);
        let (ci, other) = (Person::Token(token(&site, "ci")), Person::Token(token(&site, "other")));
        let request = |person: &Person, target: &str| person.sends(get(target)).var("REMOTE_ADDR", "203.0.113.7");
        let long = site.open(&request(&ci, "/container/run/wait.sif"));
        site.wait_for_runs(1);
        assert_eq!(site.ask(&request(&ci, HIS)).problem(429).0, "visitor-busy");
        site.ask(&request(&other, ONE)).good();
        site.ask(&request(&Person::Nobody, ONE)).good();
        site.go();
        assert_eq!(long.finish().status, 200);
    });
}
