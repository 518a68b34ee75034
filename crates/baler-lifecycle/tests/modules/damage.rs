//! Damaged caches and images, directories that cannot be written, and full disks: each phase goes on without them, or
//! ends with its exit code and leaves nothing half-written.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use baler_test_registry::{Fault, Options, Rule, TestRegistry};
use fs_err as fs;

use crate::built::{built, left_behind, phase, prepared, run};
use crate::layouts::{find, open_up};
use crate::programs::outcome;
use crate::support::Place;

#[test]
fn a_damaged_layer_of_the_cache_is_dropped_and_made_again() {
    let Some(place) = built() else { return };
    let committed = place.path("cache/committed");
    let tar = fs::read_dir(&committed).unwrap().map(|entry| entry.unwrap().path());
    let tar = tar.into_iter().find(|path| path.extension().is_some_and(|end| end == "tar")).unwrap();
    let whole = fs::read(&tar).unwrap();
    for damage in [&whole[..700], &[whole.as_slice(), &[1; 512]].concat(), b"", &vec![b'x'; whole.len()]] {
        for name in ["a", "config", "sbom"] {
            fs::remove_dir_all(place.path("layers").join(name)).unwrap_or_default();
        }
        fs::remove_file(&tar).unwrap();
        fs::write(&tar, damage).unwrap();
        open_up(&place);
        let (code, output) = run(&place, "restore", &[]).unwrap();
        assert_eq!(code, Some(0), "{output}");
        assert!(output.contains("Warning: Skipping restore for layer a:kept: "), "{output}");
        assert!(!place.path("layers/a/kept").exists() && !place.path("layers/a/kept.toml").exists());
        for name in ["build", "export"] {
            let (code, output) = run(&place, name, &[]).unwrap();
            assert_eq!(code, Some(0), "{output}");
        }
        assert_eq!(fs::read(&tar).unwrap(), whole, "made again");
        assert_eq!(left_behind(&place), Vec::<String>::new());
    }
}

#[test]
fn a_previous_image_whose_label_cannot_be_read_is_none() {
    let Some(place) = built() else { return };
    let app = place.path("layouts/registry.example/app/1");
    let before = find(&app).0.digest().clone();
    let blob = |path: &std::path::Path| {
        fs::read_to_string(path).unwrap_or_default().contains("io.buildpacks.lifecycle.metadata")
    };
    let config = fs::read_dir(app.join("blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| blob(path))
        .unwrap();
    let old_config = fs::read_to_string(&config).unwrap();
    let broken =
        old_config.replace(r#""io.buildpacks.lifecycle.metadata":"{"#, r#""io.buildpacks.lifecycle.metadata":"["#);
    assert_ne!(broken, old_config);
    // The same image with another config.
    let digest = |text: &str| baler_image::Digest::of(text.as_bytes());
    let index = fs::read_to_string(app.join("index.json")).unwrap();
    let manifest_path = |digest: &baler_image::Digest| app.join("blobs/sha256").join(digest.hex());
    let manifest = fs::read_to_string(manifest_path(&before)).unwrap();
    let sizes = |text: &str| format!("\"size\":{}", text.len());
    let new_manifest = manifest
        .replace(&digest(&old_config).to_string(), &digest(&broken).to_string())
        .replace(&sizes(&old_config), &sizes(&broken));
    let new_index = index
        .replace(&before.to_string(), &digest(&new_manifest).to_string())
        .replace(&sizes(&manifest), &sizes(&new_manifest));
    for (path, text) in [
        (manifest_path(&digest(&broken)), &broken),
        (manifest_path(&digest(&new_manifest)), &new_manifest),
        (app.join("index.json"), &new_index),
    ] {
        fs::write(path, text).unwrap();
    }
    let all = Command::new("chmod").args(["-R", "a+rwX"]).arg(&app).status().unwrap();
    assert!(all.success());
    let (code, output) = run(&place, "analyze", &["-log-level", "debug"]).unwrap();
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("its label io.buildpacks.lifecycle.metadata is not valid"), "{output}");
    assert!(place.read("layers/analyzed.toml").contains("reference = \"\"\n"));
    let (code, output) = run(&place, "export", &[]).unwrap();
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("Adding layer 'a:kept'"), "{output}");
    assert_eq!(*find(&app).0.digest(), before, "the image is what it was");
}

#[test]
fn a_layers_directory_that_is_read_only_ends_every_phase() {
    let Some(place) = built() else { return };
    fs::remove_dir_all(place.path("layers/a")).unwrap();
    let close = |mode| {
        for name in ["layers/config", "layers/sbom", "layers"] {
            if place.path(name).exists() {
                fs::set_permissions(place.path(name), PermissionsExt::from_mode(mode)).unwrap();
            }
        }
        for entry in fs::read_dir(place.path("layers")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o666)).unwrap();
            }
        }
    };
    for (name, code) in [("analyze", 1), ("detect", 1), ("restore", 42), ("build", 52)] {
        let mut command = prepared(&place, name, &[]).unwrap();
        close(0o555);
        let (found, output) = outcome(&mut command);
        close(0o777);
        assert_eq!(found, Some(code), "{name}: {output}");
        assert!(output.contains(&*place.path("layers").to_string_lossy()), "{name}: {output}");
    }
    assert_eq!(left_behind(&place), Vec::<String>::new());
}

