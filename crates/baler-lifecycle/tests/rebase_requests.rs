//! What a rebase in a registry costs: requests are counted, and there is none too many.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::sync::Arc;

use baler_image::{Descriptor, Digest, ImageName, ResolvedImage, Source, Wanted, media_type, resolve};
use baler_lifecycle::log::Silent;
use baler_lifecycle::rebase::{RebaseInputs, RebasePlaces, rebase};
use baler_registry::{Client, RegistrySink, RegistrySource, Settings};
use baler_test_registry::{Fault, Image, Options, Rule, TestRegistry};
use serde_json::{Value, json};

fn diff_id(layer: &str) -> String {
    Digest::of(format!("tar of {layer}").as_bytes()).to_string()
}

/// An image of these layers, each of which is its name.
fn image(layers: &[&str], labels: &Value) -> Image {
    let diff_ids: Vec<String> = layers.iter().map(|layer| diff_id(layer)).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Env": ["CNB_PLATFORM_API=0.15"], "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}
    });
    let layer = |name: &&str| {
        let bytes = name.as_bytes().to_vec();
        (Descriptor::of(media_type::OCI_LAYER_GZIP, &bytes), bytes)
    };
    Image::of(media_type::OCI_CONFIG, config.to_string().into_bytes(), layers.iter().map(layer).collect())
}

fn found(name: &ImageName, source: &dyn Source) -> ResolvedImage {
    resolve(name, &Wanted::Exactly("linux/amd64".parse().unwrap()), source).unwrap()
}

struct Fixture {
    registry: TestRegistry,
    client: Arc<Client>,
}

impl Fixture {
    /// An app on an old run image in `team/app`; in `bases/run` the new one, through an index. They have `shared` in common.
    fn new() -> Self {
        let registry = TestRegistry::start(Options::default()).unwrap();
        let run_image = format!("{}/bases/run:1", registry.address());
        let metadata = json!({
            "app": [{"sha": diff_id("application")}],
            "runImage": {"topLayer": diff_id("old top"), "reference": "x", "image": run_image},
            "stack": {"runImage": {"image": run_image}}
        });
        let labels =
            json!({"io.buildpacks.lifecycle.metadata": metadata.to_string(), "io.buildpacks.rebasable": "true"});
        let app = image(&["shared", "old top", "application"], &labels);
        registry.push_image("team/app", Some("1"), &app).unwrap();
        let new = image(&["shared", "new one", "new top"], &json!({}));
        let other = Image::new("linux/arm64", vec![b"other".to_vec()]);
        registry.push_index("bases/run", "1", &[("linux/arm64", &other), ("linux/amd64", &new)]).unwrap();
        Self { registry, client: Arc::new(Client::new(Settings::default()).unwrap()) }
    }

    fn name(&self, text: &str) -> ImageName {
        format!("{}/{text}", self.registry.address()).parse().unwrap()
    }

    fn source(&self, name: &ImageName) -> RegistrySource {
        RegistrySource::new(Arc::clone(&self.client), name.reference().unwrap().into())
    }

    fn rebase(&self, to: &str) -> ResolvedImage {
        let (app, run_image, to) = (self.name("team/app:1"), self.name("bases/run:1"), self.name(to));
        let (app_source, run_source) = (self.source(&app), self.source(&run_image));
        let sink = RegistrySink::new(Arc::clone(&self.client), to.reference().unwrap().into());
        let inputs = RebaseInputs {
            platform_api: "0.15".parse().unwrap(),
            app: &found(&app, &app_source),
            run_image: &found(&run_image, &run_source),
            force: false,
            created: 0,
            names: &[to],
        };
        let places = RebasePlaces { app: &app_source, run_image: &run_source, sink: &sink };
        rebase(&inputs, &places, &Silent).unwrap().image
    }
}

#[test]
fn a_rebase_in_a_registry_asks_for_nothing_too_much() {
    let fixture = Fixture::new();
    let rebased = fixture.rebase("team/app:1");
    let log = fixture.registry.log();
    let mounts: Vec<_> = log.iter().filter(|request| request.path.contains("mount=")).collect();
    assert!(mounts.len() == 2 && mounts.iter().all(|request| request.status == 201), "{log:#?}");
    let lines = fixture.registry.lines();
    let manifests = lines.iter().filter(|line| line.starts_with("GET ") && line.contains("/manifests/")).count();
    let configs = lines.iter().filter(|line| line.starts_with("GET ") && line.contains("/blobs/")).count();
    // Two reads of the app, three of the run image.
    assert_eq!((manifests, configs), (3, 2), "{lines:#?}");
    let written = &lines[lines.len() - 3..];
    assert_eq!(written[0], "POST /v2/team/app/blobs/uploads/");
    assert!(written[1].starts_with("PUT /v2/team/app/blobs/uploads/"), "{written:?}");
    assert_eq!(written[2], "PUT /v2/team/app/manifests/1");
    assert_eq!(lines.len(), 5 + 2 + 2 + 1, "{lines:#?}");
    let diff_ids: Vec<String> = rebased.layers().iter().map(|layer| layer.diff_id.to_string()).collect();
    assert_eq!(diff_ids, ["shared", "new one", "new top", "application"].map(diff_id));
    assert_eq!(fixture.registry.manifest("team/app", "1").unwrap(), rebased.manifest().raw);
}

#[test]
fn what_cannot_be_mounted_is_sent() {
    let fixture = Fixture::new();
    fixture.registry.rule(Rule::new("POST", "*?mount=*", Fault::NoMount).always());
    fixture.rebase("team/app:1");
    for layer in ["new one", "new top"] {
        assert_eq!(fixture.registry.blob("team/app", &Digest::of(layer.as_bytes())).unwrap(), layer.as_bytes());
    }
    assert_eq!(fixture.registry.uploads(), 0);
}

#[test]
fn another_repository_takes_all_layers_over() {
    let fixture = Fixture::new();
    fixture.rebase("elsewhere/app:1");
    let log = fixture.registry.log();
    let mounted = log.iter().filter(|request| request.path.contains("mount=") && request.status == 201).count();
    assert_eq!(mounted, 4, "{log:#?}");
    assert!(log.iter().all(|request| request.method != "PATCH" && request.method != "HEAD"), "{log:#?}");
}
