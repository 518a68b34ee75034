//! Images that come from a registry and go to one.

use baler_test_registry::{Fault, Options, Rule, TestRegistry};

use crate::support::{Base, Place, Registry, Request, User, application, buildpack, users, write};

/// A place whose builder, and the builder's run image, are in a registry and nowhere else.
fn place(user: User, registry: &Registry) -> Option<Place> {
    let place = Place::new(user)?;
    let base = Base::get()?;
    for name in ["test-build", "test-run"] {
        registry.push(base.path(), name, name);
    }
    buildpack(
        &place,
        "small",
        "exit 0",
        "mkdir -p $CNB_LAYERS_DIR/data; echo x >$CNB_LAYERS_DIR/data/file; printf '[types]\\nlaunch = true\\ncache = true\\n' >$CNB_LAYERS_DIR/data.toml",
    );
    application(&place, &[("file", "text")]);
    let config = format!(
        "[build]\nimage = \"{}\"\n[[run.images]]\nimage = \"{}\"\n[[buildpacks]]\nuri = \"small\"\n[[order]]\n[[order.group]]\nid = \"test/small\"\n",
        registry.name("test-build"),
        registry.name("test-run"),
    );
    write(&place.path().join("builder.toml"), &config);
    place.run(&["builder", "create", "oci:layout:builder", "--config", "builder.toml"]).success();
    registry.push(&place.path().join("layout"), "builder", "builder");
    Some(place)
}

#[test]
fn builder_and_run_image_come_from_a_registry() {
    for user in users() {
        let Some(registry) = Registry::start() else { return };
        let Some(place) = place(user, &registry) else { return };
        let builder = registry.name("builder");
        let build = |more: &[&str]| {
            let arguments = [&["-v", "build", "app", "--path", "app", "--builder", &builder], more].concat();
            registry.watch(|| place.run(&arguments))
        };
        let (never, requests) = build(&["--pull-policy", "never"]);
        let never = never.failure(1);
        assert!(
            never.stderr.contains(&format!("image '{builder}' does not exist in the local store")),
            "{}",
            never.stderr
        );
        assert!(requests.is_empty(), "{requests:?}");

        let (first, requests) = build(&[]);
        let first = first.success();
        assert!(first.stdout.contains(&format!("Pulling image '{builder}' from the registry")), "{}", first.stdout);
        // Each image is asked for by its name once, and no blob is read twice.
        let mut paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
        paths.sort_unstable();
        let count = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), count, "{requests:?}");

        // The builder is in the store now; of the run image its documents are read again.
        let (second, requests) = build(&[]);
        let second = second.success();
        assert!(second.stdout.contains("is not asked"), "{}", second.stdout);
        assert!(requests.iter().all(|request| request.path.starts_with("/v2/test-run/")), "{requests:?}");
        let (always, requests) = build(&["--pull-policy", "always"]);
        always.success();
        let manifests = |name: &str| {
            let path = format!("/v2/{name}/manifests/latest");
            requests.iter().filter(|request| request.path == path).count()
        };
        assert_eq!((manifests("builder"), manifests("test-run")), (1, 1), "{requests:?}");
        assert!(!requests.iter().any(|request| request.path.starts_with("/v2/builder/blobs/")), "{requests:?}");
    }
}

#[test]
fn an_unchanged_image_is_published_with_few_requests() {
    for user in users() {
        let Some(registry) = Registry::start() else { return };
        let Some(place) = place(user, &registry) else { return };
        let (builder, app) = (registry.name("builder"), registry.name("team/app"));
        let publish = |more: &[&str]| {
            let arguments = [&["build", &app, "--path", "app", "--builder", &builder, "--publish"], more].concat();
            registry.watch(|| place.run(&arguments))
        };
        let (first, requests) = publish(&["--tag", &registry.name("team/app:2"), "--quiet"]);
        let first = first.success();
        assert!(requests[0].method == "POST" && requests[0].path == "/v2/team/app/blobs/uploads/", "{requests:?}");
        let base = |request: &&Request| request.query.contains("mount=") && request.query.contains("from=test-run");
        assert_eq!(requests.iter().filter(base).count(), 2, "the layers of the run image are mounted: {requests:?}");
        let names: Vec<&str> =
            requests.iter().filter(|request| request.method == "PUT").map(|request| &*request.path).collect();
        assert!(
            names.contains(&"/v2/team/app/manifests/latest") && names.contains(&"/v2/team/app/manifests/2"),
            "{names:?}"
        );

        let (second, requests) = publish(&["--quiet", "--pull-policy", "always"]);
        assert_eq!(second.success().stdout, first.stdout, "the same image");
        assert!(requests.len() <= 8, "{requests:?}");
        let uploads = requests.iter().filter(|request| request.method != "GET" && request.status == 201);
        assert_eq!(uploads.map(|request| &*request.path).collect::<Vec<_>>(), ["/v2/team/app/manifests/latest"]);

        // The same bytes as from the local store.
        let local = place.run(&["build", &app, "--path", "app", "--builder", &builder, "--quiet"]).success();
        assert_eq!(local.stdout, first.stdout);
        // A published image starts, and its cache stays though it is not in the store.
        place.run(&["rm", &app]).success();
        place.run(&["prune"]).success();
        let started =
            place.run(&["run", &app, "--entrypoint", "/bin/cat", "--", "/layers/test_small/data/file"]).success();
        assert_eq!(started.stdout.lines().last(), Some("x"));
        write(&place.path().join("app/file"), "other text");
        let (changed, _) = publish(&[]);
        assert!(changed.success().stdout.contains("Reusing cache layer 'test/small:data'"));
    }
}

