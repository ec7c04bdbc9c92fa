//! The scene *slow readers on the Docker layout*: many visitors take a long answer slowly while others open pages.
//!
//! In: a stage whose `state/` and `temp/` are file systems of their own, as small as docker-compose.yaml makes them
//! (scripts/load mounts them). Out: a row of the pages of others, and lines about how the long answers ended. An answer
//! that ends before its length is broken, and its reader can see it; one that is short and looks whole is a fault.
//! Never: judges an answer by its status alone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use super::{LIST, PAGES, Stage};
use crate::Result;
use crate::crowd::{Crowd, Group};
use crate::house::get;
use crate::table::percentile;

/// Prints so many MiB at once.
const IMAGE: &str = "stdout-7.sif";
const LENGTH: usize = 7 << 20;
/// A reader takes so much, so often, and the rest at once when the time of the scene is over.
const SIP: usize = 1000;
const SIPS: Duration = Duration::from_millis(250);
const SMALL_BUFFER: usize = 4096;
/// The longest that a reader waits for a byte, and for a slot.
const SILENCE: Duration = Duration::from_secs(60);
const BUSY: Duration = Duration::from_secs(1);

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    /// Its length was not reached, and that could be seen.
    Broken,
    /// Refused until the scene was over.
    Refused,
    /// Short, and nothing says so.
    Cut,
    Other,
}

impl Stage {
    pub(super) fn docker_layout(&mut self) -> Result<()> {
        let readers = self.size.slow * 2 / 5;
        let time = self.size.time;
        let name = format!("list beside {readers} slow readers of 7 MiB, Docker layout");
        self.house.image(IMAGE)?;
        self.house.open("few")?;
        let rest = self.house.rest()?;
        let watch = self.house.watch()?;
        let address = self.house.address.clone();
        let until = Instant::now() + time;
        let threads: Vec<JoinHandle<End>> = (0..readers)
            .map(|_| {
                let address = address.clone();
                std::thread::Builder::new().stack_size(256 << 10).spawn(move || reader(&address, until))
            })
            .collect::<std::io::Result<_>>()?;
        let list = Group { pause: Duration::from_millis(20), ..Group::new(4, LIST, time) };
        let tallies = Crowd::new(&self.house.address, &[list])?.visit()?;
        let ends: Vec<End> = threads.into_iter().map(|thread| thread.join().unwrap_or(End::Other)).collect();
        let seen = watch.seen()?;
        let [list] = &tallies[..] else { return Err("there was one group".into()) };
        self.row(&name, list, Some(seen));
        let slow = percentile(&list.answered, 99);
        self.table.line(
            "list beside slow readers on the Docker layout, p99",
            format!("{slow:.1} ms"),
            "< 100 ms",
            slow < PAGES,
        );
        let count = |end: End| ends.iter().filter(|one| **one == end).count();
        let [whole, broken, refused, cut, other] =
            [End::Whole, End::Broken, End::Refused, End::Cut, End::Other].map(count);
        let told = format!("{cut} ({whole} whole, {broken} visibly broken, {refused} refused, {other} other)");
        let what = "long answers that were cut and looked whole";
        self.table.line(what, told, "0, some whole", cut == 0 && other == 0 && whole > 0);
        let (status, _) = get(&self.house.address, "/container/run/argv.sif", SILENCE)?;
        self.table.line("a run afterwards", status, "200", status == 200);
        self.leave(&name, &rest)
    }
}

/// One visitor, from the first question to the end of the answer.
fn reader(address: &str, until: Instant) -> End {
    loop {
        match answer(address, until) {
            Ok(End::Refused) if Instant::now() < until => std::thread::sleep(BUSY),
            Ok(end) => return end,
            Err(_) => return End::Broken,
        }
    }
}

fn answer(address: &str, until: Instant) -> std::io::Result<End> {
    let mut stream = TcpStream::connect(address)?;
    let _ = sockopt::set_socket_recv_buffer_size(&stream, SMALL_BUFFER);
    stream.set_read_timeout(Some(SILENCE))?;
    write!(stream, "GET /container/run/{IMAGE} HTTP/1.0\r\nHost: {address}\r\nAccept: */*\r\n\r\n")?;
    let (mut head, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece[..SIP])?;
        if read == 0 || head.len() > 16 * SIP {
            return Ok(End::Broken);
        }
        head.extend_from_slice(&piece[..read]);
    }
    let text = String::from_utf8_lossy(&head);
    let (fields, begin) = text.split_once("\r\n\r\n").unwrap_or_default();
    match fields.split(' ').nth(1) {
        Some("200") => {}
        Some("503" | "429") => return Ok(End::Refused),
        _ => return Ok(End::Other),
    }
    let length = fields.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    let mut got = begin.len();
    loop {
        let slowly = Instant::now() < until;
        if slowly {
            std::thread::sleep(SIPS);
        }
        let most = if slowly { SIP } else { piece.len() };
        match stream.read(&mut piece[..most])? {
            0 => break,
            read => got += read,
        }
    }
    Ok(match length {
        _ if got == LENGTH => End::Whole,
        Some(length) if got < length => End::Broken,
        _ => End::Cut,
    })
}
