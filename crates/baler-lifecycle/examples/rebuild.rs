//! Times restore and export of a build in which nothing changed: see `bench/rebuild/README.md`.
//!
//! `rebuild make DIR [MEGABYTES FILES LAYERS]` makes a store, a cache and a first image in DIR; `rebuild run DIR [TIMES]`
//! builds again and again, touching nothing.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baler_cnb::api::PlatformApi;
use baler_cnb::group::{GroupElement, GroupFile};
use baler_cnb::project_metadata::ProjectMetadata;
use baler_cnb::run::{RunFile, StackFile};
use baler_image::{
    BlobWriter, Descriptor, Digest, ImageName, Platform, ResolvedImage, Sink, Wanted, media_type, resolve,
};
use baler_lifecycle::analyze::{AnalyzeInputs, analyze};
use baler_lifecycle::cache::TreeCache;
use baler_lifecycle::export::{DEFAULT_CREATED, ExportInputs, ExportPlaces, Exported, Launcher, ReleaseSboms, export};
use baler_lifecycle::log::Silent;
use baler_lifecycle::mounted::{BuildUser, MountedDirectory, Owner};
use baler_lifecycle::restore::{RestoreInputs, restore};
use baler_sandbox::SandboxProgram;
use baler_store::Store;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const USER: BuildUser = BuildUser { image: Owner::new(1000, 1000), host: None };

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| -> Outcome<usize> {
        Ok(arguments.get(index).map(|text| text.parse()).transpose()?.unwrap_or(default))
    };
    match arguments.first().map(String::as_str) {
        Some("make") if arguments.len() >= 2 => {
            make(Path::new(&arguments[1]), number(2, 1000)?, number(3, 20_000)?, number(4, 10)?)
        }
        Some("run") if arguments.len() >= 2 => run(Path::new(&arguments[1]), number(2, 5)?),
        _ => Err("usage: rebuild make DIR [MEGABYTES FILES LAYERS] | rebuild run DIR [TIMES]".into()),
    }
}

/// One build with everything it needs.
struct Bench {
    directory: PathBuf,
    store: Store,
    threads: NonZeroUsize,
}

/// How long the parts of a build took.
struct Times {
    restore: Duration,
    export: Duration,
}

impl Bench {
    fn open(directory: &Path) -> Outcome<Self> {
        fs_err::create_dir_all(directory)?;
        let store = Store::open(&directory.join("store"), SandboxProgram::current())?;
        Ok(Self { directory: directory.to_owned(), store, threads: std::thread::available_parallelism()? })
    }

    fn find(&self, name: &str) -> Outcome<Option<ResolvedImage>> {
        let wanted = Wanted::Exactly(Platform::new("linux", "amd64"));
        match resolve(&name.parse()?, &wanted, &self.store) {
            Ok(image) => Ok(Some(image)),
            Err(baler_image::ResolveError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn put(&self, media_type: &str, bytes: &[u8]) -> Outcome<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        let mut writer: Box<dyn BlobWriter> = self.store.begin_blob()?;
        std::io::Write::write_all(&mut writer, bytes)?;
        writer.commit(&descriptor.digest, descriptor.size)?;
        Ok(descriptor)
    }

    fn make_run_image(&self) -> Outcome {
        let layer = self.put(media_type::OCI_LAYER_GZIP, b"not looked at")?;
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"not looked at")]},
        });
        let config = self.put(media_type::OCI_CONFIG, config.to_string().as_bytes())?;
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": [layer],
        })
        .to_string();
        let descriptor = Descriptor::of(media_type::OCI_MANIFEST, manifest.as_bytes());
        Ok(self.store.put_document(&"bench/run".parse()?, &descriptor, manifest.as_bytes())?)
    }

    /// A build of which `work` is the part that buildpacks do.
    fn build(&self, work: impl FnOnce(&Path) -> Outcome) -> Outcome<(Exported, Times)> {
        let scratch = tempfile::tempdir_in(&self.directory)?;
        let place = |name: &str, image: &str| -> Outcome<MountedDirectory> {
            fs_err::create_dir(scratch.path().join(name))?;
            Ok(MountedDirectory::new(scratch.path().join(name), image))
        };
        let (layers, app) = (place("layers", "/layers")?, place("app", "/workspace")?);
        fs_err::write(app.host.join("index.js"), "// the application\n")?;

        let cache = TreeCache::open(&self.directory.join("cache"), &self.store)?;
        let analysis = analyze(
            AnalyzeInputs {
                platform_api: PlatformApi::LATEST,
                previous: self.find("bench/app")?.map(|image| (image, &self.store as _)),
                run_image: self.find("bench/run")?.ok_or("no run image: call `rebuild make` first")?,
                skip_layers: false,
                layers: &layers,
                user: USER,
            },
            &Silent,
        )?;
        let element = GroupElement { id: "bench".into(), version: "1".into(), ..GroupElement::default() };
        let group = GroupFile { group: vec![element], group_extensions: Vec::new() };
        let started = Instant::now();
        let restoration = restore(
            &RestoreInputs {
                platform_api: PlatformApi::LATEST,
                group: &group.group,
                metadata: analysis.metadata(),
                cache: Some(&cache),
                layers: &layers,
                user: USER,
                skip_layers: false,
                threads: self.threads,
            },
            &Silent,
        )?;
        let restored = started.elapsed();

        work(&layers.host)?;

        let names: [ImageName; 1] = ["bench/app".parse()?];
        let inputs = ExportInputs {
            platform_api: PlatformApi::LATEST,
            layers: &layers,
            app: &app,
            user: USER,
            group: &group,
            analysis: &analysis,
            restoration: &restoration,
            run: &RunFile::default(),
            stack: &StackFile::default(),
            project: &ProjectMetadata::default(),
            launcher: Launcher { bytes: &vec![0; 600 << 10], version: "0", repository: "", commit: "" },
            sboms: ReleaseSboms::default(),
            default_process_type: None,
            exec_env: "production",
            created: DEFAULT_CREATED,
            names: &names,
            threads: self.threads,
            app_before: baler_lifecycle::export::AppBefore::Changing,
        };
        let started = Instant::now();
        let places = ExportPlaces {
            sink: &self.store,
            run_image: &self.store,
            previous: Some(&self.store),
            cache: Some(&cache),
            launch_cache: None,
        };
        let exported = export(&inputs, &places, &Silent)?;
        Ok((exported, Times { restore: restored, export: started.elapsed() }))
    }
}

