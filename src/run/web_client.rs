//! A request to a web server, by curl(1): what `doctor --site` asks the site from outside.
//!
//! In: an address, a method, credentials, header fields. Out: the head of the answer. A program of its own, because TLS
//! belongs to whoever keeps it up to date. Never: follows a redirect, waits longer than [`PATIENCE`] seconds, or reads a
//! configuration of curl.

use std::io::{self, Read};
use std::process::{Command, Stdio};

/// Longest time of one request, in seconds.
const PATIENCE: &str = "20";
/// Most bytes of an answer's head.
const MAX_HEAD: u64 = 256 * 1024;

/// Status and fields of the answer.
pub fn head_of(method: &str, address: &str, credentials: &str, fields: &[&str]) -> io::Result<String> {
    let mut command = Command::new("curl");
    command.args(["-q", "--silent", "--show-error", "--max-time", PATIENCE, "--globoff", "--proto", "=http,https"]);
    command.args(["--dump-header", "-", "--output", "/dev/null", "--request", method, "--user", credentials]);
    fields.iter().for_each(|field| {
        command.args(["--header", field]);
    });
    if method == "POST" {
        command.args(["--data", ""]);
    }
    let mut child =
        command.args(["--url", address]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut head = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_HEAD).read_to_end(&mut head)?;
    }
    let mut told = String::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(MAX_HEAD).read_to_string(&mut told)?;
    }
    match child.wait()?.success() || !head.is_empty() {
        true => Ok(String::from_utf8_lossy(&head).into_owned()),
        false => Err(io::Error::other(told.trim().to_owned())),
    }
}
