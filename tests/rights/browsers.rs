//! Across sites: an identity that a browser sends by itself runs nothing that no page of the site asked for.

use crate::support::request::BROWSER;
use crate::support::{Request, get, post};
use crate::{Person, RULES, ruled, token, trusted_wire};

const RUN: &str = "/container/run/argv-9.sif?name=Amy";
const FORM: &str = "application/x-www-form-urlencoded";

fn amy(request: Request) -> Request {
    request.var("REMOTE_USER", "amy")
}

#[test]
fn a_navigation_with_an_identity_shows_the_form() {
    let site = ruled(trusted_wire(), RULES).set("allow_origins", "https://friend.example");
    for (from, mode) in
        [("none", "navigate"), ("same-origin", "navigate"), ("cross-site", "navigate"), ("same-site", "navigate")]
    {
        let led = amy(get(RUN))
            .header("Sec-Fetch-Site", from)
            .header("Sec-Fetch-Mode", mode)
            .header("Sec-Fetch-Dest", "document");
        let answer = site.ask(&led.accept(BROWSER));
        assert_eq!(
            (answer.status, answer.header("Location")),
            (303, Some("/container/argv-9.sif?name=Amy#not-run")),
            "{from}"
        );
    }
    // over plain http a browser says nothing
    assert_eq!(site.ask(&amy(get(RUN)).accept(BROWSER)).status, 303);
    assert_eq!(site.runs().len(), 0);
    // nobody's navigation runs as ever
    let typed = get("/container/run/argv-1.sif").header("Sec-Fetch-Site", "none").header("Sec-Fetch-Mode", "navigate");
    assert_eq!(site.ask(&typed.accept(BROWSER)).status, 200);
}

#[test]
fn a_run_with_an_identity_needs_a_sign_of_its_page() {
    let site = ruled(trusted_wire(), RULES);
    let posted = || amy(post("/container/run/argv-9.sif", FORM, "name=Amy"));
    for request in [
        posted(),
        amy(get(RUN)),
        posted().header("Sec-Fetch-Site", "same-origin").header("Sec-Fetch-Mode", "navigate"),
        posted().header("Referer", "http://localhost/container/argv-9.sif"),
    ] {
        assert_eq!(site.ask(&request).problem(403).0, "unproven-origin");
    }
    assert_eq!(site.runs().len(), 0);
    for request in [
        posted().header("Origin", "http://localhost"),
        posted()
            .header("Origin", "http://localhost")
            .header("Sec-Fetch-Site", "same-origin")
            .header("Sec-Fetch-Mode", "navigate"),
        amy(get(RUN)).header("Sec-Fetch-Site", "same-origin").header("Sec-Fetch-Mode", "cors"),
        amy(get(RUN)).header("Origin", "http://localhost"),
    ] {
        site.ask(&request).good();
    }
}

/// `allow_origins` lets pages of others ask, and not in the name of their visitor.
#[test]
fn a_page_of_another_origin_asks_as_nobody_unless_it_has_a_token() {
    let site = ruled(trusted_wire(), RULES).set("allow_origins", "https://friend.example");
    let secret = Person::Token(token(&site, "ci"));
    let friend =
        |request: Request| request.header("Origin", "https://friend.example").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(site.ask(&friend(amy(get("/container/argv-9.sif")))).problem(404).0, "no-such-image");
    assert_eq!(site.ask(&friend(amy(get(RUN)))).problem(404).0, "no-such-image");
    // signing in would not help this page: not 401
    let refused = site.ask(&friend(amy(post("/container/run/argv-2.sif", FORM, ""))));
    assert_eq!((refused.problem(403).0.as_str(), refused.header("X-Signed-In-As")), ("not-allowed", None));
    site.ask(&friend(amy(get("/container/run/argv-1.sif")))).good();
    site.ask(&friend(secret.sends(get("/container/run/lab/argv-7.sif")))).good();
    // one that is not on the list runs nothing
    let evil =
        |request: Request| request.header("Origin", "https://evil.example").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(site.ask(&evil(amy(post("/container/run/argv-1.sif", FORM, "")))).problem(403).0, "cross-site");
    assert_eq!(site.runs().len(), 2);
    let preflight = site.ask(&friend(get(RUN).method("OPTIONS")));
    assert!(preflight.header("Access-Control-Allow-Headers").unwrap().contains("Authorization"));
    assert_eq!(preflight.header("Access-Control-Allow-Credentials"), None);
}
