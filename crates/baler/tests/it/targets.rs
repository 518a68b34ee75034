//! Builders and packages for several platforms.

use std::path::Path;

use baler_image::media_type;
use baler_layer::tar::{Attributes, Owner, TarWriter};
use baler_test_registry::{Options, TestRegistry, index};
use serde_json::Value;

use crate::support::{Place, User, application, base_image, buildpack, write};

const TARGETS: &str = "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n";
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// The platforms and digests of an index, in its order.
fn entries(index: &[u8]) -> Vec<(String, String)> {
    let index: Value = serde_json::from_slice(index).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entry = |entry: &Value| {
        let platform = &entry["platform"];
        (format!("{}/{}", text(&platform["os"]), text(&platform["architecture"])), text(&entry["digest"]))
    };
    index["manifests"].as_array().unwrap().iter().map(entry).collect()
}

fn platforms(entries: &[(String, String)]) -> Vec<&str> {
    entries.iter().map(|(platform, _)| platform.as_str()).collect()
}

/// A registry with a build image for two platforms, and a place with a builder.toml that wants a builder for both.
fn scene() -> Option<(Place, TestRegistry)> {
    let place = Place::with_builder(User::Caller, &["one"])?;
    buildpack(&place, "one", "exit 0", "exit 0");
    application(&place, &[("file", "text")]);
    let registry = TestRegistry::start(Options::default()).unwrap();
    let images = PLATFORMS.map(|platform| base_image("test-build", "build", platform));
    for image in &images {
        registry.push_image("team/build", None, image).unwrap();
    }
    let both = index(&[(PLATFORMS[0], &images[0]), (PLATFORMS[1], &images[1])]);
    registry.put_manifest("team/build", Some("1"), media_type::OCI_INDEX, &both).unwrap();
    let mut tar = TarWriter::new(Vec::new());
    let attributes = Attributes::new(0o755, Owner::ROOT);
    let text = "[apis.buildpack]\nsupported = [\"0.12\", \"0.10\"]\n[apis.platform]\nsupported = [\"0.15\"]\n\
                [lifecycle]\nversion = \"9.9.9\"\n";
    tar.file_of_bytes(Path::new("lifecycle.toml"), &attributes, text.as_bytes()).unwrap();
    for name in ["detector", "restorer", "analyzer", "builder", "exporter", "launcher", "creator"] {
        tar.file_of_bytes(&Path::new("lifecycle").join(name), &attributes, b"x").unwrap();
    }
    std::fs::write(place.path().join("lifecycle.tar"), tar.finish().unwrap()).unwrap();
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    let build = format!("\"{}/team/build:1\"", registry.address());
    let config = config.replace("\"test-build\"", &build);
    write(&place.path().join("builder.toml"), &format!("{config}[lifecycle]\nuri = \"lifecycle.tar\"\n{TARGETS}"));
    Some((place, registry))
}

