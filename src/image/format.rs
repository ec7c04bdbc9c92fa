//! Which format an image has, by its content, never by its name.
//!
//! In: a window on the file. Out: the format and where its file system begins, or what the file is instead.
//! Rule: `SIF_MAGIC` at byte 32; else squashfs or ext magic at the start, or after the newline of a launch line
//! (`#!…`) that ends within [`MAX_LAUNCH_LINE`] bytes, as Singularity 2 wrote its images.

use std::fmt;

use serde::Serialize;

use super::error::{ImagePart, MetadataError};
use super::window::Window;

/// Longest launch line looked at, in bytes.
const MAX_LAUNCH_LINE: usize = 256;
/// Where an ext file system keeps its magic.
const EXT_MAGIC_AT: usize = 1024 + 56;
/// Where a tar archive keeps its magic.
const TAR_MAGIC_AT: usize = 257;

/// How an image is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Singularity Image Format.
    Sif,
    /// A SIF that holds an OCI image.
    OciSif,
    /// A squashfs file system, with or without a launch line before it.
    Squashfs,
    /// An ext2, ext3 or ext4 file system, with or without a launch line before it.
    Ext3,
    /// A directory.
    Sandbox,
}

impl Format {
    /// A short name for programs, the same that serde writes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sif => "sif",
            Self::OciSif => "oci-sif",
            Self::Squashfs => "squashfs",
            Self::Ext3 => "ext3",
            Self::Sandbox => "sandbox",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sif => "SIF",
            Self::OciSif => "SIF in OCI mode",
            Self::Squashfs => "squashfs",
            Self::Ext3 => "ext3",
            Self::Sandbox => "sandbox directory",
        })
    }
}

/// The processor an image is made for, by the name that Go and OCI use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Architecture(&'static str);

/// Codes of `pkg/sif/arch.go` of github.com/apptainer/sif, in their order from `01` on.
const ARCHITECTURES: [&str; 12] =
    ["386", "amd64", "arm", "arm64", "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le", "s390x", "riscv64"];

impl Architecture {
    /// From the two digits and NUL of a SIF; `00` and unknown codes are nothing.
    pub(super) fn from_sif(code: &[u8]) -> Option<Self> {
        let number: usize = std::str::from_utf8(code.strip_suffix(b"\0")?).ok()?.parse().ok()?;
        ARCHITECTURES.get(number.checked_sub(1)?).copied().map(Self)
    }

    /// From the name in an OCI config.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        ARCHITECTURES.into_iter().find(|known| *known == name).map(Self)
    }

    /// This host's name, when the image is made for another processor; `None` also where that cannot be told.
    #[must_use]
    pub fn foreign(self) -> Option<&'static str> {
        let here = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            "s390x" => "s390x",
            "riscv64" => "riscv64",
            _ => return None,
        };
        (self.0 != here && (here, self.0) != ("amd64", "386")).then_some(here)
    }

    /// `amd64`, `arm64`, …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// What a file's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detected {
    Sif,
    /// A file system that begins at this byte.
    Squashfs(u64),
    Ext3(u64),
}

/// Looks at the first bytes.
pub(super) fn recognise(window: &Window<'_>) -> Result<Detected, MetadataError> {
    let head = window.head(MAX_LAUNCH_LINE + EXT_MAGIC_AT + 2)?;
    if at(&head, 32, b"SIF_MAGIC\0") {
        return Ok(Detected::Sif);
    }
    let launch = launch_line(&head);
    for start in [Some(0), launch].into_iter().flatten() {
        if at(&head, start, b"hsqs") {
            return Ok(Detected::Squashfs(start as u64));
        }
        if at(&head, start, b"sqsh") {
            return Err(MetadataError::unsupported("squashfs of a big-endian machine (older than version 4)"));
        }
        if at(&head, start + EXT_MAGIC_AT, &[0x53, 0xef]) {
            return Ok(Detected::Ext3(start as u64));
        }
    }
    if head.starts_with(b"#!/usr/bin/env run-singularity\n") {
        return Err(MetadataError::corrupt(ImagePart::Header, "the launch line is there, but no image follows it"));
    }
    Err(MetadataError::NotAnImage(name_it(&head)))
}

/// Bytes that [`begins_like_image`] looks at.
pub(super) const SNIFFED: usize = 64;

/// Whether a file of any name begins like an image: a SIF, squashfs, or the launch line of Singularity's own images. An
/// ext file system without one shows itself only later, so that such a file needs an image's extension.
pub(super) fn begins_like_image(head: &[u8]) -> bool {
    const LAUNCH: &[u8] = b"#!/usr/bin/env run-singularity\n";
    let launch = launch_line(head).unwrap_or(0);
    at(head, 32, b"SIF_MAGIC\0") || at(head, 0, b"hsqs") || at(head, launch, b"hsqs") || head.starts_with(LAUNCH)
}

fn at(head: &[u8], start: usize, magic: &[u8]) -> bool {
    head.get(start..).is_some_and(|rest| rest.starts_with(magic))
}

