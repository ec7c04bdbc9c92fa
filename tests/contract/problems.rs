//! Errors: RFC 9457 for programs, the same facts as a page for people, one test a status.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE};
use crate::support::{Request, Site, get, on_both_wires, post, sif};
use crate::{FORM, HTML, IMAGE, JSON, RUN, hello};

/// Asks twice: a program gets a problem, a browser a page with the same title; the problem.
fn problem(site: &Site, request: &Request, status: u16, word: &str) -> Value {
    let answer = site.ask(request);
    let (got, problem) = answer.problem(status);
    assert_eq!(got, word, "{problem}");
    // the kind has an address of its own, which says the same in general
    let about = site.ask(&get(problem["type"].as_str().expect("a type"))).json();
    assert_eq!((&about["status"], &about["title"]), (&problem["status"], &problem["title"]), "{about}");
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    let page = site.ask(&request.clone().accept(BROWSER));
    assert_eq!((page.status, page.media()), (status, HTML), "{word}");
    let reasons: Vec<&Value> = match problem["errors"].as_array() {
        Some(errors) => errors.iter().map(|error| &error["reason"]).collect(),
        None => vec![&problem["title"], &problem["detail"]],
    };
    for text in reasons {
        let text = text.as_str().expect("a text").replace('&', "&amp;").replace('<', "&lt;");
        let told = page.text().contains(&text.replace('>', "&gt;").replace('"', "&quot;"));
        assert!(told, "{word}: no {text:?} in {}", page.text());
    }
    problem
}

/// Every kind of problem has an address below the mount, for programs and people, and no other word has one.
#[test]
fn every_problem_has_an_address_that_explains_it() {
    use singularity_nginx::problems::Code;
    on_both_wires(|wire| {
        let site = hello(wire);
        for code in Code::ALL {
            let row = code.row();
            let address = format!("/container/problems/{}", row.code);
            let told = site.ask(&get(&address)).json();
            assert_eq!(told, json!({ "type": address, "title": row.title, "status": row.status, "about": row.about }));
            let page = site.ask(&get(&address).accept(BROWSER));
            assert_eq!((page.status, page.media()), (200, HTML));
            assert!(page.text().contains(row.code), "{}", page.text());
        }
        for nothing in ["/container/problems", "/container/problems/", "/container/problems/nothing"] {
            problem(&site, &get(nothing), 404, "no-such-address");
        }
        let mounted = site.ask(&get("/container/none.sif").var("SCRIPT_NAME", "/apps")).json();
        assert_eq!(mounted["type"], "/apps/container/problems/no-such-image");
    });
}

#[test]
fn status_404_no_such_image_app_or_address() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for address in
            ["/container/none.sif", "/container/run/none.sif", "/container/args/none.sif", "/container/labels/x"]
        {
            problem(&site, &get(address), 404, "no-such-image");
        }
        for address in [
            "/elsewhere",
            "/container/argv.sif/",
            "/container/run",
            "/container//argv.sif",
            "/container/run/a/b/c/d/e/f/g",
        ] {
            problem(&site, &get(address), 404, "no-such-address");
        }
        problem(&site, &get("/container/argv.sif/noapp"), 404, "no-such-app");
        problem(&site, &get("/container/run/argv.sif/noapp"), 404, "no-such-app");
    });
}

#[test]
fn status_405_with_allow() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let told = problem(&site, &get(IMAGE).method("DELETE"), 405, "method-not-allowed");
        assert!(told["detail"].as_str().is_some_and(|text| text.contains("GET, HEAD, OPTIONS")), "{told}");
    });
}

