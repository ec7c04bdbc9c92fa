//! Image and arguments → [`Invocation`]: exactly what is executed.
//!
//! `<runtime> run <isolation flags> <absolute image path> --name Amy …` as an
//! argv; no shell anywhere. The environment is a fixed list: nothing of the
//! server's environment, and nothing that a visitor sends, is in it.

use std::path::{Path, PathBuf};

use super::abilities::Abilities;
use super::ability::Ability;
use super::limits::Limits;
use super::runtime::Runtime;

/// What a container may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// A network namespace of its own, with nothing in it.
    #[default]
    None,
    /// The host's network.
    Host,
}

/// The whole environment of the runtime. `PATH` finds the helpers of the
/// runtime (squashfuse, fuse2fs); `HOME` must not lead to the account's files.
pub const ENVIRONMENT: [(&str, &str); 3] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/nonexistent"),
    ("LANG", "C.UTF-8"),
];

/// With what a run is made.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// The container runtime.
    pub runtime: &'a Runtime,
    /// What it can do on this host.
    pub abilities: &'a Abilities,
    /// The bounds.
    pub limits: &'a Limits,
    /// What the container may reach.
    pub network: Network,
    /// A command that carries the run elsewhere; may be empty.
    pub launcher: &'a [String],
    /// Whether the image leaves its locale to us.
    pub locale: bool,
}

