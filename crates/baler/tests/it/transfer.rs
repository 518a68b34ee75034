//! Images between store and registry, and looked at there: pull, push, tag, resolve, sbom download.

use baler_test_registry::{Fault, Options, Rule, TestRegistry};
use serde_json::Value;

use crate::support::{Base, Place, Registry, User, application, buildpack, users};

const WITH_BILL: &str = "mkdir -p \"$1/data\"; printf '[types]\\nlaunch = true\\n' >\"$1/data.toml\"
echo '{\"bomFormat\":\"CycloneDX\"}' >\"$1/data.sbom.cdx.json\"";

fn with_app(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["bill"])?;
    buildpack(&place, "bill", "exit 0", WITH_BILL);
    let descriptor = "api = \"0.12\"\n[buildpack]\nid = \"test/bill\"\nversion = \"1\"\nsbom-formats = [\"application/vnd.cyclonedx+json\"]\n";
    crate::support::write(&place.path().join("bill/buildpack.toml"), descriptor);
    application(&place, &[("file", "text\n")]);
    place.create_builder();
    place.build(&[]).success();
    Some(place)
}

#[test]
fn an_image_goes_to_a_registry_and_comes_back() {
    for user in users() {
        let Some(registry) = Registry::start() else { return };
        let Some(place) = with_app(user) else { return };
        let name = registry.name("team/app:1");
        let pushed = place.run(&["push", "app", &name, "--quiet"]).success();
        let (name_again, digest) = pushed.stdout.trim().split_once('@').unwrap();
        assert_eq!(name_again, name);
        place.run(&["rm", "--all"]).success();
        let pulled = place.run(&["pull", &name, "--quiet"]).success();
        assert_eq!(pulled.stdout, pushed.stdout, "{user:?}");
        place.run(&["tag", &name, "app:again", "other/app"]).success();
        let images = place.run(&["images"]).success().stdout;
        for tag in ["app:again", "other/app:latest", &name] {
            assert!(images.lines().any(|line| line.starts_with(tag)), "{tag} in\n{images}");
        }
        let run = place.run(&["resolve", &format!("{name}@{digest}"), "--from", "registry", "-o", "json"]).success();
        let trace: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(trace["image"]["digest"], digest);
    }
}

#[test]
fn a_second_push_sends_nothing() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = with_app(User::Caller) else { return };
    place.run(&["push", "app", &registry.name("app")]).success();
    let (_, requests) = registry.watch(|| place.run(&["push", "app", &registry.name("app:2")]).success());
    let sent = requests.iter().filter(|request| request.method == "PATCH" || request.query.contains("digest="));
    assert_eq!(sent.count(), 0, "{requests:?}");
}

#[test]
fn a_push_that_is_not_allowed_sends_nothing() {
    let Some(place) = with_app(User::Caller) else { return };
    let outcome = place.run(&["push", "app", "127.0.0.1:9/app"]).failure(1);
    assert!(
        outcome.stderr.contains("failed to ensure registry read/write access to 127.0.0.1:9/app: "),
        "{}",
        outcome.stderr
    );
    let outcome = place.run(&["push", "absent", "127.0.0.1:9/app"]).failure(1);
    assert!(outcome.stderr.contains("image 'absent' does not exist in the local store"), "{}", outcome.stderr);
    let outcome = place.run(&["pull", "oci:somewhere"]).failure(1);
    assert!(outcome.stderr.contains("names a file or directory"), "{}", outcome.stderr);
}

#[test]
fn resolving_shows_the_entries_of_an_index() {
    let Some(place) = Place::new(User::Caller) else { return };
    let Some(base) = Base::get() else { return };
    let layout = place.path().join("layout");
    let copied = crate::support::outcome(std::process::Command::new("cp").arg("-r").args([base.path(), &*layout]));
    copied.success();
    // The base's index becomes the document of a name itself.
    let index = std::fs::read(layout.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let mut entries = index["manifests"].as_array().unwrap().clone();
    entries.truncate(1);
    entries[0]["platform"] = serde_json::json!({"os": "linux", "architecture": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64")});
    entries[0].as_object_mut().unwrap().remove("annotations");
    let mut other = entries[0].clone();
    other["platform"] = serde_json::json!({"os": "linux", "architecture": "s390x"});
    other["digest"] = Value::from(format!("sha256:{}", "0".repeat(64)));
    entries.push(other);
    let nested = serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries});
    let nested = serde_json::to_vec(&nested).unwrap();
    let digest = baler_image::Digest::of(&nested);
    std::fs::write(layout.join("blobs/sha256").join(digest.hex()), &nested).unwrap();
    let top = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": nested.len(),
        "annotations": {"org.opencontainers.image.ref.name": "both"},
    }]});
    std::fs::write(layout.join("index.json"), serde_json::to_vec(&top).unwrap()).unwrap();

    let text = place.run(&["resolve", "oci:layout:both"]).success().stdout;
    for part in ["found an index of images", "for another platform", "it is for the platform that is wanted"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let refused = place.run(&["resolve", "oci:layout:both", "--platform", "linux/riscv64"]).failure(1);
    assert!(refused.stdout.contains("linux/s390x"), "{}", refused.stdout);
    assert!(refused.stderr.contains("no image for linux/riscv64 in oci:layout:both"), "{}", refused.stderr);
}

