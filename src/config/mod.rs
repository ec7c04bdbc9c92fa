//! A TOML file and `SINGULARITY_NGINX_*` variables → [`Config`], or why not.
//!
//! Read once, at the start. A variable of the *process* environment stands
//! above the file, the file above the defaults; nothing that a visitor sends
//! is looked at. An unknown key or a bad value stops the start and names the
//! line. Relative paths of the file count from the file, those of variables
//! from the working folder.

mod brand;
mod file;
mod force;
mod setting;
mod visitors;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::args;
use crate::http::Method;
use crate::run::Network;

pub use setting::ConfigError;
use setting::{Layer, Origin, Setting, Settings};

pub use brand::Brand;
pub use force::Line;
pub use visitors::Visitors;

/// The file's name beside the executable, when no other is named. `.ht…` is
/// what Apache refuses to serve by default.
const BESIDE: &str = ".ht-singularity-nginx.toml";
/// The variable that names the file.
const CONFIG: &str = "SINGULARITY_NGINX_CONFIG";
/// What the names of all variables begin with.
const PREFIX: &str = "SINGULARITY_NGINX_";

/// Least memory of a run: the runtime is a part of it.
const MIN_MEMORY: u64 = 256 << 20;
/// What to do who wants no list of `hosts`.
const ANY_HOST: &str = "name the site's hosts, or leave the key out to answer for all";
/// Keys with one value for the site.
const SITE_KEYS: [&str; 17] = [
    "accel",
    "data",
    "runtime",
    "state",
    "allow_origins",
    "hosts",
    "metrics",
    "strict",
    "allow_root",
    "visitor_slots",
    "proxies",
    "prefix",
    "reader_patience",
    "title",
    "welcome",
    "link",
    "logo",
];
/// Keys that an `[images."NAME"]` table may set too.
const IMAGE_KEYS: [&str; 14] = [
    "download",
    "slots",
    "wait",
    "deadline",
    "output_limit",
    "network",
    "sanitise",
    "extra_characters",
    "run_methods",
    "show_definition",
    "memory",
    "processes",
    "cpus",
    "launcher",
];

/// What is in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder (`data`, default `./data`).
    pub data: PathBuf,
    /// The container runtime (`runtime`, default: the first one installed).
    pub runtime: Option<PathBuf>,
    /// Locks (`state`, default `/tmp/singularity-nginx-UID`).
    pub state: PathBuf,
    /// Origins whose pages may call us (`allow_origins`, default none; `*` for all).
    pub allow_origins: Vec<String>,
    /// Accepted Host values (`hosts`, default any).
    pub hosts: Vec<String>,
    /// nginx's internal location of the data folder (`accel`, default none): nginx then sends downloads.
    pub accel: Option<String>,
    /// Refuse to run when an isolation promise cannot be kept here (`strict`, default false).
    pub strict: bool,
    /// Answer `/container/metrics` (`metrics`, default false).
    pub metrics: bool,
    /// Start although root (`allow_root`, default false).
    pub allow_root: bool,
    /// Who counts as a visitor, and what one may have (`visitor_slots`, `proxies`, `prefix`, `reader_patience`).
    pub visitors: Visitors,
    /// How the site calls itself (`title`, `welcome`, `link`, `logo`).
    pub brand: Brand,
    /// What holds for an image without a table of its own.
    terms: Terms,
    images: BTreeMap<String, Table>,
    /// What was set, and where; all other keys have their defaults.
    settings: Vec<Setting>,
    /// The file, where there is one.
    file: Option<PathBuf>,
}

/// An `[images."NAME"]`.
#[derive(Clone, Debug)]
struct Table {
    terms: Terms,
    /// What it sets, and where.
    settings: Vec<Setting>,
}

