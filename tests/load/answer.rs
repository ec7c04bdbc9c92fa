//! Bytes of an HTTP/1.1 answer, as they come → its status, what it says of itself, the begin of its content.
//!
//! It knows what nginx sends (RFC 9112): a length or chunks, else content until the connection's end. Content is
//! counted and thrown away but for its first bytes.

use crate::Result;

/// Bytes of content that are kept: enough to tell one problem from another.
const KEPT: usize = 1024;
/// Longest header, or line of a chunk.
const LONGEST: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Content(usize),
    ToTheEnd,
    ChunkLine,
    Chunk(usize),
    LastLine,
    Done,
}

/// An answer that is being read.
pub struct Answer {
    stage: Stage,
    pending: Vec<u8>,
    pub status: u16,
    /// Seconds of `Retry-After`.
    pub retry_after: Option<u64>,
    /// Whether the connection may be used again.
    pub keep: bool,
    pub content: Vec<u8>,
}

impl Answer {
    pub fn new() -> Answer {
        Answer {
            stage: Stage::Head,
            pending: Vec::new(),
            status: 0,
            retry_after: None,
            keep: true,
            content: Vec::new(),
        }
    }

    /// Whether this is the answer to a run for which no slot, or no connection, was free.
    pub fn is_refusal(&self) -> bool {
        let begin = String::from_utf8_lossy(&self.content);
        self.status == 503
            && self.retry_after.is_some()
            && ["busy", "crowded", "no-room"].iter().any(|word| begin.contains(word))
    }

    /// Takes what has come; no bytes mean the connection's end. Whether the answer is whole.
    pub fn take(&mut self, bytes: &[u8]) -> Result<bool> {
        if bytes.is_empty() {
            return match self.stage {
                Stage::ToTheEnd => Ok(true),
                Stage::Head if self.pending.is_empty() => Err("closed without an answer".into()),
                _ => Err("closed within the answer".into()),
            };
        }
        self.pending.extend_from_slice(bytes);
        while self.stage != Stage::Done && self.step()? {}
        Ok(self.stage == Stage::Done)
    }

    /// One step; whether another one is possible.
    fn step(&mut self) -> Result<bool> {
        match self.stage {
            Stage::Head => {
                let Some(head) = self.until("\r\n\r\n")? else { return Ok(false) };
                self.stage = self.head(&head)?;
            }
            Stage::Content(left) => match left - self.skip(left) {
                0 => self.stage = Stage::Done,
                left => return Ok(self.more(Stage::Content(left))),
            },
            Stage::ToTheEnd => {
                self.skip(usize::MAX);
                return Ok(false);
            }
            Stage::ChunkLine => {
                let Some(line) = self.until("\r\n")? else { return Ok(false) };
                self.stage = match usize::from_str_radix(&line, 16)? {
                    0 => Stage::LastLine,
                    length => Stage::Chunk(length + 2),
                };
            }
            Stage::Chunk(left) => match left - self.skip(left) {
                0 => self.stage = Stage::ChunkLine,
                left => return Ok(self.more(Stage::Chunk(left))),
            },
            Stage::LastLine => {
                if self.until("\r\n")?.is_none() {
                    return Ok(false);
                }
                self.stage = Stage::Done;
            }
            Stage::Done => return Ok(false),
        }
        Ok(true)
    }

    /// What is missing has to come first.
    fn more(&mut self, stage: Stage) -> bool {
        self.stage = stage;
        false
    }

    fn head(&mut self, head: &str) -> Result<Stage> {
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        self.status = first.split(' ').nth(1).unwrap_or_default().parse()?;
        let mut stage = Stage::ToTheEnd;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => stage = Stage::Content(value.parse()?),
                "transfer-encoding" if value == "chunked" => stage = Stage::ChunkLine,
                "retry-after" => self.retry_after = value.parse().ok(),
                "connection" => self.keep = value != "close",
                _ => {}
            }
        }
        self.keep &= stage != Stage::ToTheEnd;
        Ok(stage)
    }

    /// What stands before `end`, which is dropped; `None` while it has not come.
    fn until(&mut self, end: &str) -> Result<Option<String>> {
        let Some(at) = self.pending.windows(end.len()).position(|window| window == end.as_bytes()) else {
            return if self.pending.len() > LONGEST { Err("no end of a line".into()) } else { Ok(None) };
        };
        let mut line: Vec<u8> = self.pending.drain(..at + end.len()).collect();
        line.truncate(at);
        Ok(Some(String::from_utf8(line)?))
    }

    /// Drops at most so many bytes; how many.
    fn skip(&mut self, most: usize) -> usize {
        let length = self.pending.len().min(most);
        let dropped = self.pending.drain(..length);
        self.content.extend(dropped.take(KEPT.saturating_sub(self.content.len())));
        length
    }
}
