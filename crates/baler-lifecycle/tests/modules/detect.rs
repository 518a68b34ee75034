//! Detect with real modules.

use std::time::{Duration, Instant};

use baler_cnb::order::{ModuleReference, System, SystemModules};
use baler_lifecycle::detect::{DetectError, DetectInputs, detect};
use rustix::process::Signal;

use crate::support::{Lines, Place, chain, ends, order, wait_for};

fn ids(inputs: &DetectInputs) -> Vec<String> {
    let detection = detect(inputs, &Lines::default()).unwrap_or_else(|error| panic!("{}", chain(&error)));
    detection.group.group.into_iter().map(|element| element.id).collect()
}

/// Buildpacks a, b and c; `scripts` replaces their `bin/detect`.
fn place(scripts: &[(&str, &str)]) -> Place {
    let place = Place::new();
    for id in ["a", "b", "c"] {
        let script = scripts.iter().find(|(name, _)| *name == id).map_or("", |(_, script)| script);
        place.buildpack(id, "", &format!("echo '@ {id}'; echo {id} >>\"$PWD/../runs\"; {script}"), "");
    }
    place
}

#[test]
fn exit_codes_decide_who_is_in_the_group() {
    type Case<'a> = (&'a [(&'a str, &'a str)], Result<&'a [&'a str], &'a str>);
    let groups = ["a b", "a b? c", "c"];
    let cases: [Case<'_>; 6] = [
        (&[], Ok(&["a", "b"])),
        (&[("b", "exit 100")], Ok(&["a", "c"])),
        (&[("b", "exit 3")], Ok(&["a", "c"])),
        (&[("a", "exit 1")], Ok(&["c"])),
        (&[("a", "exit 100"), ("c", "exit 100")], Err("NoGroup")),
        (&[("a", "exit 100"), ("c", "exit 9")], Err("NoGroupAndErrors")),
    ];
    for (scripts, expected) in cases {
        let place = place(scripts);
        let result = detect(&place.detect_inputs(&groups), &Lines::default());
        let result = result.map(|detection| detection.group.group.into_iter().map(|element| element.id).collect());
        let expected = expected.map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(result.map_err(|error| format!("{error:?}")), expected.map_err(str::to_owned), "{scripts:?}");
        assert!(place.is_tidy());
    }
}

#[test]
fn a_module_runs_once_and_is_shown_in_each_group() {
    let place = place(&[("a", "exit 100"), ("c", "exit 9")]);
    let lines = Lines::default();
    let error = detect(&place.detect_inputs(&["a b", "a b? c", "c"]), &lines).unwrap_err();
    assert_eq!(error.to_string(), "buildpack(s) failed with err");
    let mut runs: Vec<_> = place.read("runs").lines().map(str::to_owned).collect();
    runs.sort();
    assert_eq!(runs, ["a", "b", "c"]);
    let text = lines.text();
    let outputs: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("@ ")).collect();
    assert_eq!(outputs, ["a", "b", "a", "b", "c", "c"]);
    assert!(text.contains("======== Output: c@1 ========") && text.contains("err:  c@1 (9)"), "{text}");
}

#[test]
fn a_success_says_only_who_takes_part() {
    let place = place(&[("b", "exit 100")]);
    let lines = Lines::default();
    detect(&place.detect_inputs(&["a b? c"]), &lines).unwrap();
    assert_eq!(lines.text(), "2 of 3 buildpacks participating\na 1\nc 1");
}

#[test]
fn plans_become_plan_toml_sorted_by_name() {
    let place = Place::new();
    let provide = r#"printf '[[provides]]\nname = "%s"\n' tool zoo >"$CNB_BUILD_PLAN_PATH""#;
    let require =
        r#"printf '[[requires]]\nname = "zoo"\n[[requires]]\nname = "tool"\n[requires.metadata]\nn = 1\n' >"$2""#;
    place.buildpack("a", "homepage = \"h\"", provide, "");
    place.buildpack("b", "", require, "");
    let detection = detect(&place.detect_inputs(&["a b"]), &Lines::default()).unwrap();
    let names: Vec<_> = detection.plan.entries.iter().map(|entry| entry.requires[0].name.as_str()).collect();
    assert_eq!(names, ["tool", "zoo"]);
    let element = &detection.group.group[0];
    assert_eq!((element.api.as_str(), element.homepage.as_str()), ("0.10", "h"));
}

