//! Trials of what the kernel gives an ordinary account: each in a process of its own, `supervise try-…`, because what is
//! entered there cannot be left again.
//!
//! In: the word of a trial. Out: the process's end: status 0 for yes, [`REFUSED`] for no with the reason on stderr; anything
//! else says nothing.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use super::process_tree;
use super::seccomp;
use super::syscalls;
use super::user_namespace::{self, TRIAL_PROCESSES, UserNamespace};

/// The exit status of a trial that the kernel refused.
pub const REFUSED: u8 = 3;

/// A trial: its word on the command line, and what is done.
struct Trial {
    word: &'static str,
    run: fn() -> io::Result<()>,
}

/// Processes are counted anew in a user namespace.
pub const USER_NAMESPACE: &str = "try-user-namespace";
/// The number of user namespaces in it can be set.
pub const NESTING: &str = "try-nesting";
/// What an init needs: a process namespace, with a /proc of its own.
pub const INIT: &str = "try-init";
/// A network namespace.
pub const NETWORK: &str = "try-network";
/// A filter of system calls.
pub const FILTER: &str = "try-filter";

const TRIALS: [Trial; 5] = [
    Trial { word: USER_NAMESPACE, run: counted },
    Trial { word: NESTING, run: not_nested },
    Trial { word: INIT, run: init },
    Trial { word: NETWORK, run: network },
    Trial { word: FILTER, run: seccomp::set },
];

/// The outcome of the trial of this word, if there is one; a process whose trial was refused ends here.
pub fn run(word: Option<&str>) -> Option<io::Result<()>> {
    let trial = TRIALS.iter().find(|trial| Some(trial.word) == word)?;
    // asked before a namespace is entered, which has numbers of its own
    let some_are_forbidden = user_namespace::some_are_forbidden();
    let outcome = (trial.run)();
    if let Err(error) = outcome.as_ref()
        && is_refusal(error, some_are_forbidden)
    {
        eprintln!("{error}");
        std::process::exit(REFUSED.into());
    }
    Some(outcome)
}

/// What the kernel does not allow or does not have is a refusal; anything else may pass. So may a lack of room, unless the
/// number of some kind of namespaces is 0.
fn is_refusal(error: &io::Error, some_are_forbidden: bool) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, StorageFull, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
        || error.raw_os_error() == Some(libc::EUSERS)
        || (error.kind() == StorageFull && some_are_forbidden)
}

/// With a limit of two, in which nothing else of the account has room, a process can be started only where the count
/// begins anew.
fn counted() -> io::Result<()> {
    user_namespace::enter(UserNamespace::Counted, TRIAL_PROCESSES)?;
    let status = process_tree::fork((), |()| 0)?.0.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}

fn not_nested() -> io::Result<()> {
    user_namespace::enter(UserNamespace::NotNested, TRIAL_PROCESSES)
}

fn network() -> io::Result<()> {
    user_namespace::enter(UserNamespace::Counted, TRIAL_PROCESSES)?;
    syscalls::own_network_namespace()
}

fn init() -> io::Result<()> {
    user_namespace::enter(UserNamespace::Counted, TRIAL_PROCESSES)?;
    syscalls::own_process_namespace()?;
    let (mut ours, theirs) = UnixStream::pair()?;
    let (tried, theirs) = process_tree::fork(theirs, |mut theirs| {
        let errno = syscalls::begin_as_init().err().and_then(|error| error.raw_os_error()).unwrap_or(0);
        let _ = theirs.write_all(&errno.to_le_bytes());
        0
    })?;
    drop(theirs);
    let mut errno = [0; 4];
    ours.read_exact(&mut errno)?;
    drop(tried);
    match i32::from_le_bytes(errno) {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}
