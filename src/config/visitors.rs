//! Who counts as a visitor, and what one may have: `visitor_slots`, `proxies`, `prefix`, `reader_patience`.
//!
//! In: settings. Out: [`Visitors`], or why not. Never: looks at a request.

use std::time::Duration;

use super::setting::{ConfigError, Settings};
use crate::http::{Mount, Subnet};

/// See [`Visitors::patience`].
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Clone, Debug)]
pub struct Visitors {
    /// Containers at once of one visitor (`visitor_slots`, default: one less than `slots`, at least 1; 0: no bound).
    pub slots: Option<usize>,
    /// Proxies whose `X-Forwarded-For`, `-Host` and `-Proto` are believed (`proxies`, default none).
    pub proxies: Vec<Subnet>,
    /// What a proxy takes away from the front of addresses (`prefix`, default none): put before links.
    pub prefix: Option<Mount>,
    /// How long a reader may take nothing of a run's answer once the run has ended (`reader_patience`, seconds,
    /// default 10; 1 to 3600).
    pub patience: Duration,
}

impl Visitors {
    pub(super) fn read(settings: &Settings<'_>) -> Result<Visitors, ConfigError> {
        let patience = settings.number("reader_patience", 1..=3600)?;
        Ok(Visitors {
            slots: settings.number("visitor_slots", 0..=4096)?.map(|slots| slots as usize),
            proxies: settings.checked("proxies", Subnet::parse)?,
            prefix: settings.checked_text("prefix", prefix)?,
            patience: patience.map_or(PATIENCE, Duration::from_secs),
        })
    }

    /// A container with the host's network can ask the application from the host's own address, and would be believed.
    pub(super) fn check(&self, settings: &Settings<'_>, host_network: bool) -> Result<(), ConfigError> {
        if host_network && self.proxies.iter().any(Subnet::holds_loopback) {
            let why = "names the host itself, while containers have its network (`network = \"host\"`): they could claim \
                       to be any visitor. Let the proxy use another address, or give containers no network";
            return Err(settings.refuse("proxies", why));
        }
        Ok(())
    }

    /// Containers at once of one visitor, of so many slots; none: no bound of its own.
    pub(super) fn limit(&self, slots: usize) -> Option<usize> {
        let limit = self.slots.unwrap_or_else(|| slots.saturating_sub(1).max(1));
        (limit > 0).then_some(limit)
    }

    pub(super) fn in_force(&self, slots: usize) -> [(&'static str, String); 4] {
        let proxies: Vec<String> = self.proxies.iter().map(Subnet::to_string).collect();
        [
            ("visitor_slots", self.limit(slots).unwrap_or(0).to_string()),
            ("proxies", proxies.join(",")),
            ("prefix", self.prefix.as_ref().map_or("none".to_owned(), Mount::to_string)),
            ("reader_patience", self.patience.as_secs().to_string()),
        ]
    }
}

/// A prefix of addresses, as `SCRIPT_NAME` is.
fn prefix(text: &str) -> Result<Mount, String> {
    let mount = Mount::parse(text).ok().filter(|mount| !mount.is_empty());
    mount.ok_or_else(|| format!("`{text}` is no prefix: write a plain absolute path, like /apps"))
}
