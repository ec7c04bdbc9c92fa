//! Where the stub runtime is.

/// The program. Tests link to it from a folder of their own: it records what it sees beside the name by which it was
/// called.
pub const PATH: &str = env!("STUB_RUNTIME");
