//! A secret (`writeOnly`) in the page: it follows no keystroke, and stands in no address.

use std::fs;

use crate::stack::{RUN, Stack};
use crate::support::{HANG, Site, Wire, until};

const SECRET: &str = "hunter2-xyzzy";

#[test]
fn a_secret_is_typed_and_shown_nowhere() {
    let labels = [
        ("SINGULARITY_RUNSCRIPT_ARG_STR", "name,password"),
        ("SINGULARITY_RUNSCRIPT_ARG_SCHEMA", r#"{"password": {"writeOnly": true}, "required": ["password"]}"#),
    ];
    let Some(stack) = Stack::with(Site::new(Wire::FastCgi).image("exit-0.sif", &labels)) else { return };
    let browser = &stack.browser;
    let asked = || fs::read_to_string(stack.nginx.folder().join("access.log")).unwrap_or_default();
    stack.go("/container/exit-0.sif");
    browser.write("#arg-password", SECRET);
    browser.write("#arg-name", "Amy");
    browser.wait_for("#command", "exit-0.sif --name Amy");
    until("the page asked for what the form would run", HANG, || asked().contains("/container/exit-0.sif?name=Amy "));
    let page = "return document.documentElement.outerHTML + document.querySelector('#link a').href + location.href";
    browser.click(RUN);
    browser.wait_for("#status", "Done");
    assert!(!browser.script(page).to_string().contains(SECRET));
    assert_eq!(browser.script("return document.querySelector('#arg-password').type"), "password");
    assert!(!asked().contains(SECRET), "{}", asked());
    assert_eq!(stack.site.the_run().arguments(), ["--name", "Amy", "--password", SECRET]);
}