#[test]
fn a_builder_for_each_target_and_an_index_of_them() {
    let Some((place, registry)) = scene() else { return };
    let create = |arguments: &[&str]| {
        place.run(&[&["builder", "create", "--config", "builder.toml", "--quiet"], arguments].concat())
    };
    let digest_of = |stdout: &str| stdout.trim().rsplit('@').next().unwrap().to_owned();
    let name = format!("{}/team/builder:1", registry.address());
    let other = format!("{}/other/builder", registry.address());
    let created = create(&[&name, "--publish", "--tag", &other, "--append-image-name-suffix"]).success();
    let digest = digest_of(&created.stdout);
    assert_eq!(registry.tags("team/builder"), ["1", "1-linux-amd64", "1-linux-arm64"]);
    assert_eq!(registry.tags("other/builder"), ["latest", "linux-amd64", "linux-arm64"]);
    let parts = entries(&registry.manifest("team/builder", &digest).unwrap());
    assert_eq!(platforms(&parts), PLATFORMS);
    for (platform, digest) in &parts {
        let manifest: Value = serde_json::from_slice(&registry.manifest("other/builder", digest).unwrap()).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap().parse().unwrap();
        let config: Value = serde_json::from_slice(&registry.blob("other/builder", &config).unwrap()).unwrap();
        assert_eq!(format!("linux/{}", config["architecture"].as_str().unwrap()), *platform);
    }
    // Nothing but the index ever had the tag.
    let puts: Vec<_> =
        registry.lines().into_iter().filter(|line| line.ends_with("/team/builder/manifests/1")).collect();
    assert_eq!(puts, ["PUT /v2/team/builder/manifests/1"]);
    let built = place.run(&["build", "app", "--builder", &name, "--path", "app"]).success();
    assert!(built.stdout.contains("Successfully built image 'app'"), "{}", built.stdout);

    // A layout has the same, a second time as well.
    for _ in 0..2 {
        assert_eq!(digest_of(&create(&["oci:out:1"]).success().stdout), digest);
    }
    let layout = std::fs::read(place.path().join("out/index.json")).unwrap();
    let layout: Value = serde_json::from_slice(&layout).unwrap();
    assert_eq!(layout["manifests"].as_array().unwrap().len(), 1, "{layout}");
    let resolved = place.run(&["resolve", "oci:out:1", "--platform", PLATFORMS[1]]).success();
    assert!(resolved.stdout.contains(&parts[1].1), "{}", resolved.stdout);
}

#[test]
fn the_store_takes_that_of_this_machine() {
    let Some((place, _registry)) = scene() else { return };
    let create =
        |more: &[&str]| place.run(&[&["builder", "create", "builder", "--config", "builder.toml"], more].concat());
    create(&[]).success();
    let host = baler_image::Platform::host().to_string();
    let platform = |output: &str| {
        let value: Value = serde_json::from_str(output).unwrap();
        value["local_info"]["platform"].as_str().unwrap().to_owned()
    };
    let inspect = || place.run(&["inspect", "--local", "builder", "-o", "json"]).success().stdout;
    assert_eq!(platform(&inspect()), host);
    let warned = create(&["--target", "linux/arm64", "--append-image-name-suffix"]).success();
    assert!(warned.stdout.contains("--append-image-name-suffix will be ignored"), "{}", warned.stdout);
    assert_eq!(platform(&inspect()), "linux/arm64");
    let refused = create(&["--target", "linux/arm64,linux/amd64"]).failure(1);
    assert!(refused.stderr.contains("only one target is allowed where no index is written"), "{}", refused.stderr);
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    let config = config.replace("\"amd64\"", "\"s390x\"").replace("\"arm64\"", "\"riscv64\"");
    write(&place.path().join("builder.toml"), &config);
    let refused = create(&[]).failure(1);
    assert!(refused.stderr.contains("there are linux/s390x, linux/riscv64"), "{}", refused.stderr);
}

#[test]
fn a_target_that_cannot_be_had_is_named() {
    let Some((place, registry)) = scene() else { return };
    let name = format!("{}/team/builder:1", registry.address());
    let arguments = ["builder", "create", &name, "--config", "builder.toml", "--publish", "--target"];
    let failed = place.run(&[&arguments[..], &["linux/amd64,linux/s390x"]].concat()).failure(1);
    assert!(failed.stderr.contains("could not make the builder for linux/s390x"), "{}", failed.stderr);
    assert!(registry.tags("team/builder").is_empty());
    // The program's own lifecycle is for this machine alone.
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    write(&place.path().join("builder.toml"), &config.replace("[lifecycle]\nuri = \"lifecycle.tar\"\n", ""));
    let failed = place.run(&arguments[..6]).failure(1);
    assert!(failed.stderr.contains("name an archive for it with [lifecycle] uri"), "{}", failed.stderr);
}

