//! `download.conf`: nginx sends the image files that the application offers.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;

use singularity_nginx::problems::Code;

use crate::errors::is;
use crate::setup::{LOCATIONS, UPSTREAM, change, own, own_with, root, site};
use crate::support::request::BROWSER;
use crate::support::servers::{self, Server, http};
use crate::support::{Site, sif};

const FILE: &str = "/container/download/argv.img";
const DOWNLOADS: &str = "include singularity-nginx/locations.conf; include singularity-nginx/download.conf;";

/// Files go out by nginx; the image is longer than what a 32-bit number counts.
fn served(site: &Site) -> Option<Server> {
    site.start();
    own_with(&root(site), &site.socket(), UPSTREAM, DOWNLOADS, |here| {
        change(here, "download.conf", "/srv/images/", &format!("{}/", site.path("data").display()));
    })
}

fn offering() -> Site {
    let site = site().set("download", "true").set("accel", "/container-files/");
    site.set("allow_origins", "https://a.example")
}

#[test]
fn nginx_sends_the_file_with_ranges_and_tag() {
    let site = offering();
    let Some(server) = served(&site) else { return };
    let bytes = fs::read(site.path("data/argv.img")).unwrap();
    let whole = server.get(FILE, &[("Origin", "https://a.example")]);
    assert!(whole.status == 200 && whole.body == bytes);
    for (name, expected) in [
        ("Content-Type", "application/octet-stream"),
        ("Content-Disposition", "attachment; filename=\"argv.img\""),
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Accept-Ranges", "bytes"),
        ("Access-Control-Allow-Origin", "https://a.example"),
        ("Vary", "Origin"),
    ] {
        assert_eq!(whole.header(name), Some(expected), "{name}");
    }
    assert_eq!(whole.header("X-Own"), None, "no rule of the site");
    assert_eq!(server.get(FILE, &[]).header("Access-Control-Allow-Origin"), None);
    let tag = whole.header("ETag").expect("a tag").to_owned();
    assert_eq!(server.get(FILE, &[("If-None-Match", &tag)]).status, 304);
    let part = server.get(FILE, &[("Range", "bytes=10-19"), ("If-Range", &tag)]);
    assert!(part.status == 206 && part.body == bytes[10..20]);
    assert_eq!(server.get(FILE, &[("Range", "bytes=10-19"), ("If-Range", "\"x\"")]).status, 200);
    assert_eq!(server.get(FILE, &[("Range", "bytes=99999999-")]).status, 416);
    let head = server.ask(&http("HEAD", FILE, &[], b""));
    assert_eq!((head.status, head.header("Content-Length")), (200, Some(&*bytes.len().to_string())));
    // the application decides, and nginx's own address of the files is nobody's
    assert_eq!(server.get("/container/download/none.img", &[]).problem(404).0, "no-such-image");
    assert!([403, 404].contains(&server.get("/container-files/argv.img", &[]).status));
}

#[test]
fn nginx_sends_the_file_of_an_image_in_a_folder() {
    let site = offering();
    let data = site.data();
    fs::create_dir_all(data.join("lab/old")).unwrap();
    let image = sif::with_labels(&[]);
    let names = ["lab/argv.sif", "lab/old/quast:5.0.1--py36_0", "lab/a@b=c~1", "tool+1:2"];
    for name in names {
        fs::write(data.join(name), [&image, name.as_bytes()].concat()).unwrap();
    }
    let Some(server) = served(&site) else { return };
    for name in names {
        let whole = server.get(&format!("/container/download/{name}"), &[]);
        assert!(whole.status == 200 && whole.body.ends_with(name.as_bytes()), "{name}: {}", whole.status);
        let shown = name.rsplit('/').next().unwrap();
        assert_eq!(whole.header("Content-Disposition"), Some(&*format!("attachment; filename=\"{shown}\"")));
        assert!(whole.header("ETag").is_some(), "nginx has sent it");
        assert!([403, 404].contains(&server.get(&format!("/container-files/{name}"), &[]).status));
        server.get(&format!("/container/run/{name}"), &[]);
    }
    // nginx decodes once and joins slashes: the same image, and nothing else
    for (address, status) in [
        ("/container/download/lab%2Fargv.sif", 200),
        ("/container/download//lab//argv.sif", 200),
        ("/container/download/lab/../lab/argv.sif", 200),
        ("/container/download/lab%252Fargv.sif", 404),
        ("/container/download/lab/..%2F..%2Fsecret", 404),
        ("/container/download/lab", 404),
        ("/container/lab", 308),
        ("/container/lab/", 200),
    ] {
        assert_eq!(server.get(address, &[]).status, status, "{address}");
    }
    let lab = server.get("/container/lab", &[]);
    assert_eq!(lab.header("Location").map(|place| place.ends_with("/container/lab/")), Some(true));
}

