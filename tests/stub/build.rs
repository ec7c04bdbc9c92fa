//! Compiles `src/main.rs` once more, by itself: Cargo tells a test of another package where a library is, but not
//! where a program is. (The `bin` target is there for rustfmt, clippy and the reader.) It is linked statically, so
//! that it runs in images, too.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=src");
    let variable = |name| std::env::var_os(name).map(PathBuf::from).unwrap_or_default();
    let program = variable("OUT_DIR").join("stub-runtime");
    println!("cargo::rustc-env=STUB_RUNTIME={}", program.display());
    let built = Command::new(variable("RUSTC"))
        .args(["--edition=2024", "--crate-name=stub_runtime", "-O", "-Cpanic=abort", "-Cstrip=symbols", "src/main.rs"])
        .args(["-Ctarget-feature=+crt-static", "-o"])
        .arg(&program)
        .status();
    if built.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
