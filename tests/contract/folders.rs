//! Folders in the data folder, and names without an extension: on every face.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::request::{BROWSER, ENVELOPE};
use crate::support::{Site, Wire, get, on_both_wires, post, sif};
use crate::{FORM, HELLO, JSON};

/// A name as public depots have it.
const DEPOT: &str = "quast:5.0.1--py36pl526ha92aebf_0";
/// All characters that a name may hold.
const ODD: &str = "A0._+:@=~-";

/// Puts an image into a folder, which is made.
fn put(site: &Site, path: &str, labels: &[(&str, &str)]) {
    let path = site.data().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).unwrap();
    fs::write(path, sif::with_labels(labels)).unwrap();
}

/// `argv.sif` at the top, one in `lab`, one four folders deep, and one without an extension.
fn lab(wire: Wire) -> Site {
    let site = Site::new(wire);
    put(&site, "argv.sif", &HELLO);
    put(&site, "lab/argv.sif", &HELLO);
    put(&site, "lab/b/c/d/deep.sif", &[]);
    put(&site, &format!("lab/{DEPOT}"), &[]);
    site
}

fn names(list: &Value, key: &str) -> Vec<String> {
    let rows = list[key].as_array().unwrap_or_else(|| panic!("no {key}: {list}"));
    rows.iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

/// What the command prints, and how it ends.
fn terminal(site: &Site, words: &[&str]) -> (String, Option<i32>) {
    let output = site.command().args(words).stdout(Stdio::piped()).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn home_lists_its_images_and_folders() {
    on_both_wires(|wire| {
        let site = lab(wire);
        fs::create_dir(site.data().join("empty")).unwrap();
        let home = site.ask(&get("/container/")).json();
        assert_eq!((names(&home, "images"), &home["total"]), (vec!["argv.sif".to_owned()], &json!(1)));
        assert_eq!(
            home["folders"],
            json!([{ "name": "empty", "url": "/container/empty/" }, { "name": "lab", "url": "/container/lab/" }])
        );
        assert_eq!(home["up"], Value::Null);
        let lab = site.ask(&get("/container/lab/"));
        assert_eq!(lab.media(), JSON);
        let lab = lab.json();
        assert_eq!(names(&lab, "images"), ["lab/argv.sif".to_owned(), format!("lab/{DEPOT}")]);
        assert_eq!((names(&lab, "folders"), &lab["up"]), (vec!["lab/b".to_owned()], &json!("/container/")));
        assert_eq!(lab["images"][0]["url"], "/container/lab/argv.sif");
        assert_eq!(lab["images"][0]["args"]["str"], json!(["name"]));
        let deep = site.ask(&get("/container/lab/b/c/d/")).json();
        assert_eq!(
            (names(&deep, "images"), &deep["up"]),
            (vec!["lab/b/c/d/deep.sif".to_owned()], &json!("/container/lab/b/c/"))
        );
        let empty = site.ask(&get("/container/empty/"));
        assert_eq!((names(&empty.json(), "images").len(), &empty.json()["up"]), (0, &json!("/container/")));
        assert!(site.ask(&get("/container/empty/").accept(BROWSER)).good().contains("no image in this folder"));
        // every link of a page leads on
        let page = site.ask(&get("/container/lab/").accept(BROWSER)).good();
        for link in ["/container/", "/container/lab/b/", "/container/lab/argv.sif"] {
            assert!(page.contains(&format!("href=\"{link}\"")), "no {link} in {page}");
        }
        assert!(page.contains("action=\"/container/lab/\""), "the search is of this folder: {page}");
        assert!(site.ask(&get("/container/").accept(BROWSER)).good().contains("href=\"/container/lab/\""));
        assert!(site.ask(&get("/container/lab/argv.sif").accept(BROWSER)).good().contains("href=\"/container/lab/\""));
    });
}

#[test]
fn a_folder_without_its_slash_leads_to_its_list() {
    on_both_wires(|wire| {
        let site = lab(wire);
        for (address, place) in [
            ("/container/lab", "/container/lab/"),
            ("/container/lab/b/c", "/container/lab/b/c/"),
            ("/container/lab?q=x%20y&page=2", "/container/lab/?q=x%20y&page=2"),
        ] {
            for accept in ["*/*", BROWSER] {
                let answer = site.ask(&get(address).accept(accept));
                assert_eq!((answer.status, answer.header("Location")), (308, Some(place)), "{address}");
            }
        }
        let mounted = site.ask(&get("/container/lab").var("SCRIPT_NAME", "/~amy/serve.cgi"));
        assert_eq!(mounted.header("Location"), Some("/~amy/serve.cgi/container/lab/"));
        // a folder is no image, whatever is asked of it
        for part in ["run", "args", "labels", "download"] {
            assert_eq!(site.ask(&get(&format!("/container/{part}/lab"))).problem(404).0, "no-such-image", "{part}");
        }
        site.ask(&get("/container/openapi/lab.json")).problem(404);
        for nothing in ["/container/none/", "/container/lab/none/", "/container/argv.sif/", "/container/run/lab/"] {
            assert_eq!(site.ask(&get(nothing)).problem(404).0, "no-such-address", "{nothing}");
        }
    });
}

#[test]
fn an_image_in_a_folder_is_there_on_every_face() {
    on_both_wires(|wire| {
        let site = lab(wire).set("download", "true");
        let path = "lab/argv.sif";
        let page = site.ask(&get(&format!("/container/{path}"))).json();
        assert_eq!((&page["name"], &page["command"]), (&json!(path), &json!("apptainer run lab/argv.sif")));
        for (link, address) in [
            ("self", "/container/lab/argv.sif"),
            ("run", "/container/run/lab/argv.sif"),
            ("args", "/container/args/lab/argv.sif"),
            ("labels", "/container/labels/lab/argv.sif"),
            ("download", "/container/download/lab/argv.sif"),
        ] {
            assert_eq!(page["links"][link], address);
        }
        assert_eq!(site.ask(&get("/container/args/lab/argv.sif")).json()["int"], json!(["age"]));
        assert_eq!(site.ask(&get("/container/labels/lab/argv.sif")).json().as_object().unwrap().len(), 4);
        assert_eq!(site.ask(&get("/container/run/lab/argv.sif?name=Amy")).json(), json!(["--name", "Amy"]));
        assert_eq!(site.ask(&post("/container/run/lab/argv.sif", FORM, "age=7")).json(), json!(["--age", "7"]));
        let run = &site.runs()[0];
        assert!(run.argv().contains(&site.path("data").canonicalize().unwrap().join(path).display().to_string()));
        let envelope = site.ask(&get("/container/run/lab/argv.sif?name=Amy").accept(ENVELOPE)).json();
        assert_eq!(envelope["command"], "apptainer run lab/argv.sif --name Amy");
        assert_eq!(envelope["image"]["name"], path);
        let file = site.ask(&get("/container/download/lab/argv.sif"));
        assert!(file.body == fs::read(site.path("data/lab/argv.sif")).unwrap());
        assert_eq!(file.header("Content-Disposition"), Some("attachment; filename=\"argv.sif\""));
        let raw = site.ask(&get("/container/run/lab/argv.sif"));
        assert_eq!(raw.header("Content-Disposition"), Some("inline; filename=\"argv.json\""));
        let refused = site.ask(&get("/container/run/lab/argv.sif?age=x").accept(BROWSER));
        assert!(refused.status == 400 && refused.text().contains("/container/run/lab/argv.sif"));
    });
}

#[test]
fn an_app_of_an_image_in_a_folder() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        fs::create_dir_all(site.data().join("lab")).unwrap();
        let app = json!({ "labels": { "SINGULARITY_RUNSCRIPT_ARG_STR": "word" }, "runscript": "exec hello" });
        let attributes = json!({ "labels": {}, "apps": { "run": app } });
        fs::write(site.data().join("lab/argv.sif"), sif::with_attributes(&attributes)).unwrap();
        assert_eq!(
            site.ask(&get("/container/lab/argv.sif/run")).json()["links"]["run"],
            "/container/run/lab/argv.sif/run"
        );
        assert_eq!(site.ask(&get("/container/args/lab/argv.sif/run")).json()["str"], json!(["word"]));
        assert_eq!(site.ask(&get("/container/run/lab/argv.sif/run?word=x")).json(), json!(["--word", "x"]));
        assert!(site.runs()[0].argv().windows(2).any(|words| words == ["--app", "run"]));
        for nothing in ["lab/argv.sif/none", "lab/argv.sif/run/x", "lab/argv.sif/a:b"] {
            assert_eq!(site.ask(&get(&format!("/container/run/{nothing}"))).problem(404).0, "no-such-app", "{nothing}");
        }
        for no_app in ["/container/openapi/lab/argv.sif/run.json", "/container/download/lab/argv.sif/run"] {
            site.ask(&get(no_app)).problem(404);
        }
        let document = site.ask(&get("/container/openapi/lab/argv.sif.json")).json();
        assert!(document["paths"].get("/container/run/lab/argv.sif/run").is_some(), "{document}");
    });
}

