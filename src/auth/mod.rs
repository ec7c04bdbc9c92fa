//! Who asks, and what they may.
//!
//! In: what the web server says of a request's author, a token, the rules of the configuration. Out: a [`Principal`], and
//! for each thing that it wants to do a [`Decision`] with the rule that made it. One function decides: [`Rights::may`].
//! Never: knows HTTP, opens an image, or takes what it could not find out for a yes.

mod decision;
mod identity;
mod pattern;
mod principal;
mod rules;
mod token;
mod token_store;

pub use decision::{Decision, Rights};
pub use identity::{Claim, IdentityError, RemoteUser, identify};
pub use pattern::{Pattern, PatternError};
pub use principal::{NameError, Principal, PrincipalName, TokenName};
pub use rules::{Action, MAX_RULES, Rule, RuleText, Rules, Verb, Who, Word};
pub use token::{Secret, is_ours};
pub use token_store::{MAX_DAYS, Token, TokenStore, TokenStoreError};
