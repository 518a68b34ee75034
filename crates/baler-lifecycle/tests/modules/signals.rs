//! SIGTERM in each phase: what it runs ends first, then the program with 143, and nothing half-written has a name.

use std::process::{Command, Stdio};

use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process};

use crate::built::{built, left_behind, phase};
use crate::layouts::open_up;
use crate::support::{Place, ends, wait_for};

/// Starts a phase that gets stuck in reading or writing `fifo`, sends SIGTERM, and says how it ended.
fn terminated(place: &Place, name: &str, arguments: &[&str], is_stuck: impl Fn() -> bool) -> Option<i32> {
    let mut command = phase(place, name).unwrap();
    command.args(arguments);
    if matches!(name, "analyze" | "export" | "create" | "rebase") {
        command.arg("registry.example/app:2");
    }
    let mut running = command.stdout(Stdio::null()).spawn().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !is_stuck() && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&running), Signal::TERM).unwrap();
    running.wait().unwrap().code()
}

#[test]
fn a_signal_ends_every_phase() {
    let Some(place) = built() else { return };
    // Detect, in a buildpack.
    place.script("buildpacks/a/1/bin/detect", "echo $$ >../app/pid; sleep 60");
    open_up(&place);
    let pid = place.path("app/pid");
    assert_eq!(terminated(&place, "detect", &[], || pid.exists() && !wait_for(&pid).is_empty()), Some(143));
    fs::remove_file(&pid).unwrap();

    // The others, while they wait for a file that never comes.
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").args(["-m", "666"]).arg(&fifo).status().unwrap().success());
    let fifo = fifo.to_str().unwrap();
    let opened = || std::thread::sleep(std::time::Duration::from_millis(300));
    let stuck = || {
        opened();
        true
    };
    assert_eq!(terminated(&place, "analyze", &["-run", fifo, "-run-image", ""], stuck), Some(143));
    assert_eq!(terminated(&place, "restore", &["-group", fifo], stuck), Some(143));

    // Export, in the middle of a layer.
    fs::File::create(place.path("app/large")).unwrap().set_len(1 << 36).unwrap();
    open_up(&place);
    let blobs = place.path("layouts/registry.example/app/2/blobs/sha256");
    let has_begun = || fs::read_dir(&blobs).is_ok_and(|mut entries| entries.next().is_some());
    assert_eq!(terminated(&place, "export", &[], has_begun), Some(143));
    // It was not there before.
    assert!(!place.path("layouts/registry.example/app/2").exists(), "no layout");
    assert_eq!(left_behind(&place), Vec::<String>::new());
}

#[test]
fn a_signal_ends_the_creator_in_each_of_its_phases() {
    let Some(place) = built() else { return };
    let pid = place.path("app/pid");
    for name in ["detect", "build"] {
        place.script(&format!("buildpacks/a/1/bin/{name}"), "sleep 60 & echo $! >../app/pid; wait");
        open_up(&place);
        let before = fs::read(place.path("layers/config/metadata.toml")).unwrap();
        let is_running = || pid.exists() && !wait_for(&pid).is_empty();
        assert_eq!(terminated(&place, "create", &[], is_running), Some(143), "{name}");
        assert!(ends(&fs::read_to_string(&pid).unwrap()), "{name}: a process of the buildpack stays");
        assert_eq!(fs::read(place.path("layers/config/metadata.toml")).unwrap(), before, "{name}");
        assert_eq!(left_behind(&place), Vec::<String>::new(), "{name}");
        fs::remove_file(&pid).unwrap();
        place.script(&format!("buildpacks/a/1/bin/{name}"), "");
    }
    fs::File::create(place.path("app/large")).unwrap().set_len(1 << 36).unwrap();
    open_up(&place);
    let app = place.path("layouts/registry.example/app/2");
    let has_begun = || fs::read_dir(app.join("blobs/sha256")).is_ok_and(|mut entries| entries.next().is_some());
    assert_eq!(terminated(&place, "create", &[], has_begun), Some(143), "export");
    assert!(!fs::read_to_string(app.join("index.json")).unwrap_or_default().contains("digest"), "no image");
    assert_eq!(left_behind(&place), Vec::<String>::new());
}

#[test]
fn a_signal_ends_extender_and_rebaser() {
    let Some(place) = built() else { return };
    let pid = place.path("app/pid");
    place.script("buildpacks/a/1/bin/build", "sleep 60 & echo $! >../app/pid; wait");
    open_up(&place);
    let arguments = ["-uid", "65534", "-gid", "65534"];
    assert_eq!(terminated(&place, "extend", &arguments, || pid.exists() && !wait_for(&pid).is_empty()), Some(143));
    assert!(ends(&fs::read_to_string(&pid).unwrap()));

    // A run image that never comes.
    let index = place.path("layouts/registry.example/run/latest/index.json");
    fs::remove_file(&index).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "666"]).arg(&index).status().unwrap().success());
    let stuck = || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        true
    };
    let arguments = ["-run-image", "registry.example/run", "registry.example/app:1"];
    assert_eq!(terminated(&place, "rebase", &arguments, stuck), Some(143));
    assert!(!place.path("layouts/registry.example/app/2").exists());
    assert_eq!(left_behind(&place), Vec::<String>::new());
}
