//! 35 and 36: how the server starts, and how it refuses to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::process::Signal;

use crate::support::{Site, Wire, get, on_both_wires, skip};

#[test]
fn hostile_35_socket_rights_and_stale_sockets() {
    let site = Site::new(Wire::FastCgi).image("argv.sif", &[]);
    site.start();
    assert_eq!(site.socket().metadata().unwrap().mode() & 0o777, 0o660);
    assert_eq!(site.path("run").metadata().unwrap().mode() & 0o777, 0o750);
    let listen = format!("unix:{}", site.socket().display());
    let second =
        || site.command().args(["fastcgi", "--listen", &listen]).stderr(std::process::Stdio::piped()).output().unwrap();
    let refused = second();
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && why.contains("another server listens"), "{why}");
    site.ask(&get("/container/run/argv.sif")).good();
    // a server that was killed leaves its socket; the next one takes its place
    site.end(Signal::KILL);
    assert!(site.socket().exists());
    site.ask(&get("/container/run/argv.sif")).good();
    // what is no socket is not touched
    site.end(Signal::TERM);
    fs::write(site.socket(), "precious").unwrap();
    assert_eq!(second().status.code(), Some(1));
    assert_eq!(fs::read(site.socket()).unwrap(), b"precious");
}

#[test]
fn hostile_36_root_is_refused() {
    let unshare = "/usr/bin/unshare";
    let as_root = [unshare, "--user", "--map-root-user", "--"];
    if !Command::new(unshare)
        .args(["--user", "--map-root-user", "true"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return skip("no user namespaces, in which anybody can be root");
    }
    on_both_wires(|wire| {
        let site = Site::new(wire).image("argv.sif", &[]).under(&as_root);
        if wire == Wire::Cgi {
            for address in ["/container/", "/container/run/argv.sif"] {
                assert_eq!(site.ask(&get(address)).status, 500);
            }
        } else {
            let listen = format!("unix:{}", site.socket().display());
            let status = site.command().args(["fastcgi", "--listen", &listen]).status().unwrap();
            assert_eq!(status.code(), Some(1));
            assert!(!site.socket().exists());
        }
        assert!(site.log().contains("root"), "{}", site.log());
        assert_eq!(site.runs().len(), 0);
        let site = site.set("allow_root", true);
        site.ask(&get("/container/run/argv.sif")).good();
    });
}
