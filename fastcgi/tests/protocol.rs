//! What the specification demands and release 1.0.0 did not do, one request at a time over a Unix socket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};

use common::*;

#[test]
fn thirty_thousand_pairs_arrive() {
    let site = Site::start(|request| {
        let (count, last) = (request.params_bytes().count(), request.param("N29999"));
        let _ = write!(request.stdout(), "{count} {last:?}");
    });
    let names: Vec<String> = (0..30_000).map(|n| format!("N{n}")).collect();
    let params: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "value")).collect();
    assert_eq!(site.ask(&params), "30000 Some(\"value\")");
}

#[test]
fn too_many_or_too_long_parameters_are_answered_with_431() {
    let site = Site::start(echo);
    let many = vec![("a", "b"); 40_001];
    let long = "x".repeat(1024 * 1024);
    for params in [&many[..], &[("a", &long)]] {
        let mut client = site.connect();
        client.send(&[begin(1, 1, true), stream(PARAMS, 1, &pairs(params))].concat());
        let answer = client.answer(1);
        assert!(answer.stdout.starts_with("Status: 431 "), "{answer:?}");
        client.closed();
    }
    assert_eq!(site.ask(&vec![("", ""); 40_000]).lines().count(), 40_001);
}

#[test]
fn a_length_of_2_gib_is_not_believed() {
    let site = Site::start(echo);
    for lie in [
        &b"\xff\xff\xff\xff\x01a"[..],
        b"\x01\xff\xff\xff\xffa",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x02\x00a",
        b"\x80",
    ] {
        let mut client = site.connect();
        client.send(&[begin(1, 1, true), stream(PARAMS, 1, &[&pairs(&[("good", "1")]), lie].concat())].concat());
        let answer = client.answer(1);
        assert!(answer.stdout.starts_with("Status: 400 "), "{lie:?}: {answer:?}");
        client.closed();
    }
    assert_eq!(site.ask(&[("a", "1")]), "a=1\nbody=0\n");
}

#[test]
fn values_that_are_not_utf8_are_kept_and_so_are_those_behind_them() {
    let site = Site::start(|request| {
        let exact = request.param_bytes(b"PATH_INFO") == Some(b"/container/\xff\0")
            && request.param_bytes(b"\xfe") == Some(b"name");
        let text = format!(
            "{exact} {:?} {:?} {:?}",
            request.param("PATH_INFO"),
            request.param("LATER"),
            request.param("NONE")
        );
        let _ = request.stdout().write_all(text.as_bytes());
    });
    let mut client = site.connect();
    let params = [pair(b"PATH_INFO", b"/container/\xff\0"), pair(b"\xfe", b"name"), pair(b"LATER", b"here")].concat();
    client.send(&[begin(1, 1, false), stream(PARAMS, 1, &params), stream(STDIN, 1, b"")].concat());
    assert_eq!(client.answer(1).stdout, "true Some(\"/container/\u{fffd}\\0\") Some(\"here\") None");
}

#[test]
fn of_a_repeated_parameter_the_last_counts() {
    let site = Site::start(|request| {
        let (value, count) = (request.param("A"), request.params().count());
        let _ = write!(request.stdout(), "{value:?} {count}");
    });
    assert_eq!(site.ask(&[("A", "1"), ("B", "2"), ("A", "3")]), "Some(\"3\") 3");
}

#[test]
fn a_pair_may_straddle_records_at_every_byte() {
    let site = Site::start(echo);
    let mut client = site.connect();
    let long = "v".repeat(200);
    let params = pairs(&[("name", "value"), ("LONG", &long), ("", "")]);
    for cut in 1..params.len() {
        let (front, back) = params.split_at(cut);
        client.send(
            &[begin(1, 1, true), record(PARAMS, 1, front), stream(PARAMS, 1, back), stream(STDIN, 1, b"")].concat(),
        );
        assert_eq!(client.answer(1).stdout, format!("name=value\nLONG={long}\n=\nbody=0\n"), "cut at {cut}");
    }
}

