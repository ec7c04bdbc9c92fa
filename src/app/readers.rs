//! Readers of answers: how many there may be at once, and where long answers wait for them.
//!
//! A server has a thread for each connection, and keeps it until the answer is read. So answers of runs and downloads,
//! which are long and whose readers may be slow, have three of four connections in all, and one visitor one of eight;
//! the rest is for pages. What is longer than [`IN_MEMORY`] is read from a file ([`spool`]), bounded in sum likewise.
//!
//! In: a visitor, an answer. Out: the answer with what it holds until it is read, or why not now. A program that was
//! started for one request (CGI) has none of this: its web server bounds how many there are.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::spool::spool;
use crate::error::Error;
use crate::http::{Payload, Response};
use crate::service::visitor_semaphore::{Exhausted, VisitorPermit, VisitorSemaphore};
use crate::visitor::Visitor;

/// Longest answer that waits for its reader in memory.
const IN_MEMORY: usize = 256 * 1024;
/// Bytes of all longer ones, at least: one visitor may have a quarter, and each answer of a run fits into that.
const SPOOLED: u64 = 256 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Arc<VisitorSemaphore>,
    spooled: Arc<VisitorSemaphore>,
}

impl Readers {
    /// For a server of so many connections, and runs that print at most so much.
    pub(super) fn new(connections: usize, longest: usize) -> Readers {
        let connections = connections as u64;
        // around what a run prints: a page, JSON
        let spooled = SPOOLED.max(longest as u64 * 8);
        Readers {
            connections: VisitorSemaphore::new((connections * 3 / 4).max(1), (connections / 8).max(1)),
            spooled: VisitorSemaphore::new(spooled, spooled / 4),
        }
    }
}

impl Readers {
    /// A connection for an answer whose reader may be slow.
    pub(super) fn admit(&self, visitor: &Visitor) -> Result<VisitorPermit, Error> {
        self.connections.try_acquire(1, visitor.key()).map_err(|exhausted| match exhausted {
            Exhausted::All => Error::Crowded,
            Exhausted::Visitor => Error::VisitorCrowded,
        })
    }

    /// A long answer goes to a file of the state folder, which `state` makes, and is sent from there.
    pub(super) fn spooled<'a>(
        &self,
        state: impl FnOnce() -> Result<&'a Path, Error>,
        visitor: &Visitor,
        mut response: Response,
    ) -> Result<Response, Error> {
        let Payload::Bytes(Cow::Owned(bytes)) = &response.payload else { return Ok(response) };
        if bytes.len() <= IN_MEMORY {
            return Ok(response);
        }
        let length = bytes.len() as u64;
        let permit = self.spooled.try_acquire(length, visitor.key()).map_err(|exhausted| match exhausted {
            Exhausted::All => Error::Spool(std::io::ErrorKind::QuotaExceeded.into()),
            Exhausted::Visitor => Error::VisitorCrowded,
        })?;
        let file = spool(state()?, bytes).map_err(Error::Spool)?;
        response.payload = Payload::File { file, start: 0, length };
        response.held.push(Box::new(permit));
        Ok(response)
    }
}