/// The byte after the first line, if that is a launch line.
fn launch_line(head: &[u8]) -> Option<usize> {
    let line = head.get(..MAX_LAUNCH_LINE.min(head.len()))?;
    let newline = line.iter().position(|&byte| byte == b'\n')?;
    line.starts_with(b"#!").then_some(newline + 1)
}

fn name_it(head: &[u8]) -> &'static str {
    let text = head.trim_ascii_start();
    if head.is_empty() {
        "an empty file; copy or build it again"
    } else if at(head, TAR_MAGIC_AT, b"ustar") {
        "a tar archive; build an image of it with `apptainer build NAME.sif docker-archive:FILE`"
    } else if head.starts_with(&[0x1f, 0x8b]) {
        "a gzip file; unpack it, or build an image of it"
    } else if head.starts_with(b"version https://git-lfs.github.com/spec/") {
        "a Git LFS pointer, which stands for the image; fetch the image itself with `git lfs pull`"
    } else if head.starts_with(b"\x7fELF") {
        "a program"
    } else if text.starts_with(b"<") {
        "a web page, perhaps the error page of a download; download it again"
    } else if text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        "a text; if it is a definition file, build an image of it with `apptainer build`"
    } else {
        "something else (neither SIF, squashfs nor ext3); build or copy it again"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8]) -> Result<Detected, String> {
        recognise(&Window::new(&bytes, bytes.len() as u64)).map_err(|error| error.to_string())
    }

    fn after(line: &str, rest: &[u8]) -> Vec<u8> {
        [line.as_bytes(), rest].concat()
    }

    #[test]
    fn by_content() {
        let launch = "#!/usr/bin/env run-singularity\n";
        let mut ext = vec![0; 2048];
        ext[1080..1082].copy_from_slice(&[0x53, 0xef]);
        let longest = format!("#!{}\n", "x".repeat(MAX_LAUNCH_LINE - 3));
        let too_long = format!("#!{}\n", "x".repeat(MAX_LAUNCH_LINE - 2));
        assert_eq!(look(&after(launch, b"\0SIF_MAGIC\0")), Ok(Detected::Sif));
        assert_eq!(look(b"hsqs...."), Ok(Detected::Squashfs(0)));
        assert_eq!(look(&after(launch, b"hsqs")), Ok(Detected::Squashfs(31)));
        assert_eq!(look(&ext), Ok(Detected::Ext3(0)));
        assert_eq!(look(&after(launch, &ext)), Ok(Detected::Ext3(31)));
        assert_eq!(look(&after(&longest, &ext)), Ok(Detected::Ext3(256)));
        assert_eq!(look(&after(&longest, b"hsqs")), Ok(Detected::Squashfs(256)));
        assert!(look(&after(&too_long, b"hsqs")).is_err());
        assert!(look(&after("no launch\n", b"hsqs")).is_err());
    }

    #[test]
    fn a_few_bytes_tell_an_image() {
        let launch = b"#!/usr/bin/env run-singularity\n";
        let sif = [&[b'x'; 32], &b"SIF_MAGIC\0"[..]].concat();
        let images: [&[u8]; 5] =
            [&sif, b"hsqs", launch, &after("#!/usr/bin/env run-singularity\n", b"hsqs"), &after("#!/bin/x\n", b"hsqs")];
        for bytes in images {
            assert!(begins_like_image(bytes), "{bytes:?}");
        }
        let others: [&[u8]; 7] =
            [b"", b"#!/bin/sh\n", b"hsq", b"\x7fELF", b"sqsh", b"#!/bin/sh\necho hsqs", &after("no\n", b"hsqs")];
        for bytes in others {
            assert!(!begins_like_image(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn what_it_is_instead() {
        let mut tar = vec![b'x'; 600];
        tar[257..262].copy_from_slice(b"ustar");
        let table: [(&[u8], &str); 9] = [
            (b"", "an empty file"),
            (&tar, "tar archive"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"\x7fELF\x02", "program"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
            (b"\n<!DOCTYPE html>", "web page"),
            (b"Bootstrap: docker\nFrom: busybox\n", "definition file"),
            (&[0, 1, 2, 200], "something else"),
            (b"#!/usr/bin/env run-singularity\n", "no image follows"),
        ];
        for (bytes, expected) in table {
            let error = look(bytes).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(look(b"sqsh").unwrap_err().contains("big-endian"));
    }

    #[test]
    fn architectures() {
        assert_eq!(Architecture::from_sif(b"02\0").map(Architecture::as_str), Some("amd64"));
        let foreign = |name| Architecture::from_name(name).and_then(Architecture::foreign);
        let here = if cfg!(target_arch = "x86_64") { [None, Some("amd64")] } else { [Some("arm64"), None] };
        assert_eq!([foreign("amd64"), foreign("arm64")], here);
        assert_eq!(Architecture::from_sif(b"12\0").map(Architecture::as_str), Some("riscv64"));
        for unknown in [b"00\0", b"13\0", b"-1\0", b"\xff\xff\0", b"022"] {
            assert_eq!(Architecture::from_sif(unknown), None);
        }
    }
}
