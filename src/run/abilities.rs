//! What this host and its runtime can do: yes, no, or not known.
//!
//! *Yes* and *no* are answers of the kernel or of the runtime, and are kept in a file of the state folder, named by what
//! they depend on: the runtime's path, inode and mtime, the boot, and this program. *Unknown* is what came of a question
//! that was not answered (too slow, killed, no memory): it is never kept, it is no *no*, and a run that needs to know is
//! refused until somebody has asked again. Deleting the file costs one more look.
//!
//! One asks at a time, over all processes of the site, by a lock; the others wait for the answer, 5 s at most.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::ability::Ability;
use super::offered::Offered;
use super::probe;
use super::runtime::{Runtime, RuntimeError};
use super::state_file;

/// How long a run waits for what it needs to know.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one question may take: a run that waits hears of a runtime that hangs.
pub const QUESTION: Duration = Duration::from_secs(4);
/// After a runtime has refused to run anything, the next question comes so much later.
const PAUSE: Duration = Duration::from_secs(10);
/// What is younger was asked about the runtime as it is now.
const FRESH: Duration = Duration::from_secs(60);
/// How often somebody looks who waits for an answer.
const LOOK: Duration = Duration::from_millis(20);
/// The lock of whoever asks.
const TURN: &str = "probe.lock";

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It holds here.
    Yes,
    /// It does not, for this reason.
    No(String),
    /// The question was not answered, for this reason.
    Unknown(String),
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Abilities {
    /// What the runtime calls itself: `apptainer version 1.4.5`.
    pub version: String,
    /// The flags that it offers.
    pub offered: Offered,
    /// What is known. An ability that is not in it is unknown.
    findings: Vec<(Ability, Finding)>,
}

impl Abilities {
    /// A host of which nothing is known.
    pub fn unknown(version: &str, offered: Offered) -> Abilities {
        Abilities { version: version.to_owned(), offered, findings: Vec::new() }
    }

    /// A host where everything holds.
    pub fn all(version: &str) -> Abilities {
        let findings = Ability::ALL.map(|ability| (ability, Finding::Yes)).to_vec();
        Abilities { findings, ..Abilities::unknown(version, Offered::all()) }
    }

    /// The same with another finding.
    pub fn with(mut self, ability: Ability, finding: Finding) -> Abilities {
        self.findings.retain(|(known, _)| *known != ability);
        self.findings.push((ability, finding));
        self
    }

    /// What is known of it.
    pub fn finding(&self, ability: Ability) -> Finding {
        let found = self.findings.iter().find(|(known, _)| *known == ability);
        found.map_or(Finding::Unknown("nobody has asked yet".to_owned()), |(_, finding)| finding.clone())
    }

    /// Whether this is known to hold here.
    pub fn has(&self, ability: Ability) -> bool {
        self.finding(ability) == Finding::Yes
    }

    /// Why it is known not to hold here.
    pub fn lacks(&self, ability: Ability) -> Option<String> {
        match self.finding(ability) {
            Finding::No(why) => Some(why),
            Finding::Yes | Finding::Unknown(_) => None,
        }
    }

    /// The first of these that is not known, and why.
    fn not_known(&self, needed: &[Ability]) -> Option<(Ability, String)> {
        needed.iter().find_map(|ability| match self.finding(*ability) {
            Finding::Unknown(why) => Some((*ability, why)),
            Finding::Yes | Finding::No(_) => None,
        })
    }

