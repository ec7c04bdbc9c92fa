//! A private site: a folder with images, a stub runtime, and the program.
//!
//! ```text
//! data/      images            runtime/apptainer   link to the stub      run/socket   (FastCGI)
//! state/     locks             runtime/runs/NAME/  what the stub saw     log          stderr of the program
//! tmp/       TMPDIR            runtime/print/NAME  what print… prints
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::fcgi::Connection;
use super::processes::{self, GONE, Process};
use super::{Answer, HANG, Request, Talk, Wire, sif, until};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_singularity-nginx");

/// The line of the log when a server has looked at its host.
const CHECKED: &str = "event=checked";

/// What the names of configuration variables begin with.
const VARIABLE: &str = "SINGULARITY_NGINX_";

/// See the module.
pub struct Site {
    pub wire: Wire,
    folder: TempDir,
    variables: BTreeMap<String, String>,
    prefix: Vec<String>,
    words: Vec<String>,
    /// Whether a start does not wait until the server has looked at its host.
    impatient: bool,
    server: Mutex<Option<Server>>,
    images: Mutex<BTreeSet<String>>,
    touched: AtomicBool,
}

/// A FastCGI server.
struct Server {
    child: Child,
    /// The program itself; `child` may be the command that it was started by.
    pid: u32,
    /// Open at its start.
    descriptors: usize,
}

impl Site {
    pub fn new(wire: Wire) -> Site {
        let folder = tempfile::Builder::new().prefix("sn-test-").tempdir().expect("a temporary folder");
        for name in ["data", "runtime/runs", "runtime/print", "tmp"] {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(folder.path().join(name)).expect("a folder");
        }
        let runtime = folder.path().join("runtime/apptainer");
        std::os::unix::fs::symlink(stub_runtime::PATH, &runtime).expect("a link");
        let site = Site {
            wire,
            folder,
            variables: BTreeMap::new(),
            prefix: Vec::new(),
            words: Vec::new(),
            impatient: false,
            server: Mutex::default(),
            images: Mutex::default(),
            touched: AtomicBool::new(false),
        };
        let [data, state, tmp] = ["data", "state", "tmp"].map(|name| site.path(name));
        site.set("data", data.display())
            .set("state", state.display())
            .set("runtime", runtime.display())
            .variable("TMPDIR", tmp.display())
    }

    /// Sets a configuration key.
    pub fn set(self, key: &str, value: impl ToString) -> Site {
        self.variable(&format!("{VARIABLE}{}", key.to_ascii_uppercase()), value)
    }

    /// Takes a configuration key back to its default.
    pub fn unset(mut self, key: &str) -> Site {
        self.variables.remove(&format!("{VARIABLE}{}", key.to_ascii_uppercase()));
        self
    }

    /// Sets a variable of the program's own environment.
    pub fn variable(mut self, name: &str, value: impl ToString) -> Site {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }

