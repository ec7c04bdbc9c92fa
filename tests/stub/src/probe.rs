//! What a runtime answers to the application's probe: whether the flags work on this host. Tried out by unshare(1), as a
//! runtime without privilege would make its namespaces. Nothing is recorded: it is no run of a visitor.

use std::ffi::OsString;
use std::process::Command;

/// The exit status.
pub fn answer(words: &[OsString]) -> i32 {
    let has = |flag: &str| words.iter().any(|word| word == flag);
    if has("--memory") && !std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        eprintln!("FATAL:   no cgroups");
        return 255;
    }
    let mut flags = Vec::new();
    if has("--userns") {
        flags.extend(["--user", "--map-root-user"]);
    }
    if has("--net") {
        flags.push("--net");
    }
    if has("--containall") {
        flags.extend(["--pid", "--fork", "--mount-proc"]);
    }
    if flags.is_empty() {
        return 0;
    }
    match Command::new("/usr/bin/unshare").args(flags).args(["--", "/bin/true"]).output() {
        Ok(output) if output.status.success() => 0,
        Ok(output) => {
            eprintln!("FATAL:   {}", String::from_utf8_lossy(&output.stderr).trim());
            255
        }
        Err(error) => {
            eprintln!("FATAL:   {error}");
            255
        }
    }
}
