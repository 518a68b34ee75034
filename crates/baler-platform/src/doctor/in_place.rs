//! In a builder's container that cannot make sandboxes, builds run in place.

use super::{Finding, Level, Patient};
use crate::build::is_builder;
use crate::trial::Trial;

const CHECK: &str = "in place";
/// The checks that matter to sandboxes alone.
const OF_SANDBOXES: [&str; 5] = ["sandbox", "sub-ids", "overlay", "AppArmor", "SELinux"];

/// What keeps sandboxes from being made is no problem where builds can do without.
pub(super) fn mitigate(patient: &Patient<'_>, trial: Option<&Trial>, findings: &mut Vec<Finding>) {
    if !is_builder(&patient.variables) {
        return;
    }
    if !matches!(trial, Some(Trial::Failed(_))) {
        findings.push(Finding::ok(CHECK, "this is a builder: builds can run in place with --executor in-place"));
        return;
    }
    for finding in findings.iter_mut().filter(|finding| OF_SANDBOXES.contains(&finding.check)) {
        finding.level = finding.level.min(Level::Warning);
    }
    let text = "builds run in place, in this builder: buildpacks see the files and processes of this container";
    findings.push(Finding::warning(CHECK, text, "where that matters, let sandboxes be made, as said above"));
}
