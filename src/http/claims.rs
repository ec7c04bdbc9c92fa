//! What a request says of who asks, as the web server and the visitor wrote it.
//!
//! Plain values: `app` decides which of them count, `auth` whom they name. No header field is the web server's word, whatever
//! it is called: fields arrive as `HTTP_…` (RFC 3875 §4.1.18).

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// `REMOTE_USER` (RFC 3875 §4.1.11), each value that came, but empty ones.
    pub remote_user: Vec<Vec<u8>>,
    /// The variable that the site names for groups, likewise.
    pub remote_groups: Vec<Vec<u8>>,
    /// The `Authorization` field (RFC 9110 §11.6.2).
    pub authorization: Option<String>,
    /// Who passed the request on.
    pub peer: Peer,
}

/// Who passed a request on: whether its word can be that of the web server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peer {
    /// The process that started this one: a web server, by CGI.
    Parent,
    /// A process of another account, by a Unix socket.
    OtherAccount,
    /// A process of this account, which containers have too.
    OwnAccount,
    /// Nobody knows.
    #[default]
    Unknown,
}

impl Claims {
    /// The token of a Bearer credential (RFC 6750 §2.1); the name of the scheme counts in any case.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.authorization.as_deref()?.trim_start().split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_and_nothing_else() {
        for (field, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("BEARER a b", Some("a b")),
            ("Bearer a, Bearer b", Some("a, Bearer b")),
            ("Bearer ", Some("")),
            ("Basic YTpi", None),
            ("Basic YTpi, Bearer x", None),
            ("Bearer", None),
            ("", None),
        ] {
            let claims = Claims { authorization: Some(field.to_owned()), ..Claims::default() };
            assert_eq!(claims.bearer(), expected, "{field:?}");
        }
    }
}
