//! Asks the kernel and the runtime what they can do here.
//!
//! In: a runtime, and the state folder, where the probe image is put. Out: [`Host`], with an answer or an
//! *unknown* for each feature. The kernel is asked by this same executable (`supervise try-…`), which enters a user namespace
//! or sets a filter and says how that went. The runtime is asked by runs of a small image with one program that ends
//! with status 0 (`runtime_probe/`, made by `scripts/make-probe-images`): through a supervisor, and with exactly the flags,
//! limits and filter of a visitor's run. A setuid runtime can do what an ordinary account cannot, so the kernel's *no*
//! is not the runtime's.
//!
//! A *no* of the runtime is believed when the same run fails three times and, between that, works without the feature.
//! Only a line in which a runtime tells of an error is a *no*. A run that was killed, came too late, crashed, or failed for
//! want of memory, processes or descriptors says nothing. Nor does one that tries something of which the kernel gave no answer.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::capture::{Answer, TIMEOUT, capture, is_full, is_transient};
use super::handle::Run;
use super::host::{Finding, Host};
use super::host_feature::HostFeature;
use super::invocation::{Invocation, InvocationOptions};
use super::kernel_probe::ask_kernel;
use super::limits::Limits;
use super::outcome::End;
use super::runtime::{Network, Runtime, RuntimeError};
use super::runtime_flags::RuntimeFlags;
use super::state_file;
use super::user_namespace::UserNamespace;

/// How long everything may take.
const ALL: Duration = Duration::from_secs(60);
/// How often a runtime has to refuse before it is believed.
const REFUSALS: usize = 3;
/// Memory of a probe that tries limits, in bytes.
const MEMORY: u64 = 256 << 20;
/// Processes and threads of a probe. A runtime in Go makes threads by the number of processors.
const PROCESSES: u64 = 1024;

/// The image for this processor.
#[cfg(target_arch = "x86_64")]
const IMAGE: Option<&[u8]> = Some(include_bytes!("runtime_probe/x86_64.sqfs"));
#[cfg(target_arch = "aarch64")]
const IMAGE: Option<&[u8]> = Some(include_bytes!("runtime_probe/aarch64.sqfs"));
#[cfg(target_arch = "riscv64")]
const IMAGE: Option<&[u8]> = Some(include_bytes!("runtime_probe/riscv64.sqfs"));
#[cfg(all(target_arch = "powerpc64", target_endian = "little"))]
const IMAGE: Option<&[u8]> = Some(include_bytes!("runtime_probe/powerpc64.sqfs"));
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64",
    all(target_arch = "powerpc64", target_endian = "little")
)))]
const IMAGE: Option<&[u8]> = None;

/// What the runtime is asked about, the least important first: in this order a run goes without.
const ASKED: [HostFeature; 7] = [
    HostFeature::ProcessTree,
    HostFeature::Nesting,
    HostFeature::Cgroups,
    HostFeature::Home,
    HostFeature::NetworkNamespaces,
    HostFeature::ProcessNamespaces,
    HostFeature::UserNamespaces,
];
/// What needs user namespaces: a setuid runtime cannot run behind it.
const UNPRIVILEGED: [HostFeature; 4] =
    [HostFeature::Filter, HostFeature::Counting, HostFeature::Nesting, HostFeature::ProcessTree];

/// Asks everything.
pub fn ask(runtime: &Runtime, state: &Path) -> Result<Host, RuntimeError> {
    let until = Instant::now() + ALL;
    let broken = |answer: Answer| match answer {
        Answer::Text(text) => Ok(text),
        Answer::TimedOut => Err(RuntimeError::Hangs(runtime.path().to_owned())),
        Answer::Refused(why) | Answer::Failed(why) => Err(RuntimeError::Broken(runtime.path().to_owned(), why)),
    };
    let version = broken(capture(runtime.path(), &["--version"], &[]))?;
    let version: String = version.lines().next().unwrap_or_default().trim().chars().take(100).collect();
    let help = broken(capture(runtime.path(), &["help", "run"], &[]))?;
    let breaks_off = || RuntimeError::Broken(runtime.path().to_owned(), "`help run` breaks off".to_owned());
    let offered = RuntimeFlags::of_help(&help).ok_or_else(breaks_off)?;
    let (host, hints) = ask_kernel(Host::unknown(&version, offered));
    let image = put_image(state).map_err(|error| RuntimeError::Broken(runtime.path().to_owned(), error.to_string()))?;
    Probe { runtime, image, hints, until }.ask(host)
}