fn make(directory: &Path, megabytes: usize, files: usize, layers: usize) -> Outcome {
    let bench = Bench::open(directory)?;
    bench.make_run_image()?;
    let (exported, times) = bench.build(|root| {
        let mut content = Content::default();
        for layer in 0..layers {
            let per_layer = files / layers;
            for file in 0..per_layer {
                let path = root.join(format!("bench/layer{layer}/dir{}", file / 50));
                fs_err::create_dir_all(&path)?;
                fs_err::write(path.join(format!("file{file}")), content.next(megabytes * 1_000_000 / files))?;
            }
        }
        describe(root, layers)
    })?;
    let size: u64 = exported.layers.iter().map(|layer| layer.size).sum();
    println!(
        "made {layers} layers with {files} files of together {megabytes} MB in {:.2} s: {} MB compressed",
        times.export.as_secs_f64(),
        size / 1_000_000
    );
    println!("peak memory {} KiB", peak_memory()?);
    Ok(())
}

fn run(directory: &Path, times: usize) -> Outcome {
    let bench = Bench::open(directory)?;
    let mut walk = Duration::ZERO;
    for round in 1..=times {
        let mut layers = 0;
        let (exported, times) = bench.build(|root| {
            layers = fs_err::read_dir(root.join("bench"))?
                .flatten()
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .count();
            let started = Instant::now();
            let (entries, bytes) = stat_all(root)?;
            walk = started.elapsed();
            if round == 1 {
                println!("{entries} entries, {} MB in {layers} layers", bytes / 1_000_000);
            }
            describe(root, layers)
        })?;
        let read: Vec<_> = exported.cached.iter().filter(|layer| layer.was_read).collect();
        assert!(read.is_empty() && exported.cached.len() == layers, "layers were read: {read:?}");
        let (restore, export) = (times.restore.as_secs_f64() * 1e3, times.export.as_secs_f64() * 1e3);
        println!(
            "restore {restore:6.1} ms + export {export:6.1} ms = {:6.1} ms; a walk with stat {:5.1} ms",
            restore + export,
            walk.as_secs_f64() * 1e3
        );
    }
    println!("peak memory {} KiB", peak_memory()?);
    Ok(())
}

/// What a buildpack says of the layers that it kept.
fn describe(root: &Path, layers: usize) -> Outcome {
    fs_err::create_dir_all(root.join("config"))?;
    fs_err::write(root.join("config/metadata.toml"), "processes = []\n")?;
    for layer in 0..layers {
        let toml = "[types]\nlaunch = true\ncache = true\n[metadata]\nlock = \"1\"\n";
        fs_err::write(root.join(format!("bench/layer{layer}.toml")), toml)?;
    }
    Ok(())
}

fn stat_all(directory: &Path) -> Outcome<(u64, u64)> {
    let (mut entries, mut bytes) = (0, 0);
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        let metadata = std::fs::symlink_metadata(entry.path())?;
        entries += 1;
        if metadata.is_dir() {
            let (more, size) = stat_all(&entry.path())?;
            (entries, bytes) = (entries + more, bytes + size);
        } else {
            bytes += metadata.size();
        }
    }
    Ok((entries, bytes))
}

/// Two thirds text, one third random, the same in every run.
#[derive(Default)]
struct Content {
    count: u64,
    state: u64,
}

impl Content {
    fn next(&mut self, size: usize) -> Vec<u8> {
        self.count += 1;
        let mut bytes = Vec::with_capacity(size + 64);
        while bytes.len() < size {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if self.count.is_multiple_of(3) {
                bytes.extend((self.state >> 16).to_be_bytes().into_iter().take(6));
            } else {
                let (name, value) = (self.state >> 54, self.state >> 58 & 31);
                bytes.extend(format!("export function name{name}() {{ return value{value}; }}\n").into_bytes());
            }
        }
        bytes.truncate(size);
        bytes
    }
}

fn peak_memory() -> Outcome<u64> {
    let status = fs_err::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
