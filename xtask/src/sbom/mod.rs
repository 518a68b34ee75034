//! Software bills of materials of the programs, made from Cargo.lock: `CycloneDX`, SPDX and Syft, the formats that the
//! Buildpacks specification knows. The same lock file gives the same bytes: no times, no random numbers.

mod cyclonedx;
mod packages;
mod spdx;
mod syft;

use std::path::Path;

use anyhow::Result;
use fs_err as fs;
use serde_json::Value;

pub(crate) use packages::{Component, Package};

/// The programs of a release that have bills of materials, and their crates.
const COMPONENTS: [(&str, &str); 2] = [("lifecycle", "baler"), ("launcher", "baler-launcher")];

/// How a component is written.
type Document = fn(&Component) -> Value;

/// The formats, by the ending of the file.
const FORMATS: [(&str, Document); 3] =
    [("cdx", cyclonedx::document), ("spdx", spdx::document), ("syft", syft::document)];

/// Writes `COMPONENT.sbom.FORMAT.json` for all components and formats into `directory`.
pub(crate) fn write_all(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let graph = packages::Graph::read()?;
    for (name, root) in COMPONENTS {
        let component = graph.component(root)?;
        for (format, document) in FORMATS {
            let bytes = serde_json::to_vec(&document(&component))?;
            fs::write(directory.join(format!("{name}.sbom.{format}.json")), bytes)?;
        }
    }
    Ok(())
}

/// The names of the files that [`write_all`] writes.
pub(crate) fn file_names() -> impl Iterator<Item = String> {
    COMPONENTS.into_iter().flat_map(|(name, _)| FORMATS.map(|(format, _)| format!("{name}.sbom.{format}.json")))
}
