//! The phases as one program after the other, with a cache directory on another file system: what was restored and left
//! alone is not opened by `exporter`.

use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use fs_err as fs;
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};

use crate::layouts::{find, open_up, prepare};
use crate::programs::{as_nobody, call, outcome};
use crate::support::Place;

/// Runs a phase; `None`: the test cannot be done here.
fn phase(place: &Place, cache: &Path, phase: &str, arguments: &[&str]) -> Option<String> {
    // Each phase has its own flags, so all that they have in common is in the environment.
    let mut command = Command::new(call(place, phase)?.get_program());
    command.arg(phase).env("CNB_PLATFORM_API", "0.15").env("TMPDIR", place.path("tmp"));
    command.env("CNB_EXPERIMENTAL_MODE", "quiet").env("HOME", place.path("tmp"));
    command.env("CNB_USE_LAYOUT", "true").env("CNB_LAYOUT_DIR", place.path("layouts"));
    command.env("CNB_LAYERS_DIR", place.path("layers")).env("CNB_APP_DIR", place.path("app"));
    command.env("CNB_PLATFORM_DIR", place.path("platform")).env("CNB_BUILDPACKS_DIR", place.path("buildpacks"));
    command.env("CNB_CACHE_DIR", cache).env("CNB_USER_ID", "65534").env("CNB_GROUP_ID", "65534");
    as_nobody(&mut command);
    let (code, output) = outcome(command.args(arguments));
    assert_eq!(code, Some(0), "{phase}: {output}");
    Some(output)
}

/// A build in five programs. Which of the layer's files `exporter` opened.
fn build(place: &Place, cache: &Path) -> Option<bool> {
    for name in ["a", "config", "sbom"] {
        let _ = fs::remove_dir_all(place.path("layers").join(name));
    }
    open_up(place);
    phase(place, cache, "analyze", &["-run-image", "registry.example/run", "registry.example/app:1"])?;
    phase(place, cache, "detect", &[])?;
    phase(place, cache, "restore", &[])?;
    phase(place, cache, "build", &[])?;
    let watcher = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    add_watch(&watcher, place.path("layers/a/kept/f"), WatchFlags::OPEN | WatchFlags::ACCESS).unwrap();
    let launcher = place.path("launcher");
    let output = phase(place, cache, "export", &["-launcher", launcher.to_str().unwrap(), "registry.example/app:1"])?;
    assert!(output.contains("cache layer 'a:kept'"), "{output}");
    let mut buffer = [MaybeUninit::uninit(); 4096];
    Some(Reader::new(&watcher, &mut buffer).next().is_ok())
}

#[test]
fn exporter_does_not_open_what_restorer_gave() {
    let place = prepare();
    place.buildpack("a", "", "exit 0", "[ -e \"$1/kept/f\" ] || { mkdir -p \"$1/kept\"; echo x >\"$1/kept/f\"; }\n[ ! -e touch ] || chmod 600 \"$1/kept/f\"\nprintf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/kept.toml\"");
    let elsewhere = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    if fs::metadata(elsewhere.path()).unwrap().dev() == fs::metadata(place.path("layers")).unwrap().dev() {
        println!("the cache is on the same file system");
    }
    let cache = elsewhere.path().join("cache");
    fs::create_dir(&cache).unwrap();
    for path in [elsewhere.path(), &*cache] {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    let Some(was_opened) = build(&place, &cache) else { return };
    assert!(was_opened, "a new layer is read");
    let app = place.path("layouts/registry.example/app/1");
    let first = find(&app).0.digest().clone();
    assert_eq!(build(&place, &cache), Some(false));
    assert_eq!(*find(&app).0.digest(), first);
    // The directory that other lifecycles read has what they know.
    let names = fs::read_dir(cache.join("committed")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let is_known = |name: &String| name == "io.buildpacks.lifecycle.cache.metadata" || name.starts_with("sha256:");
    assert!(names.len() == 2 && names.iter().all(is_known), "{names:?}");

    place.write("app/touch", "");
    assert_eq!(build(&place, &cache), Some(true), "a mode that changed");
    assert_ne!(*find(&app).0.digest(), first);
    let touched = find(&app).0.digest().clone();
    assert_eq!(build(&place, &cache), Some(true), "chmod counts, whatever the mode was");
    fs::remove_file(place.path("app/touch")).unwrap();
    assert_eq!(build(&place, &cache), Some(false));
    assert_ne!(*find(&app).0.digest(), touched, "the application is another one");
}
