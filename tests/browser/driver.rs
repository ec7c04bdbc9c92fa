//! Chromium through its driver: the W3C WebDriver protocol, which is HTTP and JSON, so far as these tests need it.
//!
//! ```text
//! let browser = Browser::open()?;
//! browser.go(&url);
//! browser.click("#form button");
//! browser.wait_for("#status", "Done");
//! ```
//!
//! Elements are named by CSS selectors, and waited for. When a browser is dropped it checks what must hold after every
//! test: no page broke its own policy, no script failed.

use std::io::Write;

use base64::Engine;
use serde_json::{Value, json};

use crate::support::servers::{self, Server, http};
use crate::support::{HANG, skip, until};

/// The member that names an element (WebDriver §12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const CHROMIUM: &str = "/usr/bin/chromium";

/// A browser with one window, or more.
pub struct Browser {
    server: Server,
    session: String,
}

impl Browser {
    /// A new browser with an empty profile, 1280 pixels wide; nothing where it is not installed.
    pub fn open() -> Option<Browser> {
        if !std::path::Path::new(CHROMIUM).exists() {
            skip("chromium is not installed (packages chromium, chromium-driver)");
            return None;
        }
        let mut browser = Browser { server: servers::chromedriver()?, session: String::new() };
        let words = [
            "--headless=new",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--lang=en",
            "--no-first-run",
            "--hide-scrollbars",
            // names that are no loopback: there browsers send no Sec-Fetch fields over plain http
            "--host-resolver-rules=MAP *.example 127.0.0.1",
        ];
        let options = json!({ "binary": CHROMIUM, "args": words });
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let answer = browser.ask("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        answer["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        browser.look(1280, false);
        Some(browser)
    }

    /// Sends a command of the protocol; its value, or the driver's error.
    fn try_ask(&self, method: &str, path: &str, content: &Value) -> Result<Value, String> {
        let content = if method == "POST" { content.to_string() } else { String::new() };
        let address = self.server.address().to_string();
        let fields = [("Host", address.as_str()), ("Content-Type", "application/json"), ("Connection", "close")];
        let answer = self.server.ask(&http(method, path, &fields, content.as_bytes()));
        let value = answer.json()["value"].take();
        if answer.status == 200 { Ok(value) } else { Err(format!("{path}: {}", value["message"])) }
    }

    fn ask(&self, method: &str, path: &str, content: &Value) -> Value {
        self.try_ask(method, path, content).unwrap_or_else(|error| panic!("{error}"))
    }

    fn path(&self, path: &str) -> String {
        format!("/session/{}{path}", self.session)
    }

    fn post(&self, path: &str, content: &Value) -> Value {
        self.ask("POST", &self.path(path), content)
    }

    /// A command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Goes to an address and waits until its page is loaded.
    pub fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.ask("GET", &self.path("/url"), &Value::Null).as_str().expect("an address").to_owned()
    }

    /// The value of a script's `return`; a promise is waited for.
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn element(&self, selector: &str) -> String {
        let mut found = None;
        until(&format!("there is {selector} at {}", self.url()), HANG, || {
            let asked = json!({ "using": "css selector", "value": selector });
            found = self.try_ask("POST", &self.path("/element"), &asked).ok();
            found.is_some()
        });
        found.unwrap()[ELEMENT].as_str().expect("an element").to_owned()
    }

    /// Clicks as a mouse does: what is hidden or covered cannot be clicked.
    pub fn click(&self, selector: &str) {
        let mut said = String::new();
        let path = |element: &str| self.path(&format!("/element/{element}/click"));
        let mut click = || {
            let clicked = self.try_ask("POST", &path(&self.element(selector)), &json!({}));
            clicked.map_err(|error| said = error).is_ok()
        };
        // a page that is being exchanged has its elements replaced
        let clicked = (0..50).any(|_| {
            click() || {
                std::thread::sleep(std::time::Duration::from_millis(100));
                false
            }
        });
        assert!(clicked, "{selector}: {said}");
    }

