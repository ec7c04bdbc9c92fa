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
    /// stdout reached its limit: what was kept is its beginning.
    OutputLimit,
    /// The client left, or somebody cancelled.
    Cancelled,
    /// The runtime could not be executed.
    NotExecuted(String),
    /// The supervisor vanished without a report.
    Lost,
}

impl End {
    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            End::Exited(_) => "exited",
            End::Signalled(_) => "killed",
            End::Deadline => "deadline",
            End::OutputLimit => "output-limit",
            End::Cancelled => "cancelled",
            End::NotExecuted(_) => "not-executed",
            End::Lost => "lost",
        }
    }
}

/// Completes "it ended …".
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exited(status) => match signal_of(*status) {
                Some(signal) => write!(f, "with status {status} ({}: the container {})", signal.name, signal.meaning),
                None => write!(f, "with status {status}"),
            },
            End::Signalled(number) => match signal(*number) {
                Some(signal) => write!(f, "by signal {number} ({}: the container {})", signal.name, signal.meaning),
                None => write!(f, "by signal {number}"),
            },
            End::Deadline => f.write_str("at its deadline"),
            End::OutputLimit => f.write_str("at the limit of its output"),
            End::Cancelled => f.write_str("because nobody waited for it"),
            End::NotExecuted(why) => write!(f, "before it began: {why}"),
            End::Lost => f.write_str("without a word: what looked after it was killed"),
        }
    }
}

/// A signal that ends processes (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalName {
    /// Its number.
    pub number: i32,
    /// `SIGKILL`
    pub name: &'static str,
    /// What it usually tells; completes "the container …".
    pub meaning: &'static str,
}

/// Those that containers are seen to end by. The numbers are those of all processors for which Linux images are made.
const SIGNALS: [SignalName; 15] = [
    SignalName { number: 1, name: "SIGHUP", meaning: "was told to end" },
    SignalName { number: 2, name: "SIGINT", meaning: "was interrupted" },
    SignalName { number: 3, name: "SIGQUIT", meaning: "was told to end" },
    SignalName {
        number: 4,
        name: "SIGILL",
        meaning: "crashed: it is made for another kind of processor, or is damaged",
    },
    SignalName { number: 5, name: "SIGTRAP", meaning: "crashed" },
    SignalName { number: 6, name: "SIGABRT", meaning: "gave up: it found a fault in itself" },
    SignalName { number: 7, name: "SIGBUS", meaning: "crashed: memory or a file that it used was gone" },
    SignalName { number: 8, name: "SIGFPE", meaning: "crashed: it divided by zero, or the like" },
    SignalName { number: 9, name: "SIGKILL", meaning: "was killed, often because it used too much memory" },
    SignalName { number: 11, name: "SIGSEGV", meaning: "crashed: it used memory that is not its own" },
    SignalName { number: 13, name: "SIGPIPE", meaning: "wrote to a program that was gone" },
    SignalName { number: 15, name: "SIGTERM", meaning: "was told to end" },
    SignalName { number: 24, name: "SIGXCPU", meaning: "used more processor time than it may" },
    SignalName { number: 25, name: "SIGXFSZ", meaning: "wrote a file longer than it may" },
    SignalName { number: 31, name: "SIGSYS", meaning: "called something of the kernel that it may not call" },
];

/// The signal of this number.
pub fn signal(number: i32) -> Option<SignalName> {
    SIGNALS.into_iter().find(|signal| signal.number == number)
}

/// The signal that an exit status tells of: shells and runtimes end with 128 and its number.
pub fn signal_of(status: i32) -> Option<SignalName> {
    signal(status.checked_sub(128)?)
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

    /// Whether the container did its work and its output is whole.
    pub fn succeeded(&self) -> bool {
        self.end == End::Exited(0) && !self.truncated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_tells_of_a_signal_says_so() {
        for (end, words) in [
            (End::Exited(3), "with status 3"),
            (
                End::Exited(137),
                "with status 137 (SIGKILL: the container was killed, often because it used too much memory)",
            ),
            (End::Exited(139), "with status 139 (SIGSEGV: the container crashed: it used memory that is not its own)"),
            (End::Exited(143), "with status 143 (SIGTERM: the container was told to end)"),
            (End::Exited(255), "with status 255"),
            (End::Exited(i32::MIN), "with status -2147483648"),
            (End::Signalled(11), "by signal 11 (SIGSEGV: the container crashed: it used memory that is not its own)"),
            (End::Signalled(64), "by signal 64"),
        ] {
            assert_eq!(end.to_string(), words);
        }
    }
}