#[test]
fn status_400_names_all_bad_arguments_at_once() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let told = problem(&site, &get(&format!("{RUN}?age=abc&weight=heavy&name=$&evil=1")), 400, "bad-arguments");
        let errors = told["errors"].as_array().expect("errors");
        let got: Vec<_> =
            errors.iter().map(|one| (one["name"].as_str().unwrap(), one["code"].as_str().unwrap())).collect();
        assert_eq!(got, [("name", "nothing-left"), ("age", "not-an-integer"), ("weight", "not-a-number")]);
        assert!(errors.iter().all(|one| one["reason"].as_str().is_some_and(|why| why.len() > 10)), "{told}");
        assert_eq!(told["ignored"], json!(["evil"]));
        let page = site.ask(&get(&format!("{RUN}?age=abc&weight=heavy")).accept(BROWSER)).text();
        assert!(page.contains("age") && page.contains("weight") && page.contains("decimal number such as"), "{page}");
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn status_400_request_that_makes_no_sense() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for request in [
            get(IMAGE).without("REQUEST_METHOD"),
            get(IMAGE).var("SCRIPT_NAME", "relative"),
            post(RUN, FORM, "a=b").var("CONTENT_LENGTH", "-1"),
        ] {
            assert_eq!(site.ask(&request).problem(400).0, "bad-request");
        }
        for (content, word) in
            [("{\"a\": ", "not-json"), ("[1]", "not-an-object"), ("3", "not-an-object"), ("", "not-json")]
        {
            problem(&site, &post(RUN, JSON, content), 400, word);
        }
        problem(&site, &post(RUN, FORM, "name=x").var("CONTENT_LENGTH", "60"), 400, "content-incomplete");
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn status_403_not_allowed() {
    on_both_wires(|wire| {
        let site = hello(wire).image("open.sif", &[]);
        problem(&site, &get(RUN).header("Sec-Fetch-Site", "cross-site"), 403, "cross-site");
        fs::set_permissions(site.path("data/open.sif"), Permissions::from_mode(0o666)).unwrap();
        problem(&site, &get("/container/run/open.sif"), 403, "not-trusted");
        let page = site.ask(&get("/container/open.sif")).json();
        assert!(page["refused"].as_str().is_some_and(|why| !why.is_empty()), "its page says so, too: {page}");
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn status_413_and_414_too_much() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let long = "a".repeat(70_000);
        problem(&site, &post(RUN, FORM, format!("name={long}")), 413, "content-too-large");
        problem(&site, &post(RUN, JSON, format!("{{\"name\": \"{long}\"}}")), 413, "content-too-large");
        for address in [RUN, IMAGE, "/container/"] {
            let answer = site.ask(&get(&format!("{address}?name={}", &long[..8200])));
            assert_eq!(answer.problem(414).0, "query-too-long", "{address}");
        }
        site.ask(&get(&format!("/container/?name={}", &long[..8000]))).good();
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn status_415_unknown_content() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for media in ["text/plain", "multipart/form-data; boundary=x", "application/xml", "application/jsonp", ""] {
            let told = problem(&site, &post(RUN, media, "name=Amy"), 415, "unknown-content");
            assert!(told["detail"].as_str().is_some_and(|text| text.contains("application/json")), "{told}");
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn status_431_an_oversized_field() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let long = "x".repeat(9000);
        for (name, value) in [("If-None-Match", long.as_str()), ("Content-Encoding", &long)] {
            problem(&site, &get(IMAGE).header(name, value), 431, "field-too-large");
        }
        assert_eq!(site.ask(&get(IMAGE).accept(&long)).problem(431).0, "field-too-large");
        // what nobody here reads is nobody's matter
        site.ask(&get(IMAGE).header("X-Other", &long)).good();
    });
}

#[test]
fn status_421_unknown_host() {
    on_both_wires(|wire| {
        let site = hello(wire).set("hosts", "localhost,images.example:8443");
        problem(&site, &get(IMAGE).header("Host", "evil.example"), 421, "unknown-host");
        site.ask(&get(IMAGE).header("Host", "images.example:8443")).good();
    });
}

#[test]
fn status_422_unreadable_image() {
    let whole = sif::with_labels(&[]);
    let table: [(&str, Vec<u8>); 4] = [
        ("cut-header.sif", whole[..60].to_vec()),
        ("cut-data.sif", whole[..5000].to_vec()),
        ("text.sif", b"no image at all".to_vec()),
        ("json.sif", sif::with_text(b"{\"data\": ")),
    ];
    on_both_wires(|wire| {
        let mut site = hello(wire);
        for (name, bytes) in &table {
            site = site.file(name, bytes);
        }
        for (name, _) in &table {
            for address in
                [format!("/container/{name}"), format!("/container/run/{name}"), format!("/container/args/{name}")]
            {
                let told = problem(&site, &get(&address), 422, "unreadable-image");
                let detail = told["detail"].as_str().unwrap();
                assert!(detail.len() > 20, "which part, and why: {detail}");
            }
        }
        assert_eq!(site.runs().len(), 0);
    });
}

/// No form, command or call on its page: all of them could only fail.
#[test]
fn status_422_a_kind_of_image_that_is_not_run_here() {
    on_both_wires(|wire| {
        let oci = sif::in_oci_mode(&[(crate::INT, "age")]);
        let site = hello(wire).file("new.oci.sif", &oci).image("open.sif", &[]);
        for request in [get("/container/run/new.oci.sif?age=1"), get("/container/run/new.oci.sif?age=x")] {
            for accept in ["*/*", crate::support::request::EVENTS, crate::support::request::ENVELOPE] {
                let (word, told) = site.ask(&request.clone().accept(accept)).problem(422);
                assert_eq!(word, "not-run-here");
                assert!(
                    told["detail"].as_str().is_some_and(|text| text.contains("build it as an ordinary SIF")),
                    "{told}"
                );
            }
        }
        fs::set_permissions(site.path("data/open.sif"), Permissions::from_mode(0o666)).unwrap();
        problem(&site, &get("/container/run/open.sif?x=y"), 403, "not-trusted");
        for name in ["new.oci.sif", "open.sif"] {
            let page = site.ask(&get(&format!("/container/{name}")).accept(BROWSER)).good();
            assert!(page.contains("This image is not run here: "), "{page}");
            for part in ["<form class=\"run\"", "id=\"calls\"", "id=\"command\"", "id=\"not-run\""] {
                assert!(!page.contains(part), "{part} in {page}");
            }
        }
        assert_eq!(site.ask(&get("/container/new.oci.sif")).json()["args"]["int"], json!(["age"]));
        let list = site.ask(&get("/container/").accept(BROWSER)).good();
        assert!(list.contains("Is not run here:</strong> it is a SIF in OCI mode"), "{list}");
        let document = site.ask(&get("/container/openapi.json")).json();
        assert!(document["paths"].get("/container/run/new.oci.sif").is_none(), "{document}");
        for words in
            [&["run", "new.oci.sif"][..], &["run", "new.oci.sif", "--dry-run"], &["check", "new.oci.sif", "--run"]]
        {
            let output = site.command().args(words).stderr(std::process::Stdio::piped()).output().unwrap();
            let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.code() == Some(1) && told.contains("SIF in OCI mode"), "{words:?}: {told}");
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn status_502_the_container_failed() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("exit-3.sif", &[]).image("fatal.sif", &[]).image("segfault.sif", &[]);
        let answer = site.ask(&get("/container/run/exit-3.sif?evil=1"));
        let (word, told) = answer.problem(502);
        assert_eq!((word.as_str(), &told["exit_code"]), ("container-failed", &json!(3)));
        assert_eq!(told["stderr"], "exit-3.sif says why\n", "the path is the image's name");
        assert_eq!((answer.header("X-Run-Exit-Code"), answer.header("X-Run-Ignored")), (Some("3"), Some("evil")));
        assert_eq!(told["ignored"], json!(["evil"]));
        let (word, told) = site.ask(&get("/container/run/fatal.sif")).problem(502);
        assert_eq!(word, "runtime-failed");
        assert!(told["stderr"].as_str().is_some_and(|text| text.contains("could not open image fatal.sif:")), "{told}");
        let (word, told) = site.ask(&get("/container/run/segfault.sif")).problem(502);
        assert_eq!((word.as_str(), &told["exit_code"]), ("container-killed", &Value::Null));
        // the envelope reports, it does not judge
        let envelope = site.ask(&get("/container/run/exit-3.sif").accept(ENVELOPE));
        assert_eq!((envelope.status, &envelope.json()["exit_code"]), (200, &json!(3)));
    });
}

#[test]
fn status_502_is_a_page_for_people() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("exit-3.sif", &[]);
        let answer = site.ask(&get("/container/run/exit-3.sif").accept(BROWSER));
        assert_eq!((answer.status, answer.media()), (502, HTML), "a non-zero exit is 502, also for a browser");
        for part in ["exit-3.sif ended with exit status 3", "exit-3.sif says why", "some output"] {
            assert!(answer.text().contains(part), "no {part} in {}", answer.text());
        }
    });
}

