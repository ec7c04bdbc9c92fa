//! 1 to 11: what a visitor sends, on its way to argv and environment.

use crate::front::{Cgi, Front};
use crate::support::request::{BROWSER, ENVELOPE};
use crate::support::{Site, Wire, get, on_both_wires, post, processes, real, sif};

const STR: &str = "SINGULARITY_RUNSCRIPT_ARG_STR";
const INT: &str = "SINGULARITY_RUNSCRIPT_ARG_INT";
const FLOAT: &str = "SINGULARITY_RUNSCRIPT_ARG_FLOAT";
const BOOL: &str = "SINGULARITY_RUNSCRIPT_ARG_BOOL";

/// The whole environment of a run, but for the way to the account's own systemd session where there is one.
const ENVIRONMENT: [&str; 3] =
    ["HOME=/nonexistent", "LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];

/// Takes one argument of each type.
fn hello(wire: Wire) -> Site {
    Site::new(wire).image("argv.sif", &[(STR, "name"), (INT, "age"), (FLOAT, "weight"), (BOOL, "is_dino")])
}

/// Percent-encoded, every byte.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn assert_environment(site: &Site) {
    let id = rustix::process::geteuid().as_raw();
    let session =
        [format!("XDG_RUNTIME_DIR=/run/user/{id}"), format!("DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{id}/bus")];
    for run in site.runs() {
        let mut environment = run.environment();
        environment.retain(|variable| !session.contains(variable));
        environment.sort();
        assert_eq!(environment, ENVIRONMENT);
    }
}

#[test]
fn hostile_01_proxy_header_sets_no_proxy() {
    on_both_wires(|wire| {
        let site = hello(wire);
        site.ask(&get("/container/run/argv.sif").header("Proxy", "http://evil")).good();
        assert_environment(&site);
    });
}

#[test]
fn hostile_02_environment_is_the_fixed_list() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let mut request = get("/container/run/argv.sif").header("X", "() { :;}; echo evil");
        for (name, value) in [
            ("APPTAINER_BIND", "/:/h"),
            ("APPTAINERENV_LD_PRELOAD", "/evil.so"),
            ("SINGULARITYENV_X", "x"),
            ("BASH_ENV", "/evil"),
            ("PYTHONPATH", "/evil"),
            ("LC_ALL", "evil"),
            ("SINGULARITY_NGINX", "evil"),
        ] {
            request = request.var(name, value);
        }
        if wire == Wire::FastCgi {
            // would stop or mislead the program itself where they are its own environment
            request = request.var("LD_PRELOAD", "/evil.so").var("PATH", "/evil").var("SINGULARITY_NGINX_DATA", "/evil");
        }
        site.ask(&request).good();
        assert_environment(&site);
        let program = site.path("runtime/apptainer").display().to_string();
        assert_eq!(site.the_run().argv().first(), Some(&program), "by absolute path");
    });
}

#[test]
fn hostile_03_secret_of_the_server_stays_there() {
    const SECRET: &str = "wJalrXUtnFEMI-K7MDENG";
    on_both_wires(|wire| {
        let site = hello(wire).variable("AWS_SECRET", SECRET).image("exit-3.sif", &[]);
        for address in [
            "/container/",
            "/container/argv.sif",
            "/container/args/argv.sif",
            "/container/labels/argv.sif",
            "/container/health",
            "/container/run/argv.sif?name=Amy",
            "/container/run/exit-3.sif",
            "/container/nothing.sif",
            "/env",
            "/api/containers",
        ] {
            for accept in ["*/*", BROWSER, ENVELOPE] {
                let answer = site.ask(&get(address).accept(accept));
                assert!(!format!("{answer:?}{}", answer.text()).contains(SECRET), "{address}");
            }
        }
        assert_environment(&site);
        assert!(!site.log().contains(SECRET));
    });
}

