//! The image that comes of what a build left.

use std::os::unix::fs::{PermissionsExt, symlink};

use baler_lifecycle::export::LayerOutcome;
use baler_lifecycle::restore::Restoration;

use crate::support::{Build, Lines, Machine, diff_ids, make_directory, set_mode, write};

const LAUNCHER_SBOM: &str = "sha256:c9b997921c03515c5e60fd14a4ec037a7d435ae94ffb77cfea6bb2537a01d073";
const HELLO: &str = "sha256:8d1c651887564242c1d2fa9c57462c3c1fdac094bd713e4a6fa81f0089457c4a";
const EMPTY: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

const MINIMAL_METADATA: &str = r#"buildpack-default-process-type = "web"

[[buildpacks]]
  id = "test/a"
  version = "0.0.1"
  api = "0.10"
  homepage = "https://example.test/a"

[[processes]]
  type = "web"
  command = ["/workspace/run.sh"]
  direct = true
  buildpack-id = "test/a"
"#;

fn minimal(machine: &Machine) -> Build {
    let build = machine.build();
    build.hello();
    let launch = "[[processes]]\ntype = \"web\"\ncommand = [\"/workspace/run.sh\"]\ndefault = true\n";
    build.app(&[("a/layers/launch.toml", launch)]);
    build.layers(&[("config/metadata.toml", MINIMAL_METADATA), ("test_a/launch.toml", launch)]);
    build
}

#[test]
fn a_minimal_image_is_the_references() {
    let machine = Machine::new(&["test/a"]);
    let exported = machine.export_fresh(&minimal(&machine));
    let layers = diff_ids(&exported);
    assert_eq!(layers[0], LAUNCHER_SBOM);
    assert_eq!(layers[1], "sha256:e6686a7e844636d1101cc83ad4449ed910c93da0265f26186f7ea03524f0cedd");
    assert_eq!(layers[3], "sha256:62a4004536f469c4d5de37c2f4b5fd9eb9c18af52c0cf8477f4fa2b03e9e1791");
    assert_eq!(layers[4], "sha256:83d85471d9f8a3834b4e27cf701e3f0aef220cc816d9c173c7d32cd73909a590");
    assert_eq!(layers.len(), 5);

    let config: serde_json::Value = serde_json::from_slice(exported.image.raw_config()).unwrap();
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/cnb/process/web"]));
    assert_eq!(config["config"]["WorkingDir"], "/workspace");
    let texts: Vec<_> = config["history"].as_array().unwrap().iter().map(|entry| &entry["created_by"]).collect();
    let expected = [
        "base",
        "Software Bill-of-Materials",
        "Application Layer",
        "Buildpacks Application Launcher",
        "Buildpacks Launcher Config",
        "Buildpacks Process Types",
    ];
    assert_eq!(texts, expected);
    let label = |name: &str| -> serde_json::Value {
        serde_json::from_str(config["config"]["Labels"][name].as_str().unwrap()).unwrap()
    };
    let lifecycle = label("io.buildpacks.lifecycle.metadata");
    let run_digest = machine.find(crate::support::RUN).unwrap().digest().clone();
    let expected = serde_json::json!({
        "app": [{"sha": layers[1]}], "sbom": {"sha": layers[0]},
        "buildpacks": [{"key": "test/a", "version": "0.0.1", "layers": {}}],
        "config": {"sha": layers[3]}, "launcher": {"sha": layers[2]}, "process-types": {"sha": layers[4]},
        "runImage": {
            "topLayer": baler_image::Digest::of(b"base diff"),
            "reference": format!("registry.example/run@{run_digest}"), "image": crate::support::RUN,
        },
        "stack": {"runImage": {"image": crate::support::RUN}},
    });
    assert_eq!(lifecycle, expected);
    assert_eq!(label("io.buildpacks.project.metadata"), serde_json::json!({}));
    assert_eq!(exported.report.image.tags, [crate::support::APP]);
    assert_eq!(exported.report.image.digest, exported.image.digest().to_string());
}