#[test]
fn status_503_busy_with_retry_after() {
    on_both_wires(|wire| {
        let site = hello(wire).image("hang.sif", &[]).set("slots", 1).set("deadline", 200);
        let talk = site.open(&get("/container/run/hang.sif").accept(crate::support::request::EVENTS));
        site.wait_for_runs(1);
        let answer = site.ask(&get(RUN));
        assert_eq!(answer.problem(503).0, "busy");
        let seconds: u32 = answer.header("Retry-After").and_then(|text| text.parse().ok()).expect("seconds");
        assert!((1..=60).contains(&seconds));
        problem(&site, &get(RUN), 503, "busy");
        site.ask(&get("/container/")).good();
        let child = talk.leave();
        site.nothing_runs();
        child.map(|mut child| child.wait());
        site.ask(&get(RUN)).good();
    });
}

#[test]
fn status_429_one_visitor_leaves_slots_to_others() {
    on_both_wires(|wire| {
        let site = hello(wire).image("wait.sif", &[]).set("slots", 2);
        let from = |address: &str, visitor: &str| get(address).var("REMOTE_ADDR", visitor);
        let first = site.open(&from("/container/run/wait.sif", "203.0.113.7"));
        site.wait_for_runs(1);
        let refused = site.ask(&from(RUN, "203.0.113.7"));
        assert_eq!((refused.problem(429).0.as_str(), refused.header("Retry-After")), ("visitor-busy", Some("2")));
        site.ask(&from(IMAGE, "203.0.113.7")).good();
        site.ask(&from(RUN, "203.0.113.8")).good();
        site.go();
        assert_eq!(first.finish().status, 200);
    });
}

