//! The same run from elsewhere: code to copy, filled with what the form holds.
//!
//! Values are those that would really pass, so they need no cleverness; each
//! language gets them in its own quotes.

use maud::{Markup, html};

use super::{Mount, Route, Target};
use crate::args::{ArgSpec, Kind};
use crate::run::shell_quoted;
use crate::view::words::image as words;

/// Stands for the server's address, which only the visitor's browser knows.
const SITE: &str = "https://SITE";

/// One argument as it would pass.
struct Passed<'a> {
    name: &'a str,
    value: &'a str,
}

/// A run, as it would be asked for from elsewhere.
pub struct Call<'a> {
    pub target: &'a Target,
    pub spec: &'a ArgSpec,
    pub argv: &'a [String],
    pub command: &'a str,
    pub by_post: bool,
}

/// The section; each call in a block of its own.
pub fn calls(call: &Call<'_>, mount: &Mount) -> Markup {
    let address = format!("{SITE}{}", Route::Run(call.target.clone()).href(mount));
    let passed = passed(call.argv, call.spec);
    let by_post = call.by_post;
    let calls = [
        ("curl", curl(&address, &passed, by_post)),
        ("JavaScript", javascript(&address, &passed, by_post)),
        ("Python", python(&address, &passed, by_post)),
        ("R", r(&address, &passed, by_post)),
        ("Apptainer", call.command.to_owned()),
    ];
    html! {
        section #calls aria-labelledby="use" {
            h2 #use { (words::USE) }
            @for (language, code) in calls {
                details.call open[language == "curl"] {
                    summary { (language) }
                    div.copyable { pre tabindex="0" { code { (code) } } }
                }
            }
            noscript { p.hint { (words::SITE_HINT) } }
        }
    }
}

fn passed<'a>(argv: &'a [String], spec: &'a ArgSpec) -> Vec<Passed<'a>> {
    let mut words = argv.iter();
    let mut passed = Vec::new();
    while let Some(word) = words.next() {
        let Some(arg) = word.strip_prefix("--").and_then(|name| spec.get(name)) else { continue };
        let value = if arg.kind == Kind::Bool { "yes" } else { words.next().map_or("", String::as_str) };
        passed.push(Passed { name: arg.name.as_str(), value });
    }
    passed
}

/// JSON's quotes are those of JavaScript, Python and R too, for these values.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An argument a line, so that no word is broken where the page is narrow.
fn curl(address: &str, passed: &[Passed<'_>], by_post: bool) -> String {
    let how = if by_post { "curl -fsS -X POST" } else { "curl -fsS -G" };
    let sent = |one: &Passed<'_>| shell_quoted(&["--data-urlencode".to_owned(), format!("{}={}", one.name, one.value)]);
    let mut lines = vec![format!("{how} {}", shell_quoted(&[address.to_owned()]))];
    lines.extend(passed.iter().map(sent));
    lines.join(" \\\n  ")
}

/// A list of pairs, not an object: a number keeps all its digits, and any name is as good as another.
fn javascript(address: &str, passed: &[Passed<'_>], by_post: bool) -> String {
    let pairs: Vec<String> =
        passed.iter().map(|one| format!("[{}, {}]", quoted(one.name), quoted(one.value))).collect();
    let sent = format!("const sent = new URLSearchParams([{}]);\n", pairs.join(", "));
    let address = quoted(address);
    let asked = if by_post {
        format!("{sent}const answer = await fetch({address}, {{ method: \"POST\", body: sent }});\n")
    } else {
        format!("{sent}const answer = await fetch({address} + \"?\" + sent);\n")
    };
    asked + "if (!answer.ok) throw new Error((await answer.json()).detail);\nconsole.log(await answer.text());"
}

fn python(address: &str, passed: &[Passed<'_>], by_post: bool) -> String {
    let (method, sent) = if by_post { ("post", "data") } else { ("get", "params") };
    let members: Vec<String> =
        passed.iter().map(|one| format!("{}: {}", quoted(one.name), quoted(one.value))).collect();
    format!(
        "import requests\n\nanswer = requests.{method}(\n    {},\n    {sent}={{{}}},\n    timeout=90,\n)\n\
         answer.raise_for_status()\nprint(answer.text)",
        quoted(address),
        members.join(", ")
    )
}

fn r(address: &str, passed: &[Passed<'_>], by_post: bool) -> String {
    let members: Vec<String> = passed.iter().map(|one| format!("`{}` = {}", one.name, quoted(one.value))).collect();
    let function = if by_post { "req_body_form" } else { "req_url_query" };
    let query = match (members.is_empty(), by_post) {
        (true, false) => String::new(),
        (true, true) => "  req_method(\"POST\") |>\n".to_owned(),
        (false, _) => format!("  {function}({}) |>\n", members.join(", ")),
    };
    format!(
        "library(httr2)\n\nanswer <- request({}) |>\n{query}  req_perform()\ncat(resp_body_string(answer))",
        quoted(address)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> (Vec<String>, ArgSpec) {
        let labels = [
            ("SINGULARITY_RUNSCRIPT_ARG_STR", "name"),
            ("SINGULARITY_RUNSCRIPT_ARG_FLOAT", "weight"),
            ("SINGULARITY_RUNSCRIPT_ARG_BOOL", "is_dino"),
        ];
        let argv = ["--name", "Zoë", "--weight", "1e3", "--is_dino"].map(str::to_owned).to_vec();
        (argv, ArgSpec::from_labels(labels.into_iter()))
    }

    #[test]
    fn each_language_gets_its_own_quotes() {
        let (argv, spec) = given();
        let passed = passed(&argv, &spec);
        let curl = curl("https://SITE/x", &passed, false);
        assert_eq!(
            curl,
            "curl -fsS -G https://SITE/x \\\n  --data-urlencode 'name=Zoë' \\\n  --data-urlencode weight=1e3 \\\n  --data-urlencode is_dino=yes"
        );
        let script = javascript("https://SITE/x", &passed, false);
        assert!(script.contains(r#"([["name", "Zoë"], ["weight", "1e3"], ["is_dino", "yes"]]);"#), "{script}");
        assert!(script.contains(r#"fetch("https://SITE/x" + "?" + sent)"#), "{script}");
        assert!(javascript("https://SITE/x", &passed, true).contains(r#"{ method: "POST", body: sent }"#));
        assert!(python("https://SITE/x", &passed, true).contains("requests.post("));
        assert!(r("https://SITE/x", &passed, false).contains("req_url_query(`name` = \"Zoë\""));
        assert!(!r("https://SITE/x", &[], false).contains("query"));
    }
}
