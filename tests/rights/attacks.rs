//! Attacks on who asks: each as it would be tried.

use std::fs;

use crate::support::{Site, Wire, get, post};
use crate::{Person, RULES, call, is_root, on_wires, ruled, token, told, trusted_wire};

const FORM: &str = "application/x-www-form-urlencoded";
/// What only the user amy may see.
const SECRET: &str = "/container/argv-9.sif";

#[test]
fn a_name_in_a_field_is_nobody_s() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        for (name, value) in [
            ("HTTP_REMOTE_USER", "amy"),
            ("HTTP_REMOTE_GROUPS", "lab"),
            ("HTTP_X_REMOTE_USER", "amy"),
            ("HTTP_X_FORWARDED_USER", "amy"),
            ("HTTP_AUTHORIZATION", "Basic YW15Ong="),
            ("HTTP_AUTHORIZATION", "Basic YW15Ong=, Bearer x"),
            ("HTTP_COOKIE", "REMOTE_USER=amy"),
            ("Remote_User", "amy"),
            ("REDIRECT_REMOTE_USER", "amy"),
            ("REMOTE_IDENT", "amy"),
            ("AUTHENTICATE_UID", "amy"),
        ] {
            let answer = site.ask(&get(SECRET).var(name, value));
            assert_eq!(answer.problem(404).0, "no-such-image", "{name}");
            assert_eq!(answer.header("X-Signed-In-As"), None, "{name}");
        }
        // groups without a name are nobody's
        assert_eq!(site.ask(&get("/container/lab/").var("REMOTE_GROUPS", "lab")).status, 404);
    });
}

#[test]
fn a_name_that_looks_like_another_principal_is_refused() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        for name in ["@lab", "token:ci", "anyone", "signed-in", "Anyone", "a,b", "a\tb", " amy", "a\u{202e}b"] {
            let answer = site.ask(&get("/container/").var("REMOTE_USER", name));
            assert_eq!(answer.problem(403).0, "identity-refused", "{name:?}");
        }
        let long = "a".repeat(300);
        assert_eq!(site.ask(&get("/container/").var("REMOTE_USER", &long)).problem(403).0, "identity-refused");
        assert_eq!(site.ask(&get("/container/").var("REMOTE_USER", b"am\xff")).problem(403).0, "identity-refused");
        assert!(site.log().contains("refused"), "{}", site.log());
    });
}

/// FastCGI can carry a parameter twice: two names are nobody's, the same one twice is one.
#[test]
fn two_names_are_nobody_s() {
    let site = ruled(Wire::FastCgi, RULES);
    let with = |values: &[&str]| {
        let mut request = get(SECRET);
        request.variables.extend(values.iter().map(|value| (b"REMOTE_USER".to_vec(), value.as_bytes().to_vec())));
        site.ask(&request)
    };
    for values in [&["bob", "amy"][..], &["amy", "bob"], &["amy", "", "bob"]] {
        assert_eq!(with(values).problem(403).0, "identity-refused", "{values:?}");
    }
    assert_eq!(with(&["", ""]).problem(404).0, "no-such-image");
    if is_root() {
        assert_eq!(with(&["amy", "", "amy"]).status, 200);
    }
}

/// Containers have the account of the server: what comes from it proves nothing.
#[test]
fn remote_user_from_the_server_s_own_account_is_refused() {
    if is_root() {
        return; // this process is another account then
    }
    let site = ruled(Wire::FastCgi, RULES);
    assert_eq!(site.ask(&get(SECRET).var("REMOTE_USER", "amy")).problem(403).0, "identity-refused");
    assert!(site.log().contains("run the web server under another account"), "{}", site.log());
    // who says nothing is nobody, and a token counts
    assert_eq!(site.ask(&get("/container/argv-1.sif")).status, 200);
    let token = Person::Token(token(&site, "ci"));
    assert_eq!(site.ask(&token.sends(get("/container/lab/argv-7.sif"))).status, 200);
}

#[test]
fn remote_user_is_refused_where_anybody_could_write_it() {
    let site = ruled(Wire::FastCgi, RULES);
    let (status, _, why) = told(&site, &["fastcgi", "--listen", "127.0.0.1:0"]);
    assert!(status == Some(1) && why.contains("needs a Unix socket"), "{why}");
    // pages of other accounts have the same origin
    let site = ruled(trusted_wire(), RULES);
    let shared = get(SECRET).var("REMOTE_USER", "amy").var("SCRIPT_NAME", "/~amy/cgi-bin/serve.cgi");
    assert_eq!(site.ask(&shared).problem(403).0, "identity-refused");
    assert!(site.log().contains("pages of other accounts have the same origin"), "{}", site.log());
    let plain = get(SECRET).var("REMOTE_USER", "amy").var("SCRIPT_NAME", "/cgi-bin/serve.cgi");
    assert_eq!(site.ask(&plain).status, 200);
}

