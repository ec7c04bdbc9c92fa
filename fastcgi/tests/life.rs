//! Ends of all kinds: aborts, visitors who leave, panics, deadlines, full houses, the drain.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::*;
use fastcgi::{Request, Server, ShutdownHandle};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_getfd};

/// What a handler tells the test.
fn tell<T: Send + 'static>(
    handler: impl Fn(&mut Request, &Sender<T>) + Send + Sync + 'static,
) -> (Site, std::sync::mpsc::Receiver<T>) {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    let site = Site::start(move |request| {
        let sender = sender.lock().unwrap().clone();
        handler(request, &sender);
    });
    (site, receiver)
}

#[test]
fn a_silent_handler_learns_that_the_visitor_has_left() {
    let (site, heard) = tell(|request, sender| {
        sender.send(!request.is_aborted()).unwrap();
        let wait = Timespec { tv_sec: HANG.as_secs() as i64, tv_nsec: 0 };
        let woken = poll(&mut [PollFd::from_borrowed_fd(request.as_fd(), PollFlags::RDHUP)], Some(&wait));
        sender.send(woken == Ok(1) && request.is_aborted()).unwrap();
    });
    // The body is unread and the buffer full of it: the leaving is seen all the same.
    for body in [0, 100_000] {
        let mut client = site.connect();
        client.send(&[begin(1, 1, true), stream(PARAMS, 1, b""), stream(STDIN, 1, &vec![b'x'; body])].concat());
        assert!(heard.recv_timeout(HANG).unwrap(), "nobody has left yet");
        drop(client);
        assert!(heard.recv_timeout(HANG * 2).unwrap(), "with a body of {body}");
    }
}

#[test]
fn writing_to_a_visitor_who_has_left_fails() {
    let (site, heard) = tell(|request, sender| {
        let _ = request.stdin().read_to_end(&mut Vec::new());
        while request.stdout().write_all(&[b'x'; 10_000]).is_ok() {}
        let again = request.stdout().flush().map_err(|error| error.kind());
        sender.send(again).unwrap();
    });
    site.connect().send(&request(1, true, &[], b""));
    assert_eq!(heard.recv_timeout(HANG).unwrap(), Err(ErrorKind::BrokenPipe));
}

#[test]
fn an_abort_reaches_a_silent_handler() {
    let (site, heard) = tell(|request, sender| {
        sender.send(request.is_aborted()).unwrap();
        while !request.is_aborted() {
            std::thread::sleep(Duration::from_millis(5));
        }
        sender.send(true).unwrap();
        let _ = request.stdout().write_all(b"whatever");
    });
    let mut client = site.connect();
    for body in [&b""[..], b"a body that nobody reads"] {
        client.send(&request(1, true, &[], body));
        assert!(!heard.recv_timeout(HANG).unwrap());
        // Somebody else's abort is none of ours.
        client.send(&[record(ABORT, 2, b""), record(ABORT, 1, b"")].concat());
        assert!(heard.recv_timeout(HANG).unwrap());
        let answer = client.answer(1);
        assert_eq!((answer.code, answer.status), (0, 0));
    }
}

#[test]
fn an_abort_ends_the_reading_of_the_body_and_of_the_parameters() {
    let site = Site::start(echo);
    let mut client = site.connect();
    client.send(&[begin(1, 1, true), stream(PARAMS, 1, b""), record(STDIN, 1, b"ab"), record(ABORT, 1, b"")].concat());
    assert_eq!(client.answer(1).stdout, "body failed: ConnectionAborted\n");
    client.send(&[begin(1, 1, true), record(PARAMS, 1, &pairs(&[("a", "1")])), record(ABORT, 1, b"")].concat());
    assert_eq!(client.answer(1), Answer::default());
    assert_eq!(client.ask(true, &[("b", "2")], b""), "b=2\nbody=0\n");
}

