//! `docs/calling.md` and the first lines of the README: each snippet, run.

use serde_json::Value;

use crate::snippet::{self, SERVER, Snippet};
use crate::support::{Site, Wire, get};
use crate::{AMY, DEMOS, demos, nginx};

const DOCUMENT: &str = "docs/calling.md";

/// Runs the snippets of `document` that are `wanted`, and gives what they print.
fn printed(site: &Site, wanted: impl Fn(&Snippet) -> bool) -> Vec<(Snippet, String)> {
    let Some(front) = nginx(site) else { return Vec::new() };
    let mut outputs = Vec::new();
    for mut one in snippet::of(DOCUMENT).into_iter().filter(|one| wanted(one)) {
        one.code = one.code.replace(SERVER, &front.url(""));
        if let Some(output) = one.output(DEMOS.as_ref()) {
            outputs.push((one, output));
        }
    }
    outputs
}

fn site() -> Option<(Site, Value)> {
    let site = demos(Wire::FastCgi, &["hello-name.sif", "slow.sif"])?;
    let expected = site.ask(&get(AMY)).json();
    assert_eq!(expected["name"], "hello Amy!");
    Some((site, expected))
}

/// What all of them ask for: the answer as JSON.
fn is_about_amy(one: &Snippet) -> bool {
    one.code.contains("hello-name.sif")
}

/// Each language prints an object in its own way; the words are the same.
fn says(expected: &Value, one: &Snippet, output: &str) {
    for member in ["name", "species"] {
        for text in [member, expected[member].as_str().expect("a text")] {
            assert!(output.contains(text), "no {text} in {output}\n{}", one.code);
        }
    }
}

#[test]
fn curl_javascript_and_python_as_documented() {
    let Some((site, expected)) = site() else { return };
    for (one, output) in printed(&site, |one| is_about_amy(one) && one.language != "r") {
        says(&expected, &one, &output);
    }
}

#[test]
fn curl_watches_as_documented() {
    let Some((site, _)) = site() else { return };
    let told = printed(&site, |one| one.code.contains("text/event-stream"));
    for (one, output) in &told {
        for text in ["event: command", "step 1 of 3", "step 3 of 3", "event: exit", "\"exit_code\":0"] {
            assert!(output.contains(text), "no {text} in {output}\n{}", one.code);
        }
    }
    assert_eq!(told.len(), 1, "curl and nginx are there");
}

#[test]
fn every_language_is_there() {
    let languages: Vec<String> = snippet::of(DOCUMENT).into_iter().map(|one| one.language).collect();
    assert_eq!(languages, ["sh", "sh", "js", "js", "python", "r", "sh"]);
    assert!(snippet::of(DOCUMENT).iter().all(|one| is_about_amy(one) || one.code.contains("slow.sif")));
}

/// R is large: only where it is asked for.
#[test]
#[ignore = "long"]
fn r_as_documented() {
    let Some((site, expected)) = site() else { return };
    for (one, output) in printed(&site, |one| one.language == "r") {
        says(&expected, &one, &output);
    }
}

#[test]
fn the_readme_shows_what_comes() {
    let Some((site, _)) = site() else { return };
    let Some(front) = nginx(&site) else { return };
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines: Vec<&str> = readme.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.starts_with("curl ")).expect("a call");
    let code = lines[at].replace(SERVER, &front.url(""));
    let output = Snippet { language: "sh".to_owned(), code }.output(DEMOS.as_ref()).expect("sh");
    assert_eq!(output.trim_end(), lines[at + 1]);
}
