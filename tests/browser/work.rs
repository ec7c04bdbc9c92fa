//! What people come for: find an image, fill its form, run it, watch it, stop it, take it along.

use std::process::Command;

use crate::driver::Browser;
use crate::stack::{RUN, Stack, demos, everything, terminal};
use crate::support::processes::{self, GONE};
use crate::support::{HANG, skip, until};

/// Processes of containers that run for this site now.
fn containers(stack: &Stack) -> Vec<processes::Process> {
    let server = stack.site.start();
    let mut all = processes::family(server);
    all.retain(|process| process.pid as u32 != server);
    all
}

#[test]
fn find_fill_run() {
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    stack.go("/");
    browser.write("#q", "zzz");
    browser.wait_for("#count", "No image has “zzz” in its name");
    browser.write("#q", "\u{e009}a\u{e000}name");
    browser.wait_for("#count", "1 image with “name”");
    browser.click("#images a");
    browser.write("#arg-name", "Amy");
    browser.click("#arg-is_dino");
    browser.wait_for("#command", "apptainer run hello-name.sif --name Amy --is_dino");
    browser.click(RUN);
    browser.wait_for("#status", "Done");
    let output = browser.text("#output");
    assert!(output.contains("hello Amy!") && output.contains("dinosaur"), "{output}");
    assert!(browser.url().ends_with("/container/hello-name.sif"), "it stayed on the page");
    // a tree that folds
    browser.click("#output summary");
    until("it is folded", HANG, || !browser.text("#output").contains("hello Amy!"));
    // the link fills the form and runs nothing
    browser.click("#command a");
    until("the link is followed", HANG, || browser.url().contains("name=Amy&is_dino=yes"));
    let script = "return [document.querySelector('#arg-name').value, document.querySelector('#arg-is_dino').checked, document.querySelector('#result').hidden]";
    assert_eq!(browser.script(script), serde_json::json!(["Amy", true, true]));
    // some other image, or the same
    stack.go("/");
    browser.click("a[href$='/random']");
    until("it is an image's page", HANG, || browser.text("h1").ends_with(".sif"));
}

/// Writes down what a part of the page shows from now on, and the percentage, however slow the one who looks.
fn record(browser: &Browser, part: &str) {
    browser.script(&format!(
        "window.seen = []; const part = document.querySelector('{part}'); \
         const look = () => seen.push([part.textContent, document.querySelector('#progress').value]); \
         new MutationObserver(look).observe(part, {{ childList: true, subtree: true, attributes: true }});"
    ));
}

/// What was written down: text and percentage, each different from the one before.
fn recorded(browser: &Browser) -> Vec<(String, f64)> {
    let mut seen: Vec<(String, f64)> = serde_json::from_value(browser.script("return seen")).expect("pairs");
    seen.dedup();
    seen
}

#[test]
fn output_arrives_live() {
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    stack.go("/container/slow.sif?steps=6");
    record(browser, "#result");
    browser.click(RUN);
    browser.wait_for("#status", "Done");
    let seen = recorded(browser);
    for step in 1..6 {
        let there = |text: &str, step| text.contains(&format!("step {step} of 6"));
        let so = seen.iter().any(|(text, _)| there(text, step) && !there(text, step + 1));
        assert!(so || step > 3, "step {step} was not seen by itself: {seen:?}");
    }
    assert!(seen.iter().any(|(_, done)| (1.0..99.0).contains(done)), "progress: {seen:?}");
    assert_eq!(browser.text(RUN), "Run again");
}

#[test]
fn cancel_ends_the_run_and_another_tab_goes_on() {
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    let first = browser.tab();
    stack.go("/container/slow.sif?steps=100");
    browser.click(RUN);
    browser.wait_for("#output", "step 2");
    let all = containers(&stack);
    assert!(!all.is_empty(), "the container runs");
    let second = browser.new_tab();
    stack.go("/container/slow.sif?steps=8");
    browser.click(RUN);
    browser.wait_for("#output", "step 1");
    browser.to_tab(&first);
    browser.click("#cancel");
    browser.wait_for("#status", "Cancelled");
    assert!(browser.text("#output").contains("step 2"), "what came stays");
    processes::gone_within(GONE, || all.iter().filter(|process| process.lives()).cloned().collect());
    browser.to_tab(&second);
    browser.wait_for("#status", "Done");
    assert!(browser.text("#output").contains("step 8 of 8"));
    processes::gone_within(GONE, || containers(&stack));
}

#[test]
fn running_again_ends_the_run_before() {
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    stack.go("/container/slow.sif?steps=100");
    browser.click(RUN);
    browser.wait_for("#output", "step 2");
    let all = containers(&stack);
    browser.write("#arg-steps", "\u{e009}a\u{e000}4");
    browser.click(RUN);
    processes::gone_within(GONE, || all.iter().filter(|process| process.lives()).cloned().collect());
    browser.wait_for("#status", "Done");
    assert!(browser.text("#output").contains("step 4 of 4"));
}

#[test]
fn leaving_the_page_ends_the_run() {
    let Some(stack) = Stack::start() else { return };
    stack.go("/container/slow.sif?steps=100");
    stack.browser.click(RUN);
    stack.browser.wait_for("#output", "step 1");
    let all = containers(&stack);
    assert!(!all.is_empty(), "the container runs");
    stack.go("/");
    processes::gone_within(GONE, || all.iter().filter(|process| process.lives()).cloned().collect());
}

