//! Features that a user has to allow (`CNB_EXPERIMENTAL_MODE`).

use super::Context;
use super::failure::{Failure, code};
use crate::log::Log as _;

/// Allows `feature`, with a warning, or refuses it.
pub(super) fn allow(context: &Context<'_>, feature: &str) -> Result<(), Failure> {
    let mode = context.settings.environment.get("CNB_EXPERIMENTAL_MODE").map(std::ffi::OsStr::to_string_lossy);
    match mode.as_deref() {
        None | Some("" | "error") => {
            context.log.error(&format!("Platform requested experimental feature '{feature}'"));
            Err(Failure::new(code::FAILED, "experimental features are disabled by CNB_EXPERIMENTAL_MODE=error"))
        }
        // The specification's word is `silent`, that of other lifecycles `quiet`.
        Some("quiet" | "silent") => Ok(()),
        Some(_) => {
            context.log.warn(&format!("Platform requested experimental feature '{feature}'"));
            Ok(())
        }
    }
}
