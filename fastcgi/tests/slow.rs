//! Answers in pieces that never wait, and answers that are given up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use common::*;
use fastcgi::Request;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Bytes of an answer that no socket buffer holds.
const LARGE: usize = 4_000_000;

fn site<T: Send + 'static>(handler: impl Fn(&mut Request) -> T + Send + Sync + 'static) -> (Site, Receiver<T>) {
    let (sender, heard) = channel();
    let sender = Mutex::new(sender);
    let site = Site::start(move |request| {
        let _ = request.stdin().read_to_end(&mut Vec::new());
        let told = handler(request);
        let _ = sender.lock().unwrap().send(told);
    });
    (site, heard)
}

/// Bytes taken until the peer takes no more.
fn fill(request: &mut Request) -> usize {
    let mut taken = 0;
    loop {
        match request.stdout().try_write(&[b'x'; 50_000]).unwrap() {
            0 => return taken,
            count => taken += count,
        }
    }
}

#[test]
fn a_peer_that_does_not_read_keeps_nobody() {
    let (site, heard) = site(|request| (fill(request), request.stdout().unsent()));
    let mut client = site.connect();
    client.send(&request(1, false, &[], b""));
    // nothing has been read up to here
    let (taken, unsent) = heard.recv_timeout(HANG).unwrap();
    assert_eq!(client.answer(1).stdout.len(), taken, "what was held goes out at the end");
    assert!(taken > 0 && unsent > 0 && unsent <= 32 * 1024 + 8, "{taken} taken, {unsent} held");
}

#[test]
fn pieces_that_wait_for_nothing_arrive_whole_and_in_order() {
    let (site, heard) = site(|request| {
        let bytes: Vec<u8> = (0..LARGE).map(|at| b'a' + (at % 26) as u8).collect();
        let mut rest = &bytes[..];
        while !rest.is_empty() || request.stdout().unsent() > 0 {
            let mut stdout = request.stdout();
            let taken = stdout.try_write(rest).unwrap();
            rest = &rest[taken..];
            if taken == 0 {
                let wait = Timespec { tv_sec: HANG.as_secs() as i64, tv_nsec: 0 };
                let woken = poll(&mut [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::OUT)], Some(&wait));
                assert_eq!(woken, Ok(1));
            }
        }
        // the other way of writing goes on behind it
        request.stdout().write_all(b"end").unwrap();
        bytes
    });
    let mut client = site.connect();
    client.send(&request(1, true, &[], b""));
    let answer = client.answer(1).stdout;
    let bytes = heard.recv_timeout(HANG).unwrap();
    assert!(answer.as_bytes() == [&bytes[..], b"end"].concat(), "{} bytes came", answer.len());
    client.send(&request(1, false, &[], b""));
    assert_eq!(client.answer(1).stdout.len(), LARGE + 3, "the connection can be used again");
}

#[test]
fn an_answer_that_is_given_up_has_no_end() {
    let (site, heard) = site(|request| {
        request.stdout().write_all(b"half").unwrap();
        request.stdout().flush().unwrap();
        request.stdout().write_all(b" of it").unwrap();
        request.abandon();
        request.exit(0);
        let write = request.stdout().write_all(b"x").map_err(|error| error.kind());
        let piece = request.stdout().try_write(b"x").map_err(|error| error.kind());
        (write, piece)
    });
    let mut client = site.connect();
    client.send(&request(1, true, &[], b""));
    for expected in [&b"half"[..], b" of it"] {
        let record = client.record().unwrap();
        assert_eq!((record.kind, &record.content[..]), (STDOUT, expected));
    }
    assert_eq!(client.record().map(|record| record.kind), Some(UNKNOWN_TYPE), "what no answer holds");
    assert_eq!(client.record(), None, "and no END_REQUEST");
    assert_eq!(heard.recv_timeout(HANG).unwrap(), (Err(ErrorKind::BrokenPipe), Err(ErrorKind::BrokenPipe)));
}

#[test]
fn an_answer_is_given_up_also_while_nobody_reads_it() {
    let (site, heard) = site(|request| {
        let taken = fill(request);
        request.abandon();
        taken
    });
    let mut client = site.connect();
    client.send(&request(1, true, &[], b""));
    let taken = heard.recv_timeout(HANG).unwrap();
    let mut read = 0;
    loop {
        match client.record() {
            Some(record) if record.kind == STDOUT => read += record.content.len(),
            last => {
                assert_eq!(last.map(|record| record.kind), Some(UNKNOWN_TYPE));
                break;
            }
        }
    }
    assert_eq!((read, client.record()), (taken, None));
}

#[test]
fn a_peer_that_has_left_ends_the_pieces() {
    let (site, heard) = site(|request| {
        loop {
            if let Err(error) = request.stdout().try_write(&[b'x'; 10_000]) {
                return error.kind();
            }
            std::thread::yield_now();
        }
    });
    site.connect().send(&request(1, true, &[], b""));
    assert_eq!(heard.recv_timeout(HANG).unwrap(), ErrorKind::BrokenPipe);
}
