//! Images that go to a daemon and come from one; and to archives.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{Docker, Outcome, Place, User, application, buildpack, outcome, users};

const BUILD: &str = "mkdir -p $CNB_LAYERS_DIR/text; echo 'from a layer' >$CNB_LAYERS_DIR/text/file; \
    printf '[types]\\nlaunch = true\\ncache = true\\n' >$CNB_LAYERS_DIR/text.toml; \
    printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"cat\", \"/layers/test_text/text/file\"]\\ndefault = true\\n' >$CNB_LAYERS_DIR/launch.toml";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["text"])?;
    buildpack(&place, "text", "exit 0", BUILD);
    application(&place, &[("x", "x")]);
    place.create_builder();
    Some(place)
}

/// The program with this daemon.
fn run(place: &Place, docker: &Docker, arguments: &[&str]) -> Outcome {
    outcome(place.command(arguments).env("DOCKER_HOST", docker.address()))
}

#[test]
fn an_image_goes_to_docker_and_its_layers_once() {
    let Some(docker) = Docker::start() else { return };
    let Some(place) = place(User::Caller) else { return };
    let build =
        ["build", "app", "--builder", "builder", "--path", "app", "--daemon", "--tag", "registry.example/other:2"];
    let first = run(&place, &docker, &build).success();
    assert!(first.stdout.contains("It is in the Docker daemon: run it with `docker run app`"), "{}", first.stdout);
    let id = |name: &str| docker.run(&["inspect", "--format", "{{.Id}}", name]).success().stdout.trim().to_owned();
    assert_eq!(id("app"), id("registry.example/other:2"));
    let inspected = run(&place, &docker, &["inspect", "docker-daemon:app", "--output", "json"]).success().stdout;
    assert!(inspected.contains(&id("app")), "the id is the digest of the config: {inspected}");
    place.run(&["inspect", "app"]).failure(1);

    // The same again is the same image; the layer is taken over from the one that is there.
    let before = id("app");
    let second = run(&place, &docker, &build).success();
    assert!(second.stdout.contains("Reusing layer 'test/text:text'"), "{}", second.stdout);
    assert_eq!(id("app"), before);

    // In the local store it has the same config.
    place.build(&[]).success();
    let stored = place.run(&["inspect", "app", "--output", "json"]).success().stdout;
    assert!(stored.contains(&before), "{stored}");

    let ran = docker.run(&["run", "--rm", "--network", "host", "app"]).success();
    assert_eq!(ran.stdout, "from a layer\n");
    let ran = run(&place, &docker, &["run", "docker-daemon:app"]).success();
    assert_eq!(ran.stdout, "from a layer\n");
}

#[test]
fn builders_packages_and_rebased_images_go_to_docker() {
    let Some(docker) = Docker::start() else { return };
    let Some(place) = place(User::Caller) else { return };
    let run = |arguments: &[&str]| run(&place, &docker, arguments);
    let create =
        ["builder", "create", "docker-daemon:made", "--config", "builder.toml", "--tag", "docker-daemon:made:2"];
    run(&create).success();
    run(&["buildpack", "package", "docker-daemon:packaged", "--path", "text"]).success();
    let build = ["build", "docker-daemon:app", "--path", "app", "--builder", "docker-daemon:made:2"];
    run(&[&build[..], &["--buildpack", "docker-daemon:packaged"]].concat()).success();
    run(&["rebase", "docker-daemon:rebased", "--previous-image", "docker-daemon:app", "--run-image", "test-run"])
        .success();
    for name in ["app", "rebased"] {
        let ran = docker.run(&["run", "--rm", "--network", "host", name]).success();
        assert_eq!(ran.stdout, "from a layer\n", "{name}");
    }
    let refused = run(&["build", "docker-daemon:app", "--path", "app", "--builder", "builder", "--tag", "oci:out"]);
    assert!(refused.failure(1).stderr.contains("'oci:out' is not in the same place as 'docker-daemon:app'"));
}

#[test]
fn without_a_daemon_it_is_an_error_and_for_pack_the_local_store() {
    let Some(place) = place(User::Caller) else { return };
    let build = ["build", "app", "--builder", "builder", "--path", "app"];
    let nowhere = ("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let refused = outcome(place.command(&[&build[..], &["--daemon"]].concat()).env(nowhere.0, nowhere.1)).failure(1);
    assert!(refused.stderr.contains("no daemon answers at unix:///nowhere/docker.sock"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: start Docker or Podman"), "{}", refused.stderr);
    let pack = place.path().join("pack");
    let ours = place.command(&build);
    symlink(ours.get_program(), &pack).unwrap();
    let mut command = Command::new(&pack);
    command.args(ours.get_args()).args(["--pull-policy", "never"]).current_dir(place.path());
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?)))).env(nowhere.0, nowhere.1);
    let called_pack = outcome(&mut command).success();
    let text = format!("{}{}", called_pack.stdout, called_pack.stderr);
    assert!(
        text.contains(
            "no daemon answers at unix:///nowhere/docker.sock: images are looked for and kept in the local store"
        ),
        "{text}"
    );
    place.run(&["inspect", "--local", "app"]).success();
}

#[test]
fn archives_are_written_read_and_loaded() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let build = |image: &str| place.run(&["build", image, "--builder", "builder", "--path", "app"]).success();
        let digest = |image: &str| {
            let text = place.run(&["inspect", "--local", image]).success().stdout;
            text.lines().map(str::trim).find(|line| line.starts_with("Digest:")).unwrap().to_owned()
        };
        place.build(&[]).success();
        let expected = digest("app");
        for (image, file) in
            [("docker-archive:docker.tar:saved:1", "docker.tar"), ("oci-archive:oci.tar:saved:1", "oci.tar")]
        {
            build(image);
            assert_eq!(digest(image), expected);
            let again = build(image);
            assert!(again.stdout.contains("Reusing layer 'test/text:text'"), "{}", again.stdout);
            let loaded = place.run(&["load", file]).success();
            assert!(loaded.stdout.starts_with("Loaded saved:1 "), "{}", loaded.stdout);
            assert_eq!(digest("saved:1"), expected);
            assert_eq!(place.run(&["run", image]).success().stdout, "from a layer\n");
        }
        let absent = place.run(&["inspect", "docker-archive:none.tar"]).failure(1);
        assert!(absent.stderr.contains("does not exist in the Docker archive none.tar"), "{}", absent.stderr);
        let other = place.run(&["inspect", "docker-archive:oci.tar"]).failure(1);
        assert!(
            other.stderr.contains("was named as Docker archive, but it is of the kind OCI archive"),
            "{}",
            other.stderr
        );
    }
}
