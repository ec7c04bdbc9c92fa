//! A very small HTTP/1.1 client: one kept connection, one request at a time (RFC 9112).
//!
//! Cheap enough that a run through it can be compared with a bare command. It knows what nginx sends: a length or
//! chunks. Never anything but GET.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::Result;

pub struct Client {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Client {
    pub fn connect(address: &str) -> Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream), address: address.to_owned() })
    }

    /// The content of a 200 answer; another status is an error.
    pub fn get(&mut self, path: &str, accept: &str) -> Result<Vec<u8>> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n\r\n", self.address);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
                None => break,
            }
        }
        let content = if chunked { self.chunks()? } else { self.bytes(length)? };
        if status.split(' ').nth(1) == Some("200") {
            return Ok(content);
        }
        Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&content)).into())
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line()?, 16)?;
            content.extend(self.bytes(length)?);
            self.line()?;
            if length == 0 {
                return Ok(content);
            }
        }
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}