#[test]
fn a_copy_stays_in_the_local_store_where_it_is_wanted() {
    let Some(registry) = Registry::start() else { return };
    let Some(other) = Registry::start() else { return };
    let Some(place) = place(User::Caller, &registry) else { return };
    let (builder, app, tag) = (registry.name("builder"), registry.name("app"), other.name("deep/er/app:1"));
    let arguments = ["build", &app, "--path", "app", "--builder", &builder, "--publish", "--keep", "--tag", &tag];
    place.run(&arguments).success();
    let images = place.run(&["images"]).success().stdout;
    assert!(images.contains(&app) && images.contains(&tag), "{images}");
    assert_eq!(place.run(&["run", &tag, "--entrypoint", "/bin/echo", "--", "hello"]).success().stdout, "hello\n");
    let manifests: Vec<Request> =
        other.requests().into_iter().filter(|request| request.path.contains("/manifests/")).collect();
    assert_eq!(manifests.last().map(|request| (&*request.method, request.status)), Some(("PUT", 201)), "{manifests:?}");
}

#[test]
fn a_registry_that_refuses_is_found_out_before_anything_is_built() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = place(User::Caller, &registry) else { return };
    let refusing = TestRegistry::start(Options::default()).unwrap();
    refusing.rule(Rule::new("POST", "*/blobs/uploads/", Fault::status(403)).always());
    let app = format!("{}/app", refusing.address());
    let builder = registry.name("builder");
    let (failed, requests) =
        registry.watch(|| place.run(&["build", &app, "--path", "app", "--builder", &builder, "--publish"]));
    let failed = failed.failure(1);
    assert!(
        failed.stderr.contains(&format!("failed to ensure registry read/write access to {app}")),
        "{}",
        failed.stderr
    );
    assert!(requests.is_empty(), "nothing is fetched: {requests:?}");
}

#[test]
fn caches_in_directories_volumes_and_images() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = place(User::Caller, &registry) else { return };
    let (builder, app) = (registry.name("builder"), registry.name("app"));
    let build = |more: &[&str]| {
        place.run(&[&["build", &app, "--path", "app", "--builder", &builder], more].concat()).success().stdout
    };
    let image = format!("type=build;format=image;name={}", registry.name("cache"));
    let cache_image = registry.name("cache-image");
    for flags in [
        &["--cache", "type=build;format=bind;source=ci"][..],
        &["--cache", "type=build;format=volume;name=mine"],
        &["--cache", &image, "--publish"],
        &["--cache-image", &cache_image, "--publish"],
    ] {
        assert!(build(flags).contains("Adding cache layer 'test/small:data'"), "{flags:?}");
        let again = build(flags);
        assert!(again.contains("Restoring data for \"test/small:data\" from cache"), "{flags:?}: {again}");
        assert!(again.contains("Reusing cache layer 'test/small:data'"), "{flags:?}: {again}");
    }
    assert!(place.path().join("ci/build-cache/committed").is_dir());
}

