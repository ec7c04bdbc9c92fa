//! Absent means absent: what may not be seen is as what has never been there, on every face and by every method.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{Request, Site, Wire, get, post};
use crate::{Person, RULES, is_root, on_wires, put, ruled, token, told, whole};

/// Hidden from nobody in particular; and a name that nothing has, as long.
const HIDDEN: &str = "argv-9.sif";
const NEVER: &str = "argv-8.sif";

/// A table of settings for the hidden image, so that nothing of it shows either.
const TABLES: &str = "\n[images.'argv-9.sif']\nrun_methods = ['POST']\ndownload = true\ndeadline = 7\nslots = 1\n\
                      [images.'lab/argv-3.sif']\nrun_methods = ['POST']\n";

fn faces(name: &str) -> Vec<String> {
    let mut faces: Vec<String> = ["", "run/", "args/", "labels/", "download/"]
        .iter()
        .flat_map(|kind| ["", "/app", "/a/b"].map(|app| format!("/container/{kind}{name}{app}")))
        .collect();
    faces.push(format!("/container/openapi/{name}.json"));
    faces.push(format!("/container/{name}/"));
    faces.push(format!("/container/run/{name}?name=Amy"));
    faces.extend(["", "args/", "labels/"].map(|kind| format!("/api/container/{kind}{name}")));
    faces.push(format!("/containers/run/{name}"));
    faces.push(format!("/container/?q={name}"));
    faces
}

/// Each request in every form that could tell a difference.
fn forms(address: &str) -> Vec<Request> {
    let plain = get(address).var("REQUEST_ID", "the-same");
    let with = |name: &str, value: &str| plain.clone().header(name, value);
    let mut forms: Vec<Request> =
        ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"].map(|method| plain.clone().method(method)).to_vec();
    forms.extend([BROWSER, ENVELOPE, EVENTS].map(|media| plain.clone().accept(media)));
    forms.push(post(address, "application/x-www-form-urlencoded", "name=Amy").var("REQUEST_ID", "the-same"));
    forms.push(post(address, "text/nonsense", "x").var("REQUEST_ID", "the-same"));
    forms.push(with("Last-Event-ID", "1"));
    forms.push(with("If-None-Match", "*"));
    forms.push(with("Range", "bytes=0-1"));
    forms.push(with("Sec-Purpose", "prefetch"));
    forms.push(with("Referer", "https://evil.example/"));
    forms.push(with("Origin", "https://evil.example"));
    forms.push(with("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "navigate").accept(BROWSER));
    forms
}

#[test]
fn what_is_hidden_answers_as_what_has_never_been_there() {
    on_wires(|wire| {
        let site = ruled(wire, &format!("{RULES}{TABLES}"));
        let token = Person::Token(token(&site, "ci"));
        for person in [Person::Nobody, token] {
            for (hidden, never) in faces(HIDDEN).iter().zip(faces(NEVER)) {
                for (number, (one, two)) in forms(hidden).into_iter().zip(forms(&never)).enumerate() {
                    let answers = [one, two].map(|request| site.ask(&person.sends(request)));
                    let [one, two] = &answers;
                    assert_eq!(whole(one, HIDDEN, NEVER), whole(two, HIDDEN, NEVER), "{hidden}, form {number}");
                }
            }
        }
        assert_eq!(site.runs().len(), 0);
    });
}

/// What cannot be read, or is no image, tells by its error that it is there: not to who may not see it.
#[test]
fn a_hidden_image_that_cannot_be_read_is_not_there() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        let token = Person::Token(token(&site, "ci"));
        let (unreadable, damaged) = (site.data().join("lab/argv-3.sif"), site.data().join("lab/argv-5.sif"));
        fs::write(&damaged, "no image").unwrap();
        fs::set_permissions(&unreadable, fs::Permissions::from_mode(0o000)).unwrap();
        for hidden in ["argv-3.sif", "argv-5.sif"] {
            for (one, two) in faces(&format!("lab/{hidden}")).iter().zip(faces("lab/argv-4.sif")) {
                for (one, two) in forms(one).into_iter().zip(forms(&two)) {
                    let (one, two) = (site.ask(&token.sends(one)), site.ask(&token.sends(two)));
                    assert_eq!(whole(&one, hidden, "argv-4.sif"), whole(&two, hidden, "argv-4.sif"), "{hidden}");
                }
            }
        }
        fs::set_permissions(&unreadable, fs::Permissions::from_mode(0o644)).unwrap();
        // where something below an address of this form may be seen, it is looked for
        let below = "[[rules]]\nwho = 'anyone'\nmay = 'run'\nimages = '*/deep.sif'\n";
        let site = put(ruled(wire, &format!("{below}{RULES}{TABLES}")), "lab/deep.sif");
        let hidden = site.data().join(HIDDEN);
        for mode in [0o644, 0o000] {
            fs::set_permissions(&hidden, fs::Permissions::from_mode(mode)).unwrap();
            for (one, two) in faces(HIDDEN).iter().zip(faces(NEVER)) {
                for (one, two) in forms(one).into_iter().zip(forms(&two)) {
                    let (one, two) = (site.ask(&one), site.ask(&two));
                    assert_eq!(whole(&one, HIDDEN, NEVER), whole(&two, HIDDEN, NEVER), "{mode:o}");
                }
            }
        }
        assert_eq!(site.ask(&get("/container/run/lab/deep.sif")).good(), "hello\n");
    });
}

