//! Why nothing of an image, or of an app of it, can be run, whatever the runtime and the host.
//!
//! In: what the readers of formats found. Out: one [`Obstacle`], with its text. Never: opens anything.

use std::fmt;

use super::shell::is_shell;

/// What stands in the way of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// SingularityCE 4 takes such images with `--oci` alone, and then no `--containall`.
    OciMode,
    /// Nobody here has the key.
    Encrypted,
    /// A SIF without a root file system: an overlay, a data partition, a list of contents.
    NoContainer,
    /// Only its apps have something to run.
    OnlyApps,
    /// There is no runscript, or none that does anything: what runtimes write where an author wrote none.
    NoRunscript,
    /// The runscript may not be read and executed by the account that serves. The runtime would start `/bin/sh` instead.
    Forbidden,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OciMode => {
                "it is a SIF in OCI mode, which no runtime runs with the isolation of this site; build it as an \
                 ordinary SIF, with `apptainer build NAME.sif docker://…`"
            }
            Self::Encrypted => "it is encrypted, and nobody here has the key; build it again without encryption",
            Self::NoContainer => {
                "there is no container in it, because it has no root file system; build it from a definition file or \
                 from a container"
            }
            Self::OnlyApps => "only its apps can be run, because it has no runscript of its own",
            Self::NoRunscript => {
                "it has no runscript, so there is nothing to run; build it again with a %runscript (an app: %apprun)"
            }
            Self::Forbidden => {
                "the account of this site may not read and execute its runscript; build it again with that right for \
                 all accounts (chmod a+rx, also for the folders above)"
            }
        })
    }
}

/// What is known of a runscript beside its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runscript {
    /// There is none, or none that does anything.
    Missing,
    /// There is one, and nothing is known that forbids it.
    There,
    /// There is one, and it may not be read and executed.
    Forbidden,
}

/// What runtimes print where an author wrote no runscript.
const PLACEHOLDER: &str = "There is no runscript defined for this container";

impl Runscript {
    /// By its text: blank lines, comments and the runtime's placeholder do nothing in a shell. In other languages a program
    /// may be in its first line: `#!/bin/cat`.
    pub(super) fn of(text: Option<&str>) -> Runscript {
        let does = |line: &str| !line.is_empty() && !line.starts_with('#') && !is_placeholder(line);
        match text.is_some_and(|text| !is_shell(text) || text.lines().map(str::trim).any(does)) {
            true => Runscript::There,
            false => Runscript::Missing,
        }
    }

    pub(super) fn obstacle(self) -> Option<Obstacle> {
        match self {
            Self::Missing => Some(Obstacle::NoRunscript),
            Self::Forbidden => Some(Obstacle::Forbidden),
            Self::There => None,
        }
    }
}

fn is_placeholder(line: &str) -> bool {
    line.strip_prefix("echo").is_some_and(|rest| rest.trim_start_matches([' ', '"', '\'']).starts_with(PLACEHOLDER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_does_nothing_is_none() {
        for text in [
            None,
            Some(""),
            Some("#!/bin/sh"),
            Some("#!/bin/sh\n# Copyright\n\n  # more\n"),
            Some("#!/bin/sh\n\necho \"There is no runscript defined for this container\\n\";\n"),
        ] {
            assert_eq!(Runscript::of(text), Runscript::Missing, "{text:?}");
        }
        for text in [
            "#!/bin/sh\nexec hello \"$@\"",
            "hello",
            "#!/bin/sh\n:\n",
            "#!/bin/cat\n# text",
            "echo There is a runscript",
        ] {
            assert_eq!(Runscript::of(Some(text)), Runscript::There, "{text}");
        }
    }
}
