//! What no safe library offers: marking descriptors that are known by their
//! number alone, taking signals back to their defaults, leaving the session keyring, a user namespace of one's own,
//! a filter of system calls, and a child that ends with its parent or is the init
//! of a process namespace.
//!
//! The only file of the program with `unsafe`, each with its reason.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Marks every open descriptor above 2 close-on-exec (fcntl(2) FD_CLOEXEC):
/// web servers and shells leave some open that nobody meant for us. Called
/// once, first thing in `main`, while there is one thread.
#[allow(unsafe_code)]
pub fn set_close_on_exec() {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: the number is not -1 and is borrowed for this one call, which
        // only sets a flag; one that is closed by now is EBADF.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = fcntl_setfd(borrowed, FdFlags::CLOEXEC);
    }
}

/// Lets all signals come to this process again (sigprocmask(2)), and CHLD do what it does by default (signal(7)): what
/// whoever started it blocks or ignores is inherited, and where CHLD is, no end of a child is ever heard of. Called once,
/// first thing in `main`, while there is one thread.
#[allow(unsafe_code)]
pub fn hear_signals() {
    let mut none = MaybeUninit::uninit();
    // SAFETY: the first call fills the set, which the second one reads; both write nothing else.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
    default_signals([libc::SIGCHLD].into_iter());
}

/// The same for every signal but PIPE, for a process that becomes a run. PIPE is Rust's own affair: ignored here, and by
/// default in what is started.
pub fn ignore_no_signal() {
    default_signals((1..=libc::SIGRTMAX()).filter(|signal| *signal != libc::SIGPIPE));
}

#[allow(unsafe_code)]
fn default_signals(signals: impl Iterator<Item = libc::c_int>) {
    for signal in signals {
        // SAFETY: installs no handler, and touches no memory of this process; a number that is no signal, or whose
        // action cannot be changed, is EINVAL.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Joins a new, empty session keyring (keyctl(2) KEYCTL_JOIN_SESSION_KEYRING),
/// which ends with the last process in it: else all runs would share the keys
/// of the service, and could leave each other some.
#[allow(unsafe_code)]
pub fn leave_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: takes two numbers, the second one a null pointer, which asks for
    // a keyring without a name; touches no memory of this process.
    let joined = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>()) };
    if joined < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Moves this process, which must have one thread, to a new user namespace
/// (unshare(2) CLONE_NEWUSER).
#[allow(unsafe_code)]
pub fn own_user_namespace() -> io::Result<()> {
    // SAFETY: unsafe is only the flag FILES, which is not given.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }?)
}

/// Filters the system calls of this process, which must have one thread, and of
/// all that it starts (seccomp(2)); no program that it executes gains privileges
/// any more (prctl(2) PR_SET_NO_NEW_PRIVS), without which the kernel takes no
/// filter from an ordinary account.
#[allow(unsafe_code)]
pub fn filter(program: &mut [libc::sock_filter]) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    let len = program.len().try_into().map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies `len` steps, which are there as long as this call
    // takes, and checks them; it writes nothing.
    let set = unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::c_ulong::from(libc::SECCOMP_MODE_FILTER), &raw const program)
    };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives the next child a process namespace of its own, whose first process it is (unshare(2) CLONE_NEWPID).
#[allow(unsafe_code)]
pub fn own_process_namespace() -> io::Result<()> {
    // SAFETY: unsafe is only the flag FILES, which is not given.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWPID) }?)
}

/// Moves this process to a new network namespace (unshare(2) CLONE_NEWNET).
#[allow(unsafe_code)]
pub fn own_network_namespace() -> io::Result<()> {
    // SAFETY: unsafe is only the flag FILES, which is not given.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?)
}

/// Begins as the init of a process namespace: with a /proc that shows it and nothing else, in a mount namespace of its
/// own, and killed by the kernel when its parent, which must have one thread, ends.
#[allow(unsafe_code)]
pub fn begin_as_init() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // SAFETY: unsafe is only the flag FILES, which is not given.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    Ok(mount(c"proc", c"/proc", c"proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)?)
}

/// A copy of this process, which must have one thread (fork(2)): `None` in the copy.
#[allow(unsafe_code)]
pub fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: with one thread nothing that another thread holds is left behind locked; the copy may do what this
    // process may.
    match unsafe { libc::fork() } {
        ..0 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Lets the kernel kill the child when this process, which must have one thread, ends (prctl(2) PR_SET_PDEATHSIG): also
/// when it is killed and can end nothing itself. A setuid program is not killed.
#[allow(unsafe_code)]
pub fn ends_with_us(command: &mut Command) {
    let parent = getpid();
    let between = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // the parent may have ended just before
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: what runs between fork and exec makes two system calls and allocates nothing.
    unsafe { command.pre_exec(between) };
}
