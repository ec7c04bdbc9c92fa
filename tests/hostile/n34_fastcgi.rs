//! 34: whoever has the FastCGI socket in its hands can send what it likes.

use std::time::Instant;

use crate::support::fcgi::{self, Connection};
use crate::support::{Answer, HANG, Site, Wire, get, processes};

/// Whoever has the socket in its hands can send what it likes.
#[test]
fn hostile_34_fastcgi_garbage() {
    let site = Site::new(Wire::FastCgi).image("argv.sif", &[]).image("hang.sif", &[]).set("deadline", 200);
    let good = fcgi::encode(&get("/container/args/argv.sif"), 1, false);
    let lives = |what: &str| {
        let answer = site.connect().tap(&good).answer(1).unwrap_or_else(|| panic!("dead after: {what}"));
        assert_eq!(Answer::parse(&answer).status, 200, "{what}");
    };
    lives("nothing");
    let head = fcgi::begin(1, 1, false);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("another version", [&[2][..], &good[1..]].concat()),
        ("text", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("zeroes", vec![0; 70_000]),
        ("ones", vec![0xff; 70_000]),
        (
            "a length of 2 GiB",
            [
                &head[..],
                &fcgi::record(fcgi::PARAMS, 1, b"\xff\xff\xff\xff\xff\xff\xff\xffabc"),
                &fcgi::record(fcgi::PARAMS, 1, b""),
            ]
            .concat(),
        ),
        (
            "no parameters",
            [&head[..], &fcgi::record(fcgi::PARAMS, 1, b""), &fcgi::record(fcgi::STDIN, 1, b"")].concat(),
        ),
        ("parameters without a request", fcgi::stream(fcgi::PARAMS, 1, b"abc")),
        ("a request of id 0", fcgi::encode(&get("/container/"), 0, false)),
        ("half a record", good[..good.len() / 2].to_vec()),
        ("large records with padding", [&head[..], &fcgi::padded(fcgi::PARAMS, 1, &[b'x'; 65_535], 255)].concat()),
    ];
    for (what, bytes) in cases {
        let mut connection = site.connect().tap(&bytes);
        let _ = connection.0.shutdown(std::net::Shutdown::Write);
        if let Some(answer) = connection.answer(1).filter(|answer| !answer.is_empty()) {
            assert!(Answer::parse(&answer).status >= 400, "{what}");
        }
        lives(what);
    }
}

#[test]
fn hostile_34_fastcgi_valid_but_strange() {
    let site = Site::new(Wire::FastCgi).image("argv.sif", &[]);
    let good = fcgi::encode(&get("/container/args/argv.sif"), 1, false);
    // split at every byte
    let mut connection = site.connect();
    for byte in &good {
        connection.send(&[*byte]);
    }
    assert_eq!(Answer::parse(&connection.answer(1).expect("an answer")).status, 200);
    for at in (1..good.len()).step_by(7) {
        let mut connection = site.connect().tap(&good[..at]);
        connection.send(&good[at..]);
        assert_eq!(Answer::parse(&connection.answer(1).expect("an answer")).status, 200, "split at {at}");
    }
    // unknown types are answered, unknown roles refused (§4.2, §5.1)
    let mut connection = site.connect().tap(&fcgi::record(99, 0, b"?"));
    let told = connection.record().expect("a record");
    assert_eq!((told.kind, told.content[0]), (fcgi::UNKNOWN_TYPE, 99));
    let mut connection = site.connect().tap(&fcgi::begin(1, 7, false));
    let told = connection.record().expect("a record");
    assert_eq!((told.kind, told.content[4]), (fcgi::END, 3));
    // a second request on the same connection before the first has ended (§5.5 FCGI_CANT_MPX_CONN)
    let mut connection = site.connect().tap(&fcgi::begin(1, 1, true)).tap(&fcgi::begin(2, 1, true));
    let told = connection.record().expect("a record");
    assert_eq!((told.kind, told.id, told.content[4]), (fcgi::END, 2, 1));
    // parameters without end
    let pairs: Vec<u8> = (0..100_000).flat_map(|number| fcgi::pair(format!("N{number}").as_bytes(), b"v")).collect();
    let before = processes::memory(site.start());
    let mut connection = site.connect().tap(&fcgi::begin(1, 1, false)).tap(&fcgi::stream(fcgi::PARAMS, 1, &pairs));
    connection.send(&fcgi::record(fcgi::STDIN, 1, b""));
    if let Some(answer) = connection.answer(1).filter(|answer| !answer.is_empty()) {
        assert!(Answer::parse(&answer).status >= 400);
    }
    assert!(processes::memory(site.start()) < before + (32 << 10));
    assert_eq!(site.ask(&get("/container/")).status, 200);
}

#[test]
fn hostile_34_abort_ends_the_run() {
    let site = Site::new(Wire::FastCgi).image("hang.sif", &[]).set("deadline", 200);
    let mut connection = site.connect().tap(&fcgi::encode(&get("/container/run/hang.sif"), 1, false));
    site.wait_for_runs(1);
    connection.send(&fcgi::record(fcgi::ABORT, 1, b""));
    let begun = Instant::now();
    site.nothing_runs();
    let _ = connection.answer(1);
    assert!(begun.elapsed() < HANG);
}

trait Tap {
    fn tap(self, bytes: &[u8]) -> Self;
}

impl Tap for Connection {
    /// Sends, and hands itself on.
    fn tap(mut self, bytes: &[u8]) -> Connection {
        self.send(bytes);
        self
    }
}