#[test]
fn unusable_plans_are_errors_of_the_module_and_shown() {
    let cases = [
        (r#"echo '[[provides' >"$2""#, "line 1"),
        (r#"printf '[[requires]]\nname = "v"\nversion = "1"\n' >"$2""#, "has a top-level version"),
        ("kill -9 $$", "was killed by signal 9"),
    ];
    for (script, expected) in cases {
        let place = place(&[("a", script)]);
        let lines = Lines::default();
        let error = detect(&place.detect_inputs(&["a"]), &lines).unwrap_err();
        assert!(matches!(error, DetectError::NoGroupAndErrors), "{error}");
        assert!(lines.text().contains(expected) && lines.text().contains("err:  a@1"), "{}", lines.text());
    }
}

#[test]
fn programs_that_cannot_be_run_are_explained() {
    use std::os::unix::fs::PermissionsExt;
    let place = place(&[]);
    let program = place.path("buildpacks/a/1/bin/detect");
    let failure = || {
        let lines = Lines::default();
        detect(&place.detect_inputs(&["a"]), &lines).unwrap_err();
        lines.text()
    };
    fs_err::write(&program, "no program\n").unwrap();
    assert!(failure().contains("bin/detect is neither a script that begins with #! nor a program for this machine"));
    fs_err::write(&program, "#!/no/such/shell\n").unwrap();
    assert!(failure().contains("the interpreter in the first line of"), "{}", failure());
    fs_err::set_permissions(&program, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(failure().contains("bin/detect is not executable: its mode is 0644"), "{}", failure());
    fs_err::remove_file(&program).unwrap();
    assert!(failure().contains("bin/detect does not exist"));
}

#[test]
fn orders_that_cannot_be_used_are_refused_by_name() {
    let place = place(&[]);
    place.composite("m", &["a n"]);
    place.composite("n", &["m"]);
    place.composite("o", &["a missing"]);
    place.write("buildpacks/broken/1/buildpack.toml", "api = \"0.10\"\n[buildpack\n");
    place.buildpack_with_api("0.99", "future", "", "", "");
    let cases = [
        (&["a missing?"][..], "could not use the order: there is no buildpack missing@1: "),
        (&["a", "broken"], "line 2, column 11"),
        (&["a", "future"], "buildpack API version '0.99' is incompatible with the lifecycle"),
        (&["m"], "the order of a composite buildpack leads back to itself: m@1 -> n@1 -> m@1"),
        (&["o"], "could not use the composite buildpack o@1: there is no buildpack missing@1: "),
    ];
    for (groups, expected) in cases {
        let error = chain(&detect(&place.detect_inputs(groups), &Lines::default()).unwrap_err());
        assert!(error.contains(expected), "{groups:?}: {error}");
    }
    assert!(matches!(detect(&place.detect_inputs(&[]), &Lines::default()), Err(DetectError::NoGroup)));
}

#[test]
fn targets_decide_about_required_modules() {
    let place = Place::new();
    place.buildpack("fits", "[[targets]]\nos = \"linux\"\narch = \"amd64\"", "", "");
    place.buildpack("foreign", "[[targets]]\nos = \"linux\"\narch = \"s390x\"", "", "");
    let lines = Lines::default();
    let error = detect(&place.detect_inputs(&["fits foreign"]), &lines).unwrap_err();
    assert!(matches!(error, DetectError::NoGroupAndErrors), "{error}");
    assert!(lines.text().contains("unable to satisfy target os/arch constraints"), "{}", lines.text());
    assert_eq!(ids(&place.detect_inputs(&["fits foreign?"])), ["fits", "foreign"]);
    let mut old = place.detect_inputs(&["foreign"]);
    old.platform_api = "0.11".parse().unwrap();
    assert_eq!(ids(&old), ["foreign"]);
}

#[test]
fn execution_environments_and_system_buildpacks() {
    let place = place(&[]);
    place.buildpack_with_api("0.12", "test-only", "exec-env = [\"test\"]", "", "");
    let mut inputs = place.detect_inputs(&["test-only a"]);
    assert_eq!(ids(&inputs), ["a"]);
    inputs.exec_env = "test".into();
    assert_eq!(ids(&inputs), ["test-only", "a"]);

    inputs.order = order(&["a b"]);
    inputs.order.order[0].group[1].exec_env = vec!["production".into()];
    assert_eq!(ids(&inputs), ["a"], "an order can name environments too");

    let reference = |id: &str| ModuleReference { id: id.into(), version: "1".into(), ..Default::default() };
    let modules = |ids: &[&str]| SystemModules { buildpacks: ids.iter().map(|id| reference(id)).collect() };
    inputs.system = System { pre: modules(&["c"]), post: modules(&["a", "test-only"]) };
    assert_eq!(ids(&inputs), ["c", "a", "test-only"]);
    inputs.platform_api = "0.14".parse().unwrap();
    assert_eq!(ids(&inputs), ["a", "b"]);
}

#[test]
fn extensions_are_in_a_group_of_their_own() {
    let place = place(&[]);
    place.write("extensions/x/1/extension.toml", "api = \"0.11\"\n[extension]\nid = \"x\"\nversion = \"1\"\n");
    let mut inputs = place.detect_inputs(&["a"]);
    inputs.order.order_extensions = order(&["x"]).order;
    let group = detect(&inputs, &Lines::default()).unwrap().group;
    let names: Vec<_> = group.group_extensions.iter().map(baler_cnb::group::GroupElement::full_name).collect();
    assert_eq!((names, group.group.len()), (vec!["x@1".to_owned()], 1));
    inputs.platform_api = "0.9".parse().unwrap();
    assert_eq!(ids(&inputs), ["a"], "older platforms have no extensions");
}

#[test]
fn as_many_modules_run_at_a_time_as_are_allowed() {
    let place = Place::new();
    let names: Vec<_> = (0..6).map(|number| format!("m{number}")).collect();
    for name in &names {
        place.buildpack(name, "", r#"echo + >>"$PWD/../runs"; sleep 0.1; echo - >>"$PWD/../runs""#, "");
    }
    let group = names.join(" ");
    let mut inputs = place.detect_inputs(&[&group]);
    inputs.concurrency = 2;
    assert_eq!(ids(&inputs), names);
    let mut running = 0;
    let counts = place.read("runs");
    let most = counts.lines().map(|line| {
        running += if line == "+" { 1 } else { -1 };
        running
    });
    assert_eq!(most.max(), Some(2));
}

#[test]
fn what_a_module_leaves_running_does_not_hold_detect_up() {
    let place = place(&[("a", "sleep 60 & echo $! >../pid; echo done")]);
    let start = Instant::now();
    assert_eq!(ids(&place.detect_inputs(&["a"])), ["a"]);
    assert!(start.elapsed() < Duration::from_secs(20));
    let pid = place.read("pid").trim().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_signal_ends_modules_and_what_they_started() {
    let place = place(&[("a", "trap '' TERM; sleep 60 & echo $! >../pid; wait; sleep 60")]);
    let inputs = place.detect_inputs(&["a b"]);
    let interrupt = inputs.interrupt.clone();
    let pid = place.path("pid");
    let killer = std::thread::spawn(move || {
        let pid = wait_for(&pid);
        interrupt.trigger(Signal::TERM);
        interrupt.trigger(Signal::KILL);
        pid
    });
    let silent = Lines::default();
    let error = detect(&inputs, &silent).unwrap_err();
    assert!(matches!(error, DetectError::Interrupted), "{error}");
    assert!(ends(&killer.join().unwrap()));
    assert!(place.is_tidy());
    assert!(matches!(detect(&inputs, &silent), Err(DetectError::Interrupted)), "nothing more is started");
}
