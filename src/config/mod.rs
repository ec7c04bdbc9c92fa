//! A TOML file and `SINGULARITY_NGINX_*` variables → [`Config`], or why not.
//!
//! Read once, at the start. A variable of the *process* environment stands
//! above the file, the file above the defaults; nothing that a visitor sends
//! is looked at. An unknown key or a bad value stops the start and names the
//! line. Relative paths of the file count from the file, those of variables
//! from the working folder.

mod access;
mod brand;
mod check;
mod effective;
mod file;
mod image_settings;
mod key;
mod key_type;
mod keys;
mod layer;
mod values;
mod visitors;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::auth::{MAX_RULES, Rule, RuleText, Rules};
use file::Layers;
use key_type::Written;
use layer::{Layer, Origin, Raw};
use values::{Origins, Table};

pub use access::{Access, RemoteGroups};
pub use brand::Brand;
pub use effective::Line;
pub use image_settings::ImageSettings;
pub use key::Key;
pub use keys::KEYS;
pub use layer::ConfigError;
pub use values::Config;
pub use visitors::Visitors;

/// The file's name beside the executable, when no other is named. `.ht…` is
/// what Apache refuses to serve by default.
const BESIDE: &str = ".ht-singularity-nginx.toml";
/// The variable that names the file.
const CONFIG: &str = "SINGULARITY_NGINX_CONFIG";
/// What the names of all variables begin with.
const PREFIX: &str = "SINGULARITY_NGINX_";

impl Config {
    /// Reads the configuration: the file named by `named`, else by
    /// `SINGULARITY_NGINX_CONFIG`, else the one beside the executable if it is there.
    pub fn load(named: Option<&Path>) -> Result<Config, ConfigError> {
        let mut variables = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            let text = value.into_string().map_err(|_| ConfigError::file(name, "its value is not UTF-8"))?;
            variables.push((name.to_owned(), text));
        }
        let from_variable = variables.iter().find(|(name, _)| name == CONFIG).map(|(_, value)| PathBuf::from(value));
        let named = named.map(Path::to_owned).or(from_variable);
        let program = std::env::current_exe().ok();
        let beside = program.as_ref().and_then(|exe| Some(exe.parent()?.join(BESIDE))).filter(|path| path.exists());
        // what somebody put beside the program is not chosen by anybody: it belongs to whom the program belongs
        let owner = || program.and_then(|exe| Some(exe.metadata().ok()?.uid()));
        let text = match (named, beside) {
            (Some(path), _) => Some((file::read(&path, None)?, path)),
            (None, Some(path)) => Some((file::read(&path, owner())?, path)),
            (None, None) => None,
        };
        let file = text.as_ref().map(|(text, path)| (path.as_path(), text.as_str()));
        let named = |error: ConfigError| file.map_or(error.clone(), |(path, _)| error.within(path));
        Config::from(file, &variables).map_err(named)
    }

    /// The same from texts: pure.
    fn from(file: Option<(&Path, &str)>, variables: &[(String, String)]) -> Result<Config, ConfigError> {
        let folder = file.and_then(|(path, _)| path.parent()).filter(|folder| !folder.as_os_str().is_empty());
        let Layers { mut site, images, rules } = match file {
            Some((_, text)) => file::layers(text, &site_keys(), &image_keys())?,
            None => Layers::default(),
        };
        site.extend(variable_layer(variables)?);
        let mut config = Config::unread(file.map(|(path, _)| path), folder);
        for key in KEYS {
            match written(&site, key, folder) {
                Some(written) => key.fill_site(&mut config, &written)?,
                None => key.fill_default(&mut config)?,
            }
        }
        for (name, layer) in &images {
            let mut settings = config.settings.clone();
            for key in KEYS {
                if let Some(written) = written(layer, key, folder) {
                    key.fill_image(&mut settings, &written)?;
                }
            }
            config.images.insert(name.clone(), Table { settings, set: origins(layer) });
        }
        config.set = origins(&site);
        config.set_rules(&rules)?;
        config.check_proxies()?;
        config.check_identity()?;
        Ok(config)
    }

    /// Reads the rules.
    fn set_rules(&mut self, texts: &[RuleText]) -> Result<(), ConfigError> {
        if let Some(last) = texts.get(MAX_RULES) {
            let why = format!(
                "a site has at most {MAX_RULES} rules: name groups instead of people, folders instead of images"
            );
            return Err(ConfigError::new(&Origin::Line(last.line), "rules", &why));
        }
        let read = |(at, text): (usize, &RuleText)| {
            Rule::parse(at + 1, text).map_err(|why| ConfigError::new(&Origin::Line(text.line), "rules", &why))
        };
        self.access.rules = Rules::new(texts.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?);
        Ok(())
    }

    /// Pages of other accounts have the same origin as those below `/~`: they could act for whoever is signed in.
    fn check_identity(&self) -> Result<(), ConfigError> {
        let shared = self.visitors.prefix.as_ref().is_some_and(|prefix| prefix.to_string().contains("/~"));
        if self.access.trust_remote_user && shared {
            let why = "cannot be true where `prefix` holds `/~`: pages of other accounts have the same origin and could act \
                       for whoever is signed in. Give the application a host of its own";
            return Err(ConfigError::new(self.origin("trust_remote_user"), "trust_remote_user", why));
        }
        Ok(())
    }

    /// A container with the host's network can ask the application from the host's own address, and would be believed.
    fn check_proxies(&self) -> Result<(), ConfigError> {
        if self.visitors.believe_the_host() && self.shares_the_network() {
            let why = "names the host itself, while containers have its network (`network = \"host\"`): they could claim \
                       to be any visitor. Let the proxy use another address, or give containers no network";
            return Err(ConfigError::new(self.origin("proxies"), "proxies", why));
        }
        Ok(())
    }
}

/// What a layer says of a key.
fn written<'a>(layer: &'a Layer, key: &Key, folder: Option<&'a Path>) -> Option<Written<'a>> {
    layer.get(key.name).map(|(raw, origin)| Written { raw, origin, folder })
}

fn origins(layer: &Layer) -> Origins {
    layer.iter().map(|(key, (_, origin))| (key.clone(), origin.clone())).collect()
}

/// The names of the keys that may be set for the site: all.
fn site_keys() -> Vec<&'static str> {
    KEYS.iter().map(|key| key.name).collect()
}

/// The names of the keys that an `[images."NAME"]` table may set.
fn image_keys() -> Vec<&'static str> {
    KEYS.iter().filter(|key| key.of_image()).map(|key| key.name).collect()
}

/// The variables as a layer; `SINGULARITY_NGINX_DATA` is `data`.
fn variable_layer(variables: &[(String, String)]) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    for (name, value) in variables.iter().filter(|(name, _)| name != CONFIG) {
        let key = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
        let origin = Origin::Variable(name.clone());
        if !KEYS.iter().any(|known| known.name == key) {
            let why = format!("there is no such key. The keys are: {}", site_keys().join(", "));
            return Err(ConfigError::new(&origin, &key, &why));
        }
        layer.insert(key, (Raw::Text(value.clone()), origin));
    }
    Ok(layer)
}

#[cfg(test)]
mod tests;
