//! What a runscript does with its arguments, as far as its text tells.
//!
//! In: the text. Out: whether it looks at its arguments, and which options it looks for. Only shells are judged: what a
//! program in another language does with its arguments cannot be seen so simply.

/// Whether a shell script looks at its arguments: `"$@"`, `$1`, `${2:-none}`, `$#`, `for i; do`, `getopts`, `shift`.
pub fn passes_on(script: &str) -> bool {
    let mut parameters = script.split('$').skip(1).map(|rest| rest.trim_start_matches('{'));
    if parameters.any(|name| name.starts_with(|c: char| matches!(c, '@' | '*' | '#' | '1'..='9'))) {
        return true;
    }
    // a line end, a semicolon and white space part the words of a shell
    let spaced = script.replace(';', " ; ").replace('\n', " \n ");
    let words: Vec<&str> = spaced.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let loops = |triple: &[&str]| triple[0] == "for" && matches!(triple[2], ";" | "\n" | "do");
    words.windows(3).any(loops) || words.iter().any(|word| matches!(*word, "getopts" | "shift"))
}

/// Options that a text tells of: `--name`.
pub fn options(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    words.filter_map(|word| word.strip_prefix("--")).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Options that a shell script looks for: `--name)` of a `case`, `= --name ]` of a test.
pub fn expected(script: &str) -> impl Iterator<Item = &str> {
    let lines = script.lines().flat_map(|line| {
        let words = line.split_whitespace();
        std::iter::once(";;").chain(words.clone()).zip(words)
    });
    let looked_for = lines.filter(|(before, word)| match *before {
        ";;" | "in" | "|" => word.starts_with("--") && !word.contains('='),
        "=" | "==" => true,
        _ => false,
    });
    looked_for.flat_map(|(_, word)| options(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_script_that_looks_at_its_arguments() {
        for script in [
            "x \"$@\"",
            "x $*",
            "x \"${2:-none}\"",
            "[ $# -gt 0 ] && x",
            "for i; do echo \"$i\"; done",
            "for i\ndo echo \"$i\"; done",
            "for i do echo \"$i\"; done",
            "while getopts ab: o; do x; done",
            "shift",
        ] {
            assert!(passes_on(script), "{script}");
        }
        for script in ["exec hello", "for i in a b; do echo \"$i\"; done", "echo $0 $name $$", "wait for it"] {
            assert!(!passes_on(script), "{script}");
        }
    }

    #[test]
    fn options_that_a_script_looks_for_are_seen() {
        let script = "case $1 in\n  --age) age=$2 ;;\n  --name | --nick-name) x=1 ;;\nesac\n[ \"$1\" = --steps ] && steps=$2\n\
                      [ $1 == \"--x_y\" ]\ncase $1 in --one) x=$(date --utc) ;; --two|--three) ;; esac\nexec tool --verbose --level=3 \"$@\"\n";
        assert_eq!(
            expected(script).collect::<Vec<_>>(),
            ["age", "name", "nick-name", "steps", "x_y", "one", "two", "three"]
        );
        assert_eq!(options("Use --age N or --is-dino. A dash -- is none, ---x neither, well--known too.").count(), 2);
    }
}
