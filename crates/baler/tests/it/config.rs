//! `baler config`: what is set counts in builds, and what users wrote stays.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Outcome, Place, User, application, buildpack, outcome};

/// A place with a home of its own and a builder.
struct Home {
    place: Place,
}

impl Home {
    fn new() -> Option<Self> {
        let place = Place::with_builder(User::Caller, &["show"])?;
        buildpack(&place, "show", "exit 0", "echo built");
        application(&place, &[("file", "x")]);
        place.create_builder();
        std::os::unix::fs::symlink("baler", place.path().join("pack")).unwrap();
        Some(Self { place })
    }

    fn path(&self, below: &str) -> PathBuf {
        self.place.path().join("home").join(below)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(self.place.path().join(program));
        command.args(arguments).current_dir(self.place.path());
        command.env("BALER_HOME", self.place.store()).env("HOME", self.path(""));
        command.env_remove("XDG_CONFIG_HOME").env_remove("PACK_HOME").env("DOCKER_HOST", "unix:///nowhere/socket");
        outcome(&mut command)
    }

    fn baler(&self, arguments: &[&str]) -> Outcome {
        self.run("baler", arguments)
    }

    fn says(&self, arguments: &[&str], words: &str) {
        let said = self.baler(&[&["config"], arguments].concat()).success().stdout;
        assert_eq!(said, format!("{words}\n"), "{arguments:?}");
    }
}

#[test]
fn a_default_builder_is_taken_by_builds() {
    let Some(home) = Home::new() else { return };
    home.says(&["default-builder"], "No default builder is set.");
    home.baler(&["build", "app", "--path", "app"]).failure(2);
    home.says(&["default-builder", "builder"], "Builder 'builder' is now the default builder");
    home.says(&["default-builder"], "The current default builder is 'builder'");
    let built = home.baler(&["build", "app", "--path", "app"]).success();
    assert!(built.stdout.contains("built"), "{}", built.stdout);
    let no_builder = home.baler(&["config", "default-builder", "app"]).failure(1);
    assert!(no_builder.stderr.contains("'app' is no builder"), "{}", no_builder.stderr);
    let absent = home.baler(&["config", "default-builder", "localhost:1/none"]).failure(1);
    assert!(
        absent.stderr.starts_with("ERROR: validating that builder 'localhost:1/none' exists: "),
        "{}",
        absent.stderr
    );
    home.says(&["default-builder", "--unset"], "Successfully unset default builder 'builder'");
    home.says(&["default-builder", "--unset"], "No default builder was set");
}

#[test]
fn pack_has_a_file_of_its_own() {
    let Some(home) = Home::new() else { return };
    let pack = |arguments: &[&str]| home.run("pack", &[&["config"], arguments].concat());
    pack(&["pull-policy", "never"]).success();
    pack(&["default-builder", "builder"]).success();
    pack(&["experimental", "true"]).success();
    let text = fs_err::read_to_string(home.path(".pack/config.toml")).unwrap();
    for line in ["pull-policy = \"never\"", "default-builder-image = \"builder\"", "experimental = true"] {
        assert!(text.lines().any(|other| other == line), "{text}");
    }
    assert!(!home.path(".config").exists());
    home.says(&["pull-policy"], "The current pull policy is 'never'");
    let elsewhere = home.baler(&["config", "default-builder", "--unset"]).failure(1);
    assert!(elsewhere.stderr.contains("'builder' is set in ") && elsewhere.stderr.contains(".pack/config.toml"));
    home.says(&["pull-policy", "if-not-present"], "Successfully set 'if-not-present' as the pull policy");
    home.says(&["pull-policy"], "The current pull policy is 'if-not-present'");
    let all = home.baler(&["config"]).success().stdout;
    let row = |words: &[&str]| all.lines().any(|line| line.split_whitespace().eq(words.iter().copied()));
    assert!(row(&["pull", "policy", "if-not-present", "~/.config/baler/config.toml"]), "{all}");
    assert!(row(&["default", "builder", "builder", "~/.pack/config.toml"]), "{all}");
    let never = home.run("pack", &["config", "default-builder", "localhost:1/none"]).failure(1);
    assert!(never.stderr.starts_with("ERROR: validating that builder 'localhost:1/none' exists"), "{}", never.stderr);
}

#[test]
fn mirrors_and_trusted_builders() {
    let Some(home) = Home::new() else { return };
    fs_err::create_dir_all(home.path(".config/baler")).unwrap();
    fs_err::write(home.path(".config/baler/config.toml"), "# what a user wrote\nother = \"key\"\n").unwrap();
    home.says(
        &["run-image-mirrors", "add", "run", "-m", "b.example/run", "-m", "a.example/run"],
        "Run Image 'run' configured with mirror 'b.example/run'\nRun Image 'run' configured with mirror 'a.example/run'",
    );
    home.says(&["run-image-mirrors"], "Run Image Mirrors:\n  'run':\n    a.example/run\n    b.example/run");
    home.says(
        &["registry-mirrors", "add", "index.docker.io", "--mirror", "mirror.example"],
        "Registry 'index.docker.io' configured with mirror 'mirror.example'",
    );
    home.says(&["registry-mirrors", "list"], "Registry Mirrors:\n  index.docker.io: 'mirror.example'");
    home.says(&["trusted-builders", "add", "b"], "Builder 'b' is now trusted");
    home.says(&["trusted-builders", "add", "b"], "Builder 'b' is already trusted");
    home.says(&["trust-builder"], "Trusted Builders:\n  b");
    home.says(&["trusted-builders", "remove", "b"], "Builder 'b' is no longer trusted");
    home.says(&["run-image-mirrors", "remove", "run"], "Removed all run image mirrors for 'run'");
    home.says(&["registry-mirrors", "remove", "index.docker.io"], "Removed mirror for 'index.docker.io'");
    home.says(&["registry-mirrors"], "No registry mirrors have been set");
    let text = fs_err::read_to_string(home.path(".config/baler/config.toml")).unwrap();
    assert_eq!(text, "# what a user wrote\nother = \"key\"\n");
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let Some(home) = Home::new() else { return };
    let fails = |arguments: &[&str], words: &str| {
        let said = home.baler(&[&["config"], arguments].concat()).failure(1).stderr;
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    fails(&["pull-policy", "daily"], "invalid pull policy daily");
    fails(&["pull-policy", "never", "--unset"], "pull policy and --unset cannot be specified simultaneously");
    fails(&["experimental", "perhaps"], "invalid value 'perhaps' provided");
    fails(&["registry-mirrors", "add", "*", "-m", "not a host"], "not a host");
    fails(&["run-image-mirrors", "add", "run", "-m", "UPPER/case"], "could not parse reference: UPPER/case");
    assert!(!home.path(".config").exists());
    fs_err::create_dir_all(home.path(".config/baler")).unwrap();
    fs_err::write(home.path(".config/baler/config.toml"), "pull-policy = [\n").unwrap();
    fails(&["pull-policy", "never"], "failed to read config file at path");
    assert_eq!(fs_err::read_to_string(home.path(".config/baler/config.toml")).unwrap(), "pull-policy = [\n");
}
