//! What is named: images of each kind in a registry, each in each form.

use std::collections::BTreeMap;
use std::path::Path;

use baler_image::{Descriptor, Digest, media_type};
use baler_layer::tar::{Attributes, Owner, TarWriter};
use baler_test_registry::{Fault, Image, Options, Rule, TestRegistry, index};
use serde_json::json;

use crate::support::{Place, application, buildpack, extension, write};

/// The digests of an image, and of the index that it is in.
struct Digests {
    image: Digest,
    index: Digest,
}

/// All of them.
pub(super) struct Subjects {
    registry: TestRegistry,
    digests: BTreeMap<&'static str, Digests>,
}

impl Subjects {
    pub(super) fn make(place: &Place) -> Option<Self> {
        let registry = TestRegistry::start(Options::default()).ok()?;
        let at = registry.address();
        let build = "mkdir -p $CNB_LAYERS_DIR/d; echo x >$CNB_LAYERS_DIR/d/x; printf '[types]\\nlaunch = true\\ncache = true\\n' >$CNB_LAYERS_DIR/d.toml
            printf '{}' >$CNB_LAYERS_DIR/launch.sbom.cdx.json
            printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"true\"]\\ndefault = true\\n' >$CNB_LAYERS_DIR/launch.toml";
        buildpack(place, "one", "exit 0", build);
        let sbom = "api = \"0.12\"\n[buildpack]\nid = \"test/one\"\nversion = \"1\"\nsbom-formats = [\"application/vnd.cyclonedx+json\"]\n";
        write(&place.path().join("one/buildpack.toml"), sbom);
        extension(place, "idle", "exit 0");
        extension(place, "switch", "cp run.Dockerfile \"$CNB_OUTPUT_DIR\"");
        application(place, &[("file", "text")]);
        place.create_builder();
        let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
        let switch = "[[extensions]]\nuri = \"switch\"\n[[order-extensions]]\n[[order-extensions.group]]\nid = \"test/switch\"\n";
        write(&place.path().join("switching.toml"), &format!("{config}{switch}"));
        for command in [
            "builder create switching --config switching.toml",
            "buildpack package buildpack --path one",
            "extension package extension --path idle",
            "build app -B builder -p app",
            &format!("build {at}/cached -B builder -p app --publish --cache-image {at}/cache:tag"),
        ] {
            place.run(&command.split(' ').collect::<Vec<_>>()).success();
        }
        let mut subjects = Self { registry, digests: BTreeMap::new() };
        for (subject, image) in [
            ("builder", "builder"),
            ("build", "test-build"),
            ("run", "test-run"),
            ("app", "app"),
            ("buildpack", "buildpack"),
            ("extension", "extension"),
        ] {
            place.run(&["push", image, &format!("{at}/{subject}:tag")]).success();
            subjects.add(subject);
        }
        // A builder whose run image is elsewhere, so that a mirror may be nearer.
        let images = format!("[build]\nimage = \"test-build\"\n[[run.images]]\nimage = \"{at}/run:second\"\n");
        let rest = config.split_once("[[buildpacks]]").unwrap().1;
        write(&place.path().join("of-registry.toml"), &format!("{images}[[buildpacks]]{rest}"));
        place.run(&["push", "test-run", &format!("{at}/run:second")]).success();
        place.run(&["builder", "create", "of-registry", "--config", "of-registry.toml"]).success();
        subjects.add("cache");
        subjects.registry.push_image("lifecycle", Some("tag"), &lifecycle()).unwrap();
        subjects.add("lifecycle");
        // Names that are of this machine only would be found here.
        place.run(&["rm", "app", "extension", "buildpack"]).success();
        Some(subjects)
    }

