//! Image and arguments → [`Invocation`]: exactly what is executed.
//!
//! `<runtime> run <isolation flags> <absolute image path> --name Amy …` as an
//! argv; no shell anywhere. The environment is a fixed list: nothing of the
//! server's environment, and nothing that a visitor sends, is in it.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::control::Order;
use super::environment::session;
use super::host::Host;
use super::host_feature::HostFeature;
use super::limits::Limits;
use super::runtime::{Network, Runtime};

/// From what an invocation is made.
#[derive(Clone, Copy, Debug)]
pub struct InvocationOptions<'a> {
    /// The container runtime.
    pub runtime: &'a Runtime,
    /// What it can do on this host.
    pub host: &'a Host,
    /// The bounds.
    pub limits: Limits,
    /// What the container may reach.
    pub network: Network,
    /// A command that carries the run elsewhere; may be empty.
    pub launcher: &'a [String],
    /// Whether the image leaves its locale to us.
    pub locale: bool,
}

/// A command, ready to be executed.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What the supervisor is told to execute.
    pub order: Order,
    /// The same for people: `apptainer run hello-name.sif --name Amy`.
    pub shown: String,
    /// What the runtime calls itself: `apptainer version 1.4.5`.
    pub runtime: String,
    /// The image's name, which stands for its path in what visitors see.
    pub image: String,
    /// The image's path.
    path: String,
    /// Whether a launcher carries it elsewhere.
    pub launched: bool,
}

impl Invocation {
    /// The image's path comes from the catalogue and is absolute, so that it
    /// can be no option of the runtime; whatever follows it belongs to the
    /// container. `given`: the arguments, and the same as they are shown.
    pub fn new(
        options: &InvocationOptions<'_>,
        image: (&str, &Path),
        app: Option<&str>,
        given: (&[String], &[String]),
    ) -> Invocation {
        let (given, shown) = given;
        let InvocationOptions { runtime, host, limits, network, launcher, locale } = *options;
        let (name, path) = image;
        let path = path.to_string_lossy().into_owned();
        let mut arguments = runtime.run_flags(network, host);
        arguments.extend(limits.flags(host));
        if locale && host.flags.env {
            // else the runtime's own C, in which programs cannot read or print but ASCII
            arguments.extend(["--env".to_owned(), "LANG=C.UTF-8".to_owned()]);
        }
        if let Some(app) = app {
            arguments.extend(["--app".to_owned(), app.to_owned()]);
        }
        arguments.push(path.clone());
        arguments.extend_from_slice(given);
        let shown = command(runtime, name, app, shown);
        let mut program = runtime.path().to_owned();
        if let Some((first, rest)) = launcher.split_first() {
            arguments.insert(0, program.to_string_lossy().into_owned());
            arguments.splice(0..0, rest.iter().cloned());
            program = PathBuf::from(first);
        }
        let order = Order {
            program,
            arguments,
            session: if host.has(HostFeature::Cgroups) { session() } else { Vec::new() },
            limits,
            filtered: launcher.is_empty() && host.lacks(HostFeature::Filter).is_none(),
            init: launcher.is_empty()
                && limits.user_namespace.is_some()
                && host.lacks(HostFeature::ProcessTree).is_none(),
        };
        Invocation {
            order,
            shown,
            runtime: host.version.clone(),
            image: name.to_owned(),
            path,
            launched: !launcher.is_empty(),
        }
    }

    /// Replaces what visitors must not see, in the runtime's own lines. What the container says is left as it is: it
    /// sees no folder of the host, and `/data/input.csv` is its own.
    pub fn scrub(&self, text: &str) -> String {
        self.scrubber().scrub(text)
    }

    /// The same for a text that comes piece by piece.
    pub fn scrubber(&self) -> Scrubber<'_> {
        Scrubber { invocation: self, over: Cell::new(false) }
    }

    fn scrubbed(&self, line: &str) -> String {
        let (path, name) = (&self.path, &self.image);
        let folder = path.strip_suffix(name.as_str()).unwrap_or_default().trim_end_matches('/');
        let line = line.replace(path.as_str(), name);
        without_session(if folder.len() > 1 { replace_folder(&line, folder) } else { line })
    }
}

