//! Public tools from PyPI, in an environment below the temporary folder, made once for each account and list.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PYTHON: &str = "/usr/bin/python3";

/// The folder of an environment with what this list names, each `--no-deps` where `alone`; nothing, where Python has
/// no venv.
pub fn environment(list: &Path, alone: bool) -> Option<PathBuf> {
    let wanted = fs::read_to_string(list).expect("a list");
    let mut hasher = DefaultHasher::new();
    (&wanted, alone).hash(&mut hasher);
    let own = rustix::process::geteuid().as_raw();
    let cache = std::env::temp_dir().join(format!("sn-test-python-{own}/{:016x}", hasher.finish()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&cache).expect("a folder");
    let lock = File::create(cache.join("lock")).expect("a lock");
    lock.lock().expect("a lock");
    let (environment, installed) = (cache.join("venv"), cache.join("installed"));
    if installed.exists() {
        return Some(environment);
    }
    let made = Command::new(PYTHON).args(["-m", "venv", "--clear"]).arg(&environment).stdin(Stdio::null()).status();
    if !made.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["--quiet", "install", "--requirement"]).arg(list).args(alone.then_some("--no-deps"));
    succeeds(&mut pip);
    File::create(installed).expect("a note");
    Some(environment)
}

/// Runs a command; what it said, on stdout.
pub fn succeeds(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}
