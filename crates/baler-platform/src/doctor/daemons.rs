//! Sockets of container daemons. None is needed.

use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;

use super::{Finding, Patient};

const CHECK: &str = "daemons";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let places = [
        Some(PathBuf::from("/var/run/docker.sock")),
        patient.path_in("XDG_RUNTIME_DIR", "docker.sock"),
        Some(PathBuf::from("/run/podman/podman.sock")),
        patient.path_in("XDG_RUNTIME_DIR", "podman/podman.sock"),
    ];
    let is_socket = |path: &PathBuf| fs_err::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let mut found: Vec<String> =
        places.into_iter().flatten().filter(is_socket).map(|path| path.display().to_string()).collect();
    if let Some(host) = patient.variable("DOCKER_HOST") {
        found.insert(0, format!("DOCKER_HOST={host}"));
    }
    let text = if found.is_empty() { "none, and none is needed".to_owned() } else { found.join(", ") };
    vec![Finding::ok(CHECK, text)]
}
