//! The kinds of documents: what a name can point at.

use std::collections::BTreeMap;

use baler_image::{Descriptor, Digest, media_type};
use serde_json::{Value, json};

/// A document with all that belongs to it.
#[derive(Default)]
pub(crate) struct Document {
    /// What the name points at: its media type as a registry is told, and its bytes.
    pub(crate) top: (String, Vec<u8>),
    /// Other manifests and indexes.
    pub(crate) manifests: Vec<(String, Vec<u8>)>,
    /// Configs.
    pub(crate) blobs: Vec<Vec<u8>>,
    /// The images, by what the table calls them.
    pub(crate) images: BTreeMap<String, Digest>,
}

impl Document {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.top.1)
    }

    pub(crate) fn is_index(&self) -> bool {
        serde_json::from_slice::<Value>(&self.top.1).is_ok_and(|value| value["manifests"].is_array())
    }

    fn blob(&mut self, media_type: &str, value: &Value) -> Value {
        let bytes = serde_json::to_vec(value).unwrap();
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs.push(bytes);
        serde_json::to_value(descriptor).unwrap()
    }

    fn manifest(&mut self, media_type: &str, value: &Value) -> Value {
        let bytes = serde_json::to_vec(value).unwrap();
        let descriptor = Descriptor::of(media_type, &bytes);
        self.manifests.push((media_type.to_owned(), bytes));
        serde_json::to_value(descriptor).unwrap()
    }

    /// An image whose config names this platform, or none; the table calls it `name`.
    fn image(&mut self, name: &str, platform: &str, family: Family) -> Value {
        let mut config =
            json!({ "rootfs": { "type": "layers", "diff_ids": [] }, "config": { "Labels": { "name": name } } });
        set_platform(&mut config, platform);
        let config = self.blob(family.config, &config);
        let mut manifest = json!({ "schemaVersion": 2, "config": config, "layers": [] });
        if family.is_typed {
            manifest["mediaType"] = family.manifest.into();
        }
        let entry = self.manifest(family.manifest, &manifest);
        self.images.insert(name.to_owned(), entry["digest"].as_str().unwrap().parse().unwrap());
        entry
    }

    /// The last manifest is what the name points at.
    fn on_top(mut self) -> Self {
        self.top = self.manifests.pop().unwrap();
        self
    }

    fn index(&mut self, family: Family, entries: &[Value]) -> Value {
        let mut index = json!({ "schemaVersion": 2, "manifests": entries });
        if family.is_typed {
            index["mediaType"] = family.index.into();
        }
        self.manifest(family.index, &index)
    }
}

/// The words of a family of documents.
#[derive(Clone, Copy)]
struct Family {
    config: &'static str,
    manifest: &'static str,
    index: &'static str,
    /// Whether documents say what they are.
    is_typed: bool,
}

const OCI: Family = Family {
    config: media_type::OCI_CONFIG,
    manifest: media_type::OCI_MANIFEST,
    index: media_type::OCI_INDEX,
    is_typed: true,
};
const DOCKER: Family = Family {
    config: media_type::DOCKER_CONFIG,
    manifest: media_type::DOCKER_MANIFEST,
    index: media_type::DOCKER_INDEX,
    is_typed: true,
};
const UNTYPED: Family = Family { is_typed: false, ..OCI };

fn set_platform(value: &mut Value, platform: &str) {
    let (platform, version) = platform.split_once(' ').unwrap_or((platform, ""));
    for (field, part) in ["os", "architecture", "variant"].iter().zip(platform.split('/')) {
        if !part.is_empty() {
            value[field] = part.into();
        }
    }
    if !version.is_empty() {
        value["os.version"] = version.into();
    }
}

fn listed(mut entry: Value, platform: &str) -> Value {
    entry["platform"] = json!({});
    set_platform(&mut entry["platform"], platform);
    entry
}

/// An index of these platforms; the images are called by them.
fn index_of(family: Family, platforms: &[&str]) -> Document {
    let mut document = Document::default();
    let mut entries = Vec::new();
    for platform in platforms {
        let image = document.image(platform, platform, family);
        entries.push(listed(image, platform));
    }
    document.index(family, &entries);
    document.on_top()
}

/// An index of images: what the table calls them, for which platform they are listed, or for none, and which they say.
fn listed_as(images: &[(&str, &str, &str)]) -> Document {
    let mut document = Document::default();
    let mut entries = Vec::new();
    for (name, platform, stated) in images {
        let image = document.image(name, stated, OCI);
        entries.push(if platform.is_empty() { image } else { listed(image, platform) });
    }
    document.index(OCI, &entries);
    document.on_top()
}

fn single(family: Family, platform: &str) -> Document {
    let mut document = Document::default();
    document.image("image", platform, family);
    document.on_top()
}