#[test]
fn status_503_no_runtime_and_no_data_folder() {
    on_both_wires(|wire| {
        let site = hello(wire).set("runtime", "/nonexistent/apptainer");
        problem(&site, &get(RUN), 503, "no-runtime");
        assert!(site.ask(&get(RUN)).header("Retry-After").is_some());
        site.ask(&get(IMAGE)).good();
        let site = hello(wire).set("data", "/nonexistent/data");
        for address in ["/container/", IMAGE, RUN] {
            problem(&site, &get(address), 503, "data-folder");
            assert!(site.ask(&get(address)).header("Retry-After").is_some());
        }
    });
}

#[test]
fn status_504_deadline() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("hang.sif", &[]).set("deadline", 1);
        let (word, told) = site.ask(&get("/container/run/hang.sif")).problem(504);
        assert_eq!((word.as_str(), &told["exit_code"]), ("deadline", &Value::Null));
        let page = site.ask(&get("/container/run/hang.sif").accept(BROWSER));
        assert_eq!((page.status, page.media()), (504, HTML));
        let envelope = site.ask(&get("/container/run/hang.sif").accept(ENVELOPE));
        assert_eq!((envelope.status, &envelope.json()["end"]), (200, &json!("deadline")));
    });
}

#[test]
fn the_instance_of_a_problem_is_found_in_the_log() {
    on_both_wires(|wire| {
        let site = hello(wire).set("runtime", "/nonexistent/apptainer");
        for request in [get(RUN), get(RUN).var("REQUEST_ID", "0123456789abcdef0123456789abcdef")] {
            let told = site.ask(&request).problem(503).1;
            let id = told["instance"].as_str().and_then(|text| text.rsplit(':').next()).expect("an id").to_owned();
            crate::support::until("the log names the request", crate::support::HANG, || {
                site.log().contains(&format!("id={id} "))
            });
        }
        assert!(site.log().contains("id=0123456789abcdef0123456789abcdef"));
    });
}
