//! Asks the kernel and the runtime what they can do here.
//!
//! In: a runtime, and the state folder, where the probe image is put. Out: [`Abilities`], with an answer or an
//! *unknown* for each ability. The kernel is asked by this same executable (`keep try-…`), which enters a user namespace
//! or sets a filter and says how that went. The runtime is asked by runs of a small image with one program that ends
//! with status 0 (`probe/`, made by `scripts/make-probe-images`): through a supervisor, and with exactly the flags,
//! limits and filter of a visitor's run. A setuid runtime can do what an ordinary account cannot, so the kernel's *no*
//! is not the runtime's.
//!
//! A *no* of the runtime is believed when the same run fails three times and, between that, works without the ability.
//! Only a line in which a runtime tells of an error is a *no*. A run that was killed, came too late, crashed, or failed for
//! want of memory, processes or descriptors says nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::abilities::{Abilities, Finding, QUESTION};
use super::ability::Ability;
use super::cell::Cell;
use super::host;
use super::invocation::{Invocation, Means, Network};
use super::limits::Limits;
use super::offered::Offered;
use super::outcome::End;
use super::question::{Answer, answer, full, passing};
use super::runtime::{Runtime, RuntimeError};
use super::state_file;
use super::supervise::Run;

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
const IMAGE: Option<&[u8]> = Some(include_bytes!("probe/x86_64.sqfs"));
#[cfg(target_arch = "aarch64")]
const IMAGE: Option<&[u8]> = Some(include_bytes!("probe/aarch64.sqfs"));
#[cfg(target_arch = "riscv64")]
const IMAGE: Option<&[u8]> = Some(include_bytes!("probe/riscv64.sqfs"));
#[cfg(all(target_arch = "powerpc64", target_endian = "little"))]
const IMAGE: Option<&[u8]> = Some(include_bytes!("probe/powerpc64.sqfs"));
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64",
    all(target_arch = "powerpc64", target_endian = "little")
)))]
const IMAGE: Option<&[u8]> = None;

/// What the runtime is asked about, the least important first: in this order a run goes without.
const ASKED: [Ability; 7] = [
    Ability::ProcessTree,
    Ability::Nesting,
    Ability::Cgroups,
    Ability::Home,
    Ability::NetworkNamespaces,
    Ability::ProcessNamespaces,
    Ability::UserNamespaces,
];
/// What needs user namespaces: a setuid runtime cannot run behind it.
const UNPRIVILEGED: [Ability; 4] = [Ability::Filter, Ability::Counting, Ability::Nesting, Ability::ProcessTree];

/// Asks everything.
pub fn ask(runtime: &Runtime, state: &Path) -> Result<Abilities, RuntimeError> {
    let until = Instant::now() + ALL;
    let broken = |answer: Answer| match answer {
        Answer::Text(text) => Ok(text),
        Answer::Late => Err(RuntimeError::Hangs(runtime.path().to_owned())),
        Answer::Refused(why) | Answer::Failed(why) => Err(RuntimeError::Broken(runtime.path().to_owned(), why)),
    };
    let version = broken(answer(runtime.path(), &["--version"], &[]))?;
    let version: String = version.lines().next().unwrap_or_default().trim().chars().take(100).collect();
    let help = broken(answer(runtime.path(), &["help", "run"], &[]))?;
    let breaks_off = || RuntimeError::Broken(runtime.path().to_owned(), "`help run` breaks off".to_owned());
    let offered = Offered::of_help(&help).ok_or_else(breaks_off)?;
    let (host, hints) = host::ask_kernel(Abilities::unknown(&version, offered));
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
    hints: Vec<Ability>,
    until: Instant,
}

/// What came of a probe.
enum Tried {
    Works,
    /// The runtime's own words.
    Refused(String),
    /// Something else kept it from working.
    Unclear(String),
}

