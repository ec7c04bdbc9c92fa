//! stub-runtime: plays the container runtime in tests.
//!
//! In: an argv like the runtime's, `run [flags] /path/NAME.sif [arguments]`. First it records what it was given in
//! `runs/NAME/` beside the name by which it was called: copies of its `/proc` files, its descriptors, the time. Then it
//! behaves as the image's name says, up to the first dot: `hang.sif`, `exit-3.sif`, `slow-100.sif`.
//! Never: waits for more than [`LIFE`], whatever it plays.
//! Only std is at hand (see `build.rs`), so the system calls that std does not have are declared here.

mod calls;
mod probe;

use std::ffi::{CStr, OsStr, OsString, c_int, c_long, c_uint};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest life of a process of ours: a test that fails leaves nothing for ever.
const LIFE: Duration = Duration::from_secs(300);

/// What the application looks for in `help run`.
const HELP: &str = "\
Options:
      --cpus string          Number of CPUs available to container
      --env stringToString   pass environment variable to contained process
      --memory string        Memory limit in bytes
      --no-eval              do not shell evaluate env vars
      --no-mount strings     disable one or more mounts, or
                             'bind-paths' to disable all bind paths
      --no-pid               do not run container in a new PID namespace
      --pids-limit int       Limit number of container PIDs
  -w, --writable             make the image writable
";

const SIGHUP: c_int = 1;
const SIGINT: c_int = 2;
const SIGSEGV: c_int = 11;
const SIGTERM: c_int = 15;
const SIGSTOP: c_int = 19;
const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;

// SAFETY: the prototypes are those of the C library, and this program has one thread. Those that take a pointer
// are unsafe to call.
unsafe extern "C" {
    safe fn close(fd: c_int) -> c_int;
    safe fn fork() -> c_int;
    safe fn getpid() -> c_int;
    safe fn kill(pid: c_int, signal: c_int) -> c_int;
    safe fn prctl(option: c_int, value: usize, ...) -> c_int;
    safe fn setsid() -> c_int;
    safe fn signal(signal: c_int, handler: usize) -> usize;
    safe fn alarm(seconds: c_uint) -> c_uint;
    fn syscall(number: c_long, ...) -> c_long;
    fn getrlimit(resource: c_int, limit: *mut [u64; 2]) -> c_int;
    fn setrlimit(resource: c_int, limit: *const [u64; 2]) -> c_int;
    fn socketpair(domain: c_int, kind: c_int, protocol: c_int, pair: *mut [c_int; 2]) -> c_int;
    fn sendmsg(socket: c_int, message: *const usize, flags: c_int) -> isize;
}

fn main() {
    alarm(LIFE.as_secs() as c_uint);
    let words: Vec<OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "version" || word == "--version") {
        println!("apptainer version 1.4.5");
        return;
    }
    if words.get(1).is_some_and(|word| word == "help") {
        print!("{HELP}");
        return;
    }
    if words.last().is_some_and(|word| word.as_bytes().ends_with(b"/probe.sqfs")) {
        exit(probe::answer(&words));
    }
    let home = words.first().and_then(|name| Path::new(name).parent()).unwrap_or(Path::new("/")).to_owned();
    let Some(at) = words.iter().skip(1).position(|word| word.as_bytes().starts_with(b"/") && word.len() > 1) else {
        eprintln!("stub-runtime: no image in {words:?}");
        exit(64);
    };
    let (image, arguments) = (PathBuf::from(&words[at + 1]), &words[at + 2..]);
    // in a process namespace of its own every run has the same id
    let name = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default().trim().to_owned();
    let run = home.join("runs").join(&name);
    record(&home, &name).unwrap_or_else(|error| eprintln!("stub-runtime: cannot record: {error}"));
    let name = image.file_name().unwrap_or_default();
    let code = behave(&home, &image, name, arguments);
    let _ = io::stdout().flush();
    let _ = fs::write(run.join("ended"), now());
    exit(code);
}

/// Everything about this process that a test may ask for; whole, or not there at all.
fn record(home: &Path, name: &str) -> io::Result<()> {
    let draft = home.join(format!("runs/.{name}"));
    fs::create_dir_all(&draft)?;
    for file in ["cmdline", "environ", "status", "limits", "oom_score_adj"] {
        fs::write(draft.join(file), fs::read(format!("/proc/self/{file}"))?)?;
    }
    let mut descriptors = String::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let target = fs::read_link(entry.path()).unwrap_or_default();
        // reading this folder takes a descriptor, too
        if !target.starts_with(format!("/proc/{}/fd", getpid())) {
            descriptors += &format!("{} {}\n", entry.file_name().to_string_lossy(), target.display());
        }
    }
    fs::write(draft.join("descriptors"), descriptors)?;
    fs::write(draft.join("cwd"), std::env::current_dir()?.as_os_str().as_bytes())?;
    fs::write(draft.join("began"), now())?;
    fs::rename(draft, home.join("runs").join(name))
}

