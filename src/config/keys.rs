//! The records of all configuration keys, in the order in which the README and `config` show them.
//!
//! Whoever adds a key adds a record here, and the field that it fills; a test prints the README's new table.

use std::path::PathBuf;
use std::time::Duration;

use super::access::{self, RemoteGroups};
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
        doc: "the folder that holds the images",
        effect: Site(Path(|site, path| site.data = path), |site| site.data.display().to_string()),
    },
    Key {
        name: "runtime",
        default: Words("the first one found"),
        doc: "absolute path of the container runtime. When it is not set, the program looks for `apptainer`, then \
              `singularity`, in /usr/local/bin and then in /usr/bin",
        effect: Site(Path(|site, path| site.runtime = Some(path)), |site| {
            path_or(&site.runtime, "(first one installed)")
        }),
    },
    Key {
        name: "slots",
        default: Words("number of processors"),
        doc: "how many containers may run at once, counted over all processes of the site. In an image's table: how \
              many of this image",
        effect: Image(Number(1..=4096, |image, slots| image.slots = slots as usize), |image| image.slots.to_string()),
    },
    Key {
        name: "wait",
        default: Value("0"),
        doc: "how many seconds a request may wait for a free slot, at most 30. With 0 it gets 503 at once. At most 64 \
              requests may wait in each process, and 16 of one visitor",
        effect: Image(Number(0..=30, |image, seconds| image.wait = Duration::from_secs(seconds)), |image| {
            image.wait.as_secs().to_string()
        }),
    },
    Key {
        name: "visitor_slots",
        default: Words("one less than `slots`, at least 1"),
        doc: "how many containers one visitor may run at once. A visitor is an IPv4 address or an IPv6 /64 network, or \
              whoever is signed in. A request above the limit waits as `wait` says, then gets 429. 0 means no limit",
        effect: Site(Number(0..=4096, |site, slots| site.visitors.slots = Some(slots as usize)), |site| {
            site.visitor_limit().unwrap_or(0).to_string()
        }),
    },
    Key {
        name: "runs_a_minute",
        default: Value("0"),
        doc: "how many runs one visitor may begin in any 60 seconds. A request above the limit gets 429 with `Retry-After`. \
              Whoever is signed in is counted by name, others by address. 0 means no limit",
        effect: Site(Number(0..=10_000, |site, runs| site.visitors.runs_a_minute = runs as u32), |site| {
            site.visitors.runs_a_minute.to_string()
        }),
    },
    Key {
        name: "proxies",
        default: Words("none"),
        doc: "addresses of trusted proxies (`10.0.0.1`, `10.0.0.0/8`). Only their `X-Forwarded-For`, `-Host` and \
              `-Proto` are believed",
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
        doc: "the prefix that a proxy removes from addresses, like `/apps`. The program puts it before all links",
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
        doc: "how many seconds a reader may take nothing of an answer after its run has ended. Then the connection is \
              closed",
        effect: Site(
            Number(1..=3600, |site, seconds| site.visitors.reader_patience = Duration::from_secs(seconds)),
            |site| site.visitors.reader_patience.as_secs().to_string(),
        ),
    },
    Key {
        name: "deadline",
        default: Value("60"),
        doc: "how many seconds a run may take. Then it gets TERM, and KILL 3 s later",
        effect: Image(Number(1..=86_400, |image, seconds| image.deadline = Duration::from_secs(seconds)), |image| {
            image.deadline.as_secs().to_string()
        }),
    },
    Key {
        name: "output_limit",
        default: Value("8 MiB"),
        doc: "how many bytes of a run's output are kept",
        effect: Image(Bytes(1024..=1 << 30, |image, bytes| image.output_limit = bytes as usize), |image| {
            image.output_limit.to_string()
        }),
    },
    Key {
        name: "network",
        default: Value("none"),
        doc: "the network of a container: `none` (no network) or `host` (the host's network)",
        effect: Image(
            Choice(&[("none", |image| image.network = Network::None), ("host", |image| image.network = Network::Host)]),
            |image| if image.network == Network::None { "none" } else { "host" }.to_owned(),
        ),
    },
    Key {
        name: "sanitise",
        default: Value("strip"),
        doc: "what happens when a STR holds characters that are not allowed: `strip` removes them, `reject` answers \
              400",
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
        doc: "further characters that a STR may hold: any of `: / , + @ = %`, written without separators",
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
        doc: "the HTTP methods that run an image",
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
        doc: "origins whose pages may call this site, like `https://example.org`. `*` allows all",
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
        doc: "the `Host` values that the site answers to",
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
        doc: "bytes of memory that a run may use, at least 256 MiB. `doctor` says how well this host can enforce it",
        effect: Image(Bytes(MIN_MEMORY..=1 << 40, |image, bytes| image.memory = Some(bytes)), |image| {
            number_or_none(image.memory)
        }),
    },
    Key {
        name: "processes",
        default: Value("256"),
        doc: "how many processes and threads a run may have. `doctor` says how well this host can enforce it",
        effect: Image(Number(8..=65_536, |image, number| image.processes = number), |image| {
            image.processes.to_string()
        }),
    },
    Key {
        name: "cpus",
        default: Words("none"),
        doc: "how many processors a run may use. `doctor` says how well this host can enforce it",
        effect: Image(Number(1..=4096, |image, number| image.cpus = Some(number as usize)), |image| {
            number_or_none(image.cpus.map(|cpus| cpus as u64))
        }),
    },
    Key {
        name: "strict",
        default: Value("false"),
        doc: "refuse all runs when this host cannot keep every promise of isolation",
        effect: Site(Flag(|site, flag| site.strict = flag), |site| site.strict.to_string()),
    },
    Key {
        name: "download",
        default: Value("false"),
        doc: "let visitors download the image file. It holds everything that is in the image",
        effect: Image(Flag(|image, flag| image.download = flag), |image| image.download.to_string()),
    },
    Key {
        name: "accel",
        default: Words("none"),
        doc: "nginx's internal location of the data folder, like `/container-files/`. nginx then sends the downloads \
              itself",
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
        doc: "serve numbers for Prometheus at `/container/metrics`: slots, refusals, images, checks. Everybody can \
              read them unless nginx forbids it (`locations.conf`)",
        effect: Site(Flag(|site, flag| site.metrics = flag), |site| site.metrics.to_string()),
    },
    Key {
        name: "show_definition",
        default: Value("false"),
        doc: "show the definition file. It contains `%environment` word for word",
        effect: Image(Flag(|image, flag| image.show_definition = flag), |image| image.show_definition.to_string()),
    },
    Key {
        name: "state",
        default: Words("`/tmp/singularity-nginx-UID`"),
        doc: "folder for locks and long answers. It must belong to the serving account (mode 0700). Any local account \
              can create the folder in `/tmp` first, and then nothing runs: choose a place where others cannot write",
        effect: Site(Path(|site, path| site.state = path), |site| site.state.display().to_string()),
    },
    Key {
        name: "store",
        default: Words("none"),
        doc: "folder for what must last, like tokens. It must belong to the serving account (mode 0700). Keep it where \
              nothing removes it, outside of `/tmp` and `/run`",
        effect: Site(Path(|site, path| site.access.store = Some(path)), |site| path_or(&site.access.store, "none")),
    },
    Key {
        name: "audit",
        default: Words("none"),
        doc: "file in which each run is written down: who, from where, what, when, and how it ended (`docs/rights.md`). Its \
              folder must exist. With `strict` nothing runs while it cannot be written",
        effect: Site(Path(|site, path| site.audit = Some(path)), |site| path_or(&site.audit, "none")),
    },
    Key {
        name: "trust_remote_user",
        default: Value("false"),
        doc: "believe the web server's `REMOTE_USER`. Only where the web server checks it for every address, runs as another \
              account, and asks by a Unix socket or CGI (`docs/rights.md`)",
        effect: Site(Flag(|site, flag| site.access.trust_remote_user = flag), |site| {
            site.access.trust_remote_user.to_string()
        }),
    },
    Key {
        name: "remote_groups",
        default: Words("none"),
        doc: "the variable in which the web server passes the groups of `REMOTE_USER`, and what separates them, like \
              `REMOTE_GROUPS ;`. A comma separates them where nothing is said",
        effect: Site(
            Text("a variable and a separator", |site, text| {
                RemoteGroups::parse(text).map(|groups| site.access.remote_groups = Some(groups))
            }),
            |site| site.access.remote_groups.as_ref().map_or("none".to_owned(), RemoteGroups::to_string),
        ),
    },
    Key {
        name: "login_url",
        default: Words("none"),
        doc: "where people sign in: a web address, or a path of this server like `/login`. Pages link to it",
        effect: Site(
            Text("an address", |site, text| access::login_url(text).map(|url| site.access.login_url = Some(url))),
            |site| text_or_none(&site.access.login_url),
        ),
    },
    Key {
        name: "launcher",
        default: Words("none"),
        doc: "a command that starts runs elsewhere, like `srun --quiet`",
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
        doc: "the name of the site, shown on every page",
        effect: Site(Line(80, |site, text| site.brand.title = Some(text)), |site| text_or_none(&site.brand.title)),
    },
    Key {
        name: "welcome",
        default: Words("none"),
        doc: "one line of text below the title of the home page",
        effect: Site(Line(400, |site, text| site.brand.welcome = Some(text)), |site| text_or_none(&site.brand.welcome)),
    },
    Key {
        name: "link",
        default: Words("none"),
        doc: "the http or https address of whoever runs the site",
        effect: Site(
            Text("a web address", |site, text| check::address(text).map(|link| site.brand.link = Some(link))),
            |site| text_or_none(&site.brand.link),
        ),
    },
    Key {
        name: "logo",
        default: Words("none"),
        doc: "path of a PNG, JPEG, GIF, WebP or SVG file of at most 256 KiB. It is read for each page",
        effect: Site(Path(|site, path| site.brand.logo = Some(path)), |site| path_or(&site.brand.logo, "none")),
    },
    Key {
        name: "allow_root",
        default: Value("false"),
        doc: "start even as root",
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
