//! `baler buildpack inspect` and `baler extension inspect`: what is in a directory, an archive or a package, in the forms
//! of `pack` (platform-behaviour 5.4).

mod structured;
mod text;

use std::process::ExitCode;

use anyhow::Context as _;
use baler_cnb::labels::{ModuleLabel, ModuleLayers};
use baler_cnb::order::{Group, ModuleReference};
use baler_image::{ImageName, Platform};
use baler_platform::context::Context;
use baler_platform::images;
use baler_platform::modules::{Description, Fetched, Fetcher, ModuleKind, Origin};

use super::inspect::written;
use super::module_listing::order::{Element, open};
use super::sides::Both;
use crate::arguments::{ImageFormat, ModuleInspectArguments};
use crate::host::Host;
use crate::output::Console;

/// Neither side has the package.
#[derive(Debug, thiserror::Error)]
#[error("unable to find {kind} '{name}' locally or remotely")]
struct Nowhere {
    kind: ModuleKind,
    name: ImageName,
}

struct Inspected {
    kind: ModuleKind,
    /// As the user wrote it.
    given: String,
    /// How many levels of the order are shown; all of them where it is `None`.
    depth: Option<usize>,
    /// Whether mixins are listed.
    is_verbose: bool,
    held: Held,
}

/// What was found, by where it was.
enum Held {
    Directory(Modules),
    Archive(Modules),
    Download(Modules),
    Image(ImageName, Both<Modules>),
}

/// A module, and what comes with it.
struct Modules {
    main: Description,
    all: Vec<ModuleLabel>,
    /// What the order is opened with.
    layers: ModuleLayers,
    /// The order in which the module alone would be tried.
    order: Vec<Group>,
}

pub(crate) fn run(
    kind: ModuleKind,
    arguments: ModuleInspectArguments,
    depth: i64,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    let mut host = Host::open()?;
    host.set_insecure_registries(arguments.registry.insecure_registry);
    host.do_not_retry();
    let base = std::env::current_dir().context("could not find the current directory")?;
    let origin = Origin::parse(&arguments.origin, &base)?;
    let held = Held::find(&host.context(console, None)?, kind, &origin, !arguments.local)?;
    let (depth, is_verbose) = (usize::try_from(depth).ok(), console.is_verbose());
    let inspected = Inspected { kind, given: arguments.origin, depth, is_verbose, held };
    match arguments.output {
        ImageFormat::HumanReadable => text::lines(&inspected).iter().for_each(|line| console.result(line)),
        format => console.result(written(&structured::value(inspected)?, format)?.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

impl Held {
    fn find(context: &Context<'_>, kind: ModuleKind, origin: &Origin, is_remote: bool) -> anyhow::Result<Self> {
        let fetch = || -> anyhow::Result<Modules> {
            Ok(Modules::of(Fetcher::new(context, &Platform::host()).fetch(kind, origin)?))
        };
        Ok(match origin {
            Origin::Path(path) if path.is_dir() => Self::Directory(fetch()?),
            Origin::Path(_) => Self::Archive(fetch()?),
            Origin::Url(_) => Self::Download(fetch()?),
            Origin::Image(name) => {
                // What the labels say is enough; no layer is fetched.
                let sides = images::inspect_sides(context, name, is_remote);
                let read =
                    |inspection: images::Inspection| Ok(Modules::of(Fetched::of_package(&inspection.image, kind)?));
                let nowhere = || Nowhere { kind, name: name.clone() };
                Self::Image(name.clone(), Both::of(sides, read).found_anywhere(nowhere)?)
            }
        })
    }
}

impl Modules {
    fn of(fetched: Fetched) -> Self {
        let main = fetched.main.description.clone();
        let (mut all, mut layers) = (Vec::new(), ModuleLayers::new());
        for module in fetched.into_modules() {
            let description = module.description;
            let (id, version) = description.key();
            layers.entry(id).or_default().insert(version, description.to_label(""));
            all.push(ModuleLabel::from(description.info));
        }
        let (id, version) = main.key();
        let group = vec![ModuleReference { id, version, ..ModuleReference::default() }];
        Self { main, all, layers, order: vec![Group { group }] }
    }

    /// The order to so many levels, of which the module itself is the first.
    fn opened(&self, depth: Option<usize>) -> Vec<Vec<Element<'_>>> {
        match depth {
            Some(0) => Vec::new(),
            depth => open(&self.order, &self.layers, depth.map(|depth| depth - 1)),
        }
    }
}