/// May-see is decided before the fields by which a page of another site is led to the form.
#[test]
fn a_hidden_image_has_no_form_to_be_led_to() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        let led = |name: &str| {
            let run = get(&format!("/container/run/{name}")).accept(BROWSER);
            site.ask(&run.header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "navigate")).status
        };
        assert_eq!((led(HIDDEN), led(NEVER), led("argv-2.sif")), (404, 404, 303));
    });
}

/// A folder in which nothing may be seen, against one that is not there.
#[test]
fn a_folder_of_hidden_images_is_not_there() {
    on_wires(|wire| {
        let site = ruled(wire, &format!("{RULES}{TABLES}"));
        for (hidden, never) in [
            ("/container/lab/", "/container/bal/"),
            ("/container/lab", "/container/bal"),
            ("/container/lab/?q=a", "/container/bal/?q=a"),
            ("/container/lab/argv-3.sif", "/container/bal/argv-3.sif"),
            ("/container/run/lab/argv-3.sif", "/container/run/bal/argv-3.sif"),
            ("/container/args/lab", "/container/args/bal"),
            ("/container/lab/argv-3.sif/x/y", "/container/bal/argv-3.sif/x/y"),
        ] {
            for (one, two) in forms(hidden).into_iter().zip(forms(never)) {
                let (one, two) = (site.ask(&one), site.ask(&two));
                assert_eq!(whole(&one, "lab", "bal"), whole(&two, "lab", "bal"), "{hidden}");
            }
        }
        let token = Person::Token(token(&site, "ci"));
        let seen = site.ask(&token.sends(get("/container/lab/"))).json();
        assert_eq!((names(&seen["images"]), &seen["total"]), (vec!["argv-7.sif".to_owned()], &json!(1)));
    });
}

