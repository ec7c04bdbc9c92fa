//! The image file itself, sent by the program: RFC 9110 §13 (conditions) and §14 (ranges). What nginx sends in its
//! place is looked at in `nginx/download.rs`.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

use serde_json::Value;

use crate::support::fcgi::{self, Connection};
use crate::support::request::BROWSER;
use crate::support::{Answer, Request, Site, Wire, get, on_both_wires};
use crate::{HELLO, IMAGE, hello};

const FILE: &str = "/container/download/argv.sif";
/// Bytes that no other place of the file has.
const ENDING: &[u8] = b"the last bytes of a long file";
const GIB: u64 = 1 << 30;
/// KiB that a transfer of any length may take (a debug build, with everything that the program holds).
const FLAT: u64 = 16 * 1024;

fn offered(wire: Wire) -> (Site, Vec<u8>) {
    let site = hello(wire).set("download", "true");
    let bytes = fs::read(site.path("data/argv.sif")).unwrap();
    (site, bytes)
}

#[test]
fn download_is_off_unless_configured() {
    on_both_wires(|wire| {
        let site = hello(wire);
        assert_eq!(site.ask(&get(FILE)).problem(403).0, "not-offered");
        assert!(!site.ask(&get(IMAGE).accept(BROWSER)).good().contains(FILE));
        assert_eq!(site.ask(&get(IMAGE)).json()["links"]["download"], Value::Null);
        let (site, _) = offered(wire);
        assert!(site.ask(&get(IMAGE).accept(BROWSER)).good().contains(FILE));
        assert_eq!(site.ask(&get(IMAGE)).json()["links"]["download"], FILE);
        site.ask(&get("/container/download/none.sif")).problem(404);
        site.ask(&get(FILE).method("POST")).problem(405);
    });
}

#[test]
fn download_gets_the_file_and_head_its_facts() {
    on_both_wires(|wire| {
        let (site, bytes) = offered(wire);
        let answer = site.ask(&get(FILE));
        assert!(answer.status == 200 && answer.body == bytes);
        assert_eq!(answer.media(), "application/octet-stream");
        for (name, expected) in [
            ("Content-Disposition", "attachment; filename=\"argv.sif\""),
            ("Content-Security-Policy", "sandbox; default-src 'none'"),
            ("Accept-Ranges", "bytes"),
            ("Vary", "Origin"),
            ("Content-Length", &bytes.len().to_string()),
        ] {
            assert_eq!(answer.header(name), Some(expected));
        }
        assert!(answer.header("Last-Modified").is_some_and(|date| date.ends_with(" GMT")));
        let head = site.ask(&get(FILE).method("HEAD"));
        assert_eq!((head.status, head.body.len(), &head.headers), (200, 0, &answer.headers));
        assert_eq!(site.runs().len(), 0);
    });
}

#[test]
fn download_answers_one_range() {
    on_both_wires(|wire| {
        let (site, bytes) = offered(wire);
        let size = bytes.len();
        let ask = |range: &str| site.ask(&get(FILE).header("Range", range));
        for (range, first, last) in [
            ("bytes=0-9".to_owned(), 0, 9),
            ("bytes=100-".to_owned(), 100, size - 1),
            ("bytes=-7".to_owned(), size - 7, size - 1),
            (format!("bytes=5-{}", size * 2), 5, size - 1),
        ] {
            let answer = ask(&range);
            assert!(answer.status == 206 && answer.body == bytes[first..=last], "{range}: {}", answer.status);
            assert_eq!(answer.header("Content-Range"), Some(&*format!("bytes {first}-{last}/{size}")));
        }
        for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
            let answer = ask(&range);
            assert_eq!((answer.status, answer.body.len()), (416, 0), "{range}");
            assert_eq!(answer.header("Content-Range"), Some(&*format!("bytes */{size}")));
        }
        // several ranges, other units and nonsense: the whole, which §14.2 allows
        for range in ["bytes=0-1,3-4", "lines=0-1", "bytes=x-", "bytes=9-5"] {
            let answer = ask(range);
            assert!(answer.status == 200 && answer.body.len() == size, "{range}: {}", answer.status);
        }
    });
}

