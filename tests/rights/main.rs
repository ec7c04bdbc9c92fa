//! Who may run what: rules, identities, tokens, and what of it shows; through the built program.
//!
//! `REMOTE_USER` counts on FastCGI only from another account. So a test of an unprivileged account sees it refused there,
//! and the same tests as root (`tests/peer/test`) see it believed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod absent;
mod attacks;
mod audit;
mod browsers;
mod house;
mod limits;
mod table;
mod terminal;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use support::{Answer, Request, Site, Wire, sif};

/// The rules of most tests.
const RULES: &str = r#"
[[rules]]
who = "anyone"
may = "see"
images = ["argv-1.sif", "argv-2.sif"]
[[rules]]
who = ["anyone"]
may = ["run"]
images = ["argv-1.sif"]
[[rules]]
who = "signed-in"
may = ["run"]
images = ["argv-2.sif"]
methods = ["POST"]
[[rules]]
who = ["@lab"]
may = ["run", "download"]
images = ["lab/"]
[[rules]]
who = ["token:ci"]
may = ["run"]
images = ["lab/argv-7.sif"]
methods = ["GET"]
[[rules]]
who = ["amy"]
may = ["see", "run"]
images = ["argv-9.sif"]
"#;

/// All images of these sites.
const IMAGES: [&str; 5] = ["argv-1.sif", "argv-2.sif", "argv-9.sif", "lab/argv-3.sif", "lab/argv-7.sif"];

/// Whether this test may act as another account than the server's.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The wire on which the web server's word is believed here.
fn trusted_wire() -> Wire {
    if is_root() { Wire::FastCgi } else { Wire::Cgi }
}

/// The test on both wires; as root on FastCGI, because nothing is served as root.
fn on_wires(test: impl Fn(Wire) + Sync) {
    if is_root() { test(Wire::FastCgi) } else { support::on_both_wires(test) }
}

/// A site with these rules, its images, and a place for tokens.
fn ruled(wire: Wire, text: &str) -> Site {
    let site = Site::new(wire);
    let site = IMAGES.iter().fold(site, |site, name| put(site, name));
    fs::write(site.path("sn.toml"), text).unwrap();
    fs::create_dir(site.path("store")).unwrap();
    fs::set_permissions(site.path("store"), Permissions::from_mode(0o700)).unwrap();
    let (config, store) = (site.path("sn.toml"), site.path("store"));
    let site = site.set("config", config.display()).set("store", store.display());
    let site = site.set("trust_remote_user", true).set("remote_groups", "REMOTE_GROUPS").set("download", true);
    if is_root() { site.of_account() } else { site }
}

/// Puts an image into the data folder.
fn put(site: Site, name: &str) -> Site {
    let path = site.data().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, sif::with_labels(&[("SINGULARITY_RUNSCRIPT_ARG_STR", "name")])).unwrap();
    site
}

/// Somebody who asks.
#[derive(Clone, Debug)]
enum Person {
    Nobody,
    /// A name and groups, from the web server.
    User(&'static str, &'static str),
    /// A token, as it was shown.
    Token(String),
}

impl Person {
    /// The request as this person sends it, from a page of the site where a browser does.
    fn sends(&self, request: Request) -> Request {
        match self {
            Person::Nobody => request,
            Person::User(name, groups) => {
                request.var("REMOTE_USER", name).var("REMOTE_GROUPS", groups).header("Origin", "http://localhost")
            }
            Person::Token(token) => request.header("Authorization", &format!("Bearer {token}")),
        }
    }

    /// Whether the web server's word is believed on this wire, here.
    fn is_believed(&self, wire: Wire) -> bool {
        wire == Wire::Cgi || is_root() || !matches!(self, Person::User(..))
    }
}

/// What a command prints, and how it ends.
fn call(site: &Site, words: &[&str]) -> Output {
    site.command().args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

fn told(site: &Site, words: &[&str]) -> (Option<i32>, String, String) {
    let output = call(site, words);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Makes a token.
fn token(site: &Site, name: &str) -> String {
    let (status, secret, why) = told(site, &["token", "add", name]);
    assert_eq!(status, Some(0), "{why}");
    secret.trim().to_owned()
}

/// Everything of an answer, with one name in place of another.
fn whole(answer: &Answer, name: &str, other: &str) -> (u16, Vec<(String, String)>, String) {
    let swap = |text: &str| text.replace(name, other);
    let headers = answer.headers.iter().map(|(field, value)| (field.clone(), swap(value))).collect();
    (answer.status, headers, swap(&answer.text()))
}
