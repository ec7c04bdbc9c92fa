//! A page of another origin calls a container: an allowed one gets the answer, another is refused and nothing ran.

use std::fs;

use serde_json::{Value, json};

use crate::driver::Browser;
use crate::stack::{Stack, demos};
use crate::support::servers::{self, Server};

const RUN: &str = "/container/run/hello-name.sif";

/// A page on a server of its own. `localhost` is another site than `127.0.0.1`, where the containers are.
pub fn elsewhere() -> Option<(Server, String)> {
    let server = servers::nginx(|here| {
        fs::write(here.folder.join("index.html"), "<!DOCTYPE html><title>Elsewhere</title><p>A page").expect("a file");
        format!(
            "daemon off; pid nginx.pid; events {{ }}
            http {{
                access_log off; client_body_temp_path temp; fastcgi_temp_path temp;
                proxy_temp_path temp; scgi_temp_path temp; uwsgi_temp_path temp;
                types {{ text/html html; }}
                server {{ listen {}; root {}; location = /favicon.ico {{ return 204; }} }}
            }}",
            here.address,
            here.folder.display()
        )
    })?;
    let origin = format!("http://localhost:{}", server.address().port());
    Some((server, origin))
}

/// Containers that `origin` may call.
fn stack(origin: &str) -> Option<Stack> {
    Stack::with(demos()?.set("allow_origins", origin))
}

/// The runs that the application tells of in its log.
pub fn runs(stack: &Stack) -> usize {
    stack.site.log().lines().filter(|line| line.contains("event=run ")).count()
}

/// What a script of the page gets, or the error's name.
fn fetched(browser: &Browser, url: &str, options: &Value) -> Value {
    browser.script(&format!(
        "return fetch({}, {options}).then(
             async answer => ({{ status: answer.status, type: answer.type, code: answer.headers.get('X-Run-Exit-Code'),
                                 text: await answer.text() }}),
             error => ({{ error: error.name }}))",
        json!(url)
    ))
}

fn by_post() -> Value {
    json!({
        "method": "POST", "headers": { "Content-Type": "application/json" },
        "body": json!({ "name": "Amy", "is_dino": true }).to_string(),
    })
}

#[test]
fn a_page_of_an_allowed_origin_gets_the_answer() {
    let Some((_page, origin)) = elsewhere() else { return };
    let Some(stack) = stack(&origin) else { return };
    stack.browser.go(&format!("{origin}/index.html"));
    let ask = |query: &str, options: &Value| fetched(&stack.browser, &stack.url(&format!("{RUN}{query}")), options);
    for got in [ask("?name=Amy&is_dino=yes", &json!({})), ask("", &by_post())] {
        assert_eq!((&got["status"], &got["code"]), (&json!(200), &json!("0")), "{got}");
        let answer: Value = serde_json::from_str(got["text"].as_str().expect("a text")).expect("JSON");
        assert_eq!(answer["name"], "hello Amy!");
    }
    // a refusal can be read, too
    let bad = ask("?age=old", &json!({}));
    assert!(bad["status"] == 400 && bad["text"].as_str().is_some_and(|text| text.contains("age")), "{bad}");
    // live, as a page does it
    let live = stack.browser.script(&format!(
        "return new Promise(done => {{
             const seen = [];
             const stream = new EventSource({});
             stream.addEventListener('stdout', event => seen.push(JSON.parse(event.data).text));
             stream.addEventListener('exit', event => {{ stream.close(); done([seen.join(''), event.data]); }});
         }})",
        json!(stack.url("/container/run/slow.sif?steps=2"))
    ));
    assert!(live[0].as_str().is_some_and(|text| text.contains("step 2 of 2")), "{live}");
    assert!(live[1].as_str().is_some_and(|text| text.contains("\"exit_code\":0")), "{live}");
    assert_eq!(runs(&stack), 3, "{}", stack.site.log());
}

#[test]
fn a_page_of_another_origin_is_refused_and_nothing_runs() {
    let Some((_allowed, allowed)) = elsewhere() else { return };
    let Some((_page, origin)) = elsewhere() else { return };
    let Some(stack) = stack(&allowed) else { return };
    stack.browser.go(&format!("{origin}/index.html"));
    let url = stack.url(&format!("{RUN}?name=Amy"));
    for options in [json!({}), by_post()] {
        assert_eq!(fetched(&stack.browser, &url, &options), json!({ "error": "TypeError" }), "{options}");
    }
    // what a page may send without being asked: an opaque request, a picture, a script, a frame, a form
    let opaque = fetched(&stack.browser, &url, &json!({ "mode": "no-cors" }));
    assert_eq!((&opaque["type"], &opaque["text"]), (&json!("opaque"), &json!("")), "{opaque}");
    for tag in ["img", "script", "iframe"] {
        stack.browser.script(&format!(
            "return new Promise(done => {{
                 const element = document.createElement('{tag}');
                 element.onload = element.onerror = () => done();
                 element.src = {};
                 document.body.append(element);
             }})",
            json!(url)
        ));
    }
    stack.browser.script(&format!(
        "const form = document.createElement('form');
         form.method = 'post'; form.action = {};
         document.body.append(form); form.submit();",
        json!(url)
    ));
    stack.browser.wait_for("h1", "A page of another site may not do this");
    let complaints = stack.browser.complaints();
    let known = |line: &String| {
        ["CORS policy", "ERR_FAILED", "ERR_BLOCKED", "frame", "MIME type"].iter().any(|part| line.contains(part))
    };
    assert!(
        complaints.iter().all(known) && complaints.iter().any(|line| line.contains("CORS policy")),
        "{complaints:#?}"
    );
    assert_eq!(runs(&stack), 0, "{}", stack.site.log());
    assert!(stack.site.log().contains("refused"), "the log tells of them: {}", stack.site.log());
}
