//! Extensions that switch the run image.

use std::path::Path;

use baler_image::{Descriptor, media_type};
use baler_test_registry::{Auth, Fault, Image, Options, Rule, TestRegistry, User as Login, index};
use serde_json::{Value, json};

use crate::support::{
    Base, Docker, Outcome, Place, Running, User, application, buildpack, extension, outcome, run_image, users, write,
};

/// A place with a builder `builder` that has the extensions `names`, all in one group. The extension `switch` takes its
/// run.Dockerfile from the application.
fn place(user: User, names: &[&str]) -> Option<Place> {
    let place = Place::with_builder(user, &["small"])?;
    buildpack(
        &place,
        "small",
        "exit 0",
        "echo \"target: $CNB_TARGET_ARCH $CNB_TARGET_DISTRO_NAME\"\nprintf '[[processes]]\\ntype = \"web\"\\ncommand = [\"sh\", \"-c\", \"echo this is $RUN_IMAGE\"]\\ndefault = true\\n' >$CNB_LAYERS_DIR/launch.toml",
    );
    for name in names {
        extension(&place, name, "cp *.Dockerfile \"$CNB_OUTPUT_DIR\"");
    }
    application(&place, &[("file", "text")]);
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    let source = |name: &&str| format!("[[extensions]]\nuri = \"{name}\"\n");
    let element = |name: &&str| format!("[[order-extensions.group]]\nid = \"test/{name}\"\n");
    let sources = names.iter().map(source).collect::<Vec<_>>().concat();
    let group = names.iter().map(element).collect::<Vec<_>>().concat();
    write(&place.path().join("builder.toml"), &format!("{config}{sources}[[order-extensions]]\n{group}"));
    place.create_builder();
    Some(place)
}

fn switch_to(place: &Place, image: &str) {
    application(place, &[("run.Dockerfile", &format!("FROM {image}\n"))]);
}

/// A label of an image of the store or of a layout.
fn label(place: &Place, image: &str, name: &str) -> Value {
    let inspected = place.run(&["inspect", "--local", image, "-o", "json"]).success();
    let value: Value = serde_json::from_str(&inspected.stdout).unwrap();
    let label = &value["local_info"]["labels"][name];
    if let Some(text) = label.as_str() { serde_json::from_str(text).unwrap() } else { label.clone() }
}

/// The bug that this project was made for (issue 2128 of buildpacks/pack): "get run image top layer SHA: image has no
/// layers", when an extension switches to a run image whose tag is an index, and the image is not there yet.
#[test]
fn issue_2128_an_extension_switches_to_an_index_that_nobody_has_pulled() {
    for user in users() {
        let Some(place) = place(user, &["switch"]) else { return };
        let registry = TestRegistry::start(Options::default()).unwrap();
        let (amd64, arm64) = (run_image("amd64", "linux/amd64"), run_image("arm64", "linux/arm64"));
        let attestation = Image::new("unknown/unknown", vec![b"attestation".to_vec()]);
        let entries = [("unknown/unknown", &attestation), ("linux/arm64", &arm64), ("linux/amd64", &amd64)];
        let index = registry.push_index("team/run", "jammy", &entries).unwrap();
        let name = format!("{}/team/run:jammy", registry.address());
        switch_to(&place, &name);
        registry.clear_log();

        let built = place.build(&[]).success();
        let said = format!("{}{}", built.stdout, built.stderr);
        assert!(said.contains(&format!("new runtime base image '{name}' not found in run metadata")), "{said}");
        assert!(said.contains("target: amd64 test"), "the build phase knows what it is for: {said}");
        // The chain of documents once, each layer once.
        let mut lines: Vec<String> =
            registry.lines().into_iter().filter(|line| line.starts_with("GET /v2/team")).collect();
        lines.sort();
        let chain =
            ["jammy".to_owned(), amd64.digest().to_string()].map(|name| format!("GET /v2/team/run/manifests/{name}"));
        assert_eq!(lines.iter().filter(|line| line.contains("/manifests/")).count(), 2, "{lines:#?}");
        assert!(chain.iter().all(|line| lines.contains(line)), "{lines:#?}");
        let count = lines.len();
        lines.dedup();
        assert_eq!(lines.len(), count, "{lines:#?}");
        assert_recorded(&place, "app", &name, &amd64, &registry);
        assert!(!label(&place, "app", "io.buildpacks.lifecycle.metadata").to_string().contains(&index.to_string()));
        let ran = place.run(&["run", "app"]).success();
        assert_eq!(ran.stdout, "this is amd64\n");

        // A second time, and to a layout: the same image.
        place.build(&["--clear-cache"]).success();
        assert_recorded(&place, "app", &name, &amd64, &registry);
        let layout = ["build", "oci:layout:app", "--builder", "builder", "--path", "app"];
        place.run(&layout).success();
        assert_recorded(&place, "oci:layout:app", &name, &amd64, &registry);

        // To the registry: its layers are there already, so none of them goes forth and back.
        let published = format!("{}/team/app:1", registry.address());
        registry.clear_log();
        let arguments = ["build", &published, "--builder", "builder", "--path", "app", "--publish"];
        place.run(&arguments).success();
        let lines = registry.lines();
        assert!(
            !lines.iter().any(|line| line.starts_with("GET /v2/team/run/blobs/") && !is_config(line, &amd64)),
            "{lines:#?}"
        );
        assert_eq!(recorded_in(&registry, "team/app", "1"), metadata(&place, "app"));
    }
}

