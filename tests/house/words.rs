//! The text of a Rust file as words: names, `::`, and signs one by one.
//!
//! In: source text. Out: its words, without comments, strings, characters and lifetimes.
//! Never: knows what the words mean.

/// The words of a text, in order.
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            '"' => string(rest),
            '\'' => quote(rest),
            ':' if rest.starts_with("::") => {
                found.push("::".to_owned());
                2
            }
            first if is_name(first) => {
                let name = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(name);
                let raw = raw_string(word, after);
                if raw == 0 {
                    found.push(word.to_owned());
                }
                name + raw
            }
            first => {
                if !first.is_whitespace() {
                    found.push(first.to_string());
                }
                first.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    found
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Bytes of a comment between `/*` and `*/`, which may hold others.
fn comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        at += match rest {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        if depth == 0 {
            break;
        }
    }
    at
}

/// Bytes of a string that begins here, with its quotes.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Bytes of the raw string `r#"…"#` behind its prefix; 0: it is none.
fn raw_string(prefix: &str, after: &str) -> usize {
    let hashes = after.len() - after.trim_start_matches('#').len();
    if !matches!(prefix, "r" | "br" | "cr") || !after[hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    after[hashes + 1..].find(&end).map_or(after.len(), |at| hashes + 1 + at + end.len())
}

/// Bytes of a character, or of a lifetime.
fn quote(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    let Some((_, first)) = characters.next() else { return text.len() };
    if first == '\\' {
        return text[3..].find('\'').map_or(text.len(), |at| at + 4);
    }
    match characters.next() {
        Some((at, '\'')) => at + 1,
        _ => 1 + text[1..].find(|c| !is_name(c)).unwrap_or(text.len() - 1),
    }
}

#[test]
fn comments_strings_and_lifetimes_are_no_words() {
    let text = r##"use a::{b, c}; // x::y
        /* d::e /* f::g */ h */ fn i<'j>(k: &'j str) { l("m::n\"o", '"', '\'', b'p', r#"q::"r"#, br"s", c"t") }"##;
    let expected = "use a :: { b , c } ; fn i < > ( k : & str ) { l ( , , , b , , , c ) }";
    assert_eq!(words(text).join(" "), expected);
}