#[test]
fn a_name_needs_no_extension() {
    on_both_wires(|wire| {
        let site =
            Site::new(wire).image(DEPOT, &HELLO).image(ODD, &[]).image("put-aside.old", &[]).set("download", "true");
        fs::write(site.data().join("Makefile"), "all:\n").unwrap();
        fs::write(site.data().join("broken.sif"), "all:\n").unwrap();
        let list = site.ask(&get("/container/")).json();
        assert_eq!(names(&list, "images"), [ODD, "broken.sif", DEPOT]);
        assert!(list["images"][1]["error"].as_str().is_some_and(|why| why.len() > 10), "{list}");
        for name in [DEPOT, ODD] {
            let address = format!("/container/{name}");
            assert_eq!(site.ask(&get(&address)).json()["links"]["self"], address);
            site.ask(&get(&format!("/container/run/{name}"))).good();
            site.ask(&get(&format!("/container/openapi/{name}.json"))).good();
            let file = site.ask(&get(&format!("/container/download/{name}")));
            let expected = format!("attachment; filename=\"{name}\"");
            assert_eq!(file.header("Content-Disposition"), Some(expected.as_str()));
            let page = site.ask(&get("/container/").accept(BROWSER)).good();
            assert!(page.contains(&format!("href=\"{address}\"")), "{page}");
        }
        let envelope = site.ask(&get(&format!("/container/run/{ODD}")).accept(ENVELOPE)).json();
        assert_eq!(envelope["command"], format!("apptainer run '{ODD}'"), "zsh expands = and ~");
        let output = site.ask(&get(&format!("/container/run/{DEPOT}")));
        let name = output.header("Content-Disposition").expect("a name").to_owned();
        assert!(name.starts_with("inline; filename=\"quast-5.0.1--py36pl526ha92aebf_0."), "{name}");
        for nothing in ["Makefile", "put-aside.old"] {
            site.ask(&get(&format!("/container/{nothing}"))).problem(404);
        }
    });
}