/// What the container sees is the runtime's doing too.
#[test]
fn hostile_01_proxy_header_sets_no_proxy_in_a_real_container() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        let site = site.variable("http_proxy", "http://evil").variable("APPTAINERENV_PROXY", "http://evil");
        let request = get("/container/run/behave.sif?mode=env").header("Proxy", "http://evil");
        let environment = site.ask(&request.var("SINGULARITYENV_PROXY", "http://evil")).good();
        assert!(environment.contains(real::API_KEY), "this is the container's environment: {environment}");
        assert!(!environment.to_lowercase().contains("proxy") && !environment.contains("evil"), "{environment}");
    });
}

/// What is sent, and what is passed; nothing: refused.
const WORDS: [(&str, Option<&str>); 26] = [
    ("$(id)", Some("id")),
    ("`id`", Some("id")),
    ("a;b", Some("ab")),
    ("a|b", Some("ab")),
    ("a&&b", Some("ab")),
    ("a b", Some("ab")),
    ("\"a\"'b'", Some("ab")),
    ("a*?[b]", Some("ab")),
    ("~root", Some("root")),
    ("${HOME}", Some("HOME")),
    ("<a>\\b", Some("ab")),
    ("a#b!c", Some("abc")),
    ("../../etc/passwd", Some("....etcpasswd")),
    ("Zoë_北.京", Some("Zoë_北.京")),
    ("a\u{202e}b\u{200b}c", Some("abc")),
    ("a\nb", None),
    ("a\0b", None),
    ("a\tb", None),
    ("\u{1b}[2J", None),
    ("$()", None),
    ("", None),
    // 5: no dash leads
    ("-x", Some("x")),
    ("--bind=/:/h", Some("bindh")),
    ("$-$-x", Some("x")),
    ("--", None),
    ("a-b", Some("a-b")),
];

#[test]
fn hostile_04_words_lose_what_a_shell_could_understand() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for (sent, passed) in WORDS {
            let answer = site.ask(&get(&format!("/container/run/argv.sif?name={}", encoded(sent))));
            match passed {
                Some(passed) => {
                    assert_eq!(answer.json(), serde_json::json!(["--name", passed]), "{sent:?}");
                    let changed = answer.header("X-Run-Changed").is_some();
                    assert_eq!(changed, sent != passed, "a change is told, {sent:?}");
                }
                None => {
                    let (word, problem) = answer.problem(400);
                    assert_eq!((word.as_str(), &problem["errors"][0]["name"]), ("bad-arguments", &"name".into()));
                }
            }
        }
        for run in site.runs() {
            let allowed = |c: char| c.is_alphanumeric() || "._-".contains(c);
            assert!(run.arguments().iter().all(|word| word.chars().all(allowed)), "{:?}", run.arguments());
        }
    });
}

#[test]
fn hostile_04_words_reach_a_real_container_as_they_are() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        for (sent, passed) in [("$(id -u)", "id-u"), ("`id`;ls|cat", "idlscat"), ("Zoë_北.京", "Zoë_北.京")] {
            let answer = site.ask(&get(&format!("/container/run/behave.sif?mode=echo&name={}", encoded(sent))));
            assert_eq!(answer.good(), format!("{passed}\n"));
        }
    });
}

#[test]
fn hostile_05_no_leading_dash_but_the_sign_of_a_number() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let answer = site.ask(&get("/container/run/argv.sif?name=--bind&age=-5&weight=-1e3"));
        let passed = ["--name", "bind", "--age", "-5", "--weight", "-1000"];
        assert_eq!(answer.json(), serde_json::json!(passed));
        let answer = site.ask(&get("/container/run/argv.sif?weight=1e3&age=9223372036854775807"));
        assert_eq!(answer.json(), serde_json::json!(["--age", "9223372036854775807", "--weight", "1e3"]));
    });
}

