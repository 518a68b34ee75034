//! Buildpacks that misbehave: docs/buildpack-misbehaviour.md says what becomes of each, and these tests hold it to that.

use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Outcome, Place, User, application, buildpack, users};

/// A layer `dep` of the app image that is cached too.
const LAYER: &str = "mkdir -p \"$1/dep\"; echo x >\"$1/dep/file\"
printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/dep.toml\"";

fn place(user: User, build: &str) -> Option<Place> {
    let place = Place::with_builder(user, &["odd"])?;
    buildpack(&place, "odd", "exit 0", &format!("{LAYER}\n{build}"));
    application(&place, &[("x", "x")]);
    place.create_builder();
    Some(place)
}

/// Nothing is left in the store's place for work in progress.
#[track_caller]
fn assert_clean(place: &Place) {
    let left: Vec<_> = std::fs::read_dir(place.store().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{:?}: {left:?}", place.user);
}

/// Processes of the machine whose command line begins so.
fn processes(command_line: &[u8]) -> usize {
    let is_one = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read(entry.unwrap().path().join("cmdline")).is_ok_and(|bytes| bytes.starts_with(command_line))
    };
    std::fs::read_dir("/proc").unwrap().filter_map(|entry| is_one(entry).then_some(())).count()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_background_process_ends_with_the_build() {
    for user in users() {
        // It keeps the output open, ignores signals, and has left the process group.
        let script = "(trap '' TERM INT HUP; setsid sleep 4712 &) ; sleep 4712 & echo done";
        let Some(place) = place(user, script) else { return };
        let began = Instant::now();
        place.build(&[]).success();
        assert!(began.elapsed() < Duration::from_mins(1), "{user:?}: {:?}", began.elapsed());
        wait_for("the process to end", || processes(b"sleep\x004712") == 0);
        assert_clean(&place);
    }
}

#[test]
fn output_that_is_not_utf_8_goes_through_unchanged() {
    let Some(place) = place(User::Caller, "printf 'caf\\351 \\377\\376\\n'") else { return };
    let mut command = place.command(&["build", "app", "-B", "builder", "-p", "app"]);
    let child = crate::support::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.windows(8).any(|bytes| bytes == b"caf\xe9 \xff\xfe\n"), "{output:?}");
}

#[test]
fn much_output_is_passed_on_and_not_kept() {
    const SIZE: usize = 200 << 20;
    let Some(place) = place(User::Caller, "dd if=/dev/zero bs=1048576 count=200 2>/dev/null") else { return };
    let mut command = place.command(&["build", "app", "-B", "builder", "-p", "app"]);
    let mut child = crate::support::spawn(command.stdout(Stdio::piped()));
    let mut stdout = child.stdout.take().unwrap();
    let (mut buffer, mut count, mut memory) = (vec![0; 1 << 16], 0, String::new());
    loop {
        let length = stdout.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        count += length;
        if count > SIZE / 2 && memory.is_empty() {
            memory = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        }
    }
    assert!(child.wait().unwrap().success());
    assert!(count >= SIZE, "{count}");
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: usize = peak.split_whitespace().next().unwrap().parse().unwrap();
    assert!(kilobytes < 100_000, "{kilobytes} kB");
    assert_clean(&place);
}

#[test]
fn a_layer_that_is_a_link_is_refused() {
    for user in users() {
        let script = "ln -s /etc \"$1/linked\"; printf '[types]\\nlaunch = true\\n' >\"$1/linked.toml\"";
        let Some(place) = place(user, script) else { return };
        let failed = place.build(&[]).failure(1);
        assert!(failed.stderr.contains("creating layer 'test/odd:linked': "), "{user:?}: {}", failed.stderr);
        assert!(failed.stderr.contains("/layers/test_odd/linked is not a directory"), "{user:?}: {}", failed.stderr);
        assert_clean(&place);
    }
}

#[test]
fn a_socket_is_left_out_of_its_layer_and_a_pipe_is_not() {
    for user in users() {
        let script = "[ ! -e /data ] || cp -a /data/socket \"$1/dep/socket\"; mkfifo \"$1/dep/pipe\"";
        let Some(place) = place(user, script) else { return };
        let directory = place.path().join("data");
        std::fs::create_dir(&directory).unwrap();
        let _socket = UnixListener::bind(directory.join("socket")).unwrap();
        let volume = format!("{}:/data", directory.display());
        let with = place.build(&["--quiet", "--volume", &volume]).success();
        assert_clean(&place);
        let listed = place.run(&["run", "app", "--entrypoint", "ls", "--", "/layers/test_odd/dep"]).success();
        assert_eq!(listed.stdout, "file\npipe\n", "{user:?}");
        // Restored from the cache, the layer has no socket either.
        let without = place.build(&["--quiet", "--clear-cache"]).success();
        assert_eq!(with.stdout.lines().last(), without.stdout.lines().last(), "{user:?}");
    }
}

