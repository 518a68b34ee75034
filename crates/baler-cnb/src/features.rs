//! What changed in which API version, as two tables that are asked by name (`features.exec_env`). Nothing else in the
//! workspace compares version numbers.
//!
//! Platform APIs below 0.7 and Buildpack APIs below 0.7 are not supported, so changes of theirs have no row.

use crate::api::{ApiVersion, BuildpackApi, PlatformApi};

/// What a Platform API has; the comment names the version that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a table with one column per feature")]
pub struct PlatformFeatures {
    /// 0.8: SBOM layers are exported, cached and restored.
    pub sbom_layers: bool,
    /// 0.9: `SOURCE_DATE_EPOCH` sets the creation time.
    pub source_date_epoch: bool,
    /// 0.9: the deprecated bill of materials lives in `sbom.legacy.json`; before, in metadata.toml, report.toml and the label.
    pub legacy_bom_files: bool,
    /// 0.9: the analyzer has `-launch-cache` and `-skip-layers`.
    pub analyzer_skip_layers: bool,
    /// 0.10: image extensions for the build image; `order-extensions`, `group-extensions`.
    pub extensions: bool,
    /// 0.10: a process's command is an array in metadata.toml and in the label; before, a string.
    pub command_is_array: bool,
    /// 0.10: user arguments replace a process's `args`, where its buildpack's API agrees; before, they follow them.
    pub overridable_process_args: bool,
    /// 0.10: `-skip-restore` still gives `store.toml` back.
    pub store_survives_skip_restore: bool,
    /// 0.11: `-build-config`.
    pub build_config: bool,
    /// 0.11: `-launcher-sbom`; SBOMs of lifecycle and launcher are copied.
    pub launcher_sbom: bool,
    /// 0.11: the rebaser has `-previous-image`.
    pub rebase_previous_image: bool,
    /// 0.12: extensions may change or switch the run image.
    pub run_image_extensions: bool,
    /// 0.12: run.toml replaces stack.toml.
    pub run_toml: bool,
    /// 0.12: targets replace stacks and mixins; `io.buildpacks.base.*` labels.
    pub targets: bool,
    /// 0.12: `io.buildpacks.rebasable`, and `-force` of the rebaser.
    pub rebasable_label: bool,
    /// 0.12: export to an OCI layout (experimental in all versions).
    pub oci_layout: bool,
    /// 0.12: the history of the run image is kept.
    pub image_history: bool,
    /// 0.13: `-insecure-registry`.
    pub insecure_registries: bool,
    /// 0.13: extensions are no longer experimental.
    pub extensions_are_stable: bool,
    /// 0.13: one directory per extension under `<generated>`, with build contexts.
    pub generated_per_extension: bool,
    /// 0.13: the manifest of a replaced cache image is left in the registry.
    pub keeps_old_cache_image: bool,
    /// 0.14: the restorer checks that the selected run image is accessible.
    pub restorer_checks_run_image: bool,
    /// 0.14: cached launch layers are restored even if the app image lacks their metadata.
    pub restores_cached_launch_layers: bool,
    /// 0.15: execution environments.
    pub exec_env: bool,
    /// 0.15: system buildpacks (`system.toml`, `-system`).
    pub system_buildpacks: bool,
}

/// What a Buildpack API has; the comment names the version that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a table with one column per feature")]
pub struct BuildpackFeatures {
    /// 0.8: inputs of detect and build as variables (`CNB_PLATFORM_DIR`, `CNB_BUILD_PLAN_PATH`, …).
    pub inputs_as_variables: bool,
    /// 0.8: a process may have a `working-dir`.
    pub process_working_dir: bool,
    /// 0.9: a command is an array, every process is direct, and the key `direct` is an error.
    pub command_is_array: bool,
    /// 0.9: user arguments replace a process's `args`, where the Platform API agrees.
    pub overridable_process_args: bool,
    /// 0.10: targets replace stacks; `CNB_TARGET_*`.
    pub targets: bool,
    /// 0.11: extensions may bring build contexts.
    pub extension_contexts: bool,
    /// 0.12: execution environments; `CNB_EXEC_ENV`.
    pub exec_env: bool,
}

impl PlatformFeatures {
    /// The row of `api`.
    pub fn for_api(api: PlatformApi) -> Self {
        let since = |minor| api.version() >= ApiVersion::new(0, minor);
        Self {
            sbom_layers: since(8),
            source_date_epoch: since(9),
            legacy_bom_files: since(9),
            analyzer_skip_layers: since(9),
            extensions: since(10),
            command_is_array: since(10),
            overridable_process_args: since(10),
            store_survives_skip_restore: since(10),
            build_config: since(11),
            launcher_sbom: since(11),
            rebase_previous_image: since(11),
            run_image_extensions: since(12),
            run_toml: since(12),
            targets: since(12),
            rebasable_label: since(12),
            oci_layout: since(12),
            image_history: since(12),
            insecure_registries: since(13),
            extensions_are_stable: since(13),
            generated_per_extension: since(13),
            keeps_old_cache_image: since(13),
            restorer_checks_run_image: since(14),
            restores_cached_launch_layers: since(14),
            exec_env: since(15),
            system_buildpacks: since(15),
        }
    }
}

impl BuildpackFeatures {
    /// The row of `api`.
    pub fn for_api(api: BuildpackApi) -> Self {
        let since = |minor| api.version() >= ApiVersion::new(0, minor);
        Self {
            inputs_as_variables: since(8),
            process_working_dir: since(8),
            command_is_array: since(9),
            overridable_process_args: since(9),
            targets: since(10),
            extension_contexts: since(11),
            exec_env: since(12),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_begins_with_its_version() {
        let features = |text: &str| PlatformFeatures::for_api(text.parse().unwrap());
        assert!(!features("0.9").command_is_array && features("0.10").command_is_array);
        assert!(!features("0.14").exec_env && features("0.15").exec_env);
        assert!(!features("0.7").sbom_layers && features("0.8").sbom_layers);

        let features = |text: &str| BuildpackFeatures::for_api(text.parse().unwrap());
        assert!(!features("0.8").command_is_array && features("0.9").command_is_array);
        assert!(!features("0.11").exec_env && features("0.12").exec_env);
    }
}
