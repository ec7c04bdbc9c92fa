//! Code of a document, run as a reader would: by the interpreter of its language, as it stands there but for the
//! address of the server.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{python, servers, skip};

/// The address that the documents use.
pub const SERVER: &str = "http://127.0.0.1:8080";

/// What Python needs for tables.
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/requirements.txt");

/// A fenced block.
#[derive(Debug)]
pub struct Snippet {
    pub language: String,
    pub code: String,
}

/// All fenced blocks of a document of this repository.
pub fn of(document: &str) -> Vec<Snippet> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(path).expect("a document");
    let mut parts = text.split("```").skip(1);
    let mut found = Vec::new();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        let (language, code) = block.split_once('\n').expect("a block");
        found.push(Snippet { language: language.to_owned(), code: code.to_owned() });
    }
    assert!(!found.is_empty(), "{document} has no code");
    found
}

impl Snippet {
    /// What it prints, run in `folder`; nothing, with the reason printed, where its language is not installed.
    pub fn output(&self, folder: &Path) -> Option<String> {
        let (success, out, err) = self.run(folder)?;
        assert!(success, "{}\n{out}\n{err}", self.code);
        Some(out)
    }

    /// What it says when it fails, on either stream; nothing as above.
    pub fn failure(&self, folder: &Path) -> Option<String> {
        let (success, out, err) = self.run(folder)?;
        assert!(!success, "it fails, and nobody notices: {}\n{out}\n{err}", self.code);
        Some(out + &err)
    }

    /// Whether it succeeded, its stdout and stderr.
    fn run(&self, folder: &Path) -> Option<(bool, String, String)> {
        let (program, words, needs): (_, &[&str], &[&str]) = match self.language.as_str() {
            "sh" | "curl" | "Apptainer" => ("sh", &["-eu"], &[]),
            "js" | "JavaScript" => ("node", &["--input-type=module", "-"], &["-e", "fetch"]),
            "python" | "Python" => ("python3", &["-"], &["-c", "import requests"]),
            "r" | "R" => ("Rscript", &["-"], &["-e", "library(httr2); library(jsonlite)"]),
            other => panic!("nothing runs {other}: say here what does"),
        };
        let program = match self.code.contains("import pandas") {
            false => servers::program(program)?,
            true => match python::environment(REQUIREMENTS.as_ref(), false) {
                Some(environment) => environment.join("bin/python"),
                None => {
                    skip("no python3 with venv (package python3-venv)");
                    return None;
                }
            },
        };
        let ready = Command::new(&program).args(needs).stdin(Stdio::null()).output();
        if !needs.is_empty() && !ready.is_ok_and(|output| output.status.success()) {
            skip(&format!("{} {} fails", program.display(), needs.join(" ")));
            return None;
        }
        let mut command = Command::new(&program);
        command.args(words).current_dir(folder).env("HOME", folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().expect("a pipe").write_all(self.code.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        Some((output.status.success(), out, err))
    }
}
