//! The only room that starts processes.
//!
//! In: an image, bound arguments, limits. Out: [`Event`]s of a run, and its
//! [`Outcome`]. Never: HTTP, pages.
//!
//! Each run has a **supervisor**: this same executable, started once more. It
//! holds the slot's lock, sets the limits, starts the runtime, and when the
//! runtime ends, the time is up, or the server is gone, it kills whatever is
//! left of the run and only then reports.
//!
//! ```text
//! server ──socket──▶ supervisor ──▶ (init ──▶) runtime ──▶ container
//!   ▲ stdout, stderr (pipes) ◀────────────────────────────────┘
//! ```
//!
//! From the bottom: system calls and state files; values (host, limits, invocation, outcome); the process tree; the two ends
//! of a run (supervisor, handle); what is asked of kernel and runtime, and kept.

mod capture;
mod control;
mod environment;
mod handle;
mod host;
mod host_cache;
mod host_feature;
mod init;
mod invocation;
mod kernel_probe;
mod lifecycle;
mod limits;
mod outcome;
mod pipes;
mod poll;
mod process_tree;
mod resource_limits;
mod run_rate;
mod runtime;
mod runtime_flags;
mod runtime_probe;
mod seccomp;
mod slots;
pub mod state_file;
mod supervisor;
mod syscalls;
mod trials;
mod user_namespace;
mod web_client;

pub use handle::{Client, Reader, Run, StartError, WhenEnded};
pub use host::{Finding, Host};
pub use host_cache::{HostCache, finish as finish_probing};
pub use host_feature::HostFeature;
pub use invocation::{Invocation, InvocationOptions, command, gives_up, shell_quoted};
pub use limits::Limits;
pub use outcome::{End, Event, Outcome, SignalName, signal, signal_of};
pub use process_tree::become_subreaper;
pub use resource_limits::{more_descriptors, outlive_full_files};
pub use run_rate::RunRate;
pub use runtime::{Network, Runtime, RuntimeError};
pub use slots::{Busy, Slot, Slots, StateError, VisitorQuota};
pub use supervisor::{COMMAND as SUPERVISE, supervise};
pub use syscalls::{hear_signals, set_close_on_exec};
pub use web_client::head_of;