/// Where a runtime without privilege finds the systemd session that makes its
/// cgroups: two variables that stand for no secret.
pub fn session() -> Vec<(String, String)> {
    let folder = format!("/run/user/{}", rustix::process::geteuid().as_raw());
    let bus = format!("unix:path={folder}/bus");
    vec![("XDG_RUNTIME_DIR".to_owned(), folder), ("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus)]
}

/// A command, ready to be executed.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Absolute path of what is executed.
    pub program: PathBuf,
    /// Its arguments, without the program's own name.
    pub arguments: Vec<String>,
    /// Variables on top of the fixed environment, where the runtime sets limits itself.
    pub session: Vec<(String, String)>,
    /// Whether its system calls are filtered: not those of a launcher, which may need privileges to get elsewhere.
    pub filtered: bool,
    /// Whether it has a process namespace of its own, with an init.
    pub init: bool,
    /// The same for people: `apptainer run hello-name.sif --name Amy`.
    pub shown: String,
    /// What the runtime calls itself: `apptainer version 1.4.5`.
    pub runtime: String,
    /// Text that the runtime may print and visitors must not see, and what
    /// stands for it: the image's path and its name.
    pub secret: (String, String),
}

impl Invocation {
    /// The image's path comes from the catalogue and is absolute, so that it
    /// can be no option of the runtime; whatever follows it belongs to the
    /// container.
    pub fn new(means: &Means<'_>, image: (&str, &Path), app: Option<&str>, given: &[String]) -> Invocation {
        let Means { runtime, abilities, limits, network, launcher, locale } = *means;
        let (name, path) = image;
        let path = path.to_string_lossy().into_owned();
        let mut arguments = runtime.run_flags(network, abilities);
        arguments.extend(limits.flags(abilities));
        if locale && abilities.offered.env {
            // else the runtime's own C, in which programs cannot read or print but ASCII
            arguments.extend(["--env".to_owned(), "LANG=C.UTF-8".to_owned()]);
        }
        if let Some(app) = app {
            arguments.extend(["--app".to_owned(), app.to_owned()]);
        }
        arguments.push(path.clone());
        arguments.extend_from_slice(given);
        let shown = command(runtime, name, app, given);
        let mut program = runtime.path().to_owned();
        if let Some((first, rest)) = launcher.split_first() {
            arguments.insert(0, program.to_string_lossy().into_owned());
            arguments.splice(0..0, rest.iter().cloned());
            program = PathBuf::from(first);
        }
        Invocation {
            program,
            arguments,
            session: if abilities.has(Ability::Cgroups) { session() } else { Vec::new() },
            filtered: launcher.is_empty() && abilities.lacks(Ability::Filter).is_none(),
            init: launcher.is_empty() && limits.cell.is_some() && abilities.lacks(Ability::ProcessTree).is_none(),
            shown,
            runtime: abilities.version.clone(),
            secret: (path, name.to_owned()),
        }
    }

    /// Replaces what visitors must not see, in the runtime's own lines. What the container says is left as it is: it
    /// sees no folder of the host, and `/data/input.csv` is its own.
    pub fn scrub(&self, text: &str) -> String {
        text.split_inclusive('\n').map(|line| self.scrubbed(line)).collect()
    }

    fn scrubbed(&self, line: &str) -> String {
        if !is_of_runtime(line) {
            return line.to_owned();
        }
        let (path, name) = &self.secret;
        let folder = Path::new(path).parent().map(|folder| folder.to_string_lossy()).unwrap_or_default();
        let line = line.replace(path.as_str(), name);
        without_session(if folder.len() > 1 { replace_folder(&line, &folder) } else { line })
    }
}

/// Whether the runtime itself says this: it begins with a level, which may be coloured.
fn is_of_runtime(line: &str) -> bool {
    let plain =
        line.trim_start_matches(|c: char| c == '\u{1b}' || c == '[' || c == ';' || c == 'm' || c.is_ascii_digit());
    ["FATAL", "ERROR", "WARNING", "INFO", "DEBUG"]
        .iter()
        .any(|level| plain.strip_prefix(level).is_some_and(|rest| rest.trim_start_matches(' ').starts_with(':')))
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
            cell: None,
        };
        let means = Means {
            runtime: &runtime,
            abilities: &Abilities::all(""),
            limits: &limits,
            network,
            launcher: &words(launcher),
            locale: false,
        };
        Invocation::new(&means, image, app, &given)
    }

    #[test]
    fn flags_then_image_then_arguments() {
        let plain = invocation(&[], Network::None, None);
        assert_eq!(plain.program, Path::new("/usr/bin/apptainer"));
        let at = plain.arguments.iter().position(|word| word == "/srv/data/x.sif").unwrap();
        assert_eq!(plain.arguments[at + 1..], words(&["--name", "Amy", "--age", "-5"]));
        assert!(plain.arguments[..at].join(" ").contains("--net --network none"));
        assert_eq!(plain.shown, "apptainer run x.sif --name Amy --age -5");
        let host = invocation(&[], Network::Host, Some("hello"));
        assert!(!host.arguments.contains(&"--net".to_owned()));
        assert!(host.arguments.join(" ").contains("--app hello /srv/data/x.sif"));
        assert_eq!(host.shown, "apptainer run --app hello x.sif --name Amy --age -5");
    }

    #[test]
    fn a_launcher_stands_in_front() {
        let carried = invocation(&["/usr/bin/srun", "-n1"], Network::None, None);
        assert!(!carried.filtered && invocation(&[], Network::None, None).filtered);
        assert_eq!(carried.program, Path::new("/usr/bin/srun"));
        assert_eq!(carried.arguments[..3], words(&["-n1", "/usr/bin/apptainer", "--quiet"]));
    }

    #[test]
    fn paths_do_not_reach_visitors() {
        let scrubbed =
            invocation(&[], Network::None, None).scrub("FATAL: could not open image /srv/data/x.sif: in /srv/data: no");
        assert_eq!(scrubbed, "FATAL: could not open image x.sif: in the data folder: no");
        let scrub = |text: &str| invocation(&[], Network::None, None).scrub(text);
        assert_eq!(
            scrub("\u{1b}[91mERROR  : mount /usr/lib/a/mnt/session/dev->/usr/lib/a/mnt/session/x error\n"),
            "\u{1b}[91mERROR  : mount /dev->/x error\n"
        );
        for own in [
            "in /a/mnt/session/dev",
            "open /srv/data/x.sif",
            "cannot read /srv/data/input.csv",
            "INFORMATION /srv/data",
        ] {
            assert_eq!(scrub(own), own);
        }
        assert_eq!(scrub("a\nFATAL:   /srv/data/x.sif\nb /srv/data"), "a\nFATAL:   x.sif\nb /srv/data");
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
