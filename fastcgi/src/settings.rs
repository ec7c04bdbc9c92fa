//! The bounds of a server, of its connections and of their requests.
//!
//! [`Server`](crate::Server) sets and documents them, the channel of each connection obeys them.

use std::time::Duration;

/// The bounds, each with its default.
#[derive(Clone, Debug)]
pub struct Settings {
    pub max_connections: usize,
    pub max_params_bytes: usize,
    pub max_params: usize,
    pub idle_timeout: Duration,
    pub read_timeout: Duration,
    pub write_timeout: Duration,
    pub drain_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_connections: 512,
            max_params_bytes: 1024 * 1024,
            max_params: 40_000,
            // Longer than nginx's own 60 s, so that it is nginx that closes.
            idle_timeout: Duration::from_secs(90),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(120),
        }
    }
}
