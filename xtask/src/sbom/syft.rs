//! The JSON of Syft, schema 16.

use baler_image::Digest;
use serde_json::{Value, json};

use super::{Component, Package};

const SCHEMA: &str = "16.0.0";

pub(super) fn document(component: &Component) -> Value {
    let all = || std::iter::once(&component.root).chain(&component.packages);
    let relationships = |package: &Package| {
        let parent_of =
            |used: &String| json!({"parent": id(used), "child": id(&package.url()), "type": "dependency-of"});
        package.dependencies.iter().map(parent_of).collect::<Vec<_>>()
    };
    json!({
        "artifacts": all().map(artifact).collect::<Vec<_>>(),
        "artifactRelationships": all().flat_map(relationships).collect::<Vec<_>>(),
        "source": {
            "id": id(&component.root.url()),
            "name": component.root.name,
            "version": component.root.version,
            "type": "file",
            "metadata": {"path": "Cargo.lock"},
        },
        "distro": {},
        "descriptor": {"name": "cargo-xtask", "version": component.root.version},
        "schema": {
            "version": SCHEMA,
            "url": format!("https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-{SCHEMA}.json"),
        },
    })
}

fn artifact(package: &Package) -> Value {
    let license =
        |text: &String| json!({"value": text, "spdxExpression": text, "type": "declared", "urls": [], "locations": []});
    json!({
        "id": id(&package.url()),
        "name": package.name,
        "version": package.version,
        "type": "rust-crate",
        "foundBy": "rust-cargo-lock-cataloger",
        "locations": [{"path": "/Cargo.lock", "accessPath": "/Cargo.lock"}],
        "licenses": package.license.iter().map(license).collect::<Vec<_>>(),
        "language": "rust",
        "cpes": [],
        "purl": package.url(),
        "metadataType": "rust-cargo-lock-entry",
        "metadata": {
            "name": package.name,
            "version": package.version,
            "source": package.checksum.as_ref().map_or("", |_| "registry+https://github.com/rust-lang/crates.io-index"),
            "checksum": package.checksum.as_deref().unwrap_or_default(),
            "dependencies": package.dependencies,
        },
    })
}

/// Sixteen digits that stand for a package.
fn id(url: &str) -> String {
    Digest::of(url.as_bytes()).hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relationships_go_from_what_is_used_to_its_user() {
        let package = |name: &str, uses: &[&str]| Package {
            name: name.into(),
            version: "1".into(),
            license: None,
            checksum: None,
            dependencies: uses.iter().map(|used| format!("pkg:cargo/{used}@1")).collect(),
        };
        let document = document(&Component { root: package("a", &["b"]), packages: vec![package("b", &[])] });
        let [a, b] = [0, 1].map(|index| document["artifacts"][index]["id"].clone());
        let expected = json!([{"parent": b, "child": a, "type": "dependency-of"}]);
        assert_eq!(document["artifactRelationships"], expected);
    }
}
