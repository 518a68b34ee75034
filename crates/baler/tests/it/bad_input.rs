//! What goes wrong is said plainly.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use crate::support::{Place, User, application, buildpack, outcome, spawn, write};

fn place(detect: &str, build: &str) -> Option<Place> {
    let place = Place::with_builder(User::Caller, &["bad"])?;
    buildpack(&place, "bad", detect, build);
    application(&place, &[("x", "x")]);
    place.create_builder();
    Some(place)
}

#[test]
fn no_buildpack_takes_the_application() {
    let Some(place) = place("exit 100", "exit 0") else { return };
    let failed = place.build(&[]).failure(1);
    assert!(
        failed.stderr.starts_with("ERROR: failed to build: executing lifecycle: failed with status code: 20\n"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("hint: "), "{}", failed.stderr);
    assert!(failed.stdout.contains("No buildpack groups passed detection."), "{}", failed.stdout);
}

#[test]
fn a_buildpack_that_crashes_is_named() {
    let Some(place) = place("exit 0", "echo about to fail; kill -9 $$") else { return };
    let failed = place.build(&[]).failure(1);
    assert!(failed.stdout.contains("about to fail"), "{}", failed.stdout);
    assert!(failed.stderr.contains("failed with status code: 51"), "{}", failed.stderr);
    assert!(failed.stdout.contains("test/bad@1"), "{}", failed.stdout);
}

#[test]
fn a_buildpack_whose_programs_are_not_executable_runs_all_the_same() {
    let Some(place) = place("exit 0", "exit 0") else { return };
    buildpack(&place, "plain", "exit 0", "exit 0");
    std::fs::set_permissions(place.path().join("plain/bin/build"), PermissionsExt::from_mode(0o644)).unwrap();
    // As in a package of it, whose programs are all executable.
    place.build(&["--buildpack", "plain"]).success();
}

#[test]
fn broken_toml_shows_the_line() {
    let Some(place) = place("exit 0", "printf 'a = [\\n' >\"$1/launch.toml\"") else { return };
    let failed = place.build(&[]).failure(1);
    assert!(failed.stdout.contains("launch.toml") && failed.stdout.contains("line 1"), "{}", failed.stdout);
}

#[test]
fn cyclic_and_incomplete_orders_are_refused() {
    let Some(place) = place("exit 0", "exit 0") else { return };
    let composite = |name: &str, of: &str| {
        let text = format!(
            "api = \"0.12\"\n[buildpack]\nid = \"test/{name}\"\nversion = \"1\"\n[[order]]\n[[order.group]]\nid = \"{of}\"\nversion = \"1\"\n"
        );
        write(&place.path().join(name).join("buildpack.toml"), &text);
    };
    composite("a", "test/b");
    composite("b", "test/a");
    composite("c", "test/absent");
    let cyclic = place.build(&["--buildpack", "a,b"]).failure(1);
    assert!(cyclic.stderr.contains("cyclic: test/a@1 -> test/b@1 -> test/a@1"), "{}", cyclic.stderr);
    let absent = place.build(&["--buildpack", "c"]).failure(1);
    assert!(absent.stderr.contains("no versions of buildpack 'test/absent'"), "{}", absent.stderr);
    let unknown = place.build(&["--buildpack", "nothing", "--pull-policy", "never"]).failure(1);
    for text in ["failed to add buildpack 'nothing'", "image 'nothing' does not exist in the local store"] {
        assert!(unknown.stderr.contains(text), "{text} in {}", unknown.stderr);
    }
}

#[test]
fn images_that_are_no_builders_or_not_there() {
    let Some(place) = place("exit 0", "exit 0") else { return };
    let run = |builder: &str| place.run(&["build", "app", "--path", "app", "--builder", builder]);
    let no_builder = run("test-run").failure(1);
    assert!(no_builder.stderr.contains("missing label 'io.buildpacks.builder.metadata'"), "{}", no_builder.stderr);
    let absent = run("registry.invalid/absent").failure(1);
    let text = "image 'registry.invalid/absent' is not in the local store, and could not be fetched";
    assert!(absent.stderr.contains(text), "{}", absent.stderr);
    let invalid = run("invalid-builder!").failure(1);
    let rule = "  a repository has 2 to 255 lower-case letters, digits and '_-./'";
    assert_eq!(invalid.stderr, format!("ERROR: could not parse reference: invalid-builder!\n{rule}\n"));
    let foreign = place.build(&["--platform", "linux/arm64"]).failure(1);
    assert!(foreign.stderr.contains("no image for linux/arm64 in builder"), "{}", foreign.stderr);
    assert!(foreign.stderr.contains("it is for: linux/amd64"), "{}", foreign.stderr);
    let run_image = place.build(&["--run-image", "absent"]).failure(1);
    assert!(run_image.stderr.contains("invalid run-image 'absent'"), "{}", run_image.stderr);
    let no_name = place.run(&["build", "app", "--path", "app"]).failure(2);
    assert!(
        no_name.stderr.contains("name one with --builder; the local store has: builder:latest"),
        "{}",
        no_name.stderr
    );
    place.run(&["build"]).failure(1);
    place.run(&["wrong"]).failure(1);
}

#[test]
fn odd_files_of_an_application() {
    let Some(place) = place("exit 0", "ls -A | cat -A 2>/dev/null || ls") else { return };
    let app = place.path().join("app");
    symlink("nowhere", app.join("dangling")).unwrap();
    let _socket = UnixListener::bind(app.join("socket")).unwrap();
    std::process::Command::new("mkfifo").arg(app.join("fifo")).status().unwrap();
    let latin: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(b"caf\xe9".to_vec());
    std::fs::write(app.join(latin), "x").unwrap();
    let built = place.build(&[]).success();
    for name in ["socket", "fifo"] {
        assert!(built.stdout.contains(&format!("Warning: {name} is left out")), "{}", built.stdout);
    }
    let missing = place.run(&["build", "app", "-B", "builder", "--path", "absent"]).failure(1);
    assert!(missing.stderr.contains("the application directory absent does not exist"), "{}", missing.stderr);
}

#[test]
fn an_unreadable_file_is_named() {
    let users = crate::support::users();
    let Some(user) = users.iter().find(|user| **user != User::Caller) else { return };
    let Some(place) = Place::with_builder(*user, &["bad"]) else { return };
    buildpack(&place, "bad", "exit 0", "exit 0");
    application(&place, &[("secret", "x")]);
    place.create_builder();
    std::fs::set_permissions(place.path().join("app/secret"), PermissionsExt::from_mode(0o000)).unwrap();
    let failed = place.build(&[]).failure(1);
    assert!(failed.stderr.contains("app/secret"), "{}", failed.stderr);
}

#[test]
fn an_interrupt_ends_everything_and_leaves_nothing() {
    let Some(place) = place("exit 0", "echo started; touch /workspace/started; sleep 4711") else { return };
    let mut command = place.command(&["build", "app", "--builder", "builder", "--path", "app"]);
    let mut child = spawn(command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()));
    wait_for("the buildpack to start", || sleepers() > 0);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(ended.elapsed() < Duration::from_secs(3), "{:?}", ended.elapsed());
    wait_for("nothing to run inside", || sleepers() == 0);
    let left: Vec<_> = std::fs::read_dir(place.store().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(place.store().to_str().unwrap()));
}

#[test]
fn a_system_without_user_namespaces_is_told_what_to_change() {
    let Some(place) = place("exit 0", "exit 0") else { return };
    let limit = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", limit, "sh"]).arg(place.path().join("baler"));
    command.args(["build", "app", "--builder", "builder", "--path", "app"]).current_dir(place.path());
    command.env("BALER_HOME", place.store()).env("HOME", place.path());
    let failed = outcome(&mut command).failure(1);
    assert!(failed.stderr.contains("user.max_user_namespaces"), "{}", failed.stderr);
    assert!(failed.stderr.contains("hint: run `sudo sysctl -w user.max_user_namespaces="), "{}", failed.stderr);
}

/// Processes that run the buildpack's `sleep 4711`.
fn sleepers() -> usize {
    let is_sleeper = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path().join("cmdline");
        std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"sleep\x004711"))
    };
    std::fs::read_dir("/proc").unwrap().filter_map(|entry| is_sleeper(entry).then_some(())).count()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
