//! One value of one argument: text and a type in, an [`ArgValue`] that may stand in an argv out, or why not.
//!
//! The rules (the contract's "visitor's side"):
//! - White space around a number is left out.
//! - INT: `[+-]?[0-9]+` that fits i64, passed as that number in its shortest form: `+5` is `5` and `007` is `7`,
//!   since shells read `010` as eight. Never a changed number.
//! - FLOAT: `[+-]?([0-9]+|[0-9]*\.[0-9]+)([eE][+-]?[0-9]+)?`, passed as typed. A negative one with an exponent is
//!   written out plainly, digit by digit, because option parsers take `-1e3` for an option; for the same reason
//!   `5.` is refused and `.5` is not. What a 64-bit float cannot tell from infinity or, unless it is zero, from
//!   zero is out of range.
//! - STR: brought to Unicode Normalization Form C (UAX #15), then one word of letters with the marks that follow them,
//!   digits, `.`, `_`, `-` and what the site adds from [`HARMLESS`]; the rest and leading `-` are stripped, or refused
//!   ([`SanitiseMode`]). A value that is one of the author's choices is passed as the author wrote it.
//! - BOOL: a flag has no value.
//!
//! Never: no control character, white space, quote or shell metacharacter gets through, and no leading `-` other
//! than the sign of a number.

use std::num::IntErrorKind;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::error::{ValueError, excerpt};
use super::label::ArgType;

/// The only characters that a site may add to a STR.
pub const HARMLESS: &str = ":/,+@=%";
/// Characters of a STR, as typed.
pub const MAX_WORD_CHARS: usize = 1024;
/// Characters of an INT or FLOAT, as typed: room for the largest 64-bit float written out.
pub const MAX_NUMBER_CHARS: usize = 400;

/// What happens to a STR with characters that may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SanitiseMode {
    /// They are stripped, and the change is reported.
    #[default]
    Strip,
    /// The value is refused.
    Reject,
}

/// The characters that a site allows in a STR beyond letters, digits and `. _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtraCharacters(String);

/// A character that no site may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the character {0:?} may not be allowed: choose from {HARMLESS}")]
pub struct NotHarmless(pub char);

impl ExtraCharacters {
    /// Any selection from [`HARMLESS`], without separators.
    pub fn new(characters: &str) -> Result<ExtraCharacters, NotHarmless> {
        match characters.chars().find(|character| !HARMLESS.contains(*character)) {
            Some(character) => Err(NotHarmless(character)),
            None => Ok(ExtraCharacters(characters.to_owned())),
        }
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a site treats STR values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SanitisePolicy {
    /// Strip or refuse.
    pub mode: SanitiseMode,
    /// What else may pass.
    pub extra: ExtraCharacters,
}

impl SanitisePolicy {
    /// What both allow; refused where one of them refuses.
    pub fn and(&self, other: &SanitisePolicy) -> SanitisePolicy {
        let mode = if self.mode == other.mode { self.mode } else { SanitiseMode::Reject };
        let extra = self.extra.0.chars().filter(|character| other.extra.0.contains(*character)).collect();
        SanitisePolicy { mode, extra: ExtraCharacters(extra) }
    }

    /// What every site could allow: the measure for an author's own words.
    pub(super) fn widest() -> SanitisePolicy {
        SanitisePolicy { mode: SanitiseMode::Reject, extra: ExtraCharacters(HARMLESS.to_owned()) }
    }

    /// Whether it may stand there by itself; a mark may follow a letter or another mark, too.
    fn allows(&self, character: char) -> bool {
        (character.is_alphanumeric() && !is_combining_mark(character))
            || matches!(character, '.' | '_' | '-')
            || self.extra.0.contains(character)
    }
}

/// A value that may stand in an argv. Only [`ArgValue::parse`] makes words and decimals.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgValue {
    /// A sanitised word.
    Str(StrValue),
    /// A whole number.
    Int(i64),
    /// A decimal number.
    Float(Decimal),
    /// The flag is passed.
    Bool,
}

/// A STR after sanitising: not empty, no leading `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrValue(String);

impl StrValue {
    /// As passed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A FLOAT: the text that is passed, and the number it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Decimal {
    text: String,
    number: f64,
}

impl Decimal {
    /// As passed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The nearest 64-bit float.
    pub fn number(&self) -> f64 {
        self.number
    }
}

impl ArgValue {
    /// The only constructor for visitors' text.
    pub fn parse(kind: ArgType, text: &str, policy: &SanitisePolicy) -> Result<ArgValue, ValueError> {
        if kind == ArgType::Bool {
            return Ok(ArgValue::Bool);
        }
        let (text, limit) = match kind {
            ArgType::Str => (text, MAX_WORD_CHARS),
            _ => (text.trim(), MAX_NUMBER_CHARS),
        };
        check_text(text, limit)?;
        match kind {
            ArgType::Str => word(text, policy).map(ArgValue::Str),
            ArgType::Int => integer(text).map(ArgValue::Int),
            ArgType::Float => decimal(text).map(ArgValue::Float),
            ArgType::Bool => Ok(ArgValue::Bool),
        }
    }