#[test]
fn a_panic_is_a_500_unless_something_was_sent() {
    let site = Site::start(|request| {
        match request.param("DO").as_deref() {
            Some("panic at once") => panic!("on demand"),
            Some("panic after writing") => {
                let _ = request.stdout().write_all(b"half a page");
                panic!("on demand")
            }
            Some("panic after sending") => {
                let _ = request.stdout().write_all(b"half a page");
                let _ = request.stdout().flush();
                panic!("on demand")
            }
            _ => {}
        }
        echo(request);
    });
    let mut client = site.connect();
    for demand in ["panic at once", "panic after writing"] {
        client.send(&request(1, true, &[("DO", demand)], b"unread"));
        let answer = client.answer(1);
        assert!(answer.stdout.starts_with("Status: 500 "), "{answer:?}");
        assert_eq!((answer.code, answer.status), (1, 0));
    }
    client.send(&request(1, true, &[("DO", "panic after sending")], b""));
    let half = Record { kind: STDOUT, id: 1, content: b"half a page".to_vec() };
    assert_eq!(client.record(), Some(half));
    assert_eq!(client.record().map(|record| record.kind), Some(UNKNOWN_TYPE), "this is no end of an answer");
    assert_eq!(client.record(), None);
    assert_eq!(site.ask(&[]), "body=0\n");
}

#[test]
fn a_hundred_panics_at_once_leave_the_server_whole() {
    let site = Site::with(
        |server| server.max_connections(4),
        |request| {
            assert!(request.param("GOOD").is_some(), "on demand");
            echo(request);
        },
    );
    let mut clients: Vec<Client> = (0..100).map(|_| site.connect()).collect();
    for client in &mut clients {
        client.send(&request(1, false, &[], b""));
    }
    for client in &mut clients {
        assert_eq!(client.answer(1).code, 1);
    }
    assert_eq!(site.ask(&[("GOOD", "")]), "GOOD=\nbody=0\n");
}

#[test]
fn a_closing_server_does_not_read_on_for_ever() {
    let site = Site::start(|request| drop(request.stdout().write_all(b"enough")));
    let mut client = site.connect();
    client.send(&[begin(1, 1, false), stream(PARAMS, 1, b"")].concat());
    assert_eq!(client.answer(1).stdout, "enough");
    assert!(client.flood(&record(STDIN, 1, &[0; 65535]), FLOOD) < FLOOD);
    // One that stays silent instead is not waited for either.
    let mut client = site.connect();
    client.send(&[begin(1, 1, false), stream(PARAMS, 1, b"")].concat());
    assert_eq!(client.answer(1).stdout, "enough");
    client.closed();
}

#[test]
fn a_request_that_trickles_in_is_given_up() {
    let site = Site::with(|server| server.read_timeout(Duration::from_millis(100)), echo);
    let bytes = [begin(1, 1, true), stream(PARAMS, 1, &pairs(&[("a", "1")]))].concat();
    // Inside the header of PARAMS, inside its content, before its end.
    for cut in [20, 26, bytes.len() - 8] {
        let mut client = site.connect();
        client.send(&bytes[..cut]);
        client.closed();
    }
    // One byte now and then does not help: the deadline holds for all parameters together.
    let mut client = site.connect();
    client.send(&begin(1, 1, true));
    until(|| {
        std::thread::sleep(Duration::from_millis(10));
        (&client.0).write_all(&padded(PARAMS, 1, b"\0\0", 0)).is_err()
    });
    // A body that stalls is the handler's to see, and the end of the connection.
    let mut client = site.connect();
    client.send(&[begin(1, 1, true), stream(PARAMS, 1, b""), record(STDIN, 1, b"a")].concat());
    assert_eq!(client.answer(1).stdout, "body failed: TimedOut\n");
    client.closed();
}

#[test]
fn an_idle_connection_is_closed_after_a_while() {
    let site = Site::with(|server| server.idle_timeout(Duration::from_millis(100)), echo);
    site.connect().closed();
    let mut client = site.connect();
    assert_eq!(client.ask(true, &[], b""), "body=0\n");
    client.closed();
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let (sender, heard) = channel();
    let sender = Mutex::new(sender);
    let site = Site::with(
        |server| server.write_timeout(Duration::from_millis(100)),
        move |request| {
            let outcome = request.stdout().write_all(&vec![b'x'; 50_000_000]);
            sender.lock().unwrap().send(outcome.map_err(|error| error.kind())).unwrap();
        },
    );
    let mut client = site.connect();
    client.send(&request(1, true, &[], b""));
    assert_eq!(heard.recv_timeout(HANG).unwrap(), Err(ErrorKind::TimedOut));
    client.closed();
}

