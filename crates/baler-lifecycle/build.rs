//! Embeds the launchers that `BALER_LAUNCHER_AMD64` and `BALER_LAUNCHER_ARM64` name (absolute paths), if they do.
//!
//! `cargo xtask build` makes the launchers first and sets both; without them the program is built all the same, and says
//! what is missing when an image needs one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const LAUNCHERS: [(&str, &str); 2] = [("AMD64", "BALER_LAUNCHER_AMD64"), ("ARM64", "BALER_LAUNCHER_ARM64")];

#[expect(clippy::disallowed_methods, reason = "fs_err would be a dependency of the build script for one error")]
fn main() -> ExitCode {
    let mut code = String::new();
    println!("cargo::rerun-if-changed=build.rs");
    for (constant, variable) in LAUNCHERS {
        println!("cargo::rerun-if-env-changed={variable}");
        let expression = match std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) {
            None => "None".to_owned(),
            Some(path) if path.is_absolute() && path.is_file() => {
                println!("cargo::rerun-if-changed={}", path.display());
                // Debug output of text is a literal.
                format!("Some(include_bytes!({:?}))", path.to_string_lossy())
            }
            Some(path) => {
                println!("cargo::error={variable} is no absolute path of a file: {}", path.display());
                return ExitCode::FAILURE;
            }
        };
        writeln!(code, "const {constant}: Option<&[u8]> = {expression};").expect("writing to a String cannot fail");
    }
    let directory = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let path = Path::new(&directory).join("launchers.rs");
    if let Err(error) = std::fs::write(&path, code) {
        println!("cargo::error=could not write {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