#[test]
fn errors_stand_beside_their_fields_in_the_servers_words() {
    let Some(site) = demos() else { return };
    let Some(stack) = Stack::with(site.file("everything.sif", &everything())) else { return };
    let browser = &stack.browser;
    stack.go("/container/everything.sif");
    browser.click(RUN);
    browser.wait_for("#field-age .error", "this argument is required");
    browser.write("#arg-age", "200");
    browser.wait_for("#field-age .error", "write a number that is at most 150");
    // the rest of the command is still that of the form
    browser.click("#arg-loud");
    browser.wait_for("#command", "everything.sif --loud");
    assert!(browser.text("#command").contains("Nothing runs yet"));
    browser.click(RUN);
    browser.wait_for("#status", "Some arguments cannot be used");
    let focus = "return document.activeElement.id + ' ' + document.activeElement.getAttribute('aria-describedby')";
    assert_eq!(browser.script(focus), "arg-age hint-age error-age");
    browser.write("#arg-note", "a b;c");
    browser.wait_for("#told", "note: a b;c became abc");
    // what a number field cannot read is not taken for nothing
    stack.go("/container/slow.sif");
    browser.write("#arg-steps", "1e");
    browser.click(RUN);
    browser.wait_for("#field-steps .error", "write a whole number in decimal digits");
    assert!(browser.script("return document.querySelector('#result').hidden").as_bool().unwrap(), "nothing ran");
    // the same without the form: what was typed is shown again
    stack.go("/container/run/slow.sif?steps=many&x=1");
    browser.wait_for("#field-steps .error", "write a whole number in decimal digits");
    assert_eq!(browser.script("return document.querySelector('#arg-steps').value"), "many");
    assert!(browser.text("#told").contains("x was ignored"));
}

#[test]
fn results_by_kind() {
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    for page in ["/container/epidemic.sif?days=20", "/container/run/epidemic.sif?days=20"] {
        stack.go(page);
        if page.contains("/run/") {
            browser.wait_for("table", "susceptible");
        } else {
            browser.click(RUN);
            browser.wait_for("#status", "Done");
        }
        let first = || browser.text(".output tbody td").parse::<u32>().expect("a number");
        browser.click(".output th button");
        assert_eq!(first(), 0);
        browser.click(".output th button");
        assert!(first() >= 19, "numbers are sorted as numbers, downwards: {}", first());
    }
    for page in ["/container/mandelbrot.sif?iterations=20", "/container/run/mandelbrot.sif?iterations=20"] {
        stack.go(page);
        if !page.contains("/run/") {
            browser.click(RUN);
            browser.wait_for("#status", "Done");
        }
        let picture = "return [document.querySelector('img.output').naturalWidth > 100, document.querySelector('img.output').src.slice(0, 15)]";
        until("there is a picture", HANG, || {
            browser.script("return Boolean(document.querySelector('img.output')?.complete)") == true
        });
        assert_eq!(browser.script(picture), serde_json::json!([true, "data:image/png;"]), "from the received bytes");
    }
    let log = std::fs::read_to_string(stack.site.path("log")).expect("a log");
    assert_eq!(log.matches("ran id=").count(), 4, "each picture and table by one run: {log}");
}

#[test]
fn a_terminal_in_the_page() {
    let (Some(site), Some(image)) = (demos(), terminal()) else { return skip("no container runtime") };
    let Some(stack) = Stack::with(site.file("terminal.sif", &image)) else { return };
    let browser = &stack.browser;
    stack.go("/container/terminal.sif");
    record(browser, "#result");
    browser.click(RUN);
    browser.wait_for("#status", "terminal.sif ended with exit status 3. What it wrote to stderr may say why.");
    let seen = recorded(browser);
    let live = |part: &str| seen.iter().any(|(text, _)| text.contains(part) && !text.contains("99 %"));
    assert!(live("progress 50 %") && live("a message"), "both are live: {seen:?}");
    assert!(!seen.iter().any(|(text, _)| text.contains("10 %") && text.contains("50 %")), "a line is written again");
    assert!(seen.iter().any(|(_, done)| *done == 50.0), "{seen:?}");
    assert_eq!(browser.text("#output pre .c-red"), "red");
    assert!(
        browser.text("#output pre").contains("plain\n<b>no markup</b>\nprogress 99 %"),
        "{}",
        browser.text("#output")
    );
    assert!(browser.text("#output pre.stderr").contains("what went wrong"));
}

#[test]
fn a_copied_call_works() {
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    browser.grant_clipboard();
    stack.go("/");
    browser.click("a[href$='hello-name.sif']");
    browser.write("#arg-name", "Zoë");
    browser.click("#arg-is_dino");
    // at once: what the form holds is copied, not what the page still shows
    record(browser, "#calls");
    browser.click("#calls .copy");
    until("it is copied", HANG, || recorded(browser).iter().any(|(text, _)| text.contains("Copied")));
    let call = browser.script("return navigator.clipboard.readText()");
    let call = call.as_str().expect("a text");
    assert!(call.contains("is_dino"), "{call}");
    assert!(call.starts_with("curl -sS --fail-with-body -G http://127.0.0.1:"), "{call}");
    let output = Command::new("sh").args(["-c", call]).output().expect("a shell");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{call}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(answer["name"], "hello Zoë!");
}
