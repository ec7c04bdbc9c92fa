//! The hostile and unlucky cases, numbered as in `tests/README.md`, through the built program on both wires.
//!
//! A file begins with its first number, so that Cargo names the tests in their order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "written for other tests")]
mod front;
mod house;

mod n01_input;
mod n12_paths;
mod n17_trust;
mod n20_images;
mod n23_surroundings;
mod n24_output;
mod n30_sites;
mod n34_fastcgi;
mod n35_start;
mod n37_deadline;
mod n38_leaving;
mod n39_killed;
mod n40_limits;
mod n44_host_features;
mod n45_faults;
mod n48_runtime;
mod n49_load;
mod n51_readers;
mod n53_visitors;
