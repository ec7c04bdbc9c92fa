//! The media types of our answers; those that a run may be asked for are in `http`.

/// A page.
pub const HTML: &str = "text/html; charset=utf-8";
/// JSON, as programs want it.
pub const JSON: &str = "application/json";
/// What went wrong, for programs (RFC 9457).
pub const PROBLEM: &str = "application/problem+json";
/// What a container printed that is no text.
pub const BYTES: &str = "application/octet-stream";
/// What a container printed, unless its author or its content says something else.
pub const TEXT: &str = "text/plain; charset=utf-8";
