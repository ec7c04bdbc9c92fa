//! A site that calls itself by a name of its own, with a logo.

use std::fs;

use crate::support::request::BROWSER;
use crate::support::{Site, Wire, get, on_both_wires};

/// An SVG that would like to do something.
pub const LOGO: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 20" width="60" height="20"><style>rect{fill:teal}</style><rect width="60" height="20"/><script>parent.document.title = "taken"</script></svg>"#;

fn lab(wire: Wire) -> Site {
    let site = Site::new(wire).set("title", "Our <lab>").set("welcome", "Models of ours & others");
    let logo = site.path("logo");
    fs::write(&logo, LOGO).unwrap();
    site.set("link", "https://lab.example.org/about").set("logo", logo.display())
}

/// The address of the logo on a page.
fn logo(page: &str) -> Option<&str> {
    page.split('"').find(|part| part.contains("/static/logo"))
}

#[test]
fn every_page_has_the_sites_name_and_the_home_page_its_welcome() {
    on_both_wires(|wire| {
        let site = lab(wire);
        let page = |address: &str| site.ask(&get(address).accept(BROWSER)).text();
        let home = page("/container/");
        for part in ["<title>Our &lt;lab&gt;</title>", " Our &lt;lab&gt;</a>", "Models of ours &amp; others"] {
            assert!(home.contains(part), "no {part}: {home}");
        }
        let error = page("/container/none.sif");
        for part in [
            "There is no such image – Our &lt;lab&gt;</title>",
            "href=\"https://lab.example.org/about\"",
            "lab.example.org</a>",
        ] {
            assert!(error.contains(part), "no {part}: {error}");
        }
        assert!(!error.contains("Models of ours"));
    });
}

#[test]
fn the_logo_is_served_by_its_content_and_does_nothing() {
    on_both_wires(|wire| {
        let site = lab(wire);
        let page = || site.ask(&get("/container/").accept(BROWSER)).text();
        let first = page();
        let address = logo(&first).expect("a logo");
        let answer = site.ask(&get(address));
        assert_eq!((answer.status, answer.media(), answer.text().as_str()), (200, "image/svg+xml", LOGO));
        assert!(
            answer
                .header("Content-Security-Policy")
                .is_some_and(|policy| policy.starts_with("sandbox; default-src 'none'"))
        );
        assert_eq!(answer.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(site.ask(&get("/container/static/logo")).header("Cache-Control"), Some("public, max-age=300"));
        // another file is another address, at the next request
        fs::write(site.path("logo"), b"\x89PNG\r\n\x1a\n and so on").unwrap();
        let second = page();
        assert_ne!(logo(&second), Some(address));
        assert_eq!(site.ask(&get(logo(&second).unwrap())).media(), "image/png");
    });
}

#[test]
fn a_logo_that_cannot_be_shown_is_left_out_and_named_to_the_owner() {
    on_both_wires(|wire| {
        let site = lab(wire);
        for content in [Some(vec![b' '; 256 * 1024 + 1]), Some(b"<html><script>".to_vec()), None] {
            match content {
                Some(bytes) => fs::write(site.path("logo"), bytes).unwrap(),
                None => fs::remove_file(site.path("logo")).unwrap(),
            }
            assert_eq!(site.ask(&get("/container/static/logo")).status, 404);
            let home = site.ask(&get("/container/").accept(BROWSER)).text();
            assert!(logo(&home).is_none() && home.contains("icon.svg"), "{home}");
            let health = site.ask(&get("/container/health")).text();
            assert!(health.contains("\"logo\"") && !health.contains("sn-test-"), "{health}");
        }
        assert_eq!(Site::new(wire).ask(&get("/container/static/logo")).status, 404, "no logo, none there");
    });
}