#[test]
fn packages_for_each_target() {
    let Some(place) = Place::new(User::Caller) else { return };
    buildpack(&place, "one", "exit 0", "exit 0");
    let path = place.path().join("one/buildpack.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    write(&path, &format!("{text}{TARGETS}"));
    let registry = TestRegistry::start(Options::default()).unwrap();
    let name = format!("{}/team/one:1", registry.address());
    let package = |arguments: &[&str]| place.run(&[&["buildpack", "package", "--path", "one"], arguments].concat());
    let published = package(&[&name, "--publish"]).success();
    assert_eq!(published.stdout, format!("Successfully published package '{name}' and saved to registry\n"));
    let parts = entries(&registry.manifest("team/one", "1").unwrap());
    assert_eq!((platforms(&parts), registry.tags("team/one").len()), (PLATFORMS.to_vec(), 1));
    package(&["oci:out:1"]).success();
    let resolved = place.run(&["resolve", "oci:out:1", "--platform", PLATFORMS[1]]).success();
    assert!(resolved.stdout.contains(&parts[1].1), "{}", resolved.stdout);

    // A file as it is named, unless several are asked for.
    package(&["one.cnb", "--format", "file"]).success();
    assert!(place.path().join("one.cnb").exists());
    let files = package(&["two.cnb", "--format", "file", "-t", "linux/amd64", "-t", "linux/arm/v6"]).success();
    let said = |name: &str| format!("Successfully created package '{name}' and saved to file\n");
    assert_eq!(files.stdout, said("two-linux-amd64.cnb") + &said("two-linux-arm-v6.cnb"));
    for name in ["two-linux-amd64.cnb", "two-linux-arm-v6.cnb"] {
        place.run(&["buildpack", "inspect", name]).success();
    }
    assert!(!place.path().join("two.cnb").exists());

    // What package.toml says goes before.
    write(
        &place.path().join("package.toml"),
        "[buildpack]\nuri = \"one\"\n[[targets]]\nos = \"linux\"\narch = \"s390x\"\n",
    );
    place.run(&["buildpack", "package", "oci:other:1", "--config", "package.toml"]).success();
    let other = place.run(&["inspect", "oci:other:1", "-o", "json"]).success().stdout;
    assert!(other.contains("\"platform\": \"linux/s390x\""), "{other}");
}

#[test]
fn each_platform_has_its_own_directory() {
    let Some(place) = Place::with_builder(User::Caller, &["one"]) else { return };
    buildpack(&place, "one", "exit 0", "echo for all");
    place.create_builder();
    application(&place, &[("file", "text")]);
    for architecture in ["amd64", "arm64", "s390x"] {
        buildpack(&place, architecture, "exit 0", &format!("echo for {architecture}"));
        let target = place.path().join("two/linux").join(architecture);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::rename(place.path().join(architecture), &target).unwrap();
        // One describes itself, and the others do not.
        if architecture != "s390x" {
            std::fs::remove_file(target.join("buildpack.toml")).unwrap();
        }
    }
    let text = format!("api = \"0.10\"\n[buildpack]\nid = \"test/two\"\nversion = \"1\"\n{TARGETS}");
    write(&place.path().join("two/buildpack.toml"), &text);
    let host = baler_image::Platform::host().architecture;
    let said = |buildpack: &str| {
        let built = place.build(&["--buildpack", buildpack]).success().stdout;
        built.lines().find_map(|line| line.strip_prefix("for ").map(str::to_owned))
    };
    assert_eq!(said("./two").as_deref(), Some(host.as_str()));
    // A second time it is there already.
    assert_eq!(said("./two").as_deref(), Some(host.as_str()));
    assert_eq!(said("./two/linux/s390x").as_deref(), Some("s390x"));

    let registry = TestRegistry::start(Options::default()).unwrap();
    let name = format!("{}/team/two:1", registry.address());
    let package = |more: &[&str]| {
        place.run(&[&["buildpack", "package", "--path", "two"], more].concat()).success();
    };
    package(&[&name, "--publish"]);
    assert_eq!(said(&format!("docker://{name}")).as_deref(), Some(host.as_str()));
    package(&["two.cnb", "--format", "file", "-t", "linux/amd64", "-t", "linux/arm64"]);
    assert_eq!(said("two-linux-amd64.cnb").as_deref(), Some("amd64"));
    assert_eq!(said("two-linux-arm64.cnb").as_deref(), Some("arm64"));
}
