//! The data folder: what is listed, reported, passed over, and opened.

mod folders;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{CWD, FileType, Mode};

use super::super::name::NameError;
use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn list(folder: &Path) -> Listing {
    Catalog::open(folder).unwrap().list(&FolderName::default()).unwrap()
}

fn find(folder: &Path, name: &str) -> Result<Image, FindError> {
    Catalog::open(folder).unwrap().image(&ImageName::parse(name).unwrap())
}

fn special(path: &Path, kind: FileType) {
    rustix::fs::mknodat(CWD, path, kind, Mode::RWXU, 0).unwrap();
}

#[test]
fn images_others_and_refused() {
    let temporary = folder();
    let outer = temporary.path();
    let data = outer.join("data");
    fs::create_dir_all(data.join("box/.singularity.d")).unwrap();
    fs::create_dir_all(data.join("Box.IMG/.singularity.d")).unwrap();
    fs::create_dir_all(data.join("run/.singularity.d")).unwrap();
    fs::create_dir_all(data.join("plain")).unwrap();
    fs::create_dir_all(data.join("plain.img")).unwrap();
    fs::create_dir_all(data.join("deeper")).unwrap();
    fs::create_dir(outer.join("data2")).unwrap();
    for file in [
        "b.sif",
        "a.SIF",
        "c.img",
        "d.simg",
        "e.SqFs",
        "deeper/f.sif",
        "README.md",
        "hello.def",
        "x.sh",
        "sif",
        ".hidden.sif",
        "x.sif.txt",
        "-x.sif",
        "a b.sif",
        "$(touch p).sif",
        "<img src=x>.sif",
        "new\nline.sif",
        "rev\u{202e}fis.sif",
    ] {
        fs::write(data.join(file), "12345").unwrap();
    }
    fs::write(data.join(OsStr::from_bytes(b"\xff\xfe.sif")), "").unwrap();
    fs::write(data.join(format!("{}.sif", "l".repeat(251))), "").unwrap();
    fs::write(outer.join("data2/out.sif"), "out").unwrap();
    for (link, target) in [
        ("in.sif", "deeper/f.sif"),
        ("twice.sif", "in.sif"),
        ("boxlink", "box"),
        ("renamed.sif", "README.md"),
        ("out.sif", "../data2/out.sif"),
        ("abs.sif", "/etc/passwd"),
        ("gone.sif", "nothing"),
        ("loop.sif", "loop.sif"),
        ("out.txt", "/etc/passwd"),
        ("gone.txt", "nothing"),
        ("thru.sif", "b.sif/x"),
        ("dev.sif", "/dev/null"),
        ("text.txt", "b.sif"),
        ("proc.sif", "/proc/self/fd/0"),
    ] {
        symlink(target, data.join(link)).unwrap();
    }
    special(&data.join("fifo.sif"), FileType::Fifo);
    special(&data.join("socket.img"), FileType::Socket);
    special(&data.join("fifo"), FileType::Fifo);
    symlink("fifo", data.join("tofifo.sif")).unwrap();

    let listing = list(&data);
    let images: Vec<_> = listing.images.iter().map(|image| (image.name.as_str(), image.directory)).collect();
    assert_eq!(
        images,
        [
            ("Box.IMG", true),
            ("a.SIF", false),
            ("b.sif", false),
            ("box", true),
            ("boxlink", true),
            ("c.img", false),
            ("d.simg", false),
            ("e.SqFs", false),
            ("in.sif", false),
            ("renamed.sif", false),
            ("twice.sif", false),
        ]
    );
    let refused: Vec<_> = listing.refused.iter().map(|refused| (refused.shown.as_str(), refused.why)).collect();
    let long = format!("{}…", "l".repeat(MAX_SHOWN));
    assert_eq!(
        refused,
        [
            ("$(touch p).sif", Refusal::Name(NameError::Start)),
            ("-x.sif", Refusal::Name(NameError::Start)),
            ("<img src=x>.sif", Refusal::Name(NameError::Start)),
            ("\\xff\\xfe.sif", Refusal::NotUtf8),
            ("a b.sif", Refusal::Name(NameError::Character)),
            ("abs.sif", Refusal::LeadsOut),
            ("dev.sif", Refusal::LeadsOut),
            ("fifo.sif", Refusal::Special),
            ("gone.sif", Refusal::Dangling),
            (long.as_str(), Refusal::Name(NameError::TooLong(128))),
            ("loop.sif", Refusal::Dangling),
            ("new\\nline.sif", Refusal::Name(NameError::Character)),
            ("out.sif", Refusal::LeadsOut),
            ("plain.img", Refusal::NotASandbox),
            ("proc.sif", Refusal::LeadsOut),
            ("rev\\u{202e}fis.sif", Refusal::Name(NameError::Character)),
            ("run", Refusal::Name(NameError::Reserved)),
            ("socket.img", Refusal::Special),
            ("thru.sif", Refusal::Dangling),
            ("tofifo.sif", Refusal::Special),
        ]
    );

    let folder = Catalog::open(&data).unwrap();
    for image in &listing.images {
        let opened = find(&data, image.name.as_str()).unwrap();
        assert_eq!(
            (opened.modified(), opened.is_directory()),
            (folder.metadata(&image.name).unwrap().1, image.directory)
        );
        assert!(image.directory || opened.size() == folder.metadata(&image.name).unwrap().0);
        assert_eq!(opened.path(), data.canonicalize().unwrap().join(image.name.as_str()));
    }
    for name in [
        "out.sif",
        "abs.sif",
        "gone.sif",
        "loop.sif",
        "fifo.sif",
        "socket.img",
        "tofifo.sif",
        "plain",
        "plain.img",
        "README.md",
        "hello.def",
        "x.sh",
        "sif",
        "text.txt",
        "nothing.sif",
        "thru.sif",
        "deeper",
        "fifo",
        "dev.sif",
        "proc.sif",
    ] {
        let found = find(&data, name);
        assert!(matches!(found, Err(FindError::NotFound | FindError::Folder(_))), "{name}: {found:?}");
    }
    let folders: Vec<_> = listing.folders.iter().map(FolderName::as_str).collect();
    assert_eq!(folders, ["deeper", "plain"]);
}