#[test]
fn flags_that_contradict_one_another() {
    let Some(place) = Place::new(User::Caller) else { return };
    application(&place, &[("file", "text")]);
    for (flags, error) in [
        (&["--cache-image", "r.example/c"][..], "cache-image flag requires the publish flag"),
        (&["--cache", "type=build;format=image;name=c"], "image cache format requires the 'publish' flag"),
        (
            &["--cache", "format=image;name=c", "--cache-image", "c", "--publish"],
            "'cache' flag with 'image' format cannot be used with 'cache-image' flag.",
        ),
        (&["--cache", "type=x"], "invalid cache type 'x'"),
        (&["--gid", "-1"], "gid flag must be in the range of 0-2147483647"),
        (&["--uid", "2147483648"], "uid flag must be in the range of 0-2147483647"),
        (&["--pull-policy", "daily"], "invalid pull policy daily"),
        (
            &["--publish", "--previous-image", "other.example/app"],
            "when --publish is used, other.example/app must be in the same image registry as r.example/app",
        ),
    ] {
        let failed =
            place.run(&[&["build", "r.example/app", "--path", "app", "--builder", "b"], flags].concat()).failure(1);
        assert!(failed.stderr.contains(error), "{flags:?}: {}", failed.stderr);
    }
    let failed = place.run(&["build", "oci:out", "--path", "app", "--builder", "b", "--publish"]).failure(1);
    assert!(failed.stderr.contains("'oci:out' is not the name of an image in a registry"), "{}", failed.stderr);
    let failed = place.run(&["build", "other.example/bb", "--path", "app", "--builder", "r.example/bb"]).failure(1);
    assert_eq!(failed.stderr, "ERROR: forbidden image name: name must not match builder image name\n");
}

#[test]
fn configuration_files_and_mirrors() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = place(User::Caller, &registry) else { return };
    let builder = registry.name("builder");
    let configure = |text: &str| write(&place.path().join(".pack/config.toml"), text);
    let build = |more: &[&str]| place.run(&[&["-v", "build", "app", "--path", "app"], more].concat());

    configure(&format!("default-builder-image = \"{builder}\"\n"));
    let outcome = build(&[]).success().stdout;
    let selected = format!("Selected run image '{}': it is in the registry of the builder", registry.name("test-run"));
    assert!(outcome.contains(&selected), "{outcome}");

    // A mirror of the user goes first; one that is not there is passed over.
    let Some(base) = Base::get() else { return };
    registry.push(base.path(), "test-run", "mine/run");
    let mirrors = format!(
        "default-builder-image = \"{builder}\"\n[[run-images]]\nimage = \"{}\"\nmirrors = [\"{}\", \"{}\"]\n",
        registry.name("test-run"),
        registry.name("absent/run"),
        registry.name("mine/run"),
    );
    configure(&mirrors);
    let outcome = build(&[]).success().stdout;
    let selected = format!("Selected run image mirror '{}' from local config", registry.name("mine/run"));
    assert!(outcome.contains(&selected), "{outcome}");
    let passed_over = format!("run image '{}' cannot be used: ", registry.name("absent/run"));
    assert!(outcome.contains(&passed_over), "{outcome}");
    // Everything that is fetched from this host comes from the mirror.
    configure(&format!("[registry-mirrors]\n\"registry.invalid\" = \"{}\"\n", registry.address));
    let outcome =
        build(&["--builder", "registry.invalid/builder", "--run-image", "registry.invalid/test-run"]).success();
    assert!(outcome.stdout.contains("Pulling image 'registry.invalid/builder'"), "{}", outcome.stdout);

    configure("pull-policy = \"sometimes\"\n");
    assert_eq!(build(&[]).failure(1).stderr, "ERROR: invalid pull policy sometimes\n");
    configure("pull-policy = \n");
    assert!(build(&[]).failure(1).stderr.contains("reading pack config: failed to read config file at path"));
}

#[test]
fn platforms_are_the_builders() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = place(User::Caller, &registry) else { return };
    let arm = baler_test_registry::Image::new("linux/arm64", vec![b"layer".to_vec()]);
    let foreign = TestRegistry::start(Options::default()).unwrap();
    foreign.push_image("run", Some("arm"), &arm).unwrap();
    foreign.push_index("run", "index", &[("linux/arm64", &arm), ("linux/s390x", &arm)]).unwrap();
    let builder = registry.name("builder");
    let build = |more: &[&str]| place.run(&[&["build", "app", "--path", "app", "--builder", &builder], more].concat());
    let run = format!("{}/run:arm", foreign.address());
    let failed = build(&["--run-image", &run]).failure(1);
    let text = format!("builder '{builder}' is for linux/amd64, and run image '{run}' for linux/arm64");
    assert!(failed.stderr.contains(&text), "{}", failed.stderr);
    let failed = build(&["--run-image", &format!("{}/run:index", foreign.address())]).failure(1);
    assert!(failed.stderr.contains("no image for linux/amd64 in"), "{}", failed.stderr);
    assert!(failed.stderr.contains("it is for: linux/arm64, linux/s390x"), "{}", failed.stderr);
    let failed = build(&["--platform", "linux/arm64"]).failure(1);
    assert!(failed.stderr.contains(&format!("no image for linux/arm64 in {builder}")), "{}", failed.stderr);
    assert!(failed.stderr.contains("it is for: linux/amd64"), "{}", failed.stderr);
}

