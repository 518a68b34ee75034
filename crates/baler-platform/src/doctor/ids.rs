//! Sub-ids, and the programs that map them.

use baler_sandbox::{IdMapMode, SandboxError};

use super::{Finding, Patient, namespaces};
use crate::trial::Trial;

const CHECK: &str = "sub-ids";

pub(super) fn is_mine(error: &SandboxError) -> bool {
    matches!(error, SandboxError::MapSubIds { .. })
}

pub(super) fn check(patient: &Patient<'_>, trial: Option<&Trial>) -> Vec<Finding> {
    if let Some(Trial::Failed(error)) = trial
        && is_mine(error)
    {
        let remedy =
            "look whether /etc/subuid and /etc/subgid name ranges of yours, and newuidmap is setuid".to_owned();
        return vec![Finding::problem(CHECK, namespaces::said(error), Some(remedy))];
    }
    let finding = match patient.id_map().mode() {
        IdMapMode::Root => Finding::ok(CHECK, "not needed: builds use ids that nobody owns, since root starts them"),
        IdMapMode::SubIds => Finding::ok(CHECK, "files of images keep their owners"),
        IdMapMode::Single => Finding::warning(CHECK, why_none(patient), remedy(patient)),
    };
    vec![finding]
}

fn why_none(patient: &Patient<'_>) -> String {
    let missing =
        if patient.host_ids.mappers.is_none() { "newuidmap and newgidmap are missing" } else { "you have none" };
    format!("{missing}: in builds all files of images belong to the build user, most of them read-only")
}

fn remedy(patient: &Patient<'_>) -> String {
    if patient.host_ids.mappers.is_none() {
        return "install uidmap (Debian, Ubuntu) or shadow-utils (Fedora)".to_owned();
    }
    let name = patient.caller.user_name.as_deref().unwrap_or("USER");
    format!("run `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}`")
}
