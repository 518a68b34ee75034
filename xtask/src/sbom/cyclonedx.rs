//! `CycloneDX` 1.5.

use serde_json::{Value, json};

use super::{Component, Package};

pub(super) fn document(component: &Component) -> Value {
    let all = std::iter::once(&component.root).chain(&component.packages);
    let dependencies: Vec<_> =
        all.map(|package| json!({"ref": package.url(), "dependsOn": package.dependencies})).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": entry(&component.root, "application")},
        "components": component.packages.iter().map(|package| entry(package, "library")).collect::<Vec<_>>(),
        "dependencies": dependencies,
    })
}

fn entry(package: &Package, kind: &str) -> Value {
    let mut entry = json!({
        "type": kind,
        "bom-ref": package.url(),
        "name": package.name,
        "version": package.version,
        "purl": package.url(),
    });
    if let Some(checksum) = &package.checksum {
        entry["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    if let Some(license) = &package.license {
        entry["licenses"] = json!([{"expression": license}]);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_names_each_package_once() {
        let package = |name: &str| Package {
            name: name.into(),
            version: "1.0+x".into(),
            license: Some("MIT".into()),
            checksum: None,
            dependencies: ["pkg:cargo/b@1".to_owned()].into(),
        };
        let document = document(&Component { root: package("a"), packages: vec![package("b")] });
        assert_eq!(document["metadata"]["component"]["purl"], "pkg:cargo/a@1.0%2Bx");
        assert_eq!(document["components"][0]["licenses"][0]["expression"], "MIT");
        assert_eq!(document["dependencies"][0]["dependsOn"][0], "pkg:cargo/b@1");
    }
}
