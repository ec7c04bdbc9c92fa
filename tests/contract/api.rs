//! `/container/api`: how programs use the site, and who may read the documents.

use serde_json::json;

use crate::support::request::BROWSER;
use crate::support::{Site, get, on_both_wires};

const API: &str = "/container/api";
const DOCUMENTS: [&str; 2] = ["/container/openapi.json", "/container/openapi/argv.sif.json"];

#[test]
fn the_addresses_are_a_page_for_people_and_json_for_programs() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let page = site.ask(&get(API).accept(BROWSER)).good();
        for text in [
            "/container/openapi.json?version=3.1",
            "/container/openapi.json?version=3.0",
            "/container/run/&lt;image&gt;",
            "/container/problems/bad-arguments",
            "<td>502</td>",
            "id=\"call\"",
            "text/event-stream",
        ] {
            assert!(page.contains(text), "no {text} in {page}");
        }
        let told = site.ask(&get(API)).json();
        let addresses: Vec<&str> =
            told["addresses"].as_array().unwrap().iter().map(|one| one["address"].as_str().unwrap()).collect();
        for address in ["/container/", "/container/<image>", "/container/run/<image>", "/container/<folder>/"] {
            assert!(addresses.contains(&address), "no {address} in {addresses:?}");
        }
        assert!(!addresses.iter().any(|address| address.contains("static")), "{addresses:?}");
        let run = told["addresses"].as_array().unwrap().iter().find(|one| one["address"] == "/container/run/<image>");
        assert_eq!(run.unwrap()["methods"], json!(["GET", "POST", "OPTIONS"]));
        for document in told["documents"].as_array().unwrap() {
            assert_eq!(site.ask(&get(document.as_str().unwrap())).status, 200, "{document}");
        }
        for problem in told["problems"].as_array().unwrap() {
            assert_eq!(site.ask(&get(problem["type"].as_str().unwrap())).status, 200, "{problem}");
        }
    });
}

/// Every address without a value is one that answers.
#[test]
fn every_address_that_is_told_answers() {
    on_both_wires(|wire| {
        let site = Site::new(wire).set("download", "true").image("argv.sif", &[]);
        std::fs::create_dir(site.data().join("lab")).unwrap();
        for one in site.ask(&get(API)).json()["addresses"].as_array().unwrap() {
            let address = one["address"].as_str().unwrap();
            let address = address.replace("<image>", "argv.sif").replace("<folder>", "lab").replace("<word>", "busy");
            let answer = site.ask(&get(&address));
            assert!(answer.status < 400, "{address}: {} {}", answer.status, answer.text());
        }
    });
}

#[test]
fn every_page_leads_to_it() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let pages = ["/container/", "/container/argv.sif", "/container/none.sif", "/container/problems/busy", API];
        for address in pages {
            let page = site.ask(&get(address).var("SCRIPT_NAME", "/~amy").accept(BROWSER)).text();
            let foot = page.rsplit("<footer").next().unwrap();
            assert!(foot.contains("href=\"/~amy/container/api\">For programs</a>"), "{address}: {foot}");
        }
        let page = site.ask(&get("/container/argv.sif").accept(BROWSER)).good();
        assert!(page.contains("href=\"/container/openapi/argv.sif.json\""), "the page has no link to its document");
    });
}

/// Which images a folder holds is nobody else's business, unless the site says so.
#[test]
fn the_documents_are_read_by_allowed_origins_only() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let asked = |site: &Site, address: &str| {
            let answer = site.ask(&get(address).header("Origin", "https://explorer.example"));
            (answer.status, answer.header("Access-Control-Allow-Origin").map(str::to_owned))
        };
        for address in DOCUMENTS {
            assert_eq!(asked(&site, address), (200, None), "{address}");
        }
        let site = Site::new(wire).image("argv.sif", &[]).set("allow_origins", "https://explorer.example");
        for address in DOCUMENTS.iter().flat_map(|address| [(*address).to_owned(), format!("{address}?version=3.0")]) {
            assert_eq!(asked(&site, &address), (200, Some("https://explorer.example".to_owned())), "{address}");
        }
    });
}
