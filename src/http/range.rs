//! Byte ranges: RFC 9110 §14. One range; several are answered with the whole,
//! which the standard allows.

/// What part of a file of `size` bytes a `Range` field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// All of it (status 200).
    Whole,
    /// These bytes, both included (status 206).
    Bytes(u64, u64),
    /// None of it: the range lies beyond the end (status 416).
    Beyond,
}

impl ByteRange {
    /// Reads a `Range` field. A unit other than bytes and a malformed field
    /// are ignored (§14.2).
    pub fn of(range: Option<&str>, size: u64) -> ByteRange {
        let Some(set) = range.and_then(|range| range.trim().strip_prefix("bytes=")) else { return ByteRange::Whole };
        let Some((first, last)) = set.split_once('-').filter(|_| !set.contains(',')) else { return ByteRange::Whole };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let end = size.saturating_sub(1);
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first > last => ByteRange::Whole,
            (Some(first), _) if first >= size => ByteRange::Beyond,
            (Some(first), Some(last)) => ByteRange::Bytes(first, last.min(end)),
            (Some(first), None) if last.is_empty() => ByteRange::Bytes(first, end),
            (None, Some(0)) if first.is_empty() => ByteRange::Beyond,
            (None, Some(_)) if first.is_empty() && size == 0 => ByteRange::Beyond,
            (None, Some(count)) if first.is_empty() => ByteRange::Bytes(size.saturating_sub(count), end),
            _ => ByteRange::Whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes() {
        for (range, size, expected) in [
            (None, 10, ByteRange::Whole),
            (Some("bytes=0-3"), 10, ByteRange::Bytes(0, 3)),
            (Some("bytes=4-"), 10, ByteRange::Bytes(4, 9)),
            (Some("bytes=-3"), 10, ByteRange::Bytes(7, 9)),
            (Some("bytes=-30"), 10, ByteRange::Bytes(0, 9)),
            (Some("bytes=9-99"), 10, ByteRange::Bytes(9, 9)),
            (Some("bytes=10-"), 10, ByteRange::Beyond),
            (Some("bytes=-0"), 10, ByteRange::Beyond),
            (Some("bytes=0-"), 0, ByteRange::Beyond),
            (Some("bytes=-1"), 0, ByteRange::Beyond),
            (Some("bytes=5-4"), 10, ByteRange::Whole),
            (Some("bytes=0-1,4-5"), 10, ByteRange::Whole),
            (Some("lines=0-1"), 10, ByteRange::Whole),
            (Some("bytes=a-b"), 10, ByteRange::Whole),
            (Some("bytes=-"), 10, ByteRange::Whole),
            (Some("bytes=1"), 10, ByteRange::Whole),
            (Some("bytes=99999999999999999999999-"), 10, ByteRange::Beyond),
            (Some("bytes=0-99999999999999999999999"), 10, ByteRange::Bytes(0, 9)),
        ] {
            assert_eq!(ByteRange::of(range, size), expected, "{range:?}");
        }
    }
}
