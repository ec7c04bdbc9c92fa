//! Ground: whether others could have changed what is about to be executed.
//!
//! The rule of suEXEC and of sshd's StrictModes: neither the file nor any
//! folder on the way to it may be writable by others or by a foreign group,
//! and each belongs to root, to this account, or to one more that is named. A
//! sticky folder (`/tmp`) is no way in where the next step is one of ours.

use std::ffi::CStr;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lazy_static::lazy_static;

/// Links followed on the way to a file, as many as the kernel follows (path_resolution(7)).
pub const MAX_LINKS: usize = 40;

/// The first step on the way to `path`, through every link, that others could
/// change; `None` when there is none. `owner`: whom else to trust.
pub fn changeable(path: &Path, owner: Option<u32>) -> Option<PathBuf> {
    first_open_step(path, owner, None)
}

/// The same for the folders on the way alone, not for what is at its end. What lies in a folder at or below `shared` that
/// a group may write to may belong to any of its members.
pub fn way_changeable(path: &Path, owner: Option<u32>, shared: &Path) -> Option<PathBuf> {
    first_open_step(path, owner, Some(shared))
}

fn first_open_step(path: &Path, owner: Option<u32>, shared: Option<&Path>) -> Option<PathBuf> {
    // the end is spared where only the way counts
    let spared = usize::from(shared.is_some());
    let Ok(mut way) = std::path::absolute(path) else { return Some(path.to_owned()) };
    for _ in 0..MAX_LINKS {
        let mut below: Option<Metadata> = None;
        let mut link = None;
        for (number, step) in way.ancestors().enumerate() {
            let Ok(metadata) = step.symlink_metadata() else { return Some(step.to_owned()) };
            let ours = |metadata: &Metadata| trusted_owner(metadata.uid(), owner);
            // the mode of a link says nothing: its folder counts
            let open = !metadata.is_symlink() && Rights::of_step(step, &metadata).foreign_writer().is_some();
            let sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0 && below.as_ref().is_some_and(ours);
            let foreign = || !ours(&metadata) && !is_shared(step, shared);
            if number >= spared && (foreign() || (open && !sticky)) {
                return Some(step.to_owned());
            }
            if metadata.is_symlink() {
                link = Some(step.to_owned());
            }
            below = Some(metadata);
        }
        // the first link of the way: where it leads, and on from there
        let link = link?;
        let (Ok(target), Ok(rest)) = (link.read_link(), way.strip_prefix(&link)) else { return Some(link) };
        let target = link.parent().unwrap_or(Path::new("/")).join(target);
        way = if rest.as_os_str().is_empty() { target } else { target.join(rest) };
    }
    Some(path.to_owned())
}

/// Whether a step lies in a folder, at or below `shared`, that a group may write to.
fn is_shared(step: &Path, shared: Option<&Path>) -> bool {
    let folder = step.parent().filter(|folder| shared.is_some_and(|shared| folder.starts_with(shared)));
    folder.and_then(|folder| folder.metadata().ok()).is_some_and(|metadata| metadata.mode() & 0o020 != 0)
}

/// Whether an owner can change nothing that root, this account or `also` could not change anyway.
pub fn trusted_owner(owner: u32, also: Option<u32>) -> bool {
    let me = rustix::process::geteuid().as_raw();
    [Some(0), Some(me), also, *UNMAPPED].contains(&Some(owner))
}

/// Who may write to a file or folder, by its own metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Whether an access list (acl(5)) lets further accounts write. The mode's group bits are its mask: without `w`
    /// there, nobody of the list can, and the list is not looked at.
    pub list: bool,
}

/// Who can write that should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// Every account.
    Everybody,
    /// A group that is neither root's nor ours, or whom an access list names.
    Group,
}

impl Rights {
    /// Those of an open file.
    pub fn of(file: &File, metadata: &Metadata) -> Rights {
        Rights::new(metadata, || rustix::fs::fgetxattr(file, ACCESS_LIST, &mut [0_u8; 0]))
    }

