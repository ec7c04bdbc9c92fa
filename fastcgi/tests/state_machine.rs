//! The records of a connection as a state machine: random sequences of records, cut at any byte, against a model.
//!
//! The model says, record by record, what the server must answer and whether the connection stays open. It is written
//! from the specification (FastCGI 1.0, sections 3.3 to 6.2) and from what `lib.rs` and `server.rs` promise, and shares
//! no code with the library. Every answer must match: so no request is answered twice, or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "state_machine/model.rs"]
mod model;

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use common::*;
use fastcgi::Request;
use model::{DATA, MAX_PARAMS, MAX_PARAMS_BYTES, Model, UNREAD};
use proptest::collection::vec;
use proptest::prelude::*;

/// A record as it is sent.
#[derive(Clone, Debug)]
struct Sent {
    kind: u8,
    id: u16,
    content: Vec<u8>,
    padding: u8,
    version: u8,
}

impl Sent {
    fn new(kind: u8, id: u16, content: &[u8]) -> Self {
        Self { kind, id, content: content.to_vec(), padding: 0, version: 1 }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = padded(self.kind, self.id, &self.content, self.padding);
        bytes[0] = self.version;
        bytes
    }
}

fn id() -> impl Strategy<Value = u16> {
    prop_oneof![8 => Just(1), 2 => Just(2), 1 => Just(0), 1 => Just(0xffff)]
}

/// The content of BEGIN_REQUEST: mostly a responder, mostly kept open.
fn begin_body() -> impl Strategy<Value = Vec<u8>> {
    let role = prop_oneof![9 => Just(1), 1 => 0..4_u8, 1 => Just(255)];
    let flags = prop_oneof![9 => Just(1), 1 => any::<u8>()];
    (role, flags).prop_map(|(role, flags)| vec![0, role, flags, 0, 0, 7, 0, 0])
}

fn name_value() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![4 => "[A-C]{0,2}", 1 => Just(UNREAD.to_owned())];
    let value = prop_oneof![4 => vec(any::<u8>(), 0..5), 1 => vec(Just(b'v'), 120..300)];
    (name, value).prop_map(|(name, value)| pair(name.as_bytes(), &value))
}

/// Pairs, rarely more than are taken, rarely with a wrong length.
fn params() -> impl Strategy<Value = Vec<u8>> {
    let good = vec(name_value(), 0..5).prop_map(|pairs| pairs.concat());
    let many = vec(name_value(), MAX_PARAMS..MAX_PARAMS + 3).prop_map(|pairs| pairs.concat());
    // a name without a byte, and a value whose length takes four bytes
    let long = (MAX_PARAMS_BYTES - 2..MAX_PARAMS_BYTES + 3).prop_map(|length| pair(b"", &vec![b'v'; length - 5]));
    prop_oneof![8 => good, 1 => many, 1 => long, 1 => vec(any::<u8>(), 0..9)]
}

