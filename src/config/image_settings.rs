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
    /// What both allow: the narrower of each bound, and only what is open in both. `other` is that of what a link leads to,
    /// so its launcher counts.
    pub fn and(&self, other: &ImageSettings) -> ImageSettings {
        let least = |one: Option<u64>, two: Option<u64>| one.into_iter().chain(two).min();
        let both = self.run_methods.iter().filter(|method| other.run_methods.contains(method));
        ImageSettings {
            slots: self.slots.min(other.slots),
            wait: self.wait.min(other.wait),
            deadline: self.deadline.min(other.deadline),
            output_limit: self.output_limit.min(other.output_limit),
            network: if self.network == other.network { self.network } else { Network::None },
            sanitise: self.sanitise.and(&other.sanitise),
            run_methods: both.copied().collect(),
            download: self.download && other.download,
            show_definition: self.show_definition && other.show_definition,
            memory: least(self.memory, other.memory),
            processes: self.processes.min(other.processes),
            cpus: self.cpus.into_iter().chain(other.cpus).min(),
            launcher: other.launcher.clone(),
        }
    }

    /// Whether GET runs it.
    pub fn runs_by_get(&self) -> bool {
        self.run_methods.contains(&Method::Get)
    }

    /// Whether POST runs it.
    pub fn runs_by_post(&self) -> bool {
        self.run_methods.contains(&Method::Post)
    }
}
