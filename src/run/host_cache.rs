//! What is known of this host, kept in the state folder: read, found out, found out again.
//!
//! In: a runtime, the state folder, and the features that a run needs. Out: a [`Host`] in which all of these are known, or why
//! nothing may run. What is kept lies in a file that is named by (a hash of) what it depends on: the runtime's path, inode
//! and mtime, the boot, and this program. *Unknown* is never kept: whoever needs to know asks again. Deleting the file costs
//! one more look.
//!
//! One asks at a time, over all processes of the site, by a lock; the others wait for the answer, 5 s at most.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::host::Host;
use super::host_feature::HostFeature;
use super::runtime::{Runtime, RuntimeError};
use super::runtime_probe;
use super::state_file;

/// How long a run waits for what it needs to know.
const TIMEOUT: Duration = Duration::from_secs(5);
/// After a runtime has refused to run anything, the next question comes so much later.
const PAUSE: Duration = Duration::from_secs(10);
/// What is younger was asked about the runtime as it is now.
const FRESH: Duration = Duration::from_secs(60);
/// How often somebody looks who waits for an answer.
const LOOK: Duration = Duration::from_millis(20);
/// The lock of whoever asks.
const LOCK: &str = "probe.lock";

/// The kept answers of one runtime on this host.
#[derive(Clone, Copy, Debug)]
pub struct HostCache<'a> {
    runtime: &'a Runtime,
    state: &'a Path,
}