/// Takes out of the pieces of one stderr, whole lines as a rule, what visitors must not see.
pub struct Scrubber<'a> {
    invocation: &'a Invocation,
    /// What follows a runtime's last words is its own, too.
    over: Cell<bool>,
}

impl Scrubber<'_> {
    /// The next piece.
    pub fn scrub(&self, piece: &str) -> String {
        let scrub = |line: &str| {
            let speaks = Speaker::of(line);
            if speaks == Speaker::RuntimeGivesUp {
                self.over.set(true);
            }
            let runtime = self.over.get() || speaks == Speaker::Runtime;
            if runtime { self.invocation.scrubbed(line) } else { line.to_owned() }
        };
        piece.split_inclusive('\n').map(scrub).collect()
    }
}

/// Who says a line of stderr.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Container,
    /// The runtime, which goes on.
    Runtime,
    /// The runtime, which runs nothing (any more): nothing of a container follows.
    RuntimeGivesUp,
}

impl Speaker {
    /// A runtime's log lines begin with a level, which is filled up to nine characters (`ERROR:   `; its starter writes
    /// `ERROR  : `) and may be coloured. A program in a container that says `ERROR: …` or `ERROR:root:…` does not.
    fn of(line: &str) -> Speaker {
        const LEVELS: [&str; 9] = [
            "FATAL:   ",
            "FATAL  : ",
            "ERROR:   ",
            "ERROR  : ",
            "WARNING: ",
            "INFO:    ",
            "INFO   : ",
            "DEBUG:   ",
            "DEBUG  : ",
        ];
        let plain = without_colour(line);
        let level = LEVELS.iter().find(|level| plain.starts_with(**level));
        match level {
            Some(level) if level.starts_with("FATAL") => Speaker::RuntimeGivesUp,
            Some(_) => Speaker::Runtime,
            // its command line
            None if plain.starts_with("Error for command \"") => Speaker::RuntimeGivesUp,
            None => Speaker::Container,
        }
    }
}

/// Whether a line of stderr is the last of a runtime that runs nothing.
pub fn gives_up(line: &str) -> bool {
    Speaker::of(line) == Speaker::RuntimeGivesUp
}

/// The text without escape sequences that set colours (ECMA-48 SGR: `ESC [ … m`).
fn without_colour(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let parameters = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        plain.push_str(parameters.strip_prefix('m').unwrap_or(piece));
    }
    plain
}

/// A line without the place where the runtime mounts a container:
/// `/…/mnt/session/dev` becomes `/dev`.
fn without_session(line: String) -> String {
    const SESSION: &str = "/mnt/session";
    let mut rest = line.as_str();
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once(SESSION) {
        let ends = |c: char| c.is_whitespace() || "\"'`:,;=>()[]".contains(c);
        kept.push_str(before.rfind(ends).and_then(|at| before.get(..=at)).unwrap_or_default());
        rest = after;
    }
    kept + rest
}

/// Replaces a folder where its name ends there, and not in `/database` for
/// `/data`.
fn replace_folder(text: &str, folder: &str) -> String {
    let mut pieces = text.split(folder);
    let mut replaced = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let goes_on = piece.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
        replaced.push_str(if goes_on { folder } else { "the data folder" });
        replaced.push_str(piece);
    }
    replaced
}

/// A run as people type it: `apptainer run hello-name.sif --name Amy`.
pub fn command(runtime: &Runtime, image: &str, app: Option<&str>, given: &[String]) -> String {
    let mut words = vec![runtime.name(), "run".to_owned()];
    words.extend(app.into_iter().flat_map(|app| ["--app".to_owned(), app.to_owned()]));
    words.push(image.to_owned());
    words.extend_from_slice(given);
    shell_quoted(&words)
}

