//! Ground: whether others could have changed what is about to be executed.
//!
//! The rule of suEXEC and of sshd's StrictModes: neither the file nor any
//! folder on the way to it may be writable by others or by a foreign group,
//! and each belongs to root, to this account, or to one more that is named. A
//! sticky folder (`/tmp`) is no way in where the next step is one of ours.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The first step on the way to `path`, links resolved, that others could
/// change; `None` when there is none. `owner`: whom else to trust.
pub fn changeable(path: &Path, owner: Option<u32>) -> Option<PathBuf> {
    let Ok(path) = path.canonicalize() else { return Some(path.to_owned()) };
    let me = rustix::process::geteuid().as_raw();
    let unmapped = unmapped_owner();
    let ours = |facts: &Metadata| [Some(0), Some(me), owner, unmapped].contains(&Some(facts.uid()));
    let mut below: Option<Metadata> = None;
    for step in path.ancestors() {
        let Ok(facts) = step.symlink_metadata() else { return Some(step.to_owned()) };
        let sticky = facts.is_dir() && facts.mode() & 0o1000 != 0 && below.as_ref().is_some_and(ours);
        if !ours(&facts) || (others_write(&facts) && !sticky) {
            return Some(step.to_owned());
        }
        below = Some(facts);
    }
    None
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

/// Writable by everybody, or by a group that is neither root's nor ours.
fn others_write(facts: &Metadata) -> bool {
    let foreign = facts.gid() != 0 && facts.gid() != rustix::process::getegid().as_raw();
    facts.mode() & 0o002 != 0 || (facts.mode() & 0o020 != 0 && foreign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

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
        assert_eq!(changeable(&link, None), Some(real.canonicalize().unwrap()));
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
