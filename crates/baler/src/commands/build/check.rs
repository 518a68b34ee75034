//! Flags that contradict one another, and names that no image may have: found out before anything is done, and said in the
//! words of `pack` (platform-behaviour 1.1).

use anyhow::bail;
use baler_image::{ImageName, Reference};
use baler_platform::build::{BuildRequest, CacheRequest, UserRequest};
use baler_platform::output::{Level, Output as _};

use super::cache_flag::{InvalidCache, parse_all};
use crate::arguments::BuildArguments;
use crate::config::Config;
use crate::output::Console;

/// The lifecycle that `pack` takes where nobody names one.
const DEFAULT_LIFECYCLE: &str = "docker.io/buildpacksio/lifecycle";

/// The build cache that the flags ask for.
pub(super) fn cache(arguments: &BuildArguments, console: &Console) -> anyhow::Result<CacheRequest> {
    let (cache, has_launch_image) = parse_all(&arguments.cache).map_err(|error: InvalidCache| error)?;
    if has_launch_image {
        console.line(Level::Warning, "cache definition: 'launch' cache in format 'image' is not supported.");
    }
    let is_image = matches!(cache, CacheRequest::Image(_));
    if is_image && arguments.cache_image.is_some() {
        bail!("'cache' flag with 'image' format cannot be used with 'cache-image' flag.");
    }
    if is_image && !arguments.publish {
        bail!("image cache format requires the 'publish' flag");
    }
    let Some(image) = &arguments.cache_image else { return Ok(cache) };
    if !arguments.publish {
        bail!("cache-image flag requires the publish flag");
    }
    Ok(CacheRequest::Image(image.parse()?))
}

/// `--uid` and `--gid`.
pub(super) fn user(arguments: &BuildArguments) -> anyhow::Result<UserRequest> {
    let id = |name: &str, id: Option<i64>| match id.map(i32::try_from) {
        None => Ok(None),
        Some(Ok(id)) if id >= 0 => Ok(Some(id.unsigned_abs())),
        Some(_) => bail!("{name} flag must be in the range of 0-2147483647"),
    };
    Ok(UserRequest { gid: id("gid", arguments.gid)?, uid: id("uid", arguments.uid)? })
}

/// The image must not take the place of what it is built with.
pub(super) fn names(request: &BuildRequest, lifecycle: Option<&str>, config: &Config) -> anyhow::Result<()> {
    if request.image.reference().is_some_and(|reference| reference.digest().is_some()) {
        bail!("'{}' is not a tag reference", request.image);
    }
    let lifecycle = lifecycle.map(str::parse::<Reference>).transpose()?;
    let is_taken = |other: Option<&Reference>| match (request.image.reference(), other) {
        (Some(image), Some(other)) => image.repository() == other.repository(),
        _ => false,
    };
    let text = |name: &str| name.parse::<ImageName>().ok();
    let is_taken_by_text = |name: &str| is_taken(text(name).as_ref().and_then(ImageName::reference));
    if is_taken(request.builder.reference()) {
        bail!("forbidden image name: name must not match builder image name");
    }
    if is_taken(lifecycle.as_ref()) {
        bail!("forbidden image name: name must not match lifecycle image name");
    }
    if config.trusted_builders.iter().any(|builder| is_taken_by_text(&builder.name)) {
        bail!("forbidden image name: name must not match trusted builder name");
    }
    if is_taken_by_text(DEFAULT_LIFECYCLE) {
        bail!("forbidden image name: name must not match default lifecycle image name");
    }
    Ok(())
}