/// The same into a daemon, which has neither the old run image nor the new one.
#[test]
fn issue_2128_into_a_docker_daemon() {
    let Some(docker) = Docker::start() else { return };
    let Some(place) = place(User::Caller, &["switch"]) else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    let (amd64, arm64) = (run_image("amd64", "linux/amd64"), run_image("arm64", "linux/arm64"));
    registry.push_index("team/run", "jammy", &[("linux/arm64", &arm64), ("linux/amd64", &amd64)]).unwrap();
    let name = format!("{}/team/run:jammy", registry.address());
    switch_to(&place, &name);
    let build = ["build", "app", "--builder", "builder", "--path", "app", "--daemon"];
    for _ in 0..2 {
        outcome(place.command(&build).env("DOCKER_HOST", docker.address())).success();
        let label = "{{index .Config.Labels \"io.buildpacks.lifecycle.metadata\"}}";
        let text = docker.run(&["inspect", "--format", label, "app"]).success().stdout;
        let recorded = &serde_json::from_str::<Value>(&text).unwrap()["runImage"];
        let reference = format!("{}/team/run@{}", registry.address(), amd64.digest());
        assert_eq!((&recorded["reference"], &recorded["image"]), (&json!(reference), &json!(name)), "{text}");
        let ran = docker.run(&["run", "--rm", "--network", "host", "app"]).success();
        assert_eq!(ran.stdout, "this is amd64\n");
    }
}

/// The same into each kind of daemon, and out of it again.
#[test]
fn issue_2128_into_every_daemon() {
    let engines = [Running::classic_docker(), Running::containerd_docker(), Running::podman()];
    for running in engines.into_iter().flatten() {
        let Some(place) = place(User::Caller, &["switch"]) else { return };
        let registry = TestRegistry::start(Options::default()).unwrap();
        let (amd64, arm64) = (run_image("amd64", "linux/amd64"), run_image("arm64", "linux/arm64"));
        registry.push_index("team/run", "jammy", &[("linux/arm64", &arm64), ("linux/amd64", &amd64)]).unwrap();
        let name = format!("{}/team/run:jammy", registry.address());
        switch_to(&place, &name);
        let run = |arguments: &[&str]| outcome(place.command(arguments).env("DOCKER_HOST", running.address()));
        for _ in 0..2 {
            run(&["build", "app", "--builder", "builder", "--path", "app", "--daemon"]).success();
            let inspected = run(&["inspect", "--local", "docker-daemon:app", "-o", "json"]).success().stdout;
            let labels = serde_json::from_str::<Value>(&inspected).unwrap()["local_info"]["labels"].clone();
            let recorded = &labels["io.buildpacks.lifecycle.metadata"]["runImage"];
            let reference = format!("{}/team/run@{}", registry.address(), amd64.digest());
            assert_eq!((&recorded["reference"], &recorded["image"]), (&json!(reference), &json!(name)), "{labels}");
            assert_eq!(run(&["run", "docker-daemon:app"]).success().stdout, "this is amd64\n");
        }
        // The new run image was never put into the daemon, and the daemon was never asked to pull it.
        let absent = run(&["inspect", "--local", &format!("docker-daemon:{name}")]).failure(1);
        assert!(absent.stderr.contains("does not exist in "), "{}", absent.stderr);
    }
}

fn is_config(line: &str, image: &Image) -> bool {
    line.ends_with(&image.config.0.digest.to_string())
}

fn metadata(place: &Place, image: &str) -> Value {
    label(place, image, "io.buildpacks.lifecycle.metadata")["runImage"].clone()
}

