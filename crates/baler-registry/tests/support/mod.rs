//! What the tests share: an image made in code, a registry with faults, and the real one.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panic, and says what it skips")]

pub mod fake;
pub mod real;

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use baler_image::{Descriptor, Digest, ImageName, Sink, Source, Wanted, media_type};
use baler_registry::{
    Client, Keychain, KeychainContext, RegistrySink, RegistrySource, Repository, RetryPolicy, Settings,
};

/// Bytes that differ everywhere.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub struct Image {
    pub layer: Vec<u8>,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
    pub layer_at: Descriptor,
    pub config_at: Descriptor,
    pub manifest_at: Descriptor,
}

pub fn image(layer_length: usize) -> Image {
    let layer = noise(layer_length);
    let layer_at = Descriptor::of(media_type::OCI_LAYER_GZIP, &layer);
    let diff_id = Digest::of(b"unpacked");
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    );
    let config_at = Descriptor::of(media_type::OCI_CONFIG, config.as_bytes());
    let at = |descriptor: &Descriptor| {
        format!(
            r#"{{"mediaType":"{}","size":{},"digest":"{}"}}"#,
            descriptor.media_type, descriptor.size, descriptor.digest
        )
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}}"#,
        media_type::OCI_MANIFEST,
        at(&config_at),
        at(&layer_at)
    );
    let manifest_at = Descriptor::of(media_type::OCI_MANIFEST, manifest.as_bytes());
    Image { layer, config: config.into(), manifest: manifest.into(), layer_at, config_at, manifest_at }
}

/// Settings for tests: short pauses, no credentials.
pub fn settings() -> Settings {
    let retries =
        RetryPolicy { tries: 4, first_pause: Duration::from_millis(5), longest_pause: Duration::from_secs(2) };
    Settings { retries, stall_timeout: Duration::from_secs(5), ..Settings::default() }
}

pub fn keychain(auth: &str) -> Keychain {
    let variable = |name: &str| (name == "CNB_REGISTRY_AUTH").then(|| auth.to_owned());
    Keychain::from_context(&KeychainContext { variable: &variable, home: None, search: Vec::new() }).unwrap()
}

pub fn client(settings: Settings) -> Arc<Client> {
    Arc::new(Client::new(settings).unwrap())
}

pub fn name(text: &str) -> ImageName {
    text.parse().unwrap()
}

pub fn sink(client: &Arc<Client>, registry: &str, path: &str) -> RegistrySink {
    RegistrySink::new(Arc::clone(client), Repository::new(registry, path))
}

pub fn source(client: &Arc<Client>, registry: &str, path: &str) -> RegistrySource {
    RegistrySource::new(Arc::clone(client), Repository::new(registry, path))
}

pub fn put(sink: &RegistrySink, bytes: &[u8], at: &Descriptor) -> Result<(), baler_image::SinkError> {
    let mut writer = sink.begin_blob()?;
    for piece in bytes.chunks(100_000) {
        writer.write_all(piece).map_err(|error| error.downcast().unwrap())?;
    }
    writer.commit(&at.digest, at.size)
}

/// Pushes an image, and reads it back whole.
pub fn round_trip(client: &Arc<Client>, registry: &str, path: &str) {
    let image = image(12_000_000);
    let sink = sink(client, registry, path);
    sink.check_push().unwrap();
    assert!(!sink.has_blob(&image.layer_at.digest).unwrap());
    put(&sink, &image.layer, &image.layer_at).unwrap();
    put(&sink, &image.config, &image.config_at).unwrap();
    assert!(sink.has_blob(&image.layer_at.digest).unwrap());
    let tagged = name(&format!("{registry}/{path}:1"));
    sink.put_document(&tagged, &image.manifest_at, &image.manifest).unwrap();

    let source = source(client, registry, path);
    let wanted = Wanted::Exactly("linux/amd64".parse().unwrap());
    let by_digest = name(&format!("{registry}/{path}@{}", image.manifest_at.digest));
    for name in [&tagged, &by_digest] {
        let resolved = baler_image::resolve(name, &wanted, &source).unwrap();
        assert_eq!(resolved.digest(), &image.manifest_at.digest);
        assert_eq!(resolved.manifest().raw, image.manifest);
    }
    let mut layer = Vec::new();
    source.blob(&image.layer_at).unwrap().read_to_end(&mut layer).unwrap();
    assert!(layer == image.layer, "the layer came back changed");
    assert!(source.find(&name(&format!("{registry}/{path}:none"))).unwrap().is_none());
}