/// The file is gone by the time that nginx looks, or nginx may not read what the application may.
#[test]
fn a_file_that_nginx_cannot_send_is_a_problem() {
    let site = offering();
    let there = site.path("elsewhere");
    fs::create_dir(&there).unwrap();
    site.start();
    let Some(server) = own_with(&root(&site), &site.socket(), UPSTREAM, DOWNLOADS, |here| {
        change(here, "download.conf", "/srv/images/", &format!("{}/", there.display()));
    }) else {
        return;
    };
    is(&server.get(FILE, &[]), Code::NoSuchImage);
    let page = server.get(FILE, &[("Accept", BROWSER)]);
    assert!(page.status == 404 && page.text().contains(Code::NoSuchImage.row().title), "{}", page.text());
    fs::write(there.join("argv.img"), "x").unwrap();
    fs::set_permissions(there.join("argv.img"), fs::Permissions::from_mode(0o000)).unwrap();
    is(&server.get(FILE, &[]), Code::ImageUnavailable);
    let head = server.ask(&http("HEAD", FILE, &[], b""));
    assert_eq!((head.status, head.media(), head.body.len()), (500, "application/problem+json", 0));
}

#[test]
fn the_application_and_nginx_give_the_same_tag() {
    let (site, plain) = (offering(), site().set("download", "true"));
    let Some(by_nginx) = served(&site) else { return };
    fs::copy(site.path("data/argv.img"), plain.path("data/argv.img")).unwrap();
    let modified = fs::metadata(site.path("data/argv.img")).unwrap().modified().unwrap();
    File::options().write(true).open(plain.path("data/argv.img")).unwrap().set_modified(modified).unwrap();
    plain.start();
    let Some(by_us) = own(&root(&plain), &plain.socket(), UPSTREAM, LOCATIONS) else { return };
    let fields = |server: &Server| {
        let answer = server.get(FILE, &[]);
        ["ETag", "Last-Modified"].map(|name| answer.header(name).expect(name).to_owned())
    };
    assert_eq!(fields(&by_nginx), fields(&by_us), "a download can go on by the other way");
}

#[test]
fn a_download_is_resumed_by_either_way() {
    let by_nginx = offering();
    let by_us = site().set("download", "true");
    by_us.start();
    let servers = [served(&by_nginx), own(&root(&by_us), &by_us.socket(), UPSTREAM, LOCATIONS)];
    for (site, server) in [&by_nginx, &by_us].into_iter().zip(servers) {
        let Some(server) = server else { return };
        let Some(curl) = servers::program("curl") else { return };
        // longer than what is kept in memory anywhere on the way
        let image = File::options().write(true).open(site.data().join("argv.img")).unwrap();
        image.write_all_at(&b"all of it".repeat(1 << 20), 40_000).unwrap();
        let copy = server.folder().join("copy");
        let fetch = |words: &[&str]| {
            let mut command = Command::new(&curl);
            command.args(["-fsS", "-o"]).arg(&copy).args(words);
            command.arg(format!("http://{}{FILE}", server.address())).status().expect("curl").success()
        };
        assert!(fetch(&["-r", "0-3999999"]));
        assert_eq!(fs::metadata(&copy).unwrap().len(), 4_000_000);
        assert!(fetch(&["-C", "-"]));
        assert!(fs::read(&copy).unwrap() == fs::read(site.path("data/argv.img")).unwrap(), "all of it, once");
    }
}

#[test]
fn the_end_of_a_file_of_4_gib() {
    let site = offering();
    let Some(server) = served(&site) else { return };
    let image = File::options().write(true).open(site.data().join("argv.img")).unwrap();
    image.write_all_at(b"the end", 4 << 30).unwrap();
    let answer = server.get(FILE, &[("Range", "bytes=-7")]);
    assert_eq!((answer.status, answer.text().as_str()), (206, "the end"));
    assert_eq!(answer.header("Content-Range"), Some("bytes 4294967296-4294967302/4294967303"));
}