fn now() -> String {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros()).to_string()
}

/// Makes timers (timer_create(2)) until there is no more room for their signals; how many.
fn timers() -> usize {
    let number: c_long = if cfg!(target_arch = "x86_64") { 222 } else { 107 };
    let mut id: c_int = 0;
    // SAFETY: CLOCK_MONOTONIC, no sigevent, and a place for the id, which lives through the call.
    (0..1_000_000).take_while(|_| unsafe { syscall(number, 1_usize, 0_usize, &raw mut id) } == 0).count()
}

/// Plays the image; the answer is the exit status.
fn behave(home: &Path, image: &Path, name: &OsStr, arguments: &[OsString]) -> i32 {
    let name = name.to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    let (word, number) = match stem.rsplit_once('-').map(|(word, number)| (word, number.parse::<u64>())) {
        Some((word, Ok(number))) => (word, number),
        _ => (stem, 0),
    };
    match word {
        "argv" => println!("{}", json(arguments)),
        "print" => {
            say(&fs::read(home.join("print").join(&*name)).unwrap_or_default());
            // `print.exit-3.sif` ends with status 3
            let status = name.split('.').find_map(|part| part.strip_prefix("exit-")?.parse().ok());
            return status.unwrap_or_default();
        }
        "print-stderr" => {
            let _ = io::stderr().write_all(&fs::read(home.join("print").join(&*name)).unwrap_or_default());
        }
        "exit" => {
            println!("some output");
            eprintln!("{name} says why");
            return number as i32;
        }
        "inflight" => {
            println!("{} on their way", in_flight());
            let _ = io::stdout().flush();
            sleep();
        }
        "timers" => {
            println!("{} timers", timers());
            let _ = io::stdout().flush();
            if number == 0 {
                sleep();
            }
        }
        "calls" if number == 32 => println!("{}", calls::of_32_bits()),
        "calls" => println!("{}", calls::native()),
        "keys" => println!("{}", session_key()),
        "mounts" => {
            eprintln!("FATAL:   while mounting /usr/lib/runtime/mnt/session/rootfs: no such thing");
            return 255;
        }
        "fatal" => {
            eprintln!("FATAL:   could not open image {}: no such thing", image.display());
            return 255;
        }
        "sleep" => {
            std::thread::sleep(Duration::from_millis(number));
            println!("slept");
        }
        // until the test lets it go on
        "wait" => {
            while !home.join("go").exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            println!("waited");
        }
        "slow" => lines(Duration::from_millis(number)),
        "stdout" => flood(&mut io::stdout().lock(), number),
        "stderr" => {
            flood(&mut io::stderr().lock(), number);
            eprintln!("the last line");
            println!("after");
        }
        "hang" => sleep(),
        "ignore" => {
            for number in [SIGTERM, SIGINT, SIGHUP] {
                signal(number, SIG_IGN);
            }
            println!("ignoring");
            sleep();
        }
        "close" => {
            close(1);
            close(2);
            sleep();
        }
        "stop" => {
            kill(getpid(), SIGSTOP);
            sleep();
        }
        "segfault" => {
            signal(SIGSEGV, SIG_DFL); // in place of the handler that Rust installs
            kill(getpid(), SIGSEGV);
            sleep();
        }
        // Three ways out of the process group: with closed output while the parent ends, with open output while the
        // parent ends, and with open output while the parent stays.
        "daemonise" => escape(true, 2),
        // the same, and nobody may look at it
        "hide" => {
            const SET_DUMPABLE: c_int = 4;
            prctl(SET_DUMPABLE, 0);
            escape(true, 2);
        }
        "linger" => escape(false, 1),
        "nest" => {
            escape(false, 2);
            sleep();
        }
        "forks" => {
            let made = (0..number).take_while(|_| child(sleep)).count();
            println!("{made} children");
            sleep();
        }
        // touches so many MiB
        "memory" => {
            let taken = vec![1_u8; (number as usize) << 20];
            println!("{} bytes", std::hint::black_box(&taken).len());
        }
        _ => println!("hello"),
    }
    0
}