#[test]
fn hostile_06_undeclared_names_do_not_pass() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let query = "evil=1&--bind=/&NAME=x&name=Amy&is_dino2&%00=1&runtime=/bin/sh&=x";
        let answer = site.ask(&get(&format!("/container/run/argv.sif?{query}")));
        assert_eq!(answer.json(), serde_json::json!(["--name", "Amy"]));
        let told = answer.header("X-Run-Ignored").expect("told");
        for name in ["evil", "NAME", "is_dino2", "runtime"] {
            assert!(told.split(", ").any(|one| one == name), "{name} in {told}");
        }
        let envelope = site.ask(&get(&format!("/container/run/argv.sif?{query}")).accept(ENVELOPE)).json();
        assert!(envelope["ignored"].as_array().is_some_and(|names| names.contains(&"--bind".into())), "{envelope}");
    });
}

#[test]
fn hostile_07_query_without_equals() {
    // Some servers pass such a query as the command line (RFC 3875 §4.4).
    for words in [
        &["-s"][..],
        &["--help"],
        &["--version"],
        &["supervise"],
        &["fastcgi"],
        &["--config", "/etc/passwd"],
        &["run", "argv.sif"],
    ] {
        let site = hello(Wire::Cgi).words(words);
        let query = words.join("+");
        let answer = site.ask(&get(&format!("/container/run/argv.sif?{query}")));
        assert_eq!(answer.good(), "[]\n", "{words:?}");
    }
    let site = hello(Wire::FastCgi);
    assert_eq!(site.ask(&get("/container/run/argv.sif?-s")).good(), "[]\n");
}