#[test]
fn download_resumes_only_what_has_not_changed() {
    on_both_wires(|wire| {
        let (site, bytes) = offered(wire);
        let whole = site.ask(&get(FILE));
        let field = |name: &str| whole.header(name).expect(name).to_owned();
        let (tag, date) = (field("ETag"), field("Last-Modified"));
        let rest = |condition: &str| site.ask(&get(FILE).header("Range", "bytes=100-").header("If-Range", condition));
        for condition in [&tag, &date] {
            assert!(rest(condition).status == 206 && rest(condition).body == bytes[100..]);
        }
        for (status, tags) in [(304, tag.as_str()), (304, "*"), (200, "\"other\"")] {
            assert_eq!(site.ask(&get(FILE).header("If-None-Match", tags)).status, status, "{tags}");
        }
        // by the time, too, unless a tag is asked for
        let future = "Fri, 01 Jan 2100 00:00:00 GMT";
        for (status, since) in
            [(304, date.as_str()), (304, future), (200, "Sat, 01 Jan 2000 00:00:00 GMT"), (200, "yesterday"), (200, "")]
        {
            let question = get(FILE).header("If-Modified-Since", since);
            assert_eq!(site.ask(&question).status, status, "{since}");
            assert_eq!(site.ask(&question.header("If-None-Match", "\"other\"")).status, 200, "{since}");
        }
        let longer = [&bytes[..], b"more"].concat();
        fs::write(site.data().join("argv.sif"), &longer).unwrap();
        let again = rest(&tag);
        assert!(again.status == 200 && again.body == longer, "another file: from its beginning");
        assert_ne!(again.header("ETag"), Some(tag.as_str()));
    });
}

#[test]
fn download_of_4_gib_in_flat_memory() {
    on_both_wires(|wire| {
        transfer(wire, 0);
        transfer(wire, 4 * GIB - 7);
    });
}

/// Reads a sparse file from `start` to its end.
fn transfer(wire: Wire, start: u64) {
    let site = Site::new(wire).image("argv.sif", &HELLO).set("download", "true");
    let file = File::options().write(true).open(site.data().join("argv.sif")).unwrap();
    file.write_all_at(ENDING, 4 * GIB).unwrap();
    let size = 4 * GIB + ENDING.len() as u64;
    let request = get(FILE).header("Range", &format!("bytes={start}-"));
    let (head, count, end, peak) = match wire {
        Wire::Cgi => by_cgi(&site, &request),
        Wire::FastCgi => by_fastcgi(&site, &request),
    };
    assert_eq!((head.status, count), (206, size - start));
    assert_eq!(head.header("Content-Range"), Some(&*format!("bytes {start}-{}/{size}", size - 1)));
    assert!(end.ends_with(ENDING), "{:?}", String::from_utf8_lossy(&end));
    // a program that sends a few bytes is gone before anybody can look at it
    assert!(peak < FLAT && (peak > 0 || start > 0), "{wire:?}: {peak} KiB at most");
    println!("{wire:?}: {count} bytes, {peak} KiB");
}

/// Header, length of the content, its end, the most memory that the program has held.
type Transfer = (Answer, u64, Vec<u8>, u64);

fn by_cgi(site: &Site, request: &Request) -> Transfer {
    let text = |bytes| std::ffi::OsStr::from_bytes(bytes);
    let mut command = site.command();
    command.envs(request.variables.iter().map(|(name, value)| (text(name), text(value))));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut reader = Reader::default();
    let mut piece = vec![0; 65_536];
    let mut peak = 0;
    loop {
        let length = output.read(&mut piece).unwrap();
        if length == 0 {
            break;
        }
        reader.take(&piece[..length]);
        if reader.pieces % 256 == 1 {
            peak = peak.max(most_memory(child.id()));
        }
    }
    assert!(child.wait().unwrap().success());
    reader.done(peak)
}

fn by_fastcgi(site: &Site, request: &Request) -> Transfer {
    let server = site.start();
    let mut connection: Connection = site.connect();
    connection.send(&fcgi::encode(request, 1, false));
    let mut reader = Reader::default();
    while let Some(record) = connection.record().filter(|record| record.kind != fcgi::END) {
        reader.take(&record.content);
    }
    reader.done(most_memory(server))
}

/// Counts what it reads, and keeps the header and the end.
#[derive(Default)]
struct Reader {
    pieces: u64,
    head: Vec<u8>,
    count: u64,
    end: Vec<u8>,
}

impl Reader {
    fn take(&mut self, bytes: &[u8]) {
        self.pieces += 1;
        let mut content = bytes;
        if !self.head.ends_with(b"\r\n\r\n") {
            self.head.extend(bytes);
            let Some(at) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else { return };
            content = &bytes[bytes.len() - (self.head.len() - at - 4)..];
            self.head.truncate(at + 4);
        }
        self.count += content.len() as u64;
        self.end.extend(&content[content.len().saturating_sub(ENDING.len())..]);
        self.end.drain(..self.end.len().saturating_sub(ENDING.len()));
    }

    fn done(self, peak: u64) -> Transfer {
        // the length of the content is checked by the caller
        let head = String::from_utf8(self.head).unwrap();
        let fields: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with("Content-Length: ")).collect();
        (Answer::parse(fields.join("\r\n").as_bytes()), self.count, self.end, peak)
    }
}

/// The high-water mark of a process in KiB.
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}
