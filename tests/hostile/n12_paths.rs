//! 12 to 19: addresses, and what may lie in the data folder.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::support::request::BROWSER;
use crate::support::{Site, Wire, get, on_both_wires, real, sif};

/// What `list --json` tells the administrator.
fn list(site: &Site) -> Value {
    let output = site.command().args(["list", "--json"]).output().expect("the program");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// `[[name, reason]]` of what is not served.
fn refused(site: &Site) -> Vec<String> {
    let list = list(site);
    let refused = list["refused"].as_array().expect("a list");
    assert!(refused.iter().all(|one| one["reason"].as_str().is_some_and(|reason| reason.len() > 10)), "{refused:?}");
    refused.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn hostile_12_paths_that_climb() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        fs::write(site.path("secret.sif"), sif::with_labels(&[])).unwrap();
        let names: [&[u8]; 21] = [
            b"../secret.sif",
            b"..",
            b".",
            b"./argv.sif",
            b"argv.sif/.",
            b"argv.sif/../../secret.sif",
            b"/argv.sif",
            b"//argv.sif",
            b"argv.sif/",
            b"argv.sif//",
            b"..%2fsecret.sif",
            b"%252e%252e%252fsecret.sif",
            b"..\\secret.sif",
            b"%5c..%5csecret.sif",
            b"argv.sif%00",
            b"argv.sif\n",
            b"argv.sif\r\nX: y",
            b"\x1b[2J",
            b"\xc0\xae\xc0\xae/secret.sif",
            b"argv.sif\xff",
            b"\xef\xbd\x81rgv.sif",
        ];
        for prefix in ["", "run/", "args/", "labels/", "static/"] {
            for name in names {
                let path = [b"/container/", prefix.as_bytes(), name].concat();
                site.ask(&get("/").var("PATH_INFO", &path)).problem(404);
            }
        }
        for path in [
            "/etc/passwd",
            "/container/../container/argv.sif",
            "//container/argv.sif",
            "/containers/run/../x",
            "container/",
        ] {
            site.ask(&get("/").var("PATH_INFO", path)).problem(404);
        }
        if wire == Wire::FastCgi {
            site.ask(&get("/").var("PATH_INFO", b"/container/run/argv.sif\0.png")).problem(404);
        }
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn hostile_13_a_folder_beside_with_the_same_beginning() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        fs::create_dir(site.path("data2")).unwrap();
        fs::write(site.path("data2/argv.sif"), sif::with_labels(&[])).unwrap();
        symlink("../data2/argv.sif", site.data().join("beside.sif")).unwrap();
        symlink(site.path("data2/argv.sif"), site.data().join("absolute.sif")).unwrap();
        for name in ["beside.sif", "absolute.sif"] {
            site.ask(&get(&format!("/container/{name}"))).problem(404);
            site.ask(&get(&format!("/container/run/{name}"))).problem(404);
        }
        assert_eq!(site.ask(&get("/container/")).json()["total"], 0);
        assert_eq!(refused(&site), ["absolute.sif", "beside.sif"]);
    });
}

#[test]
fn hostile_14_script_name_and_path_info() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]).image("other.sif", &[]);
        let address = get("/container/argv.sif");
        for mount in
            ["relative", "//evil.example", "/a/../b", "/a\nX: y", "/a\r\n", "/a?b", "/a#b", "/\\evil", "http://evil/"]
        {
            site.ask(&address.clone().var("SCRIPT_NAME", mount)).problem(400);
        }
        for request in [address.clone().without("SCRIPT_NAME"), address.clone().var("SCRIPT_NAME", "")] {
            assert_eq!(site.ask(&request).json()["links"]["self"], "/container/argv.sif");
        }
        for request in [address.clone().without("PATH_INFO"), address.clone().var("PATH_INFO", "")] {
            assert_eq!((site.ask(&request).status, site.ask(&request).header("Location")), (302, Some("/container/")));
        }
        // CVE-2019-11043 began with a newline that split one into the other
        site.ask(&address.clone().var("PATH_INFO", "/container/argv.sif\n")).problem(404);
        site.ask(&address.clone().without("REQUEST_METHOD")).problem(400);
        let lying = address
            .clone()
            .var("SCRIPT_FILENAME", site.path("data/other.sif").as_os_str().as_bytes())
            .var("PATH_TRANSLATED", "/etc/passwd")
            .var("REQUEST_URI", "/container/other.sif")
            .var("DOCUMENT_ROOT", "/etc")
            .var("ORIG_PATH_INFO", "/container/other.sif");
        assert_eq!(site.ask(&lying).json()["name"], "argv.sif");
        // of a variable that comes twice the last value counts: nginx sends both where a site sets one once more
        if wire == Wire::FastCgi {
            let mut twice = address.clone();
            twice.variables.push((b"PATH_INFO".to_vec(), b"/container/other.sif".to_vec()));
            assert_eq!(site.ask(&twice).json()["name"], "other.sif");
        }
    });
}

