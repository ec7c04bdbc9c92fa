//! Answers of `run`: stdout itself, the envelope, the page; and which methods run.

use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::{Site, Wire, get, on_both_wires, post};
use crate::{FORM, HELLO, HTML, IMAGE, JSON, RUN, TEXT, hello};

const PRINT: &str = "/container/run/print.sif";

#[test]
fn raw_is_stdout_itself() {
    on_both_wires(|wire| {
        let table = [
            (&b"{\"a\": 1}\n"[..], JSON),
            (b"3", JSON),
            (b"hello\n", TEXT),
            (b"", TEXT),
            (b"<!DOCTYPE html><p>", TEXT),
            (b"{\"a\": 1} and more", TEXT),
            (b"\xff\xfe\0", "application/octet-stream"),
            (b"a\0b", "application/octet-stream"),
        ];
        let images = table.iter().enumerate();
        let site = images
            .fold(Site::new(wire), |site, (number, (printed, _))| site.prints(&format!("print.{number}.sif"), printed));
        for (number, (printed, media)) in table.into_iter().enumerate() {
            let answer = site.ask(&get(&format!("/container/run/print.{number}.sif")));
            assert_eq!((answer.status, answer.media(), &answer.body[..]), (200, media, printed));
            assert_eq!(answer.header("Content-Security-Policy"), Some("sandbox; default-src 'none'"));
            assert_eq!(answer.header("Cache-Control"), Some("no-store"));
            assert_eq!(answer.header("X-Run-Exit-Code"), Some("0"));
            assert!(answer.header("X-Run-Elapsed-Ms").is_some_and(|text| text.parse::<u64>().is_ok()));
            assert_eq!(answer.header("X-Run-Truncated"), None);
        }
    });
}

#[test]
fn raw_is_cut_at_the_output_limit_and_says_so() {
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.sif", &[b'x'; 5000]).set("output_limit", 2000);
        let answer = site.ask(&get(PRINT));
        let (code, problem) = answer.problem(502);
        assert_eq!((code.as_str(), problem["stdout"].as_str().map(str::len)), ("output-limit", Some(2000)));
        assert_eq!(answer.header("X-Run-Truncated"), None);
        let envelope = site.ask(&get(PRINT).accept(ENVELOPE));
        assert_eq!((envelope.status, envelope.header("X-Run-Truncated")), (200, Some("true")));
        let envelope = envelope.json();
        assert_eq!((&envelope["truncated"], envelope["stdout"].as_str().map(str::len)), (&json!(true), Some(2000)));
        assert!(envelope["detail"].as_str().is_some_and(|detail| detail.contains("longer than this site keeps")));
        let page = site.ask(&get(PRINT).accept(BROWSER));
        assert_eq!(page.status, 502);
        assert!(page.text().contains("cut at the limit") && page.text().contains("longer than this site keeps"));
    });
}

/// The first 64 KiB of what was cut, and no character in two.
#[test]
fn the_problem_holds_the_beginning_of_an_output_that_is_too_long() {
    let printed = "aä".repeat(60_000);
    let site = Site::new(Wire::FastCgi).prints("print.sif", printed.as_bytes()).set("output_limit", 100_000);
    let (_, problem) = site.ask(&get(PRINT)).problem(502);
    let kept = problem["stdout"].as_str().expect("text");
    assert!(printed.starts_with(kept) && (65_530..=65_536).contains(&kept.len()), "{} bytes", kept.len());
    let site = Site::new(Wire::FastCgi).prints("print.sif", &[0xff; 200_000]).set("output_limit", 100_000);
    let (_, problem) = site.ask(&get(PRINT)).problem(502);
    assert!(problem["stdout"].is_null() && problem["stdout_base64"].as_str().is_some_and(|text| text.len() > 87_000));
}