#[test]
fn what_its_owner_cannot_read_is_in_the_image_all_the_same() {
    let script = "echo secret >\"$1/dep/closed\"; mkdir \"$1/dep/directory\"; echo y >\"$1/dep/directory/y\"
        echo z >write-only; mkdir hidden; echo h >hidden/h
        chmod 0 \"$1/dep/closed\" \"$1/dep/directory\"; chmod 0200 write-only; chmod 0300 hidden";
    let mut digests = Vec::new();
    for user in users() {
        let Some(place) =
            place(user, &format!("[ -e \"$1/dep/closed\" ] || {{ {script}\n}}\nls -ld \"$1/dep/closed\""))
        else {
            return;
        };
        let built = place.build(&[]).success();
        assert!(built.stdout.contains("----------"), "{user:?}: {}", built.stdout);
        let shown = place.run(&["run", "app", "--entrypoint", "ls", "--", "-l", "/layers/test_odd/dep"]).success();
        assert!(shown.stdout.contains("d---------"), "{user:?}: {}", shown.stdout);
        assert_clean(&place);
        // From the cache they come as they were.
        let first = place.run(&["images"]).success().stdout;
        digests.push(place.build(&["-q", "--clear-cache"]).success().stdout);
        digests.push(place.build(&["-q", "--clear-cache"]).success().stdout);
        assert!(place.build(&[]).success().stdout.contains("----------"), "{user:?}: {first}");
        assert_clean(&place);
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

#[test]
fn nothing_can_be_given_to_others() {
    for user in users() {
        let script = "! busybox chown 0:0 \"$1/dep/file\" 2>/dev/null; ! busybox chown 4242 \"$1/dep/file\" 2>/dev/null
            ls -ln \"$1/dep/file\"";
        let Some(place) = place(user, script) else { return };
        let built = place.build(&[]).success();
        let line = built.stdout.lines().find(|line| line.starts_with("-rw-r--r--")).unwrap();
        assert_eq!(line.split_whitespace().skip(2).take(2).collect::<Vec<_>>(), ["1000", "1000"], "{user:?}");
        assert_clean(&place);
    }
}

#[test]
fn many_processes_end_at_once() {
    for user in users() {
        let script = "i=0; while [ $i -lt 300 ]; do (trap '' TERM INT; sleep 4713) & i=$((i + 1)); done; wait";
        let Some(place) = place(user, script) else { return };
        let mut command = place.command(&["build", "app", "-B", "builder", "-p", "app"]);
        let mut child = crate::support::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()));
        wait_for("the processes to start", || processes(b"sleep\x004713") >= 250);
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
        let began = Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{user:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{user:?}: {:?}", began.elapsed());
        assert_eq!(processes(b"sleep\x004713"), 0, "{user:?}");
        assert_clean(&place);
    }
}

/// What a buildpack does to the disk unless the application has the file `small`.
fn place_with_a_large_layer(source: &str, megabytes: u32) -> Option<Place> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIP: needs root to mount a small disk");
        return None;
    }
    let script = format!("[ -e small ] || dd if={source} of=\"$1/dep/big\" bs=1048576 count={megabytes} 2>&1");
    place(User::Caller, &script)
}

/// Builds a small application, then the large one with 60 megabytes left on the disk, then the small one again.
fn build_on_a_small_disk(place: &Place) -> Outcome {
    const SCRIPT: &str = "
set -eu
build() { ./baler build app -B builder -p app \"$@\"; }
touch app/small; build -q; rm app/small
size=$(($(du -sm store | cut -f1) + 60))
mkdir full; mount -t tmpfs -o size=${size}m none full; cp -a store/. full/
export BALER_HOME=$PWD/full
code=0; build || code=$?
[ -z \"$(ls -A full/tmp)\" ] || echo 'LEFT BEHIND'
touch app/small; build -q
exit $code";
    let inner = place.command(&[]);
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT]).current_dir(place.path()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    crate::support::outcome(&mut command)
}

/// The first and the last line: the small application, before and after.
#[track_caller]
fn assert_whole(outcome: &Outcome) {
    assert!(!outcome.stdout.contains("LEFT BEHIND"), "{outcome:?}");
    let lines: Vec<_> = outcome.stdout.lines().filter(|line| line.starts_with("app@sha256:")).collect();
    assert_eq!(lines.len(), 2, "{outcome:?}");
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn a_buildpack_that_fills_the_disk_fails() {
    let Some(place) = place_with_a_large_layer("/dev/zero", 200) else { return };
    let failed = build_on_a_small_disk(&place).failure(1);
    assert!(failed.stdout.contains("/layers/test_odd/dep/big': No space left on device"), "{failed:?}");
    assert!(failed.stderr.contains("failed with status code: 51"), "{failed:?}");
    assert_whole(&failed);
}

#[test]
fn an_export_that_fills_the_disk_fails() {
    let Some(place) = place_with_a_large_layer("/dev/urandom", 40) else { return };
    let failed = build_on_a_small_disk(&place).failure(1);
    assert!(failed.stderr.contains("failed to export: "), "{failed:?}");
    assert!(failed.stderr.to_lowercase().contains("no space left on"), "{failed:?}");
    assert_whole(&failed);
}