    /// Puts all other forms beside the tag.
    fn add(&mut self, subject: &'static str) {
        let registry = &self.registry;
        let bytes = registry.manifest(subject, "tag").unwrap();
        let kind = kind(&bytes);
        let image = Image { manifest: (Descriptor::of(&kind, &bytes), bytes), ..Image::new("linux/amd64", Vec::new()) };
        let foreign = Image::new("linux/arm64", vec![b"foreign".to_vec()]);
        registry.push_image(subject, None, &foreign).unwrap();
        let both = index(&[("unknown/unknown", &foreign), ("linux/arm64", &foreign), ("linux/amd64", &image)]);
        let put = |tag: &str, kind: &str, bytes: &[u8]| registry.put_manifest(subject, Some(tag), kind, bytes).unwrap();
        let digest = put("index", media_type::OCI_INDEX, &both);
        let list = String::from_utf8(both).unwrap().replace(media_type::OCI_INDEX, media_type::DOCKER_INDEX);
        put("list", media_type::DOCKER_INDEX, list.as_bytes());
        put("other", media_type::OCI_INDEX, &index(&[("linux/arm64", &foreign)]));
        put("moved", media_type::OCI_INDEX, &index(&[("linux/arm64", &foreign)]));
        let chart = Image::of("application/vnd.example.chart", b"{}".to_vec(), Vec::new());
        registry.push_image(subject, Some("chart"), &chart).unwrap();
        for tag in ["damaged", "refused"] {
            put(tag, &kind, &image.manifest.1);
        }
        let path = |tag: &str| format!("/v2/{subject}/manifests/{tag}");
        registry.rule(Rule::new("GET", &path("damaged"), Fault::TruncateSilently(40)).always());
        registry.rule(Rule::new("GET", &path("refused"), Fault::status(403)).always());
        self.digests.insert(subject, Digests { image: image.manifest.0.digest, index: digest });
    }

    pub(super) fn address(&self) -> String {
        self.registry.address()
    }

    /// The repository of a subject.
    pub(super) fn at(&self, subject: &str) -> String {
        format!("{}/{subject}", self.registry.address())
    }

    /// The config of an image.
    pub(super) fn config(&self, repository: &str, tag: &str) -> String {
        let manifest = self.registry.manifest(repository, tag).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let digest = manifest["config"]["digest"].as_str().unwrap().parse().unwrap();
        String::from_utf8(self.registry.blob(repository, &digest).unwrap()).unwrap()
    }

    /// The name of a subject in a form of the table.
    pub(super) fn name(&self, subject: &str, form: &str) -> String {
        let digests = &self.digests[subject];
        let form = form.replace("IMAGE", &digests.image.to_string()).replace("INDEX", &digests.index.to_string());
        format!("{}/{subject}{form}", self.registry.address())
    }

    /// Makes the tag point at the image of this digest.
    pub(super) fn point(&self, subject: &str, tag: &str, digest: &str) {
        let bytes = self.registry.manifest(subject, digest).unwrap();
        self.registry.put_manifest(subject, Some(tag), &kind(&bytes), &bytes).unwrap();
    }

    /// The digest of another image with the same content.
    pub(super) fn newer(&self, subject: &str) -> String {
        let bytes = self.registry.manifest(subject, "tag").unwrap();
        let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        manifest["annotations"] = json!({"newer": "yes"});
        let newer = manifest.to_string().into_bytes();
        self.registry.put_manifest(subject, None, &kind(&bytes), &newer).unwrap();
        Digest::of(&newer).to_string()
    }

    /// What must be found.
    pub(super) fn digest(&self, subject: &str) -> String {
        self.digests[subject].image.to_string()
    }
}

fn kind(manifest: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(manifest).unwrap()["mediaType"].as_str().unwrap().to_owned()
}

/// An image with the programs of a lifecycle, or what is called so.
fn lifecycle() -> Image {
    let executable = Attributes::new(0o755, Owner::ROOT);
    let mut tar = TarWriter::new(Vec::new());
    let text = "[apis.buildpack]\nsupported = [\"0.12\"]\n[apis.platform]\nsupported = [\"0.15\"]\n[lifecycle]\nversion = \"9.9.9\"\n";
    tar.file_of_bytes(Path::new("/cnb/lifecycle.toml"), &executable, text.as_bytes()).unwrap();
    for name in ["detector", "restorer", "analyzer", "builder", "exporter", "launcher", "creator"] {
        tar.file_of_bytes(&Path::new("/cnb/lifecycle").join(name), &executable, b"x").unwrap();
    }
    let layer = tar.finish().unwrap();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]},
    });
    let layers = vec![(Descriptor::of(media_type::OCI_LAYER, &layer), layer)];
    Image::of(media_type::OCI_CONFIG, config.to_string().into_bytes(), layers)
}
