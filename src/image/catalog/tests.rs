//! The data folder: what is listed, reported, passed over, and opened.

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

/// The first bytes of a SIF; nothing else of it is there.
fn sif() -> Vec<u8> {
    [&b"#!/usr/bin/env run-singularity\n\0"[..], b"SIF_MAGIC\0", &[0; 100]].concat()
}

#[test]
fn a_name_that_says_nothing_is_looked_into() {
    let temporary = folder();
    let data = temporary.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(temporary.path().join("outside"), sif()).unwrap();
    for name in ["quast:5.0.1--py36pl526ha92aebf_0", "a@b=c~1", "tool.1"] {
        fs::write(data.join(name), sif()).unwrap();
    }
    fs::write(data.join("squash"), b"hsqs").unwrap();
    fs::write(data.join("old-image"), "#!/usr/bin/env run-singularity\n").unwrap();
    for name in ["x.txt", "y.SIF.part", "z.tsv", "w.sif~"] {
        fs::write(data.join(name), sif()).unwrap();
    }
    for name in ["script", "Makefile", "empty", "x.sh"] {
        fs::write(data.join(name), if name == "empty" { "" } else { "#!/bin/sh\nexit\n" }).unwrap();
    }
    fs::write(data.join("odd name"), sif()).unwrap();
    special(&data.join("fifo"), FileType::Fifo);
    for (link, target) in
        [("inner", "tool.1"), ("to-script", "script"), ("to-fifo", "fifo"), ("out", "../outside"), ("gone", "nothing")]
    {
        symlink(target, data.join(link)).unwrap();
    }
    let listing = list(&data);
    let images: Vec<_> = listing.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(images, ["a@b=c~1", "inner", "old-image", "quast:5.0.1--py36pl526ha92aebf_0", "squash", "tool.1"]);
    let refused: Vec<_> = listing.refused.iter().map(|refused| (refused.shown.as_str(), refused.why)).collect();
    assert_eq!(refused, [("odd name", Refusal::Name(NameError::Character)), ("out", Refusal::LeadsOut)]);
    for name in images {
        assert!(find(&data, name).is_ok(), "{name}");
    }
    for name in ["x.txt", "y.SIF.part", "script", "empty", "fifo", "to-fifo", "to-script", "out", "gone"] {
        assert!(matches!(find(&data, name), Err(FindError::NotFound)), "{name}: {:?}", find(&data, name));
    }
}

#[test]
fn folders_are_listed_and_entered() {
    let temporary = folder();
    let data = temporary.path().join("data");
    fs::create_dir_all(data.join("a/b/c/d/e")).unwrap();
    fs::create_dir_all(data.join("a/box/.singularity.d")).unwrap();
    fs::create_dir_all(data.join("a/box/inner")).unwrap();
    fs::create_dir_all(temporary.path().join("elsewhere")).unwrap();
    for name in ["empty", "run", "x.sif", "old.bak", "odd name", ".hidden", "lost+found", "a/run"] {
        fs::create_dir(data.join(name)).unwrap();
    }
    for name in [
        "top.sif",
        "a/one.sif",
        "a/run/two.sif",
        "a/b/c/d/deep.sif",
        "a/b/c/d/e/deeper.sif",
        "a/box/inner/no.sif",
        "x.sif/no.sif",
        "run/no.sif",
        ".hidden/no.sif",
        "old.bak/no.sif",
    ] {
        fs::write(data.join(name), sif()).unwrap();
    }
    fs::write(temporary.path().join("elsewhere/out.sif"), sif()).unwrap();
    for (link, target) in [
        ("again", "a"),
        ("a/up", ".."),
        ("a/self", "."),
        ("elsewhere", "../elsewhere"),
        ("a/link.sif", "../top.sif"),
        ("a/boxlink", "box"),
    ] {
        symlink(target, data.join(link)).unwrap();
    }
    let catalog = Catalog::open(&data).unwrap();
    let top = FolderName::default();
    let names = |listing: &Listing| -> Vec<String> { listing.images.iter().map(|one| one.name.to_string()).collect() };
    let folders = |listing: &Listing| -> Vec<String> { listing.folders.iter().map(ToString::to_string).collect() };
    let here = catalog.list(&top).unwrap();
    assert_eq!((names(&here), folders(&here)), (vec!["top.sif".to_owned()], vec!["a".to_owned(), "empty".to_owned()]));
    let refused: Vec<_> = here.refused.iter().map(|refused| (refused.shown.as_str(), refused.why)).collect();
    assert_eq!(
        refused,
        [
            ("again", Refusal::FolderLink),
            ("elsewhere", Refusal::LeadsOut),
            ("odd name", Refusal::Name(NameError::Character)),
            ("run", Refusal::Name(NameError::Reserved)),
            ("x.sif", Refusal::NotASandbox),
        ]
    );
    let inner = catalog.list(&FolderName::parse("a").unwrap()).unwrap();
    assert_eq!(names(&inner), ["a/box", "a/boxlink", "a/link.sif", "a/one.sif"]);
    assert_eq!(folders(&inner), ["a/b", "a/run"]);
    let all = catalog.list_all(&top).unwrap();
    assert_eq!(
        names(&all),
        ["a/b/c/d/deep.sif", "a/box", "a/boxlink", "a/link.sif", "a/one.sif", "a/run/two.sif", "top.sif"]
    );
    assert!(all.refused.iter().any(|one| one.shown == "a/b/c/d/e" && one.why == Refusal::Name(NameError::TooDeep)));
    assert!(!all.cut);
    for name in names(&all) {
        let image = find(&data, &name).unwrap();
        assert_eq!(image.path(), data.canonicalize().unwrap().join(&name));
    }
    for name in [
        "again/one.sif",
        "a/up/top.sif",
        "a/self/one.sif",
        "elsewhere/out.sif",
        "x.sif/no.sif",
        "a/box/inner/no.sif",
        "old.bak/no.sif",
        "a/top.sif",
    ] {
        assert!(find(&data, name).is_err(), "{name}");
    }
    for name in ["again", "x.sif", "a/box", "nothing", "top.sif", "a/up", "old.bak"] {
        let listed = catalog.list(&FolderName::parse(name).unwrap());
        assert!(matches!(listed, Err(CatalogError::Inner(FindError::NotFound))), "{name}: {listed:?}");
    }
}

