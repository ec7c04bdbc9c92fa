//! What the record of a configuration key consists of.
//!
//! In: a written value. Out: the field that the key fills, or the place and what to write instead. Never: knows a key by
//! name; the records themselves stand in `keys`.

use super::image_settings::ImageSettings;
use super::key_type::{KeyType, Written};
use super::layer::{ConfigError, Origin, Raw};
use super::values::Config;

/// All there is to know about a configuration key. The reader of the file, the variables, `config`, the README's table
/// and the man page are made of it.
#[derive(Debug)]
pub struct Key {
    /// As it is written in the file; the variable is this in capitals behind `SINGULARITY_NGINX_`.
    pub name: &'static str,
    /// What holds where nobody sets it.
    pub default: KeyDefault,
    /// What it is for, in Markdown: sentences, without the first capital and the last full stop.
    pub doc: &'static str,
    /// Where it may stand, what it takes, and which field it fills.
    pub effect: Effect,
}

/// What holds where nobody sets a key.
#[derive(Clone, Copy, Debug)]
pub enum KeyDefault {
    /// Read as a variable with this text would be.
    Value(&'static str),
    /// The field's own default, told in these words (Markdown).
    Words(&'static str),
}

/// Where a key may stand: the type of its value, and the value in force as it is written.
#[derive(Debug)]
pub enum Effect {
    /// For the site alone.
    Site(KeyType<Config>, fn(&Config) -> String),
    /// For the site, and in an image's table for this image.
    Image(KeyType<ImageSettings>, fn(&ImageSettings) -> String),
}

impl Key {
    /// Whether an image's table may set it.
    pub fn of_image(&self) -> bool {
        matches!(self.effect, Effect::Image(..))
    }

    /// What it takes, in words, with the bounds.
    pub fn expected(&self) -> String {
        match &self.effect {
            Effect::Site(kind, _) => kind.expected(),
            Effect::Image(kind, _) => kind.expected(),
        }
    }

    /// The default in Markdown: words of the configuration stand as code.
    pub fn default_shown(&self) -> String {
        let word = matches!(self.effect, Effect::Image(KeyType::Choice(_), _) | Effect::Site(KeyType::Choice(_), _));
        match self.default {
            KeyDefault::Value(text) if word => format!("`{text}`"),
            KeyDefault::Value(text) | KeyDefault::Words(text) => text.to_owned(),
        }
    }

    /// Puts what was written into the site's configuration.
    pub(super) fn fill_site(&self, config: &mut Config, written: &Written<'_>) -> Result<(), ConfigError> {
        let filled = match &self.effect {
            Effect::Site(kind, _) => kind.fill(config, written),
            Effect::Image(kind, _) => kind.fill(&mut config.settings, written),
        };
        filled.map_err(|why| ConfigError::new(written.origin, self.name, &why))
    }

    /// Puts the default into the site's configuration.
    pub(super) fn fill_default(&self, config: &mut Config) -> Result<(), ConfigError> {
        let KeyDefault::Value(text) = self.default else { return Ok(()) };
        let raw = Raw::Text(text.to_owned());
        self.fill_site(config, &Written { raw: &raw, origin: &Origin::Default, folder: None })
    }

    /// Puts what was written in an image's table into what holds for this image.
    pub(super) fn fill_image(&self, settings: &mut ImageSettings, written: &Written<'_>) -> Result<(), ConfigError> {
        let filled = match &self.effect {
            Effect::Site(..) => Err("holds for the whole site: write it above all tables".to_owned()),
            Effect::Image(kind, _) => kind.fill(settings, written),
        };
        filled.map_err(|why| ConfigError::new(written.origin, self.name, &why))
    }

    /// The value that holds for the site, as it is written.
    pub(super) fn effective(&self, config: &Config) -> String {
        match &self.effect {
            Effect::Site(_, shown) => shown(config),
            Effect::Image(_, shown) => shown(&config.settings),
        }
    }

    /// The value that holds for an image, as it is written; none: the key has no value for one image.
    pub(super) fn effective_for_image(&self, settings: &ImageSettings) -> Option<String> {
        match &self.effect {
            Effect::Site(..) => None,
            Effect::Image(_, shown) => Some(shown(settings)),
        }
    }
}
