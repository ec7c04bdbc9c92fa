//! Who asks by HTTP, and what of an answer depends on it.
//!
//! In: the claims of a request. Out: an [`Asker`], or an error where a claim is not believed; header fields that keep private
//! answers out of caches. What a browser sends by itself does not count for pages of other origins. Never: decides who may.

use super::Site;
use super::asker::Asker;
use crate::auth::{Claim, IdentityError, Principal, RemoteUser};
use crate::error::Error;
use crate::http::{Claims, FetchSite, Peer, Representation, Request, Response, same_origin};
use crate::routes::Route;

impl Site {
    /// The variable in which the web server passes the groups of a user, where there is one.
    pub fn groups_variable(&self) -> Option<&str> {
        let access = &self.service.config().access;
        access.remote_groups.as_ref().filter(|_| access.trust_remote_user).map(|groups| groups.variable.as_str())
    }

    /// Finds out who asks.
    pub(super) fn asker(&self, request: &Request) -> Result<Asker, Error> {
        let access = &self.service.config().access;
        let claims = &request.claims;
        let bearer = claims.bearer().filter(|token| self.service.counts_token(token));
        let mut claim = Claim { bearer, ..Claim::default() };
        if access.trust_remote_user && bearer.is_none() {
            claim.separator = access.remote_groups.as_ref().map_or(',', |groups| groups.separator);
            claim.remote_user = remote_user(claims);
            claim.doubt = doubt(request, &claim.remote_user);
        }
        let principal = self.service.identify(&claim)?;
        let foreign = principal.is_ambient() && is_foreign(request);
        Ok(Asker { principal: if foreign { Principal::Anonymous } else { principal }, foreign })
    }

    /// Keeps answers that depend on who asks out of all caches, and says as whom they were given.
    pub(super) fn kept_private(&self, request: &Request, asker: &Asker, response: Response) -> Response {
        if !self.service.depends_on_who_asks() || self.is_for_everybody(request, &response) {
            return response;
        }
        let mut response = response;
        response.headers.retain(|(name, _)| *name != "Cache-Control");
        let response = response.with("Cache-Control", "private, no-store");
        match asker.principal.is_signed_in() {
            true => response.with("X-Signed-In-As", encoded(&asker.principal.to_string())),
            false => response,
        }
    }

    /// Whether an answer is the same whoever asks: a file of the pages, or the output of a pure image that anyone may run.
    fn is_for_everybody(&self, request: &Request, response: &Response) -> bool {
        if !response.header("Cache-Control").is_some_and(|value| value.starts_with("public")) {
            return false;
        }
        match Route::parse(&request.path) {
            Some(Route::Static(_)) => true,
            Some(Route::Run(path)) => {
                let open = || self.service.rights_at(&Principal::Anonymous, &path).is_ok_and(|rights| rights.get);
                request.representation != Representation::Page && open()
            }
            _ => false,
        }
    }
}

/// What the web server says, of however many values.
fn remote_user(claims: &Claims) -> RemoteUser {
    let one = |values: &[Vec<u8>]| match values {
        [] => Ok(String::new()),
        [first, rest @ ..] if rest.iter().any(|value| value != first) => Err(RemoteUser::Several),
        [first, ..] => String::from_utf8(first.clone()).map_err(|_| RemoteUser::NoText),
    };
    match (one(&claims.remote_user), one(&claims.remote_groups)) {
        (Ok(name), _) if name.is_empty() => RemoteUser::Nobody,
        (Ok(name), Ok(groups)) => RemoteUser::Named(name, groups),
        (Err(wrong), _) | (_, Err(wrong)) => wrong,
    }
}

/// Why the web server's word cannot be believed here.
fn doubt(request: &Request, said: &RemoteUser) -> Option<IdentityError> {
    match request.claims.peer {
        _ if request.mount.to_string().contains("/~") => Some(IdentityError::SharedOrigin),
        _ if *said == RemoteUser::Nobody => None,
        Peer::Parent | Peer::OtherAccount => None,
        Peer::OwnAccount => Some(IdentityError::SameAccount),
        Peer::Unknown => Some(IdentityError::UnknownPeer),
    }
}

/// Whether a page of another origin asks, and not its visitor, who was led here.
fn is_foreign(request: &Request) -> bool {
    let headers = &request.headers;
    let other = headers.origin.as_deref().is_some_and(|origin| !same_origin(origin, headers.host.as_deref()));
    other || FetchSite::of(request) == FetchSite::Foreign
}

/// A name in a field: ASCII, and no character that ends or divides it.
fn encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_a_field() {
        assert_eq!(encoded("LAB\\amy ä"), "LAB%5Camy%20%C3%A4");
    }
}