#[test]
fn hostile_08_numbers_that_are_none() {
    let long = "1".repeat(400);
    let longer = "1".repeat(500);
    let integers = [
        "",
        "1e3",
        "0x10",
        "٣",
        "1 1",
        "1\u{a0}000",
        "1_0",
        "1.0",
        "--1",
        "+-1",
        "9223372036854775808",
        "-9223372036854775809",
        "½",
        "１",
        "%",
        &long,
        &longer,
    ];
    let floats = [
        "", "nan", "NaN", "inf", "-inf", "infinity", "1e999", "-1e999", "1e", "e1", ".", "1.", "0x1p3", "1,5", "1_0",
        "1e1e1", "1e-999", &longer,
    ];
    on_both_wires(|wire| {
        let site = hello(wire);
        for (name, values) in [("age", &integers[..]), ("weight", &floats[..])] {
            for value in values {
                let answer = site.ask(&get(&format!("/container/run/argv.sif?{name}={}", encoded(value))));
                let (word, problem) = answer.problem(400);
                assert_eq!((word.as_str(), &problem["errors"][0]["name"]), ("bad-arguments", &name.into()), "{value}");
            }
        }
        let both = site.ask(&get("/container/run/argv.sif?age=x&weight=y")).problem(400).1;
        assert_eq!(both["errors"].as_array().map(Vec::len), Some(2), "all at once");
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn hostile_09_duplicates() {
    on_both_wires(|wire| {
        let site = hello(wire);
        for request in [
            get("/container/run/argv.sif?age=1&age=2"),
            get("/container/run/argv.sif?age=1&age=1"),
            get("/container/run/argv.sif?is_dino&is_dino"),
            get("/container/run/argv.sif?name=a&n%61me=b"),
            post("/container/run/argv.sif", "application/x-www-form-urlencoded", "age=1&age=2"),
            post("/container/run/argv.sif", "application/json", r#"{"age": 1, "age": 2}"#),
        ] {
            let (_, problem) = site.ask(&request).problem(400);
            assert_eq!(problem["errors"][0]["code"], "given-twice", "{problem}");
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn hostile_10_large_inputs_are_refused_in_flat_memory() {
    on_both_wires(|wire| {
        let site = hello(wire);
        let form = "application/x-www-form-urlencoded";
        let at = "/container/run/argv.sif";
        let requests = [
            (get(&format!("{at}?name={}", "a".repeat(200_000 - 5))), 414),
            (get(&format!("{at}?{}", "a=1&".repeat(5000))), 414),
            (get(&format!("{at}?{}", "a&".repeat(2000))), 400),
            (post(at, form, "a&".repeat(5000)), 400),
            (post(at, form, format!("name={}", "a".repeat(64_000))), 400),
            (post(at, form, format!("name={}", "a".repeat(100_000))), 413),
            (post(at, "application/json", format!("{{\"name\": \"{}\"}}", "a".repeat(64_000))), 400),
            (post(at, "application/json", "[".repeat(60_000)), 400),
            (post(at, "application/json", "{\"a\":".repeat(12_000)), 400),
            (post(at, form, "").var("CONTENT_LENGTH", "99999999999999999999"), 413),
        ];
        let memory = || if wire == Wire::FastCgi { processes::memory(site.start()) } else { 0 };
        // a variable of more than 128 KiB does not reach a CGI program at all (execve(2), MAX_ARG_STRLEN)
        let fits = |request: &&(crate::support::Request, u16)| {
            wire == Wire::FastCgi || request.0.variables.iter().all(|(_, value)| value.len() < 131_000)
        };
        for (request, status) in requests.iter().filter(fits) {
            site.ask(request).problem(*status);
        }
        let before = memory();
        for _ in 0..10 {
            for (request, status) in requests.iter().filter(fits) {
                site.ask(request).problem(*status);
            }
        }
        assert!(memory() < before + 8192, "{before} KiB, then {} KiB", memory());
        assert_eq!(site.runs().len(), 0);
    });
}

/// Content that the program has no use for: where the web server writes it to a program that has ended, the answer is lost.
#[test]
fn hostile_10_content_that_nobody_wants_costs_no_answer() {
    let at = "/container/run/argv.sif";
    for server in [Cgi::Apache, Cgi::Fcgiwrap, Cgi::Lighttpd] {
        let site = hello(Wire::Cgi);
        let Some(front) = Front::cgi(server, &site.cgi_program()) else { continue };
        for (method, address, length, status) in [
            ("POST", at, 70_000, 413),
            ("POST", at, 600_000, 413),
            ("GET", "/container/", 18, 200),
            ("GET", "/container/", 300_000, 200),
        ] {
            // lighttpd takes no GET with content; nginx takes at most 1 MiB by itself
            if method == "GET" && matches!(server, Cgi::Lighttpd) {
                continue;
            }
            for _ in 0..10 {
                let answer = front.send(method, address, "application/json", &vec![b'x'; length]).answer();
                assert_eq!(answer.status, status, "{server:?} {method} {length}: {}", answer.text());
            }
        }
    }
}

#[test]
fn hostile_11_argument_names_in_labels() {
    let many: Vec<String> = (0..10_000).map(|number| format!("a{number}")).collect();
    let long = format!("good,{}", "x".repeat(10_000));
    on_both_wires(|wire| {
        let site = Site::new(wire)
            .image(
                "argv.sif",
                &[(STR, "--,-x,a b,$(id),good,é,a=b,a\nb, spaced ,,good"), (INT, "both"), (FLOAT, "both")],
            )
            .image("argv.long.sif", &[(STR, &long)])
            .image("argv.many.sif", &[(STR, &many.join(","))])
            .file("argv.number.sif", &sif::with_attributes(&serde_json::json!({ "labels": { STR: 7, INT: ["a"] } })));
        let listing = site.ask(&get("/container/")).json();
        assert_eq!(listing["total"], 4);
        for (name, expected) in
            [("argv.sif", serde_json::json!(["good", "spaced"])), ("argv.long.sif", serde_json::json!(["good"]))]
        {
            let page = site.ask(&get(&format!("/container/{name}"))).json();
            assert_eq!(page["args"]["str"], expected, "{name}");
            assert!(page["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty()), "{page}");
        }
        let page = site.ask(&get("/container/argv.many.sif")).json();
        assert!(page["args"]["str"].as_array().is_some_and(|names| (1..=64).contains(&names.len())));
        assert!(page["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty()));
        let answer = site.ask(&get("/container/run/argv.sif?good=1&-x=2&both=3&spaced=4&a+b=5"));
        assert_eq!(answer.json(), serde_json::json!(["--good", "1", "--spaced", "4"]));
        site.ask(&get("/container/argv.number.sif")).good();
    });
}
