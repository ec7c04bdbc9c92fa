//! 12 to 16: addresses, and what may lie in the data folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use serde_json::Value;

use crate::support::{Site, Wire, get, on_both_wires, sif};

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