#[test]
fn padding_is_passed_over() {
    let site = Site::start(echo);
    let mut client = site.connect();
    for padding in [1, 7, 8, 255] {
        let body = [0, 1, 1, 0, 0, 0, 0, 0];
        let parts: [(u8, &[u8]); 5] =
            [(BEGIN, &body), (PARAMS, &pairs(&[("a", "1")])), (PARAMS, b""), (STDIN, b"12345"), (STDIN, b"")];
        client.send(&parts.map(|(kind, content)| padded(kind, 1, content, padding)).concat());
        assert_eq!(client.answer(1).stdout, "a=1\nbody=5\n");
    }
}

#[test]
fn a_second_request_on_the_connection_is_told_that_it_cannot_be() {
    let site = Site::start(echo);
    let mut client = site.connect();
    let other = [begin(2, 1, true), stream(PARAMS, 2, &pairs(&[("other", "2")])), stream(STDIN, 2, b"other")].concat();
    let bytes = [
        begin(1, 1, true),
        other.clone(),
        stream(PARAMS, 1, &pairs(&[("mine", "1")])),
        record(STDIN, 1, b"mi"),
        other,
        record(ABORT, 2, b""),
        stream(STDIN, 1, b"ne"),
    ];
    client.send(&bytes.concat());
    let cannot = Record { kind: END, id: 2, content: vec![0, 0, 0, 0, 1, 0, 0, 0] };
    assert_eq!(client.record(), Some(cannot.clone()));
    assert_eq!(client.record(), Some(cannot));
    assert_eq!(client.answer(1), Answer { stdout: "mine=1\nbody=4\n".into(), ..Answer::default() });
    assert_eq!(client.ask(true, &[("next", "3")], b""), "next=3\nbody=0\n");
}

#[test]
fn beginning_the_same_request_twice_closes_the_connection() {
    let site = Site::start(echo);
    let mut client = site.connect();
    client.send(&[begin(1, 1, true), begin(1, 1, true)].concat());
    client.closed();
    assert_eq!(site.ask(&[]), "body=0\n");
}

#[test]
fn unknown_types_are_named() {
    let site = Site::start(echo);
    let mut client = site.connect();
    for (kind, id) in [(12, 0), (255, 0), (0, 0), (BEGIN, 0), (STDOUT, 0), (77, 9)] {
        client.send(&record(kind, id, b"whatever"));
        let expected = Record { kind: UNKNOWN_TYPE, id: 0, content: vec![kind, 0, 0, 0, 0, 0, 0, 0] };
        assert_eq!(client.record(), Some(expected));
    }
    assert_eq!(client.ask(true, &[], b""), "body=0\n");
}

#[test]
fn unknown_roles_are_refused_and_reach_no_handler() {
    let site = Site::start(echo);
    let mut client = site.connect();
    for role in [0, 2, 3, 4, 255] {
        // The records that follow belong to a request that no longer is.
        client.send(&[begin(1, role, true), stream(PARAMS, 1, &pairs(&[("a", "1")])), stream(STDIN, 1, b"x")].concat());
        assert_eq!(client.answer(1), Answer { status: 3, ..Answer::default() });
    }
    assert_eq!(client.ask(true, &[], b""), "body=0\n");
    let mut client = site.connect();
    client.send(&begin(1, 9, false));
    assert_eq!(client.answer(1).status, 3);
    client.closed();
}

#[test]
fn values_are_told_and_unknown_names_left_out() {
    let site = Site::with(|server| server.max_connections(7), echo);
    let mut client = site.connect();
    let asked = pairs(&[("FCGI_MAX_REQS", ""), ("FCGI_NO_SUCH", ""), ("FCGI_MAX_CONNS", ""), ("FCGI_MPXS_CONNS", "")]);
    let told = pairs(&[("FCGI_MAX_CONNS", "7"), ("FCGI_MAX_REQS", "7"), ("FCGI_MPXS_CONNS", "0")]);
    client.send(&record(GET_VALUES, 0, &asked));
    assert_eq!(client.record(), Some(Record { kind: VALUES_RESULT, id: 0, content: told }));
    for unknown in [pairs(&[("X", "")]), Vec::new()] {
        client.send(&record(GET_VALUES, 0, &unknown));
        assert_eq!(client.record(), Some(Record { kind: VALUES_RESULT, id: 0, content: Vec::new() }));
    }
    assert_eq!(client.ask(true, &[], b""), "body=0\n");
    client.send(&record(GET_VALUES, 0, b"\xff\xff\xff\xff\xff"));
    client.closed();
}