    fn of_step(path: &Path, metadata: &Metadata) -> Rights {
        Rights::new(metadata, || rustix::fs::lgetxattr(path, ACCESS_LIST, &mut [0_u8; 0]))
    }

    fn new(metadata: &Metadata, look: impl FnOnce() -> rustix::io::Result<usize>) -> Rights {
        use rustix::io::Errno;
        let mode = metadata.mode() & 0o7777;
        let list = mode & 0o020 != 0 && !matches!(look(), Err(Errno::NODATA | Errno::OPNOTSUPP));
        Rights { mode, uid: metadata.uid(), gid: metadata.gid(), list }
    }

    /// Whom the permissions let in, if anybody.
    pub fn foreign_writer(&self) -> Option<Writer> {
        let foreign = || self.list || (self.gid != 0 && self.gid != rustix::process::getegid().as_raw());
        match self.mode {
            mode if mode & 0o002 != 0 => Some(Writer::Everybody),
            mode if mode & 0o020 != 0 && foreign() => Some(Writer::Group),
            _ => None,
        }
    }
}

/// Where acl(5) keeps the accounts and groups that have rights besides the mode's.
const ACCESS_LIST: &CStr = c"system.posix_acl_access";

lazy_static! {
    /// A process does not change its user namespace while it asks this: a supervisor asks before, or not at all.
    static ref UNMAPPED: Option<u32> = unmapped_owner();
}

/// In a user namespace that does not map root, root's files belong to the
/// overflow account (user_namespaces(7)); who that is cannot be told there, so
/// only the write bits count. `None` where that account is a real one.
fn unmapped_owner() -> Option<u32> {
    let overflow: u32 = std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()?;
    let map = std::fs::read_to_string("/proc/self/uid_map").ok()?;
    let covers = |line: &str| {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
        let (first, _, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some((first..first.saturating_add(count)).contains(&u64::from(overflow)))
    };
    (!map.lines().any(|line| covers(line) == Some(true))).then_some(overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// Whose a step is counts, unless a group may write to the folder that it lies in.
    #[test]
    fn a_member_of_the_group_may_own_what_lies_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().canonicalize().unwrap().join("data");
        fs::create_dir_all(data.join("lab")).unwrap();
        fs::write(data.join("lab/x"), "").unwrap();
        let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let is_shared = |step: &str| is_shared(&data.join(step), Some(&data));
        mode(&data, 0o755);
        assert!(!is_shared("lab") && !is_shared("lab/x"));
        mode(&data, 0o775);
        assert!(
            is_shared("lab") && !is_shared("lab/x") && !is_shared("") && !super::is_shared(&data.join("lab"), None)
        );
        mode(&data.join("lab"), 0o775);
        assert!(is_shared("lab/x"));
    }

    #[test]
    fn every_step_counts_and_links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        fs::write(real.join("x"), "").unwrap();
        std::os::unix::fs::symlink("real/x", &link).unwrap();
        let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(changeable(&link, None), None);
        mode(&real, 0o777);
        assert_eq!(
            changeable(&link, None).map(|step| step.canonicalize().unwrap()),
            Some(real.canonicalize().unwrap())
        );
        mode(&real, 0o1777);
        assert_eq!(changeable(&link, None), None, "sticky, and the file is ours");
        mode(&real, 0o755);
        mode(&real.join("x"), 0o666);
        assert_eq!(changeable(&link, None), Some(real.join("x").canonicalize().unwrap()));
        mode(&real.join("x"), 0o644);
        mode(folder.path(), 0o703);
        assert_eq!(changeable(&link, None), Some(folder.path().canonicalize().unwrap()));
        assert_eq!(changeable(Path::new("/usr/bin/env"), None), None);
        assert!(changeable(&folder.path().join("gone"), None).is_some());
    }
}
