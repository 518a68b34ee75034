//! Images of the store, in a registry and in an index there.

use baler_image::{Descriptor, Digest, media_type};
use baler_test_registry::{Image, TestRegistry, index};

use super::program::Place;

/// What a tag of a registry stands for: an index that has an image of the store, and one for another platform.
pub struct Indexed {
    pub index: Digest,
    pub manifest: Digest,
    /// The diffID of the image's last layer.
    pub top_layer: String,
}

impl Indexed {
    /// Has `repository:tag` be an index of its own, for the image `name` of the store. Nobody needs to be logged in.
    pub fn push(place: &Place, name: &str, registry: &TestRegistry, (repository, tag): (&str, &str)) -> Self {
        place.run(&["push", name, &format!("{}/{repository}:single", registry.address())]).success();
        let bytes = registry.manifest(repository, "single").unwrap();
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let config = document["config"]["digest"].as_str().unwrap().parse().unwrap();
        let config: serde_json::Value = serde_json::from_slice(&registry.blob(repository, &config).unwrap()).unwrap();
        let foreign = Image::new("linux/arm64", vec![b"foreign".to_vec()]);
        let descriptor = Descriptor::of(media_type::OCI_MANIFEST, &bytes);
        let manifest = descriptor.digest.clone();
        let own = Image { manifest: (descriptor, bytes), ..Image::new("linux/amd64", Vec::new()) };
        registry.push_image(repository, None, &foreign).unwrap();
        let both = index(&[("linux/arm64", &foreign), ("linux/amd64", &own)]);
        let index = registry.put_manifest(repository, Some(tag), media_type::OCI_INDEX, &both).unwrap();
        let top_layer = config["rootfs"]["diff_ids"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        Self { index, manifest, top_layer }
    }
}
