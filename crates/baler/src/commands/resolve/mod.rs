//! `baler resolve`: the way from a name to an image, step by step.

mod json;
mod text;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use baler_image::{ImageName, Place, Platform, ResolveStep, Source as _, Target, Wanted};
use baler_platform::places::{Asked, LocateError, Located, Needed, Search, locate};
use baler_store::Archive;

use crate::arguments::{ResolveArguments, ResolveFormat};
use crate::host::Host;
use crate::output::Console;

/// What was learnt, whether it led to an image or not.
struct Trace {
    name: ImageName,
    wanted: Platform,
    steps: Vec<(Place, ResolveStep)>,
    result: Result<Located, LocateError>,
}

pub(crate) fn run(arguments: ResolveArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let mut host = Host::open()?;
    host.set_insecure_registries(arguments.registry.insecure_registry);
    let context = host.context(console, None)?;
    let (name, search) = asked_name(&arguments.image, arguments.from.as_deref(), &host)?;
    let search = search.unwrap_or(Search::By(context.pull_policy));
    let wanted = match &arguments.platform {
        Some(platform) => Wanted::Exactly(platform.parse()?),
        None => Wanted::Preferably(Platform::host()),
    };

    let steps = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&steps);
    let mut context = context;
    context.places = context.places.watched(Box::new(move |place, step| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push((place.clone(), step));
    }));
    let asked = Asked { role: "image", name: &name, wanted: &wanted, search, needed: Needed::Documents };
    let result = locate(&context, &asked);
    let steps = std::mem::take(&mut *steps.lock().unwrap_or_else(PoisonError::into_inner));
    let (Wanted::Exactly(platform) | Wanted::Preferably(platform)) = wanted;
    let trace = Trace { name: name.clone(), wanted: platform, steps, result };
    match arguments.output {
        ResolveFormat::Text => text::lines(&trace).iter().for_each(|line| console.result(line)),
        ResolveFormat::Json => console.result(&serde_json::to_string_pretty(&json::value(&trace))?),
    }
    trace.result?;
    Ok(ExitCode::SUCCESS)
}

/// The name, and where it is looked for: `None` is where a build would.
fn asked_name(image: &str, from: Option<&str>, host: &Host) -> anyhow::Result<(ImageName, Option<Search>)> {
    let name: ImageName = image.parse()?;
    let Some(from) = from else { return Ok((name, None)) };
    Ok(match from {
        "registry" => (name, Some(Search::Registry)),
        "store" => (name, Some(Search::STORE)),
        "daemon" => (format!("docker-daemon:{image}").parse()?, None),
        path => (inside(image, Path::new(path), host)?, None),
    })
}

/// The image of this name in a layout or archive.
fn inside(image: &str, path: &Path, host: &Host) -> anyhow::Result<ImageName> {
    let (path, name) = (path.to_owned(), Some(image.to_owned()));
    let target = if path.is_dir() {
        Target::Layout { path, name }
    } else {
        match Archive::open(&path, None, host.store())?.place() {
            Place::Archive { kind, path } => Target::Archive { kind, path, name },
            other => anyhow::bail!("{other} is no archive"),
        }
    };
    Ok(target.into())
}