    /// Starts the program by this command: `["/usr/bin/strace", "-f"]`.
    pub fn under(mut self, prefix: &[&str]) -> Site {
        self.prefix = prefix.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// As root: the server belongs to the account without rights, so that this process is another one.
    pub fn of_account(self) -> Site {
        let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/as-user");
        let folder = self.folder().display().to_string();
        fs::set_permissions(self.folder(), fs::Permissions::from_mode(0o755)).expect("rights");
        let given = Command::new("chown").args(["-R", "singularity-nginx:singularity-nginx", &folder]).status();
        assert!(given.is_ok_and(|status| status.success()), "the folder is given to the account");
        self.under(&[&runner.display().to_string()])
    }

    /// Gives a CGI program these words on its command line.
    pub fn words(mut self, words: &[&str]) -> Site {
        self.words = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// A start does not wait until the server has looked at its host.
    pub fn impatient(mut self) -> Site {
        self.impatient = true;
        self
    }

    /// Puts an image with these labels into the data folder.
    pub fn image(self, name: &str, labels: &[(&str, &str)]) -> Site {
        self.file(name, &sif::with_labels(labels))
    }

    /// Puts these bytes into the data folder.
    pub fn file(self, name: &str, bytes: &[u8]) -> Site {
        fs::write(self.path("data").join(name), bytes).expect("a file");
        self.images.lock().unwrap().insert(name.to_owned());
        self
    }

    /// An image that prints these bytes.
    pub fn prints(self, name: &str, bytes: &[u8]) -> Site {
        assert!(name.starts_with("print"));
        fs::write(self.path("runtime/print").join(name), bytes).expect("a file");
        self.image(name, &[])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder, for a test that changes it by itself.
    pub fn data(&self) -> PathBuf {
        self.touched.store(true, Ordering::Relaxed);
        self.path("data")
    }

    /// The program with the site's configuration, not started.
    pub fn command(&self) -> Command {
        let mut command = match self.prefix.split_first() {
            None => Command::new(PROGRAM),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(PROGRAM);
                command
            }
        };
        let log = File::options().create(true).append(true).open(self.path("log")).expect("a log");
        command.env_clear().envs(&self.variables).current_dir(self.folder()).stderr(log).stdin(Stdio::null());
        command
    }

    /// The program as a file of its own with its configuration beside it, for a web server that starts it by CGI.
    pub fn cgi_program(&self) -> PathBuf {
        let folder = self.path("cgi-bin");
        fs::DirBuilder::new().mode(0o755).create(&folder).expect("a folder");
        let keys = self.variables.iter().filter_map(|(name, value)| Some((name.strip_prefix(VARIABLE)?, value)));
        let lines = keys.map(|(key, value)| match value.parse::<u64>().is_ok() || value.parse::<bool>().is_ok() {
            true => format!("{} = {value}\n", key.to_ascii_lowercase()),
            false => format!("{} = {value:?}\n", key.to_ascii_lowercase()),
        });
        fs::write(folder.join(".ht-singularity-nginx.toml"), lines.collect::<String>()).expect("a configuration");
        let program = folder.join("serve.cgi");
        copy_program(PROGRAM, &program);
        program
    }

    /// Sends a request.
    pub fn open(&self, request: &Request) -> Talk {
        let secret = self.folder().display().to_string();
        match self.wire {
            Wire::Cgi => {
                let mut command = self.command();
                command.args(&self.words);
                Talk::by_cgi(command, request, secret)
            }
            Wire::FastCgi => Talk::by_fastcgi(self.connect(), request, secret),
        }
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&self, request: &Request) -> Answer {
        self.open(request).finish()
    }

    /// A connection to the FastCGI server, which is started if it does not run.
    pub fn connect(&self) -> Connection {
        self.start();
        Connection::open(&self.socket()).expect("the server listens")
    }

    pub fn socket(&self) -> PathBuf {
        self.path("run/socket")
    }

    /// Starts the FastCGI server if it does not run; its process id.
    pub fn start(&self) -> u32 {
        let mut server = self.server.lock().unwrap();
        if let Some(server) = &*server {
            return server.pid;
        }
        let mut command = self.command();
        command.args(["fastcgi", "--listen", &format!("unix:{}", self.socket().display())]).stdout(Stdio::null());
        let checked = self.log().matches(CHECKED).count();
        let mut child = command.spawn().expect("the program");
        let begun = Instant::now();
        while let Err(error) = Connection::open(&self.socket()) {
            let ended = child.try_wait().expect("a child");
            let waits = ended.is_none() && begun.elapsed() < HANG;
            assert!(waits, "the server does not listen: {error}, {ended:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        let family = processes::family(child.id());
        let program = family.iter().find(|process| process.command.starts_with(PROGRAM)).expect("the program");
        let id = program.pid as u32;
        // it looks at its host and runtime while it serves already
        let looked = || self.impatient || self.log().matches(CHECKED).count() > checked;
        until("the server has looked at its host", HANG, looked);
        let mut descriptors = processes::descriptors(id);
        until("the server is at rest", HANG, || {
            std::thread::sleep(Duration::from_millis(15));
            let before = std::mem::replace(&mut descriptors, processes::descriptors(id));
            before == descriptors
        });
        *server = Some(Server { child, pid: id, descriptors });
        id
    }

    /// Ends the FastCGI server by a signal, and waits for its end.
    pub fn end(&self, signal: Signal) -> Option<ExitStatus> {
        let mut server = self.server.lock().unwrap().take()?;
        let pid = Pid::from_child(&server.child);
        rustix::process::kill_process(Pid::from_raw(server.pid as i32).expect("an id"), signal).expect("the server");
        until("the server ends", HANG, || {
            rustix::process::waitid(
                rustix::process::WaitId::Pid(pid),
                rustix::process::WaitIdOptions::EXITED
                    | rustix::process::WaitIdOptions::NOHANG
                    | rustix::process::WaitIdOptions::NOWAIT,
            )
            .is_ok_and(|ended| ended.is_some())
        });
        server.child.wait().ok()
    }

    /// What the program wrote to stderr.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("log")).unwrap_or_default()).into_owned()
    }

    /// What the stub saw, in no order.
    pub fn runs(&self) -> Vec<Run> {
        let entries = fs::read_dir(self.path("runtime/runs")).expect("a folder").flatten();
        entries
            .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
            .map(|entry| Run(entry.path()))
            .collect()
    }

    /// The only run.
    pub fn the_run(&self) -> Run {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "runs");
        runs.remove(0)
    }

    /// Waits until so many runs have begun.
    pub fn wait_for_runs(&self, count: usize) {
        until(&format!("{count} runs"), HANG, || self.runs().len() >= count);
    }

    /// Waits until somebody waits for a slot: it has looked for one, found none, and looks again. Nobody else may ask
    /// for slots meanwhile.
    pub fn wait_for_a_waiting_visitor(&self) {
        let turn = self.path("state/slot-take.lock");
        // whoever looks makes the file that is gone; who is refused looks once
        for _ in 0..3 {
            fs::remove_file(&turn).expect("the file that serialises looking");
            until("somebody looks for a slot", HANG, || turn.exists());
        }
    }

    /// Lets runs of `wait….sif` go on, now and from now on.
    pub fn go(&self) {
        fs::write(self.path("runtime/go"), "").expect("a file");
    }

    /// The processes of the site, but its server.
    pub fn others(&self) -> Vec<Process> {
        let servers = self.server.lock().unwrap().as_ref().map_or([0, 0], |server| [server.child.id(), server.pid]);
        processes::of_folder(self.folder())
            .into_iter()
            .filter(|process| !servers.contains(&(process.pid as u32)))
            .collect()
    }

    /// Waits until nothing of any run is left.
    pub fn nothing_runs(&self) {
        processes::gone_within(GONE, || self.others());
    }

    /// What must hold after every test.
    fn check(&self) {
        self.nothing_runs();
        if let Some(server) = &*self.server.lock().unwrap() {
            let id = server.pid;
            until("the server's descriptors are closed", HANG, || processes::descriptors(id) <= server.descriptors);
        }
        if let Some(status) = self.end(Signal::TERM) {
            assert!(status.success(), "the server ended with {status}: {}", self.log());
            assert!(!self.socket().exists(), "the socket is left");
        }
        let names = |folder: &str| -> Vec<String> {
            let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("tmp"), [""; 0], "temporary files are left");
        if !self.touched.load(Ordering::Relaxed) {
            assert_eq!(BTreeSet::from_iter(names("data")), *self.images.lock().unwrap(), "the data folder changed");
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
        // after a failure: nothing may go on
        for process in processes::of_folder(self.folder()) {
            process.signal(Signal::KILL);
        }
        if let Some(server) = self.server.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
    }
}

/// A script in the place of the runtime.
pub fn as_runtime(site: Site, script: &str) -> Site {
    let runtime = site.path("runtime/versioned");
    write_program(&runtime, script);
    site.set("runtime", runtime.display())
}

/// An executable copied to a new place, by another process: a file that this one has open for writing cannot be executed
/// (ETXTBSY), and neither while a child that another test just forked has it open.
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let copied = Command::new("cp").args([from.as_ref(), to.as_ref()]).status().unwrap();
    assert!(copied.success());
}

/// A script at this place that can be executed at once, see [`copy_program`].
pub fn write_program(path: impl AsRef<Path>, script: impl AsRef<[u8]>) {
    let text = path.as_ref().with_extension("script");
    fs::write(&text, script).unwrap();
    fs::set_permissions(&text, fs::Permissions::from_mode(0o755)).unwrap();
    copy_program(&text, path);
    fs::remove_file(text).unwrap();
}

/// What the stub recorded of itself.
pub struct Run(PathBuf);

impl Run {
    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn words(&self, file: &str) -> Vec<String> {
        let text = self.text(file);
        text.strip_suffix('\0').unwrap_or(&text).split('\0').map(str::to_owned).collect()
    }

    /// The whole command line.
    pub fn argv(&self) -> Vec<String> {
        self.words("cmdline")
    }

    /// What stands behind the image's path.
    pub fn arguments(&self) -> Vec<String> {
        self.argv().into_iter().skip(1).skip_while(|word| !word.starts_with('/') || word == "/").skip(1).collect()
    }

    /// `NAME=value`, in the order of the process.
    pub fn environment(&self) -> Vec<String> {
        self.words("environ")
    }

    /// Descriptor → what it is.
    pub fn descriptors(&self) -> BTreeMap<u32, String> {
        let text = self.text("descriptors");
        let pairs = text.lines().map(|line| line.split_once(' ').expect("a pair"));
        pairs.map(|(number, target)| (number.parse().expect("a number"), target.to_owned())).collect()
    }

    pub fn cwd(&self) -> String {
        self.text("cwd")
    }

    /// How soon the kernel ends it for want of memory.
    pub fn oom_score(&self) -> i32 {
        self.text("oom_score_adj").trim().parse().expect("a number")
    }

    /// A line of proc_pid_status(5).
    pub fn status(&self, name: &str) -> String {
        let text = self.text("status");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    }

    /// Microseconds of its begin and, if it ended by itself, its end.
    pub fn times(&self) -> (u64, Option<u64>) {
        let time = |file| fs::read_to_string(self.0.join(file)).ok().and_then(|text| text.parse().ok());
        (time("began").expect("a time"), time("ended"))
    }
}
