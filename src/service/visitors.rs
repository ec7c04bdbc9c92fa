//! Visitors who cannot be told from others: noted in the state folder when they run something, for `doctor`.
//!
//! In: a visitor. Out: a file of one word, read by [`Service::uncounted`]. Never: an address.

use std::io;
use std::time::Duration;

use super::Service;
use crate::error::Error;
use crate::run::{self, state_file};
use crate::visitor::{Uncounted, Visitor};

/// The file in the state folder.
const NOTE: &str = "uncounted";
/// How long a note tells something, and how old one is written anew.
const TELLS: Duration = Duration::from_secs(30 * 86_400);
const FRESH: Duration = Duration::from_secs(86_400);

impl Service {
    /// By whom slots are counted, where they are; else it is noted that they are not.
    pub(super) fn counted(&self, visitor: &Visitor) -> Result<Option<run::VisitorQuota>, Error> {
        let Some(limit) = self.config.visitor_limit() else { return Ok(None) };
        match visitor {
            Visitor::Known(key) => Ok(Some(run::VisitorQuota { key: key.clone(), limit })),
            Visitor::Unknown(why) => {
                self.slots(None)?; // makes the state folder
                // what cannot be noted is not told by `doctor`, and nothing else
                let _ = self.note(*why);
                Ok(None)
            }
        }
    }

    fn note(&self, why: Uncounted) -> io::Result<()> {
        if self.noted().is_some_and(|(noted, age)| noted == why && age < FRESH) {
            return Ok(());
        }
        state_file::replace(&self.config.state.join(NOTE), why.code().as_bytes())
    }

    /// The last note and its age.
    fn noted(&self) -> Option<(Uncounted, Duration)> {
        let path = self.config.state.join(NOTE);
        let (word, age) = (state_file::read(&path).ok()?, state_file::age(&path)?);
        let why = Uncounted::ALL.into_iter().find(|why| why.code().as_bytes() == word)?;
        Some((why, age))
    }

    /// Why runs of the last weeks were counted for nobody, if some were.
    pub(super) fn uncounted(&self) -> Option<Uncounted> {
        self.config.visitor_limit()?;
        self.noted().filter(|(_, age)| *age < TELLS).map(|(why, _)| why)
    }
}