#[test]
fn search_random_and_descriptions_go_through_all_folders() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        put(&site, "lab/b/one.sif", &[]);
        put(&site, "lab/two.sif", &[]);
        let search = |address: &str| {
            let list = site.ask(&get(address)).json();
            (names(&list, "images"), list["total"].as_u64().unwrap())
        };
        let (one, two) = ("lab/b/one.sif".to_owned(), "lab/two.sif".to_owned());
        assert_eq!(search("/container/?q=ONE"), (vec![one.clone()], 1));
        assert_eq!(search("/container/?q=lab"), (vec![one.clone(), two.clone()], 2));
        assert_eq!(search("/container/lab/b/?q=sif"), (vec![one.clone()], 1));
        assert_eq!(search("/container/?q=nothing").1, 0);
        for _ in 0..5 {
            let place = site.ask(&get("/container/random")).header("Location").expect("a place").to_owned();
            assert!([&one, &two].iter().any(|name| place == format!("/container/{name}")), "{place}");
        }
        let document = site.ask(&get("/container/openapi.json")).json();
        let paths = document["paths"].as_object().unwrap();
        for path in ["/container/lab/", "/container/lab/b/", "/container/lab/two.sif", "/container/run/lab/b/one.sif"] {
            assert!(paths.contains_key(path), "no {path} in {:?}", paths.keys());
        }
        assert_eq!(document["components"]["schemas"].get("ImageName"), None, "there is none at the top");
        let one = site.ask(&get("/container/openapi/lab/two.sif.json")).json();
        assert_eq!(one["info"]["title"], "lab/two.sif");
        assert!(one["paths"].get("/container/run/lab/two.sif").is_some());
        // the program of 2017 knows the top alone
        assert_eq!(site.ask(&get("/api/containers")).json(), json!({}));
        site.ask(&get("/api/container/lab/two.sif")).problem(404);
    });
}

#[test]
fn folders_are_paged_like_images() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        for number in 0..103 {
            fs::create_dir(site.data().join(format!("folder-{number:03}"))).unwrap();
        }
        let first = site.ask(&get("/container/")).json();
        assert_eq!((names(&first, "folders").len(), &first["next"]), (100, &json!("/container/?page=2")));
        let second = site.ask(&get("/container/?page=2")).json();
        assert_eq!(names(&second, "folders"), ["folder-100", "folder-101", "folder-102"]);
        assert_eq!(second["next"], Value::Null);
    });
}

