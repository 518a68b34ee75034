//! The program `extender`: says that there is none yet.

use super::failure::{Failure, code};
use super::{Context, Flag};

/// Its flags.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("analyzed", "path to analyzed.toml"),
    Flag::text("app", "path to app directory"),
    Flag::text("buildpacks", "path to buildpacks directory"),
    Flag::text("extended", "path to directory of extended images").since(12),
    Flag::text("generated", "path to generated directory"),
    Flag::text("gid", "GID of user's group in the stack's build and run images"),
    Flag::text("group", "path to group.toml"),
    Flag::text("kaniko-cache-ttl", "age after which cached layers are not used"),
    Flag::text("kind", "kind of image to extend: build or run").since(12),
    Flag::text("layers", "path to layers directory"),
    Flag::text("plan", "path to plan.toml"),
    Flag::text("platform", "path to platform directory"),
    Flag::text("uid", "UID of user in the stack's build and run images"),
];

/// Refuses.
pub(super) fn run(context: &Context<'_>) -> Result<(), Failure> {
    context.settings.refuse_positionals()?;
    Err(Failure::new(code::EXTEND, "image extensions are not supported yet").to("extend"))
}
