//! Opening below a folder: no name, link or race leads out of it.
//!
//! In: an open folder and a relative path. Out: a descriptor of something below that folder, or the system's error.
//! Never: follows a magic link of `/proc`, hangs on a FIFO, or acquires a terminal.
//! Rule: openat2(2) with `RESOLVE_BENEATH` or `RESOLVE_IN_ROOT`; where the kernel lacks the call (before 5.6) or a
//! sandbox denies it, the same rule step by step, each step `O_NOFOLLOW`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::Errno;

use super::steps::{Endless, Step, Steps};

/// Tries when a rename elsewhere disturbs the kernel's check of a `..`.
const MAX_TRIES: usize = 16;

/// What a path may do at the folder's edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// Absolute links and `..` above the folder are errors (`EXDEV`).
    Refuse,
    /// The folder is the root: absolute links begin there, `..` stays there, as inside a container.
    Root,
}

/// Opens `path` below `folder`, read-only or as `flags` say.
pub(super) fn open(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, edge: Edge) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match ask_kernel(folder, path, flags, edge) {
        Err(Errno::NOSYS | Errno::PERM) => walk(folder, path, flags, edge),
        answer => answer,
    }
}

/// Whether nothing is there that could be read: missing, leading out, dangling, circular, or a socket.
pub(super) fn is_nothing(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::XDEV | Errno::LOOP | Errno::NXIO | Errno::NAMETOOLONG)
}

fn ask_kernel(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, edge: Edge) -> Result<OwnedFd, Errno> {
    let rule = match edge {
        Edge::Refuse => ResolveFlags::BENEATH,
        Edge::Root => ResolveFlags::IN_ROOT,
    };
    // openat2 refuses flags that mean nothing for O_PATH instead of ignoring them.
    let flags = if flags.contains(OFlags::PATH) {
        flags & (OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::DIRECTORY)
    } else {
        flags
    };
    let mut answer = Err(Errno::AGAIN);
    for _ in 0..MAX_TRIES {
        answer = openat2(folder, path, flags, Mode::empty(), rule | ResolveFlags::NO_MAGICLINKS);
        if !matches!(answer, Err(Errno::AGAIN)) {
            break;
        }
    }
    answer
}

/// The same without openat2: the folders from the root to here are held open, so `..` is the one before.
fn walk(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, edge: Edge) -> Result<OwnedFd, Errno> {
    if path.as_os_str().is_empty() {
        return Err(Errno::NOENT);
    }
    let mut above: Vec<OwnedFd> = Vec::new();
    let mut steps = Steps::of(path.as_os_str().as_bytes())?;
    while let Some(step) = steps.next() {
        let name = match step {
            Step::Root if edge == Edge::Refuse => return Err(Errno::XDEV),
            Step::Root => {
                above.clear();
                continue;
            }
            Step::Up if above.pop().is_none() && edge == Edge::Refuse => return Err(Errno::XDEV),
            Step::Up => continue,
            Step::Name(name) => name,
        };
        let here = above.last().map_or(folder, AsFd::as_fd);
        let found = openat(here, &*name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        if FileType::from_raw_mode(fstat(&found)?.st_mode).is_symlink() {
            steps.follow(readlinkat(&found, c"", Vec::new())?.to_bytes())?;
        } else if steps.is_at_end() && !flags.contains(OFlags::PATH) {
            return openat(here, &*name, flags | OFlags::NOFOLLOW, Mode::empty());
        } else {
            above.push(found);
        }
    }
    let last = above.pop().map_or_else(|| rustix::io::fcntl_dupfd_cloexec(folder, 0), Ok)?;
    if flags.contains(OFlags::PATH) { Ok(last) } else { openat(&last, ".", flags, Mode::empty()) }
}

impl From<Endless> for Errno {
    /// As the kernel has it.
    fn from(end: Endless) -> Errno {
        match end {
            Endless::Links => Errno::LOOP,
            Endless::Steps => Errno::NAMETOOLONG,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    type Open = fn(BorrowedFd<'_>, &Path, OFlags, Edge) -> Result<OwnedFd, Errno>;

    fn read(how: Open, folder: &fs::File, path: &str, edge: Edge) -> Result<String, Errno> {
        let opened = how(folder.as_fd(), Path::new(path), OFlags::RDONLY | OFlags::NONBLOCK, edge)?;
        let mut text = String::new();
        fs::File::from(opened).read_to_string(&mut text).map_err(|_| Errno::ISDIR)?;
        Ok(text)
    }

    #[test]
    fn kernel_and_walk_agree() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        fs::write(root.join("secret"), "inside").unwrap();
        fs::write(root.join("a/b/f"), "deep").unwrap();
        for (link, target) in [
            ("rel", "a/b/f"),
            ("chain", "rel"),
            ("abs", "/secret"),
            ("up", "../secret"),
            ("a/b/back", "../../secret"),
            ("loop", "loop"),
            ("gone", "nothing"),
            ("dir", "a/b"),
            ("host", "/etc/passwd"),
            ("magic", "/proc/self/root/etc/passwd"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let folder = fs::File::open(&root).unwrap();
        let table = [
            ("secret", Ok("inside"), Ok("inside")),
            ("rel", Ok("deep"), Ok("deep")),
            ("chain", Ok("deep"), Ok("deep")),
            ("dir/f", Ok("deep"), Ok("deep")),
            ("a/b/back", Ok("inside"), Ok("inside")),
            ("abs", Err(Errno::XDEV), Ok("inside")),
            ("up", Err(Errno::XDEV), Ok("inside")),
            ("../secret", Err(Errno::XDEV), Ok("inside")),
            ("/secret", Err(Errno::XDEV), Ok("inside")),
            ("host", Err(Errno::XDEV), Err(Errno::NOENT)),
            ("magic", Err(Errno::XDEV), Err(Errno::NOENT)),
            ("loop", Err(Errno::LOOP), Err(Errno::LOOP)),
            ("gone", Err(Errno::NOENT), Err(Errno::NOENT)),
            ("secret/x", Err(Errno::NOTDIR), Err(Errno::NOTDIR)),
        ];
        for (path, beneath, rooted) in table {
            for how in [open as Open, walk as Open] {
                let own = |text: Result<&str, Errno>| text.map(str::to_owned);
                assert_eq!(read(how, &folder, path, Edge::Refuse), own(beneath), "{path}");
                assert_eq!(read(how, &folder, path, Edge::Root), own(rooted), "{path}");
            }
        }
    }

    #[test]
    fn a_fifo_does_not_hang() {
        let root = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.path().join("p"), rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        let folder = fs::File::open(root.path()).unwrap();
        assert!(open(folder.as_fd(), Path::new("p"), OFlags::RDONLY, Edge::Refuse).is_ok());
    }
}
