//! Ground: text that others wrote, made fit for a page, a terminal or a line of the log.
//!
//! In: any text. Out: text that is shown and not obeyed, within a bound.
//! Never: leaves something out without a mark.

/// What a terminal or a page obeys in place of showing it: controls, and the invisible characters that reorder or hide
/// text.
#[must_use]
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// The beginning of a text, at most `most` characters, and `…` where there is more. Characters that `escaped` names
/// come out as in Rust's strings (`\u{1b}`), unless they are plain letters or signs; no escape is cut in two.
#[must_use]
pub fn shown(text: &str, most: usize, escaped: impl Fn(char) -> bool) -> String {
    let mut shown = String::new();
    let mut count = 0;
    for character in text.chars() {
        let before = shown.len();
        if escaped(character) {
            shown.extend(character.escape_debug());
        } else {
            shown.push(character);
        }
        count += shown.get(before..).map_or(0, |piece| piece.chars().count());
        if count > most {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Bidi_Control characters of UAX #9, and what hides a text within a text.
    #[test]
    fn what_reorders_or_hides_text_is_obeyed() {
        let bidi = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        let hidden = "\u{ad}\u{180e}\u{200b}\u{2060}\u{206a}\u{feff}\u{fff9}\u{e0001}\u{e0041}\u{e007f}";
        assert!(bidi.chars().chain(hidden.chars()).all(is_obeyed));
        assert!(!"aé한\u{301}\u{fe0f}😀".chars().any(is_obeyed));
    }

    #[test]
    fn nothing_is_obeyed_and_nothing_is_cut_in_two() {
        for (text, most, expected) in [
            ("", 3, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "abc…"),
            ("äöü\"'\\", 6, "äöü\"'\\"),
            ("a\u{1b}[2J", 20, "a\\u{1b}[2J"),
            ("a\u{202e}b", 8, "a…"),
            ("a\u{202e}b", 9, "a\\u{202e}…"),
            ("a\nb", 4, "a\\nb"),
        ] {
            assert_eq!(shown(text, most, is_obeyed), expected, "{text:?}");
        }
        assert_eq!(shown("a\"b", 9, |_| true), "a\\\"b");
    }
}
