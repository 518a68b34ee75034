use baler_cnb::api::PlatformApi;
use baler_cnb::labels::{LIFECYCLE_METADATA, encode};
use baler_cnb::project_metadata::ProjectMetadata;
use baler_image::{Identity, Parts, Place, ResolvedImage, RootFs};

use super::*;
use crate::analyze::Previous;
use crate::export::Launcher;
use crate::layers_directory::LayerId;

/// An image whose layers are named by their content.
fn image(layers: &[&str], family: Family) -> ResolvedImage {
    let config = ImageConfig {
        os: "linux".into(),
        architecture: "amd64".into(),
        rootfs: RootFs { kind: "layers".into(), diff_ids: layers.iter().map(|layer| diff_id(layer)).collect() },
        ..ImageConfig::default()
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(family.manifest().to_owned()),
        config: Descriptor::of(family.config(), b"config"),
        layers: layers.iter().map(|layer| Descriptor::of(family.layer_gzip(), layer.as_bytes())).collect(),
        annotations: std::collections::BTreeMap::new(),
        extra: std::collections::BTreeMap::new(),
    };
    let manifest = document(manifest);
    let parts = Parts {
        name: "registry.example/image".parse().unwrap(),
        index_digest: None,
        identity: Identity::Manifest(Digest::of(&manifest.raw)),
        platform: config.platform().unwrap(),
        place: Place::Store,
        manifest,
        config: document(config),
    };
    ResolvedImage::from_parts(parts).unwrap()
}

fn diff_id(layer: &str) -> Digest {
    Digest::of(format!("diff {layer}").as_bytes())
}

fn id(layer: &str) -> LayerId {
    LayerId::new("a", layer)
}

fn measured(role: Role, content: Option<&str>) -> Measured {
    let what = match &role {
        Role::Buildpack(id) => id.to_string(),
        other => format!("{other:?}"),
    };
    let blob = |content: &str| (diff_id(content), Digest::of(format!("new {content}").as_bytes()), 7);
    let (created_by, file) = (what.clone(), LayerFile::default());
    Measured { role, what, created_by, file, data: content.map(blob) }
}

/// The previous image: a label that remembers layer `l` and the application, and the layers it has.
fn previous(layers: &[&str], family: Family) -> Previous {
    let sha = |content: &str| diff_id(content).to_string();
    let remembered = LayerMetadata { sha: sha("old l"), ..LayerMetadata::default() };
    let buildpack = BuildpackLayers {
        key: "a".into(),
        layers: [("l".to_owned(), remembered)].into(),
        ..BuildpackLayers::default()
    };
    let metadata = LifecycleMetadata {
        app: vec![Sha { sha: sha("slice") }, Sha { sha: sha("app") }],
        buildpacks: vec![buildpack],
        launcher: Sha { sha: sha("launcher") },
        ..LifecycleMetadata::default()
    };
    Previous { image: image(layers, family), metadata }
}

fn plan_with(previous: Option<Previous>, family: Family, measured: Vec<Measured>) -> Result<ExportPlan, ExportError> {
    let analysis = Analysis { previous, run_image: image(&["base"], family), target: None };
    let metadata = Metadata::from_toml("").unwrap();
    let launcher = Launcher { bytes: b"", version: "1", repository: "", commit: "" };
    let buildpack = BuildpackLayers { key: "a".into(), version: "1".into(), ..BuildpackLayers::default() };
    plan_export(&PlanInputs {
        features: PlatformFeatures::for_api(PlatformApi::LATEST),
        analysis: &analysis,
        measured,
        buildpacks: vec![buildpack],
        metadata: &metadata,
        run_image: RunImage { image: "run".into(), mirrors: Vec::new() },
        labels: LabelInputs {
            launcher,
            project: &ProjectMetadata::default(),
            exec_env: "production",
            legacy_bom: None,
        },
        config: config::ConfigInputs {
            layers: "/layers".into(),
            app: "/workspace".into(),
            platform_api: "0.15".into(),
            default_process_type: None,
            created: "1980-01-01T00:00:01Z".into(),
        },
    })
}

fn outcomes(plan: &ExportPlan) -> Vec<LayerOutcome> {
    plan.layers.iter().map(|layer| layer.outcome).collect()
}

