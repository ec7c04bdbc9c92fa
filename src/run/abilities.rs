//! What this host and its runtime can do, found out once and written down.
//!
//! The finding is a file in the state folder, named by what it depends on:
//! the runtime's path, inode and mtime, the boot, and this program's version.
//! Deleting it costs one more look. A runtime that does not answer is not
//! written down.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::ability::Ability;
use super::family::ends_within;
use super::invocation::ENVIRONMENT;
use super::keeper::{COMMAND, TRY_CELL, TRY_FILTER};
use super::runtime::{Runtime, RuntimeError};

/// How long the runtime, or a trial, may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const MAX_ANSWER: u64 = 4096;

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Abilities {
    /// What the runtime calls itself: `apptainer version 1.4.5`.
    pub version: String,
    /// What does not hold here, each with the reason.
    pub missing: Vec<(Ability, String)>,
}

impl Abilities {
    /// A host where everything holds.
    pub fn all(version: &str) -> Abilities {
        Abilities { version: version.to_owned(), missing: Vec::new() }
    }

    /// Whether this holds here.
    pub fn has(&self, ability: Ability) -> bool {
        self.missing.iter().all(|(missing, _)| *missing != ability)
    }

    /// What is written down, else what is found out now (and then written down).
    pub fn of(runtime: &Runtime, state: &Path) -> Result<Abilities, RuntimeError> {
        if let Some(known) = Abilities::recorded(runtime, state) {
            return Ok(known);
        }
        Abilities::renew(runtime, state)
    }

    /// What is found out now; it replaces what is written down.
    pub fn renew(runtime: &Runtime, state: &Path) -> Result<Abilities, RuntimeError> {
        let found = Abilities::probe(runtime)?;
        // where it cannot be written, the disk is full say, the next one looks again
        let _ = found.record(&file(runtime, state));
        Ok(found)
    }

