//! What a command that does not end well leaves where its image was to go: what was there before.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, User, application, buildpack, spawn, users, write};

/// Whether a build works is said by the application.
const BUILD: &str = "cat /workspace/verdict >/dev/stderr; exec sh /workspace/verdict";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["judge"])?;
    buildpack(&place, "judge", "exit 0", BUILD);
    application(&place, &[("verdict", "exit 0\n")]);
    place.create_builder();
    std::fs::create_dir(place.path().join("out")).unwrap();
    Some(place)
}

/// Every file below a directory with its contents, every directory without.
fn tree(directory: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        }
        found.insert(path.to_str().unwrap().to_owned(), std::fs::read(&path).ok());
    }
    found
}

const DESTINATIONS: [&str; 4] =
    ["oci:out/deep/er:1", "oci:out", "docker-archive:out/app.tar:app", "oci-archive:out/app.oci:1"];

#[test]
fn a_failed_build_leaves_nothing() {
    for user in users() {
        let Some(place) = place(user) else { return };
        for destination in DESTINATIONS {
            let what = format!("{user:?}, {destination}");
            let (out, app) = (place.path().join("out"), place.path().join("app/verdict"));
            std::fs::remove_dir_all(&out).unwrap();
            std::fs::create_dir(&out).unwrap();
            let build =
                |code| place.run(&["build", destination, "--builder", "builder", "--path", "app"]).failure(code);
            write(&app, "exit 1\n");
            build(1);
            assert_eq!(tree(&out), BTreeMap::new(), "{what}");
            write(&app, "exit 0\n");
            build(0);
            let before = tree(&out);
            assert!(!before.is_empty() && before.keys().all(|name| !name.contains(".baler")), "{what}: {before:?}");
            write(&app, "exit 1\n");
            build(1);
            assert_eq!(tree(&out), before, "{what}");
        }
    }
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    let Some(place) = place(User::Caller) else { return };
    write(&place.path().join("app/verdict"), "echo started; sleep 4713\n");
    let out = place.path().join("out");
    for destination in DESTINATIONS {
        let mut command = place.command(&["build", destination, "--builder", "builder", "--path", "app"]);
        let mut child = spawn(command.stdout(Stdio::piped()));
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("started") {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0, "{destination}");
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{destination}");
        assert_eq!(tree(&out), BTreeMap::new(), "{destination}");
    }
}

/// A killed process leaves what waits; the next one removes it.
#[test]
fn what_a_killed_build_left_goes_with_the_next() {
    let Some(place) = place(User::Caller) else { return };
    let build = ["build", "oci:out", "--builder", "builder", "--path", "app"];
    write(&place.path().join("app/verdict"), "sleep 4714\n");
    let mut child = spawn(place.command(&build).stdout(Stdio::null()));
    let out = place.path().join("out");
    let deadline = Instant::now() + Duration::from_mins(1);
    while tree(&out).is_empty() {
        assert!(Instant::now() < deadline, "nothing is begun");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!out.join("oci-layout").exists());
    write(&place.path().join("app/verdict"), "exit 0\n");
    place.run(&build).success();
    let names: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

/// A process that waits to go on. It ends with its value.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a command that writes a file into `out`, and stops it while the file has no name yet.
fn stopped_while_writing(place: &Place, command: &[&str]) -> Stopped {
    let left = tree(&place.path().join("out"));
    let is_new = |(name, content): (String, Option<Vec<u8>>)| {
        name.contains(".baler.new-") && !left.contains_key(&name) && content.is_some_and(|content| !content.is_empty())
    };
    let is_written = || tree(&place.path().join("out")).into_iter().any(is_new);
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        assert!(Instant::now() < deadline, "it was always too late");
        let mut child = spawn(place.command(command).stdout(Stdio::null()));
        let process = Pid::from_child(&child);
        while child.try_wait().unwrap().is_none() {
            if is_written() {
                kill_process(process, Signal::STOP).unwrap();
                let state = || std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap();
                while !state().contains(") T ") && !state().contains(") Z ") {
                    std::thread::sleep(Duration::from_millis(1));
                }
                if is_written() {
                    return Stopped(child);
                }
                kill_process(process, Signal::CONT).unwrap();
            }
        }
        // It was quicker.
        child.wait().unwrap();
        std::fs::remove_dir_all(place.path().join("out")).unwrap();
        std::fs::create_dir(place.path().join("out")).unwrap();
    }
}