/// The document of this name in the table.
pub(crate) fn document(name: &str) -> Document {
    let mut document = Document::default();
    match name {
        "oci manifest" => single(OCI, "linux/amd64"),
        "docker manifest" => single(DOCKER, "linux/amd64"),
        "untyped manifest" => single(UNTYPED, "linux/amd64"),
        "manifest without a platform" => single(OCI, ""),
        "oci index" => index_of(OCI, &["linux/amd64", "linux/arm64", "linux/s390x"]),
        "docker list" => index_of(DOCKER, &["linux/amd64", "linux/arm64", "linux/s390x"]),
        "untyped index" => index_of(UNTYPED, &["linux/amd64", "linux/arm64"]),
        "empty index" => index_of(OCI, &[]),
        "arm variants" => index_of(OCI, &["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"]),
        "arm64 v8" => index_of(OCI, &["linux/amd64", "linux/arm64/v8"]),
        "amd64 levels" => index_of(OCI, &["linux/amd64", "linux/amd64/v2", "linux/amd64/v3"]),
        "amd64 v3 alone" => index_of(OCI, &["linux/amd64/v3"]),
        "windows versions" => index_of(OCI, &["windows/amd64 10.0.1", "windows/amd64 10.0.2", "linux/amd64"]),
        "docker image in oci index" => {
            let image = document.image("docker", "linux/amd64", DOCKER);
            let entry = listed(image, "linux/amd64");
            document.index(OCI, &[entry]);
            document.on_top()
        }
        "entries without platform" => {
            let entries = ["linux/amd64", "linux/arm64"].map(|platform| document.image(platform, platform, OCI));
            document.index(OCI, &entries);
            document.on_top()
        }
        "index that lists wrongly" => {
            listed_as(&[("liar", "linux/arm64", "linux/amd64"), ("true", "linux/s390x", "linux/s390x")])
        }
        "wrong entry before a right one" => {
            listed_as(&[("liar", "linux/arm64", "linux/amd64"), ("true", "linux/arm64", "linux/arm64")])
        }
        "wrong entry before an unlisted one" => {
            listed_as(&[("liar", "linux/arm64", "linux/amd64"), ("true", "", "linux/arm64")])
        }
        "wrong variant" => listed_as(&[("image", "linux/arm/v6", "linux/arm/v7")]),
        "variant in the index alone" => listed_as(&[("image", "linux/arm/v7", "linux/arm")]),
        "older variant than listed" => listed_as(&[("image", "linux/arm/v7", "linux/arm/v6")]),
        "platform in the index alone" => listed_as(&[("image", "linux/arm64", "")]),
        "another name of the processor" => listed_as(&[("image", "linux/arm64", "linux/aarch64")]),
        "unknown beside an image" => {
            listed_as(&[("unknown", "unknown/unknown", "unknown/unknown"), ("image", "linux/amd64", "linux/amd64")])
        }
        "index with attestations" => {
            let image = document.image("image", "linux/amd64", OCI);
            let mut attestation = listed(document.image("attestation", "unknown/unknown", OCI), "unknown/unknown");
            attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
            let image = listed(image, "linux/amd64");
            document.index(OCI, &[attestation, image]);
            document.on_top()
        }
        "index with a chart" => {
            let config = document.blob("application/vnd.example.chart", &json!({ "name": "chart" }));
            let chart = json!({ "schemaVersion": 2, "mediaType": OCI.manifest, "config": config, "layers": [] });
            let chart = document.manifest(OCI.manifest, &chart);
            let image = listed(document.image("image", "linux/amd64", OCI), "linux/amd64");
            document.index(OCI, &[chart, image]);
            document.on_top()
        }
        "chart" => {
            let config = document.blob("application/vnd.example.chart", &json!({ "name": "chart" }));
            let chart = json!({ "schemaVersion": 2, "mediaType": OCI.manifest, "config": config, "layers": [] });
            document.manifest(OCI.manifest, &chart);
            document.on_top()
        }
        "nested index" => nested(2),
        "index nested too deep" => nested(5),
        "index with a missing entry" => {
            let image = listed(document.image("image", "linux/amd64", OCI), "linux/amd64");
            let gone = json!({ "mediaType": OCI.manifest, "digest": Digest::of(b"gone"), "size": 4 });
            document.index(OCI, &[image, listed(gone, "linux/arm64")]);
            document.on_top()
        }
        "fewer diffIDs than layers" => {
            let config =
                json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [] } });
            let config = document.blob(OCI.config, &config);
            let layer = document.blob(media_type::OCI_LAYER_GZIP, &json!("layer"));
            let manifest =
                json!({ "schemaVersion": 2, "mediaType": OCI.manifest, "config": config, "layers": [layer] });
            document.manifest(OCI.manifest, &manifest);
            document.on_top()
        }
        other => panic!("the table has a document that nobody makes: {other}"),
    }
}

fn nested(levels: usize) -> Document {
    let mut document = Document::default();
    let mut entry = listed(document.image("inner", "linux/arm64", OCI), "linux/arm64");
    for level in 0..levels {
        let other = document.image(&format!("outer {level}"), "linux/amd64", OCI);
        entry = document.index(OCI, &[listed(other, "linux/amd64"), entry]);
    }
    document.on_top()
}