fn names(rows: &Value) -> Vec<String> {
    let rows = rows.as_array().unwrap_or_else(|| panic!("no rows: {rows}"));
    rows.iter().map(|row| row["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

/// Every face that tells of several images.
#[test]
fn lists_totals_search_random_openapi_and_numbers_leave_hidden_images_out() {
    on_wires(|wire| {
        let site = ruled(wire, &format!("{RULES}{TABLES}")).set("metrics", true);
        let secret = token(&site, "ci");
        for (person, shown, folders) in [
            (Person::Nobody, &["argv-1.sif", "argv-2.sif"][..], 0),
            (Person::Token(secret), &["argv-1.sif", "argv-2.sif", "argv-7.sif"][..], 1),
        ] {
            let ask = |address: &str| site.ask(&person.sends(get(address)));
            let home = ask("/container/").json();
            assert_eq!((names(&home["images"]), &home["total"]), (words(&shown[..2]), &json!(2)));
            assert_eq!(home["folders"].as_array().map(Vec::len), Some(folders));
            let found = ask("/container/?q=argv").json();
            assert_eq!((names(&found["images"]), &found["total"]), (words(shown), &json!(shown.len())));
            assert_eq!(ask("/container/?q=argv-9").json()["total"], 0);
            assert_eq!(ask("/container/?page=2").json()["total"], 2);
            let api = ask("/api/containers").json();
            assert_eq!(api.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), words(&shown[..2]));
            for address in ["/container/openapi.json", "/container/", "/container/?q=argv"] {
                for accept in ["application/json", BROWSER] {
                    let text = site.ask(&person.sends(get(address).accept(accept))).text();
                    assert!(!text.contains("argv-9") && !text.contains("argv-3"), "{address}: {text}");
                    assert!(text.contains("argv-1"), "{address}: {text}");
                }
            }
            for address in ["/container/random", "/containers/random"] {
                for _ in 0..30 {
                    let place = ask(address).header("Location").unwrap().to_owned();
                    assert!(shown.iter().any(|name| place.ends_with(name)), "{place}");
                }
            }
            let metrics = ask("/container/metrics").text();
            assert!(metrics.contains(&format!("singularity_nginx_images {}\n", shown.len())), "{metrics}");
            assert!(!ask("/container/health").text().contains("argv"));
        }
    });
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// Descriptions say what the one who asks may do, and that a token may be sent.
#[test]
fn a_description_holds_what_the_one_who_asks_may_do() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        let secret = Person::Token(token(&site, "ci"));
        let document = |person: &Person, query: &str| {
            site.ask(&person.sends(get(&format!("/container/openapi.json{query}")))).json()
        };
        let runs = |document: &Value, image: &str| {
            let operations =
                document["paths"][format!("/container/run/{image}")].as_object().cloned().unwrap_or_default();
            operations.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        let (nobody, program) = (document(&Person::Nobody, ""), document(&secret, ""));
        assert_eq!((runs(&nobody, "argv-1.sif"), runs(&nobody, "argv-2.sif")), ("get post".to_owned(), String::new()));
        assert_eq!(
            (runs(&program, "argv-2.sif"), runs(&program, "lab/argv-7.sif")),
            ("post".to_owned(), "get".to_owned())
        );
        for document in [nobody, program, document(&secret, "?version=3.0")] {
            assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
            assert_eq!(document["security"], json!([{}, { "token": [] }]));
            let answers = document["paths"]["/container/run/argv-1.sif"]["get"]["responses"].as_object().unwrap();
            assert!(answers.contains_key("401") && answers.contains_key("403"), "{answers:?}");
        }
        let open = ruled(wire, "").unset("trust_remote_user").unset("remote_groups");
        assert_eq!(open.ask(&get("/container/openapi.json")).json()["security"], Value::Null);
    });
}

/// A list's tag tells nothing of what is not in it.
#[test]
fn an_entity_tag_does_not_change_with_hidden_images() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        let tag = |site: &Site| site.ask(&get("/container/openapi.json")).header("ETag").unwrap().to_owned();
        let before = tag(&site);
        let site = put(put(site, "argv-10.sif"), "lab/new/argv-3.sif");
        assert_eq!(tag(&site), before);
        fs::remove_file(site.data().join("argv-9.sif")).unwrap();
        assert_eq!(tag(&site), before);
        let site = put(site, "argv-2.sif");
        fs::remove_file(site.data().join("argv-1.sif")).unwrap();
        assert_ne!(tag(&site), before, "a test that cannot fail");
    });
}