/// Words as a line that a POSIX shell reads back as the same words, and zsh too: there `=ls` is the path of `ls`.
pub fn shell_quoted(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+,@%".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn invocation(launcher: &[&str], network: Network, app: Option<&str>) -> Invocation {
        let runtime = Runtime::at(Path::new("/usr/bin/apptainer"));
        let given = words(&["--name", "Amy", "--age", "-5"]);
        let image = ("x.sif", Path::new("/srv/data/x.sif"));
        let limits = Limits {
            deadline: std::time::Duration::from_secs(1),
            output: 1,
            memory: None,
            processes: None,
            cpus: None,
            user_namespace: None,
        };
        let options = InvocationOptions {
            runtime: &runtime,
            host: &Host::all(""),
            limits,
            network,
            launcher: &words(launcher),
            locale: false,
        };
        Invocation::new(&options, image, app, (&given, &given))
    }

    #[test]
    fn flags_then_image_then_arguments() {
        let plain = invocation(&[], Network::None, None);
        assert_eq!(plain.order.program, Path::new("/usr/bin/apptainer"));
        let at = plain.order.arguments.iter().position(|word| word == "/srv/data/x.sif").unwrap();
        assert_eq!(plain.order.arguments[at + 1..], words(&["--name", "Amy", "--age", "-5"]));
        assert!(plain.order.arguments[..at].join(" ").contains("--net --network none"));
        assert_eq!(plain.shown, "apptainer run x.sif --name Amy --age -5");
        let host = invocation(&[], Network::Host, Some("hello"));
        assert!(!host.order.arguments.contains(&"--net".to_owned()));
        assert!(host.order.arguments.join(" ").contains("--app hello /srv/data/x.sif"));
        assert_eq!(host.shown, "apptainer run --app hello x.sif --name Amy --age -5");
    }

    #[test]
    fn a_launcher_stands_in_front() {
        let carried = invocation(&["/usr/bin/srun", "-n1"], Network::None, None);
        assert!(!carried.order.filtered && invocation(&[], Network::None, None).order.filtered);
        assert_eq!(carried.order.program, Path::new("/usr/bin/srun"));
        assert_eq!(carried.order.arguments[..3], words(&["-n1", "/usr/bin/apptainer", "--quiet"]));
    }

    #[test]
    fn paths_do_not_reach_visitors() {
        let scrub = |text: &str| invocation(&[], Network::None, None).scrub(text);
        for (said, shown) in [
            (
                "FATAL:   could not open image /srv/data/x.sif: in /srv/data: no",
                "FATAL:   could not open image x.sif: in the data folder: no",
            ),
            (
                "\u{1b}[91mERROR  : mount /usr/lib/a/mnt/session/dev->/usr/lib/a/mnt/session/x error\n",
                "\u{1b}[91mERROR  : mount /dev->/x error\n",
            ),
            ("\u{1b}[33mWARNING:\u{1b}[0m /srv/data/x.sif\n", "\u{1b}[33mWARNING:\u{1b}[0m x.sif\n"),
            (
                "a /srv/data\nFATAL:   /srv/data/x.sif\nfuse: /srv/data",
                "a /srv/data\nFATAL:   x.sif\nfuse: the data folder",
            ),
            (
                "Error for command \"run\": no /srv/data/x.sif\nUsage /srv/data",
                "Error for command \"run\": no x.sif\nUsage the data folder",
            ),
            ("WARNING: /srv/data/x.sif\nb /srv/data", "WARNING: x.sif\nb /srv/data"),
        ] {
            assert_eq!(scrub(said), shown);
        }
        let mut inner = invocation(&[], Network::None, None);
        (inner.image, inner.path) = ("lab/x.sif".to_owned(), "/srv/data/lab/x.sif".to_owned());
        assert_eq!(
            inner.scrub("FATAL:   /srv/data/lab/x.sif in /srv/data/lab, /srv/data"),
            "FATAL:   lab/x.sif in the data folder/lab, the data folder"
        );
        for own in [
            "in /a/mnt/session/dev",
            "open /srv/data/x.sif",
            "cannot read /srv/data/input.csv",
            "INFORMATION /srv/data",
            "ERROR: cannot read /srv/data/input.csv",
            "ERROR:root:/srv/data",
            "INFO: /srv/data",
            "Error: /srv/data",
        ] {
            assert_eq!(scrub(own), own);
        }
        assert_eq!(replace_folder("/data/x /database /data", "/data"), "the data folder/x /database the data folder");
    }

    #[test]
    fn quoting_survives_a_shell() {
        for (word, quoted) in [
            ("a", "a"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$(id)", "'$(id)'"),
            ("ä", "'ä'"),
            ("=ls", "'=ls'"),
            ("a=~", "'a=~'"),
        ] {
            assert_eq!(shell_quoted(&words(&[word])), quoted);
        }
    }
}