    /// What is kept, else what is found out now (and then kept). Refused where something in `needed` stays unknown, or
    /// after 5 s: then the questions go on, for whoever comes next ([`finish`]).
    pub fn of(runtime: &Runtime, state: &Path, needed: &[Ability]) -> Result<Abilities, RuntimeError> {
        let until = Instant::now() + PATIENCE;
        let known = || Abilities::recorded(runtime, state).filter(|found| found.not_known(needed).is_none());
        loop {
            if let Some(found) = known() {
                return Ok(found);
            }
            if let Some(turn) = turn(state) {
                // whoever had the turn may have found it out since
                if let Some(found) = known() {
                    return Ok(found);
                }
                let left = until.saturating_duration_since(Instant::now());
                let found = ask(turn, runtime, state).recv_timeout(left).unwrap_or(Err(RuntimeError::Asking))?;
                return match found.not_known(needed) {
                    Some((ability, why)) => Err(RuntimeError::Unknown(ability, why)),
                    None => Ok(found),
                };
            }
            if Instant::now() >= until {
                return Err(RuntimeError::Asking);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What is found out now; it replaces what is kept.
    pub fn renew(runtime: &Runtime, state: &Path) -> Result<Abilities, RuntimeError> {
        let until = Instant::now() + 2 * PATIENCE;
        loop {
            if let Some(_turn) = turn(state) {
                return Abilities::find_out(runtime, state);
            }
            if Instant::now() >= until {
                return Err(RuntimeError::Asking);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What is kept; starts no process.
    pub fn recorded(runtime: &Runtime, state: &Path) -> Option<Abilities> {
        read(&file(runtime, state, "features"))
    }

    /// Whether somebody is asking at this moment; starts no process.
    pub fn is_asked(state: &Path) -> bool {
        state_file::open_existing(&state.join(TURN))
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Why the last questions had no answer, if it is so; starts no process.
    pub fn refusal(runtime: &Runtime, state: &Path) -> Option<RuntimeError> {
        read::<Unanswered>(&file(runtime, state, "refusal")).map(|why| why.error(runtime))
    }

    /// Somebody has seen the runtime refuse a run: what is kept of it is asked again, unless it is of this minute.
    pub fn doubt(runtime: &Runtime, state: &Path) {
        let path = file(runtime, state, "features");
        if age(&path).is_some_and(|age| age > FRESH) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Asks; the caller has the turn.
    fn find_out(runtime: &Runtime, state: &Path) -> Result<Abilities, RuntimeError> {
        let (features, refusal) = (file(runtime, state, "features"), file(runtime, state, "refusal"));
        let asked = probe::ask(runtime, state);
        // where it cannot be kept, the disk is full say, the next one asks again
        let _ = match &asked {
            Ok(found) => record(&features, &found.answered()),
            Err(_) => std::fs::remove_file(&features),
        };
        let _ = match Unanswered::of(&asked) {
            Some(why) => record(&refusal, &why),
            None => std::fs::remove_file(&refusal),
        };
        asked
    }

    /// Without what is not known.
    fn answered(&self) -> Abilities {
        let mut answered = self.clone();
        answered.findings.retain(|(_, finding)| !matches!(finding, Finding::Unknown(_)));
        answered
    }
}

/// What came of questions that had no answer.
#[derive(Debug, Serialize, Deserialize)]
enum Unanswered {
    /// The runtime runs nothing of ours, in its own words.
    Refuses(String),
    /// The runtime did not answer at all.
    Fails(String),
    /// Something else, which may pass.
    Unknown(Ability, String),
}

impl Unanswered {
    fn of(asked: &Result<Abilities, RuntimeError>) -> Option<Unanswered> {
        match asked {
            Ok(found) => found.not_known(&Ability::ALL).map(|(ability, why)| Unanswered::Unknown(ability, why)),
            Err(RuntimeError::Unknown(ability, why)) => Some(Unanswered::Unknown(*ability, why.clone())),
            Err(RuntimeError::Refuses(_, why)) => Some(Unanswered::Refuses(why.clone())),
            Err(RuntimeError::Broken(_, why)) => Some(Unanswered::Fails(why.clone())),
            Err(error) => Some(Unanswered::Fails(error.to_string())),
        }
    }

    fn error(self, runtime: &Runtime) -> RuntimeError {
        match self {
            Unanswered::Refuses(why) => RuntimeError::Refuses(runtime.path().to_owned(), why),
            Unanswered::Fails(why) => RuntimeError::Broken(runtime.path().to_owned(), why),
            Unanswered::Unknown(ability, why) => RuntimeError::Unknown(ability, why),
        }
    }
}

/// Threads that ask.
static ASKING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Lets a thread ask, so that nobody waits longer than it wants to. A runtime that has just refused is not asked.
fn ask(turn: File, runtime: &Runtime, state: &Path) -> Receiver<Result<Abilities, RuntimeError>> {
    let (send, answer) = mpsc::channel();
    let (runtime, state) = (runtime.clone(), state.to_owned());
    let refusal = file(&runtime, &state, "refusal");
    let just_refused = age(&refusal).filter(|age| *age < PAUSE).and_then(|_| read(&refusal));
    if let Some(refused @ Unanswered::Refuses(_)) = just_refused {
        let _ = send.send(Err(refused.error(&runtime)));
        return answer;
    }
    let work = move || {
        let asked = Abilities::find_out(&runtime, &state);
        drop(turn);
        // whoever asked may have gone
        let _ = send.send(asked);
    };
    let mut asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    asking.retain(|thread| !thread.is_finished());
    // without a thread the sender is dropped, and the caller is told to come again
    asking.extend(std::thread::Builder::new().name("probe".to_owned()).spawn(work));
    answer
}

/// Waits for questions that are under way, after `before`: a process that answers one request does so before it ends.
pub fn finish(before: impl FnOnce()) {
    let asking = std::mem::take(&mut *ASKING.lock().unwrap_or_else(PoisonError::into_inner));
    if asking.is_empty() {
        return;
    }
    before();
    for thread in asking {
        let _ = thread.join();
    }
}

/// The right to ask, until it is dropped; `None` while somebody else asks.
fn turn(state: &Path) -> Option<File> {
    let path = state.join(TURN);
    let file = state_file::open(&path).ok()?;
    match file.try_lock() {
        Ok(()) => state_file::is_at(&file, &path).then_some(file),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&state_file::read(path).ok()?).ok()
}

/// The caller has the turn.
fn record(path: &Path, what: &impl Serialize) -> std::io::Result<()> {
    state_file::replace(path, &serde_json::to_vec(what)?)
}

/// How old a file is. One of the future is as old as can be: the clock was set back since, and nobody knows by how much.
fn age(path: &Path) -> Option<Duration> {
    let modified = path.metadata().ok()?.modified().ok()?;
    Some(SystemTime::now().duration_since(modified).unwrap_or(Duration::MAX))
}

/// Named by all that an answer depends on.
fn file(runtime: &Runtime, state: &Path, what: &str) -> PathBuf {
    let identity = |path: &Path| path.metadata().map_or((0, 0), |facts| (facts.ino(), facts.mtime()));
    let (inode, mtime) = identity(runtime.path());
    // what is asked differs from one version of ours to the next
    let (own_inode, own_mtime) = identity(Path::new("/proc/self/exe"));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let path: String = runtime.path().to_string_lossy().chars().map(|c| if c == '/' { '+' } else { c }).collect();
    state.join(format!("{what}-{own_inode}-{own_mtime}-{}-{inode}-{mtime}-{path}.json", boot.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> Runtime {
        Runtime::at(Path::new("/usr/bin/apptainer"))
    }

    #[test]
    fn yes_and_no_are_kept_and_unknown_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&runtime(), folder.path(), "features");
        let found = Abilities::all("x")
            .with(Ability::Fuse, Finding::No("none".to_owned()))
            .with(Ability::NetworkNamespaces, Finding::Unknown("late".to_owned()));
        record(&path, &found.answered()).unwrap();
        let kept = Abilities::recorded(&runtime(), folder.path()).unwrap();
        assert_eq!(kept.lacks(Ability::Fuse), Some("none".to_owned()));
        assert!(kept.has(Ability::UserNamespaces));
        assert!(!kept.has(Ability::NetworkNamespaces), "unknown is no yes");
        assert_eq!(kept.lacks(Ability::NetworkNamespaces), None, "unknown is no no");
        let not_known = kept.not_known(&[Ability::Fuse, Ability::NetworkNamespaces]).map(|(ability, _)| ability);
        assert_eq!(not_known, Some(Ability::NetworkNamespaces));
        assert_eq!(kept.not_known(&[Ability::Fuse]), None);
    }

    #[test]
    fn who_does_not_have_the_turn_waits_and_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let held = turn(folder.path()).unwrap();
        assert!(turn(folder.path()).is_none());
        // a lock whose file is gone is no turn, and keeps nobody else from one
        std::fs::remove_file(folder.path().join("probe.lock")).unwrap();
        assert!(turn(folder.path()).is_some());
        drop(held);
    }

    #[test]
    fn a_doubted_record_of_this_minute_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&runtime(), folder.path(), "features");
        record(&path, &Abilities::all("x")).unwrap();
        Abilities::doubt(&runtime(), folder.path());
        assert!(path.exists());
        // a time of the future is a clock that was set back, and no young record
        for old in [SystemTime::now() - 2 * FRESH, SystemTime::now() + 2 * FRESH] {
            record(&path, &Abilities::all("x")).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
            Abilities::doubt(&runtime(), folder.path());
            assert!(!path.exists());
        }
    }

    #[test]
    fn words_are_unique() {
        let words: std::collections::HashSet<&str> = Ability::ALL.iter().map(|ability| ability.word()).collect();
        assert_eq!(words.len(), Ability::ALL.len());
    }
}
