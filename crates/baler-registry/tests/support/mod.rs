//! What the tests share: settings, views of a repository, and the real registry.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panic, and says what it skips")]

pub mod certificates;
pub mod proxy;
pub mod real;

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baler_image::{Descriptor, Found, ImageName, Sink, Source, SourceError, Wanted};
use baler_registry::{
    Client, Event, Keychain, KeychainContext, Listener, RegistrySink, RegistrySource, Repository, RetryPolicy, Settings,
};
use baler_test_registry::{Fault, Image, Options, TestRegistry, noise};

pub const LENGTH: usize = 12_000_000;

/// An image with one layer of this length.
pub fn image(layer_length: usize) -> Image {
    Image::new("linux/amd64", vec![noise(layer_length)])
}

/// A registry that has nothing.
pub fn empty() -> TestRegistry {
    TestRegistry::start(Options::default()).unwrap()
}

/// A registry that has an image as `app:1`.
pub fn with_image(length: usize) -> (TestRegistry, Image) {
    let (registry, image) = (empty(), image(length));
    registry.push_image("app", Some("1"), &image).unwrap();
    (registry, image)
}

/// Settings for tests: short pauses, no credentials.
pub fn settings() -> Settings {
    let (first_pause, longest_pause) = (Duration::from_millis(5), Duration::from_secs(2));
    let retries = RetryPolicy { tries: 4, first_pause, longest_pause, ..RetryPolicy::default() };
    Settings { retries, stall_timeout: Duration::from_secs(20), ..Settings::default() }
}

/// What a client told.
pub type Heard = Arc<Mutex<Vec<String>>>;

/// Settings that write down what is told.
pub fn heard() -> (Settings, Heard) {
    let heard = Heard::default();
    let own = Arc::clone(&heard);
    // That requests were answered is in the registry's own log.
    let listener = Listener::new(move |event| {
        if !matches!(event, Event::Answered { .. }) {
            own.lock().unwrap().push(event.to_string());
        }
    });
    (Settings { listener, ..settings() }, heard)
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

/// Looks for `app` with this tag or digest.
pub fn find(registry: &TestRegistry, reference: &str) -> Result<Option<Found>, SourceError> {
    find_with(settings(), registry, reference)
}

pub fn find_with(settings: Settings, registry: &TestRegistry, reference: &str) -> Result<Option<Found>, SourceError> {
    let address = registry.address();
    source(&client(settings), &address, "app").find(&name(&format!("{address}/app{reference}")))
}

/// Reads the layer of an image of `app`.
pub fn read_layer(settings: Settings, registry: &TestRegistry, image: &Image) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let mut reader = source(&client(settings), &registry.address(), "app").blob(&image.layers[0].0)?;
    reader.read_to_end(&mut bytes).map_err(|error| error.downcast().unwrap())?;
    Ok(bytes)
}

pub fn put(sink: &RegistrySink, (at, bytes): &(Descriptor, Vec<u8>)) -> Result<(), baler_image::SinkError> {
    let mut writer = sink.begin_blob()?;
    for piece in bytes.chunks(100_000) {
        writer.write_all(piece).map_err(|error| error.downcast().unwrap())?;
    }
    writer.commit(&at.digest, at.size)
}

/// Pushes an image, and reads it back whole.
pub fn round_trip(client: &Arc<Client>, registry: &str, path: &str) {
    let image = image(LENGTH);
    let layer_at = &image.layers[0].0;
    let sink = sink(client, registry, path);
    sink.check_push().unwrap();
    assert!(!sink.has_blob(&layer_at.digest).unwrap());
    put(&sink, &image.layers[0]).unwrap();
    put(&sink, &image.config).unwrap();
    assert!(sink.has_blob(&layer_at.digest).unwrap());
    let tagged = name(&format!("{registry}/{path}:1"));
    sink.put_document(&tagged, &image.manifest.0, &image.manifest.1).unwrap();

    let source = source(client, registry, path);
    let wanted = Wanted::Exactly("linux/amd64".parse().unwrap());
    let by_digest = name(&format!("{registry}/{path}@{}", image.digest()));
    for name in [&tagged, &by_digest] {
        let resolved = baler_image::resolve(name, &wanted, &source).unwrap();
        assert_eq!(resolved.digest(), image.digest());
        assert_eq!(resolved.manifest().raw, image.manifest.1);
    }
    let mut layer = Vec::new();
    source.blob(layer_at).unwrap().read_to_end(&mut layer).unwrap();
    assert!(layer == image.layers[0].1, "the layer came back changed");
    assert!(source.find(&name(&format!("{registry}/{path}:none"))).unwrap().is_none());
}

/// What may befall an upload on its way, and is survived.
pub fn faults_of_uploads() -> [Fault; 6] {
    [
        Fault::ResetBefore,
        Fault::ResetUnanswered,
        Fault::ResetAfter,
        Fault::ResetReceiving(3_000_000),
        Fault::status(503),
        Fault::status(429),
    ]
}
