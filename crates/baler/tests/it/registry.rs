//! Images that come from a registry and go to one.

use crate::support::{Base, Place, Registry, User, application, buildpack, users, write};

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
