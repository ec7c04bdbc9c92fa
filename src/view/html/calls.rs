//! The same run from elsewhere: code to copy, filled with what the form holds.
//!
//! Values are those that would really pass, so they need no cleverness; each
//! language gets them in its own quotes.

use maud::{Markup, html};

use crate::args::{ArgSpec, ArgType, MediaType};
use crate::http::Mount;
use crate::image::Target;
use crate::routes::Route;
use crate::run::shell_quoted;
use crate::view::file_name::{ending, stem};
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
    let (by_post, kind) = (call.by_post, Kind::of(call.target, call.spec.output()));
    let calls = [
        ("curl", curl(&address, &passed, by_post, &kind)),
        ("JavaScript", javascript(&address, &passed, by_post, &kind)),
        ("Python", python(&address, &passed, by_post, &kind)),
        ("R", r(&address, &passed, by_post, &kind)),
        ("Apptainer", apptainer(call.command, &kind)),
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

/// What a program does with the answer, by the type that the author declares.
enum Kind {
    /// Shows it as it is.
    Text,
    /// Reads it as a table.
    Table,
    /// Reads it as JSON.
    Json,
    /// Keeps it in a file of this name.
    File(String),
}

impl Kind {
    fn of(target: &Target, output: Option<MediaType>) -> Kind {
        match output {
            None => Kind::Text,
            Some(output) if output.is_json() => Kind::Json,
            Some(output) if output.as_str() == "text/csv" => Kind::Table,
            Some(output) if output.is_text() => Kind::Text,
            Some(output) => Kind::File(format!("{}.{}", stem(target), ending(output.as_str()))),
        }
    }
}

/// An argument a line, so that no word is broken where the page is narrow. What went wrong is in the content, too.
fn curl(address: &str, passed: &[Passed<'_>], by_post: bool, kind: &Kind) -> Code {
    let how = if by_post { "curl -sS --fail-with-body -X POST " } else { "curl -sS --fail-with-body -G " };
    let sent = |one: &Passed<'_>| shell_quoted(&["--data-urlencode".to_owned(), format!("{}={}", one.name, one.value)]);
    let mut sent: String = passed.iter().map(|one| format!(" \\\n  {}", sent(one))).collect();
    if let Kind::File(name) = kind {
        sent += &format!(" \\\n  -o {name} || {{ cat {name}; rm {name}; false; }}");
    }
    Code::new(how, shell_quoted(&[address.to_owned()]), sent)
}

/// A list of pairs, not an object: a number keeps all its digits, and any name is as good as another.
fn javascript(address: &str, passed: &[Passed<'_>], by_post: bool, kind: &Kind) -> Code {
    let pairs: Vec<String> =
        passed.iter().map(|one| format!("[{}, {}]", quoted(one.name), quoted(one.value))).collect();
    let sent = format!("const sent = new URLSearchParams([{}]);\nconst answer = await fetch(", pairs.join(", "));
    let how = if by_post { ", { method: \"POST\", body: sent });\n" } else { " + \"?\" + sent);\n" };
    let failed = "if (!answer.ok) {\n  const { detail, stderr } = await answer.json();\n  \
                  throw new Error([detail, stderr].filter(Boolean).join(\"\\n\"));\n}\n";
    let shown = match kind {
        Kind::Text | Kind::Table => "console.log(await answer.text());".to_owned(),
        Kind::Json => "console.log(await answer.json());".to_owned(),
        Kind::File(name) => format!(
            "const {{ writeFile }} = await import(\"node:fs/promises\");\nawait writeFile({}, \
             new Uint8Array(await answer.arrayBuffer()));",
            quoted(name)
        ),
    };
    Code::new(sent, quoted(address), format!("{how}{failed}{shown}"))
}

fn python(address: &str, passed: &[Passed<'_>], by_post: bool, kind: &Kind) -> Code {
    let (method, sent) = if by_post { ("post", "data") } else { ("get", "params") };
    let members: Vec<String> =
        passed.iter().map(|one| format!("{}: {}", quoted(one.name), quoted(one.value))).collect();
    let (import, shown) = match kind {
        Kind::Text => ("import requests", "print(answer.text)".to_owned()),
        Kind::Json => ("import requests", "print(answer.json())".to_owned()),
        Kind::Table => (
            "import io\n\nimport pandas\nimport requests",
            "print(pandas.read_csv(io.StringIO(answer.text)))".to_owned(),
        ),
        Kind::File(name) => {
            ("import requests", format!("with open({}, \"wb\") as file:\n    file.write(answer.content)", quoted(name)))
        }
    };
    let failed = "if not answer.ok:\n    problem = answer.json()\n    \
                  raise SystemExit(\"\\n\".join(filter(None, [problem[\"detail\"], problem.get(\"stderr\")])))";
    let after = format!(",\n    {sent}={{{}}},\n    timeout=90,\n)\n{failed}\n{shown}", members.join(", "));
    Code::new(format!("{import}\n\nanswer = requests.{method}(\n    "), quoted(address), after)
}

fn r(address: &str, passed: &[Passed<'_>], by_post: bool, kind: &Kind) -> Code {
    let members: Vec<String> = passed.iter().map(|one| format!("`{}` = {}", one.name, quoted(one.value))).collect();
    let function = if by_post { "req_body_form" } else { "req_url_query" };
    let query = match (members.is_empty(), by_post) {
        (true, false) => String::new(),
        (true, true) => "  req_method(\"POST\") |>\n".to_owned(),
        (false, _) => format!("  {function}({}) |>\n", members.join(", ")),
    };
    let shown = match kind {
        Kind::Text => "cat(resp_body_string(answer))".to_owned(),
        Kind::Json => "print(resp_body_json(answer))".to_owned(),
        Kind::Table => "print(read.csv(text = resp_body_string(answer)))".to_owned(),
        Kind::File(name) => format!("writeBin(resp_body_raw(answer), {})", quoted(name)),
    };
    let failed = "  req_error(body = \\(answer) unlist(resp_body_json(answer)[c(\"detail\", \"stderr\")], \
                  use.names = FALSE)) |>\n";
    let after = format!(") |>\n{query}{failed}  req_perform()\n{shown}");
    Code::new("library(httr2)\n\nanswer <- request(", quoted(address), after)
}

fn apptainer(command: &str, kind: &Kind) -> Code {
    match kind {
        Kind::File(name) => Code::new(format!("{command} > {name}"), String::new(), ""),
        _ => Code::new(command, String::new(), ""),
    }
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
        let curl = curl("https://SITE/x", &passed, false, &Kind::Text).text();
        assert_eq!(
            curl,
            "curl -sS --fail-with-body -G https://SITE/x \\\n  --data-urlencode 'name=Zoë' \\\n  --data-urlencode 'weight=1e3' \\\n  --data-urlencode 'is_dino=yes'"
        );
        let script = javascript("https://SITE/x", &passed, false, &Kind::Text).text();
        assert!(script.contains(r#"([["name", "Zoë"], ["weight", "1e3"], ["is_dino", "yes"]]);"#), "{script}");
        assert!(script.contains(r#"fetch("https://SITE/x" + "?" + sent)"#), "{script}");
        assert!(
            javascript("https://SITE/x", &passed, true, &Kind::Text)
                .text()
                .contains(r#"{ method: "POST", body: sent }"#)
        );
        assert!(python("https://SITE/x", &passed, true, &Kind::Text).text().contains("requests.post("));
        assert!(r("https://SITE/x", &passed, false, &Kind::Text).text().contains("req_url_query(`name` = \"Zoë\""));
        assert!(!r("https://SITE/x", &[], false, &Kind::Text).text().contains("query"));
    }

    /// An author's choice may hold the very words that stand for the site.
    #[test]
    fn the_site_stands_in_one_place() {
        let values = ["😀 https://SITE/container/run/x.sif", "'https://SITE'"];
        let passed: Vec<Passed<'_>> = values.iter().map(|value| Passed { name: "site", value }).collect();
        for by_post in [false, true] {
            let address = "https://SITE/~amy/container/run/x.sif";
            for code in [curl, javascript, python, r].map(|language| language(address, &passed, by_post, &Kind::Text)) {
                let units: Vec<u16> = code.text().encode_utf16().collect();
                let from_there = String::from_utf16(&units[code.site_at().unwrap()..]).unwrap();
                assert!(from_there.starts_with(address), "{from_there}");
            }
        }
        assert_eq!(Code::new("apptainer run x.sif --site https://SITE", String::new(), "").site_at(), None);
    }

    /// What is not text never reaches a terminal, and a table is read as one.
    #[test]
    fn the_code_fits_the_kind_of_the_answer() {
        let target = Target::image(&crate::image::ImageName::parse("mandelbrot.sif").unwrap());
        let code = |declared: Option<&str>| {
            let kind = Kind::of(&target, declared.map(|text| MediaType::from_label(text).unwrap()));
            [curl, javascript, python, r]
                .map(|language| language("https://SITE/x", &[], false, &kind).text())
                .join("\n")
        };
        for (declared, expected) in [
            (None, ["console.log(await answer.text())", "print(answer.text)", "cat(resp_body_string(answer))"]),
            (Some("text/markdown"), ["answer.text()", "print(answer.text)", "cat(resp_body_string"]),
            (Some("application/json"), ["answer.json());", "print(answer.json())", "print(resp_body_json(answer))"]),
            (Some("text/csv"), ["answer.text()", "pandas.read_csv", "read.csv"]),
            (
                Some("image/png"),
                [
                    "-o mandelbrot.png",
                    "open(\"mandelbrot.png\", \"wb\")",
                    "writeBin(resp_body_raw(answer), \"mandelbrot.png\")",
                ],
            ),
        ] {
            let code = code(declared);
            for text in expected.iter().chain(["detail", "stderr", "--fail-with-body"].iter()) {
                assert!(code.contains(text), "{declared:?}: no {text} in {code}");
            }
        }
    }
}
