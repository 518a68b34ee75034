//! Buildpacks and applications, written by tests.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::program::Place;

/// Writes a file with its directories.
pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    super::spawn::writing(|| std::fs::write(path, text)).unwrap();
}

/// Writes the buildpack `test/NAME` of version 1, whose programs are these shell scripts.
pub fn buildpack(place: &Place, name: &str, detect: &str, build: &str) {
    let directory = place.path().join(name);
    let descriptor = format!("api = \"0.12\"\n[buildpack]\nid = \"test/{name}\"\nversion = \"1\"\n");
    write(&directory.join("buildpack.toml"), &descriptor);
    for (program, script) in [("detect", detect), ("build", build)] {
        let path = directory.join("bin").join(program);
        write(&path, &format!("#!/bin/sh\nset -eu\n{script}\n"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
}

/// Writes the application `app`.
pub fn application(place: &Place, files: &[(&str, &str)]) {
    std::fs::create_dir_all(place.path().join("app")).unwrap();
    for (name, text) in files {
        write(&place.path().join("app").join(name), text);
    }
}
