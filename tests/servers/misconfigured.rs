//! A configuration that cannot be used: a page that says what to do, and no path, under every server that starts the
//! program by CGI.

use std::fs;
use std::path::Path;

use crate::ask;
use crate::front::{Cgi, Front};
use crate::kinds;
use crate::support::request::BROWSER;
use crate::support::{Site, Wire, get};

type Start = fn(&Path) -> Option<Front>;

#[test]
fn a_wrong_configuration_is_a_page_that_says_what_to_do() {
    let starts: [(&str, Start); 4] = [
        ("fcgiwrap", |program| Front::cgi(Cgi::Fcgiwrap, program)),
        ("mod_cgi", kinds::apache_cgi),
        ("mod_cgid", |program| Front::cgi(Cgi::Apache, program)),
        ("lighttpd", |program| Front::cgi(Cgi::Lighttpd, program)),
    ];
    for (name, start) in starts {
        let site = Site::new(Wire::Cgi).image("argv.sif", &[]);
        let program = site.cgi_program();
        let file = program.with_file_name(".ht-singularity-nginx.toml");
        let right = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{right}dataa = \"/secret/place\"\n")).unwrap();
        let Some(front) = start(&program) else { continue };
        for accept in [BROWSER, "*/*"] {
            let answer = ask(&front, "/container/", accept);
            let text = answer.text();
            assert_eq!((answer.status, answer.media()), (500, "text/html; charset=utf-8"), "{name}: {text}");
            for told in ["not set up yet", "`singularity-nginx config` at a terminal", "error log"] {
                assert!(text.contains(told), "{name}: no {told:?} in {text}");
            }
            for secret in ["/secret", "dataa", site.folder().to_str().unwrap(), "/tmp"] {
                assert!(!text.contains(secret), "{name}: {secret} in {text}");
            }
        }
        // what the page advises tells the reason, and mending it is enough
        let told = std::process::Command::new(&program).arg("config").env_clear().output().unwrap();
        let said = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.status.code() == Some(1) && said.contains("dataa"), "{said}");
        fs::write(&file, right).unwrap();
        assert_eq!(ask(&front, "/container/", "*/*").json()["total"], 1, "{name}");
    }
}

/// The same without a web server between: the document response is whole.
#[test]
fn the_page_is_a_document_response() {
    let site = Site::new(Wire::Cgi).set("slots", "many");
    let answer = site.ask(&get("/container/"));
    assert_eq!(answer.status, 500);
    assert!(site.log().contains("slots"), "{}", site.log());
}