#[test]
fn no_such_folder() {
    let outer = folder();
    fs::write(outer.path().join("file"), "").unwrap();
    let open = |name: &str| Catalog::open(&outer.path().join(name)).err().unwrap();
    assert!(matches!(open("nothing"), CatalogError::Missing));
    assert!(matches!(open("file"), CatalogError::NotAFolder));
    let place = outer.path().to_str().unwrap();
    for error in [open("nothing"), open("file")] {
        assert!(!error.to_string().contains(place), "{error}");
    }
}

#[test]
fn the_folder_as_it_is_now() {
    let data = folder();
    let catalog = Catalog::open(data.path()).unwrap();
    assert_eq!(catalog.list(&FolderName::default()).unwrap(), Listing::default());
    fs::write(data.path().join("a.sif"), "").unwrap();
    assert_eq!(catalog.list(&FolderName::default()).unwrap().images.len(), 1);
    fs::remove_file(data.path().join("a.sif")).unwrap();
    assert_eq!(catalog.list(&FolderName::default()).unwrap(), Listing::default());
    assert!(matches!(find(data.path(), "a.sif"), Err(FindError::NotFound)));
}

#[test]
fn a_replaced_image_is_one_whole_version_or_not_found() {
    let data = folder();
    let write = |text: &[u8]| {
        fs::write(data.path().join(".new"), text).unwrap();
        fs::rename(data.path().join(".new"), data.path().join("a.sif")).unwrap();
    };
    write(&[0; 100]);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..2_000).for_each(|turn| write(&vec![(turn % 2) as u8; 100 + turn % 2])));
        for _ in 0..2_000 {
            let image = find(data.path(), "a.sif").unwrap();
            let mut bytes = vec![0; 200];
            let count = std::os::unix::fs::FileExt::read_at(image.file(), &mut bytes, 0).unwrap();
            assert_eq!(count as u64, image.size());
            assert!(bytes[..count].iter().all(|byte| usize::from(*byte) == count - 100));
            assert!(list(data.path()).images.len() <= 2);
        }
    });
}

#[test]
fn what_may_not_be_read() {
    if rustix::fs::access("/root", rustix::fs::Access::READ_OK).is_ok() {
        println!("skipped: this account may read everything");
        return;
    }
    let data = folder();
    fs::write(data.path().join("a.sif"), "").unwrap();
    fs::set_permissions(data.path().join("a.sif"), Permissions::from_mode(0o000)).unwrap();
    fs::create_dir_all(data.path().join("box.img/.singularity.d")).unwrap();
    fs::set_permissions(data.path().join("box.img"), Permissions::from_mode(0o000)).unwrap();
    assert!(matches!(find(data.path(), "a.sif"), Err(FindError::Denied)));
    let listing = list(data.path());
    assert_eq!(listing.images.len(), 1, "a file's own rights do not hide it");
    assert_eq!(listing.refused[0].why, Refusal::Denied);
    fs::set_permissions(data.path().join("box.img"), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(data.path(), Permissions::from_mode(0o000)).unwrap();
    assert!(matches!(Catalog::open(data.path()), Err(CatalogError::Denied)));
    fs::set_permissions(data.path(), Permissions::from_mode(0o700)).unwrap();
}