/// What the label of an image in a registry says of the run image.
fn recorded_in(registry: &TestRegistry, repository: &str, tag: &str) -> Value {
    let manifest: Value = serde_json::from_slice(&registry.manifest(repository, tag).unwrap()).unwrap();
    let digest = manifest["config"]["digest"].as_str().unwrap().parse().unwrap();
    let config: Value = serde_json::from_slice(&registry.blob(repository, &digest).unwrap()).unwrap();
    let label = config["config"]["Labels"]["io.buildpacks.lifecycle.metadata"].as_str().unwrap();
    serde_json::from_str::<Value>(label).unwrap()["runImage"].clone()
}

/// What rebase and people look for: the repository with the digest of the manifest, the name as the extension wrote it.
#[track_caller]
fn assert_recorded(place: &Place, image: &str, name: &str, expected: &Image, registry: &TestRegistry) {
    let recorded = metadata(place, image);
    let reference = format!("{}/team/run@{}", registry.address(), expected.digest());
    let config: Value = serde_json::from_slice(&expected.config.1).unwrap();
    let top = config["rootfs"]["diff_ids"].as_array().unwrap().last().unwrap();
    assert_eq!(recorded["reference"], reference.as_str(), "{recorded}");
    assert_eq!(recorded["image"], name, "{recorded}");
    assert_eq!(recorded["topLayer"], *top, "{recorded}");
}

fn docker_list(entries: &[(&str, &Image)]) -> Vec<u8> {
    let text = String::from_utf8(index(entries)).unwrap();
    text.replace(media_type::OCI_INDEX, media_type::DOCKER_INDEX).into_bytes()
}

/// The relatives of issue 2128: every form in which an extension can name an image, and every way in which it can fail,
/// each told apart.
#[test]
fn every_form_of_a_new_run_image_has_its_image_or_its_own_error() {
    let Some(place) = place(User::Caller, &["switch"]) else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    let (amd64, arm64) = (run_image("amd64", "linux/amd64"), run_image("arm64", "linux/arm64"));
    let both = [("linux/arm64", &arm64), ("linux/amd64", &amd64)];
    let other = [("linux/arm64", &arm64)];
    let put = |tag: &str, kind: &str, bytes: &[u8]| registry.put_manifest("team/run", Some(tag), kind, bytes).unwrap();
    let by_index = registry.push_index("team/run", "index", &both).unwrap();
    put("list", media_type::DOCKER_INDEX, &docker_list(&both));
    let inner = Descriptor::of(media_type::OCI_INDEX, &index(&both));
    let nested = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [inner]}).to_string();
    put("nested", media_type::OCI_INDEX, nested.as_bytes());
    registry.push_image("team/run", Some("single"), &amd64).unwrap();
    registry.push_image("team/run", Some("single-other"), &arm64).unwrap();
    registry.push_index("team/run", "index-other", &other).unwrap();
    let artifact = Image::of("application/vnd.example.thing", b"{}".to_vec(), Vec::new());
    registry.push_image("team/run", Some("artifact"), &artifact).unwrap();
    registry.push_image("team/run", Some("truncated"), &amd64).unwrap();
    registry.rule(Rule::new("GET", "/v2/team/run/manifests/truncated", Fault::TruncateSilently(40)).always());
    let login = Auth::Basic(vec![Login::new("somebody", "password")]);
    let closed = TestRegistry::start(Options { auth: login, ..Options::default() }).unwrap();
    closed.push_index("team/run", "index", &both).unwrap();
    let open = format!("{}/team/run", registry.address());
    let behind_login = format!("{}/team/run:index", closed.address());

    for (form, name) in [
        ("index", format!("{open}:index")),
        ("Docker's list", format!("{open}:list")),
        ("nested index", format!("{open}:nested")),
        ("one image", format!("{open}:single")),
        ("digest of the index", format!("{open}@{by_index}")),
        ("digest of the manifest", format!("{open}@{}", amd64.digest())),
        ("tag and digest", format!("{open}:index@{by_index}")),
    ] {
        switch_to(&place, &name);
        place.build(&[]).success();
        println!("{form}");
        assert_recorded(&place, "app", &name, &amd64, &registry);
    }

    let mut seen = std::collections::BTreeSet::new();
    for (form, name, expected) in [
        ("index for others", format!("{open}:index-other"), "no image for linux/amd64"),
        ("one image for others", format!("{open}:single-other"), "no image for linux/amd64"),
        ("absent tag", format!("{open}:absent"), "does not exist in the local store or"),
        ("absent digest", format!("{open}@sha256:{}", "1".repeat(64)), "does not exist in the local store or"),
        ("no image", format!("{open}:artifact"), "application/vnd.example.thing"),
        ("half a document", format!("{open}:truncated"), "is damaged"),
        ("nobody logged in", behind_login.clone(), "refused to be read"),
        ("nobody there", "127.0.0.1:1/team/run:1".to_owned(), "127.0.0.1:1"),
        ("no name", "Team/Run:@".to_owned(), "which is no name of an image"),
    ] {
        switch_to(&place, &name);
        let failed = place.build(&[]).failure(1);
        println!("== {form}\n{}", failed.stderr);
        let error = &failed.stderr[failed.stderr.find("ERROR: ").unwrap()..];
        assert!(error.contains(expected) && error.contains("extension test/switch@1"), "{form}: {error}");
        assert!(error.contains(&name), "{form}: {error}");
        assert!(!error.contains("no layers"), "{form}: {error}");
        seen.insert(error.replace(&name, ""));
    }
    assert_eq!(seen.len(), 9, "each fault has words of its own: {seen:#?}");
    // With credentials, which the sandbox does not see.
    let auths = json!({"auths": {closed.address(): {"auth": "c29tZWJvZHk6cGFzc3dvcmQ="}}});
    write(&place.path().join(".docker/config.json"), &auths.to_string());
    switch_to(&place, &behind_login);
    place.build(&[]).success();
    assert_recorded(&place, "app", &behind_login, &amd64, &closed);
    switch_to(&place, &format!("{open}:index"));
    let never = place.build(&["--pull-policy", "never"]).failure(1);
    assert!(never.stderr.contains("does not exist in the local store\n"), "{}", never.stderr);
}

