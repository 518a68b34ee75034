//! What packages of Baler bring along.

use std::path::Path;
use std::process::Command;

/// The parser says names and whether it understands; nothing is loaded.
#[test]
fn the_apparmor_profile_can_be_read() {
    let version = Command::new("apparmor_parser").arg("--version").output();
    let Ok(version) = version else {
        eprintln!("SKIP: needs apparmor_parser");
        return;
    };
    let version = String::from_utf8(version.stdout).unwrap();
    let version = version.lines().next().and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/apparmor/baler");
    let mut profile = std::fs::read_to_string(&path).unwrap();
    if major < 4 {
        // The rule that it is all about came with 4.0; an older parser still reads the rest.
        for new in ["abi <abi/4.0>,\n", "  userns,\n"] {
            assert!(profile.contains(new), "{profile}");
            profile = profile.replace(new, "");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("baler");
    std::fs::write(&copy, profile).unwrap();
    for (mode, expected) in [("--names", "baler"), ("--skip-kernel-load", "")] {
        let mut parser = Command::new("apparmor_parser");
        parser.args([mode, "--skip-cache", "--skip-read-cache"]).arg(&copy);
        let read = parser.output().unwrap();
        let (names, wrong) = (String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
        assert!(read.status.success(), "{version} {mode}: {wrong}");
        assert_eq!(names.trim(), expected, "{version} {mode}: {wrong}");
    }
}