#[test]
fn a_wrong_token_is_401_everywhere_and_never_nobody() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        let good = token(&site, "ci");
        let last = if good.ends_with('A') { "B" } else { "A" };
        let other = format!("{}{last}", &good[..good.len() - 1]);
        for wrong in [
            "x",
            "",
            &other,
            &good[1..],
            &good.to_uppercase(),
            &format!("{good}, Bearer {good}"),
            &format!("{good} {good}"),
        ] {
            for address in ["/container/", "/container/argv-1.sif", SECRET, "/container/static/style.css", "/nothing"] {
                let answer = site.ask(&get(address).header("Authorization", &format!("Bearer {wrong}")));
                assert_eq!(answer.problem(401).0, "wrong-token", "{wrong:?} {address}");
                assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer error=\"invalid_token\""));
            }
        }
        // a token beats the web server's word, and adds nothing to it
        let both = get(SECRET).var("REMOTE_USER", "amy").header("Authorization", &format!("bearer {good}"));
        assert_eq!(site.ask(&both).problem(404).0, "no-such-image");
        let wrong = get(SECRET).var("REMOTE_USER", "amy").header("Authorization", "Bearer x");
        assert_eq!(site.ask(&wrong).problem(401).0, "wrong-token");
        assert!(!site.log().contains(&good), "a token is in the log");
    });
}

#[test]
fn a_token_ends_when_it_is_removed_or_its_time_is_over() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        let secret = token(&site, "ci");
        let ask = |site: &Site| site.ask(&Person::Token(secret.clone()).sends(get("/container/lab/argv-7.sif")));
        assert_eq!(ask(&site).status, 200);
        assert_eq!(call(&site, &["token", "remove", "ci"]).status.code(), Some(0));
        assert_eq!(ask(&site).problem(401).0, "wrong-token", "replayed");
        // one of the same name is another one
        token(&site, "ci");
        assert_eq!(ask(&site).problem(401).0, "wrong-token");
        let (status, short, _) = told(&site, &["token", "add", "short", "--expires", "1"]);
        assert_eq!(status, Some(0));
        let short = Person::Token(short.trim().to_owned());
        assert_eq!(site.ask(&short.sends(get("/container/"))).status, 200);
    });
}

/// A file that is not whole lets nobody in by a token, and nobody in as nobody who sends one.
#[test]
fn a_damaged_file_of_tokens_is_told_and_never_no_tokens() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        let secret = token(&site, "ci");
        let file = site.path("store/tokens");
        let whole = fs::read(&file).unwrap();
        for damaged in [&whole[..0], &whole[..whole.len() / 2], &whole[..whole.len() - 1]] {
            fs::write(&file, damaged).unwrap();
            let answer = site.ask(&Person::Token(secret.clone()).sends(get("/container/argv-1.sif")));
            assert_eq!(answer.problem(503).0, "tokens-unknown");
            assert_eq!(site.ask(&get("/container/health")).status, 503);
            assert_eq!(site.ask(&get("/container/argv-1.sif")).status, 200, "who sends none is nobody");
            for words in
                [&["token", "list"][..], &["token", "add", "more"], &["token", "remove", "ci"], &["config", "--check"]]
            {
                let (status, _, _) = told(&site, words);
                assert_eq!(status, Some(1), "{words:?}");
            }
            assert_eq!(fs::read(&file).unwrap(), damaged, "a damaged file is not written over");
        }
        assert!(site.log().contains("is not complete"), "{}", site.log());
        fs::write(&file, &whole).unwrap();
        assert_eq!(site.ask(&Person::Token(secret).sends(get("/container/argv-1.sif"))).status, 200);
    });
}

#[test]
fn a_run_needs_the_right_at_the_last_door_too() {
    on_wires(|wire| {
        let site = ruled(wire, RULES);
        for request in [get("/container/run/argv-2.sif"), post("/container/run/argv-2.sif", FORM, "")] {
            for accept in ["*/*", crate::support::request::EVENTS, crate::support::request::ENVELOPE] {
                assert_eq!(site.ask(&request.clone().accept(accept)).status, 401);
            }
        }
        assert_eq!(site.runs().len(), 0);
    });
}
