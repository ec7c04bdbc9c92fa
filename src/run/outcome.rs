//! What came of a run: plain values, for whoever shows them.

use std::fmt;
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
    /// The supervisor vanished without a report.
    Lost,
}

/// Completes "it ended …".
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exited(status) => write!(f, "with status {status}"),
            End::Signalled(signal) => write!(f, "by signal {signal}"),
            End::Deadline => f.write_str("at its deadline"),
            End::OutputLimit => f.write_str("at the limit of its output"),
            End::Cancelled => f.write_str("because nobody waited for it"),
            End::NotExecuted(why) => write!(f, "before it began: {why}"),
            End::Lost => f.write_str("without a word: what looked after it was killed"),
        }
    }
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
