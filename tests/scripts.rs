//! The scripts as an administrator calls them: where `scripts/install --cgi` puts what, what `scripts/serve` looks at
//! first, and what is said about a mirror that apt does not accept.
//!
//! In: a home folder of the test's own, and programs that play apt, sudo and the compiler. Nothing is installed on the
//! machine. (On whole systems: tests/readme, tests/fresh, tests/docker.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const OLD_NOTES: &str = ".ht-singularity-nginx.installed";
const NAME: &str = ".ht-singularity-nginx.toml";

/// Somebody's home, a web server's CGI folder in it, and the executable as `scripts/build` leaves it.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        let home = Home(tempfile::Builder::new().prefix("sn-scripts-").tempdir().unwrap());
        for folder in ["amy/public_html", "bin", "target/release"] {
            fs::create_dir_all(home.path(folder)).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_singularity-nginx"), home.path("target/release/singularity-nginx")).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A program that is found first.
    fn program(&self, name: &str, script: &str) {
        // copied by another process: a file that this one has open for writing cannot be executed (ETXTBSY)
        let written = self.path("written");
        fs::write(&written, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&written, fs::Permissions::from_mode(0o755)).unwrap();
        let copied = Command::new("cp").args([written, self.path("bin").join(name)]).status().unwrap();
        assert!(copied.success());
    }

    /// bash with these words, without cargo and the rights of root.
    fn bash(&self, words: &[&str]) -> Output {
        let mut command = Command::new("/bin/bash");
        command.args(words).env_clear().current_dir(self.0.path()).stdin(Stdio::null());
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display()));
        command.env("HOME", self.path("amy")).env("CARGO_TARGET_DIR", self.path("target")).env("LANG", "C.UTF-8");
        command.output().unwrap()
    }

    /// `scripts/install`, which does its work.
    fn install(&self, words: &[&str]) -> String {
        let script = format!("{ROOT}/scripts/install");
        let output = self.bash(&[&["-c", "NO_SUDO=1 exec \"$@\"", "-", &script], words].concat());
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    }

    fn cgi(&self) -> PathBuf {
        self.path("amy/public_html/cgi-bin")
    }

    /// The folder of the program, outside of the web root.
    fn own(&self) -> PathBuf {
        let name = self.cgi().display().to_string().trim_start_matches('/').replace('/', "-");
        self.path("amy/.singularity-nginx").join(name)
    }

    fn configuration(&self) -> String {
        fs::read_to_string(self.own().join(NAME)).unwrap()
    }

    /// The home page, as a web server asks for it.
    fn ask(&self) -> String {
        let mut command = Command::new(self.cgi().join("serve.cgi"));
        command.env_clear().envs([("GATEWAY_INTERFACE", "CGI/1.1"), ("REQUEST_METHOD", "GET")]);
        command.envs([("PATH_INFO", "/container/"), ("SCRIPT_NAME", "/serve.cgi"), ("HTTP_HOST", "www.example.org")]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != ".apptainer"); // the runtime makes it when it is asked for its version
    names.sort();
    names
}

#[test]
fn a_cgi_folder_holds_nothing_but_what_starts_the_program() {
    let home = Home::new();
    let cgi = home.cgi().display().to_string();
    let told = home.install(&["--cgi", &cgi]);
    assert_eq!(names(&home.cgi()), ["serve.cgi"]);
    assert_eq!(names(&home.own()), [NAME, "installed", "singularity-nginx", "state"]);
    let state = home.own().join("state");
    assert!(home.configuration().contains(&format!("state = \"{}\"", state.display())), "{}", home.configuration());
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    let page = home.ask();
    assert!(page.starts_with("Status: 200"), "{page}");
    assert!(told.contains("answers to any host name"), "{told}");
    home.install(&["--uninstall", "--cgi", &cgi]);
    assert_eq!(
        (names(&home.path("amy/public_html")), names(&home.path("amy"))),
        (vec![], vec!["public_html".to_owned(), "singularity-images".to_owned()])
    );
}