/// Rights and settings count for a link's address and for that of what it leads to.
#[test]
fn a_link_opens_nothing_that_is_closed() {
    on_wires(|wire| {
        let rules = RULES
            .replace(r#""argv-1.sif", "argv-2.sif"]"#, r#""argv-1.sif", "argv-2.sif", "argv-5.sif", "argv-6.sif"]"#);
        let rules =
            rules.replace(r#"images = ["argv-1.sif"]"#, r#"images = ["argv-1.sif", "argv-5.sif", "argv-6.sif"]"#);
        let site = ruled(wire, &format!("{rules}{TABLES}"));
        symlink("argv-9.sif", site.data().join("argv-5.sif")).unwrap();
        symlink("argv-1.sif", site.data().join("argv-6.sif")).unwrap();
        for (one, two) in faces("argv-5.sif").iter().zip(faces(NEVER)) {
            for (one, two) in forms(one).into_iter().zip(forms(&two)) {
                let (one, two) = (site.ask(&one), site.ask(&two));
                assert_eq!(whole(&one, "argv-5.sif", NEVER), whole(&two, "argv-5.sif", NEVER));
            }
        }
        let home = site.ask(&get("/container/")).json();
        assert_eq!(names(&home["images"]), ["argv-1.sif", "argv-2.sif", "argv-6.sif"]);
        // what may be seen and not run is not run by another name
        fs::remove_file(site.data().join("argv-5.sif")).unwrap();
        symlink("argv-2.sif", site.data().join("argv-5.sif")).unwrap();
        site.ask(&get("/container/argv-5.sif")).good();
        assert_eq!(
            site.ask(&post("/container/run/argv-5.sif", "application/json", "{}")).problem(401).0,
            "not-signed-in"
        );
        assert_eq!(site.runs().len(), 0);
        fs::remove_file(site.data().join("argv-5.sif")).unwrap();
        site.ask(&get("/container/run/argv-6.sif")).good();
        assert_eq!(
            told(&site, &["may", "anyone", "argv-6.sif"]).1.lines().last(),
            Some("argv-6.sif is a link to argv-1.sif: the rules must allow both, where both have an address")
        );
    });
}

/// Without rules, too, the table of what a link leads to counts.
#[test]
fn a_link_does_not_escape_the_table_of_its_image() {
    on_wires(|wire| {
        let table = "[images.'argv-9.sif']\nrun_methods = ['POST']\ndownload = false\nslots = 1\n";
        let site = ruled(wire, table).unset("trust_remote_user").unset("remote_groups");
        symlink("argv-9.sif", site.data().join("argv-5.sif")).unwrap();
        assert_eq!(site.ask(&get("/container/run/argv-5.sif")).problem(405).1["status"], 405);
        assert_eq!(
            site.ask(&get("/container/run/argv-5.sif").method("OPTIONS")).header("Allow"),
            Some("POST, OPTIONS")
        );
        assert_eq!(site.ask(&get("/container/download/argv-5.sif")).problem(403).0, "not-offered");
        site.ask(&get("/container/download/argv-1.sif")).good();
        site.ask(&post("/container/run/argv-5.sif", "application/json", "{}")).good();
        assert_eq!(site.runs().len(), 1);
    });
}

/// What may not be seen is not looked for on the disk.
#[test]
fn nobody_waits_longer_for_a_hidden_image_than_for_none() {
    if is_root() {
        return; // of one request, by CGI
    }
    let site = ruled(Wire::Cgi, RULES);
    let opened = |name: &str| {
        let trace = site.path("trace");
        let output = std::process::Command::new("strace")
            .args(["-f", "-e", "trace=openat,openat2,statx", "-o"])
            .arg(&trace)
            .arg(crate::support::site::PROGRAM)
            .env_clear()
            .envs(site.command().get_envs().filter_map(|(name, value)| Some((name, value?))))
            .envs(get(&format!("/container/run/{name}")).variables.iter().map(|(name, value)| {
                use std::os::unix::ffi::OsStrExt;
                (std::ffi::OsStr::from_bytes(name), std::ffi::OsStr::from_bytes(value))
            }))
            .current_dir(site.folder())
            .output();
        let Ok(output) = output else { return crate::support::skip("strace is not installed") };
        assert!(String::from_utf8_lossy(&output.stdout).contains("404"), "{output:?}");
        assert!(!fs::read_to_string(&trace).unwrap().contains(name), "{name} was looked for");
    };
    opened(HIDDEN);
    opened(NEVER);
}
