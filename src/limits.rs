//! Ground: how long the input of a run may be, by whatever way it comes.
//!
//! The wires refuse more before anything is read, the contract with image authors before anything is decoded.

/// Bytes of a query string: what web servers take in a request line.
pub const MAX_QUERY_BYTES: usize = 8 * 1024;
/// Bytes of a form or of a JSON body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