#[test]
fn envelope_tells_the_whole_run() {
    on_both_wires(|wire| {
        let site = hello(wire).image("exit-3.sif", &[]);
        let size = site.path("data/argv.sif").metadata().unwrap().len();
        let answer = site.ask(&get(&format!("{RUN}?name=Amy+B&age=-5&evil=1")).accept(ENVELOPE));
        assert_eq!((answer.status, answer.media()), (200, ENVELOPE));
        let told = answer.json();
        for (key, value) in [
            ("command", json!("apptainer run argv.sif --name AmyB --age -5")),
            ("exit_code", json!(0)),
            ("end", json!("exited")),
            ("stdout", json!("[\"--name\",\"AmyB\",\"--age\",\"-5\"]\n")),
            ("stderr", json!("")),
            ("truncated", json!(false)),
            ("ignored", json!(["evil"])),
            ("changed", json!([{ "name": "name", "before": "Amy B", "after": "AmyB" }])),
        ] {
            assert_eq!(told[key], value, "{key}");
        }
        assert!(told["elapsed_ms"].is_u64());
        assert_eq!((&told["image"]["name"], &told["image"]["size"]), (&json!("argv.sif"), &json!(size)));
        let failed = site.ask(&get("/container/run/exit-3.sif").accept(ENVELOPE));
        let told = failed.json();
        assert_eq!((failed.status, &told["exit_code"], &told["stdout"]), (200, &json!(3), &json!("some output\n")));
        assert_eq!(told["stderr"], "exit-3.sif says why\n");
    });
}

#[test]
fn envelope_names_the_runtime_s_version() {
    on_both_wires(|wire| {
        let told = hello(wire).ask(&get(RUN).accept(ENVELOPE)).json();
        assert!(told["runtime"].to_string().contains("1.4.5"), "the stub's version, in `runtime`: {told}");
    });
}

#[test]
fn envelope_is_json_whatever_the_container_prints() {
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.sif", b"a\x1b\n\"").prints("print.bytes.sif", b"a\xffb\0\n");
        assert_eq!(site.ask(&get(PRINT).accept(ENVELOPE)).json()["stdout"], "a\u{1b}\n\"");
        let told = site.ask(&get("/container/run/print.bytes.sif").accept(ENVELOPE)).json();
        assert_eq!((&told["stdout"], &told["stdout_base64"]), (&Value::Null, &json!("Yf9iAAo=")));
    });
}

#[test]
fn the_command_is_quoted_for_copying() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let told = site.ask(&get(&format!("{RUN}?name=%C3%84")).accept(ENVELOPE)).json();
        assert_eq!(told["command"], "apptainer run argv.sif --name 'Ä'");
        // zsh reads `=ls` as the path of ls
        let site = hello(wire).set("extra_characters", "=");
        let told = site.ask(&get(&format!("{RUN}?name=%3Dls")).accept(ENVELOPE)).json();
        assert_eq!(told["command"], "apptainer run argv.sif --name '=ls'");
    });
}

