//! Visitors who cannot be told from others: noted in the state folder when they run something, for `doctor`.
//!
//! In: a visitor. Out: a file of one word, read by [`Service::uncounted`]. Never: an address.

use std::io;
use std::time::Duration;

use super::{Caller, Service};
use crate::error::Error;
use crate::run::{self, state_file};
use crate::visitor::{Uncounted, Visitor};

/// The file in the state folder.
const NOTE: &str = "uncounted";
/// How long a note tells something, and how old one is written anew.
const TELLS: Duration = Duration::from_secs(30 * 86_400);
const FRESH: Duration = Duration::from_secs(86_400);

impl Service {
    /// By whom slots and runs are counted, where they are: by name, else by address. Whoever cannot be told from others is
    /// noted. At a terminal nobody is counted.
    pub(super) fn counted(&self, caller: &Caller<'_>) -> Result<Option<String>, Error> {
        let Some(visitor) = caller.visitor.filter(|_| self.counts_visitors()) else { return Ok(None) };
        if caller.principal.is_signed_in() {
            // no address looks like that
            return Ok(Some(format!("name {}", caller.principal)));
        }
        match visitor {
            Visitor::Known(key) => Ok(Some(key.clone())),
            Visitor::Unknown(why) => {
                self.slots(None)?; // makes the state folder
                // what cannot be noted is not told by `doctor`, and nothing else
                let _ = self.note(*why);
                Ok(None)
            }
        }
    }

    fn counts_visitors(&self) -> bool {
        self.config.visitor_limit().is_some() || self.config.visitors.runs_a_minute > 0
    }

    /// Whether a visitor may begin a run now. With `begins` the run is counted.
    pub(super) fn admit_run(&self, who: Option<&str>, begins: bool) -> Result<(), Error> {
        let limit = self.config.visitors.runs_a_minute;
        let Some(who) = who.filter(|_| limit > 0) else { return Ok(()) };
        self.slots(None)?; // makes the state folder
        let admitted =
            run::RunRate::new(&self.config.state).admit(who, limit, begins).map_err(run::StartError::from)?;
        admitted.map_err(|wait| Error::TooManyRuns { limit, wait })
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
        self.noted().filter(|_| self.counts_visitors()).filter(|(_, age)| *age < TELLS).map(|(why, _)| why)
    }
}
