//! The whole corpus: what each image says, and that no change of its bytes leads to a panic, a hang or much memory.

use std::time::{Duration, Instant};

use super::error::{ImagePart, MetadataError};
use super::format::Format;
use super::metadata::{MAX_TEXT, Metadata, Note};
use super::testing::{Object, corpus, corpus_names, sif};

const RUNSCRIPT: &str = "#!/bin/sh\necho hello \"$@\"";
const HELP: &str = "How to say hello.\n    hello --name Amy";
const DEFINITION: &str = "Bootstrap: scratch\n%labels\n    NAME amy";

/// What `fill` of `tests/images/make` wrote.
fn check_labels(name: &str, metadata: &Metadata) {
    let labels: Vec<_> = metadata.labels.iter().collect();
    let expected = [("NAME", "amy"), ("Singularity_Runscript_Arg_Str", "name, ice-cream"), ("umlaut", "ü \"q\" \\")];
    assert_eq!(labels, expected, "{name}");
    assert_eq!(metadata.runscript.as_deref(), Some(RUNSCRIPT), "{name}");
    assert!(!format!("{metadata:?}").contains("s3cret"), "{name}");
}

fn check_all(name: &str, metadata: &Metadata, help: &str) {
    check_labels(name, metadata);
    assert_eq!(metadata.help.as_deref(), Some(help), "{name}");
    assert_eq!(metadata.definition.as_deref(), Some(DEFINITION), "{name}");
    let apps: Vec<_> = metadata.apps.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(apps, ["hello", "plain"], "{name}");
    let hello = &metadata.apps[0];
    assert_eq!(hello.labels.get("A"), Some("b"), "{name}");
    assert_eq!(hello.runscript.as_deref(), Some("#!/bin/sh\necho hello app"), "{name}");
    assert_eq!(hello.help.as_deref(), Some("The app says hello."), "{name}");
    assert_eq!(metadata.notes, [Note::AppName], "{name}");
}