#[test]
fn a_full_house_lets_callers_wait() {
    let site = Site::with(
        |server| server.max_connections(2),
        |request| {
            std::thread::sleep(Duration::from_millis(20));
            echo(request);
        },
    );
    let mut clients: Vec<Client> = (0..10).map(|_| site.connect()).collect();
    for client in &mut clients {
        client.send(&request(1, true, &[], b""));
    }
    // Kept open or not, the two connections make room for the others.
    for client in &mut clients {
        assert_eq!(client.answer(1).stdout, "body=0\n");
    }
}

#[test]
fn the_drain_finishes_what_runs_and_closes_what_idles() {
    let (sender, running) = channel();
    let (go, wait) = channel();
    let both = Mutex::new((sender, wait));
    let mut site = Site::start(move |request| {
        let (sender, wait) = &*both.lock().unwrap();
        sender.send(()).unwrap();
        if request.param("SLOW").is_some() {
            wait.recv_timeout(HANG).unwrap();
        }
        echo(request);
    });
    let (mut idle, mut fresh, mut busy) = (site.connect(), site.connect(), site.connect());
    assert_eq!(idle.ask(true, &[], b""), "body=0\n");
    running.recv_timeout(HANG).unwrap();
    busy.send(&request(1, true, &[("SLOW", "")], b"123"));
    running.recv_timeout(HANG).unwrap();
    assert!(!site.stop.is_draining());
    site.stop.drain();
    site.stop.drain();
    assert!(site.stop.is_draining());
    idle.closed();
    fresh.closed();
    go.send(()).unwrap();
    assert_eq!(busy.answer(1).stdout, "SLOW=\nbody=3\n");
    busy.closed();
    site.finish().unwrap();
    assert!(std::os::unix::net::UnixStream::connect(site.path()).is_err());
}

#[test]
fn the_pipe_of_the_drain_is_closed_on_exec() {
    let stop = ShutdownHandle::new().unwrap();
    for flags in [fcntl_getfd(&stop), fcntl_getfd(stop.signal_end().unwrap())] {
        assert!(flags.unwrap().contains(FdFlags::CLOEXEC));
    }
}

#[test]
fn the_drain_does_not_wait_for_ever() {
    let (sender, running) = channel();
    let sender = Mutex::new(sender);
    let mut site = Site::with(
        |server| server.drain_timeout(Duration::from_millis(50)),
        move |_| {
            sender.lock().unwrap().send(()).unwrap();
            std::thread::sleep(HANG * 2);
        },
    );
    let mut client = site.connect();
    client.send(&request(1, true, &[], b""));
    running.recv_timeout(HANG).unwrap();
    site.stop.drain();
    assert_eq!(site.finish().unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn only_a_listening_socket_is_served() {
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert_eq!(Server::new(one).serve(echo).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(fastcgi::run_raw(echo, -1).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn tcp_peers_are_let_in_by_address() {
    for (allowed, welcome) in [("127.0.0.1", true), ("::ffff:127.0.0.1", true), ("192.0.2.1", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = ShutdownHandle::new().unwrap();
        let server = Server::new(listener).shutdown(stop.clone()).allowed_peers([allowed.parse().unwrap()]);
        let serving = std::thread::spawn(move || server.serve(echo));
        let mut client = Client(TcpStream::connect(address).unwrap());
        client.0.set_read_timeout(Some(HANG)).unwrap();
        if welcome {
            assert_eq!(client.ask(true, &[("a", "1")], b"12"), "a=1\nbody=2\n");
        } else {
            client.closed();
        }
        stop.drain();
        serving.join().unwrap().unwrap();
    }
    let unix = Site::with(|server| server.allowed_peers(["192.0.2.1".parse().unwrap()]), echo);
    assert_eq!(unix.ask(&[]), "body=0\n");
}
