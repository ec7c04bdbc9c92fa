//! Text and type → value: tables of what passes and what does not.

use proptest::prelude::*;
use unicode_normalization::char::is_combining_mark;

use crate::args::bounds::{MAX_NUMBER_CHARS, MAX_WORD_CHARS};
use crate::args::value::is_equivalent;
use crate::args::{ArgType, ArgValue, ExtraCharacters, HARMLESS, NotHarmless, SanitiseMode, SanitisePolicy};

fn pass(kind: ArgType, text: &str) -> String {
    match ArgValue::parse(kind, text, &SanitisePolicy::default()) {
        Ok(value) => value.text().unwrap_or_else(|| "(flag)".to_owned()),
        Err(error) => format!("! {}", error.code()),
    }
}

fn table(kind: ArgType, rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        assert_eq!(pass(kind, text), *expected, "{kind} {text:?}");
    }
}

#[test]
fn integers_are_exact_or_refused() {
    table(
        ArgType::Int,
        &[
            ("10", "10"),
            ("-5", "-5"),
            ("0", "0"),
            ("+5", "5"),
            ("007", "7"),
            ("-0", "0"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "! integer-out-of-range"),
            ("-9223372036854775809", "! integer-out-of-range"),
            ("", "! empty"),
            ("1e3", "! not-an-integer"),
            ("1.0", "! not-an-integer"),
            ("0x10", "! not-an-integer"),
            ("٣", "! not-an-integer"),
            (" 1", "1"),
            ("\u{a0}\u{202f}-1\t\n", "-1"),
            (" ", "! empty"),
            ("1 000", "! not-an-integer"),
            ("1\u{a0}000", "! not-an-integer"),
            ("1_0", "! not-an-integer"),
            ("1,000", "! not-an-integer"),
            ("+", "! not-an-integer"),
            ("-", "! not-an-integer"),
            ("--5", "! not-an-integer"),
            ("−5", "! not-an-integer"),
            ("1\n1", "! control-character"),
            ("1\0", "! control-character"),
            ("\u{fffd}", "! not-text"),
        ],
    );
    assert_eq!(pass(ArgType::Int, &"9".repeat(400)), "! integer-out-of-range");
    assert_eq!(pass(ArgType::Int, &"0".repeat(MAX_NUMBER_CHARS + 1)), "! too-long");
}

#[test]
fn floats_pass_as_typed() {
    for text in [
        "1",
        "-1",
        "+1.5",
        "1e3",
        "1E+3",
        "2.50",
        "-0",
        "-0.0",
        ".5",
        "-.5",
        "007.5",
        "1.7976931348623157e308",
        "5e-324",
        "0e99999999999999999999",
        "10000000000000000000",
    ] {
        assert_eq!(pass(ArgType::Float, text), text);
    }
}

#[test]
fn negative_floats_with_an_exponent_are_written_out() {
    table(
        ArgType::Float,
        &[
            ("-1e3", "-1000"),
            ("-1E+3", "-1000"),
            ("-1.5e-3", "-0.0015"),
            ("-1.5e3", "-1500"),
            ("-1.50e1", "-15.0"),
            ("-12.345e1", "-123.45"),
            ("-12.345e-1", "-1.2345"),
            ("-12.345e-2", "-0.12345"),
            ("-1e0", "-1"),
            ("-1.5e0", "-1.5"),
            ("-007e1", "-70"),
            ("-0.0015e1", "-0.015"),
            ("-.5e1", "-5"),
            ("-.5e0", "-0.5"),
            ("-.5e-1", "-0.05"),
            ("-0e5", "-0"),
            ("-0.00e-99999999999999999999", "-0"),
            ("-1e00000000000000000000000000002", "-100"),
        ],
    );
    assert_eq!(pass(ArgType::Float, "-1e300"), format!("-1{}", "0".repeat(300)));
    assert_eq!(pass(ArgType::Float, "-5e-324"), format!("-0.{}5", "0".repeat(323)));
    let longest = format!("-0.{}1e-300", "1".repeat(MAX_NUMBER_CHARS - 8));
    assert!(pass(ArgType::Float, &longest).len() < 2 * MAX_NUMBER_CHARS);
}

