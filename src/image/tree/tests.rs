//! Paths inside an image, on a file system that is a table; and sandboxes, which are real folders.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::super::format::Format;
use super::super::sandbox::Sandbox;
use super::*;

/// Path to what is there: `F…` a file, `L…` a link, `D` a directory.
struct Table(BTreeMap<&'static str, &'static str>);

impl Tree for Table {
    type Node = String;

    fn root(&mut self) -> Result<String, MetadataError> {
        Ok(String::new())
    }

    fn kind(&self, node: &String) -> FileType {
        match self.0.get(node.as_str()).map_or("D", |entry| &entry[..1]) {
            "F" => FileType::File,
            "L" => FileType::Link,
            "D" => FileType::Directory,
            _ => FileType::Other,
        }
    }

    fn child(&mut self, folder: &String, name: &[u8]) -> Result<Option<String>, MetadataError> {
        let path = format!("{folder}/{}", String::from_utf8_lossy(name));
        Ok(self.0.contains_key(path.as_str()).then_some(path))
    }

    fn target(&mut self, link: &String) -> Result<Vec<u8>, MetadataError> {
        Ok(self.0[link.as_str()].as_bytes()[1..].to_vec())
    }

    fn mode(&mut self, node: &String) -> Result<u32, MetadataError> {
        Ok(self.ownership(node)?.mode)
    }

    fn ownership(&mut self, node: &String) -> Result<Ownership, MetadataError> {
        let closed = self.0.get(node.as_str()).is_some_and(|entry| entry.ends_with("closed"));
        Ok(Ownership { mode: if closed { 0o600 } else { 0o755 }, uid: u32::MAX, gid: u32::MAX })
    }

    fn content(&mut self, file: &String, bound: usize, part: ImagePart) -> Result<Vec<u8>, MetadataError> {
        match self.0[file.as_str()].as_bytes()[1..].to_vec() {
            bytes if bytes == b"broken" => Err(MetadataError::corrupt(ImagePart::FileSystem, "as wanted")),
            bytes if bytes.len() > bound => Err(MetadataError::TooLarge { part, bound, unit: "bytes" }),
            bytes => Ok(bytes),
        }
    }

    fn names(&mut self, folder: &String, most: usize) -> Result<Vec<Vec<u8>>, MetadataError> {
        let inside = |path: &&str| {
            path.strip_prefix(&format!("{folder}/")).filter(|rest| !rest.contains('/')).map(str::to_owned)
        };
        Ok(self.0.keys().filter_map(inside).take(most).map(String::into_bytes).collect())
    }
}

fn table(entries: &[(&'static str, &'static str)]) -> Table {
    Table(entries.iter().copied().collect())
}

#[test]
fn links_stay_inside() {
    let mut tree = table(&[
        ("/a", "D"),
        ("/a/f", "Fdeep"),
        ("/f", "Ftop"),
        ("/rel", "La/f"),
        ("/abs", "L/a/f"),
        ("/up", "L../../../f"),
        ("/a/back", "L../f"),
        ("/dir", "L/a/"),
        ("/dots", "L./a/.././//f"),
        ("/loop", "Lloop"),
        ("/ping", "Lpong"),
        ("/pong", "Lping"),
        ("/gone", "Lnothing"),
        ("/thru", "Lf/x"),
        ("/dev", "X"),
        ("/grow", "Lgrow/grow"),
    ]);
    let cases = [
        ("/f", Some("top")),
        ("f", Some("top")),
        ("/a/f", Some("deep")),
        ("/rel", Some("deep")),
        ("/abs", Some("deep")),
        ("/up", Some("top")),
        ("/a/back", Some("top")),
        ("/dir/f", Some("deep")),
        ("/dir/back", Some("top")),
        ("/dots", Some("top")),
        ("/../a/f", Some("deep")),
        ("/loop", None),
        ("/ping", None),
        ("/gone", None),
        ("/thru", None),
        ("/dev", None),
        ("/a", None),
        ("/nothing/f", None),
        ("/grow", None),
        ("/f/..", None),
    ];
    for (path, expected) in cases {
        let found = tree.read(path, 100, ImagePart::Labels).unwrap();
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{path}");
    }
    assert_eq!(tree.list("/dir", 9).unwrap().unwrap(), [b"back".to_vec(), b"f".to_vec()]);
    assert_eq!(tree.list("/f", 9).unwrap(), None);
}

