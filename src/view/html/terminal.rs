//! What a container printed, as a terminal would show it: colours (ECMA-48 §8.3.117, SGR), and carriage returns that
//! write a line again. Whatever else a terminal obeys is left out: HTML has no place for control characters.

use maud::{Markup, html};

/// Text in, text out; colours are classes of the stylesheet.
pub fn terminal(text: &str) -> Markup {
    let mut pieces: Vec<(&'static str, String)> = vec![("", String::new())];
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            push(&mut pieces, '\n');
        }
        let line = line.trim_end_matches('\r');
        let line = line.rsplit('\r').next().unwrap_or(line);
        let mut rest = line.chars();
        while let Some(character) = rest.next() {
            match character {
                '\x1b' => {
                    if let Some(colour) = escape(&mut rest) {
                        pieces.push((colour, String::new()));
                    }
                }
                character if character.is_control() && character != '\t' => {}
                character => push(&mut pieces, character),
            }
        }
    }
    html! {
        @for (colour, text) in pieces.iter().filter(|(_, text)| !text.is_empty()) {
            @if colour.is_empty() { (text) } @else { span class=(colour) { (text) } }
        }
    }
}

fn push(pieces: &mut [(&'static str, String)], character: char) {
    if let Some((_, text)) = pieces.last_mut() {
        text.push(character);
    }
}

/// What follows an ESC: the class from here on, if it is about that.
fn escape(rest: &mut std::str::Chars<'_>) -> Option<&'static str> {
    if rest.clone().next() != Some('[') {
        return None;
    }
    rest.next();
    let mut numbers = String::new();
    for character in rest.by_ref() {
        match character {
            '0'..='9' | ';' => numbers.push(character),
            'm' => return numbers.rsplit(';').find_map(class),
            // the final byte of another sequence (ECMA-48 §5.4)
            '@'..='~' => return None,
            _ => {}
        }
    }
    None
}

fn class(number: &str) -> Option<&'static str> {
    Some(match number {
        "" | "0" | "22" | "39" => "",
        "1" => "c-bold",
        "31" | "91" => "c-red",
        "32" | "92" => "c-green",
        "33" | "93" => "c-yellow",
        "34" | "94" => "c-blue",
        "35" | "95" => "c-magenta",
        "36" | "96" => "c-cyan",
        "90" => "c-grey",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_control_characters_go() {
        for (text, shown) in [
            ("plain <b>", "plain &lt;b&gt;"),
            ("\x1b[31mred\x1b[0m plain", "<span class=\"c-red\">red</span> plain"),
            ("\x1b[1;32mok\x1b[m.", "<span class=\"c-green\">ok</span>."),
            ("\x1b[31ma\x1b[4mb\x1b[39mc", "<span class=\"c-red\">ab</span>c"),
            ("10 %\r50 %\r99 %\r\ndone\r", "99 %\ndone"),
            ("a\x07b\x08c\0\td", "abc\td"),
            ("\x1b[2J\x1b[?25lx\x1b]0;title\x07y", "x]0;titley"),
            ("end \x1b[3", "end "),
            ("end \x1b", "end "),
        ] {
            assert_eq!(terminal(text).into_string(), shown, "{text:?}");
        }
    }
}
