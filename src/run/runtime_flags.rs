//! The flags that a runtime offers, read from its own `help run`.
//!
//! Only flags without which a run is still possible are looked for; what every release has (`--containall`, `--net`) is
//! always passed. In: the text of `help run`. Out: [`RuntimeFlags`], or nothing of a text that breaks off. Pure.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// The flag that every release has and names behind all the others, which are in the order of the alphabet.
const LAST: &str = "--writable";

/// Which optional flags of `run` there are. The releases are the first that have them (Apptainer; SingularityCE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeFlags {
    /// `--no-eval` (1.1; 3.10): no shell evaluates arguments.
    pub no_eval: bool,
    /// `--no-mount` (all; 3.6): leaves out mounts of the runtime's own configuration.
    pub no_mount: bool,
    /// Its value `bind-paths` (1.2; 3.11): leaves out the configured bind paths.
    pub bind_paths: bool,
    /// `--no-pid` (1.3; 4.0): no process namespace.
    pub no_pid: bool,
    /// `--env` (all; 3.6): a variable for the container.
    pub env: bool,
    /// `--memory`, `--pids-limit` and `--cpus` (1.1; 3.10): limits by cgroups.
    pub limits: bool,
}

impl RuntimeFlags {
    /// Everything.
    pub fn all() -> RuntimeFlags {
        RuntimeFlags { no_eval: true, no_mount: true, bind_paths: true, no_pid: true, env: true, limits: true }
    }

    /// Reads the text that `help run` prints. What a text that was cut does not hold may be offered all the same.
    pub fn of_help(help: &str) -> Option<RuntimeFlags> {
        // `  -e, --env strings   what it does`: flags come first in a line
        let first = |line| str::split_whitespace(line).take_while(|word| word.starts_with('-'));
        let flags: HashSet<&str> = help.lines().flat_map(first).map(|word| word.trim_end_matches(',')).collect();
        let has = |flag: &str| flags.contains(flag);
        has(LAST).then(|| RuntimeFlags {
            no_eval: has("--no-eval"),
            no_mount: has("--no-mount"),
            bind_paths: has("--no-mount") && help.contains("bind-paths"),
            no_pid: has("--no-pid"),
            env: has("--env"),
            limits: has("--memory") && has("--pids-limit") && has("--cpus"),
        })
    }

    /// The flags that isolation needs and that are not offered.
    pub fn lacking(self) -> Vec<&'static str> {
        [(self.no_eval, "--no-eval"), (self.no_mount, "--no-mount"), (self.bind_paths, "--no-mount bind-paths")]
            .into_iter()
            .filter_map(|(there, flag)| (!there).then_some(flag))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_where_they_are_offered_and_nowhere_else() {
        let help = "Usage:\n  run [run options...]\n\nOptions:\n\
                    \x20     --cpus string        Number of CPUs, see --no-pid\n\
                    \x20 -e, --env stringToString pass environment variable\n\
                    \x20     --memory string      Memory limit\n\
                    \x20     --no-mount strings   disable one or more 'mount xxx'\n\
                    \x20                          options, --no-eval is another flag\n\
                    \x20     --pids-limit int     Limit\n\
                    \x20 -w, --writable           Writable\n";
        let read = |help: &str| RuntimeFlags::of_help(help).unwrap();
        let expected = RuntimeFlags { no_mount: true, env: true, limits: true, ..RuntimeFlags::default() };
        assert_eq!(read(help), expected);
        assert_eq!(read(&help.replace("disable", "'bind-paths' disables")).lacking(), ["--no-eval"]);
        for cut in 0..help.len() - " Writable\n".len() {
            assert_eq!(RuntimeFlags::of_help(&help[..cut]).filter(|read| *read != expected), None, "{cut}");
        }
        assert_eq!(read(&help.replace("--pids-limit", "--pids")), RuntimeFlags { limits: false, ..expected });
        assert!(RuntimeFlags::all().lacking().is_empty());
    }
}
