//! The arrows between the crates of the workspace, as ARCHITECTURE.md draws them: down only.
//!
//! Dev-dependencies are free: a test may use whatever makes it short.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{command, output, workspace};

/// A crate may use the crates of the floors below its own.
const FLOORS: [&[&str]; 7] = [
    &["baler"],
    &["baler-platform"],
    &["baler-lifecycle"],
    &["baler-daemon"],
    &["baler-registry", "baler-store", "baler-test-registry"],
    &["baler-layer"],
    &["baler-cnb", "baler-dockerfile", "baler-image", "baler-sandbox"],
];

/// Crates that may use less than their floor allows, or stand on none.
const EXCEPTIONS: [(&str, &[&str]); 3] = [
    ("baler-layer", &["baler-image"]),
    // The other side of the wire: it shares no code with the client.
    ("baler-test-registry", &["baler-image"]),
    // In every application image: small before all else.
    ("baler-launcher", &["baler-cnb"]),
];

/// Crates that no rule is for.
const FREE: [&str; 1] = ["xtask"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; absent for an ordinary dependency.
    kind: Option<String>,
    /// Where a crate of the workspace lies; absent for the others.
    path: Option<String>,
}

pub(crate) fn run() -> Result<()> {
    let mut metadata: Command = workspace::cargo();
    metadata.args(["metadata", "--no-deps", "--format-version=1"]);
    let metadata: Metadata =
        serde_json::from_str(&command::read(&mut metadata)?).context("could not read cargo metadata")?;
    let wrong = wrong_arrows(&metadata);
    if !wrong.is_empty() {
        bail!("dependencies may only point down (see xtask/src/check_deps.rs):\n  {}", wrong.join("\n  "));
    }
    output::step(&format!("dependencies of {} crates point down", metadata.packages.len()));
    Ok(())
}

fn wrong_arrows(metadata: &Metadata) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in metadata.packages.iter().filter(|package| !FREE.contains(&package.name.as_str())) {
        let Some(allowed) = allowed(&package.name) else {
            wrong.push(format!("{} stands on no floor yet", package.name));
            continue;
        };
        let ours = |dependency: &&Dependency| dependency.path.is_some() && dependency.kind.as_deref() != Some("dev");
        for dependency in package.dependencies.iter().filter(ours) {
            if !allowed.contains(&dependency.name.as_str()) {
                wrong.push(format!("{} -> {}", package.name, dependency.name));
            }
        }
    }
    wrong
}

/// What the crate `name` may use, unless nobody gave it a place.
fn allowed(name: &str) -> Option<Vec<&'static str>> {
    if let Some((_, allowed)) = EXCEPTIONS.iter().find(|(exception, _)| *exception == name) {
        return Some(allowed.to_vec());
    }
    let floor = FLOORS.iter().position(|floor| floor.contains(&name))?;
    Some(FLOORS[floor + 1..].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependency: &str, kind: Option<&str>) -> Package {
        let dependency =
            Dependency { name: dependency.into(), kind: kind.map(str::to_owned), path: Some("/somewhere".into()) };
        Package { name: name.into(), dependencies: vec![dependency] }
    }

    #[test]
    fn names_arrows_that_point_up_or_sideways() {
        let packages = vec![
            package("baler", "baler-cnb", None),
            package("baler-store", "baler-platform", None),
            package("baler-registry", "baler-store", Some("build")),
            package("baler-launcher", "baler-image", None),
            package("baler-image", "baler-store", Some("dev")),
            package("baler-new", "baler-cnb", None),
        ];
        let expected = [
            "baler-store -> baler-platform",
            "baler-registry -> baler-store",
            "baler-launcher -> baler-image",
            "baler-new stands on no floor yet",
        ];
        assert_eq!(wrong_arrows(&Metadata { packages }), expected);
    }
}
