//! A build without buildpacks: the test writes what they would have left.

use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use baler_cnb::api::PlatformApi;
use baler_cnb::group::{GroupElement, GroupFile};
use baler_cnb::labels::LifecycleMetadata;
use baler_cnb::project_metadata::ProjectMetadata;
use baler_cnb::run::{RunFile, RunImage, StackFile};
use baler_image::{Digest, ImageName, Platform, ResolvedImage, Wanted, media_type, resolve};
use baler_lifecycle::analyze::{Analysis, AnalyzeInputs, analyze};
use baler_lifecycle::cache::{Cache, TreeCache};
use baler_lifecycle::export::{
    ComponentSboms, DEFAULT_CREATED, ExportError, ExportInputs, ExportPlaces, Exported, Launcher, ReleaseSboms, export,
};
use baler_lifecycle::log::Log;
use baler_lifecycle::mounted::{BuildUser, MountedDirectory, Owner};
use baler_lifecycle::progress::{Event, Observer};
use baler_lifecycle::restore::{Restoration, RestoreInputs, restore};

use crate::place::Memory;

pub(crate) const APP: &str = "registry.example/app";
pub(crate) const RUN: &str = "registry.example/run:base";

/// A machine: a place for blobs and a cache that live longer than one build.
pub(crate) struct Machine {
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) store: Memory,
    pub(crate) group: Vec<GroupElement>,
    pub(crate) platform_api: &'static str,
    pub(crate) threads: usize,
    pub(crate) names: Vec<ImageName>,
    pub(crate) process_type: Option<String>,
    pub(crate) user: BuildUser,
    /// Where images go, if not to the store.
    pub(crate) sink: Option<Memory>,
}

/// One build's directories.
pub(crate) struct Build {
    scratch: tempfile::TempDir,
    pub(crate) layers: MountedDirectory,
    pub(crate) app: MountedDirectory,
}

#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl Observer for Lines {
    fn event(&self, _: &Event) {}
}

impl Log for Lines {
    fn debug(&self, _: &str) {}
    fn info(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
    fn warn(&self, line: &str) {
        self.0.lock().unwrap().push(format!("Warning: {line}"));
    }
}

impl Lines {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Machine {
    pub(crate) fn new(group: &[&str]) -> Self {
        let element = |id: &&str| GroupElement {
            id: (*id).to_owned(),
            version: "0.0.1".into(),
            api: "0.10".into(),
            homepage: String::new(),
        };
        let machine = Self {
            scratch: tempfile::tempdir().unwrap(),
            store: Memory::default(),
            group: group.iter().map(element).collect(),
            platform_api: "0.12",
            threads: 2,
            names: vec![APP.parse().unwrap()],
            process_type: None,
            user: BuildUser { image: Owner::new(1000, 1000), host: None },
            sink: None,
        };
        machine.make_run_image();
        machine
    }

