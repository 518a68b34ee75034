//! The program `extender`: runs the buildpacks where no generated Dockerfile changes an image, and says of the first
//! instruction of one that does that it cannot be applied yet.

use std::path::Path;

use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupFile;
use baler_dockerfile::Kind;

use super::builder::run_buildpacks;
use super::failure::{Failure, code};
use super::privileges::{refuse_root, with_user};
use super::settings::Settings;
use super::{Context, Flag, experimental, privileges};
use crate::files::read_optional;
use crate::generate::{first_instruction, generated_dockerfiles};
use crate::toml_file::read_toml;

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("analyzed", "path to analyzed.toml"),
    Flag::text("app", "path to app directory"),
    Flag::text("buildpacks", "path to buildpacks directory"),
    Flag::text("extended", "path to directory of extended images").since(12),
    Flag::text("generated", "path to generated directory"),
    Flag::id("gid", "GID of user's group in the stack's build and run images"),
    Flag::text("group", "path to group.toml"),
    Flag::duration("kaniko-cache-ttl", "age after which cached layers are not used"),
    Flag::text("kind", "kind of image to extend: build or run").since(12),
    Flag::text("layers", "path to layers directory"),
    Flag::text("plan", "path to plan.toml"),
    Flag::text("platform", "path to platform directory"),
    Flag::id("uid", "UID of user in the stack's build and run images"),
];

/// Refuses Dockerfiles with instructions; without any, the build image is as it shall be.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let settings = context.settings;
    settings.refuse_positionals()?;
    let features = PlatformFeatures::for_api(settings.platform_api);
    if !features.extensions_are_stable {
        experimental::allow(context, "Dockerfiles")?;
    }
    let kind = kind(context)?;
    let group: GroupFile = read_toml(&settings.group_path()).map_err(|error| Failure::new(code::FAILED, error))?;
    let generated = settings.generated_directory();
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Failure::new(code::EXTEND, error).to("extend");
    let read = |path: &Path| Ok(read_optional(&generated.join(path))?);
    let dockerfiles = generated_dockerfiles(features, &group.group_extensions, kind, read).map_err(failed)?;
    match (first_instruction(&dockerfiles), kind) {
        (Some(instruction), _) => {
            Err(failed(format!("{instruction}, and instructions beside FROM are not supported yet").into()))
        }
        (None, Kind::Run) => Ok(()),
        (None, Kind::Build) => {
            let user = privileges::become_user(context, &[settings.layers_directory()])?;
            refuse_root("build")?;
            let passwd = fs_err::read_to_string("/etc/passwd").unwrap_or_default();
            let environment = with_user(settings.environment.clone(), &passwd, user.image.uid);
            let settings = Settings::new(settings.platform_api, settings.parsed.clone(), environment);
            run_buildpacks(&Context { settings: &settings, ..*context })
        }
    }
}

fn kind(context: &Context<'_>) -> Result<Kind, Failure> {
    match context.settings.text("kind", "CNB_EXTEND_KIND").as_deref() {
        None | Some("build") => Ok(Kind::Build),
        Some("run") => Ok(Kind::Run),
        Some(other) => Err(Failure::arguments(format!("{other:?} is no kind of image to extend: build or run"))),
    }
}
