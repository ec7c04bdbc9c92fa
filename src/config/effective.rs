//! [`Config`] → what is in force, a line a key, each with where it comes from: what `config` prints. Nothing is left out.

use super::keys::KEYS;
use super::layer::Origin;
use super::values::Config;

/// A key, its value as it is written, and where that comes from.
pub type Line = (&'static str, String, String);

impl Config {
    /// What holds for the site.
    pub fn effective(&self) -> Vec<Line> {
        let origin = |key: &str| self.set.get(key).unwrap_or(&Origin::Default).to_string();
        KEYS.iter().map(|key| (key.name, key.effective(self), origin(key.name))).collect()
    }

    /// What each `[images."NAME"]` sets; for everything else the site's lines hold.
    pub fn effective_images(&self) -> impl Iterator<Item = (&str, Vec<Line>)> {
        self.images.iter().map(|(name, table)| {
            let set = KEYS.iter().filter_map(|key| {
                let origin = table.set.get(key.name)?;
                Some((key.name, key.effective_for_image(&table.settings)?, origin.to_string()))
            });
            (name.as_str(), set.collect())
        })
    }
}