#[test]
fn a_browser_gets_a_result_page() {
    on_both_wires(|wire| {
        let site = hello(wire).prints("print.sif", b"{\"b\":[1,\"<i>\"]}").image("plain.sif", &[]);
        let answer = site.ask(&get(&format!("{RUN}?name=Amy&age=7&is_dino")).accept(BROWSER));
        assert_eq!((answer.status, answer.media(), answer.header("Cache-Control")), (200, HTML, Some("no-store")));
        let page = answer.text();
        for part in [
            "apptainer run argv.sif --name Amy --age 7 --is_dino",
            "--is_dino",
            "action=\"/container/run/argv.sif\"",
            "value=\"Amy\"",
            "value=\"7\"",
            " checked",
            "href=\"/container/argv.sif\"",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
        let json = site.ask(&get(PRINT).accept(BROWSER)).good();
        assert!(json.contains("&lt;i&gt;") && !json.contains("<i>"), "{json}");
        assert!(site.ask(&get("/container/run/plain.sif").accept(BROWSER)).good().contains("hello\n"));
    });
}

#[test]
fn run_methods_decide_what_runs_and_get_explains() {
    on_both_wires(|wire| {
        let site = hello(wire).set("run_methods", "POST");
        for accept in ["*/*", EVENTS, ENVELOPE] {
            let answer = site.ask(&get(&format!("{RUN}?age=1")).accept(accept));
            let (_, told) = answer.problem(405);
            assert_eq!(answer.header("Allow"), Some("POST"));
            assert!(told["detail"].as_str().is_some_and(|text| text.contains("POST")), "{told}");
        }
        let page = site.ask(&get(RUN).accept(BROWSER));
        assert_eq!((page.status, page.media()), (405, HTML));
        assert!(page.text().contains("href=\"/container/argv.sif\""), "leads to the form: {}", page.text());
        assert_eq!(site.runs().len(), 0);
        assert_eq!(site.ask(&post(RUN, FORM, "age=1")).json(), json!(["--age", "1"]));
        let site = hello(wire).set("run_methods", "GET");
        let (_, told) = site.ask(&post(RUN, FORM, "age=1")).problem(405);
        assert!(told["detail"].as_str().is_some_and(|text| !text.contains("POST")), "what does not work: {told}");
        assert_eq!(site.runs().len(), 0);
        site.ask(&get(RUN)).good();
    });
}

#[test]
fn the_form_of_a_post_only_site_posts() {
    on_both_wires(|wire| {
        let method = |site: Site| {
            let page = site.ask(&get(IMAGE).accept(BROWSER)).good();
            let at = page.find("<form class=\"run\"").or_else(|| page.find("<form")).expect("a form");
            let tag: String = page[at..].chars().take_while(|c| *c != '>').collect();
            tag.to_ascii_lowercase()
        };
        assert!(method(hello(wire)).contains("method=\"get\""));
        let tag = method(hello(wire).set("run_methods", "POST"));
        assert!(tag.contains("method=\"post\""), "GET would only explain: {tag}");
    });
}

#[test]
fn an_app_runs_by_its_own_labels() {
    let apps = json!({
        "labels": { "SINGULARITY_RUNSCRIPT_ARG_STR": "name" },
        "apps": { "hello": { "labels": { "SINGULARITY_RUNSCRIPT_ARG_INT": "age" }, "helpfile": "App help", "runscript": "x" } },
    });
    on_both_wires(|wire| {
        let site = Site::new(wire).file("argv.sif", &crate::support::sif::with_attributes(&apps));
        let page = site.ask(&get("/container/argv.sif/hello")).json();
        assert_eq!(
            (&page["app"], &page["help"], &page["args"]["int"]),
            (&json!("hello"), &json!("App help"), &json!(["age"]))
        );
        assert_eq!(site.ask(&get(IMAGE)).json()["apps"][0]["url"], "/container/argv.sif/hello");
        assert_eq!(site.ask(&get("/container/args/argv.sif/hello")).json()["int"], json!(["age"]));
        let labels = site.ask(&get("/container/labels/argv.sif/hello")).json();
        assert_eq!(labels.as_object().map(serde_json::Map::len), Some(1));
        let answer = site.ask(&get("/container/run/argv.sif/hello?age=3&name=x").accept(ENVELOPE)).json();
        assert_eq!(answer["command"], "apptainer run --app hello argv.sif --age 3");
        assert_eq!(answer["ignored"], json!(["name"]));
        let argv = site.the_run().argv().join(" ");
        assert!(argv.contains("--app hello /"), "{argv}");
    });
}

#[test]
fn labels_of_an_image_are_not_read_by_the_runtime() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &HELLO);
        for address in
            ["/container/", IMAGE, "/container/args/argv.sif", "/container/labels/argv.sif", "/api/containers"]
        {
            site.ask(&get(address)).good();
        }
        assert_eq!(site.runs().len(), 0);
        let none: Vec<Value> = Vec::new();
        assert_eq!(site.ask(&get(RUN)).json(), Value::Array(none));
    });
}

/// A saved output has a name of its own, which no image has, and nothing that a visitor wrote freely is in it.
#[test]
fn the_output_has_a_file_name() {
    on_both_wires(|wire| {
        let labels = [
            ("SINGULARITY_RUNSCRIPT_ARG_FLOAT", "r0"),
            ("SINGULARITY_RUNSCRIPT_ARG_STR", "name"),
            ("SINGULARITY_RUNSCRIPT_ARG_SCHEMA", r#"{"r0": {"default": 2.5}}"#),
            ("SINGULARITY_RUNSCRIPT_OUTPUT", "text/csv"),
        ];
        let site = Site::new(wire).prints("print.sif", b"a,b\n").image("print.sif", &labels);
        for (query, name) in [("", "print.csv"), ("?r0=3&name=Amy", "print_r0-3.csv"), ("?r0=2.50", "print.csv")] {
            let answer = site.ask(&get(&format!("{PRINT}{query}")));
            assert_eq!(answer.header("Content-Disposition"), Some(format!("inline; filename=\"{name}\"").as_str()));
            let page = site.ask(&get(&format!("{PRINT}{query}")).accept(BROWSER)).good();
            assert!(page.contains(&format!("download=\"{name}\"")), "{page}");
        }
    });
}
