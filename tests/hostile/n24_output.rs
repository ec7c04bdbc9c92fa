//! 24 to 29: what a container prints, and what a browser may do with it.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE, EVENTS};
use crate::support::site::PROGRAM;
use crate::support::{Answer, HANG, Site, Wire, get, on_both_wires, post, processes, servers, skip};

const SANDBOX: &str = "sandbox; default-src 'none'";

/// What holds for every answer with a container's bytes.
fn assert_inert(answer: &Answer) {
    assert_eq!(answer.header("Content-Security-Policy"), Some(SANDBOX));
    assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    assert!(!answer.media().contains("html") && !answer.media().contains("xml"), "{}", answer.media());
}

/// `event` → `data` of a stream of events.
fn events(stream: &str) -> Vec<(String, Value)> {
    let fields = |block: &str, name: &str| -> Option<String> {
        block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    };
    let blocks = stream.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    blocks
        .map(|block| {
            assert!(fields(block, "id").is_some(), "no id: {block}");
            let data = fields(block, "data").unwrap_or_else(|| panic!("no data: {block}"));
            (fields(block, "event").expect("an event"), serde_json::from_str(&data).expect("JSON"))
        })
        .collect()
}

#[test]
fn hostile_24_output_that_looks_like_a_header() {
    let printed = b"Status: 302 Found\r\nLocation: http://evil/\r\nX-Accel-Redirect: /etc/passwd\r\nContent-Type: text/html\r\n\r\n<script>";
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.sif", printed);
        let answer = site.ask(&get("/container/run/print.sif"));
        assert_eq!((answer.status, &answer.body[..]), (200, &printed[..]));
        assert_eq!(answer.media(), "text/plain; charset=utf-8");
        assert_eq!((answer.header("Location"), answer.header("X-Accel-Redirect")), (None, None));
        assert_inert(&answer);
    });
}

#[test]
fn hostile_25_output_that_a_browser_could_run() {
    let table: [(&[u8], &str); 12] = [
        (b"<script>alert(1)</script>", "text/plain; charset=utf-8"),
        (b"<!DOCTYPE html><html onload=alert(1)>", "text/plain; charset=utf-8"),
        (
            b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
            "text/plain; charset=utf-8",
        ),
        (b"%PDF-1.7 /OpenAction", "text/plain; charset=utf-8"),
        (b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "text/plain; charset=utf-8"),
        (b"\xff\xfe<\0s\0c\0r\0i\0p\0t\0>\0", "application/octet-stream"),
        (b"GIF89a/*<script>*/", "text/plain; charset=utf-8"),
        (b"{\"a\":\"</script><script>alert(1)\"}", "application/json"),
        (b"[1, 2]", "application/json"),
        (b" \n{\"a\": 1}\n", "application/json"),
        (b"{\"a\": 1} trailing", "text/plain; charset=utf-8"),
        (b"", "text/plain; charset=utf-8"),
    ];
    on_both_wires(|wire| {
        let mut site = Site::new(wire);
        for (number, (printed, _)) in table.iter().enumerate() {
            site = site.prints(&format!("print{number}.sif").replace("print", "print."), printed);
        }
        for (number, (printed, media)) in table.iter().enumerate() {
            let answer = site.ask(&get(&format!("/container/run/print.{number}.sif")));
            assert_eq!((answer.media(), &answer.body[..]), (*media, *printed));
            assert_inert(&answer);
            // a page shows it as text
            let page = site.ask(&get(&format!("/container/run/print.{number}.sif")).accept(BROWSER)).good();
            assert!(!page.contains("<script>") && !page.contains("<svg") && !page.contains("onload=\""), "{page}");
        }
    });
}

/// An author cannot declare a type that browsers run.
#[test]
fn hostile_25_declared_types() {
    let label = "SINGULARITY_RUNSCRIPT_OUTPUT";
    on_both_wires(|wire| {
        for declared in [
            "text/html",
            "application/xhtml+xml",
            "text/xml",
            "text/javascript",
            "image/svg",
            "text/plain\r\nX: y",
            "*/*",
        ] {
            let site = Site::new(wire).prints("print.sif", b"<script>").image("print.sif", &[(label, declared)]);
            let answer = site.ask(&get("/container/run/print.sif"));
            assert_eq!(answer.media(), "text/plain; charset=utf-8", "{declared:?}");
            assert_inert(&answer);
        }
        let site =
            Site::new(wire).prints("print.sif", b"<svg onload='x'/>").image("print.sif", &[(label, "image/svg+xml")]);
        let answer = site.ask(&get("/container/run/print.sif"));
        assert_eq!((answer.media(), answer.header("Content-Security-Policy")), ("image/svg+xml", Some(SANDBOX)));
    });
}

