//! Build with real buildpacks.

use baler_lifecycle::build::{BuildError, BuildInputs, BuildResult, build};
use fs_err as fs;
use rustix::process::Signal;

use crate::support::{Lines, Place, chain, ends, wait_for};

const PLAN: &str = r#"
[[entries]]
[[entries.providers]]
id = "a"
version = "1"
[[entries.providers]]
id = "b"
version = "1"
[[entries.requires]]
name = "tool"
[entries.requires.metadata]
count = 3

[[entries]]
[[entries.providers]]
id = "a"
version = "1"
[[entries.requires]]
name = "other"
"#;

fn built(inputs: &BuildInputs) -> BuildResult {
    build(inputs, &Lines::default()).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

#[test]
fn each_buildpack_gets_what_is_still_unmet() {
    let place = Place::new();
    let keep = r#"cp "$3" ../plan-$0 2>/dev/null || cp "$3" "$PWD/../plan-${CNB_LAYERS_DIR##*/}""#;
    place.buildpack("a", "", "", &format!("{keep}; printf '[[unmet]]\\nname = \"tool\"\\n' >\"$1/build.toml\""));
    place.buildpack("b", "", "", keep);
    place.buildpack("c", "", "", keep);
    built(&place.build_inputs(&["a", "b", "c"], PLAN));
    let tool = "[[entries]]\nname = \"tool\"\n\n[entries.metadata]\ncount = 3\n";
    assert_eq!(place.read("plan-a"), format!("{tool}\n[[entries]]\nname = \"other\"\n"));
    assert_eq!(place.read("plan-b"), tool);
    assert_eq!(place.read("plan-c"), "");
    assert!(place.is_tidy());
}

#[test]
fn build_layers_reach_later_buildpacks_and_platform_variables_do_not_stay() {
    let place = Place::new();
    place.write("platform/env/FROM_PLATFORM", "platform");
    place.write("platform/env/SHARED", "platform wins");
    let layers =
        "mkdir -p \"$1/l/bin\" \"$1/l/env\" \"$1/n/env\"; printf layer >\"$1/l/env/SHARED\"; printf x >\"$1/n/env/NO\"
        printf '[types]\\nbuild = true\\n' >\"$1/l.toml\"; printf '[types]\\nlaunch = true\\n' >\"$1/n.toml\"";
    place.buildpack("a", "", "", layers);
    place.buildpack("b", "", "", "env | sort >../env-b");
    place.buildpack("clear", "clear-env = true", "", "env | sort >../env-clear");
    built(&place.build_inputs(&["a", "b", "clear"], ""));
    let environment = place.read("env-b");
    let line = |prefix: &str| environment.lines().find(|line| line.starts_with(prefix)).unwrap_or("none").to_owned();
    assert_eq!(line("FROM_PLATFORM="), "FROM_PLATFORM=platform");
    assert_eq!(line("SHARED="), "SHARED=platform wins");
    assert_eq!(line("NO="), "none");
    assert_eq!(line("SECRET="), "none");
    assert_eq!(line("CNB_TARGET_DISTRO_NAME="), "CNB_TARGET_DISTRO_NAME=debian");
    assert_eq!(line("CNB_LAYERS_DIR="), format!("CNB_LAYERS_DIR={}", place.path("layers/b").display()));
    assert!(line("PATH=").starts_with(&format!("PATH={}:", place.path("layers/a/l/bin").display())));
    let clear = place.read("env-clear");
    assert!(clear.contains("SHARED=layer\n") && !clear.contains("FROM_PLATFORM"), "{clear}");
}

#[test]
fn launch_toml_becomes_metadata() {
    let place = Place::new();
    let launch = r#"
[[labels]]
key = "k"
value = "v"
[[slices]]
paths = ["*.txt"]
[[processes]]
type = "web"
command = ["run"]
args = ["x"]
default = true
[[processes]]
type = "redefined"
command = ["by-a"]
"#;
    place.write("app/a.toml", launch);
    place.buildpack("a", "homepage = \"h\"", "", "cp a.toml \"$1/launch.toml\"");
    place.write("app/b.toml", "[[processes]]\ntype = \"redefined\"\ncommand = [\"by-b\"]\n");
    place.buildpack("b", "", "", "cp b.toml \"$1/launch.toml\"");
    let metadata = built(&place.build_inputs(&["a", "b"], "")).metadata;
    assert_eq!(metadata.buildpack_default_process_type, "web");
    let processes: Vec<_> =
        metadata.processes.iter().map(|p| (p.process_type.as_str(), p.buildpack_id.as_str())).collect();
    assert_eq!(processes, [("redefined", "b"), ("web", "a")]);
    assert!(metadata.processes[1].direct);
    assert_eq!((metadata.labels.len(), metadata.slices.len(), metadata.buildpacks.len()), (1, 1, 2));
}

#[test]
fn sbom_files_are_kept_and_those_of_an_earlier_build_removed() {
    let place = Place::new();
    place.write("layers/sbom/launch/old/sbom.cdx.json", "{}");
    let build = "mkdir \"$1/l\"; printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/l.toml\"
        for n in launch build l; do echo '{}' >\"$1/$n.sbom.spdx.json\"; done; chmod 600 \"$1/l.sbom.spdx.json\"";
    place.buildpack("a", "sbom-formats = [\"application/spdx+json\"]", "", build);
    built(&place.build_inputs(&["a"], ""));
    for kept in
        ["launch/a/sbom.spdx.json", "build/a/sbom.spdx.json", "launch/a/l/sbom.spdx.json", "cache/a/l/sbom.spdx.json"]
    {
        assert_eq!(place.read(&format!("layers/sbom/{kept}")), "{}\n", "{kept}");
    }
    assert!(!place.path("layers/sbom/launch/old").exists());
    assert_eq!(place.read("layers/sbom/launch/sbom.legacy.json"), "null\n");

    place.buildpack("undeclared", "", "", "echo '{}' >\"$1/launch.sbom.spdx.json\"");
    let error = chain(&build_error(&place, "undeclared"));
    assert!(error.contains("undeclared SBOM media type: 'application/spdx+json'"), "{error}");
}

fn build_error(place: &Place, id: &str) -> BuildError {
    build(&place.build_inputs(&[id], PLAN), &Lines::default()).unwrap_err()
}

#[test]
fn what_a_buildpack_wrote_wrong_is_shown() {
    let cases = [
        ("echo '[types' >\"$1/bad.toml\"", "bad.toml is not valid: TOML parse error at line 1"),
        ("echo 'launch = true' >\"$1/old.toml\"", "flags should be in the types table of"),
        ("echo 'not toml' >\"$1/store.toml\"", "store.toml is not valid"),
        ("printf '[[unmet]]\\nname = \"x\"\\n' >\"$1/build.toml\"", "unmet.name 'x' must match a requested dependency"),
        (
            "printf '[[processes]]\\ntype = \"web\"\\ncommand = \"x\"\\n' >\"$1/launch.toml\"",
            "must be a list of strings",
        ),
        ("printf '[[processes]]\\ntype = 1\\n' >\"$1/launch.toml\"", "type = 1"),
    ];
    for (script, expected) in cases {
        let place = Place::new();
        place.buildpack("a", "", "", script);
        let error = build_error(&place, "a");
        assert!(matches!(error, BuildError::Output { .. }), "{error}");
        let text = chain(&error);
        assert!(text.starts_with("could not use what buildpack a@1 wrote: ") && text.contains(expected), "{text}");
    }
}

#[test]
fn a_failing_buildpack_is_named_and_its_output_passes_through() {
    let place = Place::new();
    place.buildpack("a", "", "", "echo to stdout; echo to stderr >&2; exit 7");
    let error = build_error(&place, "a");
    let program = place.path("buildpacks/a/1/bin/build");
    assert_eq!(error.to_string(), format!("buildpack a@1 failed: {} ended with exit code 7", program.display()));
    assert_eq!(place.read("output"), "to stdout\nto stderr\n");

    fs::remove_file(&program).unwrap();
    let error = chain(&build_error(&place, "a"));
    assert_eq!(error, format!("buildpack a@1 could not be run: {} does not exist", program.display()));

    place.buildpack("a", "", "", "");
    let mut inputs = place.build_inputs(&["a"], "");
    inputs.app_directory = place.path("nowhere");
    let error = chain(&build(&inputs, &Lines::default()).unwrap_err());
    assert!(error.starts_with("buildpack a@1 could not be run: could not enter "), "{error}");
}

#[test]
fn groups_that_cannot_be_built_are_refused_before_anything_runs() {
    let place = Place::new();
    place.buildpack("a", "", "", "touch ../ran");
    let mut inputs = place.build_inputs(&["a", "a"], "");
    inputs.group.group[1].api = "0.99".into();
    let error = chain(&build(&inputs, &Lines::default()).unwrap_err());
    assert!(error.starts_with("set API for buildpack 'a@1': "), "{error}");
    inputs.group.group.pop();
    inputs.group.group_extensions = inputs.group.group.clone();
    inputs.group.group_extensions[0].api = "0.99".into();
    let error = chain(&build(&inputs, &Lines::default()).unwrap_err());
    assert!(error.starts_with("set API for extension 'a@1': "), "{error}");
    assert!(!place.path("ran").exists());
    assert_eq!(built(&place.build_inputs(&[], "")), BuildResult::default());
}

#[test]
fn a_signal_ends_the_buildpack_and_what_it_started() {
    let place = Place::new();
    place.buildpack("a", "", "", "trap '' TERM; sleep 60 & echo $! >../pid; wait; sleep 60");
    let inputs = place.build_inputs(&["a"], "");
    let (interrupt, pid) = (inputs.interrupt.clone(), place.path("pid"));
    let killer = std::thread::spawn(move || {
        let pid = wait_for(&pid);
        interrupt.trigger(Signal::TERM);
        interrupt.trigger(Signal::KILL);
        pid
    });
    let error = build(&inputs, &Lines::default()).unwrap_err();
    assert!(matches!(error, BuildError::Interrupted), "{error}");
    assert!(ends(&killer.join().unwrap()));
    assert!(place.is_tidy());
}
