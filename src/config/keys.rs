//! The records of all configuration keys, in the order in which the README and `config` show them.
//!
//! Whoever adds a key adds a record here, and the field that it fills; a test prints the README's new table.

use std::path::PathBuf;
use std::time::Duration;

use super::check;
use super::key::Effect::{Image, Site};
use super::key::Key;
use super::key::KeyDefault::{Value, Words};
use super::key_type::Empty::{Allowed, Refused};
use super::key_type::KeyType::{Bytes, Choice, Flag, Line, List, Number, Path, Text};
use crate::args::{ExtraCharacters, SanitiseMode};
use crate::http::{Mount, Subnet};
use crate::run::Network;

/// Least memory of a run in bytes: the runtime is a part of it.
const MIN_MEMORY: u64 = 256 << 20;

/// See the module.
pub static KEYS: &[Key] = &[
    Key {
        name: "data",
        default: Words("`./data`"),
        doc: "the data folder",
        effect: Site(Path(|site, path| site.data = path), |site| site.data.display().to_string()),
    },
    Key {
        name: "runtime",
        default: Words("the first of apptainer, singularity"),
        doc: "absolute path of the container runtime",
        effect: Site(Path(|site, path| site.runtime = Some(path)), |site| {
            path_or(&site.runtime, "(first one installed)")
        }),
    },
    Key {
        name: "slots",
        default: Words("processors"),
        doc: "containers at once, over all processes of the site; in an image's table: of this image",
        effect: Image(Number(1..=4096, |image, slots| image.slots = slots as usize), |image| image.slots.to_string()),
    },
    Key {
        name: "wait",
        default: Value("0"),
        doc: "seconds a visitor may wait for a slot, at most 30; else 503 at once. 64 may wait at a time in each process, \
              16 of one visitor",
        effect: Image(Number(0..=30, |image, seconds| image.wait = Duration::from_secs(seconds)), |image| {
            image.wait.as_secs().to_string()
        }),
    },
    Key {
        name: "visitor_slots",
        default: Words("one less than `slots`, at least 1"),
        doc: "containers at once of one visitor: an address, of IPv6 its /64; over it `wait`, then 429. 0: no bound",
        effect: Site(Number(0..=4096, |site, slots| site.visitors.slots = Some(slots as usize)), |site| {
            site.visitor_limit().unwrap_or(0).to_string()
        }),
    },
    Key {
        name: "proxies",
        default: Words("none"),
        doc: "addresses (`10.0.0.1`, `10.0.0.0/8`) of proxies whose `X-Forwarded-For`, `-Host` and `-Proto` are believed",
        effect: Site(
            List("addresses", Allowed, |site, items| {
                check::each(items, Subnet::parse).map(|proxies| site.visitors.proxies = proxies)
            }),
            |site| site.visitors.proxies.iter().map(Subnet::to_string).collect::<Vec<_>>().join(","),
        ),
    },
    Key {
        name: "prefix",
        default: Words("none"),
        doc: "a prefix of addresses that a proxy takes away, like `/apps`: it is put before all links",
        effect: Site(
            Text("an absolute path", |site, text| {
                check::prefix(text).map(|prefix| site.visitors.prefix = Some(prefix))
            }),
            |site| site.visitors.prefix.as_ref().map_or("none".to_owned(), Mount::to_string),
        ),
    },
    Key {
        name: "reader_patience",
        default: Value("10"),
        doc: "seconds a reader may take nothing of a run's answer once the run has ended; then its connection is closed",
        effect: Site(
            Number(1..=3600, |site, seconds| site.visitors.reader_patience = Duration::from_secs(seconds)),
            |site| site.visitors.reader_patience.as_secs().to_string(),
        ),
    },
    Key {
        name: "deadline",
        default: Value("60"),
        doc: "seconds a run may take; then TERM, and KILL 3 s later",
        effect: Image(Number(1..=86_400, |image, seconds| image.deadline = Duration::from_secs(seconds)), |image| {
            image.deadline.as_secs().to_string()
        }),
    },
    Key {
        name: "output_limit",
        default: Value("8 MiB"),
        doc: "bytes of a run's output that are kept",
        effect: Image(Bytes(1024..=1 << 30, |image, bytes| image.output_limit = bytes as usize), |image| {
            image.output_limit.to_string()
        }),
    },
    Key {
        name: "network",
        default: Value("none"),
        doc: "a container's network: `none` (nothing in it) or `host` (the host's)",
        effect: Image(
            Choice(&[("none", |image| image.network = Network::None), ("host", |image| image.network = Network::Host)]),
            |image| if image.network == Network::None { "none" } else { "host" }.to_owned(),
        ),
    },
    Key {
        name: "sanitise",
        default: Value("strip"),
        doc: "what happens to a STR with other characters: `strip` takes them out, `reject` answers 400",
        effect: Image(
            Choice(&[
                ("strip", |image| image.sanitise.mode = SanitiseMode::Strip),
                ("reject", |image| image.sanitise.mode = SanitiseMode::Reject),
            ]),
            |image| if image.sanitise.mode == SanitiseMode::Strip { "strip" } else { "reject" }.to_owned(),
        ),
    },
    Key {
        name: "extra_characters",
        default: Words("none"),
        doc: "characters that a STR may hold too: some of `: / , + @ = %`, without separators",
        effect: Image(
            Text("characters without separators", |image, text| {
                let extra = ExtraCharacters::new(text).map_err(|why| why.to_string())?;
                image.sanitise.extra = extra;
                Ok(())
            }),
            |image| image.sanitise.extra.as_str().to_owned(),
        ),
    },
    Key {
        name: "run_methods",
        default: Value("GET, POST"),
        doc: "methods that run an image",
        effect: Image(
            List("methods", Refused("write GET, POST or both"), |image, items| {
                check::each(items, check::method).map(|methods| image.run_methods = methods)
            }),
            |image| image.run_methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(","),
        ),
    },
    Key {
        name: "allow_origins",
        default: Words("none"),
        doc: "origins whose pages may call, like `https://example.org`; `*`: all",
        effect: Site(
            List("origins", Allowed, |site, items| {
                check::each(items, check::origin).map(|origins| site.allow_origins = origins)
            }),
            |site| site.allow_origins.join(","),
        ),
    },
    Key {
        name: "hosts",
        default: Words("any"),
        doc: "Host values that are answered",
        effect: Site(
            List("names", Refused("name the site's hosts, or leave the key out to answer for all"), |site, items| {
                site.hosts = items.to_vec();
                Ok(())
            }),
            |site| site.hosts.join(","),
        ),
    },
    Key {
        name: "memory",
        default: Words("none"),
        doc: "bytes of memory of a run, at least 256 MiB; `doctor` says how far it holds on this host",
        effect: Image(Bytes(MIN_MEMORY..=1 << 40, |image, bytes| image.memory = Some(bytes)), |image| {
            number_or_none(image.memory)
        }),
    },
    Key {
        name: "processes",
        default: Value("256"),
        doc: "processes and threads of a run; `doctor` says how far it holds on this host",
        effect: Image(Number(8..=65_536, |image, number| image.processes = number), |image| {
            image.processes.to_string()
        }),
    },
    Key {
        name: "cpus",
        default: Words("none"),
        doc: "processors of a run; `doctor` says how far it holds on this host",
        effect: Image(Number(1..=4096, |image, number| image.cpus = Some(number as usize)), |image| {
            number_or_none(image.cpus.map(|cpus| cpus as u64))
        }),
    },
    Key {
        name: "strict",
        default: Value("false"),
        doc: "refuse to run when a promise of isolation cannot be kept here",
        effect: Site(Flag(|site, flag| site.strict = flag), |site| site.strict.to_string()),
    },
    Key {
        name: "download",
        default: Value("false"),
        doc: "offer the image file: it holds everything that the image holds",
        effect: Image(Flag(|image, flag| image.download = flag), |image| image.download.to_string()),
    },
    Key {
        name: "accel",
        default: Words("none"),
        doc: "nginx's internal location of the data folder, like `/container-files/`: nginx then sends the downloads",
        effect: Site(
            Text("an internal location of nginx", |site, text| {
                check::accel(text).map(|accel| site.accel = Some(accel))
            }),
            |site| text_or_none(&site.accel),
        ),
    },
    Key {
        name: "metrics",
        default: Value("false"),
        doc: "answer `/container/metrics`, for Prometheus: slots, refusals, images, checks; to whoever asks, unless nginx \
              forbids it (`locations.conf`)",
        effect: Site(Flag(|site, flag| site.metrics = flag), |site| site.metrics.to_string()),
    },
    Key {
        name: "show_definition",
        default: Value("false"),
        doc: "show the definition file: it holds `%environment` verbatim",
        effect: Image(Flag(|image, flag| image.show_definition = flag), |image| image.show_definition.to_string()),
    },
    Key {
        name: "state",
        default: Words("`/tmp/singularity-nginx-UID`"),
        doc: "locks: a folder of the account (0700). In `/tmp` any local account can make it first, and then nothing runs: \
              set it where others cannot",
        effect: Site(Path(|site, path| site.state = path), |site| site.state.display().to_string()),
    },
    Key {
        name: "launcher",
        default: Words("none"),
        doc: "a command that carries runs elsewhere, like `srun --quiet`",
        effect: Image(
            Text("a command", |image, text| {
                image.launcher = text.split_whitespace().map(str::to_owned).collect();
                Ok(())
            }),
            |image| image.launcher.join(" "),
        ),
    },
    Key {
        name: "title",
        default: Words("none"),
        doc: "the site's name, on every page",
        effect: Site(Line(80, |site, text| site.brand.title = Some(text)), |site| text_or_none(&site.brand.title)),
    },
    Key {
        name: "welcome",
        default: Words("none"),
        doc: "one line below the title of the home page",
        effect: Site(Line(400, |site, text| site.brand.welcome = Some(text)), |site| text_or_none(&site.brand.welcome)),
    },
    Key {
        name: "link",
        default: Words("none"),
        doc: "whose site it is: an http or https address",
        effect: Site(
            Text("a web address", |site, text| check::address(text).map(|link| site.brand.link = Some(link))),
            |site| text_or_none(&site.brand.link),
        ),
    },
    Key {
        name: "logo",
        default: Words("none"),
        doc: "a PNG, JPEG, GIF, WebP or SVG of at most 256 KiB, read for each page",
        effect: Site(Path(|site, path| site.brand.logo = Some(path)), |site| path_or(&site.brand.logo, "none")),
    },
    Key {
        name: "allow_root",
        default: Value("false"),
        doc: "start although root",
        effect: Site(Flag(|site, flag| site.allow_root = flag), |site| site.allow_root.to_string()),
    },
];

fn text_or_none(text: &Option<String>) -> String {
    text.clone().unwrap_or("none".to_owned())
}

fn path_or(path: &Option<PathBuf>, none: &str) -> String {
    path.as_ref().map_or(none.to_owned(), |path| path.display().to_string())
}

fn number_or_none(number: Option<u64>) -> String {
    number.map_or("none".to_owned(), |number| number.to_string())
}
