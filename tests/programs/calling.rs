//! `docs/calling.md` and the first lines of the README: each snippet, run.

use serde_json::Value;

use crate::snippet::{self, SERVER, Snippet};
use crate::support::{Site, Wire, get, post};
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
    let site = demos(Wire::FastCgi, &["hello-name.sif", "slow.sif", "epidemic.sif", "mandelbrot.sif"])?;
    let expected = site.ask(&get(AMY)).json();
    assert_eq!(expected["name"], "hello Amy!");
    Some((site, expected))
}

/// What all of them ask for: the answer as JSON.
fn is_about_amy(one: &Snippet) -> bool {
    one.code.contains("hello-name.sif")
}

/// Nobody runs these here.
fn is_for_windows(one: &Snippet) -> bool {
    one.language == "bat" || one.language == "powershell"
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
    for (one, output) in printed(&site, |one| is_about_amy(one) && one.language != "r" && !is_for_windows(one)) {
        says(&expected, &one, &output);
    }
}

#[test]
fn curl_watches_as_documented() {
    let Some((site, _)) = site() else { return };
    let told = printed(&site, |one| one.language == "sh" && one.code.contains("text/event-stream"));
    for (one, output) in &told {
        for text in ["event: command", "step 1 of 3", "step 3 of 3", "event: exit", "\"exit_code\":0"] {
            assert!(output.contains(text), "no {text} in {output}\n{}", one.code);
        }
    }
    assert_eq!(told.len(), 1, "curl and nginx are there");
}

/// Tables and pictures in files: what comes is what the image prints. R is large: only where it is asked for.
fn tables_and_pictures(wanted: impl Fn(&Snippet) -> bool) {
    let Some((site, _)) = site() else { return };
    let Some(front) = nginx(&site) else { return };
    let picture = site.ask(&get("/container/run/mandelbrot.sif?zoom=2")).body;
    let of_kind = |one: &Snippet| one.code.contains("epidemic.sif") || one.code.contains("mandelbrot.sif");
    for mut one in snippet::of(DOCUMENT).into_iter().filter(|one| of_kind(one) && wanted(one)) {
        one.code = one.code.replace(SERVER, &front.url(""));
        let folder = crate::scratch();
        let Some(output) = one.output(folder.path()) else { continue };
        if one.code.contains("epidemic.sif") {
            assert!(output.contains("infectious") || output.contains("day"), "{output}");
        } else {
            assert!(std::fs::read(folder.path().join("mandelbrot.png")).unwrap() == picture, "{}", one.code);
        }
    }
}

#[test]
fn tables_and_pictures_as_documented() {
    tables_and_pictures(|one| one.language != "r" && !one.code.contains("pandas"));
}

/// pandas is large, too.
#[test]
#[ignore = "long"]
fn tables_in_pandas_and_r_as_documented() {
    tables_and_pictures(|one| one.language == "r" || one.code.contains("pandas"));
}

/// A run that fails: each language says why, and ends as a failure.
fn failures(wanted: impl Fn(&Snippet) -> bool) {
    let (Some((site, _)), Some(image)) = (site(), crate::failing()) else { return };
    for name in ["hello-name.sif", "epidemic.sif", "mandelbrot.sif"] {
        std::fs::write(site.data().join(name), &image).unwrap();
    }
    let Some(front) = nginx(&site) else { return };
    for mut one in snippet::of(DOCUMENT).into_iter().filter(|one| wanted(one) && !is_for_windows(one)) {
        let asks = ["curl -sS --fail-with-body", "import requests", "req_error", "answer.ok"];
        if !asks.iter().any(|text| one.code.contains(text)) || one.code.contains("slow.sif") {
            continue;
        }
        let folder = crate::scratch();
        one.code = one.code.replace(SERVER, &front.url(""));
        let Some(said) = one.failure(folder.path()) else { continue };
        crate::tells_why(&said, &one.code);
        assert!(!folder.path().join("mandelbrot.png").exists(), "{}", one.code);
    }
}

#[test]
fn failures_tell_why_as_documented() {
    failures(|one| one.language != "r" && !one.code.contains("pandas"));
}

#[test]
#[ignore = "long"]
fn failures_tell_why_in_pandas_and_r() {
    failures(|one| one.language == "r" || one.code.contains("pandas"));
}

/// Node without EventSource.
#[test]
fn node_reads_a_stream_as_documented() {
    let Some((site, _)) = site() else { return };
    for (one, output) in printed(&site, |one| one.language == "js" && one.code.contains("text/event-stream")) {
        for text in ["step 1 of 3", "step 3 of 3", "exit code 0"] {
            assert!(output.contains(text), "no {text} in {output}\n{}", one.code);
        }
    }
}

/// The trap that the document names: a flag that is sent is passed, whatever it says.
#[test]
fn a_flag_in_a_query_is_passed_whatever_it_says() {
    let Some((site, _)) = site() else { return };
    for (query, dinosaur) in [("is_dino=False", true), ("is_dino=FALSE", true), ("name=Amy", false)] {
        let answer = site.ask(&get(&format!("/container/run/hello-name.sif?age=1&{query}"))).json();
        assert_eq!(answer["species"].as_str().unwrap().contains("are a"), dinosaur, "{query}");
    }
    let body = r#"{"age": 1, "is_dino": false}"#;
    let answer = site.ask(&post("/container/run/hello-name.sif", "application/json", body)).json();
    assert!(answer["species"].as_str().unwrap().contains("not a"), "{answer}");
}

#[test]
fn every_language_is_there() {
    let snippets = snippet::of(DOCUMENT);
    let languages: Vec<&str> = snippets.iter().map(|one| one.language.as_str()).collect();
    assert_eq!(
        languages,
        ["sh", "sh", "sh", "js", "js", "js", "python", "python", "python", "r", "r", "bat", "powershell", "sh"]
    );
    let known = ["hello-name.sif", "slow.sif", "epidemic.sif", "mandelbrot.sif"];
    assert!(snippets.iter().all(|one| known.iter().any(|image| one.code.contains(image))));
}

/// R is large: only where it is asked for.
#[test]
#[ignore = "long"]
fn r_as_documented() {
    let Some((site, expected)) = site() else { return };
    for (one, output) in printed(&site, |one| one.language == "r" && is_about_amy(one)) {
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