#[test]
fn settings_and_locks_of_an_image_in_a_folder() {
    on_both_wires(|wire| {
        let site = lab(wire);
        let file = site.path("site.toml");
        let table = "[images.\"lab/argv.sif\"]\nrun_methods = [\"POST\"]\nslots = 1\ndownload = true\n";
        fs::write(&file, table).unwrap();
        let site = site.variable("SINGULARITY_NGINX_CONFIG", file.display());
        let run = "/container/run/lab/argv.sif";
        let answer = site.ask(&get(run));
        answer.problem(405);
        assert_eq!(site.ask(&get(run).method("OPTIONS")).header("Allow"), Some("POST, OPTIONS"));
        assert_eq!(
            site.ask(&get("/container/run/argv.sif").method("OPTIONS")).header("Allow"),
            Some("GET, POST, OPTIONS")
        );
        assert_eq!(site.ask(&post(run, FORM, "name=x")).json(), json!(["--name", "x"]));
        site.ask(&get("/container/run/argv.sif")).good();
        site.ask(&get("/container/download/lab/argv.sif")).good();
        site.ask(&get("/container/download/argv.sif")).problem(403);
        let locks = fs::read_dir(site.path("state")).unwrap().map(|entry| entry.unwrap().file_name());
        let locks: Vec<String> = locks.map(|name| name.into_string().unwrap()).collect();
        let own = locks.iter().filter(|name| name.starts_with("image-")).collect::<Vec<_>>();
        let hashed = |name: &&String| name.bytes().skip(6).take(32).all(|byte| byte.is_ascii_hexdigit());
        assert!(!own.is_empty() && own.iter().all(hashed), "{locks:?}");
        let doctor = terminal(&site, &["doctor", "--json"]).0;
        assert!(!doctor.contains("image-tables"), "{doctor}");
    });
}