#[test]
fn hosts_are_those_that_are_named_and_stay() {
    let home = Home::new();
    let cgi = home.cgi().display().to_string();
    home.install(&["--cgi", &cgi]);
    assert!(home.configuration().contains("\n# hosts = ["), "{}", home.configuration());
    let told = home.install(&["--cgi", &cgi, "--hosts", "www.example.org,localhost:8080,[::1]:8080"]);
    assert!(!told.contains("any host name"), "{told}");
    let line = "\nhosts = [\"www.example.org\", \"localhost:8080\", \"[::1]:8080\"]\n";
    assert!(home.configuration().contains(line), "{}", home.configuration());
    assert!(home.ask().starts_with("Status: 200"), "{}", home.ask());
    home.install(&["--cgi", &cgi]);
    assert!(home.configuration().contains(line), "a later call keeps them: {}", home.configuration());
    home.install(&["--cgi", &cgi, "--hosts", "other.example.org"]);
    assert!(home.ask().starts_with("Status: 421"), "{}", home.ask());
    let script = format!("{ROOT}/scripts/install");
    for bad in ["a b", "a\"", "a;b", "http://a", "", ","] {
        let output = home.bash(&["-c", "NO_SUDO=1 exec \"$@\"", "-", &script, "--cgi", &cgi, "--hosts", bad]);
        assert!(!output.status.success(), "{bad:?} is taken: {}", said(&output));
    }
}

/// An earlier release put program and configuration into the CGI folder itself.
#[test]
fn a_configuration_in_the_cgi_folder_moves_out_of_it() {
    for changed in [false, true] {
        let home = Home::new();
        let (cgi, images) = (home.cgi(), home.path("amy/pictures"));
        for folder in [&cgi, &images] {
            fs::create_dir(folder).unwrap();
        }
        let mut text = format!("data = \"{}\"\n", images.display());
        fs::write(cgi.join(NAME), &text).unwrap();
        fs::write(cgi.join("serve.cgi"), "the program of before").unwrap();
        let sums = home.bash(&["-c", "cd amy/public_html/cgi-bin && sha256sum \"$PWD\"/serve.cgi \"$PWD\"/.ht*"]);
        fs::write(cgi.join(OLD_NOTES), format!("-  {}\n{}", cgi.display(), said(&sums))).unwrap();
        if changed {
            text += "title = \"Pictures\"\nhosts = [\"www.example.org\"]\n";
            fs::write(cgi.join(NAME), &text).unwrap();
        }
        home.install(&["--cgi", &cgi.display().to_string()]);
        assert_eq!(names(&cgi), ["serve.cgi"], "changed: {changed}");
        let now = home.configuration();
        assert!(now.contains(&format!("data = \"{}\"", images.display())), "{now}");
        assert!(now.contains(&format!("state = \"{}/state\"", home.own().display())), "{now}");
        assert_eq!(now.contains("title = \"Pictures\""), changed, "{now}");
        assert!(home.ask().starts_with("Status: 200"), "{}", home.ask());
        home.install(&["--uninstall", "--cgi", &cgi.display().to_string()]);
        assert_eq!(names(&cgi), [""; 0]);
    }
}

#[test]
fn a_configuration_in_a_web_root_is_refused() {
    let home = Home::new();
    fs::create_dir_all(home.path("amy/www/bob/cgi-bin")).unwrap();
    let script = format!("{ROOT}/scripts/install");
    let www = home.path("amy/www");
    let inside = format!("NO_SUDO=1 HOME={}/bob exec \"$@\"", www.display());
    let cgi = format!("{}/bob/cgi-bin", www.display());
    let data = home.path("images").display().to_string();
    let output = home.bash(&["-c", &inside, "-", &script, "--cgi", &cgi, "--data", &data]);
    assert!(!output.status.success() && said(&output).contains("where a web server may show it"), "{}", said(&output));
}