impl Probe<'_> {
    /// The host with the answers of the runtime.
    fn ask(&self, host: Abilities) -> Result<Abilities, RuntimeError> {
        let open = |ability: &Ability| match ability {
            Ability::Nesting | Ability::Cgroups | Ability::ProcessTree => host.has(*ability),
            _ => true,
        };
        let asked: Vec<Ability> = ASKED.into_iter().filter(open).collect();
        let mut works = match self.first_that_works(&host, &asked)? {
            Ok(without) => without,
            Err(why) => return Ok(all(host, &asked, &Finding::Unknown(why))),
        };
        let without = works.clone();
        let mut host = all(host, &asked, &Finding::Yes);
        // what a run can go without may work after all: the most important is tried first
        for ability in without.into_iter().rev() {
            match self.without(&host, &asked, &works, ability) {
                Finding::Yes => works.retain(|one| *one != ability),
                finding => host = host.with(ability, finding),
            }
        }
        Ok(behind_setuid(host))
    }

    /// What a run that works goes without; why that is not known.
    fn first_that_works(
        &self,
        host: &Abilities,
        asked: &[Ability],
    ) -> Result<Result<Vec<Ability>, String>, RuntimeError> {
        // first without what the kernel does not give; if that is not it, without more and more, beginning with nothing
        let hinted: Vec<Ability> = asked.iter().copied().filter(|ability| self.hints.contains(ability)).collect();
        let more = (usize::from(hinted.is_empty())..=asked.len()).map(|count| asked.get(..count).unwrap_or_default());
        let mut words = String::new();
        for without in [&hinted[..]].into_iter().chain(more) {
            match self.run(host, asked, without) {
                Tried::Works => return Ok(Ok(without.to_vec())),
                Tried::Unclear(why) => return Ok(Err(why)),
                Tried::Refused(why) => words = why,
            }
        }
        Err(RuntimeError::Refuses(self.runtime.path().to_owned(), words))
    }

    /// Whether a run that works goes without this ability for good.
    fn without(&self, host: &Abilities, asked: &[Ability], works: &[Ability], ability: Ability) -> Finding {
        let with: Vec<Ability> = works.iter().copied().filter(|one| *one != ability).collect();
        let mut words = String::new();
        // where the kernel says no, too, one more refusal is enough
        let most = if self.hints.contains(&ability) { REFUSALS - 1 } else { REFUSALS };
        for refusals in 1..=most {
            match self.run(host, asked, &with) {
                Tried::Works => return Finding::Yes,
                Tried::Unclear(why) => return Finding::Unknown(why),
                Tried::Refused(why) => words = why,
            }
            let control = (refusals < most).then(|| self.run(host, asked, works));
            if let Some(Tried::Refused(why) | Tried::Unclear(why)) = control {
                return Finding::Unknown(why);
            }
        }
        Finding::No(words)
    }

    /// A run of the probe image as a visitor's, without these abilities.
    fn run(&self, host: &Abilities, asked: &[Ability], without: &[Ability]) -> Tried {
        if Instant::now() >= self.until {
            return Tried::Unclear("the questions took too long".to_owned());
        }
        let mut abilities = asked.iter().fold(host.clone(), |host, ability| {
            let gone = without.contains(ability);
            host.with(*ability, if gone { Finding::No(String::new()) } else { Finding::Yes })
        });
        if without.contains(&Ability::UserNamespaces) {
            abilities = behind_setuid(abilities);
        }
        let limited = abilities.has(Ability::Cgroups);
        let limits = Limits {
            deadline: QUESTION,
            output: 4096,
            memory: limited.then_some(MEMORY),
            processes: Some(PROCESSES),
            cpus: limited.then_some(1),
            cell: Limits::cell(&abilities),
        };
        let means = Means {
            runtime: self.runtime,
            abilities: &abilities,
            limits: &limits,
            network: Network::None,
            launcher: &[],
            locale: true,
        };
        let invocation = Invocation::new(&means, ("probe.sqfs", &self.image), None, &[]);
        match Run::start(&invocation, limits, &[], None) {
            Err(error) => Tried::Unclear(error.to_string()),
            Ok(run) => {
                let outcome = run.collect();
                let words = String::from_utf8_lossy(&outcome.stderr).trim().to_owned();
                tried(&outcome.end, &words, limits.cell)
            }
        }
    }
}

/// What an end of the probe image says.
fn tried(end: &End, words: &str, cell: Option<Cell>) -> Tried {
    // a runtime that makes more user namespaces than the one that it is allowed is told so by a lack that else passes
    let of_cell = |words: &str| cell == Some(Cell::NotNested) && full(words);
    let means_no = |words: &str| of_cell(words) || !passing(words);
    match end {
        End::Exited(0) => Tried::Works,
        // an exit status of 128 and a signal is how a shell, and the runtime, tell of a killed child
        End::Exited(status) if !(128..255).contains(status) && tells_an_error(words) && means_no(words) => {
            Tried::Refused(words.to_owned())
        }
        // the supervisor could not make what it was told to, or not start the runtime
        End::NotExecuted(why) if means_no(why) => Tried::Refused(why.clone()),
        End::NotExecuted(why) => Tried::Unclear(why.clone()),
        other => Tried::Unclear(format!("the probe ended {other}: {words}")),
    }
}

/// Whether a runtime says in one of these lines what it does not do: `FATAL:   …`, `ERROR  : …` (its log), or
/// `Error for command "run": …`, `Error: …` (its command line).
fn tells_an_error(words: &str) -> bool {
    words.lines().any(|line| {
        let line = line.trim_start_matches(|c: char| c == '\u{1b}' || "[;m".contains(c) || c.is_ascii_digit());
        ["FATAL", "ERROR", "Error"].iter().any(|level| line.starts_with(level))
    })
}

/// The same finding for each.
fn all(host: Abilities, abilities: &[Ability], finding: &Finding) -> Abilities {
    abilities.iter().fold(host, |host, ability| host.with(*ability, finding.clone()))
}

/// Where there are no user namespaces only a setuid runtime runs, and what would keep it from that is left out.
fn behind_setuid(host: Abilities) -> Abilities {
    match host.lacks(Ability::UserNamespaces) {
        None => host,
        Some(why) => all(host, &UNPRIVILEGED, &Finding::No(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_end_says() {
        let refused = |end, words: &str| matches!(tried(&end, words, None), Tried::Refused(_));
        assert!(matches!(tried(&End::Exited(0), "WARNING: nothing", None), Tried::Works));
        assert!(refused(End::Exited(255), "FATAL:   unknown flag: --net"));
        assert!(refused(End::Exited(255), "\u{1b}[31mFATAL:  \u{1b}[0m container creation failed"));
        assert!(refused(End::Exited(1), "Error for command \"run\": unknown flag: --no-eval"));
        assert!(refused(End::NotExecuted("Operation not permitted (os error 1)".to_owned()), ""));
        for (end, words) in [
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
            assert!(matches!(tried(&end, words, None), Tried::Unclear(_)), "{end:?} {words}");
        }
    }

    /// Where a run may make one user namespace, ENOSPC is what a second one gets.
    #[test]
    fn too_many_namespaces_are_a_no_where_their_number_is_ours() {
        let words = "FATAL: unshare: no space left on device";
        let tried = |cell| tried(&End::Exited(255), words, cell);
        assert!(matches!(tried(Some(Cell::NotNested)), Tried::Refused(_)));
        assert!(matches!(tried(Some(Cell::Counted)), Tried::Unclear(_)));
        assert!(matches!(tried(None), Tried::Unclear(_)));
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
