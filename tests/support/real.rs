//! The real container runtime, where there is one, and an image that misbehaves on demand.
//!
//! The image is built once, by the runtime itself, and kept in a private folder below the temporary one, under a name
//! that holds a hash of its definition.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::processes::{self, Process};
use super::{HANG, Site, Wire, skip, until};

/// Where the program looks by itself.
const PLACES: [&str; 4] =
    ["/usr/local/bin/apptainer", "/usr/local/bin/singularity", "/usr/bin/apptainer", "/usr/bin/singularity"];
/// A static one, for images.
pub const BUSYBOX: &str = "/bin/busybox";

/// A secret of the image below.
pub const API_KEY: &str = "sk-5f3759df-hostile";

/// One shell script for all that an image can do: `mode` says what, `mark` is a number that shows in the command line
/// of every process that it leaves.
const BEHAVE: &str = r#"Bootstrap: scratch

%setup
    mkdir -p "$APPTAINER_ROOTFS/bin" "$APPTAINER_ROOTFS/tmp"
    cp /bin/busybox "$APPTAINER_ROOTFS/bin/busybox"
    for name in sh env echo sleep setsid kill seq cat id ls yes tail grep wc unshare; do ln -s busybox "$APPTAINER_ROOTFS/bin/$name"; done

%environment
    export API_KEY=sk-5f3759df-hostile

%labels
    SINGULARITY_RUNSCRIPT_ARG_STR mode,name
    SINGULARITY_RUNSCRIPT_ARG_INT mark

%runscript
    mark=1
    while [ $# -gt 1 ]; do
        case $1 in --mode) mode=$2 ;; --mark) mark=$2 ;; --name) name=$2 ;; esac
        shift 2
    done
    case $mode in
        env) env | grep -v ^APPTAINER_CONTAINER= | grep -v ^SINGULARITY_CONTAINER= ;;
        echo) echo "$name" ;;
        hang) echo started; sleep "$mark" ;;
        silent) sleep "$mark" ;;
        ignore) trap '' TERM INT HUP; echo started; sleep "$mark"; sleep "$mark" ;;
        daemonise) setsid setsid sleep "$mark" >/dev/null 2>&1 </dev/null & sleep 1; echo started ;;
        linger) setsid sleep "$mark" & sleep 1; echo started ;;
        nest) setsid setsid sleep "$mark" & echo started; sleep "$mark" ;;
        close) exec >&- 2>&-; sleep "$mark" ;;
        stop) sleep "$mark" & kill -STOP $$; wait ;;
        hog) tail /dev/zero ;;
        spaces) for i in $(seq 100); do unshare -U sleep "$mark" 2>/dev/null & done; sleep 1
            cat /proc/[0-9]*/comm 2>/dev/null | grep -c ^sleep || true ;;
        mount) if unshare -Urm mount -t tmpfs -o size=1g none /mnt; then echo mounted; else echo refused; fi ;;
        isolated) if [ "$(ls /proc | grep -c '^[0-9]')" -lt 20 ]; then seen=own; else seen=all; fi
            filter=$(sed -n 's/^Seccomp:[^0-9]*//p' /proc/self/status)
            echo "processes $seen, interfaces $(grep -c : /proc/net/dev), seccomp $filter" ;;
        home) echo "$HOME $PWD $LANG"; mkdir -p ~/.cache && echo ok; echo x > out.txt && cat out.txt
            dd if=/dev/zero of=big bs=1M count=100 2>/dev/null || echo bounded ;;
        share) cat /dev/zero >/dev/shm/all; cat /dev/shm/all | wc -c ;;
        forks) (for i in $(seq 400); do sleep "$mark" & done); exec sleep "$mark" ;;
        *) echo "no mode: $mode" >&2; exit 3 ;;
    esac
"#;

/// A site with the real runtime and `behave.sif`; nothing, with the reason printed, where that cannot be.
pub fn site(wire: Wire) -> Option<Site> {
    let Some(runtime) = runtime() else {
        skip("no container runtime is installed (scripts/install-runtime)");
        return None;
    };
    if !Path::new(BUSYBOX).exists() {
        skip("no /bin/busybox to build an image from (package busybox-static)");
        return None;
    }
    let image = fs::read(build(&runtime, BEHAVE)).expect("the image");
    Some(Site::new(wire).set("runtime", runtime.display()).file("behave.sif", &image))
}

/// The first runtime that works.
pub fn runtime() -> Option<PathBuf> {
    let works = |path: &PathBuf| {
        let called = Command::new(path).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        called.is_ok_and(|status| status.success())
    };
    PLACES.map(PathBuf::from).into_iter().find(works)
}

/// The image of a definition.
pub fn build(runtime: &Path, definition: &str) -> PathBuf {
    let cache = std::env::temp_dir().join(format!("sn-test-images-{}", rustix::process::geteuid().as_raw()));
    DirBuilder::new().recursive(true).mode(0o700).create(&cache).expect("a folder for images");
    let lock = File::create(cache.join("lock")).expect("a lock");
    lock.lock().expect("a lock");
    let mut hasher = DefaultHasher::new();
    definition.hash(&mut hasher);
    let name = format!("{:016x}", hasher.finish());
    let image = cache.join(format!("{name}.sif"));
    if !image.exists() {
        let (source, draft) = (cache.join(format!("{name}.def")), cache.join("draft.sif"));
        fs::write(&source, definition).expect("a definition");
        let built = Command::new(runtime)
            .args(["--quiet", "build", "--force"])
            .args([&draft, &source])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", &cache)
            .current_dir(&cache)
            .output()
            .expect("the runtime");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        fs::rename(draft, &image).expect("the image");
    }
    image
}

/// A number that no other run has.
pub fn mark() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    400_000_000 + std::process::id() % 1_000_000 * 100 + COUNT.fetch_add(1, Ordering::Relaxed)
}

/// Waits until the marked process runs in a container; then everything of the site, the FUSE helpers included.
pub fn running(site: &Site, mark: u32) -> Vec<Process> {
    let sleeper = format!("sleep {mark} ");
    let all = || -> Vec<Process> {
        let ours = processes::of_folder(site.folder());
        ours.iter().flat_map(|process| processes::family(process.pid as u32)).collect()
    };
    until("the container runs", HANG, || all().iter().any(|process| process.command == sleeper));
    all()
}

/// Makes a sandbox of an image; whether the runtime can do that here.
pub fn unpacked(image: &Path, sandbox: &Path) -> bool {
    let Some(runtime) = runtime() else { return false };
    let home = sandbox.parent().expect("a folder");
    let built = Command::new(runtime)
        .args(["--quiet", "build", "--sandbox"])
        .args([sandbox, image])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .env("HOME", home)
        .output()
        .expect("the runtime");
    if !built.status.success() {
        skip(&String::from_utf8_lossy(&built.stderr));
    }
    built.status.success()
}