#[test]
fn hostile_26_output_without_end_is_cut() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("stdout.sif", &[]).image("print.sif", &[]).set("deadline", 50);
        let memory = || if wire == Wire::FastCgi { processes::memory(site.start()) } else { 0 };
        let before = memory();
        let begun = Instant::now();
        let answer = site.ask(&get("/container/run/stdout.sif"));
        assert_eq!(answer.problem(502).0, "output-limit");
        assert!(answer.body.len() < 1 << 20, "{} bytes", answer.body.len());
        let envelope = site.ask(&get("/container/run/stdout.sif").accept(ENVELOPE)).json();
        assert_eq!((&envelope["truncated"], &envelope["end"]), (&json!(true), &json!("output-limit")));
        let streamed = site.ask(&get("/container/run/stdout.sif").accept(EVENTS));
        assert!(streamed.body.len() < 32 << 20);
        let last = events(&streamed.text()).pop().expect("events");
        assert_eq!((last.0.as_str(), &last.1["truncated"]), ("exit", &json!(true)));
        assert!(begun.elapsed() < HANG, "the runs were killed, not waited for");
        assert!(memory() < before + (128 << 10), "{before} KiB, then {} KiB", memory());
    });
}

/// Bytes that become six in JSON: an envelope holds a part of the output, and says so.
#[test]
fn hostile_26_envelopes_are_bounded() {
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.sif", &[1; 7 << 20]);
        assert_eq!(site.ask(&get("/container/run/print.sif")).body.len(), 7 << 20);
        let answer = site.ask(&get("/container/run/print.sif").accept(ENVELOPE));
        assert!(answer.body.len() < 8 << 20, "{} bytes", answer.body.len());
        assert_eq!(answer.json()["truncated"], true);
    });
}

/// Half an answer is nobody's for later, whatever lifetime its author gives it.
#[test]
fn hostile_26_what_is_cut_is_not_kept() {
    on_both_wires(|wire| {
        let kept = |name| {
            let site =
                Site::new(wire).image(name, &[("SINGULARITY_RUNSCRIPT_MAX_AGE", "60")]).set("output_limit", 4096);
            site.ask(&get(&format!("/container/run/{name}"))).header("Cache-Control").map(str::to_owned)
        };
        assert_eq!(kept("argv.sif").as_deref(), Some("public, max-age=60"));
        assert_eq!(kept("stdout.sif").as_deref(), Some("no-store"));
    });
}

#[test]
fn hostile_26_output_by_drops_ends_at_the_deadline() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("slow-300.sif", &[]).set("deadline", 2);
        let begun = Instant::now();
        site.ask(&get("/container/run/slow-300.sif")).problem(504);
        assert!(begun.elapsed().as_secs() < 30);
        let streamed = site.ask(&get("/container/run/slow-300.sif").accept(EVENTS)).text();
        assert!(streamed.contains("line 3") && streamed.contains("\"deadline\""), "{streamed}");
    });
}

#[test]
fn hostile_27_a_flood_of_stderr() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("stderr-1024.sif", &[]).image("stderr-64.sif", &[]);
        let memory = || if wire == Wire::FastCgi { processes::memory(site.start()) } else { 0 };
        let before = memory();
        let answer = site.ask(&get("/container/run/stderr-1024.sif").accept(ENVELOPE)).json();
        assert_eq!((&answer["stdout"], &answer["exit_code"]), (&json!("after\n"), &json!(0)));
        let stderr = answer["stderr"].as_str().expect("text");
        assert!(stderr.ends_with("the last line\n") && stderr.len() <= 64 << 10, "{} bytes", stderr.len());
        assert!(stderr.len() > 60 << 10, "the tail is kept: {} bytes", stderr.len());
        assert!(memory() < before + (64 << 10), "{before} KiB, then {} KiB", memory());
        // who watches gets a beginning, and is told
        let streamed = site.ask(&get("/container/run/stderr-64.sif").accept(EVENTS));
        assert!(streamed.body.len() < 4 << 20, "{} bytes", streamed.body.len());
        assert!(streamed.text().contains("[more was printed") && streamed.text().contains("after"));
    });
}

#[test]
fn hostile_28_output_that_is_no_text() {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    on_both_wires(|wire| {
        let site = Site::new(wire).prints("print.sif", &bytes);
        let answer = site.ask(&get("/container/run/print.sif"));
        assert!(answer.body == bytes, "bytes as they are");
        assert_inert(&answer);
        let envelope = site.ask(&get("/container/run/print.sif").accept(ENVELOPE)).json();
        let inside = envelope["stdout_base64"].as_str().expect("valid JSON all the same");
        assert!(envelope["stdout"].is_null() && BASE64.decode(inside).is_ok_and(|inside| inside == bytes));
        let streamed = site.ask(&get("/container/run/print.sif").accept(EVENTS)).text();
        let mut sent = Vec::new();
        for (name, data) in events(&streamed).iter().filter(|(name, _)| name == "stdout") {
            match (data["text"].as_str(), data["base64"].as_str()) {
                (Some(text), None) => sent.extend(text.as_bytes()),
                (None, Some(text)) => sent.extend(BASE64.decode(text).unwrap()),
                _ => panic!("{name}: {data}"),
            }
        }
        assert!(sent == bytes, "{} of {} bytes in events", sent.len(), bytes.len());
        site.ask(&get("/container/run/print.sif").accept(BROWSER)).good();
    });
}