/// What is missing for building is named, or installed, before anything that takes minutes.
/// `/a/b-c` and `/a-b/c`: the second would take over the first one's configuration, and take it away with its own.
#[test]
fn folders_that_are_called_alike_do_not_share_a_configuration() {
    let home = Home::new();
    let (first, second) = (home.path("amy/www/a/b-c"), home.path("amy/www/a-b/c"));
    let words = |folder: &Path| ["--cgi".to_owned(), folder.display().to_string()];
    let [cgi, folder] = words(&first);
    home.install(&[&cgi, &folder, "--hosts", "www.example.org"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install");
    let [_, other] = words(&second);
    for undo in ["", "--uninstall "] {
        let text = format!("NO_SUDO=1 {script} {undo}--cgi {other}");
        let output = home.bash(&["-c", &text]);
        assert!(!output.status.success() && said(&output).contains("already"), "{}", said(&output));
    }
    assert!(first.join("serve.cgi").exists() && !second.exists());
    home.install(&["--uninstall", &cgi, &folder]);
    assert!(!first.exists());
}

/// A file that somebody has changed is kept in an upgrade. What it does not know yet is included beside it.
#[test]
fn files_of_nginx_that_were_kept_miss_nothing() {
    let home = Home::new();
    let folder = home.path("nginx");
    fs::create_dir(&folder).unwrap();
    let of_before = "# of before";
    for (upstream, limits, expected) in [
        (None, None, &[][..]),
        (None, Some(of_before), &["problems"]),
        (Some(of_before), None, &["limits"]),
        (Some(of_before), Some(of_before), &["limits", "problems"]),
    ] {
        for (name, kept) in [("upstream.conf", upstream), ("limits.conf", limits)] {
            let text = kept.map_or_else(|| fs::read_to_string(format!("{ROOT}/nginx/{name}")).unwrap(), str::to_owned);
            fs::write(folder.join(name), text).unwrap();
        }
        let output = home.bash(&["-c", &format!(". {ROOT}/scripts/lib.sh; http_includes {}", folder.display())]);
        let lines = expected.iter().chain(&["upstream"]);
        let expected: String = lines.map(|name| format!("include singularity-nginx/{name}.conf;\n")).collect();
        assert_eq!(said(&output), expected);
    }
}

#[test]
fn serve_looks_for_a_linker_first() {
    let home = Home::new();
    home.program("cargo", "exit 0");
    home.program("cc", "exit 1");
    home.program("sudo", "shift; exec \"$@\"");
    home.program("apt-get", &format!("echo \"$@\" >> {}", home.path("apt").display()));
    let script = format!("{ROOT}/scripts/serve");
    let output = home.bash(&[&script, "--port", "18094"]);
    assert!(!output.status.success() && said(&output).contains("cannot link a C program"), "{}", said(&output));
    assert!(!said(&output).contains("nginx"), "nothing else has begun: {}", said(&output));
    let output = home.bash(&["-c", "NO_SUDO=1 exec \"$@\"", "-", &script, "--port", "18094"]);
    assert!(said(&output).contains("cannot link"), "{}", said(&output));
}

#[test]
fn a_mirror_that_is_not_accepted_is_explained() {
    for (words, advice) in [
        (
            "E: Release file for http://mirror/x/InRelease is expired (invalid since 3d 2h). Updates will not be applied.",
            "Set the clock",
        ),
        ("E: Release file for http://mirror/x/InRelease is not valid yet (invalid for another 3h).", "Set the clock"),
        (
            "W: GPG error: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 0",
            "debian-archive-keyring",
        ),
        ("E: The following signatures were invalid: EXPKEYSIG 0 Debian", "debian-archive-keyring"),
        ("W: Certificate verification failed: The certificate is NOT trusted.", "ca-certificates"),
        (
            "E: The repository 'http://mirror buster Release' does not have a Release file.",
            "no longer has this release",
        ),
    ] {
        let home = Home::new();
        home.program("sudo", "shift; exec \"$@\"");
        home.program("apt-get", &format!("case \"$*\" in *update) echo \"{words}\" >&2 ;; esac; exit 100"));
        let script = format!(". {ROOT}/scripts/lib.sh; need sn-no-such-command=sn-no-such-package");
        let output = home.bash(&["-c", &script]);
        let said = said(&output);
        assert!(!output.status.success() && said.contains("could not install: sn-no-such-package"), "{said}");
        let (before, after) = said.split_once("could not install").unwrap();
        assert!(before.contains(words) && after.contains(advice), "{said}");
    }
}
