//! Who asks, as a typed value: a user's name is never compared with a token's or a group's.
//!
//! In: texts, from the web server, the rules or a terminal. Out: [`Principal`] and the names in it, or why a text is none.

use std::fmt;

/// Longest name of a user or group in bytes.
const MAX_NAME: usize = 256;
/// Longest name of a token in bytes.
const MAX_TOKEN_NAME: usize = 64;
/// Words of rules that name many; nobody's name.
const RESERVED: [&str; 2] = ["anyone", "signed-in"];
/// What the name of a token begins with in rules.
pub(super) const TOKEN: &str = "token:";

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Principal {
    /// Nobody who has said a name.
    #[default]
    Anonymous,
    /// Whom the web server has signed in. A browser sends this identity by itself.
    User {
        /// The name.
        name: PrincipalName,
        /// The groups.
        groups: Vec<PrincipalName>,
    },
    /// A program with a token of ours.
    Token(TokenName),
    /// The site's owner at a terminal, whom no rule binds.
    Owner,
}

impl Principal {
    /// Whether somebody has said a name.
    pub fn is_signed_in(&self) -> bool {
        matches!(self, Principal::User { .. } | Principal::Token(_))
    }

    /// Whether a browser sends this identity with each request, whoever asked for it.
    pub fn is_ambient(&self) -> bool {
        matches!(self, Principal::User { .. })
    }
}

impl fmt::Display for Principal {
    /// As rules name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::Anonymous => f.write_str("anyone"),
            Principal::User { name, .. } => name.fmt(f),
            Principal::Token(name) => write!(f, "{TOKEN}{name}"),
            Principal::Owner => f.write_str("the site's owner"),
        }
    }
}

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no text.
    #[error("it is empty")]
    Empty,
    /// Over its bound in bytes.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// Something that separates names or cannot be seen.
    #[error("it holds a comma, a control character, or white space at an end")]
    Character,
    /// What groups and tokens begin with in rules.
    #[error("it begins with `@` or `token:`, which mark groups and tokens")]
    Marked,
    /// A word that names many.
    #[error("it is a word of the rules")]
    Reserved,
    /// Of a token: another character.
    #[error("it may hold only ASCII letters, digits, `.`, `_`, `-`, and begins with a letter or digit")]
    Token,
}

/// The name of a user or of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalName(String);

impl PrincipalName {
    /// The only way to make one.
    ///
    /// # Errors
    /// Says which part of the rule the text breaks.
    pub fn parse(text: &str) -> Result<PrincipalName, NameError> {
        match text {
            "" => Err(NameError::Empty),
            text if text.len() > MAX_NAME => Err(NameError::TooLong(MAX_NAME)),
            text if text.contains(',') || text.chars().any(crate::text::is_obeyed) || text.trim() != text => {
                Err(NameError::Character)
            }
            text if text.starts_with('@') || text.to_ascii_lowercase().starts_with(TOKEN) => Err(NameError::Marked),
            text if RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text)) => Err(NameError::Reserved),
            text => Ok(PrincipalName(text.to_owned())),
        }
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName(String);

impl TokenName {
    /// The only way to make one.
    ///
    /// # Errors
    /// Says which part of the rule the text breaks.
    pub fn parse(text: &str) -> Result<TokenName, NameError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match text {
            "" => Err(NameError::Empty),
            text if text.len() > MAX_TOKEN_NAME => Err(NameError::TooLong(MAX_TOKEN_NAME)),
            text if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(plain) => {
                Err(NameError::Token)
            }
            text => Ok(TokenName(text.to_owned())),
        }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name_of_a_user() {
        let longest = "a".repeat(MAX_NAME);
        for good in ["amy", "amy@example.org", "LAB\\amy", "Amy Pond", "ämy", "tokens", "anyone-else", &longest] {
            assert_eq!(PrincipalName::parse(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for (text, why) in [
            ("", NameError::Empty),
            (&*"a".repeat(MAX_NAME + 1), NameError::TooLong(MAX_NAME)),
            ("a,b", NameError::Character),
            ("a\nb", NameError::Character),
            ("a\0", NameError::Character),
            ("a\u{202e}b", NameError::Character),
            (" amy", NameError::Character),
            ("amy\u{a0}", NameError::Character),
            ("@lab", NameError::Marked),
            ("token:ci", NameError::Marked),
            ("Token:ci", NameError::Marked),
            ("anyone", NameError::Reserved),
            ("Signed-In", NameError::Reserved),
        ] {
            assert_eq!(PrincipalName::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn what_is_a_name_of_a_token() {
        for good in ["ci", "7", "A.b_c-d"] {
            assert_eq!(TokenName::parse(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for wrong in ["", "-a", ".a", "a b", "a\n", "ä", "a/b", "a,b", &"a".repeat(MAX_TOKEN_NAME + 1)] {
            assert!(TokenName::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_is_no_token_and_no_token_a_name() {
        let user = Principal::User { name: PrincipalName::parse("ci").unwrap(), groups: Vec::new() };
        let token = Principal::Token(TokenName::parse("ci").unwrap());
        assert_ne!(user, token);
        assert_eq!((user.to_string(), token.to_string()), ("ci".to_owned(), "token:ci".to_owned()));
        assert!(user.is_ambient() && !token.is_ambient() && token.is_signed_in());
        assert!(!Principal::Anonymous.is_signed_in() && !Principal::Owner.is_signed_in());
    }
}