#[test]
fn hostile_15_links_out_and_special_files() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let data = site.data();
        symlink("/etc/passwd", data.join("passwd.sif")).unwrap();
        symlink("nowhere.sif", data.join("dangling.sif")).unwrap();
        symlink("round.sif", data.join("round.sif")).unwrap();
        symlink("/dev/zero", data.join("device.sif")).unwrap();
        symlink("..", data.join("up.sif")).unwrap();
        symlink("/", data.join("root")).unwrap();
        symlink("argv.sif", data.join("inside.sif")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, data.join("fifo.sif"), fifo, 0o644.into(), 0).unwrap();
        let _listener = UnixListener::bind(data.join("socket.sif")).unwrap();
        fs::create_dir(data.join("folder.sif")).unwrap();
        let names =
            ["passwd.sif", "dangling.sif", "round.sif", "device.sif", "up.sif", "fifo.sif", "socket.sif", "folder.sif"];
        for name in names.iter().chain(&["root"]) {
            for part in ["", "run/", "args/", "labels/"] {
                site.ask(&get(&format!("/container/{part}{name}"))).problem(404);
            }
        }
        let listing = site.ask(&get("/container/")).json();
        assert_eq!(listing["total"], 2, "{listing}");
        assert_eq!(site.ask(&get("/container/run/inside.sif")).status, 200, "a link inside is an image");
        let told = refused(&site);
        assert!(names.iter().all(|&name| told.contains(&name.to_owned())), "{told:?}");
    });
}

#[test]
fn hostile_16_file_names() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        let long = format!("{}.sif", "x".repeat(251));
        let names: [&[u8]; 12] = [
            b"-x.sif",
            b"--bind=x.sif",
            b"a b.sif",
            b"$(touch p).sif",
            b"<img src=x>.sif",
            b"new\nline.sif",
            b"\x1b[2Jesc.sif",
            b"bad\xff.sif",
            "ä.sif".as_bytes(),
            b"a;b.sif",
            b"'.sif",
            long.as_bytes(),
        ];
        for name in names.iter().chain(&[&b".hidden.sif"[..]]) {
            fs::write(site.data().join(OsStr::from_bytes(name)), sif::with_labels(&[])).unwrap();
            for part in ["", "run/"] {
                site.ask(&get("/").var("PATH_INFO", [b"/container/", part.as_bytes(), name].concat())).problem(404);
            }
        }
        assert_eq!(site.ask(&get("/container/")).json()["total"], 0);
        let told = refused(&site);
        assert_eq!(told.len(), names.len(), "{told:?}");
        assert!(told.iter().all(|name| !name.contains(char::is_control)), "{told:?}");
        assert_eq!(site.runs().len(), 0);
        assert!(!site.path("p").exists() && !site.path("data/p").exists());
    });
}

/// Words that URLs use are no names of images either.
#[test]
fn hostile_16_reserved_words() {
    on_both_wires(|wire| {
        let site = Site::new(wire);
        for word in [
            "run",
            "args",
            "labels",
            "download",
            "openapi",
            "openapi.json",
            "random",
            "health",
            "static",
            "mcp",
            "jobs",
            "metrics",
        ] {
            fs::create_dir_all(site.data().join(word).join(".singularity.d")).unwrap();
            assert_ne!(site.ask(&get(&format!("/container/run/{word}"))).status, 200, "{word}");
        }
        assert_eq!(site.ask(&get("/container/")).json()["total"], 0);
        assert_eq!(refused(&site).len(), 12);
    });
}

fn chmod(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of ours");
}