fn asked_values() -> impl Strategy<Value = Vec<u8>> {
    let name = proptest::sample::select(vec!["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "OTHER", ""]);
    let pairs = vec(name.prop_map(|name| pair(name.as_bytes(), b"")), 0..5).prop_map(|pairs| pairs.concat());
    prop_oneof![9 => pairs, 1 => vec(any::<u8>(), 0..9)]
}

/// One record, whatever came before it.
fn stray() -> impl Strategy<Value = Sent> {
    let any_content = vec(any::<u8>(), 0..20);
    let of = |kind: u8| (Just(kind), id());
    let known = prop_oneof![
        (of(BEGIN), begin_body()),
        (of(ABORT), vec(any::<u8>(), 0..3)),
        (of(PARAMS), params()),
        (of(STDIN), any_content.clone()),
        (of(DATA), any_content.clone()),
        ((Just(GET_VALUES), Just(0)), asked_values()),
    ];
    let unknown = ((prop_oneof![0..14_u8, any::<u8>()], id()), any_content);
    prop_oneof![4 => known, 1 => unknown].prop_map(|((kind, id), content)| Sent::new(kind, id, &content))
}

/// What may come into a request anywhere without being of it.
fn aside() -> impl Strategy<Value = Sent> {
    prop_oneof![
        asked_values().prop_map(|asked| Sent::new(GET_VALUES, 0, &asked)),
        (12..=255_u8, 0..4_u16).prop_map(|(kind, id)| Sent::new(kind, id, b"?")),
        begin_body().prop_map(|body| Sent::new(BEGIN, 3, &body)),
        prop_oneof![Just(ABORT), Just(PARAMS), Just(STDIN), Just(DATA)].prop_map(|kind| Sent::new(kind, 3, b"stray")),
        Just(Sent::new(DATA, 1, b"data")),
    ]
}

/// A stream as records, the end included.
fn cut(kind: u8, id: u16, bytes: &[u8], piece: usize) -> Vec<Sent> {
    bytes.chunks(piece).chain([&b""[..]]).map(|piece| Sent::new(kind, id, piece)).collect()
}

/// A whole request, in pieces; perhaps aborted after some of its records, perhaps with other records in between.
fn whole() -> impl Strategy<Value = Vec<Sent>> {
    let request = (begin_body(), params(), vec(any::<u8>(), 0..40), 1..30_usize, 1..3_u16);
    let asides = vec((any::<prop::sample::Index>(), aside()), 0..3);
    (request, prop::option::weighted(0.2, any::<prop::sample::Index>()), asides).prop_map(
        |((body, params, stdin, piece, id), aborted, asides)| {
            let mut records = vec![Sent::new(BEGIN, id, &body)];
            records.extend(cut(PARAMS, id, &params, piece));
            records.extend(cut(STDIN, id, &stdin, piece));
            if let Some(at) = aborted {
                records.truncate(at.index(records.len()) + 1);
                records.push(Sent::new(ABORT, id, b""));
            }
            for (at, aside) in asides {
                records.insert(at.index(records.len() + 1), aside);
            }
            records
        },
    )
}

/// Records with any padding, and the places where the bytes are cut.
type Talk = (Vec<Sent>, Vec<prop::sample::Index>);

fn talk() -> impl Strategy<Value = Talk> {
    let part = prop_oneof![5 => whole(), 1 => stray().prop_map(|record| vec![record])];
    let padding = prop_oneof![2 => Just(0), 1 => any::<u8>()];
    let version = prop_oneof![300 => Just(1), 1 => any::<u8>()];
    let parts = vec(part, 1..7).prop_map(|parts| parts.concat());
    let records = parts.prop_flat_map(move |records| {
        let count = records.len();
        let outside = vec((padding.clone(), version.clone()), count);
        (Just(records), outside).prop_map(|(mut records, outside)| {
            for (record, (padding, version)) in records.iter_mut().zip(outside) {
                (record.padding, record.version) = (padding, version);
            }
            records
        })
    });
    (records, vec(any::<prop::sample::Index>(), 0..6))
}

/// Says what it was given, as [`echo`]; with the parameter [`UNREAD`] without reading the body.
fn handler(request: &mut Request) {
    if request.param(UNREAD).is_some() {
        let _ = request.stdout().write_all(b"unread\n");
    } else {
        echo(request);
    }
}

/// Sends the bytes in pieces. The pause lets the server see them apart; nothing depends on whether it does.
fn send(client: &mut Client, bytes: &[u8], cuts: &[prop::sample::Index]) {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    places.push(bytes.len());
    let mut begin = 0;
    for end in places {
        // A server that has closed the connection takes no more.
        let _ = client.0.write_all(&bytes[begin..end]);
        begin = end;
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn holds(site: &Site, (records, cuts): Talk) {
    let mut model = Model::default();
    for record in &records {
        if record.version == 1 {
            model.take(record.kind, record.id, &record.content);
        } else {
            model.garbled();
        }
    }
    let mut bytes: Vec<u8> = records.iter().flat_map(Sent::bytes).collect();
    // A request that is still under way is aborted, then a question shows whether the connection is still good.
    if let Some(id) = model.under_way() {
        model.take(ABORT, id, b"");
        bytes.extend(record(ABORT, id, b""));
    }
    model.take(GET_VALUES, 0, b"");
    bytes.extend(record(GET_VALUES, 0, b""));
    let mut client = site.connect();
    send(&mut client, &bytes, &cuts);
    let _ = client.0.shutdown(Shutdown::Write);
    let answers: Vec<Record> = std::iter::from_fn(|| client.record()).map(model::shortened).collect();
    assert_eq!(answers, model.answers);
}

fn site() -> Site {
    Site::with(|server| server.max_params(MAX_PARAMS).max_params_bytes(MAX_PARAMS_BYTES), handler)
}

#[test]
fn any_sequence_of_records_is_answered_as_the_model_says() {
    let site = site();
    properties::check(600, talk(), |talk| holds(&site, talk));
}

#[test]
#[ignore = "long"]
fn any_sequence_of_records_is_answered_as_the_model_says_long() {
    let site = site();
    properties::check_long(20_000, talk(), |talk| holds(&site, talk));
}
