//! Content negotiation: an `Accept` field and what we can offer → what to send.
//!
//! RFC 9110 §12.4.2 (weights), §12.5.1 (Accept): the most specific range that
//! matches an offer gives its weight. At most [`MAX_RANGES`] ranges are read.

/// Ranges of one `Accept` field that are looked at; browsers send about eight.
const MAX_RANGES: usize = 32;

/// The weight (0 to 1000) that `accept` gives to `media` (`type/subtype`).
/// A missing or empty field accepts everything.
pub fn quality(accept: Option<&str>, media: &str) -> u16 {
    let Some(accept) = accept.filter(|field| !field.trim().is_empty()) else {
        return 1000;
    };
    accept
        .split(',')
        .take(MAX_RANGES)
        .filter_map(|range| Range::parse(range)?.matching(media))
        .max_by_key(|&(specific, _)| specific)
        .map_or(0, |(_, weight)| weight)
}

struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    weight: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Range<'a>> {
        let mut parts = text.split(';');
        let (kind, subtype) = parts.next()?.trim().split_once('/')?;
        let weight = parts
            .filter_map(|parameter| parameter.trim().split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(Some(1000), |(_, value)| thousandths(value.trim()))?;
        Some(Range { kind, subtype, weight })
    }

    /// How specific the match is (0 to 2), and the weight.
    fn matching(&self, media: &str) -> Option<(u8, u16)> {
        let (kind, subtype) = media.split_once('/')?;
        let specific = match (self.kind, self.subtype) {
            ("*", "*") => 0,
            (k, "*") if k.eq_ignore_ascii_case(kind) => 1,
            (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 2,
            _ => return None,
        };
        Some((specific, self.weight))
    }
}

/// `qvalue` of RFC 9110 §12.4.2 in thousandths.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The heavier of two offers; the first where they are equal.
    fn best<'a>(accept: Option<&str>, offers: &[&'a str; 2]) -> Option<&'a str> {
        let [first, second] = offers.map(|offer| quality(accept, offer));
        if second > first { Some(offers[1]) } else { Some(offers[0]).filter(|_| first > 0) }
    }

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    const IMG: &str = "image/avif,image/webp,image/svg+xml,image/*;q=0.8,*/*;q=0.5";

    #[test]
    fn weights_decide() {
        let ours = ["application/json", "text/html"];
        for (accept, expected) in [
            (None, Some("application/json")),
            (Some(""), Some("application/json")),
            (Some("*/*"), Some("application/json")),
            (Some(BROWSER), Some("text/html")),
            (Some("text/html;q=0.2, application/json;q=0.9"), Some("application/json")),
            (Some("TEXT/HTML"), Some("text/html")),
            (Some("text/*;q=0.5, */*;q=0.4"), Some("text/html")),
            (Some("application/json;q=0, */*"), Some("text/html")),
            (Some("text/html;level=1;q=0.4, application/json;q=0.3"), Some("text/html")),
            (Some("image/png"), None),
            (Some("*/*;q=0"), None),
            (Some("text/html;q=2"), None),
            (Some("text/html;q=0.1234"), None),
            (Some(";;;,,,//"), None),
        ] {
            assert_eq!(best(accept, &ours), expected, "{accept:?}");
        }
    }

    #[test]
    fn the_most_specific_range_counts() {
        assert_eq!(quality(Some(IMG), "image/svg+xml"), 1000);
        assert_eq!(quality(Some(IMG), "image/png"), 800);
        assert_eq!(quality(Some(IMG), "text/html"), 500);
        assert_eq!(quality(Some("*/*, text/html;q=0.1"), "text/html"), 100);
    }
}
