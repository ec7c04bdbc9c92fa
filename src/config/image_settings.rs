//! What holds for the runs of one image: the keys that an `[images."NAME"]` table may set too.
//!
//! In: what `keys` has checked. Out: [`ImageSettings`]. Never: knows which image.

use std::time::Duration;

use crate::args;
use crate::http::Method;
use crate::run::Network;

/// What holds for the runs of one image. Bounds and defaults stand in the records of the keys.
#[derive(Clone, Debug, Default)]
pub struct ImageSettings {
    /// Containers at once over all processes (`slots`). In an image's table: those of this image, on top of the site's.
    pub slots: usize,
    /// How long a visitor may wait for a slot (`wait`); zero: refused at once.
    pub wait: Duration,
    /// Wall time (`deadline`).
    pub deadline: Duration,
    /// Bytes of stdout (`output_limit`).
    pub output_limit: usize,
    /// What a container may reach (`network`).
    pub network: Network,
    /// What happens to a STR with other characters (`sanitise`, `extra_characters`).
    pub sanitise: args::SanitisePolicy,
    /// Methods that run (`run_methods`).
    pub run_methods: Vec<Method>,
    /// Offer the image file (`download`).
    pub download: bool,
    /// Show the definition file (`show_definition`).
    pub show_definition: bool,
    /// Bytes of memory of a run (`memory`).
    pub memory: Option<u64>,
    /// Processes and threads of a run (`processes`).
    pub processes: u64,
    /// Processors of a run (`cpus`).
    pub cpus: Option<usize>,
    /// A command that carries runs elsewhere (`launcher`); empty: none.
    pub launcher: Vec<String>,
}

impl ImageSettings {
    /// Whether GET runs it.
    pub fn runs_by_get(&self) -> bool {
        self.run_methods.contains(&Method::Get)
    }

    /// Whether POST runs it.
    pub fn runs_by_post(&self) -> bool {
        self.run_methods.contains(&Method::Post)
    }
}
