//! Whether an app may run on another run image (platform specification, "Rebaser").

use std::collections::BTreeSet;

use baler_cnb::api::ApiVersion;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::labels::{BASE_DISTRO_NAME, BASE_DISTRO_VERSION, REBASABLE, STACK_ID, STACK_MIXINS};
use baler_image::{ImageConfig, ResolvedImage};

use super::{RebaseError, RebaseInputs};

/// Checks what the Platform API that the app was built with demands.
pub(super) fn validate(inputs: &RebaseInputs<'_>, warnings: &mut Vec<String>) -> Result<(), RebaseError> {
    let (app, new) = (inputs.app.config(), inputs.run_image.config());
    if has_targets(inputs.app)? {
        let refused = |error: RebaseError, warnings: &mut Vec<String>| {
            if !inputs.force {
                return Err(error);
            }
            warnings.push(error.to_string());
            Ok(())
        };
        if app.label(REBASABLE) == Some("false") {
            refused(RebaseError::NotRebasable, warnings)?;
        }
        if !is_same_target(app, new) {
            refused(RebaseError::OtherTarget { new: describe(new), old: describe(app) }, warnings)?;
        }
        return Ok(());
    }
    check_stack(app, new)?;
    check_mixins(app, new)
}

fn has_targets(app: &ResolvedImage) -> Result<bool, RebaseError> {
    let text = app.config().variable("CNB_PLATFORM_API").unwrap_or_default();
    if text.is_empty() {
        return Ok(false);
    }
    let unknown = || RebaseError::AppApi { name: app.name().clone(), text: text.to_owned() };
    // An app may be older than what is supported, or newer.
    let version: ApiVersion = text.parse().map_err(|_| unknown())?;
    Ok(text.parse().map_or(version > ApiVersion::new(0, 7), |api| PlatformFeatures::for_api(api).targets))
}

fn is_same_target(app: &ImageConfig, new: &ImageConfig) -> bool {
    let is_matching = |one: Option<&str>, other: Option<&str>| {
        let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
        one.is_empty() || other.is_empty() || one == other
    };
    let distro = |config: &ImageConfig, label| config.label(label).unwrap_or_default().to_owned();
    let has_distro = !distro(new, BASE_DISTRO_NAME).is_empty() || !distro(new, BASE_DISTRO_VERSION).is_empty();
    let is_same = |label| distro(app, label) == distro(new, label);
    app.os == new.os
        && app.architecture == new.architecture
        && is_matching(app.variant.as_deref(), new.variant.as_deref())
        && (!has_distro || (is_same(BASE_DISTRO_NAME) && is_same(BASE_DISTRO_VERSION)))
}

fn describe(config: &ImageConfig) -> String {
    let parts = [
        ("os", config.os.as_str()),
        ("arch", config.architecture.as_str()),
        ("variant", config.variant.as_deref().unwrap_or_default()),
        ("distro", config.label(BASE_DISTRO_NAME).unwrap_or_default()),
        ("version", config.label(BASE_DISTRO_VERSION).unwrap_or_default()),
    ];
    let parts = parts.into_iter().filter(|(_, value)| !value.is_empty());
    let parts: Vec<_> = parts.map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{{{}}}", parts.join(", "))
}

fn check_stack(app: &ImageConfig, new: &ImageConfig) -> Result<(), RebaseError> {
    let id = |config: &ImageConfig, what| {
        let id = config.label(STACK_ID).filter(|id| !id.is_empty()).map(str::to_owned);
        id.ok_or(RebaseError::NoStack { what })
    };
    let (old, new) = (id(app, "working image")?, id(new, "new base image")?);
    if old == new { Ok(()) } else { Err(RebaseError::OtherStack { new, old }) }
}

fn check_mixins(app: &ImageConfig, new: &ImageConfig) -> Result<(), RebaseError> {
    let (wanted, has) = (mixins(app, "the app image")?, mixins(new, "the new run image")?);
    let missing: Vec<_> = wanted.difference(&has).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(RebaseError::MissingMixins { missing }) }
}

fn mixins(config: &ImageConfig, what: &'static str) -> Result<BTreeSet<String>, RebaseError> {
    let Some(text) = config.label(STACK_MIXINS).filter(|text| !text.is_empty()) else { return Ok(BTreeSet::new()) };
    let names: Option<Vec<String>> =
        serde_json::from_str(text).map_err(|source| RebaseError::Mixins { what, label: STACK_MIXINS, source })?;
    let plain = |name: String| {
        let rest = name.strip_prefix("build:").or_else(|| name.strip_prefix("run:"));
        rest.map_or_else(|| name.clone(), str::to_owned)
    };
    Ok(names.unwrap_or_default().into_iter().map(plain).collect())
}
