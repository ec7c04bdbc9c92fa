//! Sizes, dates and durations in words.

use std::time::{Duration, SystemTime};

/// `15 MB`: powers of ten, as file managers show them (SI prefixes).
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if value < 999.5 {
            let digits = usize::from(unit != "bytes" && value < 9.95);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// `2026-11-23`.
pub fn date(time: SystemTime) -> String {
    timestamp(time).chars().take(10).collect()
}

/// The day of a time, with the exact time on hover.
pub fn day(time: SystemTime) -> maud::Markup {
    let exact = timestamp(time);
    maud::html! { time datetime=(exact) title=(exact) { (date(time)) } }
}

/// RFC 3339, in UTC, to the second.
pub fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time.max(SystemTime::UNIX_EPOCH)).to_string()
}

/// `0.16 s`, `12 s`, `2 min 5 s`.
pub fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0..=9 => format!("{:.2} s", elapsed.as_secs_f64()),
        10..=119 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// The beginning of a text, with a sign where something is left out.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// A text without the white space that all its lines begin with, without
/// empty lines around it (sections of a definition file are often indented),
/// and without control characters, which HTML has no place for.
pub fn dedented(text: &str) -> String {
    let text = text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "");
    let lines = || text.lines().map(str::trim_end);
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let common = lines().filter(|line| !line.is_empty()).map(indent).min().unwrap_or(0);
    let lines: Vec<&str> = lines().map(|line| line.get(common..).unwrap_or_default()).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_indentation_goes() {
        for (text, expected) in [
            ("\n    one\n\n      two  \n", "one\n\n  two"),
            ("one\n two", "one\n two"),
            ("", ""),
            ("   ", ""),
            ("a\x1bb\r\n\x07c\td", "ab\nc\td"),
            ("\tone\n\u{3000}two", "\tone\n\u{3000}two"),
        ] {
            assert_eq!(dedented(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        for (text, shown) in [("short", "short"), ("äöüäö", "äöüäö"), ("äöüäöü", "äöüäö…"), ("word another", "word…")]
        {
            assert_eq!(cut(text, 5), shown);
        }
    }

    #[test]
    fn words_for_quantities() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (792_293, "792 kB"),
            (999_600, "1.0 MB"),
            (15_300_000, "15 MB"),
            (4_294_967_296, "4.3 GB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(size(bytes), words);
        }
        for (millis, words) in [(161, "0.16 s"), (12_400, "12 s"), (125_000, "2 min 5 s")] {
            assert_eq!(duration(Duration::from_millis(millis)), words);
        }
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        assert_eq!((date(time).as_str(), timestamp(time).as_str()), ("1970-01-02", "1970-01-02T00:00:00Z"));
        assert_eq!(date(SystemTime::UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01");
    }
}
