//! Folders, and names without an extension.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::FileType;

use super::super::super::name::NameError;
use super::super::super::target::TargetPath;
use super::super::*;
use super::{find, folder, list, special};

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

/// Some file systems do not tell what an entry is.
#[test]
fn an_entry_of_an_unknown_kind_is_looked_at() {
    let data = folder();
    fs::create_dir_all(data.path().join("box/.singularity.d")).unwrap();
    for name in ["lab", "x.img", "put.old"] {
        fs::create_dir(data.path().join(name)).unwrap();
    }
    for name in ["a.sif", "bare", "x.txt"] {
        fs::write(data.path().join(name), sif()).unwrap();
    }
    fs::write(data.path().join("text"), "text").unwrap();
    special(&data.path().join("fifo"), FileType::Fifo);
    special(&data.path().join("fifo.sif"), FileType::Fifo);
    for (link, target) in
        [("link", "bare"), ("link.sif", "a.sif"), ("to-lab", "lab"), ("gone.sif", "none"), ("to-box", "box")]
    {
        symlink(target, data.path().join(link)).unwrap();
    }
    let root = File::open(data.path()).unwrap();
    let top = OpenFolder::top(&root).unwrap();
    let told = |lookup: Lookup| match lookup {
        Lookup::Image(entry) => format!("image {} {}", entry.name, entry.directory),
        Lookup::Folder(name) => format!("folder {name}"),
        Lookup::Refused(why) => format!("refused {why:?}"),
        Lookup::Other => "other".to_owned(),
    };
    let mut seen = 0;
    for entry in rustix::fs::Dir::read_from(&root).unwrap() {
        let entry = entry.unwrap();
        let known = told(top.look(entry.file_name(), entry.file_type()));
        assert_eq!(told(top.look(entry.file_name(), FileType::Unknown)), known, "{:?}", entry.file_name());
        seen += usize::from(known != "other");
    }
    assert_eq!(seen, 11);
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