#[test]
fn every_image_of_the_corpus() {
    let names = corpus_names();
    assert!(names.len() >= 17, "{names:?}");
    for name in names {
        let answer = Metadata::of_bytes(&corpus(&name));
        match (name.as_str(), answer) {
            (
                "bomb-labels-of-1-GiB.sqfs",
                Err(MetadataError::TooLarge { part: ImagePart::Labels, bound: MAX_TEXT, .. }),
            ) => {}
            (
                "bomb-labels-100000-deep.sqfs",
                Err(MetadataError::TooLarge { part: ImagePart::Labels, bound: 32, .. }),
            ) => {}
            ("bomb-definition-of-1-GiB.sqfs", Ok(metadata)) => {
                check_labels(&name, &metadata);
                assert_eq!(metadata.notes, [Note::TooLong(ImagePart::Definition), Note::AppName]);
            }
            ("squashfs-long.sqfs", Ok(metadata)) => {
                let lines: Vec<String> = (1..=3000).map(|line| line.to_string()).collect();
                check_all(&name, &metadata, &lines.join("\n"));
            }
            ("squashfs-links.sqfs" | "squashfs-release-2.2.sqfs", Ok(metadata)) => {
                check_labels(&name, &metadata);
                assert_eq!((&metadata.help, &metadata.definition, metadata.apps.len()), (&None, &None, 0));
            }
            (_, Ok(metadata)) => {
                let expected = if name.starts_with("ext") { Format::Ext3 } else { Format::Squashfs };
                assert_eq!(metadata.format, expected, "{name}");
                check_all(&name, &metadata, HELP);
            }
            (_, Err(error)) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn a_sif_without_metadata_is_read_from_its_partition() {
    let definition = Object::new(0x4001, "", b"From: the descriptor");
    for (file_system, name) in [(1, "squashfs-gzip.sqfs"), (2, "ext4.img")] {
        let partition = Object::partition(file_system, b"04\0", &corpus(name));
        let metadata = Metadata::of_bytes(&sif(std::slice::from_ref(&partition), 4096)).unwrap();
        assert_eq!(metadata.format, Format::Sif);
        check_all(name, &metadata, HELP);
        let metadata = Metadata::of_bytes(&sif(&[definition.clone(), partition.clone()], 8)).unwrap();
        assert_eq!(metadata.definition.as_deref(), Some("From: the descriptor"));
        check_labels(name, &metadata);
        let labels = Object::new(0x4003, "", br#"{"OWN":"1"}"#);
        let metadata = Metadata::of_bytes(&sif(&[labels, partition], 8)).unwrap();
        assert_eq!(metadata.labels.iter().collect::<Vec<_>>(), [("OWN", "1")]);
        assert_eq!(metadata.help.as_deref(), Some(HELP));
    }
    for (file_system, name) in [(3, "ext4.img"), (4, "ext4.img")] {
        let partition = Object::partition(file_system, b"02\0", &corpus(name));
        assert!(matches!(Metadata::of_bytes(&sif(&[partition], 8)), Err(MetadataError::Unsupported { .. })));
    }
}

/// The images to change: the corpus, and SIFs of each kind around parts of it.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds: Vec<_> = corpus_names().into_iter().map(|name| (name.clone(), corpus(&name))).collect();
    let inspect = r#"{"data":{"attributes":{"apps":{"a":{"labels":{"x":1}}},"environment":{"e":"x"},"labels":{"L":[1,{"b":null}]},"runscript":"r"}}}"#;
    let stored = Object::partition(1, b"02\0", &corpus("squashfs-stored.sqfs"));
    let config = br#"{"architecture":"arm64","config":{"Labels":{"A":"b"},"Env":["PATH=/bin"],"Cmd":["x"]}}"#;
    let oci = [
        Object::oci(0x400b, "sha256:a", br#"{"config":{"digest":"sha256:b"}}"#),
        Object::oci(0x400b, "sha256:b", config),
        Object::oci(0x400a, "sha256:c", br#"{"manifests":[{"digest":"sha256:a"}]}"#),
    ];
    let labels = [Object::new(0x4001, "", b"From: x"), Object::new(0x4003, "", br#"{"A":"b"}"#), stored.clone()];
    seeds.push(("sif-inspect".to_owned(), sif(&[Object::inspect_metadata(inspect), stored.clone()], 8)));
    seeds.push(("sif-partition".to_owned(), sif(&[stored], 8)));
    seeds.push(("sif-labels".to_owned(), sif(&labels, 8)));
    seeds.push(("sif-oci".to_owned(), sif(&oci, 8)));
    seeds
}

/// A small generator (xorshift64*), so that each run is the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

fn change(random: &mut Random, bytes: &mut Vec<u8>) {
    const NUMBERS: [u64; 10] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
    for _ in 0..=random.below(4) {
        let len = bytes.len();
        // Half of the changes hit where headers and tables are.
        let at = if random.below(2) == 0 { random.below(len.min(8192)) } else { random.below(len) };
        let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) else { return };
        match random.below(5) {
            0 => rest[0] ^= 1 << random.below(8),
            1 => rest[0] = random.below(256) as u8,
            2 => {
                let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
                let width = [1, 2, 4, 8][random.below(4)].min(rest.len());
                rest[..width].copy_from_slice(&number[..width]);
            }
            3 => {
                let width = random.below(64).min(rest.len());
                let from = random.below(len - width);
                bytes.copy_within(from..from + width, at);
            }
            _ if random.below(8) == 0 => bytes.truncate(at),
            _ => rest[0] = rest[0].wrapping_add(1),
        }
    }
}

/// Changes each seed so many times; the bound on time is for a hang, not for speed.
fn mutate(each: usize) -> (usize, Duration) {
    let mut random = Random(0x5eed_0000_2026_1123);
    let (mut count, mut slowest) = (0, Duration::ZERO);
    for (name, seed) in seeds() {
        for turn in 0..each {
            let mut bytes = seed.clone();
            change(&mut random, &mut bytes);
            let start = Instant::now();
            if let Err(error) = Metadata::of_bytes(&bytes) {
                assert!(error.to_string().len() < 400, "{name} {turn}: {error}");
            }
            let took = start.elapsed();
            if took > slowest {
                println!("{name} {turn}: {took:?}");
            }
            slowest = slowest.max(took);
            assert!(slowest < Duration::from_secs(10), "{name} {turn} took {slowest:?}");
            count += 1;
        }
    }
    (count, slowest)
}

#[test]
fn some_mutations() {
    mutate(60);
}

/// Most memory this process has ever held, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "long: run with --ignored (and --release)"]
fn many_mutations() {
    let each = std::env::var("MUTATIONS_EACH").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let before = peak();
    let (count, slowest) = mutate(each);
    println!("{count} mutations, slowest {slowest:?}, peak memory {} KiB more than before", peak() - before);
    assert!(count >= 20_000 || each < 2_000);
    assert!(peak() - before < 32 * 1024, "more than 32 MiB");
}

#[test]
fn a_line_about_an_image_is_of_its_help_or_of_a_label() {
    let labels = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<super::Labels>();
    let all = [
        ("Description", "d"),
        ("org.label-schema.description", "c"),
        ("org.opencontainers.image.title", "b"),
        ("org.opencontainers.image.description", "\n a \n"),
    ];
    for (help, count, expected) in [
        (Some("\n h\n"), 4, Some("h")),
        (Some(" "), 4, Some("a")),
        (None, 4, Some("a")),
        (None, 3, Some("b")),
        (None, 2, Some("c")),
        (None, 1, Some("d")),
        (None, 0, None),
    ] {
        assert_eq!(super::summary(help, &labels(&all[..count])).as_deref(), expected, "{help:?} {count}");
    }
    assert_eq!(super::summary(None, &labels(&[("DESCRIPTION", "x")])).as_deref(), Some("x"));
}

#[test]
fn the_first_line_is_one_that_says_something() {
    assert_eq!(super::first_line("\n \n  one \ntwo").as_deref(), Some("one"));
    assert_eq!(super::first_line(" \n"), None);
}
