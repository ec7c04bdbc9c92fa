//! Readers of answers: how many there may be at once, and where long answers wait for them.
//!
//! A server has a thread for each connection, and keeps it until the answer is read. So answers of runs and downloads,
//! which are long and whose readers may be slow, have three of four connections in all, and one visitor one of eight;
//! the rest is for pages. What is longer than [`IN_MEMORY`] is read from a file ([`spool`]), bounded in sum likewise.
//!
//! In: a request, an answer. Out: the answer with what it holds until it is read, or why not now. A program that was
//! started for one request (CGI) has none of this: its web server bounds how many there are.

use std::borrow::Cow;
use std::sync::Arc;

use super::Site;
use super::spool::spool;
use crate::error::Error;
use crate::http::{Method, Payload, Request, Response};
use crate::service::shares::{Over, Share, Shares};

/// Longest answer that waits for its reader in memory.
const IN_MEMORY: usize = 256 * 1024;
/// Bytes of all longer ones, at least: one visitor may have a quarter, and each answer of a run fits into that.
const SPOOLED: u64 = 256 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Arc<Shares>,
    spooled: Arc<Shares>,
}

impl Readers {
    /// For a server of so many connections, and runs that print at most so much.
    fn new(connections: usize, longest: usize) -> Readers {
        let connections = connections as u64;
        // around what a run prints: a page, JSON
        let spooled = SPOOLED.max(longest as u64 * 8);
        Readers {
            connections: Shares::new((connections * 3 / 4).max(1), (connections / 8).max(1)),
            spooled: Shares::new(spooled, spooled / 4),
        }
    }
}

impl Site {
    /// The same site for a server of so many connections.
    pub fn with_readers(self, connections: usize) -> Site {
        let readers = Readers::new(connections, self.service.config().longest_output());
        Site { readers: Some(readers), ..self }
    }

    /// A connection for an answer whose reader may be slow.
    pub(super) fn admit(&self, request: &Request) -> Result<Option<Share>, Error> {
        let Some(readers) = &self.readers else { return Ok(None) };
        readers.connections.take(1, request.visitor.key()).map(Some).map_err(|over| match over {
            Over::All => Error::Crowded,
            Over::Visitor => Error::VisitorCrowded,
        })
    }

    /// A long answer goes to a file and is sent from there.
    pub(super) fn spooled(&self, request: &Request, mut response: Response) -> Result<Response, Error> {
        let (Some(readers), Payload::Bytes(Cow::Owned(bytes))) = (&self.readers, &response.payload) else {
            return Ok(response);
        };
        if bytes.len() <= IN_MEMORY || request.method == Method::Head {
            return Ok(response);
        }
        let length = bytes.len() as u64;
        let share = readers.spooled.take(length, request.visitor.key()).map_err(|over| match over {
            Over::All => Error::Spool(std::io::ErrorKind::QuotaExceeded.into()),
            Over::Visitor => Error::VisitorCrowded,
        })?;
        self.service.slots(None)?; // makes the state folder
        let file = spool(&self.service.config().state, bytes).map_err(Error::Spool)?;
        response.payload = Payload::File { file, start: 0, length };
        response.held.push(Box::new(share));
        Ok(response)
    }
}
