//! Who asks: the visitor, by address, as far as visitors can be told apart.
//!
//! Plain values. The web server's word, and that of named proxies, are read in `http/address.rs`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Who is counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// An IPv4 address, or an IPv6 network of 64 bits: what one customer is given.
    Known(String),
    /// Nobody that could be told from others.
    Unknown(Uncounted),
}

/// Why a visitor is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncounted {
    /// No address was passed, or something that is none.
    Missing,
    /// The web server listens on a Unix socket (`unix:`).
    Socket,
    /// The host itself: a person at it, or a proxy on it that is not named.
    Loopback,
    /// A named proxy that does not say for whom it asks.
    Proxy,
}

impl Visitor {
    /// The name by which the visitor is counted.
    pub fn key(&self) -> Option<&str> {
        match self {
            Visitor::Known(key) => Some(key),
            Visitor::Unknown(_) => None,
        }
    }

    /// Who asks from this address.
    pub fn of(address: IpAddr) -> Visitor {
        match address.to_canonical() {
            address if address.is_loopback() || address.is_unspecified() => Visitor::Unknown(Uncounted::Loopback),
            IpAddr::V4(address) => Visitor::Known(address.to_string()),
            IpAddr::V6(address) => {
                let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64));
                Visitor::Known(format!("{network}/64"))
            }
        }
    }
}

impl Default for Visitor {
    fn default() -> Visitor {
        Visitor::Unknown(Uncounted::Missing)
    }
}

impl Uncounted {
    /// All of them.
    pub const ALL: [Uncounted; 4] = [Uncounted::Missing, Uncounted::Socket, Uncounted::Loopback, Uncounted::Proxy];

    /// The machine word.
    pub fn code(self) -> &'static str {
        match self {
            Uncounted::Missing => "missing",
            Uncounted::Socket => "socket",
            Uncounted::Loopback => "loopback",
            Uncounted::Proxy => "proxy",
        }
    }
}

/// Completes "runs came …".
impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Uncounted::Missing => "without an address (REMOTE_ADDR)",
            Uncounted::Socket => "by a Unix socket of the web server, which tells no address",
            Uncounted::Loopback => "from this host itself: its own users, or a proxy that `proxies` does not name",
            Uncounted::Proxy => "from a proxy of `proxies` that sends no X-Forwarded-For",
        })
    }
}
