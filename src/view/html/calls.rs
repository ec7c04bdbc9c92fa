//! The same run from elsewhere: code to copy, filled with what the form holds.
//!
//! Values are those that would really pass, so they need no cleverness; each
//! language gets them in its own quotes.

use maud::{Markup, html};

use crate::args::{ArgSpec, ArgType};
use crate::http::Mount;
use crate::image::Target;
use crate::routes::Route;
use crate::run::shell_quoted;
use crate::view::messages::image as messages;

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

/// Code around the address of the run, in the quotes of its language.
struct Code {
    before: String,
    address: String,
    after: String,
}

impl Code {
    fn new(before: impl Into<String>, address: String, after: impl Into<String>) -> Code {
        Code { before: before.into(), address, after: after.into() }
    }

    fn text(&self) -> String {
        format!("{}{}{}", self.before, self.address, self.after)
    }

    /// Where [`SITE`] stands for the site, in UTF-16 units as scripts count: a value may hold the same words.
    fn site_at(&self) -> Option<usize> {
        let in_address = self.address.find(SITE)?;
        Some(self.before.encode_utf16().count() + in_address)
    }
}

/// The section; each call in a block of its own.
pub fn calls(call: &Call<'_>, mount: &Mount) -> Markup {
    let address = format!("{SITE}{}", Route::Run(call.target.into()).href(mount));
    let passed = passed(call.argv, call.spec);
    let by_post = call.by_post;
    let calls = [
        ("curl", curl(&address, &passed, by_post)),
        ("JavaScript", javascript(&address, &passed, by_post)),
        ("Python", python(&address, &passed, by_post)),
        ("R", r(&address, &passed, by_post)),
        ("Apptainer", Code::new(call.command, String::new(), "")),
    ];
    html! {
        section #calls aria-labelledby="use" {
            h2 #use { (messages::USE) }
            @for (language, code) in calls {
                details.call open[language == "curl"] {
                    summary { (language) }
                    div.copyable { pre tabindex="0" { code data-site=[code.site_at()] { (code.text()) } } }
                }
            }
            p.hint { (messages::DESCRIBED) a href=(Route::ImageOpenApi((&call.target.image).into()).href(mount)) { "OpenAPI" } }
            noscript { p.hint { (messages::SITE_HINT) } }
        }
    }
}

fn passed<'a>(argv: &'a [String], spec: &'a ArgSpec) -> Vec<Passed<'a>> {
    let mut words = argv.iter();
    let mut passed = Vec::new();
    while let Some(word) = words.next() {
        let Some(arg) = word.strip_prefix("--").and_then(|name| spec.get(name)) else { continue };
        let value = if arg.kind == ArgType::Bool { "yes" } else { words.next().map_or("", String::as_str) };
        passed.push(Passed { name: arg.name.as_str(), value });
    }
    passed
}

/// JSON's quotes are those of JavaScript, Python and R too, for these values.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An argument a line, so that no word is broken where the page is narrow.
fn curl(address: &str, passed: &[Passed<'_>], by_post: bool) -> Code {
    let how = if by_post { "curl -fsS -X POST " } else { "curl -fsS -G " };
    let sent = |one: &Passed<'_>| shell_quoted(&["--data-urlencode".to_owned(), format!("{}={}", one.name, one.value)]);
    let sent: String = passed.iter().map(|one| format!(" \\\n  {}", sent(one))).collect();
    Code::new(how, shell_quoted(&[address.to_owned()]), sent)
}

/// A list of pairs, not an object: a number keeps all its digits, and any name is as good as another.
fn javascript(address: &str, passed: &[Passed<'_>], by_post: bool) -> Code {
    let pairs: Vec<String> =
        passed.iter().map(|one| format!("[{}, {}]", quoted(one.name), quoted(one.value))).collect();
    let sent = format!("const sent = new URLSearchParams([{}]);\nconst answer = await fetch(", pairs.join(", "));
    let how = if by_post { ", { method: \"POST\", body: sent });\n" } else { " + \"?\" + sent);\n" };
    let shown = "if (!answer.ok) throw new Error((await answer.json()).detail);\nconsole.log(await answer.text());";
    Code::new(sent, quoted(address), format!("{how}{shown}"))
}

fn python(address: &str, passed: &[Passed<'_>], by_post: bool) -> Code {
    let (method, sent) = if by_post { ("post", "data") } else { ("get", "params") };
    let members: Vec<String> =
        passed.iter().map(|one| format!("{}: {}", quoted(one.name), quoted(one.value))).collect();
    let after = format!(
        ",\n    {sent}={{{}}},\n    timeout=90,\n)\nanswer.raise_for_status()\nprint(answer.text)",
        members.join(", ")
    );
    Code::new(format!("import requests\n\nanswer = requests.{method}(\n    "), quoted(address), after)
}

fn r(address: &str, passed: &[Passed<'_>], by_post: bool) -> Code {
    let members: Vec<String> = passed.iter().map(|one| format!("`{}` = {}", one.name, quoted(one.value))).collect();
    let function = if by_post { "req_body_form" } else { "req_url_query" };
    let query = match (members.is_empty(), by_post) {
        (true, false) => String::new(),
        (true, true) => "  req_method(\"POST\") |>\n".to_owned(),
        (false, _) => format!("  {function}({}) |>\n", members.join(", ")),
    };
    let after = format!(") |>\n{query}  req_perform()\ncat(resp_body_string(answer))");
    Code::new("library(httr2)\n\nanswer <- request(", quoted(address), after)
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
        let curl = curl("https://SITE/x", &passed, false).text();
        assert_eq!(
            curl,
            "curl -fsS -G https://SITE/x \\\n  --data-urlencode 'name=Zoë' \\\n  --data-urlencode 'weight=1e3' \\\n  --data-urlencode 'is_dino=yes'"
        );
        let script = javascript("https://SITE/x", &passed, false).text();
        assert!(script.contains(r#"([["name", "Zoë"], ["weight", "1e3"], ["is_dino", "yes"]]);"#), "{script}");
        assert!(script.contains(r#"fetch("https://SITE/x" + "?" + sent)"#), "{script}");
        assert!(javascript("https://SITE/x", &passed, true).text().contains(r#"{ method: "POST", body: sent }"#));
        assert!(python("https://SITE/x", &passed, true).text().contains("requests.post("));
        assert!(r("https://SITE/x", &passed, false).text().contains("req_url_query(`name` = \"Zoë\""));
        assert!(!r("https://SITE/x", &[], false).text().contains("query"));
    }

    /// An author's choice may hold the very words that stand for the site.
    #[test]
    fn the_site_stands_in_one_place() {
        let values = ["😀 https://SITE/container/run/x.sif", "'https://SITE'"];
        let passed: Vec<Passed<'_>> = values.iter().map(|value| Passed { name: "site", value }).collect();
        for by_post in [false, true] {
            let address = "https://SITE/~amy/container/run/x.sif";
            for code in [curl, javascript, python, r].map(|language| language(address, &passed, by_post)) {
                let units: Vec<u16> = code.text().encode_utf16().collect();
                let from_there = String::from_utf16(&units[code.site_at().unwrap()..]).unwrap();
                assert!(from_there.starts_with(address), "{from_there}");
            }
        }
        assert_eq!(Code::new("apptainer run x.sif --site https://SITE", String::new(), "").site_at(), None);
    }
}
