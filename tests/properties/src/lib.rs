//! Runs a property test: random values, each checked; a value that fails is made smaller and printed with its seed.
//!
//! In: a strategy of proptest, how many values, and a check that panics when the property does not hold. Out: nothing,
//! or a panic. Without `TESTS_SEED` a short test always uses the same seed, a long test a new one each time.
//! Never: writes a file.

#![allow(clippy::panic, reason = "it is how a test fails")]

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// How long a failing value is made smaller, in milliseconds.
const SHRINKING: u32 = 20_000;

/// Checks `cases` values, the same ones each time.
pub fn check<V: Debug>(cases: u32, values: impl Strategy<Value = V>, holds: impl Fn(V)) {
    run(cases, given().unwrap_or(1), &values, holds);
}

/// Checks `cases` values, new ones each time. For tests that run with `--long` only.
pub fn check_long<V: Debug>(cases: u32, values: impl Strategy<Value = V>, holds: impl Fn(V)) {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    run(cases, given().unwrap_or_else(now), &values, holds);
}

/// The seed in `TESTS_SEED`, with which a failure is repeated.
fn given() -> Option<u64> {
    let text = std::env::var("TESTS_SEED").ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("TESTS_SEED is {text:?}; it must be a number from 0 to 2^64 - 1")))
}

fn run<V: Debug>(cases: u32, seed: u64, values: &impl Strategy<Value = V>, holds: impl Fn(V)) {
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_time: SHRINKING,
        max_shrink_iters: u32::MAX,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(values, |value| {
        holds(value);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}\nTo repeat this: set TESTS_SEED={seed}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_failure_names_the_smallest_value_and_the_seed() {
        let failed = catch_unwind(AssertUnwindSafe(|| run(100, 7, &(0..1000_u32), |value| assert!(value < 10))));
        let said = failed.unwrap_err().downcast::<String>().unwrap();
        assert!(said.contains("minimal failing input: 10") && said.contains("TESTS_SEED=7"), "{said}");
    }

    #[test]
    fn the_same_seed_gives_the_same_values() {
        let values = |seed| {
            let seen = std::cell::RefCell::new(Vec::new());
            run(20, seed, &(0..u64::MAX), |value| seen.borrow_mut().push(value));
            seen.into_inner()
        };
        assert_eq!((values(7), values(7) == values(8)), (values(7), false));
    }
}
