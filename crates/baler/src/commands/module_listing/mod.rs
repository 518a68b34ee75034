//! Buildpacks and extensions as the commands that inspect something show them.

pub(crate) mod order;
pub(crate) mod structured;
pub(crate) mod text;

use baler_cnb::labels::ModuleLabel;

/// Modules as listings show them: by id, then version, each once.
pub(crate) fn sorted(modules: &[ModuleLabel]) -> Vec<&ModuleLabel> {
    let mut sorted: Vec<&ModuleLabel> = modules.iter().collect();
    sorted.sort_by_key(|module| (&module.id, &module.version));
    sorted.dedup_by_key(|module| (&module.id, &module.version));
    sorted
}
