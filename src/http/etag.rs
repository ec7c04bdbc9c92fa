//! Entity tags: RFC 9110 §8.8.3 (ETag) and §13.1.2 (If-None-Match).

use sha2::{Digest, Sha256};

/// A strong entity tag: the first 16 bytes of the SHA-256 of `bytes`, quoted.
pub fn entity_tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether an `If-None-Match` field names `tag` (weak comparison), or is `*`.
pub fn matches(if_none_match: &str, tag: &str) -> bool {
    if_none_match.trim() == "*"
        || if_none_match.split(',').map(|one| one.trim()).any(|one| one.strip_prefix("W/").unwrap_or(one) == tag)
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
    }
}