    /// What is written down; starts no process.
    pub fn recorded(runtime: &Runtime, state: &Path) -> Option<Abilities> {
        let mut text = Vec::new();
        let file = std::fs::File::open(file(runtime, state)).ok()?;
        file.take(64 * 1024).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn record(&self, path: &Path) -> std::io::Result<()> {
        let new = path.with_extension(format!("{}.new", std::process::id()));
        // a draft may be there, of a process that was killed; what two threads mix up is no JSON, and looked at afresh
        let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let written = file.write_all(&serde_json::to_vec(self)?).and_then(|()| std::fs::rename(&new, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&new);
        }
        written
    }

    /// Finds out now.
    pub fn probe(runtime: &Runtime) -> Result<Abilities, RuntimeError> {
        let version: String = match answer(runtime.path(), &["--version"]) {
            Ok(text) => text.lines().next().unwrap_or_default().trim().chars().take(100).collect(),
            Err(Silent::Late) => return Err(RuntimeError::Hangs(runtime.path().to_owned())),
            Err(Silent::Failed(why)) => return Err(RuntimeError::Broken(runtime.path().to_owned(), why)),
        };
        let lacks = |ability: Ability| Some((ability, ability.missing(&version)?));
        let missing = Ability::ALL.into_iter().filter_map(lacks).collect();
        Ok(Abilities { version, missing })
    }
}

impl Ability {
    /// Why this does not hold here; `None` when it does.
    fn missing(self, version: &str) -> Option<String> {
        match self {
            Ability::Release => old(version).then(|| format!("this is `{version}`")),
            Ability::UserNamespaces => unshare(&["--user"]),
            Ability::NetworkNamespaces => unshare(&["--user", "--map-root-user", "--net"]),
            Ability::ProcessNamespaces => unshare(&["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]),
            Ability::Fuse => std::fs::File::options()
                .read(true)
                .write(true)
                .open("/dev/fuse")
                .err()
                .map(|error| format!("/dev/fuse: {error}")),
            // a runtime that is installed setuid could not run behind it
            Ability::Filter => Ability::UserNamespaces.missing(version).or_else(|| trial(TRY_FILTER)),
            Ability::Counting => counting(),
            Ability::Cgroups => cgroups(),
        }
    }
}

/// Whether a runtime that calls itself so is older than the flags we use.
/// Names that are not known count as new.
fn old(version: &str) -> bool {
    let release = version.split_whitespace().last().unwrap_or_default();
    let mut numbers = release.split(['.', '-', '+']).map_while(|number| number.parse::<u32>().ok());
    let Some(release) = numbers.next().zip(numbers.next()) else { return false };
    release < if version.starts_with("apptainer") { (1, 1) } else { (3, 10) }
}

/// Whether a keeper can be in a namespace with counts of its own.
fn counting() -> Option<String> {
    let old = || (release() < (5, 14)).then(|| "the kernel is older than Linux 5.14".to_owned());
    trial(TRY_CELL).or_else(old)
}

/// Why a keeper cannot do this here.
fn trial(word: &str) -> Option<String> {
    match answer(Path::new("/proc/self/exe"), &[COMMAND, word]) {
        Ok(_) => None,
        Err(Silent::Late) => Some("the trial did not end".to_owned()),
        Err(Silent::Failed(why)) => Some(why),
    }
}

/// The kernel's release, as far as two numbers tell.
fn release() -> (u32, u32) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Whether unshare(1) can make these namespaces. Where it is missing, or
/// where AppArmor has a profile for each program, it proves nothing.
fn unshare(flags: &[&str]) -> Option<String> {
    let restricted = std::fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    if restricted.is_ok_and(|text| text.trim() == "1") || !Path::new("/usr/bin/unshare").exists() {
        return None;
    }
    let mut words = flags.to_vec();
    words.extend(["--", "/bin/true"]);
    match answer(Path::new("/usr/bin/unshare"), &words) {
        Ok(_) => None,
        Err(Silent::Late) => Some("unshare(1) did not end".to_owned()),
        Err(Silent::Failed(why)) => Some(why),
    }
}

/// Where a runtime without privilege finds the systemd session that makes its
/// cgroups: two variables that stand for no secret.
pub fn session() -> Vec<(String, String)> {
    let folder = format!("/run/user/{}", rustix::process::geteuid().as_raw());
    let bus = format!("unix:path={folder}/bus");
    vec![("XDG_RUNTIME_DIR".to_owned(), folder), ("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus)]
}

/// The runtime limits by cgroups only with cgroup v2 and a systemd session
/// that makes scopes with limits: systemd-run(1) tries exactly that.
fn cgroups() -> Option<String> {
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        return Some("there is no unified cgroup hierarchy (version 2)".to_owned());
    }
    let trial =
        ["--user", "--scope", "--quiet", "--property=TasksMax=64", "--property=MemoryMax=1G", "--", "/bin/true"];
    match answer_in(Path::new("/usr/bin/systemd-run"), &trial, &session()) {
        Ok(_) => None,
        Err(Silent::Late) => Some("systemd-run(1) did not end".to_owned()),
        Err(Silent::Failed(why)) => Some(format!("no systemd session of this account: {why}")),
    }
}

enum Silent {
    Late,
    Failed(String),
}

fn answer(program: &Path, words: &[&str]) -> Result<String, Silent> {
    answer_in(program, words, &[])
}

/// What a program prints, within bounds.
fn answer_in(program: &Path, words: &[&str], more: &[(String, String)]) -> Result<String, Silent> {
    let failed = |error: &dyn std::fmt::Display| Silent::Failed(error.to_string());
    let mut child = Command::new(program)
        .args(words)
        .env_clear()
        .envs(ENVIRONMENT)
        .envs(more.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&error))?;
    let pid = Pid::from_child(&child);
    let ended = ends_within(pid, PATIENCE);
    // whatever it left behind must not keep the pipes open
    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    if !ended {
        let _ = child.wait();
        return Err(Silent::Late);
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    let mut out = String::new();
    let mut err = String::new();
    if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
        let _ = stdout.take(MAX_ANSWER).read_to_string(&mut out);
        let _ = stderr.take(MAX_ANSWER).read_to_string(&mut err);
    }
    if status.success() { Ok(out) } else { Err(Silent::Failed(format!("{status}: {}", err.trim()))) }
}

/// Named by all that the finding depends on.
fn file(runtime: &Runtime, state: &Path) -> PathBuf {
    let identity = |path: &Path| path.metadata().map_or((0, 0), |facts| (facts.ino(), facts.mtime()));
    let (inode, mtime) = identity(runtime.path());
    // what is tried differs from one version of ours to the next
    let (own_inode, own_mtime) = identity(Path::new("/proc/self/exe"));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let path: String = runtime.path().to_string_lossy().chars().map(|c| if c == '/' { '+' } else { c }).collect();
    state.join(format!("abilities-{own_inode}-{own_mtime}-{}-{inode}-{mtime}-{path}.json", boot.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_written_down_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::at(Path::new("/bin/true"));
        assert_eq!(Abilities::recorded(&runtime, folder.path()), None);
        let found = Abilities::of(&runtime, folder.path()).unwrap();
        assert_eq!(Abilities::recorded(&runtime, folder.path()), Some(found));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_runtime_that_fails_or_hangs_is_named_and_not_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let broken = Abilities::of(&Runtime::at(Path::new("/bin/false")), folder.path());
        assert!(matches!(broken, Err(RuntimeError::Broken(..))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn old_runtimes_are_told_by_their_version() {
        for (version, expected) in [
            ("apptainer version 1.4.5", false),
            ("apptainer version 1.1.0-1.el9", false),
            ("apptainer version 1.0.3", true),
            ("singularity-ce version 4.1.0-jammy", false),
            ("singularity-ce version 3.9.9", true),
            ("singularity version 3.8.7", true),
            ("2.6.1-dist", true),
            ("stub", false),
            ("", false),
        ] {
            assert_eq!(old(version), expected, "{version}");
        }
    }

    #[test]
    fn words_are_unique() {
        let words: std::collections::HashSet<&str> = Ability::ALL.iter().map(|ability| ability.word()).collect();
        assert_eq!(words.len(), Ability::ALL.len());
    }
}
