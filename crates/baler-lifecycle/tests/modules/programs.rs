//! The programs `detector` and `builder`: arguments, files, exit codes, signals.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use fs_err as fs;

use crate::support::{Place, ends, wait_for};

/// A user that is not root, as the programs demand.
const NOBODY: u32 = 65534;

fn lifecycle(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifecycle"));
    command.args(arguments).env("CNB_PLATFORM_API", "0.15");
    command
}

/// A call with the directories of `place`, by a user that is not root. `None`: the test cannot be done here.
pub(crate) fn call(place: &Place, phase: &str) -> Option<Command> {
    let mut command = lifecycle(&[phase]);
    command.env("TMPDIR", place.path("tmp"));
    for name in ["app", "layers", "platform", "buildpacks"] {
        command.arg(format!("-{name}")).arg(place.path(name));
    }
    if rustix::process::getuid().is_root() {
        for name in ["", "app", "layers", "tmp"] {
            fs::set_permissions(place.path(name), PermissionsExt::from_mode(0o777)).unwrap();
        }
        as_nobody(&mut command);
        let mut trial = lifecycle(&["-version"]);
        if trial.uid(NOBODY).gid(NOBODY).stdout(Stdio::null()).status().is_err() {
            println!("SKIP: needs a program directory that other users can enter");
            return None;
        }
    }
    Some(command)
}

/// A program that root starts is another user's.
pub(crate) fn as_nobody(command: &mut Command) {
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

pub(crate) fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn arguments_are_checked() {
    let cases: [(&[&str], i32, &str); 8] = [
        (&["-version"], 0, "0.21.17+baler."),
        (&["detect", "-version"], 0, "0.21.17+baler."),
        (&[], 3, "ERROR: unknown phase: \"\""),
        (&["dance"], 3, "ERROR: unknown phase: \"dance\""),
        (&["detect", "-no-such-flag"], 2, "flag provided but not defined: -no-such-flag\nUsage of detector:\n"),
        (&["detect", "-h"], 0, "Usage of detector:\n  -analyzed value\n"),
        (&["detect", "extra"], 3, "ERROR: failed to parse arguments: received unexpected arguments: extra"),
        (&["build", "-log-level", "loud"], 1, "ERROR: failed to parse log level: \"loud\""),
    ];
    for (arguments, code, text) in cases {
        let (found, output) = outcome(&mut lifecycle(arguments));
        assert_eq!(found, Some(code), "{arguments:?}: {output}");
        assert!(output.starts_with(text), "{arguments:?}: {output}");
    }
    let (code, _) = outcome(lifecycle(&["detect", "-system", "x"]).env("CNB_PLATFORM_API", "0.14"));
    assert_eq!(code, Some(2), "a flag of a later API");
}

#[test]
fn the_platform_api_is_demanded() {
    for value in [None, Some(""), Some("0.6"), Some("0.99"), Some("new")] {
        let mut command = lifecycle(&["detect", "-no-such-flag"]);
        match value {
            Some(value) => command.env("CNB_PLATFORM_API", value),
            None => command.env_remove("CNB_PLATFORM_API"),
        };
        let (code, output) = outcome(&mut command);
        assert_eq!(code, Some(11), "{value:?}: {output}");
    }
}

#[test]
fn root_is_refused() {
    if !rustix::process::getuid().is_root() {
        println!("SKIP: needs root");
        return;
    }
    for phase in ["detect", "build"] {
        let (code, output) = outcome(&mut lifecycle(&[phase]));
        assert_eq!(code, Some(1));
        assert!(output.contains("to run as root"), "{output}");
    }
}

#[test]
fn detector_and_builder_work_together() {
    let place = Place::new();
    place.buildpack(
        "a",
        "",
        "echo '[[provides]]\nname = \"x\"\n[[requires]]\nname = \"x\"' >\"$2\"",
        "echo building; cp \"$3\" ../app/plan",
    );
    place.write("layers/order.toml", "[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n");
    let (Some(mut detector), Some(mut builder)) = (call(&place, "detect"), call(&place, "build")) else { return };
    let (code, output) = outcome(&mut detector);
    assert_eq!(code, Some(0), "{output}");
    let warning =
        format!("Warning: No analyzed metadata found at path '{}'\n", place.path("layers/analyzed.toml").display());
    assert_eq!(output, format!("{warning}a 1\n"));
    assert!(place.read("layers/group.toml").contains("id = \"a\""));
    assert!(place.read("layers/plan.toml").contains("name = \"x\""));
    let (code, output) = outcome(&mut builder);
    assert_eq!((code, output), (Some(0), format!("{warning}building\n")));
    assert_eq!(place.read("app/plan"), "[[entries]]\nname = \"x\"\n");
    assert!(place.read("layers/config/metadata.toml").starts_with("processes = []\n"));

    place.buildpack("a", "", "", "exit 7");
    assert_eq!(outcome(call(&place, "detect").as_mut().unwrap()).0, Some(0));
    assert_eq!(place.read("layers/plan.toml"), "", "an empty plan is an empty file");
    let (code, output) = outcome(call(&place, "build").as_mut().unwrap());
    assert_eq!(code, Some(51));
    assert!(output.contains("ERROR: failed to build: buildpack a@1 failed: "), "{output}");
}

#[test]
fn failures_of_detect_have_their_codes() {
    let place = Place::new();
    place.buildpack("no", "", "exit 100", "");
    place.buildpack("broken", "", "exit 1", "");
    place.buildpack_with_api("0.99", "future", "", "", "");
    place.composite("m", &["m"]);
    for (id, expected, text) in [
        (
            "no",
            20,
            "ERROR: Please check that you are running against the correct path.\nERROR: failed to detect: no buildpacks participating\n",
        ),
        ("broken", 21, "err:  broken@1 (1)"),
        ("m", 22, "m@1 -> m@1"),
        ("missing", 1, "there is no buildpack missing@1"),
        ("future", 12, "set API for buildpack 'future@1'"),
    ] {
        place.write("layers/order.toml", &format!("[[order]]\n[[order.group]]\nid = \"{id}\"\nversion = \"1\"\n"));
        let Some(mut detector) = call(&place, "detect") else { return };
        let (code, output) = outcome(&mut detector);
        assert_eq!(code, Some(expected), "{id}: {output}");
        assert!(output.contains(text), "{id}: {output}");
    }
    place.write("layers/order.toml", "[[order]]\n[[order.group]\n");
    let (code, output) = outcome(call(&place, "detect").as_mut().unwrap());
    assert_eq!(code, Some(1));
    assert!(output.contains("order.toml is not valid: ") && output.contains("2 | [[order.group]"), "{output}");
}

#[test]
fn a_signal_to_the_program_ends_the_buildpack() {
    let place = Place::new();
    place.buildpack("a", "", "", "sleep 60 & echo $! >../app/pid; wait");
    place.write("layers/group.toml", "[[group]]\nid = \"a\"\nversion = \"1\"\napi = \"0.10\"\n");
    place.write("layers/plan.toml", "");
    let Some(mut builder) = call(&place, "build") else { return };
    let mut running = builder.stdout(Stdio::null()).spawn().unwrap();
    let pid = wait_for(&place.path("app/pid"));
    rustix::process::kill_process(rustix::process::Pid::from_child(&running), rustix::process::Signal::TERM).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(128 + 15));
    assert!(ends(&pid));
}
