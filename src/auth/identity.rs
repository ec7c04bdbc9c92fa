//! What the web server says of a request's author → [`Principal`], or why it is not believed.
//!
//! In: a [`Claim`], the site's way to believe it. Out: who asks. A token stands above the web server's word and adds nothing
//! to it. Never: falls back to somebody else where a claim is wrong.

use super::principal::{NameError, Principal, PrincipalName};
use super::token_store::{TokenStore, TokenStoreError};

/// Most groups of one user.
const MAX_GROUPS: usize = 256;

/// What the web server says of who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RemoteUser {
    /// Nothing.
    #[default]
    Nobody,
    /// A name, and the groups as one text.
    Named(String, String),
    /// Two names, or two lists of groups.
    Several,
    /// Bytes that are not UTF-8.
    NoText,
}

/// Who somebody claims to be.
#[derive(Clone, Debug, Default)]
pub struct Claim<'a> {
    /// The web server's word; `Nobody` where the site does not believe it.
    pub remote_user: RemoteUser,
    /// Why the web server's word cannot be believed here, if so.
    pub doubt: Option<IdentityError>,
    /// What separates groups.
    pub separator: char,
    /// The token, where one was sent.
    pub bearer: Option<&'a str>,
}

/// Why nobody knows who asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// A name that could be taken for something else.
    #[error("the web server names a user or group that is refused: {0}")]
    Name(#[from] NameError),
    /// See [`RemoteUser::NoText`].
    #[error("the web server names a user or group in bytes that are not UTF-8")]
    NoText,
    /// See [`RemoteUser::Several`].
    #[error("the web server names two users")]
    Several,
    /// More than 256 groups.
    #[error("the web server names more than {MAX_GROUPS} groups")]
    Groups,
    /// The web server runs as this account, which containers have too.
    #[error(
        "REMOTE_USER came from a process of this program's own account. Containers have that account, so it proves \
         nothing: run the web server under another account, or set trust_remote_user = false"
    )]
    SameAccount,
    /// It could not be found out who the peer is.
    #[error("REMOTE_USER came over a connection whose other end is not known")]
    UnknownPeer,
    /// Pages of other people have the same origin.
    #[error(
        "the address holds `/~`: pages of other accounts have the same origin and could act for whoever is signed in. \
         Give the application a host of its own, or set trust_remote_user = false"
    )]
    SharedOrigin,
    /// The token is none of ours, was removed, or has expired.
    #[error("a token is unknown, was removed, or has expired")]
    WrongToken,
    /// The tokens cannot be read.
    #[error("tokens: {0}")]
    Tokens(#[from] TokenStoreError),
}

/// Finds out who asks.
///
/// # Errors
/// A claim was made that is not believed.
pub fn identify(claim: &Claim<'_>, tokens: Option<&TokenStore>) -> Result<Principal, IdentityError> {
    if let Some(doubt) = &claim.doubt {
        return Err(doubt.clone());
    }
    if let Some(bearer) = claim.bearer {
        let store = tokens.ok_or(IdentityError::WrongToken)?;
        return store.check(bearer)?.map(Principal::Token).ok_or(IdentityError::WrongToken);
    }
    match &claim.remote_user {
        RemoteUser::Nobody => Ok(Principal::Anonymous),
        RemoteUser::Several => Err(IdentityError::Several),
        RemoteUser::NoText => Err(IdentityError::NoText),
        RemoteUser::Named(name, groups) => {
            let name = PrincipalName::parse(name)?;
            let groups = groups.split(claim.separator).map(str::trim).filter(|group| !group.is_empty());
            let groups = groups.map(PrincipalName::parse).collect::<Result<Vec<_>, _>>()?;
            if groups.len() > MAX_GROUPS {
                return Err(IdentityError::Groups);
            }
            Ok(Principal::User { name, groups })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, groups: &str, separator: char) -> Result<Principal, IdentityError> {
        let remote_user = RemoteUser::Named(name.to_owned(), groups.to_owned());
        identify(&Claim { remote_user, separator, ..Claim::default() }, None)
    }

    #[test]
    fn a_user_has_the_groups_that_the_separator_tells_apart() {
        for (groups, separator, expected) in [
            ("", ',', &[][..]),
            ("lab", ',', &["lab"]),
            ("lab, course ,,", ',', &["lab", "course"]),
            ("a b", ' ', &["a", "b"]),
            ("a b;c", ';', &["a b", "c"]),
        ] {
            let Ok(Principal::User { name, groups: got }) = claim("amy", groups, separator) else { panic!("{groups}") };
            assert_eq!(name.to_string(), "amy");
            assert_eq!(got.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_looks_like_another_principal_is_nobody() {
        for (name, groups, expected) in [
            ("@admins", "", IdentityError::Name(NameError::Marked)),
            ("token:ci", "", IdentityError::Name(NameError::Marked)),
            ("anyone", "", IdentityError::Name(NameError::Reserved)),
            ("a,b", "", IdentityError::Name(NameError::Character)),
            ("amy", "lab,@x", IdentityError::Name(NameError::Marked)),
            ("amy", "a;b,c", IdentityError::Name(NameError::Character)),
        ] {
            let separator = if groups.contains(';') { ';' } else { ',' };
            assert_eq!(claim(name, groups, separator), Err(expected), "{name} {groups}");
        }
        let many = vec!["g"; MAX_GROUPS + 1].join(",");
        assert_eq!(claim("amy", &many, ','), Err(IdentityError::Groups));
        for (said, expected) in
            [(RemoteUser::Several, IdentityError::Several), (RemoteUser::NoText, IdentityError::NoText)]
        {
            assert_eq!(identify(&Claim { remote_user: said, ..Claim::default() }, None), Err(expected));
        }
    }

    #[test]
    fn a_token_is_never_forgotten_for_a_name() {
        let named = RemoteUser::Named("amy".to_owned(), String::new());
        let claim = Claim { remote_user: named, bearer: Some("wrong"), ..Claim::default() };
        assert_eq!(identify(&claim, None), Err(IdentityError::WrongToken));
        assert_eq!(identify(&Claim::default(), None), Ok(Principal::Anonymous));
    }
}
