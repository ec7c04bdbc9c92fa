//! The life of a run as its server sees it: a table of states and events; pure.
//!
//! | state ↓, event → | report | supervisor gone | visitor left | output full | timeout |
//! |---|---|---|---|---|---|
//! | running | over (report) | over (lost), abandoned | stopping (cancelled) | stopping (output limit) | over (deadline), abandoned |
//! | stopping (cause) | over (cause) | over (cause), abandoned | – | – | over (cause), abandoned |
//! | over | – | – | – | – | – |
//!
//! A run that becomes *stopping* is told to its supervisor. A run that is *abandoned* has no supervisor that ends it any
//! more: the server kills the supervisor and sweeps what it leaves. The first cause counts.

use super::outcome::End;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// The supervisor was told to end it, for this reason.
    Stopping(End),
    /// Nothing of it is left, or, when it is abandoned, nobody but the server ends it.
    Over {
        end: End,
        abandoned: bool,
    },
}

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleEvent {
    /// The supervisor's report.
    Report(End),
    /// The supervisor's end without a report.
    SupervisorGone,
    VisitorLeft,
    OutputFull,
    /// No report, although the deadline and the worst case of a supervisor are over.
    TimedOut,
}

impl State {
    /// The next state, by the table.
    pub fn after(self, event: LifecycleEvent) -> State {
        use LifecycleEvent::{OutputFull, Report, SupervisorGone, TimedOut, VisitorLeft};
        let over = |end, abandoned| State::Over { end, abandoned };
        match (self, event) {
            (State::Running, Report(end)) => over(end, false),
            (State::Running, SupervisorGone) => over(End::Lost, true),
            (State::Running, VisitorLeft) => State::Stopping(End::Cancelled),
            (State::Running, OutputFull) => State::Stopping(End::OutputLimit),
            (State::Running, TimedOut) => over(End::Deadline, true),
            (State::Stopping(cause), Report(_)) => over(cause, false),
            (State::Stopping(cause), SupervisorGone | TimedOut) => over(cause, true),
            (same @ State::Stopping(_), VisitorLeft | OutputFull) | (same @ State::Over { .. }, _) => same,
        }
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<&End> {
        match self {
            State::Over { end, .. } => Some(end),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<LifecycleEvent> {
        use LifecycleEvent::{OutputFull, Report, SupervisorGone, TimedOut, VisitorLeft};
        let ends = [End::Exited(0), End::Exited(3), End::Signalled(9), End::Deadline, End::Cancelled];
        ends.map(Report).into_iter().chain([SupervisorGone, VisitorLeft, OutputFull, TimedOut]).collect()
    }

    #[test]
    fn the_table_of_the_module() {
        let over = |end, abandoned| State::Over { end, abandoned };
        let stopping = || State::Stopping(End::Cancelled);
        for (before, event, after) in [
            (State::Running, LifecycleEvent::Report(End::Exited(3)), over(End::Exited(3), false)),
            (State::Running, LifecycleEvent::SupervisorGone, over(End::Lost, true)),
            (State::Running, LifecycleEvent::VisitorLeft, stopping()),
            (State::Running, LifecycleEvent::OutputFull, State::Stopping(End::OutputLimit)),
            (State::Running, LifecycleEvent::TimedOut, over(End::Deadline, true)),
            (stopping(), LifecycleEvent::Report(End::Deadline), over(End::Cancelled, false)),
            (stopping(), LifecycleEvent::SupervisorGone, over(End::Cancelled, true)),
            (stopping(), LifecycleEvent::VisitorLeft, stopping()),
            (stopping(), LifecycleEvent::OutputFull, stopping()),
            (stopping(), LifecycleEvent::TimedOut, over(End::Cancelled, true)),
        ] {
            assert_eq!(before.clone().after(event.clone()), after, "{before:?} {event:?}");
        }
    }

    /// All orders of up to four events: an end never changes, the first cause counts, and a supervisor that ended
    /// without a report is never taken for one that has swept.
    #[test]
    fn every_order_of_events_keeps_the_promises() {
        let events = events();
        let mut orders: Vec<Vec<LifecycleEvent>> = vec![Vec::new()];
        for _ in 0..4 {
            orders = orders
                .iter()
                .flat_map(|order| events.iter().map(|next| [&order[..], std::slice::from_ref(next)].concat()))
                .collect();
            for order in &orders {
                check(order);
            }
        }
    }

    fn check(order: &[LifecycleEvent]) {
        let mut state = State::Running;
        let mut ended: Option<State> = None;
        let mut cause: Option<End> = None;
        for event in order {
            state = state.after(event.clone());
            if let Some(ended) = &ended {
                assert_eq!(&state, ended, "{order:?}");
            }
            if let State::Stopping(why) = &state {
                assert_eq!(cause.get_or_insert(why.clone()), why, "{order:?}");
            }
            if let (State::Over { end, abandoned }, None) = (&state, &ended) {
                assert_eq!(*abandoned, !matches!(event, LifecycleEvent::Report(_)), "{order:?}");
                assert!(cause.as_ref().is_none_or(|cause| cause == end), "{order:?}");
                ended = Some(state.clone());
            }
        }
    }
}