/// The next one that writes into the directory removes it, and nothing that a living process writes.
#[test]
fn what_a_killed_process_left_of_a_file_goes_with_the_next() {
    for user in users() {
        let Some(place) = place(user) else { return };
        std::fs::create_dir_all(place.path().join("out")).unwrap();
        user.give(&place.path().join("out"));
        let names = || tree(&place.path().join("out")).into_keys().collect::<Vec<_>>();
        // What differs between users is whose the files are.
        let some = if user == User::Caller { 3 } else { 1 };
        let commands = [
            (&["save", "test-run", "--output", "out/a.tar"][..], "out/a.tar"),
            (&["buildpack", "package", "out/a.cnb", "--path", "judge", "--format", "file"], "out/a.cnb"),
            (&["builder", "create", "oci-archive:out/b.tar", "--config", "builder.toml"], "out/b.tar"),
        ];
        for (command, file) in commands.into_iter().take(some) {
            drop(stopped_while_writing(&place, command));
            let mut living = stopped_while_writing(&place, command);
            let left = names();
            assert_eq!(left.len(), 1, "{user:?}: {left:?}");
            place.run(&["save", "test-run", "--output", "out/other.tar"]).success();
            assert!(names().contains(&left[0]), "{user:?}: {:?}", names());
            kill_process(Pid::from_child(&living.0), Signal::CONT).unwrap();
            assert!(living.0.wait().unwrap().success(), "{user:?}: {command:?}");
            let expected = [file, "out/other.tar"].map(|name| place.path().join(name).display().to_string());
            assert_eq!(names(), expected, "{user:?}");
            for name in expected {
                std::fs::remove_file(name).unwrap();
            }
        }
    }
}

#[test]
fn builders_packages_and_saved_images_are_whole_or_not_there() {
    let Some(place) = place(User::Caller) else { return };
    let out = place.path().join("out");
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    write(&place.path().join("broken.toml"), &config.replace("uri = \"judge\"", "uri = \"absent\""));
    write(&place.path().join("out/is-there.cnb"), "before");
    let before = tree(&out);
    for command in [
        &["builder", "create", "oci:out/layout", "--config", "broken.toml"][..],
        &["builder", "create", "oci-archive:out/builder.tar", "--config", "broken.toml"],
        &["buildpack", "package", "oci:out/layout", "--path", "absent"],
        &["buildpack", "package", "out/is-there.cnb", "--path", "absent", "--format", "file"],
        &["save", "absent", "--output", "out/is-there.cnb"],
        &["rebase", "oci:out/layout", "--previous-image", "test-run", "--run-image", "test-run"],
    ] {
        place.run(command).failure(1);
        assert_eq!(tree(&out), before, "{command:?}");
    }
    for command in [
        &["builder", "create", "oci:out/layout:1", "--config", "builder.toml"][..],
        &[
            "builder",
            "create",
            "oci-archive:out/builder.tar",
            "--config",
            "builder.toml",
            "--tag",
            "oci-archive:out/builder.tar:2",
        ],
        &["builder", "create", "docker-archive:out/docker.tar:b", "--config", "builder.toml"],
        &["buildpack", "package", "oci-archive:out/package.tar", "--path", "judge"],
    ] {
        place.run(command).success();
    }
    for builder in ["oci:out/layout:1", "oci-archive:out/builder.tar:2", "docker-archive:out/docker.tar"] {
        place.run(&["build", "app", "--builder", builder, "--path", "app"]).success();
    }
    place
        .run(&["build", "app", "--builder", "builder", "--path", "app", "--buildpack", "oci-archive:out/package.tar"])
        .success();
}

#[test]
fn places_that_cannot_be_written_to_are_found_out_first() {
    let Some(place) = place(User::Caller) else { return };
    write(&place.path().join("out/file"), "x");
    write(&place.path().join("other/file"), "x");
    for (name, more, text) in [
        ("oci-archive:absent/app.tar", &[][..], "could not make archive absent/app.tar: "),
        ("docker-archive:out", &[], "could not make archive out: "),
        ("oci:other", &[], "other is not an OCI layout: it has no file oci-layout"),
        ("oci:other/file", &[], "other/file is not an OCI layout: it has no file oci-layout"),
        ("oci:new:1", &["--tag", "oci:another:2"], "'oci:another:2' is not in the same place as 'oci:new:1'"),
        ("oci:new:1", &["--tag", "app"], "'app' is not in the same place as 'oci:new:1'"),
        ("app", &["--tag", "oci:new:1"], "'oci:new:1' is not in the same place as 'app'"),
        ("oci-archive:out/a:1", &["--tag", "docker-archive:out/a:1"], "is not in the same place as"),
    ] {
        let failed = place.run(&[&["build", name, "--builder", "builder", "--path", "app"], more].concat()).failure(1);
        assert!(failed.stderr.contains(text), "{name} {more:?}: {}", failed.stderr);
        assert!(!failed.stdout.contains("ANALYZING"), "{name} {more:?}: {}", failed.stdout);
        assert!(!place.path().join("new").exists(), "{name} {more:?}");
    }
}
