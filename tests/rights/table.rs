//! User × image × action from one configuration, each cell on both wires.

use crate::support::request::ENVELOPE;
use crate::support::{Site, Wire, get, post};
use crate::{IMAGES, Person, RULES, on_wires, ruled, token};

const FORM: &str = "application/x-www-form-urlencoded";

/// What each may do with each image of [`IMAGES`]: `s` sees, `g` runs by GET, `p` runs by POST, `d` downloads.
const TABLE: [(&str, [&str; 5]); 6] = [
    ("nobody", ["sgp", "s", "", "", ""]),
    ("amy", ["sgp", "sp", "sgp", "", ""]),
    ("bob of lab", ["sgp", "sp", "", "sgpd", "sgpd"]),
    ("lab", ["sgp", "sp", "", "", ""]),
    ("token ci", ["sgp", "sp", "", "", "sg"]),
    ("token amy", ["sgp", "sp", "", "", ""]),
];

fn person(site: &Site, words: &str) -> Person {
    match words {
        "nobody" => Person::Nobody,
        "amy" => Person::User("amy", ""),
        "bob of lab" => Person::User("bob", "course, lab"),
        "lab" => Person::User("lab", "course"),
        words => Person::Token(token(site, words.strip_prefix("token ").unwrap())),
    }
}

#[test]
fn every_cell_of_the_table_of_rights() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        for (words, row) in TABLE {
            let person = person(&site, words);
            for (image, may) in IMAGES.iter().zip(row) {
                let cell = format!("{words} {image} {may}");
                check(&site, wire, &person, image, may, &cell);
            }
        }
    });
}

fn check(site: &Site, wire: Wire, person: &Person, image: &str, may: &str, cell: &str) {
    let ask = |request| site.ask(&person.sends(request));
    let (page, run) = (format!("/container/{image}"), format!("/container/run/{image}"));
    let asked = [
        ('s', ask(get(&page))),
        ('g', ask(get(&format!("{run}?name=Amy")))),
        ('p', ask(post(&run, FORM, "name=Amy"))),
        ('d', ask(get(&format!("/container/download/{image}")))),
    ];
    if !person.is_believed(wire) {
        assert!(asked.iter().all(|(_, answer)| answer.problem(403).0 == "identity-refused"), "{cell}");
        return;
    }
    let runs = may.contains(['g', 'p']);
    for (letter, answer) in asked {
        let cell = format!("{cell}: {letter} {}", answer.text());
        match letter {
            _ if may.contains(letter) => assert_eq!(answer.status, 200, "{cell}"),
            _ if may.is_empty() => assert_eq!(answer.problem(404).0, "no-such-image", "{cell}"),
            // the other method runs it
            'g' | 'p' if runs => assert_eq!(answer.problem(405).0, "method-not-allowed", "{cell}"),
            // signing in would help nobody to get the file, and helps to run one image by POST
            'p' | 'g' if matches!(person, Person::Nobody) => {
                assert_eq!(answer.problem(401).0, "not-signed-in", "{cell}");
                assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"), "{cell}");
            }
            _ => assert_eq!(answer.problem(403).0, "not-allowed", "{cell}"),
        }
    }
}

