//! The one writer: a [`Response`] as a CGI document response.
//!
//! RFC 3875 §6.2.1 and §6.3: header fields, each a line, `Status` first, an
//! empty line, the content. FastCGI carries the same bytes in its STDOUT
//! records (FastCGI 1.0 §6.2).

use std::io::{self, Write};

use crate::http::{Payload, Response, reason};

/// Writes `response` and flushes. `head` keeps the fields and leaves out the
/// content. The error is the client's: it left.
pub fn write(response: Response, head: bool, output: &mut dyn Write) -> io::Result<()> {
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
    fn no_length_where_none_belongs() {
        for status in [204, 304] {
            assert!(!written(Response::empty(status), false).contains("Length"));
        }
        let live = Response::live("text/plain", Box::new(|out| out.write_all(b"now")));
        assert!(written(live, false).ends_with("\r\n\r\nnow"));
    }
}