/// What holds for the runs of one image.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Containers at once over all processes (`slots`, default: processors; 1
    /// to 4096). In an image's table: those of this image, on top of the site's.
    pub slots: usize,
    /// How long a visitor may wait for a slot (`wait`, seconds, default 0: refused at once; at most 30).
    pub wait: Duration,
    /// Wall time (`deadline`, seconds, default 60; 1 to 86400).
    pub deadline: Duration,
    /// Bytes of stdout (`output_limit`, default 8 MiB; 1 KiB to 1 GiB).
    pub output_limit: usize,
    /// `network`: `none` (default) or `host`.
    pub network: Network,
    /// `sanitise` (`strip`, default, or `reject`) and `extra_characters` (none).
    pub sanitise: args::Policy,
    /// Methods that run (`run_methods`, default GET and POST).
    pub run_methods: Vec<Method>,
    /// Offer the image file (`download`, default false: it holds everything the image holds).
    pub download: bool,
    /// Show the definition file (`show_definition`, default false: it holds `%environment`).
    pub show_definition: bool,
    /// Bytes of memory of a run (`memory`, default none; 256 MiB, which the runtime itself needs, to 1 TiB).
    pub memory: Option<u64>,
    /// Processes and threads of a run (`processes`, default 256; 8 to 65536).
    pub processes: u64,
    /// Processors of a run (`cpus`, default none; 1 to 4096).
    pub cpus: Option<usize>,
    /// A command that carries runs elsewhere (`launcher`, default none).
    pub launcher: Vec<String>,
}

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
        let (site, images) = match file {
            Some((_, text)) => file::layers(text, &known_keys(), &IMAGE_KEYS)?,
            None => Default::default(),
        };
        let above = variable_layer(variables)?;
        let settings = Settings::new(&above, &site, folder);
        let mut config = Config {
            data: settings.path("data")?.unwrap_or_else(|| folder.unwrap_or(Path::new(".")).join("data")),
            runtime: settings.path("runtime")?,
            state: settings.path("state")?.unwrap_or_else(default_state),
            allow_origins: settings.checked("allow_origins", origin)?,
            hosts: settings.filled("hosts", host, ANY_HOST)?.unwrap_or_default(),
            accel: settings.checked_text("accel", accel)?,
            strict: settings.flag("strict")?.unwrap_or(false),
            metrics: settings.flag("metrics")?.unwrap_or(false),
            allow_root: settings.flag("allow_root")?.unwrap_or(false),
            visitors: Visitors::read(&settings)?,
            brand: Brand::read(&settings)?,
            terms: Terms::read(&settings, None)?,
            images: BTreeMap::new(),
            settings: settings.seen(),
            file: file.map(|(path, _)| path.to_owned()),
        };
        for (name, layer) in &images {
            let none = Layer::new();
            let settings = Settings::new(&none, layer, folder);
            let terms = Terms::read(&settings, Some(&config.terms))?;
            config.images.insert(name.clone(), Table { terms, settings: settings.seen() });
        }
        let host_network = config.all_terms().any(|terms| terms.network == Network::Host);
        config.visitors.check(&settings, host_network)?;
        Ok(config)
    }

    /// The most that a run of any image may print, in bytes.
    pub fn longest_output(&self) -> usize {
        self.all_terms().map(|terms| terms.output_limit).max().unwrap_or_default()
    }

    /// What holds for the site, and for each image with a table.
    fn all_terms(&self) -> impl Iterator<Item = &Terms> {
        self.images.values().map(|table| &table.terms).chain([&self.terms])
    }

    /// Containers at once of one visitor; none: no bound of its own.
    pub fn visitor_limit(&self) -> Option<usize> {
        self.visitors.limit(self.terms.slots)
    }

    /// What holds for this image.
    pub fn terms(&self, image: &str) -> &Terms {
        self.images.get(image).map_or(&self.terms, |table| &table.terms)
    }

    /// What holds for the site as a whole.
    pub fn site_terms(&self) -> &Terms {
        &self.terms
    }

    /// The images that have a table of their own.
    pub fn special_images(&self) -> impl Iterator<Item = &str> {
        self.images.keys().map(String::as_str)
    }
}

impl Terms {
    /// Whether GET runs it.
    pub fn runs_by_get(&self) -> bool {
        self.run_methods.contains(&Method::Get)
    }

    /// Whether POST runs it.
    pub fn runs_by_post(&self) -> bool {
        self.run_methods.contains(&Method::Post)
    }

