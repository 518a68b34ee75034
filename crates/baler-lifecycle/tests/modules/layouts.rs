//! A whole build by an ordinary user: `creator` with layouts and a cache directory, then a rebase of its image.

use std::io::Write as _;
use std::path::Path;

use baler_cnb::api::PlatformApi;
use baler_image::media_type::{OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST};
use baler_image::{Descriptor, Digest, ImageName, Platform, ResolvedImage, Sink, Target, Wanted, resolve};
use baler_lifecycle::rebase::{RebaseError, RebaseInputs, RebasePlaces, rebase};
use baler_store::Layout;
use fs_err as fs;

use crate::programs::{call, outcome};
use crate::support::{Lines, Place};

const CREATED: i64 = 315_532_801;

fn put(layout: &Layout, media_type: &str, bytes: &[u8]) -> Descriptor {
    let descriptor = Descriptor::of(media_type, bytes);
    let mut writer = layout.begin_blob().unwrap();
    writer.write_all(bytes).unwrap();
    writer.commit(&descriptor.digest, descriptor.size).unwrap();
    descriptor
}

/// A run image whose layers are texts; the lowest of them may be the same as the highest.
pub(crate) fn make_run_image(path: &Path, layers: &[&str], distro: &str) {
    let layout = Layout::create_or_open(path).unwrap();
    let blobs: Vec<_> = layers.iter().map(|text| put(&layout, OCI_LAYER_GZIP, text.as_bytes())).collect();
    let diff_ids: Vec<_> = layers.iter().map(|text| Digest::of(format!("tar of {text}").as_bytes())).collect();
    let config = serde_json::json!({
        "architecture": Platform::host().architecture, "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "config": {"Env": ["PATH=/bin"], "Labels": {"io.buildpacks.base.distro.name": distro}},
    });
    let config = put(&layout, OCI_CONFIG, config.to_string().as_bytes());
    let manifest =
        serde_json::json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": blobs});
    let manifest = manifest.to_string();
    let descriptor = Descriptor::of(OCI_MANIFEST, manifest.as_bytes());
    layout.put_document(&only(path), &descriptor, manifest.as_bytes()).unwrap();
}

fn only(path: &Path) -> ImageName {
    ImageName::from(Target::Layout { path: path.to_owned(), name: None })
}

pub(crate) fn find(path: &Path) -> (ResolvedImage, Layout) {
    let layout = Layout::open(path).unwrap();
    (resolve(&only(path), &Wanted::Preferably(Platform::host()), &layout).unwrap(), layout)
}

/// Everybody may read and write what the test made.
pub(crate) fn open_up(place: &Place) {
    let all = std::process::Command::new("chmod").arg("-R").arg("a+rwX").arg(place.path("")).status().unwrap();
    assert!(all.success());
}

fn create(place: &Place, arguments: &[&str]) -> Option<(Option<i32>, String)> {
    open_up(place);
    let mut creator = call(place, "create")?;
    creator
        .env("CNB_EXPERIMENTAL_MODE", "quiet")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .env("HOME", place.path("tmp"));
    creator.args(["-layout", "-run-image", "registry.example/run", "-layout-dir"]).arg(place.path("layouts"));
    creator.arg("-cache-dir").arg(place.path("cache")).arg("-launcher").arg(place.path("launcher"));
    creator.args(["-uid", "65534", "-gid", "65534"]).args(arguments).arg("registry.example/app:1");
    Some(outcome(&mut creator))
}

pub(crate) fn prepare() -> Place {
    let place = Place::new();
    place.buildpack("a", "", "exit 0", "cat \"$1/kept.toml\" 2>/dev/null || echo new\nmkdir -p \"$1/kept\"; echo x >\"$1/kept/f\"\nprintf '[types]\\nlaunch = true\\ncache = true\\n[metadata]\\nn = 1\\n' >\"$1/kept.toml\"");
    place.write("layers/order.toml", "[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n");
    place.write("launcher", "launcher");
    place.write("app/file", "content");
    fs::create_dir(place.path("cache")).unwrap();
    make_run_image(&place.path("layouts/registry.example/run/latest"), &["base", "middle", "base"], "debian");
    place
}

