//! What scripts for `pack` call besides the commands of their own: older names, groups, completion, version and report.

use crate::support::{Place, User, buildpack};

#[test]
fn older_names_lead_to_newer_commands() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let cases: [(&[&str], &str, &str); 9] = [
        (&["create-builder", "b", "-c", "builder.toml"], "builder create", "Successfully created builder image 'b'"),
        (
            &["package-buildpack", "one.cnb", "--format", "file", "--path", "one"],
            "buildpack package",
            "Successfully created package 'one.cnb' and saved to file",
        ),
        (&["set-default-builder", "b"], "config default-builder", "Builder 'b' is now the default builder"),
        (&["trust-builder", "b"], "config trusted-builders add", "Builder 'b' is now trusted"),
        (&["list-trusted-builders"], "config trusted-builders list", "Trusted Builders:\n  b"),
        (&["untrust-builder", "b"], "config trusted-builders remove", "Builder 'b' is no longer trusted"),
        (
            &["set-run-image-mirrors", "run", "-m", "a.example/run", "--mirror", "b.example/run"],
            "config run-image-mirrors",
            "Run Image 'run' configured with mirror 'a.example/run'\nRun Image 'run' configured with mirror 'b.example/run'",
        ),
        (&["set-run-image-mirrors", "run"], "config run-image-mirrors", "All mirrors removed for Run Image 'run'"),
        (&["suggest-builders"], "builder suggest", "Suggested builders:\n  Google:"),
    ];
    for (arguments, newer, answer) in cases {
        let told = place.run(arguments).success().stdout;
        let older = arguments[0];
        let warning =
            format!("Warning: Command 'baler {older}' has been deprecated, please use 'baler {newer}' instead\n");
        let rest = told.strip_prefix(&warning).unwrap_or_else(|| panic!("{told}"));
        assert!(rest.starts_with(answer), "{told}");
    }
    let mirrors = place.run(&["config", "run-image-mirrors"]).success().stdout;
    assert_eq!(mirrors, "No run image mirrors have been set\n");
    for (older, newer) in [("inspect-builder", ["builder", "inspect"]), ("inspect-buildpack", ["buildpack", "inspect"])]
    {
        let what = if older == "inspect-builder" { "b" } else { "one.cnb" };
        let (old, new) = (place.run(&[older, what]), place.run(&[&newer[..], &[what]].concat()));
        assert_eq!(old.success().stdout, new.success().stdout);
    }
}

#[test]
fn groups_show_their_help() {
    let Some(place) = Place::new(User::Caller) else { return };
    for group in ["builder", "builders", "buildpack", "buildpacks", "extensions", "sbom"] {
        let shown = place.run(&[group]).success();
        assert!(format!("{}{}", shown.stdout, shown.stderr).contains("Usage: baler "), "{group}");
    }
    assert!(place.run(&["help", "build"]).success().stdout.contains("Usage: baler build "));
    place.run(&["nothing-of-this-name"]).failure(1);
}

#[test]
fn the_version_alone() {
    let Some(place) = Place::new(User::Caller) else { return };
    let version = place.run(&["version"]).success().stdout;
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")) && version.lines().count() == 1, "{version}");
}

#[test]
fn shells_get_a_script_and_pack_s_users_its_place() {
    let Some(place) = Place::new(User::Caller) else { return };
    let script = place.run(&["completion"]).success().stdout;
    assert!(script.contains("_baler()") && script.contains("--disable-system-buildpacks"), "{script}");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        place.run(&["completion", "--shell", shell]).success();
    }
    let pack = place.path().join("pack");
    std::os::unix::fs::symlink(place.command(&[]).get_program(), &pack).unwrap();
    let mut command = std::process::Command::new(&pack);
    let outcome =
        crate::support::outcome(command.args(["completion", "-s", "zsh"]).env("PACK_HOME", place.path().join("p")));
    let path = place.path().join("p/completion.zsh");
    assert_eq!(outcome.success().stdout, format!("{}\n", path.display()));
    assert!(std::fs::read_to_string(path).unwrap().contains("#compdef pack"));
}

#[test]
fn a_report_keeps_names_to_itself() {
    let Some(place) = Place::new(User::Caller) else { return };
    assert!(place.run(&["report"]).success().stdout.contains("  (no config file found at "));
    place.run(&["config", "trusted-builders", "add", "secret.example/builder"]).success();
    place.run(&["config", "pull-policy", "never"]).success();
    let report = place.run(&["report"]).success().stdout;
    assert!(report.starts_with("Baler:\n  Version:  ") && report.contains("pull-policy = \"never\""), "{report}");
    assert!(report.contains("name = \"[REDACTED]\"") && !report.contains("secret"), "{report}");
    assert!(place.run(&["report", "--explicit"]).success().stdout.contains("secret.example/builder"));
}

#[test]
fn colours_can_be_had_without_a_terminal() {
    let Some(place) = Place::new(User::Caller) else { return };
    let failed = place.run(&["inspect", "--local", "none", "--force-color"]).failure(1);
    assert!(failed.stderr.starts_with("\u{1b}[31;1mERROR: "), "{}", failed.stderr);
    let failed = place.run(&["inspect", "--local", "none"]).failure(1);
    assert!(failed.stderr.starts_with("ERROR: "), "{}", failed.stderr);
}
