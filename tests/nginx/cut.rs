//! Answers that are not finished, and answers that are read slowly: what nginx makes of both with our files.
//!
//! nginx takes the end of a FastCGI connection for the end of an answer where it is told to hand pieces on at once and
//! knows no length: a live answer therefore has its `exit` event. Everywhere else the reader sees the break.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::net::UnixListener;

use crate::setup::{LOCATIONS, UPSTREAM, included, own, root, site};
use crate::support::fcgi::{self, Connection};
use crate::support::servers::{Server, http};
use crate::support::{HANG, Site, Wire, until};

/// An application that sends this header and 300 kB, and then is gone.
fn breaking(site: &Site, header: &'static str) -> Option<Server> {
    let socket = site.path("fake/socket");
    fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut connection = Connection(stream);
            while let Some(record) = connection.record() {
                if record.kind == fcgi::STDIN && record.content.is_empty() {
                    let text =
                        format!("Status: 200 OK\r\nContent-Type: text/plain\r\n{header}\r\n{}", "x".repeat(60_000));
                    connection.send(&fcgi::record(fcgi::STDOUT, 1, text.as_bytes()));
                    for _ in 0..4 {
                        connection.send(&fcgi::record(fcgi::STDOUT, 1, &[b'x'; 60_000]));
                    }
                    break;
                }
            }
        }
    });
    own(&root(site), &socket, UPSTREAM, LOCATIONS)
}

/// Whether the answer says by itself that it is whole: its length is reached, or the last chunk is there.
fn looks_whole(server: &Server) -> bool {
    let mut visit = server.visit();
    visit.send(&http("GET", "/container/run/x.sif", &[("Connection", "close")], b""));
    let answer = String::from_utf8_lossy(&visit.rest()).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{}", &answer[..answer.len().min(300)]);
    let (header, content) = answer.split_once("\r\n\r\n").unwrap();
    match header.lines().find_map(|line| line.strip_prefix("Content-Length: ")) {
        Some(length) => content.len() >= length.parse::<usize>().unwrap(),
        None => content.ends_with("\r\n0\r\n\r\n"),
    }
}

#[test]
fn an_answer_that_is_not_finished_does_not_look_whole() {
    for header in ["Content-Length: 1000000\r\n", "", "Content-Length: 1000000\r\nX-Accel-Buffering: no\r\n"] {
        let site = Site::new(Wire::FastCgi);
        let Some(server) = breaking(&site, header) else { return };
        assert!(!looks_whole(&server), "{header:?}");
    }
}

/// Slow readers of long answers: nothing of them lies on the disk, and all of it comes.
#[test]
fn an_answer_that_is_read_slowly_is_not_written_to_the_disk() {
    let site = site();
    let Some(server) = included(&site, LOCATIONS) else { return };
    let readers: Vec<TcpStream> = (0..3)
        .map(|_| {
            let stream = TcpStream::connect(server.address()).unwrap();
            rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 128 * 1024).unwrap();
            stream.set_read_timeout(Some(HANG)).unwrap();
            let question = http("GET", "/container/run/stdout-8.sif", &[("Connection", "close")], b"");
            std::io::Write::write_all(&mut &stream, &question).unwrap();
            (&stream).read_exact(&mut [0; 12]).unwrap();
            stream
        })
        .collect();
    until("the runs have ended", HANG, || site.others().is_empty());
    let temporary = server.folder().join("temp").display().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let open = processes.flat_map(|process| fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten());
    let written: Vec<String> = open
        .filter_map(|file| Some(fs::read_link(file.path()).ok()?.display().to_string()))
        .filter(|file| file.starts_with(&temporary))
        .collect();
    assert_eq!(written, [""; 0]);
    for mut reader in readers {
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).unwrap();
        let at = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let header = String::from_utf8_lossy(&answer[..at]).into_owned();
        let length =
            header.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map(|text| text.parse().unwrap());
        assert_eq!(length.unwrap_or(8 << 20), answer.len() - at, "{header}");
    }
    // nginx says so, whenever it happened
    assert!(!server.log().contains("buffered to a temporary file"), "{}", server.log());
}