#[test]
fn the_first_prefix_that_is_an_image_ends_its_name() {
    let data = folder();
    fs::create_dir_all(data.path().join("lab/box/.singularity.d")).unwrap();
    fs::write(data.path().join("lab/x.sif"), sif()).unwrap();
    let catalog = Catalog::open(data.path()).unwrap();
    let find = |path: &str| match catalog.find(&TargetPath::parse(path).unwrap()) {
        Ok(Found::Image(image, app)) => {
            format!("{} {}", image.name(), app.map_or(String::new(), |app| app.to_string()))
        }
        Ok(Found::Folder(folder)) => format!("folder {folder}"),
        Err(error) => format!("{error:?}"),
    };
    for (path, expected) in [
        ("lab", "folder lab"),
        ("lab/x.sif", "lab/x.sif "),
        ("lab/x.sif/app", "lab/x.sif app"),
        ("lab/x.sif/run", "lab/x.sif run"),
        ("lab/x.sif/a/b", "NoApp"),
        ("lab/x.sif/a:b", "NoApp"),
        ("lab/box", "lab/box "),
        ("lab/box/app", "lab/box app"),
        ("lab/none", "NotFound"),
        ("none/x.sif", "NotFound"),
    ] {
        assert_eq!(find(path), expected, "{path}");
    }
}

#[test]
fn an_unreadable_folder_is_reported_and_hides_nothing_else() {
    if rustix::fs::access("/root", rustix::fs::Access::READ_OK).is_ok() {
        println!("skipped: this account may read everything");
        return;
    }
    let data = folder();
    for name in ["closed", "lost+found", "lab", "listless"] {
        fs::create_dir(data.path().join(name)).unwrap();
        fs::write(data.path().join(name).join("x.sif"), sif()).unwrap();
    }
    fs::write(data.path().join("secret"), sif()).unwrap();
    let mode = |name: &str, mode| fs::set_permissions(data.path().join(name), Permissions::from_mode(mode)).unwrap();
    for (name, bits) in [("closed", 0o000), ("lost+found", 0o000), ("listless", 0o311), ("secret", 0o000)] {
        mode(name, bits);
    }
    let all = Catalog::open(data.path()).unwrap().list_all(&FolderName::default()).unwrap();
    assert_eq!(all.images.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["lab/x.sif"]);
    let refused: Vec<_> = all.refused.iter().map(|refused| (refused.shown.as_str(), refused.why)).collect();
    assert_eq!(refused, [("closed", Refusal::Denied), ("listless", Refusal::Denied)]);
    assert!(matches!(find(data.path(), "closed/x.sif"), Err(FindError::Denied)));
    assert!(matches!(find(data.path(), "secret"), Err(FindError::NotFound)));
    for name in ["closed", "lost+found", "listless"] {
        mode(name, 0o755);
    }
}