    fn make_run_image(&self) {
        use baler_image::Sink;
        let layer = self.store.put(media_type::OCI_LAYER_GZIP, b"base layer");
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux",
            "history": [{"created_by": "base", "created": "2020-01-01T00:00:00Z"}, {"empty_layer": true}],
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"base diff")]},
            "config": {"Env": ["PATH=/bin"], "User": "1001:1000", "Labels": {
                "io.buildpacks.base.id": "test.base", "io.buildpacks.base.distro.name": "test",
                "io.buildpacks.base.distro.version": "1", "io.buildpacks.rebasable": "true",
            }},
        });
        let config = self.store.put(media_type::OCI_CONFIG, config.to_string().as_bytes());
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": [layer],
        })
        .to_string();
        let descriptor = self.store.put(media_type::OCI_MANIFEST, manifest.as_bytes());
        self.store.put_document(&RUN.parse().unwrap(), &descriptor, manifest.as_bytes()).unwrap();
    }

    pub(crate) fn cache_directory(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }

    pub(crate) fn cache(&self) -> TreeCache<'_> {
        TreeCache::open(&self.cache_directory(), &self.store).unwrap()
    }

    pub(crate) fn platform_api(&self) -> PlatformApi {
        self.platform_api.parse().unwrap()
    }

    pub(crate) fn find(&self, name: &str) -> Option<ResolvedImage> {
        let wanted = Wanted::Exactly(Platform::new("linux", "amd64"));
        resolve(&name.parse().unwrap(), &wanted, &self.store).ok()
    }

    /// Directories on the file system that the cache is on.
    pub(crate) fn build(&self) -> Build {
        let scratch = tempfile::tempdir_in(self.scratch.path()).unwrap();
        let place = |name: &str, image: &str| {
            let host = scratch.path().join(name);
            make_directory(&host);
            MountedDirectory::new(host, image)
        };
        let (layers, app) = (place("layers", "/layers"), place("app", "/workspace"));
        Build { scratch, layers, app }
    }

    pub(crate) fn analyze(&self, build: &Build, log: &Lines) -> Analysis {
        let inputs = AnalyzeInputs {
            platform_api: self.platform_api(),
            previous: self.find(APP).map(|image| (image, &self.store as _)),
            run_image: self.find(RUN).unwrap(),
            skip_layers: false,
            layers: &build.layers,
            user: self.user,
        };
        analyze(inputs, log).unwrap()
    }

    pub(crate) fn restore(
        &self,
        build: &Build,
        metadata: Option<&LifecycleMetadata>,
        cache: Option<&dyn Cache>,
        log: &Lines,
    ) -> Restoration {
        let inputs = RestoreInputs {
            platform_api: self.platform_api(),
            group: &self.group,
            metadata,
            cache,
            layers: &build.layers,
            user: self.user,
            skip_layers: false,
            threads: NonZeroUsize::new(self.threads).unwrap(),
        };
        restore(&inputs, log).unwrap()
    }

    pub(crate) fn export(
        &self,
        build: &Build,
        analysis: &Analysis,
        restoration: &Restoration,
        cache: Option<&dyn Cache>,
        log: &Lines,
    ) -> Result<Exported, ExportError> {
        let group = GroupFile { group: self.group.clone(), group_extensions: Vec::new() };
        let run_image = RunImage { image: RUN.into(), mirrors: Vec::new() };
        let inputs = ExportInputs {
            platform_api: self.platform_api(),
            layers: &build.layers,
            app: &build.app,
            user: self.user,
            group: &group,
            analysis,
            restoration,
            run: &RunFile { images: vec![run_image.clone()] },
            stack: &StackFile { run_image },
            project: &ProjectMetadata::default(),
            launcher: Launcher { bytes: b"launcher", version: "1.2.3", repository: "repository", commit: "commit" },
            sboms: ReleaseSboms {
                lifecycle: None,
                launcher: Some(ComponentSboms::Release(build.scratch.path().join("sbom"))),
            },
            default_process_type: self.process_type.as_deref(),
            exec_env: "production",
            created: DEFAULT_CREATED,
            names: &self.names,
            threads: NonZeroUsize::new(self.threads).unwrap(),
            app_before: baler_lifecycle::export::AppBefore::Changing,
        };
        let sink = self.sink.as_ref().unwrap_or(&self.store);
        let places =
            ExportPlaces { sink, run_image: &self.store, previous: Some(&self.store), cache, launch_cache: None };
        export(&inputs, &places, log)
    }

    /// A build without cache and without a previous image.
    pub(crate) fn export_fresh(&self, build: &Build) -> Exported {
        let log = Lines::default();
        let analysis = Analysis { previous: None, ..self.analyze(build, &log) };
        self.export(build, &analysis, &Restoration::default(), None, &log).unwrap()
    }
}

impl Build {
    /// Writes files (path, content) below the app directory; modes 0644, directories 0755.
    pub(crate) fn app(&self, files: &[(&str, &str)]) {
        for (path, content) in files {
            write(&self.app.host, path, content);
        }
    }

    /// Writes files below the layers directory.
    pub(crate) fn layers(&self, files: &[(&str, &str)]) {
        for (path, content) in files {
            write(&self.layers.host, path, content);
        }
    }

    /// The application and SBOM files that most tests of the reference have.
    pub(crate) fn hello(&self) {
        self.app(&[("hello.txt", "hello\n"), ("run.sh", "#!/bin/sh\necho \"@ hello from the app\"\n")]);
        set_mode(&self.app.host.join("run.sh"), 0o755);
        for kind in ["cdx", "spdx", "syft"] {
            let content = format!("{{\"golden\":\"launcher {kind}\"}}\n");
            write(&self.scratch.path().join("sbom"), &format!("launcher.sbom.{kind}.json"), &content);
        }
        self.layers(&[("sbom/launch/sbom.legacy.json", "null\n"), ("config/metadata.toml", "processes = []\n")]);
    }
}

pub(crate) fn make_directory(path: &Path) {
    let missing: Vec<_> = path.ancestors().take_while(|path| !path.exists()).collect();
    for path in missing.into_iter().rev() {
        fs_err::create_dir(path).unwrap();
        set_mode(path, 0o755);
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

pub(crate) fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    make_directory(path.parent().unwrap());
    fs_err::write(&path, content).unwrap();
    set_mode(&path, 0o644);
}

/// The diffIDs of the layers above the run image.
pub(crate) fn diff_ids(exported: &Exported) -> Vec<String> {
    exported.layers.iter().map(|layer| layer.diff_id.to_string()).collect()
}
