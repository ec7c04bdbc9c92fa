//! A browser that is signed in sends its password with each request, whichever page asks for it. Pages of other sites run
//! nothing in its name; the site's own pages do, with and without scripts.

use std::fs::{self, OpenOptions};
use std::io::Write;

use serde_json::json;

use crate::cors::elsewhere;
use crate::driver::Browser;
use crate::stack::RUN;
use crate::support::servers::{self, Server};
use crate::support::{HANG, Site, Wire, skip, until};

const SCRIPT: &str = "/cgi-bin/serve.cgi";
/// `amy:right`, as htpasswd(1) writes it.
const USERS: &str = "amy:$apr1$saltsalt$S.4SHjbjuljtTxlMAnDS//\n";
const MODULES: [&str; 9] =
    ["mpm_prefork", "authz_core", "authz_user", "authn_core", "authn_file", "auth_basic", "alias", "cgi", "env"];
/// Amy may run the image, and nobody else may see it.
const RULES: &str = "[[rules]]\nwho = 'amy'\nmay = 'run'\nimages = 'argv.sif'\n";

/// An Apache that checks the password and starts the program by CGI.
fn apache(site: &Site) -> Option<Server> {
    let program = site.cgi_program();
    let beside = program.with_file_name(".ht-singularity-nginx.toml");
    OpenOptions::new().append(true).open(beside).unwrap().write_all(RULES.as_bytes()).unwrap();
    let module = |name: &str| format!("/usr/lib/apache2/modules/mod_{name}.so");
    if !MODULES.iter().all(|name| fs::metadata(module(name)).is_ok()) {
        skip("a module of Apache is not installed");
        return None;
    }
    let programs = program.parent().unwrap().display().to_string();
    servers::apache(|here| {
        let folder = here.folder.display();
        fs::write(here.folder.join("users"), USERS).unwrap();
        let loaded: String =
            MODULES.iter().map(|name| format!("LoadModule {name}_module {}\n", module(name))).collect();
        format!(
            "{loaded}DefaultRuntimeDir {folder}\nPidFile {folder}/pid\nErrorLog {folder}/error.log\n\
             ServerName localhost\nListen {}\nStartServers 2\nScriptAlias /cgi-bin/ {programs}/\n\
             <Directory {programs}>\nAuthType Basic\nAuthName Containers\nAuthUserFile {folder}/users\n\
             Require valid-user\nSetEnv ap_trust_cgilike_cl yes\n</Directory>\n",
            here.address
        )
    })
}

fn runs(site: &Site) -> usize {
    site.runs().len()
}

#[test]
fn pages_of_other_sites_run_nothing_in_the_name_of_who_is_signed_in() {
    let Some((evil, origin)) = elsewhere() else { return };
    let site = Site::new(Wire::Cgi).set("trust_remote_user", true).set("slots", 4);
    let site = site.image("argv.sif", &[("SINGULARITY_RUNSCRIPT_ARG_STR", "name")]);
    let Some(apache) = apache(&site) else { return };
    let Some(browser) = Browser::open() else { return };
    let host = apache.address().to_string();
    let url = |path: &str| format!("http://{host}{SCRIPT}/container/{path}");
    // signed in: the browser keeps the password, and sends it from now on
    browser.go(&url("").replace("http://", "http://amy:right@"));
    browser.go(&url(""));
    browser.wait_for("header.site", "Signed in as amy");
    let run = url("run/argv.sif?name=Amy");
    let lands = |how: &str| {
        until(how, HANG, || browser.url().ends_with("/container/argv.sif?name=Amy#not-run"));
        browser.wait_for("header.site", "Signed in as amy");
    };
    // an address that is typed, or that a mail program opens
    browser.go(&run);
    lands("typed");
    for (how, html) in [
        ("location", "<script>location = 'TARGET'</script>"),
        ("refresh", "<meta http-equiv=refresh content='0; url=TARGET'>"),
        ("silent", "<a id=a href='TARGET' rel=noreferrer>x</a><script>a.click()</script>"),
    ] {
        fs::write(evil.folder().join("attack.html"), format!("<!DOCTYPE html>{}", html.replace("TARGET", &run)))
            .unwrap();
        browser.go(&format!("{origin}/attack.html?{how}"));
        lands(how);
    }
    let posts = format!(
        "<!DOCTYPE html><form id=f method=post action='{}'><input name=name value=Amy></form><script>f.submit()</script>",
        url("run/argv.sif")
    );
    fs::write(evil.folder().join("post.html"), posts).unwrap();
    browser.go(&format!("{origin}/post.html"));
    // as nobody, who may not even see it
    browser.wait_for("main", "There is no such image");
    // scripts, with the browser's password
    browser.go(&format!("{origin}/index.html"));
    for (method, mode) in [("GET", "no-cors"), ("POST", "no-cors"), ("GET", "cors"), ("POST", "cors")] {
        browser.script(&format!(
            "return fetch({}, {{ method: '{method}', mode: '{mode}', credentials: 'include' }}).then(() => 1, () => 0)",
            json!(url("run/argv.sif"))
        ));
    }
    browser.script(&format!(
        "return new Promise(done => {{ const i = new Image(); i.onload = i.onerror = done; i.src = {}; }}).then(() => 1)",
        json!(run)
    ));
    assert_eq!(runs(&site), 0, "something ran");
    browser.complaints();
    // the site's own page, by its script and by its form alone
    browser.go(&url("argv.sif"));
    browser.write("#arg-name", "Zoe");
    browser.click(RUN);
    browser.wait_for("#status", "Done");
    assert_eq!(runs(&site), 1);
    browser.without_scripts();
    browser.go(&url("argv.sif"));
    browser.write("#arg-name", "Bo");
    browser.click(RUN);
    browser.wait_for("main", "Bo");
    until("the form runs without a script", HANG, || runs(&site) == 2);
}
