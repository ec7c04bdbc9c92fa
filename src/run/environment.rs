//! The whole environment of a program that this room starts: a fixed list.
//!
//! Out: names and values. Nothing of the server's own environment, and nothing that a visitor sends, is in it.

/// The whole environment of the runtime. `PATH` finds the helpers of the
/// runtime (squashfuse, fuse2fs); `HOME` must not lead to the account's files.
pub const ENVIRONMENT: [(&str, &str); 3] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/nonexistent"),
    ("LANG", "C.UTF-8"),
];

/// Where a runtime without privilege finds the systemd session that makes its
/// cgroups: two variables that stand for no secret.
pub fn session() -> Vec<(String, String)> {
    let folder = format!("/run/user/{}", rustix::process::geteuid().as_raw());
    let bus = format!("unix:path={folder}/bus");
    vec![("XDG_RUNTIME_DIR".to_owned(), folder), ("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus)]
}
