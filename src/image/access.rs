//! Whether the account that serves may read, execute and search what is in an image.
//!
//! In: owner, group and mode of an inode. Out: yes or no. In a mounted image the kernel decides by the inode's own owner: a file
//! of root's with mode 0700 is closed to everybody else, however the image was mounted.
//! Rule: that of path_resolution(7) for an ordinary account, access lists aside.

use rustix::process::{getegid, geteuid, getgroups};

/// Read and execute.
pub(super) const READ_AND_EXECUTE: u32 = 0o5;
/// Execute a file, search a directory.
pub(super) const EXECUTE: u32 = 0o1;

/// Whose something is, and what that allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ownership {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Whether a mode allows everybody what is wanted, so that nobody needs to know whose it is.
pub(super) fn grants_everybody(mode: u32, wanted: u32) -> bool {
    [6, 3, 0].iter().all(|shift| mode >> shift & wanted == wanted)
}

impl Ownership {
    /// Whether this process's account may do all that is wanted.
    pub(super) fn grants(self, wanted: u32) -> bool {
        let user = geteuid();
        let group = || {
            let others = || getgroups().unwrap_or_default();
            getegid().as_raw() == self.gid || others().iter().any(|group| group.as_raw() == self.gid)
        };
        self.grants_to(user.as_raw(), group, wanted)
    }

    fn grants_to(self, user: u32, is_member: impl FnOnce() -> bool, wanted: u32) -> bool {
        if user == 0 {
            // root executes what anybody may execute
            return wanted & EXECUTE == 0 || self.mode & 0o111 != 0;
        }
        let shift = if user == self.uid {
            6
        } else if is_member() {
            3
        } else {
            0
        };
        self.mode >> shift & wanted == wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_that_fits_decides() {
        for (mode, uid, member, expected) in [
            (0o755, 0, false, true),
            (0o700, 0, false, false),
            (0o700, 7, false, true),
            (0o644, 7, true, false),
            (0o750, 0, true, true),
            (0o705, 0, true, false),
            (0o055, 7, true, false),
            (0o711, 0, false, false),
        ] {
            let ownership = Ownership { mode, uid, gid: 9 };
            assert_eq!(ownership.grants_to(7, || member, READ_AND_EXECUTE), expected, "{mode:o} {uid} {member}");
        }
        assert!(grants_everybody(0o755, READ_AND_EXECUTE) && grants_everybody(0o711, EXECUTE));
        assert!(!grants_everybody(0o750, EXECUTE) && !grants_everybody(0o711, READ_AND_EXECUTE));
        let root = |mode| Ownership { mode, uid: 7, gid: 9 }.grants_to(0, || false, READ_AND_EXECUTE);
        assert!(root(0o100) && !root(0o644));
    }
}
