//! `baler builder inspect`: what a builder holds, in the forms of `pack builder inspect` (platform-behaviour 5.4), on
//! both sides.

mod structured;
mod text;

use std::process::ExitCode;

use baler_image::ImageName;
use baler_platform::build::{BuilderImage, BuilderImageError};
use baler_platform::images::{self, Inspection};

use super::inspect::written;
use super::sides::Both;
use crate::arguments::{BuilderInspectArguments, ImageFormat};
use crate::config::Config;
use crate::failure::NoBuilder;
use crate::host::Host;
use crate::output::Console;

/// Neither side has the builder.
#[derive(Debug, thiserror::Error)]
#[error("unable to find builder '{0}' locally or remotely")]
struct Nowhere(ImageName);

/// A builder, with what the user's configuration says of it.
struct Inspected {
    name: ImageName,
    is_default: bool,
    is_trusted: bool,
    /// How far composite buildpacks are opened; everything where it is `None`.
    depth: Option<usize>,
    sides: Both<Builder>,
}

/// One side's builder.
struct Builder {
    image: BuilderImage,
    /// The id of its stack; empty in builders that have none.
    stack: String,
    /// The user's mirrors, then the builder's run images and their mirrors.
    run_images: Vec<RunImageName>,
}

struct RunImageName {
    name: String,
    is_the_users: bool,
}

pub(crate) fn run(arguments: BuilderInspectArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let mut host = Host::open()?;
    let default = host.config().default_builder_image.clone();
    let given = match arguments.builder {
        Some(name) => name,
        None if default.is_empty() => return Err(NoBuilder { has: images::builders(host.store())? }.into()),
        None => default.clone(),
    };
    host.set_insecure_registries(arguments.registry.insecure_registry);
    host.do_not_retry();
    let name: ImageName = given.parse()?;
    let sides = images::inspect_sides(&host.context(console, None)?, &name, !arguments.local);
    let sides = Both::of(sides, |inspection| Ok(Builder::read(&inspection, host.config())?));
    let inspected = Inspected {
        sides: sides.found_anywhere(|| Nowhere(name.clone()))?,
        is_default: given == default,
        is_trusted: host.config().trusted_builders.iter().any(|builder| builder.name == given),
        depth: usize::try_from(arguments.depth).ok(),
        name,
    };
    match arguments.output {
        ImageFormat::HumanReadable => {
            for line in text::lines(&inspected) {
                console.result(&line);
            }
        }
        format => console.result(written(&structured::value(inspected)?, format)?.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

impl Builder {
    fn read(inspection: &Inspection, config: &Config) -> Result<Self, BuilderImageError> {
        let image = BuilderImage::read(&inspection.image)?;
        let stack = inspection.stack().to_owned();
        Ok(Self { run_images: run_images(&image, config), image, stack })
    }
}

/// Each name once, in the order in which builds try them.
fn run_images(image: &BuilderImage, config: &Config) -> Vec<RunImageName> {
    let mut names: Vec<RunImageName> = Vec::new();
    let mut add = |name: String, is_the_users: bool| {
        if names.iter().all(|other| other.name != name) {
            names.push(RunImageName { name, is_the_users });
        }
    };
    for offered in image.run_images() {
        let users = config.run_images.iter().filter(|users| users.image == offered.image);
        users.flat_map(|users| &users.mirrors).for_each(|mirror| add(mirror.clone(), true));
        std::iter::once(offered.image).chain(offered.mirrors).for_each(|name| add(name, false));
    }
    names
}
