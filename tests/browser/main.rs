//! The pages as people use them: Chromium, through its driver, against nginx, the program by FastCGI, the real
//! runtime and the demo images.
//!
//! Skipped, with the reason printed, where one of them is not installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod brand;
mod calls;
mod cors;
mod driver;
mod pages;
mod pictures;
mod plain;
mod reading;
mod rights;
mod secrets;
#[allow(dead_code, reason = "a part is used here")]
#[path = "../nginx/setup.rs"]
mod setup;
mod sites;
mod stack;
#[path = "../support/mod.rs"]
mod support;
mod weight;
mod work;