#[test]
fn bills_of_materials_are_written_whole_or_not_at_all() {
    for user in users() {
        let Some(place) = with_app(user) else { return };
        place.run(&["sbom", "download", "app", "--output-dir", "boms"]).success();
        let path = place.path().join("boms/layers/sbom/launch/test_bill/data/sbom.cdx.json");
        assert!(std::fs::read_to_string(&path).unwrap().contains("CycloneDX"), "{user:?}");
        let again = place.run(&["sbom", "download", "app", "--output-dir", "boms"]).failure(1);
        assert!(again.stderr.contains("is there already"), "{}", again.stderr);
        let builder = place.run(&["sbom", "download", "builder", "-o", "other"]).failure(1);
        assert!(builder.stderr.contains("could not find SBoM information on 'builder'"), "{}", builder.stderr);
    }
}

/// It is unpacked straight out of the registry, and what was unpacked of a damaged layer is thrown away.
#[test]
fn a_bill_of_materials_that_comes_damaged() {
    let Some(place) = with_app(User::Caller) else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    let app = format!("{}/app:1", registry.address());
    place.run(&["push", "app", &app]).success();
    let download = || place.run(&["-v", "sbom", "download", "--remote", &app, "--output-dir", "boms"]);
    // The store has the config: what is read is the layer.
    let damage = || Rule::new("GET", "/v2/app/blobs/*", Fault::Damage);
    registry.rule(damage().always());
    let failed = download().failure(1);
    assert!(failed.stderr.contains(" is damaged: its bytes have the digest sha256:"), "{failed:#?}");
    assert!(failed.stderr.contains(", at the last of 3 tries"), "{failed:#?}");
    assert!(failed.stderr.contains("hint: the registry, or a proxy or mirror before it"), "{failed:#?}");
    for (directory, count) in [("boms", 1), ("boms/layers", 0)] {
        assert_eq!(std::fs::read_dir(place.path().join(directory)).unwrap().count(), count, "{directory}");
    }
    registry.clear_rules();
    registry.rule(damage().times(2));
    let told = download().success().stdout;
    assert_eq!(told.matches(" damaged: its bytes have the digest ").count(), 2, "{told}");
    assert!(place.path().join("boms/layers/sbom/launch/test_bill/data/sbom.cdx.json").is_file());
}

#[test]
fn both_sides_are_shown_in_every_format() {
    let Some(registry) = Registry::start() else { return };
    let Some(place) = with_app(User::Caller) else { return };
    let name = registry.name("app");
    let only_local = place.run(&["inspect", "--local", "app"]).success().stdout;
    assert!(only_local.contains("REMOTE:\n(not present)\n\nLOCAL:\n"), "{only_local}");
    place.run(&["push", "app", &name]).success();
    let only_remote = place.run(&["inspect", &name]).success().stdout;
    assert!(only_remote.contains("LOCAL:\n(not present)"), "{only_remote}");
    assert!(only_remote.contains("  test/bill  1        -"), "{only_remote}");
    place.run(&["tag", "app", &name]).success();
    let json: Value = serde_json::from_str(&place.run(&["inspect", &name, "-o", "json"]).success().stdout).unwrap();
    assert_eq!(json["image_name"], name);
    assert_eq!(json["remote_info"], json["local_info"]);
    assert_eq!(json["local_info"]["buildpacks"][0]["id"], "test/bill");
    assert_eq!(json["local_info"]["rebasable"], true);
    let yaml = place.run(&["inspect", &name, "-o", "yaml"]).success().stdout;
    assert!(yaml.contains("image_name: ") && yaml.contains("- id: test/bill"), "{yaml}");
    let toml = place.run(&["inspect", &name, "-o", "toml"]).success().stdout;
    assert!(toml.contains("[[local_info.buildpacks]]"), "{toml}");
    let nowhere = place.run(&["inspect", &registry.name("absent")]).failure(1);
    assert!(nowhere.stderr.contains("locally or remotely"), "{}", nowhere.stderr);
}
