//! Ground: plain HTTP values. No I/O, nothing of ours.
//!
//! In: text of header fields. Out: [`Request`], [`Response`], a negotiated
//! media type, an entity tag. Never: descriptors, processes, routes.

mod accept;
mod address;
mod claims;
mod etag;
mod origin;
mod range;
mod representation;
mod request;
mod response;

pub use accept::quality;
pub use address::{ForwardedFields, Subnet, TrustedForwarding};
pub use claims::{Claims, Peer};
pub use etag::{entity_tag, matches, named};
pub use origin::{FetchSite, is_embedded, same_origin};
pub use range::ByteRange;
pub use representation::{ENVELOPE, EVENTS, Representation};
pub use request::{Body, Headers, MAX_FIELD, Method, Mount, MountError, Request, RequestError, Source};
pub use response::{Held, Live, Payload, Response, Sink, reason};