#[test]
fn without_rules_everything_is_open() {
    on_wires(|wire| {
        let site = ruled(wire, "").unset("trust_remote_user").unset("remote_groups");
        for image in IMAGES {
            let answer = site.ask(&get(&format!("/container/run/{image}?name=Amy")));
            assert_eq!(answer.good().trim(), r#"["--name","Amy"]"#);
            assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        }
        // a name and a token of somebody else's are not looked at
        let request = get("/container/").var("REMOTE_USER", "@x").header("Authorization", "Bearer of.a.proxy");
        let answer = site.ask(&request);
        assert_eq!((answer.status, answer.header("X-Signed-In-As")), (200, None));
        assert_eq!(site.ask(&get("/container/argv-1.sif")).json()["may"], serde_json::Value::Null);
    });
}

#[test]
fn the_page_says_who_is_signed_in_and_what_they_may() {
    on_wires(|wire| {
        let site = ruled(wire, RULES).set("login_url", "/login");
        let page = |person: &Person, address: &str| {
            let request = person.sends(get(address).accept(crate::support::request::BROWSER));
            site.ask(&request).text()
        };
        let nobody = page(&Person::Nobody, "/container/");
        assert!(nobody.contains("<a href=\"/login\">Sign in</a>") && !nobody.contains("Signed in as"), "{nobody}");
        let shown = page(&Person::Nobody, "/container/argv-2.sif");
        assert!(shown.contains("but not run it") && shown.contains("You may: see."), "{shown}");
        assert!(!shown.contains("<form"), "a form that can only fail: {shown}");
        let refused = page(&Person::Nobody, "/container/run/argv-2.sif");
        assert!(refused.contains("<p><a href=\"/login\">Sign in</a></p>"), "{refused}");
        let token = Person::Token(token(&site, "ci"));
        let signed_in = page(&token, "/container/argv-2.sif");
        assert!(signed_in.contains("Signed in as token:ci"), "{signed_in}");
        assert!(
            signed_in.contains("You may: see, run by POST.") && signed_in.contains("method=\"post\""),
            "{signed_in}"
        );
        let json = site.ask(&token.sends(get("/container/argv-2.sif"))).json();
        assert_eq!(
            (&json["may"], &json["methods"]),
            (&serde_json::json!(["see", "run"]), &serde_json::json!(["POST"]))
        );
        // the owner of the site can be asked where nobody can sign in
        let site = ruled(wire, RULES).set("link", "https://example.org/us");
        let (_, problem) = site.ask(&get("/container/run/argv-2.sif")).problem(401);
        assert!(problem["detail"].as_str().unwrap().contains("https://example.org/us"), "{problem}");
    });
}

#[test]
fn answers_that_depend_on_who_asks_are_kept_by_nobody() {
    on_wires(|wire| {
        let pure = ("SINGULARITY_RUNSCRIPT_MAX_AGE", "600");
        let site = ruled(wire, RULES);
        for name in ["argv-1.sif", "argv-2.sif"] {
            std::fs::write(site.data().join(name), crate::sif::with_labels(&[pure])).unwrap();
        }
        let token = Person::Token(token(&site, "ci"));
        for path in ["/container/", "/container/argv-1.sif", "/container/args/argv-1.sif", "/container/openapi.json"] {
            for (person, name) in [(&Person::Nobody, None), (&token, Some("token%3Aci"))] {
                let answer = site.ask(&person.sends(get(path)));
                assert_eq!(answer.header("Cache-Control"), Some("private, no-store"), "{path}");
                assert_eq!(answer.header("X-Signed-In-As"), name, "{path}");
            }
        }
        for path in ["/container/none.sif", "/container/run/argv-2.sif", "/nothing"] {
            assert_eq!(site.ask(&get(path)).header("Cache-Control"), Some("private, no-store"), "{path}");
        }
        // what anyone may run is the same for everybody; a page greets
        let run = |image: &str, accept: &str, person: &Person| {
            let answer = site.ask(&person.sends(post(&format!("/container/run/{image}"), FORM, "").accept(accept)));
            (answer.status, answer.header("Cache-Control").unwrap_or_default().to_owned())
        };
        let kept = (200, "public, max-age=600".to_owned());
        let private = (200, "private, no-store".to_owned());
        assert_eq!(run("argv-1.sif", "*/*", &Person::Nobody), kept);
        assert_eq!(run("argv-1.sif", ENVELOPE, &token), kept);
        assert_eq!(run("argv-1.sif", crate::support::request::BROWSER, &token), private);
        assert_eq!(run("argv-2.sif", "*/*", &token), private);
        let asset = site.ask(&token.sends(get("/container/static/style.css")));
        assert!(
            asset.header("Cache-Control").unwrap().starts_with("public") && asset.header("X-Signed-In-As").is_none()
        );
    });
}
