//! The sandbox where the system gives less: in a namespace that stands for a container.

use std::process::Command;

use baler_sandbox::IdMapMode;

use crate::fixture::{Fixture, each, probe};

/// What the probe says when it runs as root of a new user namespace, after `preparation`.
fn attempt(fixture: &Fixture, preparation: &str) -> Option<String> {
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg(format!("{preparation} && exec \"$0\" try \"$1\" \"$2\""))
        .arg(probe())
        .args([&fixture.root.lower[0], &fixture.root.scratch])
        .output();
    match output {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        other => {
            println!("SKIP: needs unshare ({other:?})");
            None
        }
    }
}

/// For an ordinary user without sub-ids, whose files are all its own.
fn each_single(test: impl Fn(Fixture)) {
    each(|fixture| {
        if fixture.executor.id_map.mode() == IdMapMode::Single {
            test(fixture);
        }
    });
}

#[test]
fn root_of_a_container_without_other_ids_runs_commands() {
    each_single(|fixture| {
        if let Some(said) = attempt(&fixture, "true") {
            assert_eq!(said, "Single Ok(Code(0))\n");
            fixture.assert_clean();
        }
    });
}

#[test]
fn a_system_without_namespaces_says_which_setting() {
    each_single(|fixture| {
        if let Some(said) = attempt(&fixture, "echo 0 >/proc/sys/user/max_user_namespaces") {
            assert!(said.contains("NoNamespaces { refusal: Limit"), "{said}");
            fixture.assert_clean();
        }
    });
}

#[test]
fn a_masked_proc_is_named() {
    each_single(|fixture| {
        if let Some(said) = attempt(&fixture, "mount -t tmpfs none /proc/irq") {
            assert!(said.contains("Setup { step: MountProc"), "{said}");
            fixture.assert_clean();
        }
    });
}