#[test]
fn the_terminal_knows_folders() {
    on_both_wires(|wire| {
        let site = lab(wire);
        let (list, code) = terminal(&site, &["list", "--json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        let expected = ["argv.sif", "lab/argv.sif", "lab/b/c/d/deep.sif", &format!("lab/{DEPOT}")];
        assert_eq!((names(&list, "images"), code), (expected.map(str::to_owned).to_vec(), Some(0)));
        let (printed, code) = terminal(&site, &["run", "lab/argv.sif", "name=Amy"]);
        assert_eq!((serde_json::from_str::<Value>(&printed).unwrap(), code), (json!(["--name", "Amy"]), Some(0)));
        let (inspected, _) = terminal(&site, &["inspect", "lab/argv.sif", "--json"]);
        assert!(inspected.contains("\"name\": \"lab/argv.sif\""), "{inspected}");
        assert!(terminal(&site, &["openapi", "lab/argv.sif"]).0.contains("/container/run/lab/argv.sif"));
        assert!(terminal(&site, &["check"]).0.contains("lab/b/c/d/deep.sif: "));
        assert!(terminal(&site, &["check", &format!("lab/{DEPOT}")]).0.contains(DEPOT));
        assert_eq!(terminal(&site, &["run", "lab"]).1, Some(1));
        for wrong in ["lab/", "lab/../argv.sif", "a/b/c/d/e/f/g"] {
            assert_eq!(terminal(&site, &["run", wrong]).1, Some(2), "{wrong}");
        }
        assert!(site.log().contains("This is a folder, not an image; name an image in it."), "{}", site.log());
    });
}

#[test]
fn each_folder_on_the_way_is_trusted_or_nothing_in_it_runs() {
    on_both_wires(|wire| {
        let site = lab(wire);
        let mode = |path: &str, mode| fs::set_permissions(site.path(path), Permissions::from_mode(mode)).unwrap();
        let deep = get("/container/run/lab/b/c/d/deep.sif");
        site.ask(&deep).good();
        for folder in ["data/lab", "data/lab/b", "data/lab/b/c/d"] {
            mode(folder, 0o757);
            site.ask(&deep).problem(403);
            assert!(site.ask(&get("/container/lab/b/c/d/deep.sif")).json()["refused"].is_string());
            mode(folder, 0o755);
        }
        mode("data/lab/b", 0o757);
        site.ask(&get("/container/run/lab/argv.sif")).good();
        mode("data/lab/b", 0o755);
    });
}

#[test]
fn links_to_folders_and_sandboxes_are_no_folders() {
    on_both_wires(|wire| {
        let site = lab(wire);
        let data = site.data();
        put(&site, "box/.singularity.d/x.sif", &[]);
        put(&site, "box/lab/x.sif", &[]);
        fs::create_dir(site.path("outside")).unwrap();
        fs::write(site.path("outside/argv.sif"), sif::with_labels(&[])).unwrap();
        fs::create_dir(data.join("folder.sif")).unwrap();
        for (link, target) in [
            ("to-lab", "lab"),
            ("lab/up", ".."),
            ("lab/self", "."),
            ("out", "../outside"),
            ("round", "round"),
            ("lab/inner.sif", "../argv.sif"),
        ] {
            symlink(target, data.join(link)).unwrap();
        }
        symlink(site.path("outside"), data.join("absolute")).unwrap();
        for path in [
            "to-lab/argv.sif",
            "lab/up/argv.sif",
            "lab/self/argv.sif",
            "out/argv.sif",
            "absolute/argv.sif",
            "round/argv.sif",
            "box/lab/x.sif",
            "folder.sif/x.sif",
        ] {
            for part in ["", "run/", "args/"] {
                site.ask(&get(&format!("/container/{part}{path}"))).problem(404);
            }
        }
        for folder in ["to-lab/", "lab/up/", "box/", "box/lab/", "out/", "folder.sif/"] {
            site.ask(&get(&format!("/container/{folder}"))).problem(404);
        }
        site.ask(&get("/container/run/lab/inner.sif")).good();
        assert_eq!(names(&site.ask(&get("/container/")).json(), "folders"), ["lab"]);
        let (told, code) = terminal(&site, &["list"]);
        for name in ["to-lab", "lab/up", "out", "folder.sif"] {
            assert!(told.contains(&format!("not served: {name}: ")), "{name} in {told}");
        }
        assert_eq!(code, Some(1));
    });
}

/// nginx decodes an address once and joins slashes; whatever is left of tricks is no name.
#[test]
fn paths_through_folders_that_climb_lead_nowhere() {
    on_both_wires(|wire| {
        let site = lab(wire);
        put(&site, "lab/run/argv.sif", &[]);
        put(&site, "a/b/c/d/e/argv.sif", &[]);
        fs::write(site.path("secret.sif"), sif::with_labels(&[])).unwrap();
        for path in [
            "lab/../argv.sif",
            "lab/../../secret.sif",
            "lab/./argv.sif",
            "lab//argv.sif",
            "/lab/argv.sif",
            "lab%2fargv.sif",
            "lab%2Fargv.sif",
            "lab/..%2fargv.sif",
            "lab\\argv.sif",
            "lab/.hidden",
            "lab/argv.sif/..",
            "lab/argv.sif/",
            "lab/argv.sif/../argv.sif",
            "a/b/c/d/e/argv.sif",
            "run/argv.sif",
            "static/argv.sif",
            "lab\n/argv.sif",
            "lab/argv.sif%00",
        ] {
            for part in ["", "run/", "args/", "labels/", "download/"] {
                let answer = site.ask(&get("/").var("PATH_INFO", format!("/container/{part}{path}")));
                // `/container/run/argv.sif` is another address
                assert!(
                    answer.status == 404 || (part.is_empty() && path == "run/argv.sif"),
                    "{part}{path}: {}",
                    answer.status
                );
            }
        }
        // a word of addresses is a name like any other inside a folder
        site.ask(&get("/container/lab/run/argv.sif")).good();
        site.ask(&get("/container/run/lab/run/argv.sif")).good();
        site.ask(&get("/container/lab/run/")).good();
    });
}

/// What is seen is not what was: an image becomes a folder, and a folder an image, between two looks.
#[test]
fn an_image_that_becomes_a_folder_is_one_of_both() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        let data = site.data();
        let turn = |name: &str| {
            let path = data.join(name);
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap()
            } else {
                let _ = fs::remove_file(&path);
            }
        };
        let as_image = |name: &Path| fs::write(name, sif::with_labels(&[])).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200 {
                    turn("x");
                    as_image(&data.join("x"));
                    turn("x");
                    fs::create_dir(data.join("x")).unwrap();
                    as_image(&data.join("x/argv.sif"));
                }
                done.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            for _ in 0..10 {
                for (address, expected) in [
                    ("/container/", &[200][..]),
                    ("/container/?q=x", &[200]),
                    ("/container/x/", &[200, 404]),
                    ("/container/x", &[200, 308, 404, 422]),
                    ("/container/x/argv.sif", &[200, 404, 422]),
                    ("/container/run/x/argv.sif", &[200, 404, 422, 503]),
                ] {
                    let answer = site.ask(&get(address));
                    assert!(expected.contains(&answer.status), "{address}: {} {}", answer.status, answer.text());
                }
            }
        });
        assert!(done.into_inner());
    });
}
