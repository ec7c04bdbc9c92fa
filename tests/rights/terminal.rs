//! At a terminal: `token`, `may`, `config --check`, `doctor`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::Site;
use crate::{RULES, ruled, told, trusted_wire};

fn json(site: &Site, words: &[&str]) -> Value {
    let (status, text, why) = told(site, words);
    assert_eq!(status, Some(0), "{why}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn tokens_are_made_listed_and_removed() {
    let site = ruled(trusted_wire(), RULES);
    let (status, secret, _) = told(&site, &["token", "add", "ci", "--expires", "30"]);
    assert_eq!((status, secret.lines().count()), (Some(0), 1));
    let file = fs::read_to_string(site.path("store/tokens")).unwrap();
    assert!(!file.contains(secret.trim()), "the file holds the token");
    assert_eq!(fs::metadata(site.path("store/tokens")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(json(&site, &["token", "list", "--json"])["tokens"][0]["name"], "ci");
    let (_, list, _) = told(&site, &["token", "list"]);
    assert!(list.starts_with("ci ") && list.contains("expires ") && !list.contains(secret.trim()), "{list}");
    for (words, code) in [
        (&["token", "add", "ci"][..], 1),
        (&["token", "add", "a b"], 2),
        (&["token", "add"], 2),
        (&["token"], 2),
        (&["token", "list", "x"], 2),
        (&["token", "add", "x", "--expires", "0"], 2),
        (&["token", "list", "--expires", "3"], 2),
        (&["token", "remove", "none"], 1),
    ] {
        assert_eq!(told(&site, words).0, Some(code), "{words:?}");
    }
    assert_eq!(told(&site, &["token", "remove", "ci"]).0, Some(0));
    assert_eq!(json(&site, &["token", "list", "--json"]), json!({ "tokens": [] }));
    let (status, _, why) = told(&site.unset("store"), &["token", "list"]);
    assert!(status == Some(1) && why.contains("set `store`"), "{why}");
}

#[test]
fn key_store_is_a_folder_of_ours_alone() {
    let site = ruled(trusted_wire(), RULES);
    fs::set_permissions(site.path("store"), fs::Permissions::from_mode(0o755)).unwrap();
    let (status, _, why) = told(&site, &["token", "add", "ci"]);
    assert!(status == Some(1) && why.contains("chmod 0700"), "{why}");
    fs::remove_dir(site.path("store")).unwrap();
    assert_eq!(told(&site, &["token", "add", "ci"]).0, Some(0), "the folder is made");
    assert_eq!(fs::metadata(site.path("store")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn may_explains_each_decision_by_its_rule() {
    let site = ruled(trusted_wire(), RULES);
    let decisions = |who: &str, image: &str| -> Vec<(bool, String)> {
        let told = json(&site, &["may", who, image, "--json"]);
        let rows = told["decisions"].as_array().unwrap().clone();
        rows.iter().map(|row| (row["allowed"] == true, row["why"].as_str().unwrap().to_owned())).collect()
    };
    let nobody = decisions("anyone", "argv-2.sif");
    assert_eq!(nobody[0], (true, "rule 1 (line 2)".to_owned()));
    assert_eq!(nobody[1], (false, "no rule allows it".to_owned()));
    assert_eq!(nobody[2], (false, "no rule allows it; signing in could help".to_owned()));
    assert_eq!(decisions("signed-in", "argv-2.sif")[2], (true, "rule 3 (line 10)".to_owned()));
    assert_eq!(decisions("bob,@lab", "lab/argv-3.sif")[4], (true, "rule 4 (line 15)".to_owned()));
    assert!(!decisions("bob", "lab/argv-3.sif")[0].0 && decisions("@lab", "lab/argv-3.sif")[0].0);
    assert!(decisions("token:ci", "lab/argv-7.sif")[1].0 && !decisions("ci", "lab/argv-7.sif")[1].0);
    let (_, text, _) = told(&site, &["may", "amy", "argv-9.sif"]);
    assert!(text.contains("yes  run by POST  rule 6 (line 24)"), "{text}");
    let (_, table, _) = told(&site, &["may", "--all"]);
    let line = table.lines().find(|line| line.starts_with("lab/argv-7.sif") && line.contains("token:ci")).unwrap();
    assert!(line.ends_with("see, run by GET"), "{line}");
    for words in [&["may"][..], &["may", "amy"], &["may", "a,b", "argv-1.sif"], &["may", "token:x,amy", "argv-1.sif"]] {
        assert_eq!(told(&site, words).0, Some(2), "{words:?}");
    }
    assert_eq!(told(&site, &["may", "amy", "none.sif"]).0, Some(1));
}

#[test]
fn config_check_tells_rules_that_were_hardly_meant() {
    let site = ruled(trusted_wire(), RULES);
    let (status, text, _) = told(&site, &["config", "--check"]);
    assert!(status == Some(1) && text.contains("rule 5 (line 19): `token:ci` is nobody"), "{text}");
    crate::token(&site, "ci");
    assert_eq!(told(&site, &["config", "--check"]), (Some(0), "fine\n".to_owned(), String::new()));
    let doubtful = "[[rules]]\nwho = 'anyone'\nmay = 'run'\n[[rules]]\nwho = 'amy'\nmay = 'see'\n\
                    [[rules]]\nwho = ['@lab']\nmay = 'download'\nimages = ['gone.sif', 'lab/']\n";
    fs::write(site.path("sn.toml"), doubtful).unwrap();
    let site = site.unset("trust_remote_user").unset("remote_groups");
    let (status, text, _) = told(&site, &["config", "--check"]);
    assert_eq!(status, Some(1));
    for expected in [
        "rule 2 (line 4) allows nothing that rule 1 (line 1) does not allow already",
        "rule 2 (line 4): `amy` is nobody, because users count only with `trust_remote_user = true`",
        "rule 3 (line 7): `gone.sif` names no image that is there now",
        "rule 3 (line 7): `@lab` is nobody",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("`lab/`"), "{text}");
    let (_, doctor, _) = told(&site, &["doctor"]);
    assert!(doctor.contains("no   rules") && doctor.contains("gone.sif"), "{doctor}");
}

/// The owner at a terminal is bound by no rule.
#[test]
fn no_rule_binds_the_owner_at_a_terminal() {
    let site = ruled(trusted_wire(), "[[rules]]\nwho = 'anyone'\nmay = 'see'\nimages = 'argv-1.sif'\n");
    let (_, list, _) = told(&site, &["list"]);
    assert_eq!(list.lines().count(), crate::IMAGES.len(), "{list}");
    assert_eq!(told(&site, &["inspect", "argv-9.sif"]).0, Some(0));
    assert_eq!(told(&site, &["run", "argv-9.sif", "name=Amy"]).1.trim(), r#"["--name","Amy"]"#);
}
