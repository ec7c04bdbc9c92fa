//! The command line: the same rooms for people, `--json` for programs, exit status 0, 1 or 2.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::site::PROGRAM;
use crate::support::{Site, Wire, get, servers, sif};
use crate::{HELLO, IMAGE, JSON, explained, hello};

/// Exit status, stdout, stderr.
fn call(site: &Site, words: &[&str]) -> (i32, String, String) {
    let output = site.command().args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("a status"), text(output.stdout), text(output.stderr))
}

fn value(site: &Site, words: &[&str]) -> (i32, Value) {
    let (code, out, told) = call(site, words);
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}: {told}")))
}

#[test]
fn called_wrongly_is_2_and_says_how() {
    let site = hello(Wire::Cgi);
    for words in [
        &[][..],
        &["nonsense"],
        &["--nonsense"],
        &["list", "--nonsense"],
        &["inspect"],
        &["run"],
        &["inspect", "../x"],
        &["run", "-x.sif"],
        &["fastcgi", "--listen", "nowhere"],
        &["fastcgi", "--listen", "unix:"],
        &["fastcgi", "--listen"],
        &["config", "--config"],
    ] {
        let (code, out, told) = call(&site, words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {told}");
        assert!(told.starts_with("singularity-nginx: ") && told.contains("--help"), "{told}");
    }
}

#[test]
fn help_and_version() {
    let site = Site::new(Wire::Cgi);
    for word in ["--help", "-h"] {
        let (code, out, _) = call(&site, &[word]);
        assert_eq!(code, 0);
        for command in
            ["fastcgi", "list", "inspect", "check", "run", "openapi", "doctor", "config", "--json", "--config"]
        {
            assert!(out.contains(command), "{command}");
        }
    }
    let (code, out, _) = call(&site, &["--version"]);
    assert_eq!((code, out), (0, format!("singularity-nginx {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn list_is_0_when_all_is_well_and_1_when_not() {
    let site = hello(Wire::Cgi);
    let (code, out, _) = call(&site, &["list"]);
    assert!(code == 0 && out.starts_with("argv.sif "), "{out}");
    let (code, all) = value(&site, &["list", "--json"]);
    let size = site.path("data/argv.sif").metadata().unwrap().len();
    assert_eq!((code, &all["refused"]), (0, &json!([])));
    assert_eq!((&all["images"][0]["name"], &all["images"][0]["size"]), (&json!("argv.sif"), &json!(size)));
    let data = site.data();
    fs::write(data.join("broken.sif"), "no image").unwrap();
    let (code, all) = value(&site, &["list", "--json"]);
    assert_eq!(code, 1);
    assert!(all["images"][1]["error"].as_str().is_some_and(|why| !why.is_empty()), "{all}");
    fs::rename(data.join("broken.sif"), data.join("a b.sif")).unwrap();
    let (code, all) = value(&site, &["list", "--json"]);
    assert_eq!((code, &all["refused"][0]["name"]), (1, &json!("a b.sif")));
    assert!(call(&site, &["list"]).1.contains("not served: a b.sif: "));
    let (code, _, told) = call(&site.set("data", "/nonexistent"), &["list"]);
    assert!(code == 1 && !told.is_empty());
}

#[test]
fn inspect_tells_what_an_image_says_of_itself() {
    let site = Site::new(Wire::Cgi).file("argv.sif", &explained(&HELLO, "Says hello.\n"));
    let (code, told) = value(&site, &["inspect", "argv.sif", "--json"]);
    let attributes = &told["data"]["attributes"];
    assert_eq!((code, &attributes["helpfile"]), (0, &json!("Says hello.\n")));
    assert_eq!(attributes["labels"][crate::INT], "age");
    assert!(attributes["deffile"].as_str().is_some_and(|text| text.contains("Bootstrap")), "its owner may see it");
    assert_eq!(told["image"]["arguments"].as_array().map(Vec::len), Some(4));
    let (code, out, _) = call(&site, &["inspect", "argv.sif"]);
    assert!(code == 0 && out.contains("name: argv.sif") && out.contains("Says hello."), "{out}");
    for words in [&["inspect", "none.sif"][..], &["inspect", "argv.sif/noapp"], &["inspect", "none.sif", "--json"]] {
        let (code, out, told) = call(&site, words);
        assert!(code == 1 && out.is_empty() && !told.is_empty(), "{words:?}: {told}");
    }
}

#[test]
fn check_tells_an_author_what_to_improve() {
    let good = [HELLO[0], (crate::SCHEMA, r#"{"name": {"description": "who is greeted", "examples": ["Amy"]}}"#)];
    let site = Site::new(Wire::Cgi).file("argv.sif", &explained(&good, "Says hello.\n"));
    let (code, told) = value(&site, &["check", "--json"]);
    let findings =
        |told: &Value, number: usize| told["images"][number]["findings"].as_array().expect("findings").clone();
    assert!(code == 0 && !findings(&told, 0).iter().any(|one| one["wrong"] == true), "{told}");
    let site = site.image("bad.sif", &[(crate::STR, "both,-x"), (crate::INT, "both")]);
    let (code, told) = value(&site, &["check", "--json"]);
    assert_eq!((code, &told["images"][0]["image"]), (1, &json!("argv.sif")));
    let texts: Vec<String> = findings(&told, 1).iter().map(|one| one["text"].to_string()).collect();
    assert!(
        texts.iter().any(|text| text.contains("`both`")) && texts.iter().any(|text| text.contains("`-x`")),
        "{told}"
    );
    assert_eq!(call(&site, &["check", "argv.sif"]).0, 0, "only the images that are named");
    let (code, out, _) = call(&site, &["check", "bad.sif"]);
    assert!(code == 1 && out.contains("bad.sif") && out.contains("`both`"), "{out}");
    assert_eq!(site.runs().len(), 0, "without --run nothing runs");
}

/// What `check` says of the image in `attributes`.
fn advice(attributes: &Value, words: &[&str]) -> String {
    let site = Site::new(Wire::Cgi).file("argv.sif", &sif::with_attributes(attributes));
    call(&site, &[&["check", "argv.sif"], words].concat()).1
}

#[test]
fn check_names_undeclared_names_bad_types_and_missing_help() {
    let good = json!({
        "labels": { crate::STR: "name", crate::SCHEMA: r#"{"name": {"description": "Who"}}"# },
        "helpfile": "Says hello to --name.", "runscript": "#!/bin/sh\nexec hello \"$@\"\n",
    });
    assert_eq!(advice(&good, &[]), "argv.sif: fine\n");
    for (member, value, told) in [
        (
            "helpfile",
            json!("Says hello to --name, in --colour."),
            "better: it mentions --colour, which no label declares",
        ),
        ("runscript", json!("case $1 in\n --age) age=$2 ;; --name) ;; esac; x \"$@\""), "it mentions --age, which no"),
        (
            "labels",
            json!({ crate::INT: "name", crate::SCHEMA: r#"{"name": {"minimum": "x"}}"# }),
            "write a whole JSON number",
        ),
        ("labels", json!({ crate::INT: "name", crate::SCHEMA: r#"{"name": {"minimun": 1}}"# }), "no such keyword"),
        (
            "labels",
            json!({ crate::INT: "name", crate::SCHEMA: r#"{"name": {"description": "x", "default": 1}, "required": ["name"]}"# }),
            "better: name is required, so its default",
        ),
        ("runscript", json!("exec hello"), "wrong:  its runscript does not pass on its arguments"),
        ("runscript", Value::Null, "wrong:  it will not be run: it has no runscript"),
        ("helpfile", Value::Null, "better: it has no %help"),
        ("labels", json!({ crate::INT: "age" }), "better: nothing describes age"),
        ("labels", json!({ crate::INT: "name", crate::STR: "name" }), "wrong:  argument `name` is declared as"),
        ("labels", json!({ crate::INT: "name", crate::SCHEMA: r#"{"name": {"minimum": "x"}}"# }), "minimum"),
        ("labels", json!({ crate::STR: "name", crate::SCHEMA: r#"{"nome": {"title": "x"}}"# }), "wrong:  SINGULARITY_"),
        ("labels", json!({ crate::STR: "name", crate::OUTPUT: "text/html" }), "wrong:  SINGULARITY_RUNSCRIPT_OUTPUT"),
        ("labels", json!({ crate::STR: "name", crate::MAX_AGE: "soon" }), "wrong:  SINGULARITY_RUNSCRIPT_MAX_AGE"),
    ] {
        let mut image = good.clone();
        image[member] = value;
        let said = advice(&image, &[]);
        assert!(said.contains(told), "{member}: no {told} in {said}");
    }
}

#[test]
fn check_sees_every_way_to_pass_arguments_on() {
    for script in ["x \"$@\"", "x $*", "x \"$2\"", "x \"${2:-none}\"", "[ $# -gt 0 ] && x", "x ${@:2}"] {
        let image = json!({
            "labels": { crate::STR: "name" }, "helpfile": "Says hello to --name.", "runscript": script,
        });
        assert_eq!(advice(&image, &[]), "argv.sif: fine\n", "{script}");
    }
}

#[test]
fn check_looks_at_apps_too() {
    let image = json!({
        "labels": {}, "helpfile": "x", "runscript": "true",
        "apps": { "foo": { "labels": { crate::INT: "age" }, "runscript": "foo \"$@\"" } },
    });
    let site = Site::new(Wire::Cgi).file("argv.sif", &sif::with_attributes(&image));
    let (code, out, _) = call(&site, &["check"]);
    assert!(code == 0 && out.starts_with("argv.sif: fine\nargv.sif/foo: \n  better: it has no %help"), "{out}");
    let (_, told) = value(&site, &["check", "argv.sif/foo", "--json"]);
    assert_eq!(told["images"][0]["image"], "argv.sif/foo");
}

#[test]
fn check_runs_an_image_only_when_told_to() {
    let site =
        Site::new(Wire::Cgi).prints("print.json.sif", b"{\"a\": 1}\n").prints("print.text.sif", b"Give --name.\n");
    let site = site.prints("print.mixed.sif", b"loading\n{\"a\": 1}\n").prints("print.bar.sif", b"10 %\r20 %\r\n");
    let site = site.prints("print.nothing.sif", b"").image("exit-3.sif", &[]).image("hang.sif", &[]).set("deadline", 1);
    let images =
        ["print.json.sif", "print.text.sif", "print.mixed.sif", "print.bar.sif", "print.nothing.sif", "exit-3.sif"];
    for image in images {
        call(&site, &["check", image]);
    }
    assert_eq!(site.runs().len(), 0, "without --run nothing runs");
    let expected = [
        ("print.json.sif", ""),
        ("print.text.sif", ""),
        ("print.mixed.sif", "wrong:  it prints other things beside its JSON answer"),
        ("print.bar.sif", "wrong:  it prints colours or a progress bar"),
        ("print.nothing.sif", "better: without arguments, it prints nothing"),
        ("exit-3.sif", "better: without arguments, it ends with status 3"),
        ("hang.sif", "wrong:  without arguments, it does not end in time"),
    ];
    for (image, told) in expected {
        let (before, after) = (call(&site, &["check", image]).1, call(&site, &["check", image, "--run"]).1);
        let said: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
        match told {
            "" => assert_eq!(before, after),
            _ => assert!(said.len() == 1 && said[0].contains(told), "{image}: {after}"),
        }
    }
    assert_eq!(site.runs().len(), expected.len());
}

#[test]
fn every_command_has_json() {
    let site = hello(Wire::Cgi).image("exit-3.sif", &[]);
    for (words, member) in [
        (&["list"][..], "images"),
        (&["inspect", "argv.sif"], "data"),
        (&["check", "argv.sif"], "images"),
        (&["run", "argv.sif", "age=7"], "stdout"),
        (&["run", "argv.sif", "--dry-run"], "command"),
        (&["openapi"], "paths"),
        (&["openapi", "argv.sif"], "paths"),
        (&["doctor"], "checks"),
        (&["config"], "settings"),
    ] {
        let (_, told) = value(&site, &[words, &["--json"]].concat());
        assert!(told.get(member).is_some(), "{words:?}: no {member} in {told}");
    }
    // the envelope of the web, and the same exit status as without
    let (code, told) = value(&site, &["run", "argv.sif", "age=7", "evil=1", "--json"]);
    assert_eq!((code, &told["stdout"], &told["ignored"]), (0, &json!("[\"--age\",\"7\"]\n"), &json!(["evil"])));
    let (code, told) = value(&site, &["run", "exit-3.sif", "--json"]);
    assert_eq!((code, &told["exit_code"], &told["stderr"]), (1, &json!(3), &json!("exit-3.sif says why\n")));
    let (_, told) = value(&site, &["run", "argv.sif", "age=7", "--dry-run", "--json"]);
    assert_eq!(told["command"].as_array().and_then(|words| words.last()), Some(&json!("7")));
}

/// Runs a shell with the program in its PATH; nothing where there is no such shell.
fn shell(site: &Site, program: &str, script: &str) -> Option<String> {
    let program = servers::program(program)?;
    let ours = std::path::Path::new(PROGRAM).parent().unwrap().display();
    let mut shell = std::process::Command::new(program);
    for (name, value) in site.command().get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell.env("PATH", format!("{ours}:/usr/bin:/bin")).env("HOME", site.folder());
    let output = shell.args(["-c", script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn completion_offers_commands_and_images() {
    let site = hello(Wire::Cgi).image("other.sif", &[]).image("quast:5.0.1--py36_0", &[]);
    let bash = |words: &str, at: u32| {
        let script = format!(
            "eval \"$(singularity-nginx completion bash)\"; COMP_WORDS=(singularity-nginx {words}) COMP_CWORD={at}; \
             COMP_LINE='singularity-nginx {words}' COMP_POINT=99; _singularity_nginx; echo ${{COMPREPLY[@]}}"
        );
        shell(&site, "bash", &script)
    };
    for (words, at, expected) in [
        ("in", 1, "inspect"),
        ("inspect ar", 2, "argv.sif"),
        ("run x --dr", 3, "--dry-run"),
        ("completion z", 2, "zsh"),
        ("run qu", 2, "quast:5.0.1--py36_0"),
        ("run quast:5", 4, "5.0.1--py36_0"),
    ] {
        let Some(offered) = bash(words, at) else { break };
        assert_eq!(offered.trim(), expected, "{words}");
    }
    let fish =
        |line: &str| shell(&site, "fish", &format!("singularity-nginx completion fish | source; complete -C '{line}'"));
    for (line, expected) in
        [("singularity-nginx ins", "inspect"), ("singularity-nginx run ", "argv.sif\nother.sif\nquast:5.0.1--py36_0")]
    {
        let Some(offered) = fish(line) else { break };
        assert_eq!(offered.trim(), expected, "{line}");
    }
    // zsh completes at a terminal only: its script is found in a folder of functions, and read
    let script = "mkdir ~/functions; singularity-nginx completion zsh > ~/functions/_singularity-nginx; \
                  fpath=(~/functions $fpath); autoload -Uz compinit; compinit -u -D; autoload +X _singularity-nginx; \
                  echo $_comps[singularity-nginx]";
    if let Some(told) = shell(&site, "zsh", script) {
        assert_eq!(told.trim(), "_singularity-nginx");
    }
    assert_eq!(call(&site, &["completion", "tcsh"]).0, 2);
}

#[test]
fn the_man_page_names_every_command_and_key_and_has_no_faults() {
    let site = Site::new(Wire::Cgi);
    let (_, help, _) = call(&site, &["--help"]);
    let page = site.path("page.1");
    fs::write(&page, call(&site, &["man"]).1).unwrap();
    let Some(groff) = servers::program("groff") else { return };
    let output =
        std::process::Command::new(groff).args(["-man", "-ww", "-Tutf8", "-P-cbou"]).arg(&page).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let shown = String::from_utf8(output.stdout).unwrap();
    for command in help.lines().filter_map(|line| line.trim().strip_prefix("singularity-nginx ")) {
        assert!(shown.contains(command), "no {command} in {shown}");
    }
    // lines are broken where the page is full
    let words = |text: &str| text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let page = words(&shown);
    for key in singularity_nginx::config::KEYS {
        let told = words(&format!("{} ({}; default: {}", key.name, key.expected(), key.default_shown()));
        assert!(page.contains(&told) && page.contains(&words(key.doc)), "{} should say {told} in {page}", key.name);
    }
}

#[test]
fn run_passes_what_the_web_would_pass() {
    let site = hello(Wire::Cgi).image("exit-3.sif", &[]);
    let words = ["run", "argv.sif", "name=A b", "age=-5", "is_dino", "evil=1", "weight=-1e3"];
    let (code, out, told) = call(&site, &words);
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap(),
        json!(["--name", "Ab", "--age", "-5", "--weight", "-1000", "--is_dino"])
    );
    assert!(code == 0 && told.contains("evil") && told.contains("A b became Ab"), "{told}");
    assert_eq!(site.runs().len(), 1);
    let (code, out, told) = call(&site, &["run", "exit-3.sif"]);
    assert!(code == 1 && out == "some output\n" && told.contains("exit-3.sif says why"), "{told}");
    let (code, out, told) = call(&site, &["run", "argv.sif", "age=x", "weight=y"]);
    assert!(code != 0 && out.is_empty() && told.contains("age") && told.contains("weight"), "{told}");
    assert_eq!(site.runs().len(), 2);
}

#[test]
fn run_dry_prints_the_exact_command_and_runs_nothing() {
    let site = hello(Wire::Cgi);
    let (code, out, _) = call(&site, &["run", "argv.sif", "name=Ä", "age=7", "--dry-run"]);
    let image = site.path("data/argv.sif").display().to_string();
    assert_eq!(code, 0);
    assert!(out.starts_with(&site.path("runtime/apptainer").display().to_string()), "{out}");
    assert!(out.ends_with(&format!(" {image} --name 'Ä' --age 7\n")), "{out}");
    assert_eq!(site.runs().len(), 0);
    // what it prints is what a request executes
    site.ask(&get("/container/run/argv.sif?name=%C3%84&age=7")).good();
    assert_eq!(site.the_run().argv().join(" "), out.trim_end().replace('\'', ""));
}

#[test]
fn doctor_says_what_holds_and_how_to_get_the_rest() {
    let site = hello(Wire::Cgi);
    let (code, told) = value(&site, &["doctor", "--json"]);
    let checks = told["checks"].as_array().expect("checks").clone();
    for what in ["data", "state", "runtime", "account"] {
        let check = checks.iter().find(|one| one["check"] == what).unwrap_or_else(|| panic!("no {what}"));
        assert_eq!((&check["ok"], &check["weight"]), (&json!(true), &json!("needed")), "{check}");
    }
    for check in &checks {
        for member in ["buys", "lost", "get"] {
            assert!(check[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {check}");
        }
    }
    let wrong = checks.iter().any(|one| one["ok"] == false && one["weight"] != "better");
    assert_eq!(code, i32::from(wrong));
    let (again, out, _) = call(&site, &["doctor"]);
    assert_eq!(
        (again, out.lines().filter(|line| line.starts_with("yes") || line.starts_with("no ")).count()),
        (code, checks.len())
    );
    let (code, told) = value(&hello(Wire::Cgi).set("runtime", "/nonexistent/apptainer"), &["doctor", "--json"]);
    let runtime = told["checks"].as_array().unwrap().iter().find(|one| one["check"] == "runtime").unwrap().clone();
    assert_eq!((code, &runtime["ok"]), (1, &json!(false)));
    assert!(
        runtime["reason"].as_str().is_some_and(|why| why.contains("/nonexistent/apptainer")),
        "its owner sees the path"
    );
}

/// Under a web server's CGI variables the command line is the visitor's (RFC 3875 §4.4).
#[test]
fn under_cgi_the_command_line_is_not_read() {
    let site = hello(Wire::Cgi).words(&["list", "--json", "--config", "/nonexistent"]);
    let answer = site.ask(&get(IMAGE));
    assert_eq!((answer.status, answer.media()), (200, JSON));
}

#[test]
fn a_slip_at_the_terminal_is_answered_with_what_to_write() {
    let site = hello(Wire::Cgi).image("exit-3.sif", &[]);
    for (words, status, told) in [
        // as one writes it for apptainer
        (&["run", "argv.sif", "--age", "7"][..], 2, "NAME=VALUE"),
        (&["run", "argv.sif", "--age=7"], 2, "NAME=VALUE"),
        // a file of another folder
        (&["check", "./argv.sif"], 2, "SINGULARITY_NGINX_DATA=. singularity-nginx check argv.sif"),
        (&["inspect", "../other/argv.sif"], 2, "SINGULARITY_NGINX_DATA=../other singularity-nginx inspect argv.sif"),
        (&["run", "/srv/argv.sif", "age=7"], 2, "SINGULARITY_NGINX_DATA=/srv singularity-nginx run argv.sif"),
        // words that nothing is done with
        (&["list", "exit-3.sif"], 2, "`exit-3.sif`"),
        (&["inspect", "argv.sif", "exit-3.sif"], 2, "`exit-3.sif`"),
        (&["doctor", "now"], 2, "`now`"),
        // which one, and where the right names are
        (
            &["run", "argw.sif"],
            1,
            "argw.sif: There is no such image. `singularity-nginx list` shows the images that there are.",
        ),
        (&["inspect", "argw.sif"], 1, "argw.sif: There is no such image."),
        (&["openapi", "argw.sif"], 1, "argw.sif: There is no such image."),
        (&["run", "exit-3.sif"], 1, "exit-3.sif ended with status 3"),
    ] {
        let (code, _, said) = call(&site, words);
        assert_eq!(code, status, "{words:?}: {said}");
        assert!(said.contains(told), "{words:?}: no {told} in {said}");
    }
    assert_eq!(site.runs().len(), 1);
}

#[test]
fn doctor_names_the_folder_and_sees_when_nothing_in_it_will_run() {
    let site = hello(Wire::Cgi);
    let data = |site: &Site| {
        let (_, told) = value(site, &["doctor", "--json"]);
        let found = |what: &str| told["checks"].as_array().unwrap().iter().find(|one| one["check"] == what).cloned();
        (found("data").expect("data"), found("data-trust"))
    };
    let folder = site.data();
    let shown = folder.display().to_string();
    let (there, trust) = data(&site);
    assert!(there["detail"].as_str().is_some_and(|detail| detail.contains(&shown)), "{there}");
    assert_eq!(trust, None);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let (there, trust) = data(&site);
    let trust = trust.expect("nothing runs");
    assert_eq!((&there["ok"], &trust["ok"], &trust["weight"]), (&json!(true), &json!(false), &json!("needed")));
    assert!(trust["reason"].as_str().is_some_and(|why| why.contains(&shown) && why.contains("chmod o-w")), "{trust}");
    let health = site.ask(&get("/container/health"));
    assert!(health.status == 503 && !health.text().contains(&shown), "{}", health.text());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(site.ask(&get("/container/health")).status, 200);
    let (there, _) = data(&site.set("data", "/nonexistent"));
    assert!(there["reason"].as_str().is_some_and(|why| why.contains("/nonexistent")), "{there}");
}
