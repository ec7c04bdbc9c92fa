//! One request under way, on either wire: its answer as it comes, and the ways a visitor can leave.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::fcgi::{self, Connection};
use super::{Answer, HANG, Request};

/// A request whose answer has not ended.
pub struct Talk {
    wire: Inner,
    bytes: Vec<u8>,
    ended: bool,
    secret: String,
}

enum Inner {
    Cgi(Child, Option<ChildStdout>),
    FastCgi(Connection),
}

impl Talk {
    /// Starts the program for one request.
    pub fn by_cgi(mut command: Command, request: &Request, secret: String) -> Talk {
        use std::os::unix::ffi::OsStrExt;
        let text = |bytes| std::ffi::OsStr::from_bytes(bytes);
        command.envs(request.variables.iter().map(|(name, value)| (text(name), text(value))));
        let mut child = command
            .stdin(content(&request.content))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take();
        Talk { wire: Inner::Cgi(child, stdout), bytes: Vec::new(), ended: false, secret }
    }

    /// Sends a request to the server.
    pub fn by_fastcgi(mut connection: Connection, request: &Request, secret: String) -> Talk {
        connection.send(&fcgi::encode(request, 1, false));
        Talk { wire: Inner::FastCgi(connection), bytes: Vec::new(), ended: false, secret }
    }

    /// The process that answers a CGI request.
    pub fn process(&self) -> u32 {
        match &self.wire {
            Inner::Cgi(child, _) => child.id(),
            Inner::FastCgi(_) => panic!("a FastCGI request has no process of its own"),
        }
    }

    /// Reads more of the answer; false at its end.
    fn more(&mut self) -> bool {
        match &mut self.wire {
            Inner::Cgi(_, stdout) => {
                let stdout = stdout.as_mut().expect("nobody has left");
                let patience = Timespec { tv_sec: HANG.as_secs() as i64, tv_nsec: 0 };
                let ready = poll(&mut [PollFd::new(&stdout.as_fd(), PollFlags::IN)], Some(&patience));
                assert_eq!(ready, Ok(1), "the program is silent");
                let mut piece = vec![0; 65_536];
                let length = stdout.read(&mut piece).expect("a pipe");
                self.bytes.extend(&piece[..length]);
                self.ended = length == 0;
            }
            Inner::FastCgi(connection) => match connection.record() {
                Some(record) if record.kind == fcgi::STDOUT => self.bytes.extend(record.content),
                Some(record) => self.ended = record.kind == fcgi::END,
                None => self.ended = true,
            },
        }
        !self.ended
    }

    /// What has come up to now.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Waits until the answer holds this text.
    pub fn wait_for(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.seen().contains(text) {
            assert!(self.more() && begun.elapsed() < HANG, "no {text:?} in {}", self.seen());
        }
    }

    /// The whole answer.
    pub fn finish(mut self) -> Answer {
        while self.more() {}
        let answer = Answer::parse(&self.bytes);
        if let Inner::Cgi(child, _) = &mut self.wire {
            let status = child.wait().expect("a child");
            assert!(status.success(), "{status}");
        }
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"), "{:?}", answer.headers);
        let public = format!("{:?}\n{}", answer.headers, answer.text());
        assert!(!public.contains(&self.secret), "a path of the server is shown: {public}");
        answer
    }

    /// The visitor goes: the web server closes its end. What is left of a CGI program is handed back.
    pub fn leave(mut self) -> Option<Child> {
        match &mut self.wire {
            Inner::Cgi(_, stdout) => *stdout = None,
            Inner::FastCgi(connection) => connection.0.shutdown(std::net::Shutdown::Both).expect("a socket"),
        }
        match self.wire {
            Inner::Cgi(child, _) => Some(child),
            Inner::FastCgi(_) => None,
        }
    }
}

/// Content as web servers pass it: on descriptor 0.
fn content(bytes: &[u8]) -> Stdio {
    if bytes.is_empty() {
        return Stdio::null();
    }
    let mut file: File = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).and_then(|()| file.rewind()).expect("a temporary file");
    file.into()
}