#[test]
fn media_types_are_those_of_the_base() {
    let machine = Machine::new(&["test/a"]);
    let exported = machine.export_fresh(&minimal(&machine));
    let manifest = &exported.image.manifest().value;
    assert!(manifest.layers.iter().all(|layer| layer.media_type == baler_image::media_type::OCI_LAYER_GZIP));
    assert_eq!(manifest.config.media_type, baler_image::media_type::OCI_CONFIG);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let digests: Vec<_> = [1, 2, 5]
        .into_iter()
        .map(|threads| {
            let machine = Machine { threads, ..Machine::new(&["test/a"]) };
            let build = minimal(&machine);
            let mut state = 1_u32;
            for layer in 0..4 {
                // Two of them are large enough for the lane of large layers; half of it does not compress.
                let mut bytes = vec![b'x'; if layer < 2 { 9 << 20 } else { 10_000 }];
                let half = bytes.len() / 2;
                for byte in &mut bytes[half..] {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *byte = state.to_be_bytes()[0];
                }
                build.layers(&[(&format!("test_a/l{layer}.toml"), "[types]\nlaunch = true\n")]);
                make_directory(&build.layers.host.join(format!("test_a/l{layer}")));
                let path = build.layers.host.join(format!("test_a/l{layer}/data"));
                fs_err::write(&path, bytes).unwrap();
                set_mode(&path, 0o644);
            }
            machine.export_fresh(&build).image.digest().clone()
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
}

#[test]
fn slices_are_the_references() {
    let machine = Machine::new(&["test/a", "test/b"]);
    let build = machine.build();
    build.hello();
    fs_err::remove_dir_all(&build.app.host).unwrap();
    let names = [
        "NEWS.md",
        "README.md",
        "a-b/1",
        "a/1",
        "a.txt",
        "deep/one/c/f",
        "deep/one/other",
        "deep/two/c/g",
        "docs/guide.md",
        "docs/sub/x.md",
        "q1.txt",
        "static/app.js",
        "static/img/logo.css",
        "static/main.css",
        "static/print.css",
        "x.txt",
        "y.txt",
        "z.txt",
    ];
    for name in names {
        build.app(&[(name, &format!("{name}\n"))]);
    }
    symlink("docs", build.app.host.join("link")).unwrap();
    let a = "[[slices]]\npaths = [\"static/*.css\", \"docs\"]\n[[slices]]\npaths = [\"static\", \"*.md\", \"deep/*/c/*\"]\n[[slices]]\npaths = [\"nothing-*\"]\n";
    let b = "[[slices]]\npaths = [\"a-b\", \"a/**\", \"[xy].txt\", \"../outside\", \"static/../q?.txt\"]\n[[slices]]\npaths = [\"docs/guide.md\", \"link\"]\n";
    build.app(&[("a/layers/launch.toml", a), ("b/layers/launch.toml", b)]);
    build.layers(&[("config/metadata.toml", &format!("{a}{b}"))]);
    let expected = [
        LAUNCHER_SBOM,
        "sha256:9901056c4edb8ae7939afeddf91e65932f85a9c5b62ff239df73184b7ea21eeb",
        "sha256:91b596761efbc87aebf7492d8316135567e11d0c999c2dbf4f8f862d176ef44b",
        EMPTY,
        "sha256:73c04404601c3185c3a750f5e90523afd9c480c510cb813d248bee8b11a2a520",
        "sha256:a7ba879e0e1dee4e4f745fcf696200e1f091536cfd9f737079f9e05d6c76f782",
        "sha256:1bb4bfca91846015cf3bf3782f9267e39878fcc7423069ec561380addb84e15c",
    ];
    let exported = machine.export_fresh(&build);
    assert_eq!(diff_ids(&exported)[..7], expected);
    let history = &exported.image.config().history;
    assert_eq!(history[2].created_by.as_deref(), Some("Application Slice: 1"));
    assert_eq!(history[7].created_by.as_deref(), Some("Application Slice: 6"));
}

#[test]
fn a_layer_with_odd_files_is_the_references() {
    let machine = Machine::new(&["test/a"]);
    let build = machine.build();
    build.hello();
    build.layers(&[
        ("test_a/special.toml", "[types]\nlaunch = true\n"),
        ("test_a/special/file", "text\n"),
        ("test_a/special/empty.file", ""),
        ("test_a/special/binary", "a\0b"),
        ("test_a/special/new\nline", ""),
    ]);
    let layer = build.layers.host.join("test_a/special");
    make_directory(&layer.join("sub"));
    make_directory(&layer.join("empty"));
    for (target, name) in [
        ("file", "relative"),
        ("/layers/test_a/special/file", "absolute"),
        ("/does/not/exist", "dangling"),
        ("sub", "dirlink"),
    ] {
        symlink(target, layer.join(name)).unwrap();
    }
    fs_err::hard_link(layer.join("file"), layer.join("sub/hard")).unwrap();
    set_mode(&layer.join("file"), 0o4755);
    set_mode(&layer.join("sub"), 0o700);
    let exported = machine.export_fresh(&build);
    assert_eq!(
        diff_ids(&exported)[..3],
        ["sha256:46aec9ca53c3d37ed5fe6a5fc8c5cdb560797839ace063ff614acc70cb8a0d75", LAUNCHER_SBOM, HELLO]
    );
    assert_eq!(
        exported.image.config().history[1].created_by.as_deref(),
        Some("Layer: 'special', Created by buildpack: test/a@0.0.1")
    );
}

#[test]
fn only_launch_layers_are_exported_in_order() {
    let machine = Machine::new(&["test/layers"]);
    let build = machine.build();
    build.hello();
    for name in ["blc", "bl", "bc", "b", "lc", "l", "c"] {
        build.layers(&[(&format!("test_layers/{name}/data"), &format!("one-{name}"))]);
        let flag = |letter, flag| if name.contains(letter) { format!("{flag} = true\n") } else { String::new() };
        let flags = [flag('b', "build"), flag('l', "launch"), flag('c', "cache")].concat();
        let toml = format!("[types]\n{flags}[metadata]\nmade = \"one\"\n");
        build.layers(&[(&format!("test_layers/{name}.toml"), &toml)]);
    }
    let exported = machine.export_fresh(&build);
    let expected = [
        "sha256:fd5108cd328bb4a6ae4a77a088c39e790babf9f8ef98563397309dbd91e79afa",
        "sha256:81fbdd53c395b6acee1da73c2af5682a2bf4bfca3850532887354cd262655e36",
        "sha256:3aed40d8ac37ff793bfba5b0930376251cd716ae589aa5f1c897f290a18a8716",
        "sha256:ef86b2312157659c95d6855fec959813d6e8a450867391195707aaebdfa4e74a",
        LAUNCHER_SBOM,
        HELLO,
    ];
    assert_eq!(diff_ids(&exported)[..6], expected);
    assert!(exported.cached.is_empty());
}

#[test]
fn a_second_export_reuses_every_layer() {
    let machine = Machine::new(&["test/a"]);
    let first = machine.export_fresh(&minimal(&machine));
    let build = minimal(&machine);
    let log = Lines::default();
    let analysis = machine.analyze(&build, &log);
    log.take();
    let second = machine.export(&build, &analysis, &Restoration::default(), None, &log).unwrap();
    assert_eq!(first.image.digest(), second.image.digest());
    assert!(second.layers.iter().all(|layer| layer.outcome == LayerOutcome::Reused));
    let digest = second.image.digest().short();
    let expected = [
        "Reusing layer 'buildpacksio/lifecycle:launch.sbom'",
        "Reused 1/1 app layer(s)",
        "Reusing layer 'buildpacksio/lifecycle:launcher'",
        "Reusing layer 'buildpacksio/lifecycle:config'",
        "Reusing layer 'buildpacksio/lifecycle:process-types'",
        "Adding label 'io.buildpacks.lifecycle.metadata'",
        "Adding label 'io.buildpacks.build.metadata'",
        "Adding label 'io.buildpacks.project.metadata'",
        "Setting default process type 'web'",
        "Saving registry.example/app...",
        &format!("*** Images ({digest}):"),
        "      registry.example/app",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn labels_of_buildpacks_are_set_in_order() {
    let machine = Machine::new(&["test/a"]);
    let build = machine.build();
    build.hello();
    let label = |key: &str, value: &str| format!("[[labels]]\nkey = '{key}'\nvalue = '{value}'\n");
    let metadata = [
        label("shared", "from a"),
        label("markup", "<b>&\"quoted\" é"),
        label("io.buildpacks.base.id", "replaced"),
        label("shared", "from b"),
    ];
    build.layers(&[("config/metadata.toml", &metadata.concat())]);
    let labels = machine.export_fresh(&build).image.config().config.labels.clone();
    assert_eq!(labels["shared"], "from b");
    assert_eq!(labels["markup"], "<b>&\"quoted\" é");
    assert_eq!(labels["io.buildpacks.base.id"], "replaced");
    assert_eq!(labels["io.buildpacks.rebasable"], "true");
}

#[test]
fn what_cannot_be_exported_is_named() {
    let cases: [(&[(&str, &str)], &str); 5] = [
        (
            &[("test_a/bad.toml", "[types\n"), ("test_a/old.toml", "launch = true\n")],
            "failed to parse metadata for layers '[test/a:bad test/a:old]'",
        ),
        (
            &[("test_a/l.toml", "[types]\nlaunch = true\ncache = true\n")],
            "layer 'test/a:l' is cache=true but has no contents",
        ),
        (
            &[("test_a/l.toml", "[types]\nlaunch = true\n")],
            "cannot reuse 'test/a:l', previous image has no metadata for layer 'test/a:l'",
        ),
        (&[("test_a/store.toml", "not toml\n")], "failed decoding store.toml for buildpack \"test/a\""),
        (&[("config/metadata.toml", "[[slices]]\npaths = [\"[\"]\n")], "exporting app layers"),
    ];
    for (files, expected) in cases {
        let machine = Machine::new(&["test/a"]);
        let build = minimal(&machine);
        build.layers(files);
        let log = Lines::default();
        let analysis = machine.analyze(&build, &log);
        let error = machine.export(&build, &analysis, &Restoration::default(), None, &log).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_unknown_default_process_is_an_error() {
    let machine = Machine { process_type: Some("nope".into()), ..Machine::new(&["test/a"]) };
    let build = minimal(&machine);
    let log = Lines::default();
    let analysis = machine.analyze(&build, &log);
    let error = machine.export(&build, &analysis, &Restoration::default(), None, &log).unwrap_err();
    assert_eq!(error.to_string(), "tried to set nope to default but it doesn't exist");
}

#[test]
fn a_name_that_is_refused_is_listed_with_its_cause() {
    let mut machine = Machine::new(&["test/a"]);
    machine.names.push("refused.example/app".parse().unwrap());
    let build = minimal(&machine);
    let log = Lines::default();
    let analysis = machine.analyze(&build, &log);
    let error = machine.export(&build, &analysis, &Restoration::default(), None, &log).unwrap_err();
    assert_eq!(error.to_string(), "failed to save image as: refused.example/app");
    let lines = log.take();
    let cause = "the local store cannot hold an image of the name 'refused.example/app'";
    assert_eq!(lines.last().unwrap(), &format!("      refused.example/app - {cause}"));
    assert!(machine.find(crate::support::APP).is_some());
}

#[test]
fn files_that_their_owner_cannot_read_are_exported() {
    if rustix::process::geteuid().is_root() {
        eprintln!("SKIP: needs an ordinary user, root reads every file");
        return;
    }
    let machine = Machine::new(&["test/a"]);
    let build = minimal(&machine);
    write(&build.app.host, "secret", "x");
    set_mode(&build.app.host.join("secret"), 0);
    let log = Lines::default();
    let analysis = machine.analyze(&build, &log);
    machine.export(&build, &analysis, &Restoration::default(), None, &log).unwrap();
    let mode = fs_err::metadata(build.app.host.join("secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0, "it is as it was");
}

#[test]
fn sbom_files_are_one_layer_as_the_references() {
    let machine = Machine::new(&["test/a", "test/b"]);
    let build = machine.build();
    build.hello();
    for kind in ["cdx", "spdx", "syft"] {
        for layer in ["both", "launched"] {
            let path = format!("sbom/launch/test_a/{layer}/sbom.{kind}.json");
            build.layers(&[(&path, &format!("{{\"{layer}\":\"{kind}\"}}\n"))]);
        }
        build.layers(&[(&format!("sbom/launch/test_a/sbom.{kind}.json"), &format!("{{\"launch\":\"{kind}\"}}\n"))]);
    }
    build.layers(&[("sbom/launch/test_b/sbom.syft.json", "{\"b\":1}\n")]);
    for layer in ["both", "launched"] {
        make_directory(&build.layers.host.join("test_a").join(layer));
        build.layers(&[(&format!("test_a/{layer}.toml"), "[types]\nlaunch = true\n")]);
    }
    let expected = [
        "sha256:7e295bc817b42816a9bcf986f82f24ccc3222c89b9c5563ce8df620e516ce01e",
        "sha256:4f35834d119a3d1cc70c3bca9fde41f8b9bd945f1ddcad17b6fa52d21e3d4f37",
        "sha256:635bfd423d56176be7beff13148d73140ee6ec46cbaa790f6fce9fbd821ffb4f",
    ];
    assert_eq!(diff_ids(&machine.export_fresh(&build))[..3], expected);
}

#[test]
fn old_platform_apis_have_neither_sbom_nor_history() {
    let machine = Machine { platform_api: "0.7", ..Machine::new(&["test/a"]) };
    let build = minimal(&machine);
    let bom = "[[bom]]\nname = \"dependency\"\n[bom.metadata]\nversion = \"1\"\n";
    build.layers(&[("test_a/build.toml", bom), ("config/metadata.toml", &format!("{MINIMAL_METADATA}\n{bom}"))]);
    let exported = machine.export_fresh(&build);
    let names: Vec<_> = exported.layers.iter().map(|layer| layer.what.as_str()).collect();
    let own = |name: &str| format!("buildpacksio/lifecycle:{name}");
    assert_eq!(names, ["app", &own("launcher"), &own("config"), &own("process-types")]);
    let config = exported.image.config();
    assert!(config.history.iter().all(|entry| entry.created_by.is_none()));
    assert_eq!(config.history.len(), 5);
    let label = |name: &str| -> serde_json::Value { serde_json::from_str(config.label(name).unwrap()).unwrap() };
    let lifecycle = label("io.buildpacks.lifecycle.metadata");
    assert_eq!(
        (&lifecycle["sbom"], &lifecycle["runImage"]["image"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    assert_eq!(lifecycle["stack"]["runImage"]["image"], crate::support::RUN);
    let build = label("io.buildpacks.build.metadata");
    assert_eq!(build["bom"][0]["name"], "dependency");
    assert_eq!(build["processes"][0]["command"], "/workspace/run.sh");
    let report = exported.report.build.unwrap();
    assert_eq!(report.bom[0]["buildpack"]["id"].as_str(), Some("test/a"));
}