/// `["--name","Amy"]`
fn json(words: &[OsString]) -> String {
    let quoted = words.iter().map(|word| {
        let escaped = word.to_string_lossy().chars().fold(String::new(), |text, c| match c {
            '"' | '\\' => format!("{text}\\{c}"),
            c if c.is_control() => format!("{text}\\u{:04x}", c as u32),
            c => format!("{text}{c}"),
        });
        format!("\"{escaped}\"")
    });
    format!("[{}]", quoted.collect::<Vec<_>>().join(","))
}

/// Raises its own limit and sends descriptors into sockets that nobody reads, until there is no room for more.
fn in_flight() -> usize {
    const NOFILE: c_int = 7;
    const SCM_RIGHTS: c_int = 1;
    const SOL_SOCKET: c_int = 1;
    const EACH: usize = 250;
    let mut limit = [0_u64; 2];
    let mut sent = 0;
    // SAFETY: the structures are those of the C library on 64-bit Linux; every pointer is to something that lives longer
    // than the call, with the lengths given beside it.
    unsafe {
        getrlimit(NOFILE, &mut limit);
        limit[0] = limit[1];
        setrlimit(NOFILE, &limit);
        'full: loop {
            let mut pair: [c_int; 2] = [0; 2];
            if socketpair(1, 1, 0, &mut pair) != 0 {
                break;
            }
            for _ in 0..200 {
                let mut control = [0_u32; 4 + EACH];
                control[0] = 16 + 4 * EACH as u32;
                control[2..4].copy_from_slice(&[SOL_SOCKET as u32, SCM_RIGHTS as u32]);
                let byte = [0_u8; 1];
                let part = [byte.as_ptr() as usize, 1];
                let message = [0, 0, part.as_ptr() as usize, 1, control.as_ptr() as usize, size_of_val(&control), 0];
                const DONTWAIT: c_int = 0x40;
                match sendmsg(pair[0], message.as_ptr(), DONTWAIT) {
                    1 => sent += EACH,
                    _ if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock => break,
                    _ => break 'full,
                }
            }
        }
    }
    sent
}

/// Whether a key of an earlier run is in the session keyring (keyctl(2) KEYCTL_SEARCH); and leaves one there
/// (add_key(2)).
fn session_key() -> &'static str {
    const ADD_KEY: c_long = if cfg!(target_arch = "x86_64") { 248 } else { 217 };
    const KEYCTL: c_long = if cfg!(target_arch = "x86_64") { 250 } else { 219 };
    const SEARCH: c_long = 10;
    const SESSION: c_long = -3;
    let (kind, name, none): (&CStr, &CStr, c_long) = (c"user", c"note", 0);
    // SAFETY: both calls read two C strings and one byte, which live longer than the calls, and write nothing here.
    let (found, added) = unsafe {
        let found = syscall(KEYCTL, SEARCH, SESSION, kind.as_ptr(), name.as_ptr(), none);
        (found, syscall(ADD_KEY, kind.as_ptr(), name.as_ptr(), b"x".as_ptr(), 1 as c_long, SESSION))
    };
    match (found > 0, added > 0) {
        (true, _) => "found",
        (false, true) => "left",
        (false, false) => "no keyrings",
    }
}

fn say(bytes: &[u8]) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(bytes).and_then(|()| output.flush());
}

fn lines(pause: Duration) {
    for line in 1..=(LIFE.as_millis() / pause.as_millis().max(1)) {
        say(format!("line {line}\n").as_bytes());
        std::thread::sleep(pause);
    }
}

/// So many MiB; without end when 0.
fn flood(output: &mut dyn Write, mebibytes: u64) {
    let block = b"all work and no play makes a dull stub, says the clock in the wall.\n".repeat(15_420);
    let mut left = if mebibytes == 0 { u64::MAX } else { mebibytes << 20 };
    while left > 0 {
        let length = block.len().min(left.try_into().unwrap_or(usize::MAX));
        if output.write_all(&block[..length]).is_err() {
            return;
        }
        left -= length as u64;
    }
}

/// A process in a session of its own, so many forks away.
fn escape(silent: bool, forks: u32) {
    child(move || {
        setsid();
        for _ in 1..forks {
            if fork() != 0 {
                exit(0);
            }
        }
        if silent {
            let _ = [0, 1, 2].map(|descriptor| close(descriptor));
        }
        sleep();
    });
    println!("escaped");
}

fn child(life: impl FnOnce()) -> bool {
    match fork() {
        0 => {
            alarm(LIFE.as_secs() as c_uint);
            life();
            exit(0);
        }
        pid => pid > 0,
    }
}

fn sleep() {
    std::thread::sleep(LIFE);
}
