//! Started as root, the tests run again as ordinary users: one with sub-ids, one without.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use fs_err as fs;

/// A user with sub-ids, if the machine has one: its name, its user id, its group id.
fn user_with_sub_ids() -> Option<(u32, u32)> {
    let owners = fs::read_to_string("/etc/subuid").ok()?;
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let is_owner = owners.lines().any(|owner| owner.split(':').next() == fields.first().copied());
        let (user, group) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        (is_owner && user != 0).then_some((user, group))
    })
}

fn run_as(user: u32, group: u32) {
    // The target directory may lie where that user cannot read.
    let home = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let (tests, probe) = (home.path().join("tests"), home.path().join("probe"));
    // Copied by another process: what this one has open for writing, a child of another test has too for a moment, and
    // such a file cannot be executed.
    for (from, to) in
        [(&std::env::current_exe().unwrap(), &tests), (&env!("CARGO_BIN_EXE_baler-sandbox-probe").into(), &probe)]
    {
        assert!(Command::new("cp").args([from, to]).status().unwrap().success());
    }
    let output = Command::new("setpriv")
        .args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()])
        .arg(&tests)
        .args(["--test-threads=2", "--nocapture"])
        .env("BALER_SANDBOX_PROBE", &probe)
        .current_dir("/")
        .output();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let skipped: BTreeSet<_> = text.lines().filter(|line| line.starts_with("SKIP")).collect();
            for line in skipped {
                println!("{line}");
            }
            assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(error) => println!("SKIP: needs setpriv ({error})"),
    }
}

#[test]
fn a_user_with_sub_ids_passes_too() {
    if rustix::process::geteuid().is_root() {
        match user_with_sub_ids() {
            Some((user, group)) => run_as(user, group),
            None => println!("SKIP: needs an ordinary user with sub-ids"),
        }
    }
}

#[test]
fn a_user_without_sub_ids_passes_too() {
    if rustix::process::geteuid().is_root() {
        run_as(65_534, 65_534);
    }
}
