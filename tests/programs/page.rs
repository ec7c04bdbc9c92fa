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
            assert_eq!(output.trim_end(), expected.trim_end(), "{}", call.code);
        }
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
            assert_eq!(output.trim_end(), asked.trim_end(), "{}", call.code);
        }
    }
}

#[test]
#[ignore = "long"]
fn the_call_of_a_page_in_r() {
    let Some(site) = site() else { return };
    each_call(&site, |language| language == "R");
}