/// The probe image as a file. A runtime opens its image by path.
fn put_image(state: &Path) -> io::Result<PathBuf> {
    let image = IMAGE.ok_or_else(|| io::Error::other("there is no probe image for this kind of processor"))?;
    let path = std::path::absolute(state)?.join("probe.sqfs");
    if state_file::read(&path).is_ok_and(|there| there == image) {
        return Ok(path);
    }
    state_file::replace(&path, image)?;
    Ok(path)
}

/// The runtime, asked.
struct Probe<'a> {
    runtime: &'a Runtime,
    image: PathBuf,
    /// What the kernel does not give an ordinary account.
    hints: Vec<HostFeature>,
    until: Instant,
}

/// What came of a probe.
enum Attempt {
    Works,
    /// The runtime's own message.
    Refused(String),
    /// Something else kept it from working.
    Unclear(String),
}

impl Probe<'_> {
    /// The host with the answers of the runtime.
    fn ask(&self, host: Host) -> Result<Host, RuntimeError> {
        let open = |feature: &HostFeature| match feature {
            HostFeature::Nesting | HostFeature::Cgroups | HostFeature::ProcessTree => host.has(*feature),
            _ => true,
        };
        let asked: Vec<HostFeature> = ASKED.into_iter().filter(open).collect();
        let mut works = match self.first_that_works(&host, &asked)? {
            Ok(without) => without,
            Err(why) => return Ok(all(host, &asked, &Finding::Unknown(why))),
        };
        let without = works.clone();
        let mut host = all(host, &asked, &Finding::Yes);
        // what a run can go without may work after all: the most important is tried first
        for feature in without.into_iter().rev() {
            match self.without(&host, &asked, &works, feature) {
                Finding::Yes => works.retain(|one| *one != feature),
                finding => host = host.with(feature, finding),
            }
        }
        Ok(behind_setuid(host))
    }

    /// What a run that works goes without; why that is not known.
    fn first_that_works(
        &self,
        host: &Host,
        asked: &[HostFeature],
    ) -> Result<Result<Vec<HostFeature>, String>, RuntimeError> {
        // first without what the kernel does not give; if that is not it, without more and more, beginning with nothing
        let hinted: Vec<HostFeature> = asked.iter().copied().filter(|feature| self.hints.contains(feature)).collect();
        let more = (usize::from(hinted.is_empty())..=asked.len()).map(|count| asked.get(..count).unwrap_or_default());
        let mut message = String::new();
        for without in [&hinted[..]].into_iter().chain(more) {
            match self.run(host, asked, without) {
                Attempt::Works => return Ok(Ok(without.to_vec())),
                Attempt::Unclear(why) => return Ok(Err(why)),
                Attempt::Refused(why) => message = why,
            }
        }
        Err(RuntimeError::Refuses(self.runtime.path().to_owned(), message))
    }

    /// Whether a run that works goes without this feature for good.
    fn without(&self, host: &Host, asked: &[HostFeature], works: &[HostFeature], feature: HostFeature) -> Finding {
        let with: Vec<HostFeature> = works.iter().copied().filter(|one| *one != feature).collect();
        let mut message = String::new();
        // where the kernel says no, too, one more refusal is enough
        let most = if self.hints.contains(&feature) { REFUSALS - 1 } else { REFUSALS };
        for refusals in 1..=most {
            match self.run(host, asked, &with) {
                Attempt::Works => return Finding::Yes,
                Attempt::Unclear(why) => return Finding::Unknown(why),
                Attempt::Refused(why) => message = why,
            }
            let control = (refusals < most).then(|| self.run(host, asked, works));
            if let Some(Attempt::Refused(why) | Attempt::Unclear(why)) = control {
                return Finding::Unknown(why);
            }
        }
        Finding::No(message)
    }

    /// A run of the probe image as a visitor's, without these features.
    fn run(&self, host: &Host, asked: &[HostFeature], without: &[HostFeature]) -> Attempt {
        if Instant::now() >= self.until {
            return Attempt::Unclear("the questions took too long".to_owned());
        }
        let mut host = asked.iter().fold(host.clone(), |host, feature| {
            let gone = without.contains(feature);
            host.with(*feature, if gone { Finding::No(String::new()) } else { Finding::Yes })
        });
        if without.contains(&HostFeature::UserNamespaces) {
            host = behind_setuid(host);
        }
        let limited = host.has(HostFeature::Cgroups);
        let limits = Limits {
            deadline: TIMEOUT,
            output: 4096,
            memory: limited.then_some(MEMORY),
            processes: Some(PROCESSES),
            cpus: limited.then_some(1),
            user_namespace: Limits::user_namespace(&host),
        };
        let options = InvocationOptions {
            runtime: self.runtime,
            host: &host,
            limits,
            network: Network::None,
            launcher: &[],
            locale: true,
        };
        let invocation = Invocation::new(&options, ("probe.sqfs", &self.image), None, (&[], &[]));
        match Run::start(&invocation, &[], None) {
            Err(error) => Attempt::Unclear(error.to_string()),
            Ok(run) => {
                let outcome = run.collect();
                let message = String::from_utf8_lossy(&outcome.stderr).trim().to_owned();
                judged(attempt(&outcome.end, &message, limits.user_namespace), &host)
            }
        }
    }
}

