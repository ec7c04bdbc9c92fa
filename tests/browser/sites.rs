//! Pages of other sites lead a visitor to a run in every way that a page has: the form is shown and nothing has run.
//! What is a part of a page never runs, on no page. The site's own pages do.

use std::fs;

use serde_json::json;

use crate::cors::{elsewhere, runs};
use crate::driver::Browser;
use crate::stack::{RUN, Stack};
use crate::support::servers::Server;
use crate::support::{HANG, until};

const ADDRESS: &str = "/container/run/hello-name.sif?name=Amy";
const LANDED: &str = "/container/hello-name.sif?name=Amy#not-run";

/// A page of the other site, as HTML. `TARGET` is the address of a run.
fn write(server: &Server, name: &str, html: &str, target: &str) {
    let page = format!("<!DOCTYPE html><title>Elsewhere</title>{}", html.replace("TARGET", target));
    fs::write(server.folder().join(name), page).unwrap();
}

/// Waits until the browser is on the form, filled in, with the line that says why nothing has run.
fn shows_the_form(browser: &Browser, how: &str) {
    until(how, HANG, || browser.url().ends_with(LANDED));
    browser.wait_for("#not-run", "Nothing has run yet, because another site led here.");
    assert_eq!(browser.script("return document.querySelector('#arg-name').value"), "Amy", "{how}");
}

#[test]
fn a_page_of_another_site_leads_to_the_form_in_every_way() {
    let Some((server, origin)) = elsewhere() else { return };
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    let url = stack.url(ADDRESS);
    let frame =
        "<iframe sandbox='allow-scripts allow-top-navigation' srcdoc=\"<script>top.location='TARGET'</script>\">";
    for (how, html) in [
        ("location", "<script>location = 'TARGET'</script>"),
        ("refresh", "<meta http-equiv=refresh content='0; url=TARGET'>"),
        ("sandbox", frame),
        ("click", "<a id=a href='TARGET'>x</a><script>a.click()</script>"),
        ("silent", "<a id=a href='TARGET' rel=noreferrer>x</a><script>a.click()</script>"),
        ("form", "<form id=f action='TARGET'><input name=name value=Amy></form><script>f.submit()</script>"),
    ] {
        write(&server, &format!("{how}.html"), html, &url);
        // the page may be left before it has loaded
        browser.go(&format!("{origin}/{how}.html"));
        shows_the_form(browser, how);
    }
    // the spelling of 2017 leads there, too
    write(&server, "old.html", "<script>location = 'TARGET'</script>", &url.replace("/container/", "/containers/"));
    browser.go(&format!("{origin}/old.html"));
    shows_the_form(browser, "old");
    // a window of its own, by a script and by a click
    let before = browser.tabs();
    browser.go(&format!("{origin}/index.html"));
    browser.script(&format!("open({})", json!(url)));
    until("another window", HANG, || browser.tabs().len() > before.len());
    let opened = browser.tabs().into_iter().find(|tab| !before.contains(tab)).unwrap();
    browser.to_tab(&opened);
    shows_the_form(browser, "window.open");
    browser.close_tab();
    browser.to_tab(&before[0]);
    write(&server, "link.html", "<a id=a href='TARGET'>x</a>", &url);
    browser.go(&format!("{origin}/link.html"));
    browser.click("#a");
    shows_the_form(browser, "a click");
    assert_eq!(runs(&stack), 0, "{}", stack.site.log());
    // what the page says is then done as it says
    browser.click(RUN);
    browser.wait_for("#status", "Done");
    assert!(browser.text("#output").contains("hello Amy!"));
    assert_eq!(runs(&stack), 1, "{}", stack.site.log());
    browser.complaints();
}

/// Browsers tell nothing but the referrer over plain http, where the host is no loopback address.
#[test]
fn over_plain_http_the_referrer_tells() {
    let Some((server, _)) = elsewhere() else { return };
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    let at = |host: &str, port: u16, path: &str| format!("http://{host}:{port}{path}");
    let (evil, ours) = (server.address().port(), stack.nginx.address().port());
    let url = at("containers.example", ours, ADDRESS);
    write(&server, "location.html", "<script>location = 'TARGET'</script>", &url);
    browser.go(&at("evil.example", evil, "/location.html"));
    shows_the_form(browser, "location");
    assert_eq!(runs(&stack), 0, "{}", stack.site.log());
    // of the site's own pages the referrer tells, too; an address that is typed has none
    browser.click(RUN);
    browser.wait_for("#status", "Done");
    browser.go(&url);
    browser.wait_for("main", "hello Amy!");
    assert_eq!(runs(&stack), 2, "{}", stack.site.log());
    browser.complaints();
}

#[test]
fn nothing_runs_as_a_part_of_a_page_and_own_pages_run() {
    let Some((server, origin)) = elsewhere() else { return };
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    let add = |tag: &str, attribute: &str, url: &str| {
        browser.script(&format!(
            "return new Promise(done => {{
                 const element = document.createElement('{tag}');
                 element.onload = () => done('loaded');
                 element.onerror = () => done('failed');
                 setTimeout(() => done('silent'), 3000);
                 element.{attribute} = {};
                 if ('{tag}' === 'link') element.rel = 'stylesheet';
                 document.body.append(element);
             }})",
            json!(url)
        ))
    };
    // markdown of an image's author stands on a page of ours: a picture of the same origin, relative or not
    let own = stack.url("/container/hello-name.sif");
    for page in [own.clone(), format!("{origin}/index.html")] {
        browser.go(&page);
        let url = stack.url(ADDRESS);
        for (tag, attribute) in
            [("img", "src"), ("script", "src"), ("iframe", "src"), ("link", "href"), ("video", "src")]
        {
            let came = add(tag, attribute, &url);
            assert!(came != "loaded" || tag == "iframe", "{tag} on {page}");
        }
    }
    browser.go(&own);
    assert_eq!(add("img", "src", ADDRESS), "failed");
    assert_eq!(add("img", "src", &ADDRESS.replace("/container/", "/containers/")), "failed");
    assert_eq!(runs(&stack), 0, "{}", stack.site.log());
    browser.complaints();
    // the same page runs by its form, and what its script fetches
    let fetched = browser.script(&format!("return fetch({}).then(answer => answer.text())", json!(ADDRESS)));
    assert!(fetched.as_str().is_some_and(|text| text.contains("hello Amy!")), "{fetched}");
    browser.write("#arg-name", "Zoe");
    browser.click(RUN);
    browser.wait_for("#output", "hello Zoe!");
    assert_eq!(browser.script("return getComputedStyle(document.querySelector('#not-run')).display"), "none");
    browser.without_scripts();
    browser.go(&own);
    browser.write("#arg-name", "Bo");
    browser.click(RUN);
    browser.wait_for("#printed", "hello Bo!");
    assert_eq!(runs(&stack), 3, "{}", stack.site.log());
    drop(server);
}
