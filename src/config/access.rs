//! Who asks and what they may: `store`, `trust_remote_user`, `remote_groups`, `login_url` and `[[rules]]`.
//!
//! In: what `keys` and `file` have checked. Out: [`Access`]. Never: decides who may; `auth` does.

use std::path::PathBuf;

use crate::auth::Rules;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The folder of what must last: tokens (`store`).
    pub store: Option<PathBuf>,
    /// Whether the web server's word is believed (`trust_remote_user`).
    pub trust_remote_user: bool,
    /// Where the groups of a user stand (`remote_groups`).
    pub remote_groups: Option<RemoteGroups>,
    /// Where people sign in (`login_url`).
    pub login_url: Option<String>,
    /// Who may do what (`[[rules]]`).
    pub rules: Rules,
}

/// Where the groups of a user stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteGroups {
    /// The variable that the web server passes.
    pub variable: String,
    /// What stands between two groups.
    pub separator: char,
}

impl RemoteGroups {
    /// Reads `REMOTE_GROUPS`, `REMOTE_GROUPS ;` or `REMOTE_GROUPS space`. A variable that visitors fill is refused.
    pub(super) fn parse(text: &str) -> Result<RemoteGroups, String> {
        let wrong = |why: &str| {
            format!("`{text}`: {why}. Write the variable's name and what separates the groups, like `REMOTE_GROUPS ;`")
        };
        let mut words = text.split_whitespace();
        let variable = words.next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if !variable.starts_with(|c: char| c.is_ascii_uppercase()) || !variable.chars().all(plain) {
            return Err(wrong("that is no name of a variable"));
        }
        if variable.starts_with("HTTP_") || TAKEN.contains(&variable) {
            return Err(wrong("visitors decide what that variable holds"));
        }
        let separator = match (words.next().unwrap_or(","), words.next()) {
            ("space", None) => ' ',
            (one @ ("," | ";" | ":" | "|"), None) => one.chars().next().unwrap_or(','),
            _ => return Err(wrong("the separator is one of `,` `;` `:` `|` or the word `space`")),
        };
        Ok(RemoteGroups { variable: variable.to_owned(), separator })
    }
}

impl std::fmt::Display for RemoteGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let separator = if self.separator == ' ' { "space".to_owned() } else { self.separator.to_string() };
        write!(f, "{} {separator}", self.variable)
    }
}

/// Variables of a request that hold what a visitor has sent, or something else.
const TAKEN: [&str; 7] =
    ["AUTH_TYPE", "CONTENT_TYPE", "PATH_INFO", "REMOTE_ADDR", "REMOTE_USER", "REQUEST_METHOD", "SCRIPT_NAME"];

/// Where people sign in: a web address, or a path of this server.
pub(super) fn login_url(text: &str) -> Result<String, String> {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"\\\"<>".contains(c);
    let path = text.starts_with('/') && !text.starts_with("//") && text.chars().all(plain);
    if path { Ok(text.to_owned()) } else { super::check::address(text) }
}