#[test]
fn the_last_extension_that_switches_wins_and_instructions_are_refused_with_their_line() {
    let Some(place) = place(User::Caller, &["first", "second"]) else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    for tag in ["first", "second"] {
        registry.push_image("team/run", Some(tag), &run_image(tag, "linux/amd64")).unwrap();
    }
    let name = |tag: &str| format!("{}/team/run:{tag}", registry.address());
    let write_dockerfiles = |first: &str, second: &str| {
        for (id, text) in [("first", first), ("second", second)] {
            application(&place, &[(&format!("{id}.run"), text)]);
            let copy = |kind| format!("cp {id}.{kind} \"$CNB_OUTPUT_DIR/{kind}.Dockerfile\"\n");
            let generate = format!("[ ! -s {id}.run ] || {}[ ! -f {id}.build ] || {}", copy("run"), copy("build"));
            extension(&place, id, &generate);
        }
        place.create_builder();
    };
    let from = |tag: &str| format!("FROM {}\n", name(tag));
    let ran = |built: Outcome| {
        built.success();
        metadata(&place, "app")["image"].as_str().unwrap().to_owned()
    };
    write_dockerfiles(&from("first"), &from("second"));
    assert_eq!(ran(place.build(&[])), name("second"));
    write_dockerfiles(&from("first"), "");
    assert_eq!(ran(place.build(&[])), name("first"));
    write_dockerfiles("ARG base_image\nFROM ${base_image}\nRUN no effect\n", &from("second"));
    assert_eq!(ran(place.build(&[])), name("second"));

    write_dockerfiles(&from("first"), "ARG base_image\nFROM ${base_image}\n\nRUN something\n");
    let failed = place.build(&[]).failure(102);
    let expected = "extension test/second@1 has RUN in line 4 of its run.Dockerfile";
    assert!(failed.stderr.contains(expected), "{}", failed.stderr);
    write_dockerfiles("", "");
    application(&place, &[("first.build", "ARG base_image\nFROM ${base_image}\nENV A=b\n")]);
    let failed = place.build(&[]).failure(102);
    let expected = "extension test/first@1 has ENV in line 3 of its build.Dockerfile";
    assert!(failed.stderr.contains(expected), "{}", failed.stderr);
}

