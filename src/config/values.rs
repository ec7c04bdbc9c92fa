//! [`Config`]: what is in force, as plain values.
//!
//! In: what `keys` has checked. Out: the values, for the site and for each image. Never: reads a file or a variable.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::access::Access;
use super::brand::Brand;
use super::image_settings::ImageSettings;
use super::layer::Origin;
use super::visitors::Visitors;
use crate::run::Network;

/// Which keys were set, and where; all others have their defaults.
pub type Origins = BTreeMap<String, Origin>;

/// What is in force. Bounds and defaults stand in the records of the keys.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The data folder (`data`).
    pub data: PathBuf,
    /// The container runtime (`runtime`); none: the first one installed.
    pub runtime: Option<PathBuf>,
    /// Where each run is written down (`audit`).
    pub audit: Option<PathBuf>,
    /// Locks (`state`).
    pub state: PathBuf,
    /// Origins whose pages may call us (`allow_origins`); `*` for all.
    pub allow_origins: Vec<String>,
    /// Accepted Host values (`hosts`); empty: any.
    pub hosts: Vec<String>,
    /// nginx's internal location of the data folder (`accel`): nginx then sends downloads.
    pub accel: Option<String>,
    /// Refuse to run when an isolation promise cannot be kept here (`strict`).
    pub strict: bool,
    /// Answer `/container/metrics` (`metrics`).
    pub metrics: bool,
    /// Start although root (`allow_root`).
    pub allow_root: bool,
    /// Who counts as a visitor, and what one may have (`visitor_slots`, `proxies`, `prefix`, `reader_patience`).
    pub visitors: Visitors,
    /// Who asks and what they may (`store`, `trust_remote_user`, `remote_groups`, `login_url`, `[[rules]]`).
    pub access: Access,
    /// How the site calls itself (`title`, `welcome`, `link`, `logo`).
    pub brand: Brand,
    /// What holds for an image without a table of its own.
    pub(super) settings: ImageSettings,
    pub(super) images: BTreeMap<String, Table>,
    /// What the site sets, and where.
    pub(super) set: Origins,
    /// The file, where there is one.
    pub(super) file: Option<PathBuf>,
}

/// An `[images."NAME"]`.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) settings: ImageSettings,
    /// What it sets, and where.
    pub(super) set: Origins,
}

impl Config {
    /// Before any key is read. What depends on the host is there already; `folder` is the file's.
    pub(super) fn unread(file: Option<&Path>, folder: Option<&Path>) -> Config {
        Config {
            data: folder.unwrap_or(Path::new(".")).join("data"),
            audit: None,
            state: default_state(),
            settings: ImageSettings { slots: processors(), ..ImageSettings::default() },
            file: file.map(Path::to_owned),
            ..Config::default()
        }
    }

    /// The most that a run of any image may print, in bytes.
    pub fn longest_output(&self) -> usize {
        self.all_settings().map(|settings| settings.output_limit).max().unwrap_or_default()
    }

    /// Containers at once of one visitor; none: no bound of its own.
    pub fn visitor_limit(&self) -> Option<usize> {
        self.visitors.limit(self.settings.slots)
    }

    /// What holds for this image.
    pub fn settings(&self, image: &str) -> &ImageSettings {
        self.images.get(image).map_or(&self.settings, |table| &table.settings)
    }

    /// What holds for the site as a whole.
    pub fn site_settings(&self) -> &ImageSettings {
        &self.settings
    }

    /// The images that have a table of their own.
    pub fn special_images(&self) -> impl Iterator<Item = &str> {
        self.images.keys().map(String::as_str)
    }

    /// Where a key was set.
    pub(super) fn origin(&self, key: &str) -> &Origin {
        self.set.get(key).unwrap_or(&Origin::Default)
    }

    /// The file that lines are counted in.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Whether some container has the host's network.
    pub(super) fn shares_the_network(&self) -> bool {
        self.all_settings().any(|settings| settings.network == Network::Host)
    }

    /// What holds for the site, and for each image with a table.
    fn all_settings(&self) -> impl Iterator<Item = &ImageSettings> {
        self.images.values().map(|table| &table.settings).chain([&self.settings])
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The same for a server, a CGI program and a terminal, so that `slots` counts them all: no variable of somebody's
/// session is read.
fn default_state() -> PathBuf {
    format!("/tmp/singularity-nginx-{}", rustix::process::geteuid().as_raw()).into()
}