#[test]
fn hostile_17_what_others_may_write_to_is_not_run() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let (data, image) = (site.path("data"), site.path("data/argv.sif"));
        for (path, wrong, right) in
            [(&data, 0o757, 0o755), (&data, 0o1777, 0o755), (&image, 0o646, 0o644), (&image, 0o666, 0o644)]
        {
            chmod(path, wrong);
            let (word, problem) = site.ask(&get("/container/run/argv.sif")).problem(403);
            assert_eq!(word, "not-trusted");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("chmod")), "{problem}");
            let page = site.ask(&get("/container/argv.sif")).json();
            assert!(page["refused"].is_string(), "the page says why: {page}");
            assert_eq!(site.runs().len(), 0);
            chmod(path, right);
        }
        site.ask(&get("/container/run/argv.sif")).good();
    });
}

#[test]
fn hostile_17_a_runtime_that_others_may_write_to_is_not_run() {
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]);
        let runtime = site.path("runtime/open");
        fs::copy(stub_runtime::PATH, &runtime).unwrap();
        let site = site.set("runtime", runtime.display());
        for (path, wrong, right) in [(&runtime, 0o757, 0o755), (&site.path("runtime"), 0o757, 0o755)] {
            chmod(path, wrong);
            let answer = site.ask(&get("/container/run/argv.sif"));
            assert!(matches!(answer.status, 403 | 503), "{} {}", answer.status, answer.text());
            assert_eq!(site.runs().len(), 0);
            chmod(path, right);
        }
        site.ask(&get("/container/run/argv.sif")).good();
    });
}

/// Renames two versions over the same name, as fast as it goes, while `requests` are made.
fn rename_over(wire: Wire, requests: usize) {
    let site = Site::new(wire);
    let version = |word: &str| sif::with_labels(&[("VERSION", word), ("FILL", &word.repeat(20_000))]);
    let (old, new, name) = (version("old"), version("newer"), site.data().join("argv.sif"));
    let draft = site.path("draft");
    fs::write(&name, &old).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                for bytes in [&new, &old] {
                    fs::write(&draft, bytes).unwrap();
                    fs::rename(&draft, &name).unwrap();
                }
            }
        });
        let check = std::panic::AssertUnwindSafe(|| {
            for number in 0..requests {
                let address = ["/container/labels/argv.sif", "/container/", "/container/argv.sif"][number % 3];
                let answer = site.ask(&get(address));
                if number % 3 == 0 {
                    let labels = answer.json();
                    let word = labels["VERSION"].as_str().expect("a version");
                    assert_eq!(labels["FILL"], word.repeat(20_000), "one whole version");
                }
                assert!(matches!(answer.status, 200 | 404), "{}", answer.text());
            }
        });
        let checked = std::panic::catch_unwind(check);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        checked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn hostile_18_rename_over() {
    on_both_wires(|wire| rename_over(wire, 120));
}

#[test]
#[ignore = "long"]
fn hostile_18_rename_over_long() {
    on_both_wires(|wire| rename_over(wire, 10_000));
}

const ADDRESSES: [&str; 8] = [
    "/container/",
    "/container/argv.sif",
    "/container/args/argv.sif",
    "/container/labels/argv.sif",
    "/container/run/argv.sif",
    "/api/container/argv.sif",
    "/container/openapi.json",
    "/container/openapi/argv.sif.json",
];

#[test]
fn hostile_19_environment_of_an_image_is_not_shown() {
    const SECRET: &str = "AKIAIOSFODNN7";
    on_both_wires(|wire| {
        let definition = format!("Bootstrap: scratch\n%environment\n    export API_KEY={SECRET}\n");
        let environment = json!({ "/.singularity.d/env/90-environment.sh": format!("export API_KEY={SECRET}") });
        let attributes = json!({ "labels": {}, "environment": environment, "deffile": definition, "runscript": "id" });
        let site = Site::new(wire).file("argv.sif", &sif::with_attributes(&attributes));
        for address in ADDRESSES {
            for accept in ["*/*", BROWSER] {
                let answer = site.ask(&get(address).accept(accept));
                assert!(!answer.text().contains(SECRET), "{address}: {}", answer.text());
            }
        }
        let shown = Site::new(wire).set("show_definition", true).file("argv.sif", &sif::with_attributes(&attributes));
        assert!(shown.ask(&get("/container/argv.sif")).text().contains(SECRET), "only where the site's owner says so");
    });
}

#[test]
fn hostile_19_environment_of_a_real_image_is_not_shown() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        for address in ADDRESSES.iter().filter(|address| !address.contains("/run/")) {
            for accept in ["*/*", BROWSER] {
                let answer = site.ask(&get(&address.replace("argv", "behave")).accept(accept));
                assert!(!answer.text().contains(real::API_KEY), "{address}: {}", answer.text());
            }
        }
    });
}