/// A run tries what is not known of the kernel, too: where it does not work, that may be why, and nothing is said of what the
/// runtime was asked about.
fn judged(attempt: Attempt, host: &Host) -> Attempt {
    match (attempt, host.not_known(&UNPRIVILEGED)) {
        (Attempt::Refused(message), Some((feature, why))) => {
            Attempt::Unclear(format!("{}: {why}; {message}", feature.code()))
        }
        (attempt, _) => attempt,
    }
}

/// What an end of the probe image says.
fn attempt(end: &End, message: &str, user_namespace: Option<UserNamespace>) -> Attempt {
    // a runtime that makes more user namespaces than the one that it is allowed is told so by a lack that else passes
    let of_namespace = |message: &str| user_namespace == Some(UserNamespace::NotNested) && is_full(message);
    let means_no = |message: &str| of_namespace(message) || !is_transient(message);
    match end {
        End::Exited(0) => Attempt::Works,
        // an exit status of 128 and a signal is how a shell, and the runtime, tell of a killed child
        End::Exited(status) if !(128..255).contains(status) && tells_an_error(message) && means_no(message) => {
            Attempt::Refused(message.to_owned())
        }
        // the supervisor could not make what it was told to, or not start the runtime
        End::NotExecuted(why) if means_no(why) => Attempt::Refused(why.clone()),
        End::NotExecuted(why) => Attempt::Unclear(why.clone()),
        other => Attempt::Unclear(format!("the probe ended {other}: {message}")),
    }
}

/// Whether a runtime says in one of these lines what it does not do: `FATAL:   …`, `ERROR  : …` (its log), or
/// `Error for command "run": …`, `Error: …` (its command line).
fn tells_an_error(message: &str) -> bool {
    message.lines().any(|line| {
        let line = line.trim_start_matches(|c: char| c == '\u{1b}' || "[;m".contains(c) || c.is_ascii_digit());
        ["FATAL", "ERROR", "Error"].iter().any(|level| line.starts_with(level))
    })
}

/// The same finding for each.
fn all(host: Host, features: &[HostFeature], finding: &Finding) -> Host {
    features.iter().fold(host, |host, feature| host.with(*feature, finding.clone()))
}