#[test]
fn a_full_disk_leaves_no_image() {
    if !rustix::process::getuid().is_root() {
        println!("SKIP: needs root");
        return;
    }
    let Some(place) = built() else { return };
    place.write(
        "app/noise",
        &(0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string()).collect::<Vec<_>>().join(" "),
    );
    let small = |directory: &str, more: &str| {
        fs::create_dir_all(place.path(directory)).unwrap();
        let command = phase(&place, "export").unwrap();
        let mut words = vec![command.get_program().to_owned()];
        words.extend(command.get_args().map(std::ffi::OsStr::to_owned));
        let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let script = format!("mount -t tmpfs -o size=300k,mode=1777 tmpfs \"$0\" && exec \"$@\"; {more}");
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-c", &script]).arg(place.path(directory)).args(words);
        shell.envs(variables);
        shell.arg("registry.example/app:3");
        outcome(&mut shell)
    };
    let (code, output) = small("layouts/registry.example/app/3", "");
    assert_eq!(code, Some(62), "{output}");
    assert!(output.contains("no space left on the disk of") && output.contains("registry.example/app/3"), "{output}");
    // The cache is no reason to lose the image.
    let (code, output) = small("cache", "");
    assert_eq!(code, Some(0), "{output}");
}

/// Runs a phase as an ordinary user while `directory` is a disk with no room left. Says what is on it afterwards.
fn on_a_full_disk(place: &Place, name: &str, directory: &str, arguments: &[&str]) -> (Option<i32>, String) {
    fs::create_dir_all(place.path(directory)).unwrap();
    let command = prepared(place, name, arguments).unwrap();
    let script = "mount -t tmpfs -o size=16k,mode=1777 tmpfs \"$0\" && head -c 1M /dev/zero 2>/dev/null >\"$0/fill\"
        setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"; code=$?; echo left: $(ls -A \"$0\"); exit $code";
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "sh", "-c", script]).arg(place.path(directory));
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outcome(&mut shell)
}

#[test]
fn a_full_disk_ends_every_phase() {
    if !rustix::process::getuid().is_root() {
        println!("SKIP: needs root");
        return;
    }
    let Some(place) = built() else { return };
    let app = "registry.example/app:1";
    let cases: [(&str, &str, &[&str], i32, &str); 8] = [
        ("analyze", "small", &["-analyzed", "{place}/small/analyzed.toml"], 1, "small/analyzed.toml"),
        ("detect", "small", &["-group", "{place}/small/group.toml"], 1, "small/group.toml"),
        ("detect", "small", &["-plan", "{place}/small/plan.toml"], 0, ""),
        ("restore", "layers/a", &[], 42, "layers/a/kept.toml"),
        ("build", "layers/config", &[], 52, "layers/config/metadata.toml"),
        ("export", "small", &["-report", "{place}/small/report.toml"], 62, "small/report.toml"),
        (
            "rebase",
            "small",
            &["-force", "-report", "{place}/small/report.toml", "-run-image", "registry.example/run", app],
            72,
            "small/report.toml",
        ),
        ("create", "layers/config", &[], 52, "layers/config/metadata.toml"),
    ];
    for (name, directory, arguments, expected, path) in cases {
        let (code, output) = on_a_full_disk(&place, name, directory, arguments);
        assert_eq!(code, Some(expected), "{name}: {output}");
        assert!(output.contains(path), "{name}: {output}");
        // An empty file needs no room: that is what a plan without entries is.
        let left = if expected == 0 { "left: fill plan.toml" } else { "left: fill" };
        assert_eq!(output.lines().last(), Some(left), "{name}: {output}");
    }
    assert_eq!(left_behind(&place), Vec::<String>::new());
}

#[test]
fn a_damaged_previous_image_is_none() {
    let Some(place) = built() else { return };
    let app = place.path("layouts/registry.example/app/1");
    let digest = find(&app).0.digest().clone();
    let manifest = app.join("blobs/sha256").join(digest.hex());
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap().replace("\"schemaVersion\":2", "\"schemaVersion\":9"))
        .unwrap();
    let (code, output) = run(&place, "analyze", &[]).unwrap();
    assert_eq!(code, Some(0), "{output}");
    let warning = "Warning: Not using the previous image ";
    assert!(output.contains(warning) && output.contains("registry.example/app/1"), "{output}");
    assert!(place.read("layers/analyzed.toml").contains("reference = \"\"\n"));
    let (code, output) = run(&place, "export", &[]).unwrap();
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(*find(&app).0.digest(), digest, "the image is whole again");
}

