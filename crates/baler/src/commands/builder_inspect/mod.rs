//! `baler builder inspect`: what a builder holds, in the forms of `pack builder inspect` (platform-behaviour 5.4), on
//! both sides.

mod order;
mod structured;
mod text;

use std::process::ExitCode;

use baler_cnb::labels::ModuleLabel;
use baler_image::ImageName;
use baler_platform::build::BuilderImage;
use baler_platform::images::{self, Side};

use super::inspect::written;
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
    remote: Found,
    local: Found,
}

/// What one side has.
enum Found {
    Present(Box<Builder>),
    Absent,
    Failed(anyhow::Error),
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
    let inspected = Inspected {
        is_default: given == default,
        is_trusted: host.config().trusted_builders.iter().any(|builder| builder.name == given),
        depth: usize::try_from(arguments.depth).ok(),
        remote: Found::of(sides.remote, host.config()),
        local: Found::of(sides.local, host.config()),
        name,
    };
    let inspected = inspected.found_anywhere()?;
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

impl Inspected {
    /// # Errors
    ///
    /// If no side has the builder: the only fault there is, or that it is nowhere.
    fn found_anywhere(self) -> anyhow::Result<Self> {
        match (self.remote, self.local) {
            (Found::Absent, Found::Absent) => Err(Nowhere(self.name).into()),
            (Found::Failed(error), Found::Absent) | (Found::Absent, Found::Failed(error)) => Err(error),
            (remote, local) => Ok(Self { remote, local, ..self }),
        }
    }
}

impl Found {
    fn of(side: Side, config: &Config) -> Self {
        match side {
            Side::Absent => Self::Absent,
            Side::Failed(error) => Self::Failed(error.into()),
            Side::Present(inspection) => match BuilderImage::read(&inspection.image) {
                Ok(image) => {
                    let stack = inspection.stack().to_owned();
                    Self::Present(Box::new(Builder { run_images: run_images(&image, config), image, stack }))
                }
                Err(error) => Self::Failed(error.into()),
            },
        }
    }
}

/// Modules as listings show them: by id, then version, each once.
fn sorted(modules: &[ModuleLabel]) -> Vec<&ModuleLabel> {
    let mut sorted: Vec<&ModuleLabel> = modules.iter().collect();
    sorted.sort_by_key(|module| (&module.id, &module.version));
    sorted.dedup_by_key(|module| (&module.id, &module.version));
    sorted
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
