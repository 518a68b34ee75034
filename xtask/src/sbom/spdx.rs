//! SPDX 2.3.

use baler_image::Digest;
use serde_json::{Value, json};

use super::{Component, Package};

/// The format demands a time; this one says nothing.
const CREATED: &str = "1980-01-01T00:00:01Z";

pub(super) fn document(component: &Component) -> Value {
    let all = || std::iter::once(&component.root).chain(&component.packages);
    let packages: Vec<_> = all().map(entry).collect();
    let mut relationships = vec![relationship("SPDXRef-DOCUMENT", "DESCRIBES", &id(&component.root.url()))];
    for package in all() {
        let used = package.dependencies.iter();
        relationships.extend(used.map(|used| relationship(&id(&package.url()), "DEPENDS_ON", &id(used))));
    }
    let name = format!("{}-{}", component.root.name, component.root.version);
    // Has to differ where the content does.
    let content = Digest::of(Value::from(packages.clone()).to_string().as_bytes());
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/{name}-{}", content.hex()),
        "creationInfo": {"created": CREATED, "creators": ["Tool: cargo-xtask"]},
        "packages": packages,
        "relationships": relationships,
    })
}

fn entry(package: &Package) -> Value {
    let mut entry = json!({
        "SPDXID": id(&package.url()),
        "name": package.name,
        "versionInfo": package.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": package.license.as_deref().unwrap_or("NOASSERTION"),
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package.url()},
        ],
    });
    if let Some(checksum) = &package.checksum {
        let Package { name, version, .. } = package;
        entry["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": checksum}]);
        entry["downloadLocation"] = json!(format!("https://static.crates.io/crates/{name}/{name}-{version}.crate"));
    }
    entry
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}

/// Ids have letters, digits, dots and hyphens.
fn id(url: &str) -> String {
    let name = url.strip_prefix("pkg:cargo/").unwrap_or(url);
    let plain = |character: char| if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' };
    format!("SPDXRef-Package-{}", name.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_no_other_characters() {
        assert_eq!(id("pkg:cargo/serde_json@1.0%2Bx"), "SPDXRef-Package-serde-json-1.0-2Bx");
    }
}
