//! What the tests through the built program share.
//!
//! A [`Site`] is a private folder with images, a stub runtime and the program on one [`Wire`]; `site.ask(&request)` is
//! the same on both. When it is dropped it checks what must hold after every test: no process of it is left, the
//! server has no more descriptors than before, no file is new.
//!
//! Never: no test sees another's folder, and nothing outside the folder is written (but the cache of built images,
//! see [`real`]).

#![allow(dead_code, unused_imports, reason = "each test program uses a part")]

pub mod fcgi;
pub mod processes;
pub mod python;
pub mod real;
pub mod request;
pub mod servers;
pub mod sif;
pub mod site;
pub mod talk;

use std::io::Write;
use std::time::{Duration, Instant};

#[allow(unused_imports, reason = "each test program uses a part")]
pub use request::{Answer, Request, get, post};
pub use site::Site;
pub use talk::Talk;

/// Whoever waits longer than this hangs.
pub const HANG: Duration = Duration::from_secs(60);

/// How a request reaches the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Cgi,
    FastCgi,
}

/// The test on both wires, at the same time; what fails names its wire.
pub fn on_both_wires(test: impl Fn(Wire) + Sync) {
    std::thread::scope(|scope| {
        let test = &test;
        let on = |wire| {
            let name = format!("{} ({wire:?})", test_name());
            std::thread::Builder::new().name(name).spawn_scoped(scope, move || test(wire)).expect("a thread")
        };
        let failed = [Wire::Cgi, Wire::FastCgi].map(on).map(|thread| thread.join()).into_iter().find_map(Result::err);
        if let Some(panic) = failed {
            std::panic::resume_unwind(panic);
        }
    });
}

/// The test that this thread belongs to.
fn test_name() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}

/// Waits until it is so.
pub fn until(what: &str, patience: Duration, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < patience, "after {patience:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends a test that cannot be made here. That is a failure, unless the environment names what may be missing:
/// `TESTS_MAY_SKIP=Rscript,IPv6`, words of the reason. Then the reason is told, also where the output of tests that
/// succeed is hidden.
pub fn skip(why: &str) {
    let may = std::env::var("TESTS_MAY_SKIP").unwrap_or_default();
    let named = may.split(',').any(|word| !word.is_empty() && why.contains(word));
    assert!(named, "{} cannot be made here: {why}. TESTS_MAY_SKIP names what may be missing", test_name());
    let _ = writeln!(std::io::stderr(), "skipped: {}: {why}", test_name());
}