/// Where there are no user namespaces only a setuid runtime runs, and what would keep it from that is left out.
fn behind_setuid(host: Host) -> Host {
    match host.lacks(HostFeature::UserNamespaces) {
        None => host,
        Some(why) => all(host, &UNPRIVILEGED, &Finding::No(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_end_says() {
        let refused = |end, message: &str| matches!(attempt(&end, message, None), Attempt::Refused(_));
        assert!(matches!(attempt(&End::Exited(0), "WARNING: nothing", None), Attempt::Works));
        assert!(refused(End::Exited(255), "FATAL:   unknown flag: --net"));
        assert!(refused(End::Exited(255), "\u{1b}[31mFATAL:  \u{1b}[0m container creation failed"));
        assert!(refused(End::Exited(1), "Error for command \"run\": unknown flag: --no-eval"));
        assert!(refused(End::NotExecuted("Operation not permitted (os error 1)".to_owned()), ""));
        for (end, message) in [
            (End::Exited(1), ""),
            (End::Exited(1), "WARNING: nothing"),
            (End::Exited(2), "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()"),
            (End::Exited(2), "runtime: may need to increase max user processes (ulimit -u)\nfatal error: newosproc"),
            (End::Exited(255), "FATAL: fatal error: unexpected signal\ngoroutine 1 [running]:"),
            (End::Exited(255), "FATAL: failed to create new OS thread (have 60 already; errno=11)"),
            (End::Exited(255), "FATAL: while loading image: no such image driver"),
            (End::Exited(255), "FATAL: while forking: resource temporarily unavailable"),
            (End::Exited(255), "FATAL: fork/exec: Cannot allocate memory"),
            (End::Exited(255), "FATAL: no space left on device"),
            (End::Exited(255), "FATAL: wait: no child processes"),
            (End::Exited(137), ""),
            (End::Exited(143), "FATAL: anything"),
            (End::Signalled(9), ""),
            (End::Deadline, ""),
            (End::Cancelled, ""),
            (End::Lost, ""),
            (End::NotExecuted("Resource temporarily unavailable (os error 11)".to_owned()), ""),
        ] {
            assert!(matches!(attempt(&end, message, None), Attempt::Unclear(_)), "{end:?} {message}");
        }
    }

    /// Where a run may make one user namespace, ENOSPC is what a second one gets.
    #[test]
    fn too_many_namespaces_are_a_no_where_their_number_is_ours() {
        let message = "FATAL: unshare: no space left on device";
        let attempt = |kind| attempt(&End::Exited(255), message, kind);
        assert!(matches!(attempt(Some(UserNamespace::NotNested)), Attempt::Refused(_)));
        assert!(matches!(attempt(Some(UserNamespace::Counted)), Attempt::Unclear(_)));
        assert!(matches!(attempt(None), Attempt::Unclear(_)));
    }

    /// A question to the kernel that had no answer is tried by every run of the probe image: its failures are no refusals of
    /// the runtime's, or runs would be without all that keeps them apart.
    #[test]
    fn what_is_unknown_of_the_kernel_makes_no_refusal() {
        let refused = || Attempt::Refused("FATAL:   no".to_owned());
        assert!(matches!(judged(refused(), &Host::all("")), Attempt::Refused(_)));
        for feature in UNPRIVILEGED {
            let host = |finding| Host::all("").with(feature, finding);
            let unknown = host(Finding::Unknown("late".to_owned()));
            assert!(matches!(judged(refused(), &unknown), Attempt::Unclear(_)), "{feature:?}");
            assert!(matches!(judged(Attempt::Works, &unknown), Attempt::Works), "{feature:?}");
            assert!(
                matches!(judged(refused(), &host(Finding::No("none".to_owned()))), Attempt::Refused(_)),
                "{feature:?}"
            );
        }
    }

    #[test]
    fn a_runtime_that_fails_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let broken = ask(&Runtime::at(Path::new("/bin/false")), folder.path());
        assert!(matches!(broken, Err(RuntimeError::Broken(..))), "{broken:?}");
    }

    #[test]
    fn the_probe_image_is_put_once_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = put_image(folder.path()).unwrap();
        let image = std::fs::read(&path).unwrap();
        assert!(image.starts_with(b"hsqs") && path.is_absolute());
        std::fs::write(&path, "x").unwrap();
        assert_eq!(std::fs::read(put_image(folder.path()).unwrap()).unwrap(), image);
    }
}
