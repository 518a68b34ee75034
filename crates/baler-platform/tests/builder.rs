//! Builders, compared with what pack makes of the same configuration: the diffIDs of all layers that do not hold the
//! lifecycle are equal bit for bit.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

mod support;

use std::num::NonZeroUsize;
use std::path::Path;

use baler_image::{Descriptor, ImageName, Sink as _, media_type};
use baler_layer::sink::compress;
use baler_layer::tar::{Attributes, Owner, TarWriter};
use baler_platform::builder::{self, CreateError, CreateRequest};
use baler_platform::context::Context;
use baler_platform::interrupt::Interrupt;
use baler_platform::places::{Asked, Needed, Places, PullPolicy, Registries, Search, locate};
use baler_sandbox::{HostIds, Identity, SandboxProgram};
use baler_store::Store;
use support::Silent;

fn context<'a>(store: &'a Store, program: &Path) -> Context<'a> {
    Context {
        store,
        output: &Silent,
        interrupt: Interrupt::default(),
        places: Places::new(Registries::new(|| Ok(baler_registry::Settings::default()))),
        pull_policy: PullPolicy::Never,
        caller: Identity { uid: 1000, gid: 1000, user_name: None },
        host_ids: HostIds::default(),
        program: SandboxProgram::current(),
        program_file: program.to_owned(),
        launchers: |_| Some(b"launcher"),
        variables: std::collections::BTreeMap::new(),
        threads: NonZeroUsize::MIN,
    }
}

/// A build image of one directory.
fn put_build_image(store: &Store, env: &[&str]) {
    let mut blob = store.begin_blob().unwrap();
    let made = compress(NonZeroUsize::MIN, &mut blob, |output| {
        let mut tar = TarWriter::new(output);
        tar.directory(Path::new("/etc"), &Attributes::new(0o755, Owner::ROOT))?;
        tar.finish().map(|_| ())
    })
    .unwrap();
    blob.commit(&made.digest, made.size).unwrap();
    let config = serde_json::json!({
        "architecture": baler_image::Platform::host().architecture, "os": "linux", "config": {"Env": env, "User": "1000:1000"},
        "rootfs": {"type": "layers", "diff_ids": [made.diff_id]},
    });
    let config = put(store, media_type::OCI_CONFIG, &config);
    let layer = Descriptor::new(media_type::OCI_LAYER_GZIP, made.size, made.digest);
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": [layer]});
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let descriptor = Descriptor::of(media_type::OCI_MANIFEST, &bytes);
    store.put_document(&"build".parse().unwrap(), &descriptor, &bytes).unwrap();
}

fn put(store: &Store, media_type: &str, value: &serde_json::Value) -> Descriptor {
    let bytes = serde_json::to_vec(value).unwrap();
    let descriptor = Descriptor::of(media_type, &bytes);
    let mut blob = store.begin_blob().unwrap();
    std::io::Write::write_all(&mut blob, &bytes).unwrap();
    blob.commit(&descriptor.digest, descriptor.size).unwrap();
    descriptor
}

const IDS: [&str; 2] = ["CNB_USER_ID=1000", "CNB_GROUP_ID=1000"];

struct Fixture {
    directory: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new(env: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store"), SandboxProgram::current()).unwrap();
        put_build_image(&store, env);
        fs_err::write(directory.path().join("program"), "program").unwrap();
        Self { directory, store }
    }

    fn create(&self, config: &str) -> Result<builder::CreatedBuilder, CreateError> {
        let path = self.directory.path().join("builder.toml");
        fs_err::write(&path, config).unwrap();
        let request = CreateRequest {
            names: vec!["builder".parse().unwrap()],
            is_published: false,
            config: path,
            targets: Vec::new(),
            names_parts: false,
            flattened: Vec::new(),
            labels: std::collections::BTreeMap::new(),
        };
        builder::create(&context(&self.store, &self.directory.path().join("program")), &request)
    }
}

const IMAGES: &str = "[build]\nimage = \"build\"\n[run]\n[[run.images]]\nimage = \"127.0.0.1:5000/run:base\"\n\
    mirrors = [\"127.0.0.1:5000/mirror/run:base\", \"127.0.0.1:5000/other/run:base\"]\n";

#[test]
fn layers_without_the_lifecycle_are_those_of_pack() {
    let fixture = Fixture::new(&IDS);
    let buildpack = fixture.directory.path().join("all");
    fs_err::create_dir(&buildpack).unwrap();
    let descriptor = "api = \"0.12\"\n[buildpack]\nid = \"test/all\"\nversion = \"2.0\"\n";
    fs_err::write(buildpack.join("buildpack.toml"), descriptor).unwrap();
    let config = format!("[[buildpacks]]\nuri = \"all\"\n[[order]]\n[[order.group]]\nid = \"test/all\"\n{IMAGES}");
    fixture.create(&config).unwrap();
    let name: ImageName = "builder".parse().unwrap();
    let wanted = baler_image::Wanted::Preferably(baler_image::Platform::host());
    let program = fixture.directory.path().join("program");
    let context = context(&fixture.store, &program);
    let (search, needed) = (Search::STORE, Needed::Documents);
    let asked = Asked { role: "builder", name: &name, wanted: &wanted, search, needed };
    let located = locate(&context, &asked).unwrap();
    let ids: Vec<String> = located.image.layers().iter().map(|layer| layer.diff_id.hex()[..8].to_owned()).collect();
    // Base, directories, lifecycle, buildpack, order.toml, stack.toml, run.toml, variables of the platform.
    assert_eq!(ids.len(), 8);
    assert_eq!(
        [&ids[1], &ids[4], &ids[5], &ids[6], &ids[7]],
        ["fc454e27", "6bba5b0b", "56f0c648", "415422d2", "5f70bf18"]
    );
    let config = located.image.config();
    assert_eq!(config.config.working_dir, "/layers");
    assert_eq!(config.history.len(), 8);
    assert_eq!(config.label("io.buildpacks.stack.mixins"), Some("null"));
    assert_eq!(config.label("io.buildpacks.buildpack.order-extensions"), Some("null"));
    assert_eq!(config.label("io.buildpacks.extension.layers"), Some("{}"));
    assert_eq!(located.source(&fixture.store).place(), baler_image::Place::Store);
}

#[test]
fn a_build_image_without_a_build_user_is_refused() {
    for (env, expected) in [
        (&["CNB_GROUP_ID=1000"][..], "image 'build' missing required env var 'CNB_USER_ID'"),
        (&["CNB_USER_ID=0", "CNB_GROUP_ID=1000"][..], "which is not a user or group id above 0: '0'"),
    ] {
        let error = Fixture::new(env).create(IMAGES).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_own_lifecycle_needs_no_archive() {
    let create = |text: &str| {
        let config = format!("{IMAGES}[lifecycle]\n{text}\n");
        Fixture::new(&IDS).create(&config).map(|created| created.buildpacks.len())
    };
    let own = baler_platform::version::REFERENCE_LIFECYCLE;
    assert!(matches!(create(&format!("version = \"{own}\"")), Ok(0)));
    let CreateError::FetchLifecycle(error) = create("version = \"latest\"").unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(error.to_string(), "'lifecycle.version' must be a valid semver, which 'latest' is not");
    let CreateError::FetchLifecycle(error) = create("uri = \"./absent\"").unwrap_err() else { panic!("another error") };
    assert_eq!(error.to_string(), "'./absent' does not exist");
}
