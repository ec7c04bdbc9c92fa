//! What there is to read on the page of an image, and the ways to get about: keyboard, narrow screens, paper.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::stack::{RUN, Stack, demos, everything};
use crate::support::request::BROWSER;
use crate::support::{HANG, Site, Wire, get, on_both_wires, sif, until};

/// Keys of the driver (WebDriver §17.4.2).
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

fn stack(definition: bool) -> Option<Stack> {
    let site = demos()?.file("everything.sif", &everything()).set("download", definition);
    Stack::with(site.set("show_definition", definition))
}

#[test]
fn an_image_tells_what_it_is() {
    let Some(stack) = stack(true) else { return };
    let browser = &stack.browser;
    stack.go("/container/everything.sif");
    assert!(browser.text("pre.help").contains("A second paragraph <b>of text</b>."), "help is text");
    // labels: links to the web and no others, long values folded, a filter
    let links =
        browser.script("return [...document.querySelectorAll('#label-table a')].map(one => one.getAttribute('href'))");
    assert_eq!(links, serde_json::json!(["https://example.org/source"]));
    let long = "const one = document.querySelector('#label-table details'); return [one.open, one.firstChild.textContent.length < 100, one.textContent.length > 400]";
    assert_eq!(browser.script(long), serde_json::json!([false, true, true]));
    browser.write("#filter", "opencont");
    let shown = "return [...document.querySelectorAll('#label-table tbody tr')].filter(one => !one.hidden).length";
    assert_eq!(browser.script(shown), 1);
    let page = browser.script("return document.querySelector('main').textContent").as_str().unwrap().to_owned();
    for part in ["exec everything", "API_KEY=sk-definition", "Download the image", "sha256sum everything.sif", "9bad"] {
        assert!(page.contains(part), "no {part}");
    }
    browser.click("a[href$='everything.sif/sing']");
    browser.wait_for("h1", "sing");
    assert_eq!(browser.text("pre.help"), "Sings.");
    // of the definition, which holds the environment, nothing unless the site says so
    let site = Site::new(Wire::FastCgi).file("everything.sif", &everything());
    let page = site.ask(&get("/container/everything.sif").accept(BROWSER)).text();
    assert!(!page.contains("API_KEY") && !page.contains("Download the image"));
}

#[test]
fn the_keyboard_is_enough() {
    let Some(stack) = stack(false) else { return };
    let browser = &stack.browser;
    stack.go("/container/slow.sif");
    browser.keys(TAB);
    assert_eq!(browser.script("return document.activeElement.className"), "skip", "first a way past the frame");
    browser.keys(ENTER);
    until("it is past the frame", HANG, || browser.url().ends_with("#content"));
    let reached = || browser.script("return document.activeElement.id");
    for _ in 0..20 {
        if reached() == "arg-steps" {
            break;
        }
        browser.keys(TAB);
    }
    assert_eq!(reached(), "arg-steps");
    let outline = browser.script("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "the focus is seen");
    browser.keys("50");
    browser.keys(ENTER);
    browser.wait_for("#output", "step 1");
    browser.keys(ESCAPE);
    browser.wait_for("#status", "Cancelled");
    assert_eq!(reached(), "arg-steps", "the focus stays");
}

#[test]
fn a_narrow_screen_and_paper_are_enough() {
    let Some(stack) = stack(true) else { return };
    let browser = &stack.browser;
    browser.look(320, false);
    for page in ["/", "/container/everything.sif?note=ab", "/container/none.sif", "/container/run/epidemic.sif?days=5"]
    {
        stack.go(page);
        let wide = browser.script("return [...document.querySelectorAll('body *')].filter(one => !one.parentElement.closest('.wide') && one.getBoundingClientRect().right > 320).map(one => one.outerHTML.slice(0, 80))");
        let width = browser.script("return document.documentElement.scrollWidth");
        assert!(width.as_u64().is_some_and(|width| width <= 320), "{page}: {width} {wide:#}");
    }
    stack.go("/container/epidemic.sif");
    browser.click(RUN);
    browser.wait_for("#status", "Done");
    let top = "return document.querySelector('#result').getBoundingClientRect().top";
    assert!(browser.script(top).as_f64().is_some_and(|top| (-10.0..400.0).contains(&top)), "the result is in sight");
    assert!(browser.script("return document.documentElement.scrollWidth").as_u64().is_some_and(|width| width <= 320));
    // paper gets the result without the form
    stack.go("/container/run/hello-name.sif?name=Amy");
    browser.devtools("Emulation.setEmulatedMedia", &serde_json::json!({ "media": "print" }));
    let script = "return ['form', '.copyable button', '.output'].map(one => getComputedStyle(document.querySelector(one)).display)";
    assert_eq!(browser.script(script), serde_json::json!(["none", "none", "block"]));
}

#[test]
fn images_that_cannot_be_read_or_run_are_marked_and_why() {
    on_both_wires(|wire| {
        // the architecture of a SIF is a code of two digits, in the header and in the partition
        let mut arm = sif::with_labels(&[]);
        arm.windows(3)
            .enumerate()
            .filter(|(_, code)| code == b"02\0")
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|at| arm[at + 1] = b'4');
        let site = Site::new(wire).image("open.sif", &[]).file("arm.sif", &arm).file("broken.sif", b"no image at all");
        let page = |address: &str| site.ask(&get(address).accept(BROWSER)).text();
        assert!(!page("/container/").contains("Is not run here"));
        fs::set_permissions(site.path("data/open.sif"), fs::Permissions::from_mode(0o666)).unwrap();
        let home = page("/container/");
        for part in [
            "<strong>Is not run here:</strong> every account may write to the image",
            "<strong>Cannot be read.</strong> This is not a container image",
            "It is made for arm64, but this server is ",
        ] {
            assert!(home.contains(part), "no {part} in {home}");
        }
        assert!(page("/container/open.sif").contains("This image is not run here: every account may write"));
        assert!(page("/container/arm.sif").contains("It is made for arm64"));
    });
}

#[test]
fn a_call_can_be_tried_on_the_page_for_programs() {
    let Some(stack) = stack(false) else { return };
    let browser = &stack.browser;
    stack.go("/container/lab.sif");
    browser.click("footer a");
    browser.wait_for("h1", "For programs");
    browser.click("#call button");
    browser.wait_for("#call-status", "200 · application/json");
    browser.wait_for("#call-answer", "\"ready\": true");
    browser.script("document.querySelector('#call-address').value = '/container/none.sif'");
    browser.click("#call button");
    browser.wait_for("#call-status", "404 · application/problem+json");
    browser.script("document.querySelector('#call-address').value = 'https://elsewhere.example/'");
    browser.click("#call button");
    browser.wait_for("#call-status", "https://elsewhere.example");
    assert_eq!(browser.text("#call-answer"), "", "nothing of another site is asked for");
}
