//! The same run from elsewhere: code to copy, filled with what the form holds.
//!
//! Values are those that would really pass, so they need no cleverness; each
//! language gets them in its own quotes.

use maud::{Markup, html};

use super::{Mount, Route};
use crate::args::{ArgSpec, Kind};
use crate::reply::ImageFacts;
use crate::run::shell_quoted;
use crate::view::words::image as words;

/// Stands for the server's address, which only the visitor's browser knows.
const SITE: &str = "https://SITE";

/// One argument as it would pass.
struct Passed<'a> {
    name: &'a str,
    kind: Kind,
    value: &'a str,
}

/// The section; each call in a block of its own.
pub fn calls(facts: &ImageFacts, mount: &Mount) -> Markup {
    let address = format!("{SITE}{}", Route::Run(facts.target.clone()).href(mount));
    let passed = passed(&facts.asked.argv, &facts.spec);
    let calls = [
        ("curl", curl(&address, &passed, facts.by_post)),
        ("JavaScript", javascript(&address, &passed)),
        ("Python", python(&address, &passed, facts.by_post)),
        ("R", r(&address, &passed, facts.by_post)),
        ("Apptainer", facts.asked.command.clone()),
    ];
    html! {
        section #calls aria-labelledby="use" {
            h2 #use { (words::USE) }
            @for (language, code) in calls {
                details.call {
                    summary { (language) }
                    div.copyable { pre tabindex="0" { code { (code) } } }
                }
            }
            p.hint #site-hint { (words::SITE_HINT) }
        }
    }
}

fn passed<'a>(argv: &'a [String], spec: &'a ArgSpec) -> Vec<Passed<'a>> {
    let mut words = argv.iter();
    let mut passed = Vec::new();
    while let Some(word) = words.next() {
        let Some(arg) = word.strip_prefix("--").and_then(|name| spec.get(name)) else { continue };
        let value = if arg.kind == Kind::Bool { "yes" } else { words.next().map_or("", String::as_str) };
        passed.push(Passed { name: arg.name.as_str(), kind: arg.kind, value });
    }
    passed
}

/// JSON's quotes are those of JavaScript, Python and R too, for these values.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn literal(one: &Passed<'_>) -> String {
    match one.kind {
        Kind::Str => quoted(one.value),
        Kind::Int => one.value.to_owned(),
        // as text: no language rounds it on the way
        Kind::Float => quoted(one.value),
        Kind::Bool => "true".to_owned(),
    }
}

fn curl(address: &str, passed: &[Passed<'_>], by_post: bool) -> String {
    let how: &[&str] = if by_post { &["-X", "POST"] } else { &["-G"] };
    let mut words: Vec<String> = ["curl", "-fsS"].iter().chain(how).map(|word| (*word).to_owned()).collect();
    words.push(address.to_owned());
    for one in passed {
        words.extend(["--data-urlencode".to_owned(), format!("{}={}", one.name, one.value)]);
    }
    shell_quoted(&words)
}

fn javascript(address: &str, passed: &[Passed<'_>]) -> String {
    let members: Vec<String> = passed.iter().map(|one| format!("{}: {}", quoted(one.name), literal(one))).collect();
    format!(
        "const answer = await fetch({}, {{\n  method: \"POST\",\n  headers: {{ \"Content-Type\": \"application/json\" }},\n  \
         body: JSON.stringify({{ {} }}),\n}});\nif (!answer.ok) throw new Error((await answer.json()).detail);\n\
         console.log(await answer.text());",
        quoted(address),
        members.join(", ")
    )
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
            "curl -fsS -G https://SITE/x --data-urlencode 'name=Zoë' --data-urlencode weight=1e3 --data-urlencode is_dino=yes"
        );
        let script = javascript("https://SITE/x", &passed);
        assert!(script.contains(r#"JSON.stringify({ "name": "Zoë", "weight": "1e3", "is_dino": true })"#), "{script}");
        assert!(python("https://SITE/x", &passed, true).contains("requests.post("));
        assert!(r("https://SITE/x", &passed, false).contains("req_url_query(`name` = \"Zoë\""));
        assert!(!r("https://SITE/x", &[], false).contains("query"));
    }
}