#[test]
fn a_first_build_adds_everything() {
    let pieces = vec![measured(Role::Buildpack(id("l")), Some("l")), measured(Role::App, Some("app"))];
    let plan = plan_with(None, Family::Oci, pieces).unwrap();
    assert_eq!(outcomes(&plan), [LayerOutcome::Added, LayerOutcome::Added]);
    let layers = &plan.manifest.value.layers;
    assert_eq!(layers[0].digest, Digest::of(b"base"));
    assert_eq!(layers[1].digest, Digest::of(b"new l"));
    assert_eq!(layers[2].media_type, media_type::OCI_LAYER_GZIP);
    assert_eq!(plan.config.value.rootfs.diff_ids, [diff_id("base"), diff_id("l"), diff_id("app")]);
    assert_eq!(plan.manifest.value.config.digest, Digest::of(&plan.config.raw));
}

#[test]
fn equal_layers_in_the_same_role_are_reused() {
    let has = ["base", "old l", "slice", "app", "launcher"];
    let pieces = || {
        vec![
            measured(Role::Buildpack(id("l")), Some("old l")),
            measured(Role::Buildpack(id("new name")), Some("old l")),
            measured(Role::App, Some("app")),
            measured(Role::App, Some("changed")),
            measured(Role::Launcher, Some("launcher")),
        ]
    };
    let plan = plan_with(Some(previous(&has, Family::Docker)), Family::Oci, pieces()).unwrap();
    let (reused, added) = (LayerOutcome::Reused, LayerOutcome::Added);
    assert_eq!(outcomes(&plan), [reused, added, reused, added, reused]);
    // The blob of the previous image, in the family of the base.
    assert_eq!(plan.layers[0].layer.descriptor.digest, Digest::of(b"old l"));
    assert_eq!(plan.layers[0].layer.descriptor.media_type, media_type::OCI_LAYER_GZIP);
    // A label may speak of layers that the image has not.
    let plan = plan_with(Some(previous(&["base"], Family::Oci)), Family::Oci, pieces()).unwrap();
    assert_eq!(outcomes(&plan), [added; 5]);
}

#[test]
fn what_has_no_contents_is_taken_from_the_previous_image() {
    let pieces = |layer: &str| vec![measured(Role::Buildpack(id(layer)), None)];
    let plan = plan_with(Some(previous(&["base", "old l"], Family::Oci)), Family::Oci, pieces("l")).unwrap();
    assert_eq!(plan.layers[0].layer.diff_id, diff_id("old l"));

    let error = plan_with(Some(previous(&["base"], Family::Oci)), Family::Oci, pieces("l")).err().unwrap();
    assert!(matches!(error, ExportError::AbsentLayer { .. }), "{error}");
    let error = plan_with(Some(previous(&["base"], Family::Oci)), Family::Oci, pieces("m")).err().unwrap();
    assert_eq!(error.to_string(), "cannot reuse 'a:m', previous image has no metadata for layer 'a:m'");
    let error = plan_with(None, Family::Oci, pieces("l")).err().unwrap();
    assert!(matches!(error, ExportError::NothingToReuse { .. }), "{error}");
}

#[test]
fn documents_are_in_the_family_of_the_base() {
    let plan = plan_with(None, Family::Docker, vec![measured(Role::App, Some("app"))]).unwrap();
    let manifest = &plan.manifest.value;
    assert_eq!(manifest.media_type.as_deref(), Some(media_type::DOCKER_MANIFEST));
    assert_eq!(manifest.config.media_type, media_type::DOCKER_CONFIG);
    assert!(manifest.layers.iter().all(|layer| layer.media_type == media_type::DOCKER_LAYER_GZIP));
}

#[test]
fn the_label_remembers_every_role() {
    let pieces = vec![
        measured(Role::Buildpack(id("l")), Some("l")),
        measured(Role::LaunchSbom, Some("sbom")),
        measured(Role::App, Some("slice")),
        measured(Role::App, Some("rest")),
        measured(Role::Launcher, Some("launcher")),
        measured(Role::Config, Some("config")),
        measured(Role::ProcessTypes, Some("types")),
    ];
    let plan = plan_with(None, Family::Oci, pieces).unwrap();
    let text = plan.config.value.label(LIFECYCLE_METADATA).unwrap();
    let label: LifecycleMetadata = serde_json::from_str(text).unwrap();
    let sha = |content: &str| Sha { sha: diff_id(content).to_string() };
    assert_eq!(label.app, [sha("slice"), sha("rest")]);
    assert_eq!(label.sbom, Some(sha("sbom")));
    assert_eq!((label.launcher, label.config, label.process_types), (sha("launcher"), sha("config"), sha("types")));
    assert_eq!(label.buildpacks[0].layers["l"].sha, diff_id("l").to_string());
    assert_eq!(label.run_image.top_layer, diff_id("base").to_string());
    assert_eq!(label.run_image.image.image, "run");
    assert_eq!(encode(&label.stack.unwrap()).unwrap(), r#"{"runImage":{"image":"run"}}"#);
}