#[test]
fn extensions_come_by_flag_and_stay_with_other_buildpacks() {
    let Some(place) = place(User::Caller, &["switch"]) else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    registry.push_image("team/run", Some("new"), &run_image("new", "linux/amd64")).unwrap();
    let name = format!("{}/team/run:new", registry.address());
    switch_to(&place, &name);
    let image = || metadata(&place, "app")["image"].clone();
    // The builder's extensions, with another order of buildpacks.
    place.build(&["--buildpack", "test/small"]).success();
    assert_eq!(image(), name.as_str());
    let extensions = label(&place, "app", "io.buildpacks.build.metadata")["extensions"].clone();
    assert_eq!(extensions, json!([{"id": "test/switch", "version": "1"}]));
    // Others in place of them.
    extension(&place, "idle", "echo idle");
    let built = place.build(&["--extension", "idle"]).success();
    assert!(built.stdout.contains("idle"), "{}", built.stdout);
    assert_eq!(image(), "test-run");
    // The same image as before is no switch.
    switch_to(&place, "test-run");
    let built = place.build(&[]).success();
    assert!(!built.stdout.contains("Switching to run image"), "{}", built.stdout);
    assert_eq!(image(), "test-run");
    assert!(Path::new(&place.path().join("app/run.Dockerfile")).exists());
}

/// Mirrors count for the image of an extension as for that of a build without one: those of the builder, those of the
/// user, and those of whole registries.
#[test]
fn mirrors_count_for_the_image_of_an_extension() {
    let Some(place) = place(User::Caller, &["switch"]) else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    let image = run_image("mirrored", "linux/amd64");
    for repository in ["theirs/run", "mine/run", "whole/team/run"] {
        registry.push_image(repository, Some("1"), &image).unwrap();
    }
    let (wanted, at) = ("registry.invalid/team/run:1", registry.address());
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    let second =
        format!("[[run.images]]\nimage = \"{wanted}\"\nmirrors = [\"{at}/absent/run:1\", \"{at}/theirs/run:1\"]\n");
    let offered = config.replace("[[run.images]]", &format!("{second}[[run.images]]"));
    // The first one is the run image of builds without a switch.
    let (head, images) = offered.split_once(&second).unwrap();
    let (first, rest) = images.split_once("[[buildpacks]]").unwrap();
    write(&place.path().join("builder.toml"), &format!("{head}{first}{second}[[buildpacks]]{rest}"));
    place.create_builder();
    switch_to(&place, wanted);
    let build = || place.build(&[]);

    let told = build().success().stdout;
    let switched =
        format!("Switching to run image '{at}/theirs/run:1' instead of '{wanted}', as extension test/switch@1 wants");
    assert!(told.contains(&switched), "{told}");
    let expected = |repository: &str| format!("{at}/{repository}@{}", image.digest());
    assert_eq!(metadata(&place, "app")["reference"], expected("theirs/run"));
    // What rebase goes by is what the builder offers.
    assert_eq!(metadata(&place, "app")["image"], wanted);

    let configure = |text: &str| write(&place.path().join(".pack/config.toml"), text);
    configure(&format!("[[run-images]]\nimage = \"{wanted}\"\nmirrors = [\"{at}/mine/run:1\"]\n"));
    build().success();
    assert_eq!(metadata(&place, "app")["reference"], expected("mine/run"));

    // A mirror of the registry gives the image under its own name; one that cannot be reached is told of, once.
    configure(&format!("[registry-mirrors]\n\"registry.invalid\" = \"{at}/whole\"\n"));
    build().success();
    assert_eq!(
        metadata(&place, "app")["reference"],
        expected("whole/team/run").replace(&format!("{at}/whole"), "registry.invalid")
    );
    configure(&format!("[registry-mirrors]\n\"{at}\" = \"127.0.0.1:1\"\n"));
    switch_to(&place, &format!("{at}/mine/run:1"));
    let outcome = build().success();
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(said.matches("the mirror 127.0.0.1:1 of").count(), 1, "{said}");
    assert_eq!(metadata(&place, "app")["reference"], expected("mine/run"));
}

#[test]
fn an_extension_cannot_name_files_of_this_machine() {
    let Some(place) = place(User::Caller, &["switch"]) else { return };
    let base = Base::get().unwrap();
    for name in [format!("oci:{}:test-run", base.path().display()), "/etc/passwd".to_owned()] {
        switch_to(&place, &name);
        let failed = place.build(&[]).failure(1);
        assert!(failed.stderr.contains("is no name of an image"), "{}", failed.stderr);
    }
    // What generate leaves instead of the files that Baler reads is not followed.
    for script in [
        "rm -r \"$CNB_OUTPUT_DIR/..\"; ln -s /etc /layers/generated",
        "printf 'FROM x\\n' >\"$CNB_OUTPUT_DIR/run.Dockerfile\"; (sleep 1; ln -sf /etc/passwd /layers/analyzed.toml) &",
    ] {
        extension(&place, "switch", script);
        place.create_builder();
        let failed = place.build(&[]);
        assert!(!failed.stderr.contains("root:"), "{}", failed.stderr);
    }
}
