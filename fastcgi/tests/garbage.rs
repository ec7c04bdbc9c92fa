//! Whatever comes: the specified answer or a closed connection, and the next visitor is served.
//!
//! Each case ends our side of the connection and waits for the server to end its side, so that a hang or a dead thread shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use common::*;

/// Sends bytes, says that there are no more, and waits for the end.
fn throw(site: &Site, bytes: &[u8]) {
    let mut client = site.connect();
    // The server may close before it has all of them.
    let _ = client.0.write_all(bytes);
    let _ = client.0.shutdown(Shutdown::Write);
    client.closed();
}

fn good(site: &Site) {
    assert_eq!(site.ask(&[("a", "1")]), "a=1\nbody=0\n");
}

/// A small generator (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn random_bytes() {
    let site = Site::start(echo);
    let mut dice = Dice(0x5eed);
    for _ in 0..1000 {
        let length = dice.roll() % 3000;
        let bytes: Vec<u8> = (0..length).map(|_| dice.roll() as u8).collect();
        throw(&site, &bytes);
    }
    good(&site);
}

#[test]
fn random_records() {
    let site = Site::start(echo);
    let mut dice = Dice(0xfa57c61);
    for _ in 0..1000 {
        let mut bytes = if dice.roll() & 1 == 0 { begin(1, 1, true) } else { Vec::new() };
        for _ in 0..dice.roll() % 20 {
            let content: Vec<u8> = (0..dice.roll() % 40).map(|_| dice.roll() as u8 & 3).collect();
            bytes.extend(padded((dice.roll() % 13) as u8, (dice.roll() % 3) as u16, &content, dice.roll() as u8 & 7));
        }
        throw(&site, &bytes);
    }
    good(&site);
}

#[test]
fn every_byte_of_a_request_changed() {
    let site = Site::start(echo);
    let whole = request(1, true, &[("NAME", "value")], b"body");
    for place in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] ^= change;
            throw(&site, &bytes);
        }
    }
    good(&site);
}

#[test]
fn a_request_cut_off_at_every_byte() {
    let site = Site::start(echo);
    let whole = request(1, true, &[("NAME", "value")], b"body");
    for end in 0..whole.len() {
        throw(&site, &whole[..end]);
    }
    good(&site);
}

#[test]
fn a_request_split_at_every_byte() {
    let site = Site::start(echo);
    let mut client = site.connect();
    let whole = request(1, true, &[("NAME", "value")], b"body");
    for cut in 1..whole.len() {
        client.send(&whole[..cut]);
        std::thread::sleep(Duration::from_millis(1));
        client.send(&whole[cut..]);
        assert_eq!(client.answer(1).stdout, "NAME=value\nbody=4\n", "cut at {cut}");
    }
    for byte in &whole {
        client.send(std::slice::from_ref(byte));
    }
    assert_eq!(client.answer(1).stdout, "NAME=value\nbody=4\n");
}

#[test]
fn bad_versions() {
    let site = Site::start(echo);
    for version in [0, 2, 71, 255] {
        let mut client = site.connect();
        let mut bytes = begin(1, 1, true);
        bytes[0] = version;
        client.send(&bytes);
        client.closed();
    }
    let mut client = site.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.closed();
    good(&site);
}

#[test]
fn lying_lengths() {
    let site = Site::start(echo);
    for body in [&[][..], &[0; 7], &[0; 9], &[0; 65535]] {
        let mut client = site.connect();
        client.send(&record(BEGIN, 1, body));
        client.closed();
    }
    // 65,535 bytes announced, ten sent.
    for kind in 0..=12 {
        throw(&site, &[&begin(1, 1, true)[..], &[1, kind, 0, 1, 0xff, 0xff, 0xff, 0], &[7; 10]].concat());
        throw(&site, &[&[1, kind, 0, 0, 0xff, 0xff, 0xff, 0][..], &[7; 10]].concat());
    }
    good(&site);
}

#[test]
fn the_largest_records_with_the_largest_padding() {
    let site = Site::start(echo);
    let mut client = site.connect();
    // Lengths of one byte and of four, a name of one.
    let value = "v".repeat(65_535 - 4 - 1 - 1);
    let params = pairs(&[("N", &value)]);
    assert_eq!(params.len(), 65_535);
    for _ in 0..3 {
        client.send(&begin(1, 1, true));
        client.send(&[padded(PARAMS, 1, &params, 255), padded(PARAMS, 1, b"", 255)].concat());
        for _ in 0..20 {
            client.send(&padded(STDIN, 1, &[b'x'; 65_535], 255));
        }
        client.send(&padded(STDIN, 1, b"", 255));
        assert_eq!(client.answer(1).stdout, format!("N={value}\nbody={}\n", 20 * 65_535));
    }
}

#[test]
fn no_parameters_at_all() {
    let site = Site::start(echo);
    assert_eq!(site.ask(&[]), "body=0\n");
    let mut client = site.connect();
    // More parameters after their end, a body before it.
    client.send(&[begin(1, 1, true), record(PARAMS, 1, b""), record(PARAMS, 1, b"")].concat());
    assert_eq!(client.answer(1).stdout, "body failed: InvalidData\n");
    client.closed();
    let mut client = site.connect();
    client.send(&[begin(1, 1, true), record(STDIN, 1, b"early")].concat());
    client.closed();
    good(&site);
}

#[test]
fn records_for_nobody_are_passed_over_but_not_for_ever() {
    let site = Site::start(echo);
    let mut client = site.connect();
    for kind in [ABORT, PARAMS, STDIN, 8] {
        client.send(&padded(kind, 3, b"stray", 9));
    }
    assert_eq!(client.ask(true, &[], b""), "body=0\n");
    assert!(client.flood(&padded(STDIN, 3, b"", 255), FLOOD) < FLOOD);
    client.closed();
    good(&site);
}
