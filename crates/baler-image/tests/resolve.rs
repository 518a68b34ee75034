//! A table of what a name can lead to, and what `resolve` makes of it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use baler_image::{
    Descriptor, Digest, Found, ImageName, Place, Platform, ResolveError, ResolvedImage, Source, SourceError, Wanted,
    media_type, resolve,
};
use serde_json::{Value, json};

/// A place in memory. What `name` points at is the last document put in.
#[derive(Default)]
struct Memory {
    blobs: BTreeMap<Digest, Vec<u8>>,
    points_at: Option<(String, Digest)>,
    is_unreachable: bool,
    finds: AtomicUsize,
}

impl Source for Memory {
    fn place(&self) -> Place {
        Place::Store
    }

    fn find(&self, _: &ImageName) -> Result<Option<Found>, SourceError> {
        self.finds.fetch_add(1, Ordering::Relaxed);
        if self.is_unreachable {
            return Err(SourceError::Read { place: Place::Store, source: io::ErrorKind::TimedOut.into() });
        }
        let found = |(media_type, digest): &(String, Digest)| Found {
            media_type: media_type.clone(),
            digest: digest.clone(),
            bytes: self.blobs[digest].clone(),
        };
        Ok(self.points_at.as_ref().map(found))
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let absent = || SourceError::AbsentBlob { place: Place::Store, digest: descriptor.digest.clone() };
        self.blobs.get(&descriptor.digest).cloned().ok_or_else(absent)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        panic!("resolving reads documents, never the blob {}", descriptor.digest);
    }
}

impl Memory {
    fn put(&mut self, media_type: &str, document: &Value) -> Value {
        let bytes = serde_json::to_vec(document).unwrap();
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs.insert(descriptor.digest.clone(), bytes);
        self.points_at = Some((media_type.to_owned(), descriptor.digest.clone()));
        serde_json::to_value(descriptor).unwrap()
    }

    /// An image whose config names the platform given as `os/architecture[/variant]`, or none if that is empty.
    fn image(&mut self, platform: &str) -> Value {
        let mut config = json!({ "rootfs": { "type": "layers", "diff_ids": [] } });
        for (field, value) in ["os", "architecture", "variant"].iter().zip(platform.split('/')) {
            if !value.is_empty() {
                config[field] = value.into();
            }
        }
        let config = self.put(media_type::OCI_CONFIG, &config);
        self.manifest(&config)
    }

    fn manifest(&mut self, config: &Value) -> Value {
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": [] });
        self.put(media_type::OCI_MANIFEST, &manifest)
    }

    fn index(&mut self, manifests: &[Value]) -> Value {
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests });
        self.put(media_type::OCI_INDEX, &index)
    }

    fn resolve(&self, wanted: &Wanted) -> Result<ResolvedImage, ResolveError> {
        let result = resolve(&"registry.example/app:1".parse().unwrap(), wanted, self);
        assert_eq!(self.finds.swap(0, Ordering::Relaxed), 1, "a name is looked up once");
        result
    }

    fn exactly(&self, platform: &str) -> Result<ResolvedImage, ResolveError> {
        self.resolve(&Wanted::Exactly(platform.parse().unwrap()))
    }

    fn preferably(&self, platform: &str) -> Result<ResolvedImage, ResolveError> {
        self.resolve(&Wanted::Preferably(platform.parse().unwrap()))
    }
}

/// An index entry with its platform.
fn listed(mut descriptor: Value, platform: &str) -> Value {
    let names = ["os", "architecture", "variant"];
    descriptor["platform"] = names.iter().zip(platform.split('/')).map(|(name, part)| (*name, part)).collect();
    descriptor
}

