//! Which run image is used: the one that the user names, else the first of those that the builder or the app offers.

use baler_cnb::features::PlatformFeatures;
use baler_cnb::run::{RunFile, RunImage, StackFile};
use baler_image::{ImageName, Reference};

use super::Context;
use super::failure::{Failure, code, explained};
use super::places::{Located, Places};
use crate::log::Log as _;
use crate::toml_file::read_optional_toml;

/// What the builder offers: the first entry of run.toml; before Platform API 0.12 stack.toml.
pub(super) fn offered(context: &Context<'_>) -> Result<Option<RunImage>, Failure> {
    let (run, stack) = files(context)?;
    let is_known = |image: &RunImage| !image.image.is_empty();
    let has_run_file = PlatformFeatures::for_api(context.settings.platform_api).run_toml;
    let image = if has_run_file { run.images.into_iter().next() } else { Some(stack.run_image) };
    Ok(image.filter(is_known))
}

/// run.toml and stack.toml; those that are absent are empty.
pub(super) fn files(context: &Context<'_>) -> Result<(RunFile, StackFile), Failure> {
    let settings = context.settings;
    let failed = |error| Failure::new(code::FAILED, error);
    let run = read_optional_toml(&settings.run_path()).map_err(failed)?.unwrap_or_default();
    let stack = read_optional_toml(&settings.stack_path()).map_err(failed)?.unwrap_or_default();
    Ok((run, stack))
}

/// The first of image and mirrors that is there, those in the registry of `output` before others.
pub(super) fn choose(
    context: &Context<'_>,
    places: &Places,
    image: &RunImage,
    output: &str,
) -> Result<Located, Failure> {
    for text in in_order(image, output) {
        let found = places.name(text).and_then(|name| places.find(&name));
        match found {
            Ok(Some(located)) => return Ok(located),
            Ok(None) => context.log.debug(&format!("Run image {text} does not exist")),
            Err(error) => context.log.warn(&format!("Run image {text} cannot be used: {}", explained(&error))),
        }
    }
    Err(Failure::arguments("failed to find accessible run image"))
}

/// The image that the user names; it must be there.
pub(super) fn named(places: &Places, text: &str, code: u8) -> Result<Located, Failure> {
    let name: ImageName = places.name(text).map_err(|error| Failure::new(code::ARGUMENTS, error))?;
    let located = places.find(&name).map_err(|error| Failure::new(code, error))?;
    located.ok_or_else(|| {
        // A layout that is not there is no place; its path is in the name.
        let place = places.source(&name).map(|source| format!(" in {}", source.place())).unwrap_or_default();
        Failure::new(code, format!("run image '{text}' does not exist{place}"))
    })
}

fn in_order<'a>(image: &'a RunImage, output: &str) -> Vec<&'a str> {
    let registry = |text: &str| text.parse::<Reference>().ok().map(|reference| reference.registry().to_owned());
    let own = registry(output);
    let mut all: Vec<&str> = std::iter::once(&image.image).chain(&image.mirrors).map(String::as_str).collect();
    // The order is kept otherwise.
    all.sort_by_key(|text| registry(text) != own);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_in_the_registry_of_the_app_go_first() {
        let image = RunImage {
            image: "one.example/run".into(),
            mirrors: vec!["two.example/run".into(), "run".into(), "two.example/other".into()],
        };
        let order = |output| in_order(&image, output);
        assert_eq!(order("two.example/app")[..2], ["two.example/run", "two.example/other"]);
        assert_eq!(order("app")[0], "run");
        assert_eq!(order("three.example/app")[0], "one.example/run");
    }
}
