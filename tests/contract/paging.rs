//! The home page: what it says of each image, afresh, a hundred a page.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::request::BROWSER;
use crate::support::{Site, get, on_both_wires, sif};
use crate::{HELLO, HTML, IMAGE, JSON, explained, hello};

fn names(page: &Value) -> Vec<String> {
    let images = page["images"].as_array().unwrap_or_else(|| panic!("no images: {page}"));
    images.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn home_lists_name_size_date_format_arguments_and_one_line() {
    on_both_wires(|wire| {
        let bytes = explained(&HELLO, "\n  Says hello <to> you.\nMore about it.\n");
        let site = Site::new(wire).file("argv.sif", &bytes);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
        fs::File::options().write(true).open(site.path("data/argv.sif")).unwrap().set_modified(then).unwrap();
        let answer = site.ask(&get("/container/"));
        assert_eq!(answer.media(), JSON);
        let expected = json!({
            "name": "argv.sif", "url": IMAGE, "size": bytes.len(), "modified": "2017-07-14T02:40:00Z",
            "format": "sif", "architecture": "amd64", "summary": "Says hello <to> you.",
            "args": { "str": ["name"], "int": ["age"], "float": ["weight"], "bool": ["is_dino"] },
        });
        let list = answer.json();
        for (key, value) in expected.as_object().unwrap() {
            let got = &list["images"][0][key];
            let same =
                got == value || (key == "format" && got.as_str().is_some_and(|got| got.eq_ignore_ascii_case("sif")));
            assert!(same, "{key}: {got}");
        }
        assert_eq!((&list["total"], &list["page"], &list["next"]), (&json!(1), &json!(1), &Value::Null));
        let page = site.ask(&get("/container/").accept(BROWSER));
        assert_eq!(page.media(), HTML);
        let page = page.text();
        for part in [
            "href=\"/container/argv.sif\"",
            "Says hello &lt;to&gt; you.",
            "2017-07-14",
            "33 kB",
            "weight",
            "float",
            "1 image<",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
    });
}

#[test]
fn home_of_an_empty_folder() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        let answer = site.ask(&get("/container/"));
        assert_eq!(
            answer.json(),
            json!({ "images": [], "folders": [], "total": 0, "page": 1, "next": null, "up": null })
        );
        assert!(site.ask(&get("/container/").accept(BROWSER)).good().contains("no image here yet"));
    });
}

#[test]
fn home_is_read_afresh_on_every_request() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let data = site.data();
        let list = || names(&site.ask(&get("/container/")).json());
        assert_eq!(list(), ["argv.sif"]);
        fs::copy(data.join("argv.sif"), data.join("zwei.sif")).unwrap();
        assert_eq!(list(), ["argv.sif", "zwei.sif"]);
        site.ask(&get("/container/zwei.sif")).good();
        fs::remove_file(data.join("argv.sif")).unwrap();
        assert_eq!(list(), ["zwei.sif"]);
        site.ask(&get(IMAGE)).problem(404);
        // a broken image is listed with its reason, and breaks nothing else
        let whole = fs::read(data.join("zwei.sif")).unwrap();
        fs::write(data.join("broken.sif"), &whole[..5000]).unwrap();
        let rows = site.ask(&get("/container/")).json();
        assert_eq!(names(&rows), ["broken.sif", "zwei.sif"]);
        assert!(rows["images"][0]["error"].as_str().is_some_and(|why| why.len() > 10), "{rows}");
        assert_eq!(rows["images"][1]["error"], Value::Null);
        assert!(site.ask(&get("/container/").accept(BROWSER)).good().contains("Cannot be read"));
    });
}

#[test]
fn home_has_a_hundred_images_a_page() {
    on_both_wires(|wire| {
        let bytes = sif::with_labels(&[]);
        let site = (0..250).fold(Site::new(wire), |site, number| site.file(&format!("image-{number:03}.sif"), &bytes));
        let mut seen = Vec::new();
        let mut address = Some("/container/".to_owned());
        for (number, count) in [(1, 100), (2, 100), (3, 50)] {
            let page = site.ask(&get(&address.expect("a next page"))).json();
            assert_eq!((&page["total"], &page["page"]), (&json!(250), &json!(number)));
            assert_eq!(names(&page).len(), count);
            seen.extend(names(&page));
            address = page["next"].as_str().map(str::to_owned);
        }
        assert_eq!(address, None, "the last page has no next one");
        assert!(seen.is_sorted() && BTreeSet::from_iter(&seen).len() == 250, "each once, in order");
        let beyond = site.ask(&get("/container/?page=4")).json();
        assert_eq!((names(&beyond).len(), &beyond["total"], &beyond["next"]), (0, &json!(250), &Value::Null));
        for odd in ["0", "-1", "x", "", "99999999999999999999999"] {
            let (_, told) = site.ask(&get(&format!("/container/?page={odd}"))).problem(400);
            assert!(told["detail"].as_str().is_some_and(|text| text.contains("page")), "{odd}: {told}");
        }
        let html = site.ask(&get("/container/?page=2").accept(BROWSER)).good();
        assert!(html.contains("rel=\"prev\" href=\"/container/?page=1\""), "{html}");
        assert!(html.contains("rel=\"next\" href=\"/container/?page=3\""), "{html}");
        // a page for people is shorter; the next one begins where it ends
        let first = site.ask(&get("/container/").accept(BROWSER)).good();
        let shown = (0..250).take_while(|number| first.contains(&format!("image-{number:03}.sif"))).count();
        assert!((10..=100).contains(&shown), "{shown}");
        for (number, there) in [(shown - 1, false), (shown, true), (2 * shown - 1, true), (2 * shown, false)] {
            assert_eq!(html.contains(&format!("image-{number:03}.sif")), there, "{number} of {shown} on a page");
        }
    });
}

#[test]
fn home_is_searched_by_name() {
    on_both_wires(|wire| {
        let bytes = sif::with_labels(&[]);
        let site = (0..110).fold(Site::new(wire), |site, number| site.file(&format!("a+b-{number:03}.sif"), &bytes));
        let site = site.file("Mandel.sif", &bytes);
        let search = |query: &str| site.ask(&get(&format!("/container/?q={query}"))).json();
        for (query, total) in [
            ("mandel", 1),
            ("MANDEL", 1),
            ("a%2Bb", 110),
            ("-00", 10),
            ("sif", 111),
            ("%20%20", 111),
            ("", 111),
            ("nothing", 0),
        ] {
            assert_eq!(search(query)["total"], total, "{query}");
        }
        let next = search("a%2Bb")["next"].as_str().expect("a next page").to_owned();
        let second = site.ask(&get(&next)).json();
        assert_eq!((names(&second).len(), &second["total"]), (10, &json!(110)), "{next} goes on with the search");
        let html = site.ask(&get("/container/?q=%22%3E%3Cxyz").accept(BROWSER)).good();
        assert!(html.contains("value=\"&quot;&gt;&lt;xyz\"") && !html.contains("<xyz"), "{html}");
    });
}
