//! Configuration: a file and variables, each value with its place; what is wrong stops the start.

use std::fs;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::site::{PROGRAM, copy_program};
use crate::support::{Site, Wire, get, on_both_wires, post};
use crate::{FORM, HELLO, IMAGE, RUN, explained, hello, passed};

/// A site with this file.
fn with_file(wire: Wire, text: &str) -> Site {
    let site = hello(wire);
    fs::write(site.path("sn.toml"), text).unwrap();
    let path = site.path("sn.toml").display().to_string();
    site.set("config", path)
}

/// A command of the program with the site's configuration.
fn call(site: &Site, words: &[&str]) -> Output {
    site.command().args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

fn in_force(site: &Site) -> Vec<(String, String, String)> {
    let output = call(site, &["config", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_else(|| panic!("no {key}: {row}")).to_owned();
    let rows = value["settings"].as_array().unwrap();
    rows.iter().map(|row| (text(row, "key"), text(row, "value"), text(row, "from"))).collect()
}

fn setting(site: &Site, key: &str) -> (String, String) {
    let found = in_force(site).into_iter().find(|(known, _, _)| known == key);
    found.map(|(_, value, from)| (value, from)).unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn what_is_wrong_stops_the_start_with_line_and_reason() {
    for (text, place, why) in [
        ("# comment\n\nslotz = 1\n", "line 3", "`slotz`"),
        ("slots = 2\ndeadline = 'soon'\n", "line 2", "`deadline`"),
        ("slots = 0\n", "line 1", "from 1 to 4096"),
        ("network = 'bridge'\n", "line 1", "none, host"),
        ("allow_origins = ['https://a/b']\n", "line 1", "origin"),
        ("[images.'a.sif']\nstate = 'x'\n", "line 2", "`state`"),
        ("[images.'a.sif']\n\nslotz = 3\n", "line 3", "`slotz`"),
        ("extra_characters = ';'\n", "line 1", "`extra_characters`"),
        ("run_methods = ['HEAD']\n", "line 1", "HEAD"),
        ("run_methods = []\n", "line 1", "is empty: write GET, POST or both"),
        ("\nhosts = []\n", "line 2", "is empty: name the site's hosts"),
        ("hosts = ['']\n", "line 1", "holds an empty text"),
        ("[images.'a.sif']\nrun_methods = []\n", "line 2", "`run_methods`"),
        ("strict = 1\n", "line 1", "true or false"),
        ("slots = 'x'\n", "sn.toml, line 1", "a number"),
        ("memory = '1 GB'\n", "line 1", "`1 GB`: write bytes or KiB, MiB, GiB, from 256 MiB to 1024 GiB"),
        ("deadline = 1.5\n", "line 1", "a whole number"),
        ("data = [\n", "line", ""),
    ] {
        let site = with_file(Wire::FastCgi, text);
        let listen = format!("unix:{}", site.socket().display());
        // the server last: one that starts does not end
        for words in [&["config"][..], &["list"], &["run", "argv.sif"], &["fastcgi", "--listen", &listen]] {
            let output = call(&site, words);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{text}: {told}");
            assert!(told.contains(place) && told.contains(why), "{text}: {told}");
        }
        assert!(!site.socket().exists());
        // a CGI program has to answer: the page names no reason, the log does
        let site = with_file(Wire::Cgi, text);
        let answer = site.ask(&get(RUN));
        assert_eq!(answer.status, 500);
        assert!(!answer.text().contains("slotz") && !answer.text().contains("line 3"), "{}", answer.text());
        assert!(site.log().contains(place), "{}", site.log());
        assert_eq!(site.runs().len(), 0);
    }
}

#[test]
fn an_unknown_variable_stops_the_start_by_name() {
    let site = hello(Wire::FastCgi).variable("SINGULARITY_NGINX_SLOTZ", "1");
    let output = call(&site, &["config"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("SINGULARITY_NGINX_SLOTZ"), "{told}");
}

/// What an empty variable says is what an empty list says.
#[test]
fn an_empty_variable_is_never_the_default() {
    for (key, why) in [("RUN_METHODS", "is empty: write GET"), ("HOSTS", "is empty: name"), ("DATA", "name a path")] {
        let name = format!("SINGULARITY_NGINX_{key}");
        let output = call(&hello(Wire::FastCgi).variable(&name, ""), &["config"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && told.contains(&name) && told.contains(why), "{told}");
    }
    let site = with_file(Wire::Cgi, "allow_origins = ['https://a.example']\n").set("allow_origins", "");
    assert_eq!(setting(&site, "allow_origins"), (String::new(), "SINGULARITY_NGINX_ALLOW_ORIGINS".to_owned()));
    site.ask(&get(RUN).header("Origin", "https://a.example")).problem(403);
    let output = call(&hello(Wire::Cgi).set("config", ""), &["config"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("its name is empty"), "{told}");
}

/// Each image's table with what it sets, and the file that lines are counted in.
#[test]
fn config_prints_the_tables_of_images() {
    let text =
        "slots = 2\n[images.'b.sif']\ndeadline = 7\nrun_methods = ['POST']\n[images.'a.sif']\nmemory = '1 GiB'\n";
    let site = with_file(Wire::Cgi, text);
    let told: Value = serde_json::from_slice(&call(&site, &["config", "--json"]).stdout).unwrap();
    assert_eq!(told["file"], site.path("sn.toml").display().to_string());
    let line = |key: &str, value: &str, from: &str| json!({ "key": key, "value": value, "from": from });
    let tables = json!({
        "a.sif": [line("memory", "1073741824", "line 6")],
        "b.sif": [line("deadline", "7", "line 3"), line("run_methods", "POST", "line 4")],
    });
    assert_eq!(told["images"], tables);
    let shown = String::from_utf8(call(&site, &["config"]).stdout).unwrap();
    let table = shown.split("[images.\"b.sif\"]\n").nth(1).expect("a table");
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines, [["deadline", "7", "#", "line", "3"], ["run_methods", "POST", "#", "line", "4"]]);
    assert!(shown.starts_with(&format!("# the file: {}\n", site.path("sn.toml").display())), "{shown}");
}

#[test]
fn variables_stand_above_the_file() {
    let site = with_file(Wire::Cgi, "slots = 9\ndeadline = 7\nhosts = ['a.example', 'b.example']\n");
    assert_eq!(setting(&site, "slots"), ("9".to_owned(), "line 1".to_owned()));
    assert_eq!(setting(&site, "hosts"), ("a.example,b.example".to_owned(), "line 3".to_owned()));
    let site = site.set("slots", 3).set("hosts", "c.example, d.example");
    assert_eq!(setting(&site, "slots"), ("3".to_owned(), "SINGULARITY_NGINX_SLOTS".to_owned()));
    assert_eq!(setting(&site, "deadline"), ("7".to_owned(), "line 2".to_owned()));
    assert_eq!(setting(&site, "hosts").0, "c.example,d.example");
    site.ask(&get(IMAGE).header("Host", "d.example")).good();
    site.ask(&get(IMAGE).header("Host", "a.example")).problem(421);
}

#[test]
fn defaults_are_those_of_the_contract() {
    let site =
        hello(Wire::Cgi).unset("data").unset("runtime").unset("state").variable("XDG_RUNTIME_DIR", "/run/user/7");
    let site = site.variable("HOME", "/home/amy").variable("XDG_STATE_HOME", "/home/amy/state");
    let rows = in_force(&site);
    let state = format!("/tmp/singularity-nginx-{}", rustix::process::geteuid().as_raw());
    for (key, value) in [
        ("data", "./data"),
        ("state", state.as_str()),
        ("wait", "0"),
        ("deadline", "60"),
        ("output_limit", "8388608"),
        ("network", "none"),
        ("sanitise", "strip"),
        ("extra_characters", ""),
        ("run_methods", "GET,POST"),
        ("allow_origins", ""),
        ("hosts", ""),
        ("show_definition", "false"),
        ("strict", "false"),
        ("memory", "none"),
        ("processes", "256"),
        ("cpus", "none"),
        ("launcher", ""),
        ("allow_root", "false"),
    ] {
        let row = rows.iter().find(|(known, _, _)| known == key).unwrap_or_else(|| panic!("no {key}"));
        assert_eq!((row.1.as_str(), row.2.as_str()), (value, "default"), "{key}");
    }
    let text = String::from_utf8(call(&site, &["config"]).stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("deadline ")).expect("a line");
    assert!(line.contains(" 60 ") && line.ends_with("# default"), "{line}");
}

#[test]
fn relative_paths_count_from_the_file() {
    on_both_wires(|wire| {
        let site = with_file(wire, "data = 'images'\nshow_definition = true\n").unset("data");
        let bytes = fs::read(site.path("data/argv.sif")).unwrap();
        fs::create_dir(site.path("images")).unwrap();
        fs::write(site.path("images/other.sif"), bytes).unwrap();
        assert_eq!(site.ask(&get("/container/")).json()["images"][0]["name"], "other.sif");
    });
}

#[test]
fn the_file_is_named_by_option_or_variable_or_lies_beside_the_executable() {
    let site = with_file(Wire::Cgi, "slots = 5\n");
    assert_eq!(setting(&site, "slots").0, "5");
    fs::write(site.path("other.toml"), "slots = 6\n").unwrap();
    let other = site.path("other.toml");
    let output = call(&site, &["config", "--config", other.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("slots              6 "), "the option counts first");
    // beside the executable, under a name that Apache refuses to serve
    let folder = site.path("bin");
    fs::create_dir(&folder).unwrap();
    copy_program(PROGRAM, folder.join("serve.cgi"));
    fs::write(folder.join(".ht-singularity-nginx.toml"), "slots = 7\n").unwrap();
    let beside = |variable: Option<&str>| {
        let mut command = std::process::Command::new(folder.join("serve.cgi"));
        command.env_clear().envs(variable.map(|path| ("SINGULARITY_NGINX_CONFIG", path))).arg("config");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(beside(None).contains("slots              7 "), "{}", beside(None));
    assert!(beside(other.to_str()).contains("slots              6 "));
    let missing = call(&site, &["config", "--config", "/nonexistent.toml"]);
    assert_eq!(missing.status.code(), Some(1), "a file that is named must be there");
}

#[test]
fn an_image_has_a_table_of_its_own() {
    let table = "deadline = 30\n[images.'special.sif']\nsanitise = 'reject'\nrun_methods = ['POST']\nshow_definition = true\n\
                 [images.'sleep-5000.sif']\ndeadline = 1\n[images.'argv.sif']\nextra_characters = ':'\n";
    on_both_wires(|wire| {
        let bytes = explained(&HELLO, "");
        let site =
            with_file(wire, table).file("special.sif", &bytes).file("plain.sif", &bytes).image("sleep-5000.sif", &[]);
        assert_eq!(passed(&site, "name=a:b+c"), json!(["--name", "a:bc"]));
        site.ask(&get("/container/run/special.sif")).problem(405);
        let refused = site.ask(&post("/container/run/special.sif", FORM, "name=a+b")).problem(400).1;
        assert_eq!(refused["errors"][0]["code"], "not-allowed-characters");
        site.ask(&post("/container/run/special.sif", FORM, "name=ab")).good();
        site.ask(&get("/container/run/sleep-5000.sif")).problem(504);
        let definition = |name: &str| site.ask(&get(&format!("/container/{name}"))).json()["definition"].clone();
        assert!(definition("special.sif").as_str().is_some_and(|text| text.contains("Bootstrap")));
        assert_eq!(definition("plain.sif"), Value::Null);
    });
}

#[test]
fn network_is_none_or_host_per_image_too() {
    on_both_wires(|wire| {
        let site = with_file(wire, "[images.'open.sif']\nnetwork = 'host'\n").image("open.sif", &HELLO);
        site.ask(&get("/container/run/open.sif")).good();
        assert!(!site.the_run().argv().contains(&"none".to_owned()), "{:?}", site.the_run().argv());
        site.ask(&get(RUN)).good();
        let closed =
            site.runs().into_iter().filter(|run| run.argv().join(" ").contains("--net --network none")).count();
        let doctor: Value = serde_json::from_slice(&call(&site, &["doctor", "--json"]).stdout).unwrap();
        let checks = doctor["checks"].as_array().unwrap();
        let can = checks
            .iter()
            .any(|one| one["check"].as_str().is_some_and(|word| word.contains("network")) && one["ok"] == true);
        assert_eq!(closed, usize::from(can), "where the host can: {checks:?}");
    });
}

#[test]
fn a_launcher_carries_the_run() {
    on_both_wires(|wire| {
        let site = hello(wire).set("launcher", "/usr/bin/env -u NOTHING");
        assert_eq!(passed(&site, "age=1"), json!(["--age", "1"]));
        let dry = call(&site, &["run", "argv.sif", "--dry-run"]);
        assert!(String::from_utf8_lossy(&dry.stdout).starts_with("/usr/bin/env -u NOTHING /"), "{dry:?}");
    });
}

#[test]
fn slots_count_over_all_processes_of_the_site() {
    let site = hello(Wire::FastCgi).image("hang.sif", &[]).set("slots", 1).set("deadline", 100);
    let talk = site.open(&get("/container/run/hang.sif"));
    site.wait_for_runs(1);
    let output = call(&site, &["run", "argv.sif"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("busy"), "{output:?}");
    talk.leave();
    site.nothing_runs();
}

#[test]
fn nothing_of_a_request_is_configuration() {
    let site = hello(Wire::FastCgi);
    let request = get("/container/")
        .var("SINGULARITY_NGINX_DATA", "/")
        .var("SINGULARITY_NGINX_CONFIG", "/etc/passwd")
        .header("Singularity-Nginx-Data", "/");
    assert_eq!(site.ask(&request).json()["total"], 1);
}
