//! What came of a run: plain values, for whoever shows them.

use std::time::Duration;

/// How a run ended. A container that fails is an outcome, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The runtime ended by itself with this status.
    Exited(i32),
    /// The runtime was killed by this signal from elsewhere.
    Signalled(i32),
    /// The wall time was over.
    Deadline,
    /// stdout reached its limit; what was kept is valid.
    OutputLimit,
    /// The client left, or somebody cancelled.
    Cancelled,
    /// The runtime could not be executed.
    NotExecuted(String),
    /// The keeper vanished without a report.
    Lost,
}

/// A piece of a run, as it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes of stdout.
    Stdout(Vec<u8>),
    /// Bytes of stderr.
    Stderr(Vec<u8>),
    /// Nothing for the asked time.
    Silence,
    /// The last event.
    End(End),
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The first bytes of stdout, up to the limit.
    pub stdout: Vec<u8>,
    /// The last bytes of stderr, up to [`Outcome::STDERR_TAIL`].
    pub stderr: Vec<u8>,
    /// Whether stdout was cut.
    pub truncated: bool,
    /// Whether stderr was cut.
    pub stderr_truncated: bool,
    /// Wall time.
    pub elapsed: Duration,
}

impl Outcome {
    /// Bytes of stderr that are kept: the last ones.
    pub const STDERR_TAIL: usize = 64 * 1024;

    /// Whether the container did its work.
    pub fn succeeded(&self) -> bool {
        matches!(self.end, End::Exited(0) | End::OutputLimit)
    }
}
