//! Processes that are killed at random instants lose nothing that was committed, and leave nothing behind.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use baler_image::Digest;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::{Base, Place, User, application, buildpack, users};

const ROUNDS: u32 = 100;
/// All rounds together end after this, whatever the machine.
const LIMIT: Duration = Duration::from_mins(5);
const SCRIPT: &str = "
mkdir -p \"$1/kept/sub\" \"$1/made\"; cat \"$1/kept/count\" 2>/dev/null || seq 1 30000 >\"$1/kept/count\"
chmod 0555 \"$1/kept/sub\"; seq 1 100 >\"$1/made/list\"; ln -s list \"$1/made/link\" 2>/dev/null || true
printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/kept.toml\"
printf '[types]\\nlaunch = true\\n' >\"$1/made.toml\"";

/// A linear congruential generator: the instants are the same in every run, as far as a machine lets them.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["kept"])?;
    buildpack(&place, "kept", "exit 0", SCRIPT);
    application(&place, &[("a.txt", "a"), ("b/c", "c")]);
    place.create_builder();
    Some(place)
}

fn digest(place: &Place, more: &[&str]) -> String {
    place.build(&[&["--quiet"], more].concat()).success().stdout
}

#[test]
fn at_a_hundred_instants() {
    let Some(place) = place(User::Caller) else { return };
    let expected = digest(&place, &[]);
    let begun = Instant::now();
    digest(&place, &["--clear-cache"]);
    rounds(&place, ROUNDS, begun.elapsed());
    assert_eq!(digest(&place, &[]), expected);
    assert_eq!(digest(&place, &["--clear-cache"]), expected);
}

/// Trees of other ids are removed by a helper, which is killed too.
#[test]
fn for_every_user() {
    for user in users().into_iter().filter(|user| *user != User::Caller) {
        let Some(place) = place(user) else { return };
        let expected = digest(&place, &[]);
        rounds(&place, ROUNDS / 10, Duration::from_millis(700));
        assert_eq!(digest(&place, &[]), expected, "{user:?}");
    }
}

fn rounds(place: &Place, count: u32, longest: Duration) {
    let mut random = Random(4711);
    let begun = Instant::now();
    for round in 0..count {
        if begun.elapsed() > LIMIT {
            eprintln!("SKIP: this machine is slow, {} of {count} rounds are left", count - round);
            break;
        }
        let mut children: Vec<Child> = (0..=random.below(2)).map(|_| start(place, &mut random)).collect();
        let instant = random.below(u64::try_from(longest.as_micros()).unwrap());
        std::thread::sleep(Duration::from_micros(instant));
        for child in &mut children {
            kill(child, random.below(2) == 0);
        }
        if round % 10 == 9 {
            check(place);
        }
    }
    check(place);
}

fn start(place: &Place, random: &mut Random) -> Child {
    let base = Base::get().unwrap().path().to_str().unwrap();
    let build = ["build", "app", "--builder", "builder", "--path", "app"];
    let commands: [&[&str]; 8] = [
        &build,
        &[&build[..], &["--clear-cache"]].concat(),
        &["build", "other", "--builder", "builder", "--path", "app"],
        &["build", "oci:out", "--builder", "builder", "--path", "app"],
        &["load", base],
        &["prune"],
        &["prune", "--caches"],
        &["builder", "create", "builder", "--config", "builder.toml"],
    ];
    let arguments = commands[usize::try_from(random.below(commands.len() as u64)).unwrap()];
    let mut command = place.command(arguments);
    crate::support::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0))
}

/// The whole group, or the program alone: then its helpers have to notice by themselves.
fn kill(child: &mut Child, is_group: bool) {
    let pid = Pid::from_child(child);
    // It may have ended before.
    let _ = if is_group { kill_process_group(pid, Signal::KILL) } else { kill_process(pid, Signal::KILL) };
    child.wait().unwrap();
}

/// Everything with a name is whole, what is unpacked is complete, and nothing else is left.
fn check(place: &Place) {
    wait_until_all_ended(place.path());
    let listed = place.run(&["images"]).success();
    let names: Vec<&str> = listed.stdout.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(list(&place.store().join("tmp")), [""; 0], "the next start removes what was left");
    for name in ["app:latest", "builder:latest", "test-build:latest", "test-run:latest"] {
        assert!(names.contains(&name), "{name} is lost: {names:?}");
    }
    for name in names {
        // Reads the documents, and starts a program of the unpacked layers.
        place.run(&["inspect", "--local", name]).success();
        // Its working directory is one that only a builder has; its layers are those of the run image.
        if name == "test-build:latest" {
            continue;
        }
        place.run(&["run", name, "--entrypoint", "cat", "--", "/usr/owned-by-root", "/etc/test-release"]).success();
    }
    check_blobs(&place.store().join("blobs/sha256"));
    // Made with the first image.
    if place.path().join("out/oci-layout").exists() {
        assert!(std::fs::read_to_string(place.path().join("out/index.json")).unwrap().contains("sha256:"));
        check_blobs(&place.path().join("out/blobs/sha256"));
        place.run(&["inspect", "--local", "oci:out"]).success();
    }
    for record in list(&place.store().join("images")) {
        assert_eq!(Path::new(&record).extension(), Some("json".as_ref()), "{record}");
    }
}

fn check_blobs(directory: &Path) {
    for name in list(directory) {
        if name.starts_with('.') {
            continue;
        }
        let bytes = std::fs::read(directory.join(&name)).unwrap();
        assert_eq!(Digest::of(&bytes).hex(), name);
    }
}

fn list(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Waits for the processes of the program: those that run its file, and those that it has stacked layers for.
pub(crate) fn wait_until_all_ended(place: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let place = place.to_str().unwrap();
    let is_left = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let exe = std::fs::read_link(path.join("exe"));
        let runs_program = exe.is_ok_and(|exe| exe.to_string_lossy().contains(place));
        // A sandbox has mounts of the place.
        let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap_or_default();
        runs_program || read("mountinfo").lines().any(|line| line.contains(place))
    };
    loop {
        let left = std::fs::read_dir("/proc").unwrap().filter_map(|entry| is_left(entry).then_some(())).count();
        if left == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{left} processes are left");
        std::thread::sleep(Duration::from_millis(10));
    }
}
