//! Generated folders, packed by `mksquashfs`: our reader finds what `unsquashfs` unpacks.
//!
//! Each folder is packed by every method that is read, with other options each time. Compared are names, kinds,
//! contents and where links lead. Needs squashfs-tools, so `scripts/test system` runs these tests, not `unit`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rustix::fs::{CWD, FileType as NodeType, Mode, mknodat};

use super::super::super::tree::Tree;
use super::super::super::window::Window;
use super::super::*;

const METHODS: [&str; 5] = ["gzip", "lzo", "xz", "lz4", "zstd"];
/// Block sizes: the smallest, the default, the largest.
const BLOCKS: [usize; 3] = [4096, 131_072, 1_048_576];
const OPTIONS: [&str; 9] = [
    "-noI",
    "-noD",
    "-noF",
    "-no-fragments",
    "-always-use-fragments",
    "-no-sparse",
    "-no-duplicates",
    "-no-exports",
    "-nopad",
];
/// More than any file or folder here holds.
const MOST: usize = 64 << 20;

/// Bytes of a file.
#[derive(Clone, Debug)]
enum Bytes {
    Zeros,
    /// Packs well.
    Lines,
    /// Packs badly; the number begins it.
    Noise(u64),
    /// Every second stretch of this many bytes is empty: a file with holes.
    Holes(usize),
}

#[derive(Clone, Debug)]
enum Node {
    File(Bytes, usize),
    Link(Vec<u8>),
    Folder(BTreeMap<Vec<u8>, Node>),
    /// A folder of that many small files: more than one run of entries, more than one block of inodes.
    Crowd(usize),
    /// Another name of the first file.
    Again,
    Fifo,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = || any::<u8>().prop_filter("no byte of a name", |byte| ![0, b'/'].contains(byte));
    let any_name = prop_oneof![8 => vec(byte(), 1..12), 1 => vec(byte(), 255)];
    prop_oneof![any_name, "[a-z.-]{1,8}".prop_map(String::into_bytes)]
        .prop_filter("a folder has them already", |name| ![&b"."[..], b".."].contains(&name.as_slice()))
}