fn describe_table(entries: &[(&'static str, &'static str)]) -> Result<Metadata, MetadataError> {
    let mut all = vec![("/.singularity.d", "D"), ("/.singularity", "D"), ("/scif", "D"), ("/scif/apps", "D")];
    all.extend(entries);
    let mut metadata = Metadata::new(Format::Squashfs);
    describe(&mut table(&all), &mut metadata).map(|()| metadata)
}

#[test]
fn what_is_broken_is_noted_unless_it_is_the_labels() {
    let metadata = describe_table(&[
        ("/.singularity.d/labels.json", r#"F{"A":"b"}"#),
        ("/.singularity.d/runscript", "Fbroken"),
        ("/.singularity.d/runscript.help", "F\n\n"),
        ("/.singularity.d/Singularity", "FFrom: x\n\n"),
        ("/scif/apps/one", "D"),
        ("/scif/apps/one/scif", "D"),
        ("/scif/apps/one/scif/runscript", "Fbroken"),
        ("/scif/apps/two", "D"),
        ("/scif/apps/two/scif", "D"),
        ("/scif/apps/two/scif/labels.json", "F["),
        ("/scif/apps/-x", "D"),
    ])
    .unwrap();
    assert_eq!(metadata.labels.get("A"), Some("b"));
    assert_eq!((metadata.runscript, metadata.help, metadata.definition), (None, None, Some("From: x".to_owned())));
    assert_eq!(metadata.apps.len(), 1);
    assert_eq!(metadata.notes, [Note::Unread(ImagePart::Runscript), Note::AppName, Note::Unread(ImagePart::Apps)]);
    for labels in ["Fbroken", "F{", "F[]"] {
        assert!(describe_table(&[("/.singularity.d/labels.json", labels)]).is_err());
    }
}

#[test]
fn older_places() {
    let metadata = describe_table(&[("/.singularity/labels.json", r#"F{"A":"b"}"#), ("/singularity", "Frun")]).unwrap();
    assert_eq!((metadata.labels.get("A"), metadata.runscript.as_deref()), (Some("b"), Some("run")));
    assert!(describe_table(&[]).unwrap().labels.is_empty());
}

#[test]
fn apps_are_counted() {
    let names: Vec<String> = (0..MAX_APPS + 5).map(|number| format!("/scif/apps/a{number:03}")).collect();
    let leaked: Vec<&'static str> = names.into_iter().map(|name| &*name.leak()).collect();
    let inner: Vec<&'static str> = leaked.iter().map(|name| &*format!("{name}/scif").leak()).collect();
    let entries: Vec<_> = leaked.into_iter().chain(inner).map(|path| (path, "D")).collect();
    let metadata = describe_table(&entries).unwrap();
    assert_eq!((metadata.apps.len(), metadata.notes), (MAX_APPS, vec![Note::MoreApps]));
}

#[test]
fn sandboxes_are_not_left() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("box");
    fs::create_dir_all(root.join(".singularity.d")).unwrap();
    fs::create_dir_all(root.join("scif/apps/hello/scif")).unwrap();
    fs::write(outer.path().join("secret.json"), r#"{"SECRET":"outside"}"#).unwrap();
    let marked = root.join(".singularity.d");
    symlink(outer.path().join("secret.json"), marked.join("labels.json")).unwrap();
    symlink("../../secret.json", marked.join("runscript")).unwrap();
    symlink("/etc/passwd", marked.join("runscript.help")).unwrap();
    symlink("/real", marked.join("Singularity")).unwrap();
    fs::write(root.join("real"), "From: inside\n").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("scif/apps/hello/scif/runscript"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let look = || {
        let folder = fs::File::open(&root).unwrap();
        let mut metadata = Metadata::new(Format::Sandbox);
        describe(&mut Sandbox(folder.as_fd()), &mut metadata).map(|()| metadata)
    };
    let metadata = look().unwrap();
    assert!(metadata.labels.is_empty() && metadata.runscript.is_none() && metadata.help.is_none());
    assert_eq!(metadata.definition.as_deref(), Some("From: inside"));
    assert_eq!((metadata.apps.len(), metadata.apps[0].runscript.as_deref()), (1, None));

    fs::remove_file(marked.join("labels.json")).unwrap();
    fs::File::create(marked.join("labels.json")).unwrap().set_len(1 << 30).unwrap();
    assert!(matches!(look(), Err(MetadataError::TooLarge { part: ImagePart::Labels, .. })));
}

/// What a runtime may not execute it leaves aside, and starts a shell; the mode of the root directory does not matter to it.
#[test]
fn a_runscript_that_may_not_be_executed_is_there_and_forbidden() {
    let script = |entries: &[(&'static str, &'static str)]| {
        let mut metadata = Metadata::new(Format::Squashfs);
        describe(&mut table(&[&[("", "Dclosed")], entries].concat()), &mut metadata).unwrap();
        (metadata.script, metadata.runscript)
    };
    const RUNSCRIPT: &str = "/.singularity.d/runscript";
    assert_eq!(script(&[]), (Runscript::Missing, None));
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(script(&[("/.singularity.d", "D"), (RUNSCRIPT, "Frun")]), (Runscript::There, said("run")));
    assert_eq!(script(&[("/.singularity.d", "D"), (RUNSCRIPT, "Fclosed")]), (Runscript::Forbidden, said("closed")));
    assert_eq!(script(&[("/.singularity.d", "Dclosed"), (RUNSCRIPT, "Frun")]), (Runscript::Forbidden, said("run")));
    // by a link, the folder behind it counts
    let linked = [("/.singularity.d", "D"), (RUNSCRIPT, "L/opt/run"), ("/opt", "Dclosed"), ("/opt/run", "Frun")];
    assert_eq!(script(&linked), (Runscript::Forbidden, said("run")));
    // one that cannot be read is there all the same
    assert_eq!(script(&[("/.singularity.d", "D"), (RUNSCRIPT, "Fbroken")]), (Runscript::There, None));
}

#[test]
fn the_runscript_of_a_sandbox_may_be_executed_or_not() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join(".singularity.d");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("runscript"), "run").unwrap();
    let script = |mode| {
        fs::set_permissions(place.join("runscript"), fs::Permissions::from_mode(mode)).unwrap();
        let folder = fs::File::open(root.path()).unwrap();
        let mut metadata = Metadata::new(Format::Sandbox);
        describe(&mut Sandbox(folder.as_fd()), &mut metadata).unwrap();
        (metadata.script, metadata.runscript.is_some(), metadata.notes.len())
    };
    assert_eq!(script(0o700), (Runscript::There, true, 0));
    assert_eq!(script(0o644), (Runscript::Forbidden, true, 0));
    if !rustix::process::geteuid().is_root() {
        assert_eq!(script(0o300), (Runscript::Forbidden, false, 0));
    }
}

/// Docker's `ENV` arrives as `export LANG="${LANG:-"…"}"`.
#[test]
fn an_image_that_sets_its_locale_is_left_alone() {
    let set = |entries: &[(&'static str, &'static str)]| sets_locale(&mut table(entries)).unwrap();
    const FOLDERS: [(&str, &str); 2] = [("/.singularity.d", "D"), ("/.singularity.d/env", "D")];
    let among = |script: &'static str| {
        set(&[&FOLDERS[..], &[("/.singularity.d/env/10-docker2singularity.sh", script)]].concat())
    };
    assert!(!set(&[]) && !set(&FOLDERS));
    for script in ["Fexport LANG=de_DE.UTF-8", "Fexport LANG=\"${LANG:-\"C\"}\"", "FLC_ALL=C", "FLC_CTYPE=C.UTF-8"] {
        assert!(among(script), "{script}");
        assert!(set(&[("/environment", script)]), "{script}");
    }
    // which languages are preferred says nothing of the encoding
    for script in ["Fexport PATH=/bin", "FLANGUAGE=de:en", "FLANG", "F"] {
        assert!(!among(script), "{script}");
    }
    assert!(sets_locale(&mut table(&[("/environment", "Fbroken")])).is_err(), "then it is not known");
}
