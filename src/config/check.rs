//! Texts of the configuration that have a form of their own: origins, addresses, locations, methods.
//!
//! In: one text, as it was written. Out: the value, or what to write instead. Never: knows a key.

use crate::http::{Method, Mount};

/// Every item of a list, checked.
pub fn each<T>(items: &[String], check: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    items.iter().map(|item| check(item)).collect()
}

/// An origin as browsers send it: scheme, host, port, nothing else; or `*`.
pub fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let parsed = url::Url::parse(text).map_err(|error| format!("`{text}` is no origin: {error}"))?;
    let origin = parsed.origin().ascii_serialization();
    if origin == text.trim_end_matches('/') && origin != "null" {
        Ok(origin)
    } else {
        Err(format!("`{text}` is no origin: write scheme, host and port only, like https://example.org"))
    }
}

/// An internal location: an absolute path that ends with a slash.
pub fn accel(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    if text.starts_with('/') && text.ends_with('/') && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no internal location: write it as in nginx, like /container-files/"))
    }
}

/// A method that may run something.
pub fn method(text: &str) -> Result<Method, String> {
    match Method::parse(text) {
        method @ (Method::Get | Method::Post) => Ok(method),
        _ => Err(format!("`{text}` cannot run anything: use GET, POST or both")),
    }
}

/// A prefix of addresses, as `SCRIPT_NAME` is.
pub fn prefix(text: &str) -> Result<Mount, String> {
    let mount = Mount::parse(text).ok().filter(|mount| !mount.is_empty());
    mount.ok_or_else(|| format!("`{text}` is no prefix: write a plain absolute path, like /apps"))
}

/// A web address.
pub fn address(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map(String::from).ok_or_else(|| format!("`{text}` is no web address: write it like https://example.org/"))
}
