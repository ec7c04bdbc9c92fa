//! The one writer: a [`Response`] as a CGI document response.
//!
//! RFC 3875 §6.2.1 and §6.3: header fields, each a line, `Status` first, an
//! empty line, the content. FastCGI carries the same bytes in its STDOUT
//! records (FastCGI 1.0 §6.2).

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::timeout_sink::TimeoutSink;
use crate::http::{Payload, Response, Sink, reason};

/// Writes `response` and flushes. `head` keeps the fields and leaves out the
/// content. After an error the answer is not whole: the client has left, or
/// takes nothing, or the content has come to an end too early.
pub fn write(response: Response, head: bool, sink: &mut dyn Sink) -> io::Result<()> {
    match response.reader_timeout {
        Some(timeout) if !matches!(response.payload, Payload::Live(_)) => {
            let mut sink = TimeoutSink::new(sink, timeout);
            write_to(response, head, &mut sink)?;
            sink.finish()
        }
        _ => write_to(response, head, sink),
    }
}

fn write_to(response: Response, head: bool, output: &mut dyn Sink) -> io::Result<()> {
    let mut header = format!("Status: {} {}\r\n", response.status, reason(response.status));
    for (name, value) in &response.headers {
        header.push_str(&format!("{name}: {value}\r\n"));
    }
    match response.payload {
        Payload::Bytes(bytes) => {
            if response.status != 204 && response.status != 304 {
                header.push_str(&format!("Content-Length: {}\r\n", bytes.len()));
            }
            header.push_str("\r\n");
            output.write_all(header.as_bytes())?;
            if !head {
                output.write_all(&bytes)?;
            }
        }
        Payload::File { file, start, length } => {
            header.push_str(&format!("Content-Length: {length}\r\n\r\n"));
            output.write_all(header.as_bytes())?;
            if !head {
                copy(&file, start, length, output)?;
            }
        }
        Payload::Live(live) => {
            header.push_str("\r\n");
            output.write_all(header.as_bytes())?;
            output.flush()?;
            if !head {
                live(output)?;
            }
        }
    }
    output.flush()
}

/// Memory stays flat whatever the length. A file that became shorter, or was
/// written to meanwhile (`cp` onto an image), ends the answer early, and the
/// web server sees that it is incomplete.
fn copy(file: &File, start: u64, length: u64, output: &mut dyn Write) -> io::Result<()> {
    let before = state(file)?;
    let mut piece = vec![0; 128 * 1024];
    let (mut at, end) = (start, start.saturating_add(length));
    while at < end {
        let most = usize::try_from(end - at).map_or(piece.len(), |left| left.min(piece.len()));
        let got = match piece.get_mut(..most).map(|piece| file.read_at(piece, at)) {
            Some(Ok(got)) if got > 0 => got,
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        at += got as u64;
        if at >= end && state(file)? != before {
            return Err(io::Error::other("the file was written to while it was sent"));
        }
        output.write_all(piece.get(..got).unwrap_or_default())?;
    }
    Ok(())
}

/// What a write to a file changes. A file whose name goes to another one stays as it is.
fn state(file: &File) -> io::Result<(u64, i64, i64)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: Response, head: bool) -> String {
        let mut bytes = Vec::new();
        write(response, head, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn fields_then_an_empty_line_then_content() {
        let hello = || Response::new(200, "text/plain", &b"hello"[..]);
        let fields = "Status: 200 OK\r\nX-Content-Type-Options: nosniff\r\n\
                      Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(written(hello(), false), format!("{fields}hello"));
        assert_eq!(written(hello(), true), fields);
    }

    #[test]
    fn a_part_of_a_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let part = |length| Response::file(206, "application/octet-stream", file.try_clone().unwrap(), 3, length);
        assert!(written(part(4), false).ends_with("Content-Length: 4\r\n\r\n3456"));
        assert!(written(part(4), true).ends_with("Content-Length: 4\r\n\r\n"));
        assert!(write(part(8), false, &mut Vec::new()).is_err());
    }

    /// A reader during whose first piece somebody writes to the file: seen before the last one.
    struct Meanwhile<'a>(&'a File, usize);

    impl Write for Meanwhile<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1 == 0 {
                self.0.set_modified(std::time::SystemTime::UNIX_EPOCH)?; // no clock is too coarse for the next line
                self.0.write_all_at(b"new", 200_000)?;
            }
            self.1 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_file_that_is_written_to_meanwhile_does_not_look_whole() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[b'o'; 300_000], 0).unwrap();
        // whatever is read before the change, the last piece is not sent
        for length in [250_000, 300_000] {
            let mut reader = Meanwhile(&file, 0);
            assert!(copy(&file, 0, length, &mut reader).is_err());
            assert!((1..length as usize).contains(&reader.1), "{} of {length}", reader.1);
        }
        // its name may go, as when another file takes its place
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.sif");
        std::fs::write(&path, [b'o'; 300_000]).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut all = Vec::new();
        copy(&file, 0, 300_000, &mut all).unwrap();
        assert_eq!(all.len(), 300_000);
    }

    #[test]
    fn no_length_where_none_belongs() {
        for status in [204, 304] {
            assert!(!written(Response::empty(status), false).contains("Length"));
        }
        let live = Response::live("text/plain", Box::new(|out| out.write_all(b"now")));
        assert!(written(live, false).ends_with("\r\n\r\nnow"));
    }
}