    /// A choice of the author's, which may hold every printable character and no leading `-`.
    pub(super) fn choice(text: &str) -> Result<ArgValue, ValueError> {
        check_text(text, MAX_WORD_CHARS)?;
        match text.starts_with('-') {
            true => Err(ValueError::NotAllowedCharacters("the leading `-`".to_owned())),
            false => Ok(ArgValue::Str(StrValue(text.to_owned()))),
        }
    }

    /// The text that follows `--name`; a flag has none.
    pub fn text(&self) -> Option<String> {
        match self {
            ArgValue::Str(word) => Some(word.0.clone()),
            ArgValue::Int(number) => Some(number.to_string()),
            ArgValue::Float(decimal) => Some(decimal.text.clone()),
            ArgValue::Bool => None,
        }
    }
}

/// One line of text within a bound.
fn check_text(text: &str, limit: usize) -> Result<(), ValueError> {
    if text.is_empty() {
        return Err(ValueError::Empty);
    }
    if text.chars().nth(limit).is_some() {
        return Err(ValueError::TooLong(limit));
    }
    // the decoders above put this character where bytes were not UTF-8
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(ValueError::NotText);
    }
    if text.contains(char::is_control) {
        return Err(ValueError::ControlCharacter);
    }
    Ok(())
}

/// Whether two texts are the same letters, however their accents are encoded.
pub(super) fn is_equivalent(one: &str, other: &str) -> bool {
    one == other || one.nfc().eq(other.nfc())
}

fn integer(text: &str) -> Result<i64, ValueError> {
    text.parse::<i64>().map_err(|error| match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => ValueError::IntegerOutOfRange,
        _ => ValueError::NotAnInteger,
    })
}

fn decimal(text: &str) -> Result<Decimal, ValueError> {
    if text.contains(',') && !text.contains('.') && text.matches(',').count() == 1 {
        let pointed = text.replace(',', ".");
        return Err(decimal(&pointed).map_or(ValueError::NotANumber, |_| ValueError::DecimalComma(pointed)));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let well_formed = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole.is_empty() || digits(whole)) && digits(fraction),
        None => digits(mantissa),
    } && exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    if !well_formed {
        return Err(ValueError::NotANumber);
    }
    let number: f64 = text.parse().map_err(|_| ValueError::NotANumber)?;
    let is_zero = !mantissa.contains(|digit| matches!(digit, '1'..='9'));
    if !number.is_finite() || (number == 0.0 && !is_zero) {
        return Err(ValueError::NumberOutOfRange);
    }
    let text = match exponent {
        Some(_) if text.starts_with('-') && is_zero => "-0".to_owned(),
        Some(exponent) if text.starts_with('-') => {
            let places = exponent.parse().map_err(|_| ValueError::NumberOutOfRange)?;
            format!("-{}", plainly(mantissa, places))
        }
        _ => text.to_owned(),
    };
    Ok(Decimal { text, number })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Moves the decimal point of digits that are not all zero. The result is bounded because the number is one that
/// f64 can hold: the point moves by at most 324 places more than there are digits.
fn plainly(mantissa: &str, exponent: i32) -> String {
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let point = i64::try_from(whole.len()).unwrap_or(0) + i64::from(exponent);
    let before = usize::try_from(point).unwrap_or(0);
    let (left, right) = match all.split_at_checked(before) {
        Some((left, right)) => (left.to_owned(), right),
        None => (format!("{all}{}", "0".repeat(before - all.len())), ""),
    };
    let gap = "0".repeat(usize::try_from(-point).unwrap_or(0));
    let left = match left.trim_start_matches('0') {
        "" => "0",
        significant => significant,
    };
    if right.is_empty() { left.to_owned() } else { format!("{left}.{gap}{right}") }
}

fn word(text: &str, policy: &SanitisePolicy) -> Result<StrValue, ValueError> {
    let (kept, lost) = sift(text, policy);
    let word = kept.trim_start_matches('-');
    match policy.mode {
        SanitiseMode::Reject if !lost.is_empty() || word != kept => {
            Err(ValueError::NotAllowedCharacters(unwelcome(&lost)))
        }
        _ if word.is_empty() => Err(ValueError::NothingLeft),
        _ => Ok(StrValue(word.to_owned())),
    }
}

/// A text in Normalization Form C without what may not pass, and that.
fn sift(text: &str, policy: &SanitisePolicy) -> (String, String) {
    let (mut kept, mut lost) = (String::new(), String::new());
    let mut after_letter = false;
    for character in text.nfc() {
        let passes = policy.allows(character) || (after_letter && is_combining_mark(character));
        after_letter = passes && (character.is_alphabetic() || is_combining_mark(character));
        if passes { &mut kept } else { &mut lost }.push(character);
    }
    (kept, lost)
}

/// The characters that may not pass, each once.
fn unwelcome(lost: &str) -> String {
    let mut found = String::new();
    for character in lost.chars() {
        if !found.contains(character) {
            found.push(character);
        }
    }
    match excerpt(&found) {
        none if none.is_empty() => "the leading `-`".to_owned(),
        some => format!("`{some}`"),
    }
}
