//! Rules that say something else than was meant, as far as that can be seen.
//!
//! In: the rules, the images that are there, the tokens. Out: a sentence for each, with the rule's line. A rule that is
//! wrong in itself has stopped the start already.

use super::Service;
use crate::auth::{Principal, Rule, TokenName, Who};
use crate::image::Listing;

impl Service {
    /// What is wrong with the rules, if anything, with the images that there are now.
    pub fn rule_mistakes(&self) -> Vec<String> {
        let listing = self.listing(&Principal::Owner).ok();
        self.mistakes(listing.as_ref())
    }

    pub(super) fn mistakes(&self, listing: Option<&Listing>) -> Vec<String> {
        let rules = &self.config.access.rules;
        let mut found: Vec<String> = rules
            .contained()
            .map(|(rule, wider)| {
                format!("{rule} allows nothing that {wider} does not allow already: remove one of them")
            })
            .collect();
        let tokens = self.tokens().and_then(|store| store.tokens().ok()).unwrap_or_default();
        let valid: Vec<&TokenName> =
            tokens.iter().filter(|token| !token.has_expired()).map(|token| &token.name).collect();
        for rule in rules.all() {
            found.extend(listing.into_iter().flat_map(|listing| names_nothing(rule, listing)));
            found.extend(rule.who().iter().filter_map(|who| Some(format!("{rule}: {}", self.nobody(who, &valid)?))));
        }
        found
    }

    /// Why nobody can be whom a rule names.
    fn nobody(&self, who: &Who, tokens: &[&TokenName]) -> Option<String> {
        let access = &self.config.access;
        match who {
            Who::User(_) | Who::Group(_) if !access.trust_remote_user => {
                Some(format!("`{who}` is nobody, because users count only with `trust_remote_user = true`"))
            }
            Who::Group(_) if access.remote_groups.is_none() => {
                Some(format!("`{who}` is nobody, because `remote_groups` names no variable"))
            }
            Who::Token(name) if !tokens.contains(&name) => {
                Some(format!("`{who}` is nobody: there is no such token, or it has expired (`token list`)"))
            }
            Who::SignedIn if !access.trust_remote_user && access.store.is_none() => {
                Some("`signed-in` is nobody: set `trust_remote_user` or, for tokens, `store`".to_owned())
            }
            _ => None,
        }
    }
}

fn names_nothing(rule: &Rule, listing: &Listing) -> Vec<String> {
    let fits = |pattern: &&crate::auth::Pattern| listing.images.iter().any(|entry| pattern.fits(entry.name.as_str()));
    let without = rule.images().iter().filter(|pattern| !fits(pattern));
    without.map(|pattern| format!("{rule}: `{pattern}` names no image that is there now")).collect()
}
