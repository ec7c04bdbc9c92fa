//! One image, opened: its file, its metadata, and whether others could have changed it.
//!
//! In: a descriptor that the catalog opened below the data folder. Out: size, date, path for the runtime.
//! Never: opens anything by path again, or writes.
//! Rule for trust: that of `trust`, for the file, the data folder, and the way to them.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::name::ImageName;
use crate::trust::{self, Rights, Writer};

/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Why an image must not be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Everybody may change the folder.
    #[error("every account may write to the data folder; remove that right with chmod o-w")]
    FolderWritableByAll,
    /// A group that is not ours may change the folder.
    #[error("a group other than this program's may write to the data folder; remove that right with chmod g-w")]
    FolderWritableByGroup,
    /// Everybody may change the image.
    #[error("every account may write to the image; remove that right with chmod o-w")]
    ImageWritableByAll,
    /// A group that is not ours may change the image.
    #[error("a group other than this program's may write to the image; remove that right with chmod g-w")]
    ImageWritableByGroup,
    /// A third account owns the image.
    #[error(
        "the image belongs to an account that neither owns the data folder nor is this program's; give it to one that does (chown)"
    )]
    Owner,
    /// A folder on the way can be changed, or belongs to somebody else.
    #[error("somebody else owns or can change a folder above the image; remove that right with chmod go-w")]
    Way,
}

/// Whether only accounts that this program trusts can write to the data folder itself.
pub(super) fn folder_trust(rights: &Rights) -> Result<(), Distrust> {
    match rights.foreign_writer() {
        Some(Writer::Everybody) => Err(Distrust::FolderWritableByAll),
        Some(Writer::Group) => Err(Distrust::FolderWritableByGroup),
        None => Ok(()),
    }
}

/// An image that is open for reading.
#[derive(Debug)]
pub struct Image {
    name: ImageName,
    path: PathBuf,
    file: File,
    metadata: std::fs::Metadata,
    rights: Rights,
    /// Those of the data folder, and of each folder on the way from there.
    folders: Vec<Rights>,
    leads_to: Option<String>,
}