#[test]
fn what_is_recorded_of_a_run_image_behind_an_index() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = place(User::Caller, &registry) else { return };
    let index = registry.push_index("test-run", "latest");
    let manifest = registry.image("test-run:latest").digest().clone();
    let (builder, app) = (registry.name("builder"), registry.name("app"));
    let publish = |run_image: &str| {
        let arguments = [
            "-v",
            "build",
            &app,
            "--path",
            "app",
            "--builder",
            &builder,
            "--publish",
            "--pull-policy",
            "always",
            "--run-image",
            run_image,
        ];
        registry.watch(|| place.run(&arguments))
    };
    for run_image in [registry.name("test-run:index"), registry.name(&format!("test-run@{index}"))] {
        let (built, _) = publish(&run_image);
        let text = format!("{manifest} for linux/amd64, chosen from index {index}");
        let said = built.success().stdout;
        assert!(said.contains(&text), "{said}");
        let label = registry.image("app").config().label("io.buildpacks.lifecycle.metadata").unwrap().to_owned();
        let label: serde_json::Value = serde_json::from_str(&label).unwrap();
        // Not the index, which may go: the manifest that the image stands on.
        assert_eq!(label["runImage"]["reference"], registry.name(&format!("test-run@{manifest}")));
        assert_eq!(label["runImage"]["image"], registry.name("test-run"));
    }
    let (_, requests) = publish(&registry.name("test-run:index"));
    assert!(requests.len() <= 8, "{requests:?}");

    // A tag beside a digest decides nothing.
    let (built, _) = publish(&registry.name(&format!("test-run:latest@{index}")));
    let warning = format!("the tag 'latest' is {manifest} now; the digest decides");
    let said = built.success().stdout;
    assert!(said.contains(&warning), "{said}");
    let (built, _) = publish(&registry.name(&format!("test-run:latest@{manifest}")));
    assert!(!built.success().stdout.contains("the digest decides"));
}

#[test]
fn a_mirror_that_fails_later_is_not_replaced_by_another_image() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = place(User::Caller, &registry) else { return };
    let Some(base) = Base::get() else { return };
    let mirror = TestRegistry::start(Options::default()).unwrap();
    let name = format!("{}/test-run:1", mirror.address());
    place.run(&["push", &format!("oci:{}:test-run", base.path().display()), &name]).success();
    let manifest: serde_json::Value = serde_json::from_slice(&mirror.manifest("test-run", "1").unwrap()).unwrap();
    let layer = manifest["layers"].as_array().unwrap().last().unwrap()["digest"].as_str().unwrap();
    // Manifest and config are given out, so that the mirror is chosen; its layer is not.
    mirror.rule(Rule::new("GET", &format!("/v2/test-run/blobs/{layer}"), Fault::status(403)).always());
    let config = format!("[[run-images]]\nimage = \"{}\"\nmirrors = [\"{name}\"]\n", registry.name("test-run"));
    write(&place.path().join(".pack/config.toml"), &config);
    // Under a name of no registry at hand: otherwise the run image beside the builder would be the nearest.
    place.run(&["pull", &registry.name("builder")]).success();
    place.run(&["tag", &registry.name("builder"), "local"]).success();
    let build = ["-v", "build", "oci:out", "--path", "app", "--builder", "local"];
    let (outcome, requests) = registry.watch(|| place.run(&build));
    let outcome = outcome.failure(1);
    assert!(outcome.stdout.contains(&format!("Selected run image mirror '{name}'")), "{}", outcome.stdout);
    let message = format!("could not read layer {layer} of run image '{name}'");
    assert!(outcome.stderr.contains(&message), "{}", outcome.stderr);
    assert!(!requests.iter().any(|request| request.path.contains("/test-run/")), "{requests:?}");
    assert!(!place.path().join("out").exists(), "there is no layout without an image");
}