#[test]
fn hostile_29_log_lines_cannot_be_forged() {
    let evil = "x\ntime=2026-01-01T00:00:00.000Z event=forged\r\n\u{1b}[2J\u{202e}\u{85}";
    let encoded: String = evil.bytes().map(|byte| format!("%{byte:02X}")).collect();
    on_both_wires(|wire| {
        let site =
            Site::new(wire).image("argv.sif", &[("SINGULARITY_RUNSCRIPT_ARG_STR", "name")]).image("exit-3.sif", &[]);
        site.ask(&get(&format!("/container/run/argv.sif?name={encoded}&{encoded}=1")));
        site.ask(&get(&format!("/container/{encoded}")));
        site.ask(&get("/").var("PATH_INFO", format!("/container/{evil}")));
        site.ask(&get("/container/").header("User-Agent", evil).header("Referer", evil).header("Accept", evil));
        site.ask(
            &get("/container/").var("REQUEST_ID", evil).var("UNIQUE_ID", evil).var("REMOTE_ADDR", evil).method(evil),
        );
        site.ask(&post("/container/run/argv.sif", evil, evil).header("Origin", evil).header("Host", evil));
        site.ask(&get("/container/run/exit-3.sif"));
        std::fs::write(site.data().join("a\ntime=2026-01-01T00:00:00.000Z event=forged.sif"), "").unwrap();
        site.end(rustix::process::Signal::TERM);
        // the text of an error may hold what the administrator wrote
        let site = site.set("runtime", "/none\ntime=2026-01-01T00:00:00.000Z event=forged\u{1b}[2J");
        site.ask(&get("/container/run/argv.sif")).problem(503);
        let log = site.log();
        assert!(log.lines().count() >= 8, "each request is logged: {log}");
        assert!(log.contains("forged"), "something was there to be escaped: {log}");
        for line in log.lines() {
            assert!(line.starts_with("time=") && line.contains(" event="), "{line:?}");
            assert!(!line.starts_with("time=2026-01-01T00:00:00.000Z"), "forged: {line:?}");
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        }
    });
}

/// Whoever looks at an image in a terminal.
#[test]
fn hostile_29_a_terminal_is_told_no_sequences() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\u{202e}";
    let site = Site::new(Wire::Cgi).image("evil.sif", &[("EVIL", evil), (evil, "x"), ("VERSION", "2 – ✓")]);
    for words in
        [&["inspect", "evil.sif"][..], &["inspect", "evil.sif", "--json"], &["list"], &["check"], &["run", evil]]
    {
        let output = site.command().args(words).output().expect("the program");
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!told.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{words:?}: {told:?}");
        if words[0] == "inspect" {
            assert!(told.contains("\\u001b]0;owned") && told.contains("2 – ✓"), "{told}");
        }
    }
}

/// What an image prints, to somebody who runs it: a pipe gets the bytes, a terminal none that it would obey.
#[test]
fn hostile_29_a_run_at_a_terminal_writes_no_sequences() {
    let evil = "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\u{202e}\r✓\n";
    let site = Site::new(Wire::Cgi).prints("print.sif", evil.as_bytes());
    let site = site.prints("print-stderr.sif", evil.as_bytes());
    let pipe = site.command().args(["run", "print.sif"]).output().expect("the program");
    assert_eq!(String::from_utf8_lossy(&pipe.stdout), evil);
    let Some(script) = servers::program("script") else { return skip("script is not installed (package bsdutils)") };
    let variables: Vec<_> = site.command().get_envs().map(|(n, v)| (n.to_owned(), v.unwrap().to_owned())).collect();
    for image in ["print.sif", "print-stderr.sif"] {
        // a terminal of its own, as a person has it
        let line = format!("{PROGRAM} run {image}");
        let mut command = std::process::Command::new(&script);
        command.args(["-qec", &line, "/dev/null"]).env_clear().envs(variables.clone()).env("SHELL", "/bin/sh");
        let output = command.current_dir(site.folder()).output().expect("script");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("a\\u001b]0;owned") && shown.contains('✓'), "{image}: {shown:?}");
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{image}: {shown:?}");
    }
}