#[test]
fn the_connection_stays_open_only_if_asked_to() {
    let site = Site::start(echo);
    let mut client = site.connect();
    for id in [1, 2, 1, 65535] {
        client.send(&request(id, true, &[("a", "1")], b"123"));
        assert_eq!(client.answer(id).stdout, "a=1\nbody=3\n");
    }
    assert_eq!(client.ask(false, &[], b""), "body=0\n");
    client.closed();
}

#[test]
fn requests_sent_at_once_are_answered_in_turn() {
    let site = Site::start(echo);
    let mut client = site.connect();
    let many: Vec<u8> = (1..=50).flat_map(|id| request(id, true, &[("id", &id.to_string())], b"")).collect();
    client.send(&many);
    for id in 1..=50 {
        assert_eq!(client.answer(id).stdout, format!("id={id}\nbody=0\n"));
    }
}

#[test]
fn a_body_left_unread_does_not_spoil_the_next_request() {
    let site = Site::start(|request| {
        if request.param("READ").is_some() {
            let mut some = [0; 1000];
            request.stdin().read_exact(&mut some).unwrap();
        }
        let number = request.param("N").unwrap_or_default();
        let _ = request.stdout().write_all(number.as_bytes());
    });
    let mut client = site.connect();
    for n in ["1", "2", "3"] {
        assert_eq!(client.ask(true, &[("N", n)], &[b'x'; 100_000]), n);
        assert_eq!(client.ask(true, &[("N", n), ("READ", "")], &[b'x'; 100_000]), n);
    }
    // Beyond the bound the answer still arrives, then the connection ends.
    client.send(&request(1, true, &[("N", "4")], &[b'x'; 200_000]));
    assert_eq!(client.answer(1).stdout, "4");
    let mut client = site.connect();
    client.send(&[begin(1, 1, true), stream(PARAMS, 1, &pairs(&[("N", "5")]))].concat());
    assert_eq!(client.answer(1).stdout, "5");
    assert!(client.flood(&record(STDIN, 1, &[0; 65535]), FLOOD) < FLOOD);
    assert_eq!(site.ask(&[("N", "6")]), "6");
}

#[test]
fn large_bodies_and_answers_pass_unchanged() {
    let site = Site::start(|request| {
        let mut body = Vec::new();
        request.stdin().read_to_end(&mut body).unwrap();
        request.stdout().write_all(&body).unwrap();
    });
    let text: String = (0..500_000).map(|n| format!("{n:07}\n")).collect();
    let mut writer = site.connect();
    let mut reader = Client(writer.0.try_clone().unwrap());
    let sent = request(1, false, &[], text.as_bytes());
    let sending = std::thread::spawn(move || writer.send(&sent));
    assert!(reader.answer(1).stdout == text);
    sending.join().unwrap();
}

#[test]
fn both_streams_and_the_exit_status_arrive() {
    let site = Site::start(|request| {
        let _ = request.stdout().write_all(b"out");
        let _ = request.stderr().write_all(b"err");
        request.exit(-3);
        assert!(request.stdout().write_all(b"late").is_err());
        assert!(request.stderr().write_all(b"late").is_err());
        assert!(request.stdin().read(&mut [0]).is_err());
        request.exit(5);
    });
    let mut client = site.connect();
    client.send(&request(1, true, &[], b""));
    let expected = Answer { stdout: "out".into(), stderr: "err".into(), code: (-3_i32).cast_unsigned(), status: 0 };
    assert_eq!(client.answer(1), expected);
    client.send(&request(1, true, &[], b""));
    assert_eq!(client.answer(1), expected);
}

#[test]
fn flushed_pieces_arrive_while_the_handler_still_runs() {
    let site = Site::start(|request| {
        let _ = request.stdout().write_all(b"early");
        let _ = request.stdout().flush();
        let mut rest = String::new();
        request.stdin().read_to_string(&mut rest).unwrap();
        let _ = write!(request.stdout(), "late {rest}");
    });
    let mut client = site.connect();
    client.send(&[begin(1, 1, true), stream(PARAMS, 1, b"")].concat());
    assert_eq!(client.record(), Some(Record { kind: STDOUT, id: 1, content: b"early".to_vec() }));
    client.send(&stream(STDIN, 1, b"body"));
    assert_eq!(client.answer(1).stdout, "late body");
}
