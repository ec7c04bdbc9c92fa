//! One request by CGI: environment and stdin in, a document on stdout out
//! (RFC 3875). The command line is ignored: some servers fill it from the
//! query (RFC 3875 §4.4; CVE-2012-1823).

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::meta::MetaVariables;
use crate::app::Site;
use crate::http::{Peer, Sink};

/// Whether the process was started as a CGI program (RFC 3875 §4.1.4).
pub fn called() -> bool {
    std::env::var_os("GATEWAY_INTERFACE").is_some_and(|value| value.as_bytes().starts_with(b"CGI/"))
}

/// Answers the one request of this process.
pub fn serve(site: &Site) {
    let pairs: Vec<(Vec<u8>, Vec<u8>)> =
        std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect();
    let pairs = pairs.iter().map(|(name, value)| (&name[..], &value[..]));
    let variables = MetaVariables::collect(pairs, site.groups_variable(), Peer::Parent);
    site.service().prepare();
    super::serve(site, variables, &mut io::stdin().lock(), &mut Stdout, None);
    site.service().finish(|| {
        // the web server need not wait for it: the answer ends here
        let _ = std::fs::File::options().write(true).open("/dev/null").map(|null| rustix::stdio::dup2_stdout(&null));
    });
}

/// The answer's end of the web server's pipe, without a buffer of ours.
struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Stdout {
    /// A pipe that is ready takes PIPE_BUF bytes at once (pipe(7)). It cannot be made non-blocking: others may share it.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let stdout = io::stdout();
        let mut polled = [PollFd::new(&stdout, PollFlags::OUT)];
        match poll(&mut polled, Some(&now)) {
            Ok(1..) => self.write(bytes.get(..PIPE_BUF).unwrap_or(bytes)),
            Ok(0) | Err(Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn unsent(&self) -> usize {
        0
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        // standard output is open as long as the process
        Some(rustix::stdio::stdout())
    }
}

/// What a write to a ready pipe takes whole (POSIX limits.h, Linux).
const PIPE_BUF: usize = 4096;

/// Answers with a page that says the configuration is wrong; the reason goes
/// to the log, because it may hold paths.
pub fn misconfigured(reason: &str) {
    crate::log::event("start", &[("refused", &reason)]);
    let page = crate::app::misconfigured();
    let _ = super::document::write(page, false, &mut Stdout);
}
