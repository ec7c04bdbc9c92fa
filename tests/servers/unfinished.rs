//! An answer that cannot be finished, because its reader takes nothing, never looks whole: on the web servers that
//! tests/hostile (52) does not have.

use crate::front::{Front, whole};
use crate::kinds;
use crate::support::request::EVENTS;
use crate::support::{HANG, Site, Wire, until};

const ADDRESS: &str = "/container/run/stdout-12.sif";

fn site(wire: Wire) -> Site {
    let site = Site::new(wire).image("stdout-12.sif", &[]).set("output_limit", 16 << 20);
    site.set("deadline", 2).set("reader_patience", 1)
}

fn never_looks_whole(name: &str, site: &Site, front: &Front, forms: &[&str]) {
    for (number, accept) in forms.iter().enumerate() {
        let given_up = || {
            if site.wire == Wire::Cgi && name == "mod_cgi" {
                // it shows what a program says when the program has ended and its output is read
                site.wait_for_runs(1);
                return until("the program has ended", HANG, || site.others().is_empty());
            }
            let told = || format!("{}{}", site.log(), front.log()).matches("client=let-go").count() > number;
            until("the reader is let go", HANG, told);
        };
        let bytes = front.read_late(ADDRESS, accept, given_up);
        assert!(!whole(&bytes), "{name}, {accept}: {} bytes look whole", bytes.len());
    }
}

#[test]
fn an_unfinished_answer_under_apache_mod_cgi() {
    let site = site(Wire::Cgi);
    let Some(front) = kinds::apache_cgi(&site.cgi_program()) else { return };
    never_looks_whole("mod_cgi", &site, &front, &["*/*"]);
}

#[test]
fn an_unfinished_answer_under_apache_mod_fcgid() {
    let site = site(Wire::Cgi);
    let Some(front) = kinds::apache_fcgid(&site.cgi_program()) else { return };
    // its end of a live answer is the same whatever the application did: the event `exit` tells
    never_looks_whole("mod_fcgid", &site, &front, &["*/*"]);
}

#[test]
fn an_unfinished_answer_under_lighttpd_fastcgi() {
    let site = site(Wire::FastCgi);
    site.start();
    let Some(front) = kinds::lighttpd_fastcgi(&site) else { return };
    never_looks_whole("lighttpd, FastCGI", &site, &front, &["*/*", EVENTS]);
}
