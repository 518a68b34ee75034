//! `baler doctor`.

use crate::support::{Outcome, Place, User, users};

#[test]
fn a_machine_that_can_build_is_well_for_every_user() {
    for user in users() {
        let Some(place) = Place::new(user) else { return };
        let said = place.run(&["doctor"]).success();
        assert!(said.stdout.contains("one was made, as builds make it"), "{user:?}: {}", said.stdout);
        assert!(said.stdout.ends_with("Builds can work.\n"), "{user:?}: {}", said.stdout);
        // Whether an ordinary user that runs the tests has some is not known here.
        if user != User::Caller || rustix::process::geteuid().is_root() {
            let has_none = matches!(user, User::Single { .. });
            assert_eq!(said.stdout.contains("warning  sub-ids"), has_none, "{}", said.stdout);
        }
        let left: Vec<_> = std::fs::read_dir(place.store().join("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{user:?}: {left:?}");
    }
}

#[test]
fn what_is_found_can_be_had_as_json() {
    let Some(place) = Place::new(User::Caller) else { return };
    let file = "{\"auths\": {\"registry.example\": {\"auth\": \"c2VjcmV0OnNlY3JldA==\"}}}";
    crate::support::write(&place.path().join(".docker/config.json"), file);
    let said = place.run(&["doctor", "--output", "json"]).success();
    assert!(!said.stdout.contains("c2VjcmV0"), "{}", said.stdout);
    let value: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(value["can_build"], true);
    let checks = value["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    for name in ["kernel", "sandbox", "sub-ids", "overlay", "store", "certificates", "credentials", "daemons"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let credentials = checks.iter().find(|check| check["check"] == "credentials").unwrap();
    let text = credentials["text"].as_str().unwrap();
    assert!(text.starts_with("registry.example: ") && text.ends_with("/.docker/config.json"), "{credentials}");
}

#[test]
fn a_store_that_cannot_be_used_is_a_problem() {
    let Some(place) = Place::new(User::Caller) else { return };
    crate::support::write(&place.store().join("something"), "not a store");
    let said = place.run(&["doctor"]).failure(1);
    assert!(said.stdout.contains("is not empty, and not a store"), "{}", said.stdout);
    assert!(said.stdout.contains("No build can work"), "{}", said.stdout);
}

#[test]
fn refused_namespaces_are_a_problem_with_a_remedy() {
    let Some(place) = Place::new(User::Caller) else { return };
    let inner = place.command(&["doctor"]);
    let mut command = std::process::Command::new("unshare");
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    command.arg(inner.get_program()).args(inner.get_args()).env("BALER_HOME", place.store());
    let said: Outcome = crate::support::outcome(&mut command);
    if said.stderr.contains("unshare") {
        eprintln!("SKIP: needs unshare ({})", said.stderr);
        return;
    }
    let said = said.failure(1);
    assert!(said.stdout.contains("user.max_user_namespaces=15000"), "{}", said.stdout);
}

#[test]
fn the_store_s_file_system_is_named() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIP: needs root to mount");
        return;
    }
    let Some(place) = Place::new(User::Caller) else { return };
    let on = |mount: &str| {
        let inner = place.command(&["doctor"]);
        let script = format!("set -e; mkdir -p disk; mount -t tmpfs none disk; {mount}; \"$0\" \"$@\"");
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(place.path()).env("BALER_HOME", place.path().join("disk/store"));
        crate::support::outcome(&mut command)
    };
    let memory = on("true").success();
    assert!(memory.stdout.contains("the store is on tmpfs, in memory"), "{}", memory.stdout);
    let overlay = "mkdir disk/low disk/up disk/work disk/store; mount -t overlay -o lowerdir=disk/low,upperdir=disk/up,workdir=disk/work none disk/store";
    let overlay = on(overlay).failure(1);
    assert!(
        overlay.stdout.contains("none can be mounted on the store's file system (overlayfs)"),
        "{}",
        overlay.stdout
    );
    assert!(overlay.stdout.contains("-> set BALER_HOME to a directory on ext4"), "{}", overlay.stdout);
}