#[test]
fn a_whole_build_needs_neither_root_nor_a_registry() {
    let place = prepare();
    let Some((code, output)) = create(&place, &[]) else { return };
    assert_eq!(code, Some(0), "{output}");
    for line in ["===> ANALYZING", "===> EXPORTING", "\nnew\n", "Adding layer 'a:kept'", "Adding cache layer 'a:kept'"]
    {
        assert!(output.contains(line), "{line} is missing in\n{output}");
    }
    let app = place.path("layouts/registry.example/app/1");
    assert_eq!(
        place.read("layers/report.toml").lines().nth(1),
        Some(&*format!("tags = [{:?}]", app.to_str().unwrap()))
    );
    let (image, _) = find(&app);
    // A layer of the buildpack, SBOM files, the app, the launcher, its config.
    assert_eq!(image.layers().len(), 3 + 5);
    let committed = fs::read_dir(place.path("cache/committed")).unwrap().count();
    assert_eq!(committed, 2, "the metadata and a tar");

    for name in ["a", "config", "sbom"] {
        fs::remove_dir_all(place.path("layers").join(name)).unwrap();
    }
    let (code, output) = create(&place, &[]).unwrap();
    assert_eq!(code, Some(0), "{output}");
    for line in ["Restoring data for \"a:kept\" from cache", "n = 1", "Reusing layer 'a:kept'", "Reusing cache layer"] {
        assert!(output.contains(line), "{line} is missing in\n{output}");
    }
    assert_eq!(find(&app).0.digest(), image.digest(), "nothing changed");
}

#[test]
fn refusals_come_before_the_build() {
    let place = prepare();
    let Some((code, output)) = create(&place, &["-daemon", "-layout=false"]) else { return };
    assert_eq!((code, output.contains("failed to initialize docker client: ")), (Some(1), true), "{output}");
    let (code, output) = create(&place, &["-run-image", "registry.example/absent"]).unwrap();
    assert_eq!((code, output.contains("'registry.example/absent' does not exist")), (Some(32), true), "{output}");
    let (code, output) = create(&place, &["-cache-dir", "/nowhere"]).unwrap();
    assert_eq!((code, output.contains("there is no cache directory /nowhere")), (Some(1), true), "{output}");
    let (code, output) = create(&place, &["-process-type", "web"]).unwrap();
    assert_eq!((code, output.contains("tried to set web to default")), (Some(62), true), "{output}");
}

#[test]
fn an_export_that_fails_leaves_layouts_as_they_were() {
    let place = prepare();
    let layouts = place.path("layouts/registry.example");
    let tag = ["-tag", "registry.example/other:2"];
    let wrong = [&tag[..], &["-launcher", "/nowhere"]].concat();
    let Some((code, output)) = create(&place, &wrong) else { return };
    assert_eq!(code, Some(62), "{output}");
    assert!(!layouts.join("app").exists() && !layouts.join("other").exists(), "no layout without an image");
    let (code, output) = create(&place, &tag).unwrap();
    assert_eq!(code, Some(0), "{output}");
    let state = || {
        let blobs = |name: &str| fs::read_dir(layouts.join(name).join("blobs/sha256")).unwrap().count();
        (blobs("app/1"), blobs("other/2"), find(&layouts.join("app/1")).0.digest().clone())
    };
    let before = state();
    assert_eq!(find(&layouts.join("other/2")).0.digest(), &before.2);
    place.write("app/file", "changed");
    let (code, output) = create(&place, &wrong).unwrap();
    assert_eq!((code, state()), (Some(62), before), "{output}");
}

#[test]
fn a_rebase_replaces_the_run_image_and_nothing_else() {
    let place = prepare();
    let Some((code, output)) = create(&place, &[]) else { return };
    assert_eq!(code, Some(0), "{output}");
    let (app, app_layout) = find(&place.path("layouts/registry.example/app/1"));
    let attempt = |run: &Path, force: bool| {
        let (run_image, run_layout) = find(run);
        let out = Layout::create_or_open(&place.path("out")).unwrap();
        let names = [only(out.root())];
        let inputs = RebaseInputs {
            platform_api: PlatformApi::LATEST,
            app: &app,
            run_image: &run_image,
            force,
            created: CREATED,
            names: &names,
        };
        let places = RebasePlaces { app: &app_layout, run_image: &run_layout, sink: &out };
        rebase(&inputs, &places, &Lines::default())
    };
    let (newer, other) = (place.path("newer"), place.path("other"));
    make_run_image(&newer, &["new"], "debian");
    make_run_image(&other, &["new"], "alpine");
    assert!(matches!(attempt(&newer, false), Err(RebaseError::UnknownName { .. })));
    assert!(matches!(attempt(&other, false), Err(RebaseError::OtherTarget { .. })));
    let rebased = attempt(&newer, true).unwrap().image;
    let diff_ids = |image: &ResolvedImage, from: usize| -> Vec<Digest> {
        image.layers()[from..].iter().map(|layer| layer.diff_id.clone()).collect()
    };
    // The top layer of the old run image is its lowest as well.
    assert_eq!(diff_ids(&rebased, 1), diff_ids(&app, 3));
    assert_eq!(rebased.layers()[0].diff_id, Digest::of(b"tar of new"));
    assert_eq!(rebased.config().config.env, app.config().config.env);
    assert_eq!(rebased.config().history.len(), rebased.layers().len());
    assert_eq!(rebased.config().history[1..], app.config().history[3..]);
}