/// Lengths around the ends of blocks, and any.
fn length() -> impl Strategy<Value = usize> {
    let near = |block: usize, most: usize| {
        (0..=most, 0..3_usize).prop_map(move |(times, more)| (block * times + more).saturating_sub(1))
    };
    prop_oneof![
        8 => 0..9000_usize,
        2 => 0..150_000_usize,
        6 => near(BLOCKS[0], 4),
        2 => near(BLOCKS[1], 2),
        1 => near(BLOCKS[2], 1),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let bytes = prop_oneof![
        Just(Bytes::Zeros),
        Just(Bytes::Lines),
        any::<u64>().prop_map(Bytes::Noise),
        (1..20_000_usize).prop_map(Bytes::Holes),
    ];
    let target = prop_oneof![8 => vec(1..=255_u8, 1..60), 1 => vec(1..=255_u8, 4095)];
    let leaf = prop_oneof![
        6 => (bytes, length()).prop_map(|(bytes, length)| Node::File(bytes, length)),
        2 => target.prop_map(Node::Link),
        1 => (0..700_usize).prop_map(Node::Crowd),
        1 => Just(Node::Again),
        1 => Just(Node::Fifo),
    ];
    leaf.prop_recursive(4, 24, 6, |inside| btree_map(name(), inside, 0..6).prop_map(Node::Folder))
}

/// What one folder holds, and for each method of packing a block size and options.
type Case = (BTreeMap<Vec<u8>, Node>, Vec<(usize, Vec<&'static str>)>);

fn case() -> impl Strategy<Value = Case> {
    let how = (proptest::sample::select(&BLOCKS[..]), proptest::sample::subsequence(&OPTIONS[..], 0..4));
    (btree_map(name(), node(), 0..8), vec(how, METHODS.len()))
}

fn content(bytes: &Bytes, length: usize) -> Vec<u8> {
    let mut state = if let Bytes::Noise(seed) = bytes { seed | 1 } else { 1 };
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let byte = |at: usize| match bytes {
        Bytes::Zeros => 0,
        Bytes::Lines => b"one line as another\n"[at % 20],
        Bytes::Holes(length) if (at / length).is_multiple_of(2) => 0,
        Bytes::Noise(_) | Bytes::Holes(_) => noise(),
    };
    (0..length).map(byte).collect()
}

/// Writes a folder's nodes to the disk; `first` becomes the first file.
fn write(nodes: &BTreeMap<Vec<u8>, Node>, folder: &Path, first: &mut Option<PathBuf>) {
    fs::create_dir(folder).unwrap();
    for (name, node) in nodes {
        let path = folder.join(OsStr::from_bytes(name));
        match node {
            Node::File(bytes, length) => {
                fs::write(&path, content(bytes, *length)).unwrap();
                first.get_or_insert(path);
            }
            Node::Link(target) => symlink(OsStr::from_bytes(target), path).unwrap(),
            Node::Folder(nodes) => write(nodes, &path, first),
            Node::Crowd(count) => {
                fs::create_dir(&path).unwrap();
                (0..*count).for_each(|number| fs::write(path.join(number.to_string()), number.to_string()).unwrap());
            }
            Node::Again => match first {
                Some(first) => fs::hard_link(first, path).unwrap(),
                None => fs::write(path, "").unwrap(),
            },
            Node::Fifo => mknodat(CWD, &path, NodeType::Fifo, Mode::RUSR, 0).unwrap(),
        }
    }
}

/// What is at a path: the kind, and a file's bytes or a link's target.
type Contents = BTreeMap<Vec<u8>, (FileType, Vec<u8>)>;

fn below(path: &[u8], name: &[u8]) -> Vec<u8> {
    [path, b"/", name].concat()
}

/// What is on the disk.
fn on_disk(folder: &Path, path: &[u8], found: &mut Contents) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (kind, here) = (entry.file_type().unwrap(), below(path, entry.file_name().as_bytes()));
        let facts = if kind.is_dir() {
            on_disk(&entry.path(), &here, found);
            (FileType::Directory, Vec::new())
        } else if kind.is_symlink() {
            (FileType::Link, fs::read_link(entry.path()).unwrap().as_os_str().as_bytes().to_vec())
        } else if kind.is_fifo() {
            (FileType::Other, Vec::new())
        } else {
            (FileType::File, fs::read(entry.path()).unwrap())
        };
        found.insert(here, facts);
    }
}

/// What our reader finds: each name is listed once, and looked up.
fn in_image(image: &mut Squashfs<'_>, folder: &super::super::Node, path: &[u8], found: &mut Contents) {
    for name in image.names(folder, MOST).unwrap() {
        let here = below(path, &name);
        let node = image.child(folder, &name).unwrap().unwrap();
        let facts = match image.kind(&node) {
            FileType::Directory => {
                in_image(image, &node, &here, found);
                Vec::new()
            }
            FileType::Link => image.target(&node).unwrap(),
            FileType::File => image.content(&node, MOST, ImagePart::FileSystem).unwrap(),
            FileType::Other => Vec::new(),
        };
        let before = found.insert(here, (image.kind(&node), facts));
        assert!(before.is_none(), "{} is listed twice", name.escape_ascii());
        assert!(image.child(folder, &below(&name, b"")).unwrap().is_none(), "a name that is not there");
    }
}

fn run(command: &mut Command) {
    let program = command.get_program().to_owned();
    let output = command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").output();
    let output = output.unwrap_or_else(|error| panic!("{program:?}: {error} (package squashfs-tools)"));
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What differs, by path and kind, in place of all bytes.
fn compare(what: &str, ours: &Contents, theirs: &Contents) {
    let names = |facts: &Contents| facts.keys().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>();
    assert_eq!(names(ours), names(theirs), "{what}");
    for (name, (kind, bytes)) in ours {
        let (their_kind, their_bytes) = &theirs[name];
        let name = name.escape_ascii();
        assert_eq!((kind, bytes.len()), (their_kind, their_bytes.len()), "{what}: {name}");
        assert!(bytes == their_bytes, "{what}: {name} has other bytes");
    }
}

fn holds((nodes, how): Case) {
    let folder = tempfile::tempdir().unwrap();
    let (root, image, unpacked) = (folder.path().join("root"), folder.path().join("image"), folder.path().join("out"));
    write(&nodes, &root, &mut None);
    let mut written = Contents::new();
    on_disk(&root, b"", &mut written);
    for (method, (block, options)) in METHODS.into_iter().zip(how) {
        let what = format!("{method} -b {block} {options:?}");
        let block = block.to_string();
        let plain = ["-comp", method, "-b", &block, "-noappend", "-quiet", "-no-progress", "-no-xattrs"];
        run(Command::new("mksquashfs").args([&root, &image]).args(plain).args(options));
        run(Command::new("unsquashfs").args(["-n", "-q", "-no-xattrs", "-d"]).args([&unpacked, &image]));
        let (mut theirs, mut ours) = (Contents::new(), Contents::new());
        on_disk(&unpacked, b"", &mut theirs);
        compare(&format!("{what}: unsquashfs and what was packed"), &theirs, &written);
        let bytes = fs::read(&image).unwrap();
        let source = bytes.as_slice();
        let mut squashfs = Squashfs::open(&Window::new(&source, bytes.len() as u64)).unwrap();
        let top = squashfs.root().unwrap();
        in_image(&mut squashfs, &top, b"", &mut ours);
        compare(&what, &ours, &theirs);
        fs::remove_dir_all(&unpacked).unwrap();
    }
}

#[test]
#[ignore = "needs squashfs-tools: part of scripts/test system"]
fn trees_by_mksquashfs() {
    properties::check(5, case(), holds);
}

#[test]
#[ignore = "long"]
fn trees_by_mksquashfs_long() {
    properties::check_long(80, case(), holds);
}