#[test]
fn what_is_no_finite_decimal_number_is_refused() {
    let no_number = [
        "nan", "NaN", "inf", "-inf", "infinity", "0x10", "0x1p3", "1_0", "1 0", "٣", "１", ".", "-.", "e5", ".e5",
        "5.", "-5.e3", "1e", "1e+", "1e1.5", "1e2e3", "1,5", "--1", "+-1", "1f", "1.5.2",
    ];
    for text in no_number {
        assert_eq!(pass(ArgType::Float, text), "! not-a-number", "{text:?}");
    }
    for text in ["1e999", "-1e999", "1e-999", "-1e-99999999", "1e99999999999999999999", "-1e99999999999999999999"] {
        assert_eq!(pass(ArgType::Float, text), "! number-out-of-range", "{text:?}");
    }
    table(ArgType::Float, &[("", "! empty"), ("1\t1", "! control-character"), (" 2.5\u{a0}", "2.5")]);
    for (text, words) in [
        ("2,5", "use a point: 2.5"),
        ("-1,5e3", "use a point: -1.5e3"),
        ("1,000.5", "write a decimal number such as 1.5 or 2e3"),
        ("1,000,000", "write a decimal number such as 1.5 or 2e3"),
        ("a,b", "write a decimal number such as 1.5 or 2e3"),
    ] {
        let error = ArgValue::parse(ArgType::Float, text, &SanitisePolicy::default()).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("not-a-number", words));
    }
    assert_eq!(pass(ArgType::Float, &"1".repeat(MAX_NUMBER_CHARS + 1)), "! too-long");
}

#[test]
fn words_are_stripped() {
    table(
        ArgType::Str,
        &[
            ("Amy", "Amy"),
            ("ice-cream", "ice-cream"),
            ("a.b_c-d", "a.b_c-d"),
            ("Zoë", "Zoë"),
            ("恐竜", "恐竜"),
            ("٣", "٣"),
            ("Amy Smith", "AmySmith"),
            ("$(id)", "id"),
            ("`id`", "id"),
            ("a;b", "ab"),
            ("a|b&&c", "abc"),
            ("'a'\"b\"", "ab"),
            ("a*~?[]{}<>!#\\^", "a"),
            ("--bind=/:/h", "bindh"),
            ("-x", "x"),
            ("$-x", "x"),
            ("-$-x-", "x-"),
            ("a\u{a0}\u{2028}\u{200b}\u{202e}b", "ab"),
            ("--", "! nothing-left"),
            ("$", "! nothing-left"),
            ("😀", "! nothing-left"),
            ("", "! empty"),
            ("a\nb", "! control-character"),
            ("a\0b", "! control-character"),
            ("a\u{85}b", "! control-character"),
            ("a\u{7f}", "! control-character"),
            ("a\u{fffd}", "! not-text"),
        ],
    );
    assert_eq!(pass(ArgType::Str, &"ö".repeat(MAX_WORD_CHARS)), "ö".repeat(MAX_WORD_CHARS));
    assert_eq!(pass(ArgType::Str, &"ö".repeat(MAX_WORD_CHARS + 1)), "! too-long");
}

#[test]
fn a_site_may_refuse_instead_of_stripping() {
    let policy = SanitisePolicy { mode: SanitiseMode::Reject, ..SanitisePolicy::default() };
    for (text, which) in [
        ("a;b;$", "`;$`"),
        ("a b", "` `"),
        ("-x", "the leading `-`"),
        ("--", "the leading `-`"),
        ("\u{202e}", "`\\u{202e}`"),
    ] {
        let error = ArgValue::parse(ArgType::Str, text, &policy).unwrap_err();
        assert_eq!(error.code(), "not-allowed-characters", "{text}");
        assert_eq!(error.to_string(), format!("remove what is not allowed here: {which}"));
    }
    assert!(ArgValue::parse(ArgType::Str, "a-b", &policy).is_ok());
}