impl<'a> HostCache<'a> {
    /// What is kept of this runtime in this state folder.
    pub fn new(runtime: &'a Runtime, state: &'a Path) -> HostCache<'a> {
        HostCache { runtime, state }
    }

    /// What is kept, else what is found out now (and then kept). Refused where something in `needed` stays unknown, or
    /// after 5 s: then the questions go on, for whoever comes next ([`finish`]).
    pub fn get(self, needed: &[HostFeature]) -> Result<Host, RuntimeError> {
        let until = Instant::now() + TIMEOUT;
        let known = || self.recorded().filter(|found| found.not_known(needed).is_none());
        loop {
            if let Some(found) = known() {
                return Ok(found);
            }
            if let Some(lock) = self.probe_lock()? {
                // whoever had the lock may have found it out since
                if let Some(found) = known() {
                    return Ok(found);
                }
                let left = until.saturating_duration_since(Instant::now());
                let found = self.ask(lock).recv_timeout(left).unwrap_or(Err(RuntimeError::Asking))?;
                return match found.not_known(needed) {
                    Some((feature, why)) => Err(RuntimeError::Unknown(feature, why)),
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
    pub fn renew(self) -> Result<Host, RuntimeError> {
        let until = Instant::now() + 2 * TIMEOUT;
        loop {
            if let Some(_lock) = self.probe_lock()? {
                return self.find_out();
            }
            if Instant::now() >= until {
                return Err(RuntimeError::Asking);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What is kept; starts no process.
    pub fn recorded(self) -> Option<Host> {
        read(&self.file("features"))
    }

    /// Whether somebody is asking at this moment; starts no process.
    pub fn is_probing(self) -> bool {
        state_file::open_existing(&self.state.join(LOCK))
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Why the last questions had no answer, if it is so; starts no process.
    pub fn last_error(self) -> Option<RuntimeError> {
        read::<Unanswered>(&self.file("refusal")).map(|why| why.error(self.runtime))
    }

    /// Somebody has seen the runtime refuse a run: what is kept of it is asked again, unless it is of this minute.
    pub fn invalidate(self) {
        let path = self.file("features");
        if state_file::age(&path).is_some_and(|age| age > FRESH) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Asks; the caller holds the lock.
    fn find_out(self) -> Result<Host, RuntimeError> {
        let (features, refusal) = (self.file("features"), self.file("refusal"));
        let asked = runtime_probe::ask(self.runtime, self.state);
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

    /// Lets a thread ask, so that nobody waits longer than it wants to. A runtime that has just refused is not asked.
    fn ask(self, lock: File) -> Receiver<Result<Host, RuntimeError>> {
        let (send, answer) = mpsc::channel();
        let refusal = self.file("refusal");
        let just_refused = state_file::age(&refusal).filter(|age| *age < PAUSE).and_then(|_| read(&refusal));
        if let Some(refused @ Unanswered::Refuses(_)) = just_refused {
            let _ = send.send(Err(refused.error(self.runtime)));
            return answer;
        }
        let (runtime, state) = (self.runtime.clone(), self.state.to_owned());
        let work = move || {
            let asked = HostCache { runtime: &runtime, state: &state }.find_out();
            drop(lock);
            // whoever asked may have gone
            let _ = send.send(asked);
        };
        let mut asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
        asking.retain(|thread| !thread.is_finished());
        // without a thread the sender is dropped, and the caller is told to come again
        asking.extend(std::thread::Builder::new().name("probe".to_owned()).spawn(work));
        answer
    }

    fn probe_lock(self) -> Result<Option<File>, RuntimeError> {
        probe_lock(self.state).map_err(|error| RuntimeError::Lock(self.state.join(LOCK), error.to_string()))
    }

    /// Named by all that an answer depends on.
    fn file(self, what: &str) -> PathBuf {
        let identity = |path: &Path| path.metadata().map_or((0, 0), |metadata| (metadata.ino(), metadata.mtime()));
        let runtime = self.runtime.path();
        let (inode, mtime) = identity(runtime);
        // what is asked differs from one version of ours to the next
        let (own_inode, own_mtime) = identity(Path::new("/proc/self/exe"));
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        // a hash, because a path may be longer than a file's name
        let mut hash = Sha256::new();
        hash.update(format!("{own_inode} {own_mtime} {} {inode} {mtime} ", boot.trim()));
        hash.update(runtime.as_os_str().as_encoded_bytes());
        let hash: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.state.join(format!("{what}-{hash}.json"))
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
    Unknown(HostFeature, String),
}

impl Unanswered {
    fn of(asked: &Result<Host, RuntimeError>) -> Option<Unanswered> {
        match asked {
            Ok(found) => found.not_known(&HostFeature::ALL).map(|(feature, why)| Unanswered::Unknown(feature, why)),
            Err(RuntimeError::Unknown(feature, why)) => Some(Unanswered::Unknown(*feature, why.clone())),
            Err(RuntimeError::Refuses(_, why)) => Some(Unanswered::Refuses(why.clone())),
            Err(RuntimeError::Broken(_, why)) => Some(Unanswered::Fails(why.clone())),
            Err(error) => Some(Unanswered::Fails(error.to_string())),
        }
    }

    fn error(self, runtime: &Runtime) -> RuntimeError {
        match self {
            Unanswered::Refuses(why) => RuntimeError::Refuses(runtime.path().to_owned(), why),
            Unanswered::Fails(why) => RuntimeError::Broken(runtime.path().to_owned(), why),
            Unanswered::Unknown(feature, why) => RuntimeError::Unknown(feature, why),
        }
    }
}

/// Threads that ask.
static ASKING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

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
fn probe_lock(state: &Path) -> io::Result<Option<File>> {
    let path = state.join(LOCK);
    let file = state_file::open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(state_file::is_at(&file, &path).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&state_file::read(path).ok()?).ok()
}

/// The caller holds the lock.
fn record(path: &Path, what: &impl Serialize) -> io::Result<()> {
    state_file::replace(path, &serde_json::to_vec(what)?)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::run::Finding;

    #[test]
    fn yes_and_no_are_kept_and_unknown_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::at(Path::new("/usr/bin/apptainer"));
        let cache = HostCache::new(&runtime, folder.path());
        let found = Host::all("x")
            .with(HostFeature::Fuse, Finding::No("none".to_owned()))
            .with(HostFeature::NetworkNamespaces, Finding::Unknown("late".to_owned()));
        record(&cache.file("features"), &found.answered()).unwrap();
        let kept = cache.recorded().unwrap();
        assert_eq!(kept, found.answered());
        assert_eq!(kept.finding(HostFeature::NetworkNamespaces), Finding::Unknown("nobody has asked yet".to_owned()));
    }

    /// A path may be much longer than a name (limits.h, NAME_MAX): what cannot be kept would be asked again by every run.
    #[test]
    fn what_is_known_of_a_runtime_with_a_long_path_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let at = |end: &str| Runtime::at(Path::new(&format!("/opt/{}/{end}", "sub-folder/".repeat(40))));
        let (one, other) = (at("apptainer"), at("singularity"));
        let cache = HostCache::new(&one, folder.path());
        record(&cache.file("features"), &Host::all("x")).unwrap();
        assert_eq!(cache.recorded(), Some(Host::all("x")));
        assert_eq!(HostCache::new(&other, folder.path()).recorded(), None, "each has a file of its own");
    }

    #[test]
    fn who_does_not_have_the_turn_waits_and_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let held = probe_lock(folder.path()).unwrap();
        assert!(held.is_some() && probe_lock(folder.path()).unwrap().is_none());
        // a lock whose file is gone is no lock, and keeps nobody else from one
        std::fs::remove_file(folder.path().join("probe.lock")).unwrap();
        assert!(probe_lock(folder.path()).unwrap().is_some());
        drop(held);
    }

    #[test]
    fn a_doubted_record_of_this_minute_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::at(Path::new("/usr/bin/apptainer"));
        let cache = HostCache::new(&runtime, folder.path());
        let path = cache.file("features");
        record(&path, &Host::all("x")).unwrap();
        cache.invalidate();
        assert!(path.exists());
        // a time of the future is a clock that was set back, and no young record
        for old in [SystemTime::now() - 2 * FRESH, SystemTime::now() + 2 * FRESH] {
            record(&path, &Host::all("x")).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
            cache.invalidate();
            assert!(!path.exists());
        }
    }
}
