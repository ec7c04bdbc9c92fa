//! Whom a request comes from: the peer's address and what named proxies say of it → [`Visitor`].
//!
//! In: `REMOTE_ADDR`, the proxies that the site names, the values of `X-Forwarded-For`, `-Host` and `-Proto`. Out: whom
//! to count, and what is believed. Pure: it resolves no name. Never: believes a field that no named proxy has sent.
//!
//! Each named proxy has appended the address that it saw, so the values are read from the right, one for each.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::visitor::{Uncounted, Visitor};

/// An address or a network (RFC 4632, RFC 4291 §2.3), written `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    base: IpAddr,
    bits: u8,
}

impl Subnet {
    /// Reads an address or a network. IPv4 within IPv6 (`::ffff:192.0.2.1`) is IPv4.
    pub fn parse(text: &str) -> Result<Subnet, String> {
        let wrong = || format!("`{text}` is no address: write 192.0.2.1, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let written: IpAddr = address.parse().map_err(|_| wrong())?;
        let base = written.to_canonical();
        let most = if base.is_ipv4() { 32 } else { 128 };
        let mapped: u8 = if base.is_ipv4() && written.is_ipv6() { 96 } else { 0 };
        let bits = match bits {
            None => most,
            Some(bits) => {
                let bits: u8 = bits.parse().map_err(|_| wrong())?;
                bits.checked_sub(mapped).filter(|bits| *bits <= most).ok_or_else(wrong)?
            }
        };
        Ok(Subnet { base, bits })
    }

    /// Whether the address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                (base.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                (base.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }

    /// Whether an address of the host itself lies in it.
    pub fn holds_loopback(&self) -> bool {
        let within = Subnet { base: Ipv4Addr::LOCALHOST.into(), bits: 8 };
        within.holds(self.base) || self.holds(Ipv4Addr::LOCALHOST.into()) || self.holds(Ipv6Addr::LOCALHOST.into())
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

/// What a request says of its way.
#[derive(Clone, Debug, Default)]
pub struct ForwardedFields {
    /// The address of whoever asked the web server.
    pub peer: Option<String>,
    /// `X-Forwarded-For`, with the values of repeated fields joined by commas.
    pub forwarded_for: Option<String>,
    /// `X-Forwarded-Host`, likewise.
    pub forwarded_host: Option<String>,
    /// `X-Forwarded-Proto`, likewise.
    pub forwarded_proto: Option<String>,
}

/// What is believed of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedForwarding {
    /// Whom to count.
    pub visitor: Visitor,
    /// The Host that the visitor asked, where a named proxy says it.
    pub host: Option<String>,
    /// `http` or `https`, where a named proxy says it.
    pub scheme: Option<&'static str>,
}

impl ForwardedFields {
    /// Reads the way from its near end.
    pub fn believed(&self, proxies: &[Subnet]) -> TrustedForwarding {
        let Some(peer) = self.peer.as_deref() else { return TrustedForwarding::default() };
        if peer.starts_with("unix:") {
            return TrustedForwarding { visitor: Visitor::Unknown(Uncounted::Socket), ..TrustedForwarding::default() };
        }
        let Some(mut address) = address(peer) else { return TrustedForwarding::default() };
        let mut values = values(self.forwarded_for.as_deref());
        let named = |address: IpAddr| proxies.iter().any(|network| network.holds(address));
        let mut passed = 0;
        while named(address) {
            passed += 1;
            let Some(value) = values.next_back() else {
                return self.trusted(Visitor::Unknown(Uncounted::Proxy), passed);
            };
            match self::address(value) {
                Some(before) => address = before,
                None => return self.trusted(Visitor::Unknown(Uncounted::Missing), passed),
            }
        }
        self.trusted(Visitor::of(address), passed)
    }

    fn trusted(&self, visitor: Visitor, passed: usize) -> TrustedForwarding {
        let host = nth_from_right(self.forwarded_host.as_deref(), passed).map(str::to_owned);
        let scheme = nth_from_right(self.forwarded_proto.as_deref(), passed).and_then(|proto| match proto {
            proto if proto.eq_ignore_ascii_case("https") => Some("https"),
            proto if proto.eq_ignore_ascii_case("http") => Some("http"),
            _ => None,
        });
        TrustedForwarding { visitor, host, scheme }
    }
}

/// The values of a field, in the order written.
fn values(field: Option<&str>) -> impl DoubleEndedIterator<Item = &str> {
    field.unwrap_or_default().split(',').map(str::trim).filter(|value| !value.is_empty())
}

/// The value of the last proxy that was passed; of the first one that has written any, where not each of them writes.
fn nth_from_right(field: Option<&str>, passed: usize) -> Option<&str> {
    values(field).rev().take(passed).last()
}

/// An address as web servers and proxies write it: with a port, in brackets, with a zone.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let plain = plain.split_once('%').map_or(plain, |(address, _)| address);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    plain.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnets(list: &[&str]) -> Vec<Subnet> {
        list.iter().map(|text| Subnet::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_visitor_is_an_address_or_a_network_of_64_bits() {
        for (peer, expected) in [
            ("203.0.113.7", Ok("203.0.113.7")),
            ("::ffff:203.0.113.7", Ok("203.0.113.7")),
            ("2001:db8:1:2:3:4:5:6", Ok("2001:db8:1:2::/64")),
            ("2001:db8:1:2::1", Ok("2001:db8:1:2::/64")),
            ("fe80::1%eth0", Ok("fe80::/64")),
            ("127.0.0.1", Err(Uncounted::Loopback)),
            ("127.8.9.1", Err(Uncounted::Loopback)),
            ("::1", Err(Uncounted::Loopback)),
            ("::ffff:127.0.0.1", Err(Uncounted::Loopback)),
            ("0.0.0.0", Err(Uncounted::Loopback)),
            ("unix:", Err(Uncounted::Socket)),
            ("unix:/run/x.sock", Err(Uncounted::Socket)),
            ("localhost", Err(Uncounted::Missing)),
            ("1.2.3", Err(Uncounted::Missing)),
        ] {
            let way = ForwardedFields { peer: Some(peer.to_owned()), ..ForwardedFields::default() };
            let expected = match expected {
                Ok(key) => Visitor::Known(key.to_owned()),
                Err(why) => Visitor::Unknown(why),
            };
            assert_eq!(way.believed(&[]).visitor, expected, "{peer}");
        }
        assert_eq!(ForwardedFields::default().believed(&[]).visitor, Visitor::Unknown(Uncounted::Missing));
    }

    #[test]
    fn one_value_from_the_right_is_believed_for_each_named_proxy() {
        let key = |key: &str| Visitor::Known(key.to_owned());
        let unknown = Visitor::Unknown;
        for (peer, proxies, field, expected) in [
            // nobody is named: nothing is believed
            ("10.0.0.1", &[][..], "203.0.113.7", key("10.0.0.1")),
            ("10.0.0.1", &["10.0.0.2"], "203.0.113.7", key("10.0.0.1")),
            ("10.0.0.1", &["10.0.0.1"], "203.0.113.7", key("203.0.113.7")),
            // what the visitor wrote stands on the left
            ("10.0.0.1", &["10.0.0.1"], "198.51.100.1, 203.0.113.7", key("203.0.113.7")),
            ("10.0.0.1", &["10.0.0.0/8"], "1.1.1.1,203.0.113.7,10.0.0.2", key("203.0.113.7")),
            ("10.0.0.1", &["10.0.0.1"], "1.1.1.1, 10.0.0.2", key("10.0.0.2")),
            ("127.0.0.1", &["127.0.0.1"], "203.0.113.7:4711", key("203.0.113.7")),
            ("::1", &["::1"], "[2001:db8::7]:4711", key("2001:db8::/64")),
            ("::ffff:10.0.0.1", &["10.0.0.1"], "203.0.113.7", key("203.0.113.7")),
            ("10.0.0.1", &["10.0.0.1"], "", unknown(Uncounted::Proxy)),
            ("10.0.0.1", &["10.0.0.0/8"], "10.0.0.3", unknown(Uncounted::Proxy)),
            ("10.0.0.1", &["10.0.0.1"], "203.0.113.7, unknown", unknown(Uncounted::Missing)),
            ("10.0.0.1", &["10.0.0.1"], "127.0.0.1", unknown(Uncounted::Loopback)),
        ] {
            let forwarded_for = Some(field.to_owned());
            let way = ForwardedFields { peer: Some(peer.to_owned()), forwarded_for, ..ForwardedFields::default() };
            assert_eq!(way.believed(&subnets(proxies)).visitor, expected, "{peer} {proxies:?} {field}");
        }
    }

    #[test]
    fn host_and_scheme_are_believed_likewise() {
        let way = |peer: &str, passed: &str, host: &str, proto: &str| ForwardedFields {
            peer: Some(peer.to_owned()),
            forwarded_for: Some(passed.to_owned()),
            forwarded_host: Some(host.to_owned()),
            forwarded_proto: Some(proto.to_owned()),
        };
        let proxies = subnets(&["10.0.0.0/8"]);
        for (way, host, scheme) in [
            (way("192.0.2.9", "203.0.113.7", "example.org", "https"), None, None),
            (way("10.0.0.1", "203.0.113.7", "example.org", "HTTPS"), Some("example.org"), Some("https")),
            (way("10.0.0.1", "203.0.113.7", "evil, example.org", "http"), Some("example.org"), Some("http")),
            (way("10.0.0.1", "203.0.113.7, 10.0.0.2", "evil, out, in", "https, http"), Some("out"), Some("https")),
            (way("10.0.0.1", "203.0.113.7, 10.0.0.2", "out", ""), Some("out"), None),
            (way("10.0.0.1", "203.0.113.7", "", "gopher"), None, None),
        ] {
            let believed = way.believed(&proxies);
            assert_eq!((believed.host.as_deref(), believed.scheme), (host, scheme), "{way:?}");
        }
    }

    #[test]
    fn networks_are_compared_bit_by_bit() {
        for (network, inside, outside) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.77/31", "192.0.2.76", "192.0.2.78"),
            ("0.0.0.0/0", "203.0.113.7", "2001:db8::1"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.9"),
            ("::1", "::1", "127.0.0.1"),
        ] {
            let found = Subnet::parse(network).unwrap();
            assert!(found.holds(inside.parse().unwrap()) && !found.holds(outside.parse().unwrap()), "{network}");
        }
        for wrong in ["", "localhost", "192.0.2.0/33", "192.0.2.0/", "::ffff:192.0.2.0/95", "::/129", "1.2.3.4:80"] {
            assert!(Subnet::parse(wrong).is_err(), "{wrong}");
        }
        for (network, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.9", true),
            ("127.0.0.0/8", true),
            ("::1", true),
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.0/8", false),
            ("2001:db8::/32", false),
        ] {
            assert_eq!(Subnet::parse(network).unwrap().holds_loopback(), expected, "{network}");
        }
    }
}
