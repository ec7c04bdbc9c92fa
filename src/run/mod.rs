//! The only room that starts processes.
//!
//! In: an image, bound arguments, limits. Out: [`Event`]s of a run, and its
//! [`Outcome`]. Never: HTTP, pages.
//!
//! Each run has a **supervisor**, in the code its *keeper*: this same executable, started once more. It
//! holds the slot's lock, sets the limits, starts the runtime, and when the
//! runtime ends, the time is up, or the server is gone, it kills whatever is
//! left of the run and only then reports.
//!
//! ```text
//! server ──socket──▶ keeper ──▶ runtime ──▶ container
//!   ▲ stdout, stderr (pipes) ◀──────────────────┘
//! ```

mod abilities;
mod ability;
mod cell;
mod control;
mod filter;
mod host;
mod init;
mod invocation;
mod keeper;
mod life;
mod limits;
mod offered;
mod outcome;
mod pipes;
mod probe;
mod process_tree;
mod question;
mod raw;
mod runtime;
mod slots;
mod state_file;
mod supervise;

pub use abilities::{Abilities, Finding, finish as finish_probing};
pub use ability::Ability;
pub use invocation::{Invocation, Means, Network, command, shell_quoted};
pub use keeper::{COMMAND as KEEPER, keep};
pub use limits::{Limits, more_descriptors, outlive_full_files};
pub use outcome::{End, Event, Outcome};
pub use process_tree::adopt;
pub use raw::seal;
pub use runtime::{Runtime, RuntimeError};
pub use slots::{Busy, Slot, Slots, StateError, Visitor};
pub use supervise::{Client, Reader, Run, StartError};
