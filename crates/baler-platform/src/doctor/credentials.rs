//! Where credentials of registries could come from. Whether the files are there, and never what is in them.

use std::path::PathBuf;

use super::{Finding, Patient};

const CHECK: &str = "credentials";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut sources: Vec<String> = files(patient).into_iter().map(|path| path.display().to_string()).collect();
    if patient.variable("CNB_REGISTRY_AUTH").is_some() {
        sources.insert(0, "CNB_REGISTRY_AUTH".to_owned());
    }
    let text =
        if sources.is_empty() { "none: registries are used without a login".to_owned() } else { sources.join(", ") };
    vec![Finding::ok(CHECK, text)]
}

fn files(patient: &Patient<'_>) -> Vec<PathBuf> {
    let docker = patient.path_in("DOCKER_CONFIG", "config.json").or(patient.path_in("HOME", ".docker/config.json"));
    let podman = [
        patient.variable("REGISTRY_AUTH_FILE").map(PathBuf::from),
        patient.path_in("XDG_RUNTIME_DIR", "containers/auth.json"),
        patient.path_in("HOME", ".config/containers/auth.json"),
    ];
    docker.into_iter().chain(podman.into_iter().flatten()).filter(|path| path.is_file()).collect()
}
