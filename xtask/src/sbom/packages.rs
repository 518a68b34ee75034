//! The packages that a program is made of: what cargo resolves for the two architectures, with the checksums of Cargo.lock.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use fs_err as fs;
use serde::Deserialize;

use crate::{build, command, workspace};

/// A program and what it is made of.
pub(crate) struct Component {
    /// The program's own package.
    pub(crate) root: Package,
    /// All others, by name and version.
    pub(crate) packages: Vec<Package>,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression.
    pub(crate) license: Option<String>,
    /// The SHA-256 of its archive; packages of the workspace have none.
    pub(crate) checksum: Option<String>,
    /// The package URLs of the packages that it uses.
    pub(crate) dependencies: BTreeSet<String>,
}

impl Package {
    /// Its package URL.
    pub(crate) fn url(&self) -> String {
        url(&self.name, &self.version)
    }
}

fn url(name: &str, version: &str) -> String {
    // `+` begins the build metadata of a version, and means a space in a URL.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// All packages of the workspace.
pub(super) struct Graph {
    packages: BTreeMap<String, Package>,
    /// Which packages a package uses, by id.
    edges: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct MetadataPackage {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `dev` or `build`; absent for what becomes a part of the program.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    checksum: Option<String>,
}

impl Graph {
    pub(super) fn read() -> Result<Self> {
        let lock: Lock = toml::from_str(&fs::read_to_string(workspace::root().join("Cargo.lock"))?)
            .context("could not read Cargo.lock")?;
        let checksums: BTreeMap<_, _> =
            lock.package.into_iter().map(|package| ((package.name, package.version), package.checksum)).collect();
        let mut graph = Self { packages: BTreeMap::new(), edges: BTreeMap::new() };
        for target in build::TARGETS {
            graph.add(metadata(target)?, &checksums);
        }
        Ok(graph)
    }

    fn add(&mut self, metadata: Metadata, checksums: &BTreeMap<(String, String), Option<String>>) {
        for MetadataPackage { id, name, version, license } in metadata.packages {
            let checksum = checksums.get(&(name.clone(), version.clone())).cloned().flatten();
            // An older form of `OR`.
            let license = license.map(|license| license.replace('/', " OR "));
            let package = Package { name, version, license, checksum, dependencies: BTreeSet::new() };
            self.packages.insert(id, package);
        }
        for Node { id, deps } in metadata.resolve.nodes {
            let used = deps.into_iter().filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            self.edges.entry(id).or_default().extend(used.map(|edge| edge.pkg));
        }
    }

    /// The program of the package `name` of the workspace.
    pub(super) fn component(&self, name: &str) -> Result<Component> {
        let (root, _) = self
            .packages
            .iter()
            .find(|(_, package)| package.name == name && package.checksum.is_none())
            .with_context(|| format!("the workspace has no package {name}"))?;
        let mut reached = BTreeSet::from([root.clone()]);
        let mut next = vec![root.clone()];
        while let Some(id) = next.pop() {
            let used = self.edges.get(&id).into_iter().flatten();
            next.extend(used.filter(|used| reached.insert((*used).clone())).cloned());
        }
        let package = |id: &String| {
            let used = self.edges.get(id).into_iter().flatten();
            let dependencies = used.map(|used| self.packages[used].url()).collect();
            Package { dependencies, ..self.packages[id].clone() }
        };
        let mut packages: Vec<_> = reached.iter().filter(|id| *id != root).map(package).collect();
        packages.sort();
        Ok(Component { root: package(root), packages })
    }
}

fn metadata(target: &str) -> Result<Metadata> {
    let mut metadata = workspace::cargo();
    metadata.args(["metadata", "--locked", "--format-version=1", "--filter-platform", target]);
    serde_json::from_str(&command::read(&mut metadata)?).context("could not read cargo metadata")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_made_of_what_it_uses() {
        let launcher = Graph::read().unwrap().component("baler-launcher").unwrap();
        let has = |name: &str| launcher.packages.iter().find(|package| package.name == name);
        assert_eq!(has("toml").unwrap().checksum.as_ref().map(String::len), Some(64));
        assert_eq!(has("baler-cnb").unwrap().checksum, None);
        assert!(has("baler-launcher").is_none() && has("tempfile").is_none(), "itself, and what its tests use");
        assert!(launcher.root.dependencies.contains(&has("baler-cnb").unwrap().url()));
        assert!(launcher.packages.iter().all(|package| package.license.is_some()));
    }
}