    /// Types into an element.
    pub fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// Presses these keys, wherever the focus is.
    pub fn keys(&self, keys: &str) {
        let press = |key: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }));
        let presses: Vec<Value> = keys.chars().flat_map(press).collect();
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": presses }] }));
    }

    /// What an element shows.
    pub fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        let text = self.try_ask("GET", &self.path(&format!("/element/{element}/text")), &Value::Null);
        text.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// An attribute of an element, as it stands in the page.
    pub fn attribute(&self, selector: &str, name: &str) -> String {
        let element = self.element(selector);
        let value = self.ask("GET", &self.path(&format!("/element/{element}/attribute/{name}")), &Value::Null);
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an element shows this text.
    pub fn wait_for(&self, selector: &str, text: &str) {
        let mut seen = String::new();
        let begun = std::time::Instant::now();
        while !seen.contains(text) {
            assert!(begun.elapsed() < HANG, "{selector} does not show {text:?} but {seen:?}");
            seen = self.text(selector);
        }
    }

    /// So wide, light or dark.
    pub fn look(&self, width: u32, dark: bool) {
        let phone = width < 600;
        let metrics =
            json!({ "width": width, "height": if phone { 844 } else { 900 }, "deviceScaleFactor": 1, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!([
            { "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Lets pages read and write the clipboard without asking.
    pub fn grant_clipboard(&self) {
        let permissions = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.devtools("Browser.grantPermissions", &permissions);
    }

    /// From the next page on, scripts of pages do not run.
    pub fn without_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    }

    /// The page as PNG, from this element on, at most so many pixels high.
    pub fn picture(&self, from: &str, highest: u64) -> Vec<u8> {
        self.script("scrollTo(0, 0)");
        let top = self.script(&format!("return document.querySelector('{from}').getBoundingClientRect().top"));
        let top = top.as_f64().expect("pixels");
        let size = self.devtools("Page.getLayoutMetrics", &json!({}));
        let [width, height] = ["width", "height"].map(|name| size["cssContentSize"][name].as_f64().unwrap_or(800.0));
        let clip =
            json!({ "x": 0, "y": top, "width": width, "height": (height - top).min(highest as f64), "scale": 1 });
        let shot = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", &shot);
        base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64")
    }

    /// Opens another tab and goes there; `tab` comes back.
    pub fn new_tab(&self) -> String {
        let tab = self.post("/window/new", &json!({ "type": "tab" }));
        let tab = tab["handle"].as_str().expect("a tab").to_owned();
        self.to_tab(&tab);
        tab
    }

    /// The tab that it is in.
    pub fn tab(&self) -> String {
        self.ask("GET", &self.path("/window"), &Value::Null).as_str().expect("a tab").to_owned()
    }

    /// All tabs and windows.
    pub fn tabs(&self) -> Vec<String> {
        let handles = self.ask("GET", &self.path("/window/handles"), &Value::Null);
        handles.as_array().into_iter().flatten().filter_map(|tab| tab.as_str().map(str::to_owned)).collect()
    }

    /// Closes the tab that it is in; another one has to be gone to.
    pub fn close_tab(&self) {
        self.ask("DELETE", &self.path("/window"), &Value::Null);
    }

    /// Goes to a tab.
    pub fn to_tab(&self, tab: &str) {
        self.post("/window", &json!({ "handle": tab }));
    }

    /// What pages did wrong since the last time: broken policies, failed scripts. An answer that is no 200 is none.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let lines =
            log.as_array().into_iter().flatten().filter(|line| line["level"] != "INFO" && line["level"] != "DEBUG");
        let lines = lines.map(|line| line["message"].as_str().unwrap_or_default().to_owned());
        lines.filter(|line| !line.contains("Failed to load resource: the server responded")).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if self.session.is_empty() {
            return;
        }
        if std::thread::panicking() {
            let _ = writeln!(
                std::io::stderr(),
                "the browser's log: {:?}",
                self.try_ask("POST", &self.path("/se/log"), &json!({ "type": "browser" }))
            );
            let _ = self.try_ask("DELETE", &self.path(""), &Value::Null);
            return;
        }
        let complaints = self.complaints();
        let _ = self.try_ask("DELETE", &self.path(""), &Value::Null);
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}