impl Image {
    pub(super) fn new(name: ImageName, path: PathBuf, file: File, folders: Vec<Rights>) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        let rights = Rights::of(&file, &metadata);
        Ok(Self { name, path, file, metadata, rights, folders, leads_to: None })
    }

    /// The same, found by a link.
    pub(super) fn leading_to(self, leads_to: Option<String>) -> Self {
        Self { leads_to, ..self }
    }

    /// Of a link: the path of what it leads to, below the data folder. It may have no address.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        self.leads_to.as_deref()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ImageName {
        &self.name
    }

    /// Its absolute path, for the runtime alone: never shown to visitors.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, or directory.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Bytes of the file; 0 for a directory.
    #[must_use]
    pub fn size(&self) -> u64 {
        if self.is_directory() { 0 } else { self.metadata.len() }
    }

    /// When it was last changed.
    #[must_use]
    pub fn modified(&self) -> SystemTime {
        time(self.metadata.mtime(), u32::try_from(self.metadata.mtime_nsec()).unwrap_or(0))
    }

    /// Whether it is a sandbox directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.metadata.is_dir()
    }

    /// Whether only accounts that this program trusts could have written the image: its owner, the owner of the data
    /// folder, root, and the effective group of this process. Each folder on the way counts as the data folder does.
    ///
    /// # Errors
    /// Names what others may write to, and how to take it away.
    pub fn trust(&self) -> Result<(), Distrust> {
        let owner = self.folders.first().map(|data| data.uid);
        // a folder that a group of ours writes to holds what its members put there
        let mut shared = false;
        for (depth, folder) in self.folders.iter().enumerate() {
            match folder_trust(folder) {
                Err(why) if depth == 0 => return Err(why),
                Err(_) => return Err(Distrust::Way),
                Ok(()) if !shared && !trust::trusted_owner(folder.uid, owner) => return Err(Distrust::Way),
                Ok(()) => shared |= folder.mode & 0o020 != 0,
            }
        }
        match self.rights.foreign_writer() {
            Some(Writer::Everybody) => return Err(Distrust::ImageWritableByAll),
            Some(Writer::Group) => return Err(Distrust::ImageWritableByGroup),
            None => {}
        }
        if !shared && !trust::trusted_owner(self.rights.uid, owner) {
            return Err(Distrust::Owner);
        }
        // who may write to the folder may own the images in it: only the way counts
        let data = self.path.ancestors().nth(self.folders.len()).unwrap_or(&self.path);
        trust::way_changeable(&self.path, owner, data).map_or(Ok(()), |_| Err(Distrust::Way))
    }

    /// Whether something else is at its path by now: the arguments were checked against what this one declares.
    /// `written`: the runtime itself may have written into it.
    #[must_use]
    pub fn replaced(&self, written: bool) -> bool {
        let content = |metadata: &std::fs::Metadata| {
            (metadata.is_file() && !written).then(|| (metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
        };
        let identity = |metadata: &std::fs::Metadata| (metadata.dev(), metadata.ino(), content(metadata));
        !self.path.metadata().is_ok_and(|now| identity(&now) == identity(&self.metadata))
    }
}

/// A file's date. One before 1970 or after 9999 (anybody may set a file's date) is 1970: calendars that print it
/// later need not fear it.
pub(super) fn time(seconds: i64, nanoseconds: u32) -> SystemTime {
    let sane = u64::try_from(seconds).ok().filter(|seconds| *seconds <= LAST_SECOND && nanoseconds < 1_000_000_000);
    let since = sane.map(|seconds| Duration::new(seconds, nanoseconds));
    since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn image(folder_mode: u32, mode: u32, group: u32) -> (Image, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sif");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(folder_mode)).unwrap();
        let open = |path: &Path| File::open(path).unwrap();
        let name = ImageName::parse("a.sif").unwrap();
        let data = open(folder.path());
        let rights = Rights::of(&data, &data.metadata().unwrap());
        let mut image = Image::new(name, path.clone(), open(&path), vec![rights]).unwrap();
        image.rights.gid = group;
        image.folders[0].gid = group;
        (image, folder)
    }

    #[test]
    fn dates_of_other_ages() {
        assert_eq!(time(2, 7), SystemTime::UNIX_EPOCH + Duration::new(2, 7));
        assert_eq!(time(LAST_SECOND as i64, 0), SystemTime::UNIX_EPOCH + Duration::from_secs(LAST_SECOND));
        for (seconds, nanoseconds) in
            [(-1, 0), (i64::MIN, 0), (i64::MAX, 0), (LAST_SECOND as i64 + 1, 0), (5, u32::MAX)]
        {
            assert_eq!(time(seconds, nanoseconds), SystemTime::UNIX_EPOCH);
        }
    }

    #[test]
    fn who_could_have_written_it() {
        let own = rustix::process::getegid().as_raw();
        let other = own.wrapping_add(77_777);
        let table = [
            (0o755, 0o644, own, Ok(())),
            (0o755, 0o664, own, Ok(())),
            (0o775, 0o664, 0, Ok(())),
            (0o755, 0o664, other, Err(Distrust::ImageWritableByGroup)),
            (0o775, 0o644, other, Err(Distrust::FolderWritableByGroup)),
            (0o757, 0o644, own, Err(Distrust::FolderWritableByAll)),
            (0o1777, 0o644, own, Err(Distrust::FolderWritableByAll)),
            (0o755, 0o646, own, Err(Distrust::ImageWritableByAll)),
        ];
        for (folder, mode, group, expected) in table {
            let (image, _there) = image(folder, mode, group);
            assert_eq!(image.trust(), expected, "{folder:o} {mode:o} {group}");
        }
        let (mut image, _there) = image(0o755, 0o644, own);
        image.rights.uid = image.rights.uid.wrapping_add(77_777);
        assert_eq!(image.trust(), Err(Distrust::Owner));
        image.folders[0].mode = 0o775;
        assert_eq!(image.trust(), Ok(()), "a member's, in a folder of the group");
    }

    /// Each folder on the way counts; its owner is anybody's where a group of ours may write to the folder above.
    #[test]
    fn who_could_have_changed_a_folder_on_the_way() {
        let own = rustix::process::getegid().as_raw();
        let (us, other) =
            (rustix::process::geteuid().as_raw(), rustix::process::geteuid().as_raw().wrapping_add(77_777));
        let table = [
            (0o755, 0o755, own, us, Ok(())),
            (0o755, 0o755, own, other, Err(Distrust::Way)),
            (0o775, 0o755, own, other, Ok(())),
            (0o755, 0o775, own, us, Ok(())),
            (0o755, 0o775, own.wrapping_add(77_777), us, Err(Distrust::Way)),
            (0o755, 0o757, own, us, Err(Distrust::Way)),
            (0o755, 0o1777, own, us, Err(Distrust::Way)),
            (0o775, 0o757, own, other, Err(Distrust::Way)),
        ];
        for (data, mode, gid, uid, expected) in table {
            let there = tempfile::tempdir().unwrap();
            let path = there.path().join("lab/a.sif");
            std::fs::create_dir(there.path().join("lab")).unwrap();
            std::fs::write(&path, "x").unwrap();
            let rights = |mode, uid, gid| Rights { mode, uid, gid, list: false };
            let folders = vec![rights(data, us, own), rights(mode, uid, gid)];
            let name = ImageName::parse("lab/a.sif").unwrap();
            let image = Image::new(name, path.clone(), File::open(&path).unwrap(), folders).unwrap();
            assert_eq!(image.trust(), expected, "{data:o} {mode:o} {gid} {uid}");
        }
    }
}
