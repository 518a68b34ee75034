//! Embeds the launchers that `BALER_LAUNCHER_AMD64` and `BALER_LAUNCHER_ARM64` name (absolute paths), and the bills of
//! materials in the directory that `BALER_SBOMS` names, if they do.
//!
//! `cargo xtask build` makes them first and sets all three; without launchers the program is built all the same, and says
//! what is missing when an image needs one. Without bills of materials images have none of Baler itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const COMPONENTS: [(&str, &str); 2] = [("LIFECYCLE", "lifecycle"), ("LAUNCHER", "launcher")];
const FORMATS: [&str; 3] = ["sbom.cdx.json", "sbom.spdx.json", "sbom.syft.json"];
const LAUNCHERS: [(&str, &str); 2] = [("AMD64", "BALER_LAUNCHER_AMD64"), ("ARM64", "BALER_LAUNCHER_ARM64")];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    match launchers().and_then(|code| write("launchers.rs", &code)).and_then(|()| write("sboms.rs", &sboms()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn launchers() -> Result<String, String> {
    let mut code = String::new();
    for (constant, variable) in LAUNCHERS {
        println!("cargo::rerun-if-env-changed={variable}");
        let expression = match std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) {
            None => "None".to_owned(),
            Some(path) if path.is_absolute() && path.is_file() => {
                println!("cargo::rerun-if-changed={}", path.display());
                // Debug output of text is a literal.
                format!("Some(include_bytes!({:?}))", path.to_string_lossy())
            }
            Some(path) => return Err(format!("{variable} is no absolute path of a file: {}", path.display())),
        };
        writeln!(code, "const {constant}: Option<&[u8]> = {expression};").expect("writing to a String cannot fail");
    }
    Ok(code)
}

fn sboms() -> Result<String, String> {
    println!("cargo::rerun-if-env-changed=BALER_SBOMS");
    let directory = std::env::var_os("BALER_SBOMS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut code = String::new();
    for (constant, component) in COMPONENTS {
        let paths = directory
            .iter()
            .flat_map(|path| FORMATS.map(|format| (format, path.join(format!("{component}.{format}")))));
        let mut files = String::new();
        for (format, path) in paths {
            if !path.is_absolute() || !path.is_file() {
                return Err(format!("BALER_SBOMS: there is no file {}", path.display()));
            }
            println!("cargo::rerun-if-changed={}", path.display());
            let path = path.to_string_lossy();
            write!(files, "({format:?}, include_bytes!({path:?})),").expect("writing to a String cannot fail");
        }
        writeln!(code, "const {constant}: &[(&str, &[u8])] = &[{files}];").expect("writing to a String cannot fail");
    }
    Ok(code)
}

#[expect(clippy::disallowed_methods, reason = "fs_err would be a dependency of the build script for one error")]
fn write(name: &str, code: &str) -> Result<(), String> {
    let directory = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let path = Path::new(&directory).join(name);
    std::fs::write(&path, code).map_err(|error| format!("could not write {}: {error}", path.display()))
}
