//! The command line: the same rooms for people, `--json` for programs, exit status 0, 1 or 2.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Site, Wire, get};
use crate::{HELLO, IMAGE, JSON, explained, hello};

/// Exit status, stdout, stderr.
fn call(site: &Site, words: &[&str]) -> (i32, String, String) {
    let output = site.command().args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("a status"), text(output.stdout), text(output.stderr))
}

fn value(site: &Site, words: &[&str]) -> (i32, Value) {
    let (code, out, told) = call(site, words);
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}: {told}")))
}

#[test]
fn called_wrongly_is_2_and_says_how() {
    let site = hello(Wire::Cgi);
    for words in [
        &[][..],
        &["nonsense"],
        &["--nonsense"],
        &["list", "--nonsense"],
        &["inspect"],
        &["run"],
        &["inspect", "../x"],
        &["run", "-x.sif"],
        &["fastcgi", "--listen", "nowhere"],
        &["fastcgi", "--listen", "unix:"],
        &["fastcgi", "--listen"],
        &["config", "--config"],
    ] {
        let (code, out, told) = call(&site, words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {told}");
        assert!(told.starts_with("singularity-nginx: ") && told.contains("--help"), "{told}");
    }
}

#[test]
fn help_and_version() {
    let site = Site::new(Wire::Cgi);
    for word in ["--help", "-h"] {
        let (code, out, _) = call(&site, &[word]);
        assert_eq!(code, 0);
        for command in
            ["fastcgi", "list", "inspect", "check", "run", "openapi", "doctor", "config", "--json", "--config"]
        {
            assert!(out.contains(command), "{command}");
        }
    }
    let (code, out, _) = call(&site, &["--version"]);
    assert_eq!((code, out), (0, format!("singularity-nginx {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn list_is_0_when_all_is_well_and_1_when_not() {
    let site = hello(Wire::Cgi);
    let (code, out, _) = call(&site, &["list"]);
    assert!(code == 0 && out.starts_with("argv.sif "), "{out}");
    let (code, all) = value(&site, &["list", "--json"]);
    let size = site.path("data/argv.sif").metadata().unwrap().len();
    assert_eq!((code, &all["refused"]), (0, &json!([])));
    assert_eq!((&all["images"][0]["name"], &all["images"][0]["size"]), (&json!("argv.sif"), &json!(size)));
    let data = site.data();
    fs::write(data.join("broken.sif"), "no image").unwrap();
    let (code, all) = value(&site, &["list", "--json"]);
    assert_eq!(code, 1);
    assert!(all["images"][1]["error"].as_str().is_some_and(|why| !why.is_empty()), "{all}");
    fs::rename(data.join("broken.sif"), data.join("a b.sif")).unwrap();
    let (code, all) = value(&site, &["list", "--json"]);
    assert_eq!((code, &all["refused"][0]["name"]), (1, &json!("a b.sif")));
    assert!(call(&site, &["list"]).1.contains("not served: a b.sif: "));
    let (code, _, told) = call(&site.set("data", "/nonexistent"), &["list"]);
    assert!(code == 1 && !told.is_empty());
}

#[test]
fn inspect_tells_what_an_image_says_of_itself() {
    let site = Site::new(Wire::Cgi).file("argv.sif", &explained(&HELLO, "Says hello.\n"));
    let (code, told) = value(&site, &["inspect", "argv.sif", "--json"]);
    let attributes = &told["data"]["attributes"];
    assert_eq!((code, &attributes["helpfile"]), (0, &json!("Says hello.\n")));
    assert_eq!(attributes["labels"][crate::INT], "age");
    assert!(attributes["deffile"].as_str().is_some_and(|text| text.contains("Bootstrap")), "its owner may see it");
    assert_eq!(told["image"]["arguments"].as_array().map(Vec::len), Some(4));
    let (code, out, _) = call(&site, &["inspect", "argv.sif"]);
    assert!(code == 0 && out.contains("name: argv.sif") && out.contains("Says hello."), "{out}");
    for words in [&["inspect", "none.sif"][..], &["inspect", "argv.sif/noapp"], &["inspect", "none.sif", "--json"]] {
        let (code, out, told) = call(&site, words);
        assert!(code == 1 && out.is_empty() && !told.is_empty(), "{words:?}: {told}");
    }
}

#[test]
fn check_tells_an_author_what_to_improve() {
    let good = [HELLO[0], (crate::SCHEMA, r#"{"name": {"description": "who is greeted", "examples": ["Amy"]}}"#)];
    let site = Site::new(Wire::Cgi).file("argv.sif", &explained(&good, "Says hello.\n"));
    let (code, told) = value(&site, &["check", "--json"]);
    let findings =
        |told: &Value, number: usize| told["images"][number]["findings"].as_array().expect("findings").clone();
    assert!(code == 0 && !findings(&told, 0).iter().any(|one| one["wrong"] == true), "{told}");
    let site = site.image("bad.sif", &[(crate::STR, "both,-x"), (crate::INT, "both")]);
    let (code, told) = value(&site, &["check", "--json"]);
    assert_eq!((code, &told["images"][0]["image"]), (1, &json!("argv.sif")));
    let texts: Vec<String> = findings(&told, 1).iter().map(|one| one["text"].to_string()).collect();
    assert!(
        texts.iter().any(|text| text.contains("`both`")) && texts.iter().any(|text| text.contains("`-x`")),
        "{told}"
    );
    assert_eq!(call(&site, &["check", "argv.sif"]).0, 0, "only the images that are named");
    let (code, out, _) = call(&site, &["check", "bad.sif"]);
    assert!(code == 1 && out.contains("bad.sif") && out.contains("`both`"), "{out}");
    assert_eq!(site.runs().len(), 0, "without --run nothing runs");
}

#[test]
fn run_passes_what_the_web_would_pass() {
    let site = hello(Wire::Cgi).image("exit-3.sif", &[]);
    let words = ["run", "argv.sif", "name=A b", "age=-5", "is_dino", "evil=1", "weight=-1e3"];
    let (code, out, told) = call(&site, &words);
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap(),
        json!(["--name", "Ab", "--age", "-5", "--weight", "-1000", "--is_dino"])
    );
    assert!(code == 0 && told.contains("evil") && told.contains("A b became Ab"), "{told}");
    assert_eq!(site.runs().len(), 1);
    let (code, out, told) = call(&site, &["run", "exit-3.sif"]);
    assert!(code == 1 && out == "some output\n" && told.contains("exit-3.sif says why"), "{told}");
    let (code, out, told) = call(&site, &["run", "argv.sif", "age=x", "weight=y"]);
    assert!(code != 0 && out.is_empty() && told.contains("age") && told.contains("weight"), "{told}");
    assert_eq!(site.runs().len(), 2);
}

#[test]
fn run_dry_prints_the_exact_command_and_runs_nothing() {
    let site = hello(Wire::Cgi);
    let (code, out, _) = call(&site, &["run", "argv.sif", "name=Ä", "age=7", "--dry-run"]);
    let image = site.path("data/argv.sif").display().to_string();
    assert_eq!(code, 0);
    assert!(out.starts_with(&site.path("runtime/apptainer").display().to_string()), "{out}");
    assert!(out.ends_with(&format!(" {image} --name 'Ä' --age 7\n")), "{out}");
    assert_eq!(site.runs().len(), 0);
    // what it prints is what a request executes
    site.ask(&get("/container/run/argv.sif?name=%C3%84&age=7")).good();
    assert_eq!(site.the_run().argv().join(" "), out.trim_end().replace('\'', ""));
}

#[test]
fn doctor_says_what_holds_and_how_to_get_the_rest() {
    let site = hello(Wire::Cgi);
    let (code, told) = value(&site, &["doctor", "--json"]);
    let checks = told["checks"].as_array().expect("checks").clone();
    for what in ["data", "state", "runtime", "account"] {
        let check = checks.iter().find(|one| one["check"] == what).unwrap_or_else(|| panic!("no {what}"));
        assert_eq!((&check["ok"], &check["weight"]), (&json!(true), &json!("needed")), "{check}");
    }
    for check in &checks {
        for member in ["buys", "lost", "get"] {
            assert!(check[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {check}");
        }
    }
    let wrong = checks.iter().any(|one| one["ok"] == false && one["weight"] != "better");
    assert_eq!(code, i32::from(wrong));
    let (again, out, _) = call(&site, &["doctor"]);
    assert_eq!(
        (again, out.lines().filter(|line| line.starts_with("yes") || line.starts_with("no ")).count()),
        (code, checks.len())
    );
    let (code, told) = value(&hello(Wire::Cgi).set("runtime", "/nonexistent/apptainer"), &["doctor", "--json"]);
    let runtime = told["checks"].as_array().unwrap().iter().find(|one| one["check"] == "runtime").unwrap().clone();
    assert_eq!((code, &runtime["ok"]), (1, &json!(false)));
    assert!(
        runtime["reason"].as_str().is_some_and(|why| why.contains("/nonexistent/apptainer")),
        "its owner sees the path"
    );
}

/// Under a web server's CGI variables the command line is the visitor's (RFC 3875 §4.4).
#[test]
fn under_cgi_the_command_line_is_not_read() {
    let site = hello(Wire::Cgi).words(&["list", "--json", "--config", "/nonexistent"]);
    let answer = site.ask(&get(IMAGE));
    assert_eq!((answer.status, answer.media()), (200, JSON));
}
