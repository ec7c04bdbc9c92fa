//! A token: 256 random bits, shown once, kept as SHA-256 (FIPS 180-4).
//!
//! In: the kernel's random numbers, or what a program sends. Out: a [`Secret`] to hand over, a [`TokenHash`] to keep. A hash
//! without salt is enough: nobody guesses 256 bits. Never: compares as fast as the first difference.

use std::fmt;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};

/// What every token begins with, so that scanners for leaked secrets, and people, know one.
const PREFIX: &str = "sn_";
/// Bytes that are random.
const BYTES: usize = 32;
/// Characters of a token: the prefix, and 32 bytes in base64 (RFC 4648 §5).
const LENGTH: usize = PREFIX.len() + 43;

/// A token as it is handed over. It is kept nowhere.
pub struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The kernel gives no random numbers.
    pub fn new() -> io::Result<Secret> {
        let mut bytes = [0; BYTES];
        let mut filled = 0;
        while filled < BYTES {
            let rest = bytes.get_mut(filled..).unwrap_or_default();
            filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
        }
        Ok(Secret(format!("{PREFIX}{}", BASE64.encode(bytes))))
    }

    /// The text to show, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether a text begins as tokens of ours do.
pub fn is_ours(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Whether a text has the form of a token of ours.
pub fn has_form(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == LENGTH && text.starts_with(PREFIX) && text.bytes().all(plain)
}

/// What is kept of a token.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of what was sent.
    pub fn of(text: &str) -> TokenHash {
        TokenHash(Sha256::digest(text.as_bytes()).into())
    }

    /// A hash that somebody has computed.
    pub(super) fn from_digest(bytes: [u8; 32]) -> TokenHash {
        TokenHash(bytes)
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<TokenHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(TokenHash(bytes))
    }

    /// Whether both are the same: every byte is looked at.
    pub fn is(&self, other: &TokenHash) -> bool {
        let differ = self.0.iter().zip(&other.0).fold(0, |sum, (one, two)| sum | std::hint::black_box(one ^ two));
        std::hint::black_box(differ) == 0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    /// The first eight digits: enough to tell tokens apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_string().get(..8).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_random_bits_and_a_form() {
        let (one, two) = (Secret::new().unwrap(), Secret::new().unwrap());
        assert_ne!(one.reveal(), two.reveal());
        assert!(has_form(one.reveal()) && !has_form("sn_") && !has_form(&format!("{}=", one.reveal())));
        assert_eq!(BASE64.decode(one.reveal().strip_prefix(PREFIX).unwrap()).unwrap().len(), BYTES);
        assert_eq!(format!("{one:?}"), "Secret");
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = TokenHash::of("abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-4, the example of `abc`
        assert_eq!(hash.to_string(), text);
        assert!(TokenHash::parse(text).unwrap().is(&hash) && !hash.is(&TokenHash::of("abd")));
        for wrong in ["", "ba78", &text.to_uppercase(), &format!("{text}0"), &text.replace('b', "g")] {
            assert!(TokenHash::parse(wrong).is_none(), "{wrong}");
        }
        for at in 0..32 {
            let mut other = hash.clone();
            other.0[at] ^= 1;
            assert!(!hash.is(&other), "byte {at}");
        }
    }
}
