//! Who asks, and what they may: the one place where the service asks `auth`.
//!
//! In: a claim, a principal, an image. Out: a [`Principal`], [`ImageRights`], or an [`Error`] that says how to get the right.
//! Rights and settings count for an image's address and, of a link, for that of what it leads to: both must allow.
//! Never: decides by itself.

use std::borrow::Cow;

use super::folder_view::address_of;
use super::{ImageRights, Service};
use crate::auth::{Action, Claim, Decision, Principal, Rights, TokenStore, Verb, identify, is_ours};
use crate::config::ImageSettings;
use crate::error::{Error, Refusal};
use crate::image::Image;

impl Service {
    /// Finds out who asks.
    pub fn identify(&self, claim: &Claim<'_>) -> Result<Principal, Error> {
        Ok(identify(claim, self.tokens().as_ref())?)
    }

    /// The tokens, where the site has a place for them.
    pub fn tokens(&self) -> Option<TokenStore> {
        self.config.access.store.as_deref().map(TokenStore::new)
    }

    /// Whether the site looks at tokens at all.
    pub fn takes_tokens(&self) -> bool {
        !self.config.access.rules.is_empty() || self.config.access.store.is_some()
    }

    /// Whether this token is looked at: where there are rules each is, else only what looks like one of ours. A proxy may
    /// have one of its own.
    pub fn counts_token(&self, token: &str) -> bool {
        !self.config.access.rules.is_empty() || (self.config.access.store.is_some() && is_ours(token))
    }

    pub(super) fn rights(&self, who: &Principal) -> Rights<'_> {
        self.config.access.rules.of(who)
    }

    /// What holds for an image: for its address, and for that of what it leads to.
    pub(super) fn settings_of(&self, image: &Image) -> Cow<'_, ImageSettings> {
        let own = self.config.settings(image.name().as_str());
        match address_of(image.leads_to()).filter(|other| self.config.special_images().any(|special| special == *other))
        {
            None => Cow::Borrowed(own),
            Some(other) => Cow::Owned(own.and(self.config.settings(other))),
        }
    }

    /// What the rules say of an image: of both its addresses, the one that is in the way.
    pub fn decide(&self, who: &Principal, action: Action, image: &Image) -> Decision<'_> {
        let rights = self.rights(who);
        let own = rights.may(action, image.name().as_str());
        match address_of(image.leads_to()).map(|other| rights.may(action, other)) {
            Some(other) if own.is_allowed() => other,
            Some(Decision::Refused { name_could_help: false }) => Decision::Refused { name_could_help: false },
            _ => own,
        }
    }

    /// What `who` may do with an image, by the rules and by the image's settings.
    pub(super) fn rights_of(&self, who: &Principal, image: &Image) -> ImageRights {
        let settings = self.settings_of(image);
        let may = |action: Action| self.decide(who, action, image).is_allowed();
        let bound = !self.rights(who).are_unbound();
        let mut rights = ImageRights {
            get: settings.runs_by_get() && may(Action::Run(Verb::Get)),
            post: settings.runs_by_post() && may(Action::Run(Verb::Post)),
            by_post: false,
            download: settings.download && !image.is_directory() && may(Action::Download),
            allowed: bound.then(|| Action::ALL.into_iter().filter(|action| may(*action)).collect()),
            refusal: None,
        };
        rights.by_post = !rights.get || (who.is_ambient() && rights.post);
        if !rights.get && !rights.post {
            let verb = if settings.runs_by_post() { Verb::Post } else { Verb::Get };
            rights.refusal = self.refusal(who, Action::Run(verb), image);
        }
        rights
    }

    /// What is left of rights where no address may hold the arguments.
    pub(super) fn only_by_post(&self, who: &Principal, image: &Image, rights: &mut ImageRights) {
        (rights.get, rights.by_post) = (false, true);
        if !rights.post && rights.refusal.is_none() {
            rights.refusal = self.refusal(who, Action::Run(Verb::Post), image);
        }
    }

    /// An error where no rule allows this.
    pub(super) fn require(&self, who: &Principal, action: Action, image: &Image) -> Result<(), Error> {
        self.refusal(who, action, image).map_or(Ok(()), |refusal| Err(Error::NotAllowed(refusal)))
    }

    fn refusal(&self, who: &Principal, action: Action, image: &Image) -> Option<Refusal> {
        let Decision::Refused { name_could_help } = self.decide(who, action, image) else { return None };
        let login = self.config.access.login_url.clone();
        Some(Refusal { action, name_could_help, login, owner: self.config.brand.link.clone() })
    }

    /// Whether answers depend on who asks.
    pub fn depends_on_who_asks(&self) -> bool {
        !self.config.access.rules.is_empty() || self.config.access.trust_remote_user
    }
}
