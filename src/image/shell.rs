//! Whether a script is one of a shell.
//!
//! In: the text of a script. Never: says what it does.

/// The shells that run scripts in containers.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"];

/// Whether a script is one of a shell: by its first line; without one the runtime's shell runs it.
pub fn is_shell(script: &str) -> bool {
    let Some(line) = script.lines().next().and_then(|line| line.strip_prefix("#!")) else { return true };
    let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut words = line.split_whitespace().map(name);
    match words.next().as_deref() {
        // options and variables of env(1)
        Some("env") => words.find(|word| !word.starts_with('-') && !word.contains('=')),
        other => other.map(str::to_owned),
    }
    .is_some_and(|program| SHELLS.contains(&&*program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_by_their_first_line() {
        for (line, expected) in [
            ("#!/bin/sh", true),
            ("#! /bin/bash -eu", true),
            ("#!/usr/bin/env bash", true),
            ("#!/usr/bin/env -S LANG=C dash -e", true),
            ("#!/bin/busybox sh", true),
            ("exec hello", true),
            ("", true),
            ("#!/usr/bin/python3", false),
            ("#!/usr/bin/env python3", false),
            ("#!/usr/bin/env Rscript", false),
            ("#!/usr/bin/perl -w", false),
            ("#!", false),
        ] {
            assert_eq!(is_shell(&format!("{line}\nx")), expected, "{line}");
        }
    }
}
