//! Entity tags: RFC 9110 §8.8.3 (ETag) and §13.1.2 (If-None-Match).

use sha2::{Digest, Sha256};

/// A strong entity tag: the first 16 bytes of the SHA-256 of `bytes`, quoted.
pub fn entity_tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// `tag` as an `If-None-Match` field names it (weak comparison), or as it is where the field is `*`.
///
/// Who has the content compressed has a weak tag of it, which the web server made. The answer 304 repeats that one, so that
/// a cache finds what it has (RFC 9111 §4.3.4).
pub fn named<'a>(if_none_match: &'a str, tag: &'a str) -> Option<&'a str> {
    if if_none_match.trim() == "*" {
        return Some(tag);
    }
    if_none_match.split(',').map(str::trim).find(|one| one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// Whether an `If-None-Match` field names `tag` (weak comparison), or is `*`.
pub fn matches(if_none_match: &str, tag: &str) -> bool {
    named(if_none_match, tag).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_bytes_and_compare_weakly() {
        let tag = entity_tag(b"one");
        assert_eq!(tag.len(), 34);
        assert_ne!(tag, entity_tag(b"two"));
        for (field, expected) in [
            (tag.clone(), true),
            (format!("W/{tag}"), true),
            (format!("\"a\", {tag}"), true),
            ("*".to_owned(), true),
            ("\"a\"".to_owned(), false),
            (tag.replace('"', ""), false),
            (String::new(), false),
        ] {
            assert_eq!(matches(&field, &tag), expected, "{field}");
        }
        let weak = format!("W/{tag}");
        assert_eq!(named(&format!("\"a\", {weak}, {tag}"), &tag), Some(weak.as_str()), "as it is named first");
        assert_eq!(named("*", &tag), Some(tag.as_str()));
    }
}