#[test]
fn a_damaged_cache_image_is_dropped_and_made_again() {
    let Some(place) = built() else { return };
    let registry = TestRegistry::start(Options::default()).unwrap();
    let image = format!("{}/cache", registry.address());
    let build = || {
        for name in ["a", "config", "sbom"] {
            fs::remove_dir_all(place.path("layers").join(name)).unwrap_or_default();
        }
        let mut command = prepared(&place, "create", &["-cache-image", &image]).unwrap();
        let (code, output) = outcome(command.env("no_proxy", "127.0.0.1"));
        assert_eq!(code, Some(0), "{output}");
        output
    };
    let restored = "Restoring data for \"a:kept\" from cache";
    assert!(build().contains("Adding cache layer 'a:kept'"));
    assert!(build().contains(restored));

    let blob_now = |pointer: &str| {
        let manifest = registry.manifest("cache", "latest").unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        format!("/v2/cache/blobs/{}", manifest.pointer(pointer).unwrap().as_str().unwrap())
    };
    let layer_now = || blob_now("/layers/0/digest");
    let config = blob_now("/config/digest");
    let dropped = "Warning: Skipping restore for layer a:kept: ";
    let unused = "Warning: Not using the cache image ";
    for (path, fault, warning) in [
        // Whichever it is then: a damaged one gets another digest.
        ("layer", Fault::Damage, dropped),
        ("layer", Fault::status(404), dropped),
        (&*config, Fault::Damage, unused),
        (&*config, Fault::status(404), unused),
        ("/v2/cache/manifests/latest", Fault::Body(b"{\"schemaVersion\":2,\"layers\":7}".to_vec()), unused),
    ] {
        let about = format!("{path} {fault:?}");
        let layer = layer_now();
        let path = if path == "layer" { &*layer } else { path };
        registry.rule(Rule::new("GET", path, fault).always());
        let output = build();
        registry.clear_rules();
        assert!(output.contains(warning) && output.contains("\nnew\n"), "{about}: {output}");
        let output = build();
        assert!(output.contains(restored) && !output.contains("Warning: Skipping"), "after {about}: {output}");
    }

    // The registry goes on giving out other bytes, whatever it is sent under that digest: the layer gets another one.
    // The creator last: its layers belong to another user, and are those of what follows.
    for is_in_one in [false, true] {
        let build = || {
            if is_in_one {
                return build();
            }
            for name in ["a", "config", "sbom", "group.toml", "plan.toml"] {
                let path = place.path("layers").join(name);
                fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)).unwrap_or_default();
            }
            let phase = |name: &str| {
                let mut command = prepared(&place, name, &[]).unwrap();
                if matches!(name, "restore" | "export") {
                    // Flags would have to go before the image.
                    command.env("CNB_CACHE_IMAGE", &image);
                }
                let (code, output) = outcome(command.env("no_proxy", "127.0.0.1"));
                assert_eq!(code, Some(0), "{name}: {output}");
                output
            };
            ["analyze", "detect", "restore", "build", "export"].map(phase).concat()
        };
        // What passes is asked for again.
        registry.rule(Rule::new("GET", &layer_now(), Fault::Damage).times(2));
        let output = build();
        assert!(output.contains(restored) && !output.contains("Warning: Skipping"), "{output}");
        registry.clear_rules();
        for _ in 0..2 {
            let wrong = layer_now();
            registry.rule(Rule::new("GET", &wrong, Fault::Damage).always());
            let output = build();
            assert!(output.contains(dropped) && output.contains("\nnew\n"), "{output}");
            assert_ne!(layer_now(), wrong, "{output}");
            let output = build();
            assert!(output.contains(restored) && !output.contains("Warning: Skipping"), "{output}");
        }
        registry.clear_rules();
    }

    // The registry has lost the layer, and refuses an image that has it.
    let layer = layer_now();
    for method in ["GET", "HEAD"] {
        registry.rule(Rule::new(method, &layer, Fault::status(404)).always());
    }
    let unknown = br#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#.to_vec();
    registry.rule(Rule::new("PUT", "/v2/cache/manifests/*", Fault::Answer(400, Vec::new(), unknown)).times(1));
    let output = build();
    registry.clear_rules();
    assert!(output.contains(dropped) && !output.contains("Failed to export cache"), "{output}");
    assert!(build().contains("Adding cache layer 'a:kept'"));
    assert!(build().contains(restored));
}