fn digest(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

fn no_platform(result: Result<ResolvedImage, ResolveError>) -> Vec<String> {
    match result {
        Err(ResolveError::NoPlatform { has, .. }) => has.iter().map(Platform::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn absent_and_unreachable_are_different() {
    let mut source = Memory::default();
    assert!(matches!(source.exactly("linux/amd64"), Err(ResolveError::NotFound { .. })));
    source.is_unreachable = true;
    assert!(matches!(
        source.exactly("linux/amd64"),
        Err(ResolveError::Source { source: SourceError::Read { .. }, .. })
    ));
}

#[test]
fn a_single_image() {
    let mut source = Memory::default();
    let image = source.image("linux/arm64");
    let resolved = source.exactly("linux/arm64").unwrap();
    assert_eq!((resolved.digest(), resolved.index_digest()), (&digest(&image), None));
    assert_eq!(resolved.name().given(), "registry.example/app:1");
    assert_eq!(resolved.descriptor().digest, digest(&image));
    assert_eq!(no_platform(source.exactly("linux/amd64")), ["linux/arm64"]);
    assert_eq!(source.preferably("linux/amd64").unwrap().platform().to_string(), "linux/arm64");
}

#[test]
fn a_single_image_that_names_no_platform_is_for_the_one_that_is_wanted() {
    let mut source = Memory::default();
    source.image("");
    assert_eq!(source.exactly("linux/s390x").unwrap().platform().to_string(), "linux/s390x");
}

#[test]
fn an_index_gives_the_best_platform() {
    // What an index lists, what is wanted, which entry is taken.
    let table: &[(&[&str], &str, Option<usize>)] = &[
        (&["linux/amd64", "linux/arm64"], "linux/arm64", Some(1)),
        (&["linux/amd64", "linux/arm64/v8"], "linux/arm64", Some(1)),
        (&["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v6", Some(1)),
        (&["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", Some(1)),
        (&["linux/arm/v7"], "linux/arm/v6", None),
        (&["linux/amd64", "linux/amd64/v2", "linux/amd64/v3"], "linux/amd64/v2", Some(1)),
        (&["linux/amd64/v3", "linux/amd64"], "linux/amd64", Some(1)),
        (&["linux/amd64/v3"], "linux/amd64", None),
        (&["linux/amd64", "linux/amd64"], "linux/amd64", Some(0)),
        (&["windows/amd64", "linux/s390x"], "linux/amd64", None),
        (&["Linux/x86_64"], "linux/amd64", Some(0)),
        (&[], "linux/amd64", None),
    ];
    for (platforms, wanted, expected) in table {
        let mut source = Memory::default();
        // The configs differ in their labels only, so that each image has a digest of its own.
        let mut entries = Vec::new();
        for (number, platform) in platforms.iter().enumerate() {
            let mut config =
                json!({ "rootfs": { "diff_ids": null }, "config": { "Labels": { "n": number.to_string() } } });
            for (field, value) in ["os", "architecture", "variant"].iter().zip(platform.split('/')) {
                config[field] = value.into();
            }
            let config = source.put(media_type::OCI_CONFIG, &config);
            entries.push(listed(source.manifest(&config), platform));
        }
        let index = source.index(&entries);
        for result in [source.exactly(wanted), source.preferably(wanted)] {
            match expected {
                Some(position) => {
                    let resolved = result.unwrap();
                    assert_eq!(resolved.digest(), &digest(&entries[*position]), "{wanted} in {platforms:?}");
                    assert_eq!(resolved.index_digest(), Some(&digest(&index)));
                }
                None => assert_eq!(no_platform(result).len(), platforms.len(), "{wanted} in {platforms:?}"),
            }
        }
    }
}

#[test]
fn an_index_without_the_platform_says_what_it_has() {
    let mut source = Memory::default();
    let entries =
        ["linux/s390x", "linux/amd64", "linux/amd64"].map(|platform| listed(source.image(platform), platform));
    let index = source.index(&entries);
    let Err(ResolveError::NoPlatform { wanted, has, index_digest, .. }) = source.exactly("linux/arm64") else {
        panic!()
    };
    assert_eq!(wanted.to_string(), "linux/arm64");
    assert_eq!(has.iter().map(Platform::to_string).collect::<Vec<_>>(), ["linux/amd64", "linux/s390x"]);
    assert_eq!(index_digest, Some(digest(&index)));
}

#[test]
fn attestations_are_no_images() {
    let mut source = Memory::default();
    let image = listed(source.image("linux/amd64"), "linux/amd64");
    let mut attestation = listed(source.image("unknown/unknown"), "unknown/unknown");
    attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let mut signature = source.manifest(&json!({ "digest": Digest::of(b"gone"), "size": 4, "mediaType": "x/y" }));
    signature["artifactType"] = "application/vnd.example.signature".into();
    source.index(&[attestation, signature, image.clone()]);
    assert_eq!(source.exactly("linux/amd64").unwrap().digest(), &digest(&image));
    assert_eq!(no_platform(source.exactly("linux/arm64")), ["linux/amd64"]);
}

#[test]
fn artifacts_beside_images_are_left_out() {
    let mut source = Memory::default();
    let config = source.put("application/vnd.example.chart", &json!({ "name": "chart" }));
    let chart = source.manifest(&config);
    let image = source.image("linux/amd64");
    source.index(&[chart.clone(), image.clone()]);
    assert_eq!(source.exactly("linux/amd64").unwrap().digest(), &digest(&image));
    assert_eq!(no_platform(source.exactly("linux/arm64")), ["linux/amd64"]);
    source.points_at = Some((media_type::OCI_MANIFEST.to_owned(), digest(&chart)));
    assert!(matches!(source.exactly("linux/amd64"), Err(ResolveError::NotAnImage { .. })));
}

#[test]
fn nested_indexes_are_followed_but_not_without_end() {
    let mut source = Memory::default();
    let image = listed(source.image("linux/arm64"), "linux/arm64");
    let mut index = source.index(std::slice::from_ref(&image));
    for level in 2..=5 {
        let other = listed(source.image("linux/amd64"), "linux/amd64");
        index = source.index(&[other, index]);
        let result = source.exactly("linux/arm64");
        if level <= 4 {
            let resolved = result.unwrap();
            assert_eq!((resolved.digest(), resolved.index_digest()), (&digest(&image), Some(&digest(&index))));
        } else {
            assert!(matches!(result, Err(ResolveError::TooDeep { .. })), "{result:?}");
        }
    }
}

#[test]
fn entries_without_a_platform_are_judged_by_their_config() {
    for untyped in [false, true] {
        let mut source = Memory::default();
        let mut entries = ["linux/amd64", "linux/arm64", ""].map(|platform| source.image(platform));
        if untyped {
            for entry in &mut entries {
                entry["mediaType"] = "".into();
            }
        }
        source.index(&entries[..2]);
        assert_eq!(source.exactly("linux/arm64").unwrap().digest(), &digest(&entries[1]));
        assert_eq!(no_platform(source.exactly("linux/s390x")), ["linux/amd64", "linux/arm64"]);
        // An entry that names its platform goes before one that does not.
        let named = listed(entries[2].clone(), "linux/arm64");
        source.index(&[entries[1].clone(), named]);
        assert_eq!(source.exactly("linux/arm64").unwrap().digest(), &digest(&entries[2]));
    }
}

#[test]
fn an_incomplete_platform_is_as_good_as_none() {
    let mut source = Memory::default();
    let mut entry = source.image("linux/amd64");
    for platform in [json!({}), json!(null), json!({ "os": "linux" }), json!({ "architecture": "", "os": "" })] {
        entry["platform"] = platform;
        source.index(std::slice::from_ref(&entry));
        assert_eq!(source.exactly("linux/amd64").unwrap().platform().to_string(), "linux/amd64");
    }
}

#[test]
fn an_untyped_entry_may_be_an_index() {
    let mut source = Memory::default();
    let image = listed(source.image("linux/amd64"), "linux/amd64");
    let mut inner = source.index(std::slice::from_ref(&image));
    inner.as_object_mut().unwrap().remove("mediaType");
    source.index(&[inner]);
    assert_eq!(source.exactly("linux/amd64").unwrap().digest(), &digest(&image));
}

#[test]
fn the_index_completes_what_a_config_leaves_out() {
    // What the config says, what the index says, what the image is for.
    let table = [
        ("linux/arm", "linux/arm/v6", "linux/arm/v6"),
        ("linux/arm/v5", "linux/arm/v6", "linux/arm/v5"),
        ("", "linux/arm/v6", "linux/arm/v6"),
        ("linux/amd64", "linux/amd64/v2", "linux/amd64/v2"),
        ("linux/arm/v7", "linux/arm/v6", "linux/arm/v7"),
    ];
    for (config, index, expected) in table {
        let mut source = Memory::default();
        let entry = listed(source.image(config), index);
        source.index(&[entry]);
        assert_eq!(source.exactly(index).unwrap().platform().to_string(), expected, "{config}, {index}");
    }
    // Another processor is another image, for who must have that one.
    let mut source = Memory::default();
    let entry = listed(source.image("linux/amd64"), "linux/arm64");
    source.index(&[entry]);
    let refused = source.exactly("linux/arm64").unwrap_err();
    let ResolveError::Disagreement { source: disagreement, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(
        (disagreement.listed.to_string(), disagreement.stated.to_string()),
        ("linux/arm64".into(), "linux/amd64".into())
    );
    assert_eq!(source.preferably("linux/arm64").unwrap().platform().to_string(), "linux/amd64");
}

#[test]
fn documents_are_what_they_say_they_are() {
    let mut source = Memory::default();
    let image = source.image("linux/amd64");
    // The place's word for it does not matter: registries get it wrong.
    for wrong in ["", "application/json", media_type::OCI_INDEX] {
        source.points_at = Some((wrong.to_owned(), digest(&image)));
        assert!(source.exactly("linux/amd64").is_ok(), "{wrong}");
    }
    // Without a word of its own, the shape decides.
    let manifest: Value = serde_json::from_slice(&source.blobs[&digest(&image)]).unwrap();
    source.put("", &json!({ "schemaVersion": 2, "config": manifest["config"], "layers": [] }));
    assert!(source.exactly("linux/amd64").is_ok());
    source.put("", &json!({ "schemaVersion": 2, "manifests": [listed(image.clone(), "linux/amd64")] }));
    assert_eq!(source.exactly("linux/amd64").unwrap().digest(), &digest(&image));
    // A word that the shape belies, and no shape at all.
    for document in [
        json!({ "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "manifests": [] }),
        json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "config": manifest["config"], "layers": [] }),
        json!({ "schemaVersion": 1 }),
        json!({}),
    ] {
        source.put("", &document);
        let result = source.exactly("linux/amd64");
        assert!(matches!(result, Err(ResolveError::NotAnImage { .. })), "{document}: {result:?}");
    }
}

#[test]
fn what_is_no_image_says_what_it_is() {
    let mut source = Memory::default();
    source.put("", &json!({ "schemaVersion": 1, "fsLayers": [], "history": [] }));
    assert!(matches!(source.exactly("linux/amd64"), Err(ResolveError::Schema1 { .. })));
    let empty = source.put("application/vnd.oci.empty.v1+json", &json!({}));
    let layers = json!([empty]);
    let artifact = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": "application/sbom", "config": empty, "layers": layers });
    let older = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.artifact.manifest.v1+json", "artifactType": "application/sbom", "blobs": [] });
    for document in [artifact, older] {
        source.put("", &document);
        let result = source.exactly("linux/amd64");
        let Err(ResolveError::NotAnImage { media_type, .. }) = &result else { panic!("{result:?}") };
        assert_eq!(media_type, "application/sbom");
    }
}

#[test]
fn docker_documents_are_read_as_well() {
    let mut source = Memory::default();
    let config = json!({ "architecture": "amd64", "os": "linux", "rootfs": { "diff_ids": [] } });
    let config = source.put(media_type::DOCKER_CONFIG, &config);
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": media_type::DOCKER_MANIFEST, "config": config, "layers": [] });
    let manifest = listed(source.put(media_type::DOCKER_MANIFEST, &manifest), "linux/amd64");
    source.put(
        media_type::DOCKER_INDEX,
        &json!({ "schemaVersion": 2, "mediaType": media_type::DOCKER_INDEX, "manifests": [manifest] }),
    );
    let resolved = source.exactly("linux/amd64").unwrap();
    assert_eq!(resolved.family(), media_type::Family::Docker);
    assert_eq!(resolved.descriptor().media_type, media_type::DOCKER_MANIFEST);
}

#[test]
fn damaged_images_are_not_images_without_layers() {
    // A document cut off in the middle.
    let mut source = Memory::default();
    let image = source.image("linux/amd64");
    let bytes = source.blobs.get_mut(&digest(&image)).unwrap();
    bytes.truncate(bytes.len() / 2);
    assert!(matches!(source.exactly("linux/amd64"), Err(ResolveError::Malformed { .. })));

    // A config that is not there, and one without a list of diffIDs.
    let mut source = Memory::default();
    source.manifest(&json!({ "digest": Digest::of(b"gone"), "size": 4, "mediaType": media_type::OCI_CONFIG }));
    let result = source.exactly("linux/amd64");
    assert!(matches!(result, Err(ResolveError::Source { source: SourceError::AbsentBlob { .. }, .. })), "{result:?}");
    let config = source.put(media_type::OCI_CONFIG, &json!({ "os": "linux", "architecture": "amd64" }));
    source.manifest(&config);
    assert!(matches!(source.exactly("linux/amd64"), Err(ResolveError::Malformed { .. })));

    // Fewer diffIDs than layers.
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "diff_ids": [] } });
    let config = source.put(media_type::OCI_CONFIG, &config);
    let layer = json!({ "digest": Digest::of(b"layer"), "size": 5, "mediaType": media_type::OCI_LAYER_GZIP });
    source.put("", &json!({ "schemaVersion": 2, "config": config, "layers": [layer] }));
    assert!(matches!(source.exactly("linux/amd64"), Err(ResolveError::Inconsistent { .. })));

    // An index whose entry is not there.
    let gone = json!({ "digest": Digest::of(b"gone"), "size": 4, "mediaType": media_type::OCI_MANIFEST });
    source.index(&[listed(gone, "linux/amd64")]);
    let result = source.exactly("linux/amd64");
    assert!(matches!(result, Err(ResolveError::Source { source: SourceError::AbsentBlob { .. }, .. })), "{result:?}");
}
