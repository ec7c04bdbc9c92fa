//! [`Config`] → what is in force, a line a key, each with where it comes from: what `config` prints. Nothing is left out.

use std::path::Path;

use super::setting::Setting;
use super::{Config, Terms};
use crate::args::Mode;
use crate::run::Network;

/// A key, its value as it is written, and where that comes from.
pub type Line = (&'static str, String, String);

impl Config {
    /// What holds for the site.
    pub fn in_force(&self) -> Vec<Line> {
        let runtime = self.runtime.as_ref().map(|path| path.display().to_string());
        let values = [
            ("data", self.data.display().to_string()),
            ("runtime", runtime.unwrap_or("(first one installed)".to_owned())),
            ("state", self.state.display().to_string()),
            ("allow_origins", self.allow_origins.join(",")),
            ("hosts", self.hosts.join(",")),
            ("accel", self.accel.clone().unwrap_or("none".to_owned())),
            ("strict", self.strict.to_string()),
            ("metrics", self.metrics.to_string()),
            ("allow_root", self.allow_root.to_string()),
        ];
        let values = values.into_iter().chain(self.terms.in_force());
        let values = values.chain(self.visitors.in_force(self.terms.slots)).chain(self.brand.in_force());
        let line = |(key, value)| (key, value, origin(&self.settings, key).unwrap_or("default".to_owned()));
        values.map(line).collect()
    }

    /// What each `[images."NAME"]` sets; for everything else the site's lines hold.
    pub fn images_in_force(&self) -> impl Iterator<Item = (&str, Vec<Line>)> {
        self.images.iter().map(|(name, table)| {
            let set = |(key, value)| Some((key, value, origin(&table.settings, key)?));
            (name.as_str(), table.terms.in_force().into_iter().filter_map(set).collect())
        })
    }

    /// The file that lines are counted in.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl Terms {
    fn in_force(&self) -> [(&'static str, String); 14] {
        let methods: Vec<&str> = self.run_methods.iter().map(|method| method.as_str()).collect();
        let number = |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
        [
            ("slots", self.slots.to_string()),
            ("wait", self.wait.as_secs().to_string()),
            ("deadline", self.deadline.as_secs().to_string()),
            ("output_limit", self.output_limit.to_string()),
            ("network", if self.network == Network::None { "none" } else { "host" }.to_owned()),
            ("sanitise", if self.sanitise.mode == Mode::Strip { "strip" } else { "reject" }.to_owned()),
            ("extra_characters", self.sanitise.extra.as_str().to_owned()),
            ("run_methods", methods.join(",")),
            ("download", self.download.to_string()),
            ("show_definition", self.show_definition.to_string()),
            ("memory", number(self.memory)),
            ("processes", self.processes.to_string()),
            ("cpus", number(self.cpus.map(|cpus| cpus as u64))),
            ("launcher", self.launcher.join(" ")),
        ]
    }
}

fn origin(settings: &[Setting], key: &str) -> Option<String> {
    settings.iter().find(|setting| setting.key == key).map(|setting| setting.origin.to_string())
}