#[test]
fn a_site_may_allow_only_harmless_characters() {
    for character in (0..=0xff_u8).map(char::from) {
        let allowed = ExtraCharacters::new(&character.to_string()).is_ok();
        assert_eq!(allowed, ":/,+@=%".contains(character), "{character:?}");
    }
    assert_eq!(ExtraCharacters::new("/ ,"), Err(NotHarmless(' ')));
    let policy = SanitisePolicy { extra: ExtraCharacters::new(":/").unwrap(), ..SanitisePolicy::default() };
    let value = ArgValue::parse(ArgType::Str, "--bind=/:/h", &policy).unwrap();
    assert_eq!(value.text().as_deref(), Some("bind/:/h"));
}

fn any_policy() -> impl Strategy<Value = SanitisePolicy> {
    (any::<bool>(), proptest::sample::subsequence(HARMLESS.chars().collect::<Vec<_>>(), 0..=7)).prop_map(
        |(strip, extra)| SanitisePolicy {
            mode: if strip { SanitiseMode::Strip } else { SanitiseMode::Reject },
            extra: ExtraCharacters::new(&extra.into_iter().collect::<String>()).unwrap(),
        },
    )
}

proptest! {
    #[test]
    fn only_the_alphabet_passes(text in "(\\PC|[-$;|&<>`'\"\\\\ :/,+@=%\0\n]){0,40}", policy in any_policy()) {
        if let Ok(value) = ArgValue::parse(ArgType::Str, &text, &policy) {
            let word = value.text().unwrap();
            prop_assert!(!word.is_empty() && !word.starts_with('-'));
            let passes = |c: char| c.is_alphanumeric() || is_combining_mark(c) || ".-_".contains(c) || policy.extra.as_str().contains(c);
            prop_assert!(word.chars().all(passes));
            prop_assert!(policy.mode == SanitiseMode::Strip || is_equivalent(&word, &text));
        }
    }

    #[test]
    fn a_word_is_left_alone(text in "[\\p{L}\\p{Nd}._][\\p{L}\\p{Nd}._-]{0,40}") {
        prop_assert!(is_equivalent(&pass(ArgType::Str, &text), &text));
    }

    #[test]
    fn integers_round_trip(number: i64) {
        prop_assert_eq!(pass(ArgType::Int, &number.to_string()), number.to_string());
    }

    #[test]
    fn floats_keep_their_value(text in "[+-]?([0-9]{1,40}|[0-9]{0,40}\\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?") {
        if let Ok(ArgValue::Float(decimal)) = ArgValue::parse(ArgType::Float, &text, &SanitisePolicy::default()) {
            let expected: f64 = text.parse().unwrap();
            let passed: f64 = decimal.as_str().parse().unwrap();
            prop_assert_eq!(passed.to_bits(), expected.to_bits());
            prop_assert_eq!(decimal.number().to_bits(), expected.to_bits());
            if text.starts_with('-') {
                prop_assert!(!decimal.as_str().contains(['e', 'E']));
            } else {
                prop_assert_eq!(decimal.as_str(), text);
            }
        }
    }

    #[test]
    fn any_finite_float_passes(number in proptest::num::f64::ANY) {
        let parsed = ArgValue::parse(ArgType::Float, &format!("{number:e}"), &SanitisePolicy::default());
        prop_assert_eq!(parsed.is_ok(), number.is_finite());
    }

    #[test]
    fn numbers_are_ascii(text in "\\PC{0,12}") {
        for kind in [ArgType::Int, ArgType::Float] {
            if let Ok(value) = ArgValue::parse(kind, &text, &SanitisePolicy::default()) {
                prop_assert!(value.text().unwrap().bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)));
            }
        }
    }
}
