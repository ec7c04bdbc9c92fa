//! "Use it from" on an image's page: each call, run, gives what the page's own form gives.

use crate::snippet::Snippet;
use crate::support::request::BROWSER;
use crate::support::{Site, Wire, get};
use crate::{AMY, DEMOS, demos, nginx};

/// Stands for the address that only a browser knows.
const SITE: &str = "https://SITE";
const LANGUAGES: [&str; 5] = ["curl", "JavaScript", "Python", "R", "Apptainer"];

/// The calls on a page.
fn calls(page: &str) -> Vec<Snippet> {
    let section = page.split("id=\"calls\"").nth(1).expect("the section of calls");
    let section = section.split("</section>").next().unwrap_or_default();
    let parts = section.split("<summary").skip(1).map(|part| {
        let inner = |after: &str, before: &str| -> String {
            let rest = part.split_once(after).unwrap_or_else(|| panic!("no {after} in {part}")).1;
            let text = rest.split(before).next().unwrap_or_default();
            let plain = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'");
            plain.replace("&amp;", "&")
        };
        let code = part.split_once("<code").map(|_| inner("<code", "</code>")).unwrap_or_default();
        let code = code.split_once('>').expect("a tag").1.to_owned();
        Snippet { language: inner(">", "</summary>").trim().to_owned(), code }
    });
    parts.collect()
}

fn each_call(site: &Site, wanted: impl Fn(&str) -> bool) {
    let Some(front) = nginx(site) else { return };
    let expected = site.ask(&get(AMY)).good();
    let page = site.ask(&get(&AMY.replace("/run", "")).accept(BROWSER)).good();
    let calls = calls(&page);
    assert_eq!(calls.iter().map(|call| &*call.language).collect::<Vec<_>>(), LANGUAGES);
    for mut call in calls.into_iter().filter(|call| wanted(&call.language)) {
        assert_eq!(call.code.contains(SITE), call.language != "Apptainer", "{}", call.code);
        call.code = call.code.replace(SITE, &front.url(""));
        if let Some(output) = call.output(DEMOS.as_ref()) {
            same(&call, &output, &expected);
        }
    }
}

/// JSON is shown by each language in its own way: the texts in it are the same.
fn same(call: &Snippet, output: &str, expected: &str) {
    if ["curl", "Apptainer"].contains(&&*call.language) {
        return assert_eq!(output.trim_end(), expected.trim_end(), "{}", call.code);
    }
    let expected: serde_json::Value = serde_json::from_str(expected).expect("JSON");
    for text in expected.as_object().expect("an object").values().filter_map(serde_json::Value::as_str) {
        assert!(output.contains(text), "no {text} in {output}\n{}", call.code);
    }
}

fn site() -> Option<Site> {
    demos(Wire::FastCgi, &["hello-name.sif"])
}

#[test]
fn the_calls_of_a_page_give_the_same_answer() {
    let Some(site) = site() else { return };
    each_call(&site, |language| language != "R");
}

#[test]
fn the_calls_of_a_page_of_a_site_that_takes_post_only() {
    let Some(site) = site() else { return };
    let asked = site.ask(&get(AMY)).good();
    let site = demos(Wire::FastCgi, &["hello-name.sif"]).expect("as above").set("run_methods", "POST");
    let Some(front) = nginx(&site) else { return };
    let page = site.ask(&get(&AMY.replace("/run", "")).accept(BROWSER)).good();
    for mut call in calls(&page).into_iter().filter(|call| call.language != "R") {
        call.code = call.code.replace(SITE, &front.url(""));
        if let Some(output) = call.output(DEMOS.as_ref()) {
            same(&call, &output, &asked);
        }
    }
}

/// A picture is kept in a file, a table is read as one, and a failure says why.
fn kinds(wanted: impl Fn(&Snippet) -> bool) {
    let Some(site) = demos(Wire::FastCgi, &["mandelbrot.sif", "epidemic.sif"]) else { return };
    let (Some(front), Some(failing)) = (nginx(&site), crate::failing()) else { return };
    let picture = site.ask(&get("/container/run/mandelbrot.sif?zoom=2")).body;
    for (image, query) in [("mandelbrot.sif", "zoom=2"), ("epidemic.sif", "days=5")] {
        let page = site.ask(&get(&format!("/container/{image}?{query}")).accept(BROWSER)).good();
        for mut call in calls(&page).into_iter().filter(|call| wanted(call)) {
            call.code = call.code.replace(SITE, &front.url(""));
            let folder = crate::scratch();
            if call.language == "Apptainer" {
                std::os::unix::fs::symlink(site.data().join(image), folder.path().join(image)).unwrap();
            }
            let Some(output) = call.output(folder.path()) else { continue };
            match image {
                "epidemic.sif" => assert!(output.contains("day"), "{output}"),
                _ => assert!(std::fs::read(folder.path().join("mandelbrot.png")).unwrap() == picture, "{}", call.code),
            }
        }
        std::fs::write(site.data().join(image), &failing).unwrap();
        for mut call in calls(&page).into_iter().filter(|call| wanted(call) && call.language != "Apptainer") {
            call.code = call.code.replace(SITE, &front.url(""));
            let folder = crate::scratch();
            let Some(said) = call.failure(folder.path()) else { continue };
            crate::tells_why(&said, &call.code);
            assert!(!folder.path().join("mandelbrot.png").exists(), "{}", call.code);
        }
    }
}

fn is_large(call: &Snippet) -> bool {
    call.language == "R" || call.code.contains("pandas")
}

#[test]
fn the_calls_of_a_page_fit_the_kind_of_the_answer() {
    kinds(|call| !is_large(call));
}

#[test]
#[ignore = "long"]
fn the_calls_of_a_page_fit_the_kind_of_the_answer_in_pandas_and_r() {
    kinds(is_large);
}

#[test]
#[ignore = "long"]
fn the_call_of_a_page_in_r() {
    let Some(site) = site() else { return };
    each_call(&site, |language| language == "R");
}
