//! Who counts as a visitor, and what one may have: `visitor_slots`, `runs_a_minute`, `proxies`, `prefix`, `reader_patience`.
//!
//! In: what `keys` has checked. Out: [`Visitors`]. Never: looks at a request.

use std::time::Duration;

use crate::http::{Mount, Subnet};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Visitors {
    /// Containers at once of one visitor (`visitor_slots`). None: one less than `slots`, at least 1. 0: no bound.
    pub slots: Option<usize>,
    /// Runs that one visitor may begin in a minute (`runs_a_minute`). 0: no bound.
    pub runs_a_minute: u32,
    /// Proxies whose `X-Forwarded-For`, `-Host` and `-Proto` are believed (`proxies`).
    pub proxies: Vec<Subnet>,
    /// What a proxy takes away from the front of addresses (`prefix`): put before links.
    pub prefix: Option<Mount>,
    /// How long a reader may take nothing of a run's answer once the run has ended (`reader_patience`).
    pub reader_patience: Duration,
}

impl Visitors {
    /// Containers at once of one visitor, of so many slots; none: no bound of its own.
    pub(super) fn limit(&self, slots: usize) -> Option<usize> {
        let limit = self.slots.unwrap_or_else(|| slots.saturating_sub(1).max(1));
        (limit > 0).then_some(limit)
    }

    /// Whether the host's own address is believed to speak for visitors.
    pub(super) fn believe_the_host(&self) -> bool {
        self.proxies.iter().any(Subnet::holds_loopback)
    }
}
