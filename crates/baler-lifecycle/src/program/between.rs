//! Files between the phases that more than one program reads or writes in the same way.

use baler_cnb::analyzed::{Analyzed, TargetMetadata};
use baler_cnb::plan::PlanFile;

use super::Context;
use super::failure::{Failure, code};
use crate::log::Log as _;
use crate::target::complete;
use crate::toml_file::{read_optional_toml, write_toml, write_whole};

/// What the build is for: the target in analyzed.toml, completed by what the build image says.
pub(super) fn target(context: &Context<'_>) -> Result<TargetMetadata, Failure> {
    let path = context.settings.analyzed_path();
    let analyzed: Option<Analyzed> = match read_optional_toml(&path) {
        Ok(analyzed) => analyzed,
        Err(error) => return Err(Failure::new(code::FAILED, error)),
    };
    if analyzed.is_none() {
        context.log.warn(&format!("No analyzed metadata found at path '{}'", path.display()));
    }
    let target = analyzed.and_then(|analyzed| analyzed.run_image).and_then(|run_image| run_image.target);
    let os_release = fs_err::read_to_string("/etc/os-release").ok();
    Ok(complete(target, os_release.as_deref()))
}

/// Writes plan.toml. A plan without entries is an empty file: platforms check for that.
pub(super) fn write_plan(context: &Context<'_>, plan: &PlanFile) -> Result<(), Failure> {
    let path = context.settings.plan_path();
    let written = if plan.entries.is_empty() { write_whole(&path, b"") } else { write_toml(&path, plan) };
    written.map_err(|error| Failure::new(code::FAILED, error))
}
