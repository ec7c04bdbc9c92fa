//! `curl -C -`: a download goes on where it stopped, from a CGI program under Apache. By nginx: `nginx/download.rs`.

use std::fs;
use std::process::Command;

use crate::support::servers;
use crate::{Cgi, Front, Wire, demos};

#[test]
fn curl_resumes_a_download_of_a_cgi_program() {
    let Some(site) = demos(Wire::Cgi, &["hello-name.sif"]) else { return };
    let site = site.set("download", "true");
    let Some(front) = Front::cgi(Cgi::Apache, &site.cgi_program()) else { return };
    let Some(curl) = servers::program("curl") else { return };
    let folder = tempfile::tempdir().unwrap();
    let fetch = |words: &[&str]| {
        let mut command = Command::new(&curl);
        command.args(["-fsS", "-O"]).args(words).arg(front.url("/container/download/hello-name.sif"));
        assert!(command.current_dir(folder.path()).status().expect("curl").success());
    };
    let sum = |path| {
        let output = Command::new(servers::program("sha256sum")?).stdin(fs::File::open(path).ok()?).output().ok()?;
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let copy = folder.path().join("hello-name.sif");
    fetch(&["-r", "0-999999"]);
    assert_eq!(fs::metadata(&copy).unwrap().len(), 1_000_000);
    fetch(&["-C", "-"]);
    let original = sum(site.path("data/hello-name.sif"));
    assert!(original.is_some() && sum(copy) == original, "SHA-256 {original:?}");
}