    fn read(settings: &Settings<'_>, base: Option<&Terms>) -> Result<Terms, ConfigError> {
        let default = Terms::default();
        let base = base.unwrap_or(&default);
        let seconds = settings.number("deadline", 1..=86_400)?;
        let bytes = settings.bytes("output_limit", 1024..=1 << 30)?;
        let network = settings.choice("network", &[("none", Network::None), ("host", Network::Host)])?;
        let methods = settings.filled("run_methods", method, "write GET, POST or both")?;
        let mode = settings.choice("sanitise", &[("strip", args::Mode::Strip), ("reject", args::Mode::Reject)])?;
        let extra = settings.text("extra_characters")?.map(|text| {
            args::ExtraCharacters::new(&text).map_err(|why| settings.refuse("extra_characters", &why.to_string()))
        });
        let sanitise = args::Policy {
            mode: mode.unwrap_or(base.sanitise.mode),
            extra: extra.transpose()?.unwrap_or_else(|| base.sanitise.extra.clone()),
        };
        let launcher = settings.text("launcher")?;
        let slots = settings.number("slots", 1..=4096)?;
        let wait = settings.number("wait", 0..=30)?;
        let cpus = settings.number("cpus", 1..=4096)?;
        Ok(Terms {
            slots: slots.map_or(base.slots, |slots| slots as usize),
            wait: wait.map_or(base.wait, Duration::from_secs),
            memory: settings.bytes("memory", MIN_MEMORY..=1 << 40)?.or(base.memory),
            processes: settings.number("processes", 8..=65_536)?.unwrap_or(base.processes),
            cpus: cpus.map(|cpus| cpus as usize).or(base.cpus),
            deadline: seconds.map_or(base.deadline, Duration::from_secs),
            output_limit: bytes.map_or(base.output_limit, |bytes| bytes as usize),
            network: network.unwrap_or(base.network),
            sanitise,
            run_methods: methods.unwrap_or_else(|| base.run_methods.clone()),
            download: settings.flag("download")?.unwrap_or(base.download),
            show_definition: settings.flag("show_definition")?.unwrap_or(base.show_definition),
            launcher: launcher
                .map_or_else(|| base.launcher.clone(), |line| line.split_whitespace().map(str::to_owned).collect()),
        })
    }
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            slots: processors(),
            wait: Duration::ZERO,
            memory: None,
            processes: 256,
            cpus: None,
            deadline: Duration::from_secs(60),
            output_limit: 8 << 20,
            network: Network::None,
            sanitise: args::Policy::default(),
            run_methods: vec![Method::Get, Method::Post],
            download: false,
            show_definition: false,
            launcher: Vec::new(),
        }
    }
}

fn known_keys() -> Vec<&'static str> {
    SITE_KEYS.iter().chain(&IMAGE_KEYS).copied().collect()
}

/// The variables as a layer; `SINGULARITY_NGINX_DATA` is `data`.
fn variable_layer(variables: &[(String, String)]) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    for (name, value) in variables.iter().filter(|(name, _)| name != CONFIG) {
        let key = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
        let origin = Origin::Variable(name.clone());
        if !known_keys().contains(&key.as_str()) {
            let why = format!("there is no such key; there are: {}", known_keys().join(", "));
            return Err(ConfigError::new(&origin, &key, &why));
        }
        layer.insert(key, (setting::Raw::Text(value.clone()), origin));
    }
    Ok(layer)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The same for a server, a CGI program and a terminal, so that `slots` counts them all: no variable of somebody's
/// session is read.
fn default_state() -> PathBuf {
    format!("/tmp/singularity-nginx-{}", rustix::process::geteuid().as_raw()).into()
}

fn host(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// An origin as browsers send it: scheme, host, port, nothing else; or `*`.
fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let parsed = url::Url::parse(text).map_err(|error| format!("`{text}` is no origin: {error}"))?;
    let origin = parsed.origin().ascii_serialization();
    if origin == text.trim_end_matches('/') && origin != "null" {
        Ok(origin)
    } else {
        Err(format!("`{text}` is no origin: write scheme, host and port only, like https://example.org"))
    }
}

/// An internal location: an absolute path that ends with a slash.
fn accel(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    if text.starts_with('/') && text.ends_with('/') && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no internal location: write it as in nginx, like /container-files/"))
    }
}

fn method(text: &str) -> Result<Method, String> {
    match Method::parse(text) {
        method @ (Method::Get | Method::Post) => Ok(method),
        _ => Err(format!("`{text}` cannot run anything: use GET, POST or both")),
    }
}

#[cfg(test)]
mod tests;
