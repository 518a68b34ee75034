//! Which run image a build stands on (platform-behaviour 4.4): decided once, by what can be read, and told.
//!
//! What is chosen stays chosen. A mirror that fails later ends the build, since another image in its place would be one
//! that nobody has asked for.

use baler_cnb::run::RunImage;
use baler_image::{ImageName, Platform, Reference, Wanted};

use super::builder_image::BuilderImage;
use super::error::BuildError;
use super::executor::Executor;
use super::request::BuildRequest;
use crate::context::Context;
use crate::output::{Level, chain};
use crate::places::{Asked, Located, Needed, Search, locate};

/// An image that may be the one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    name: String,
    /// What it is called where it is told which was selected.
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image,
    Mirror,
    /// A mirror from the user's configuration.
    OwnMirror,
}

/// `--run-image`, else the best of the builder's run image, its mirrors, and the user's.
pub(super) fn find(
    context: &Context<'_>,
    request: &BuildRequest,
    builder: &BuilderImage,
    platform: &Platform,
) -> Result<Located, BuildError> {
    let choosing = Choosing { context, request, platform };
    if let Some(name) = &request.run_image {
        tell(context, &format!("Using provided run-image '{name}'"));
        return choosing.read(name);
    }
    let offered = builder.run_image().ok_or_else(|| BuildError::NoRunImage { name: request.builder.clone() })?;
    choosing.best(&offered)
}

/// The image that an extension calls `text`, where the builder or the user's configuration has mirrors of it: they count
/// for it as for the run image of a build without extensions.
pub(super) fn find_offered(
    context: &Context<'_>,
    request: &BuildRequest,
    builder: &BuilderImage,
    platform: &Platform,
    text: &str,
) -> Option<Result<Located, BuildError>> {
    let offered = builder.run_images().chain(request.run_image_mirrors.iter().cloned());
    let offered = offered.into_iter().find(|image| in_full(&image.image) == in_full(text))?;
    // The name as the extension has it.
    let offered = RunImage { image: text.to_owned(), ..offered };
    Some(Choosing { context, request, platform }.best(&offered))
}

/// Who reads along is told why.
fn selected(name: &ImageName, kind: Kind, preferred: Option<&str>, whose: &str) -> String {
    let why = why_selected(name, preferred, whose);
    match kind {
        Kind::Image => format!("Selected run image '{name}': {why}"),
        Kind::Mirror => format!("Selected run image mirror '{name}': {why}"),
        Kind::OwnMirror => format!("Selected run image mirror '{name}' from local config: {why}"),
    }
}

/// Why it is this one of several: `preferred` is the registry that goes before others, and `whose` says what it is.
pub(crate) fn why_selected(name: &ImageName, preferred: Option<&str>, whose: &str) -> String {
    match preferred {
        Some(registry) if name.reference().map(Reference::registry) == preferred => {
            format!("it is in {whose}, {registry}")
        }
        Some(_) | None => "it is the first that can be read".to_owned(),
    }
}

fn tell(context: &Context<'_>, text: &str) {
    context.output.line(Level::Debug, text);
}

/// The names of the run image and its mirrors, those first that are to be tried first.
pub(crate) fn names_in_order(offered: &RunImage, configured: &[RunImage], preferred: Option<&str>) -> Vec<String> {
    in_order(offered, configured, preferred).into_iter().map(|candidate| candidate.name).collect()
}

/// A name with all that a short one leaves out.
fn in_full(name: &str) -> String {
    name.parse::<Reference>().map_or_else(|_| name.to_owned(), |name| name.to_string())
}

/// Those in the preferred registry first; otherwise the user's mirrors, the image, its mirrors.
fn in_order(offered: &RunImage, configured: &[RunImage], preferred: Option<&str>) -> Vec<Candidate> {
    let is_offered = |image: &&RunImage| in_full(&image.image) == in_full(&offered.image);
    let own = configured.iter().filter(is_offered).flat_map(|image| &image.mirrors);
    let own = own.map(|name| (name, Kind::OwnMirror));
    let image = std::iter::once((&offered.image, Kind::Image));
    let mirrors = offered.mirrors.iter().map(|name| (name, Kind::Mirror));
    let mut candidates: Vec<Candidate> = Vec::new();
    for (name, kind) in own.chain(image).chain(mirrors).filter(|(name, _)| !name.is_empty()) {
        if !candidates.iter().any(|candidate| in_full(&candidate.name) == in_full(name)) {
            candidates.push(Candidate { name: name.clone(), kind });
        }
    }
    let registry = |name: &str| name.parse::<Reference>().ok().map(|reference| reference.registry().to_owned());
    candidates.sort_by_key(|candidate| preferred.is_none() || registry(&candidate.name).as_deref() != preferred);
    candidates
}

struct Choosing<'a> {
    context: &'a Context<'a>,
    request: &'a BuildRequest,
    /// What the builder is for.
    platform: &'a Platform,
}

impl Choosing<'_> {
    /// The first that can be read, in the order of preference.
    fn best(&self, offered: &RunImage) -> Result<Located, BuildError> {
        let (preferred, whose) = if self.request.publishes() {
            (self.request.image.reference(), "the registry of the image to be built")
        } else {
            (self.request.builder.reference(), "the registry of the builder")
        };
        // In place, the builder comes from nowhere.
        let has_registry = self.request.publishes() || self.request.executor == Executor::Sandbox;
        let preferred = preferred.filter(|_| has_registry).map(Reference::registry);
        let mut failures: Vec<(Kind, ImageName, BuildError)> = Vec::new();
        for Candidate { name, kind } in in_order(offered, &self.request.run_image_mirrors, preferred) {
            let parsed = name.parse::<ImageName>();
            let parsed = parsed.map_err(|source| BuildError::RunImageName { text: name.clone(), source })?;
            match self.read(&parsed) {
                Ok(located) => {
                    for (_, name, error) in &failures {
                        tell(self.context, &format!("run image '{name}' cannot be used: {}", chain(error)));
                    }
                    tell(self.context, &selected(&parsed, kind, preferred, whose));
                    return Ok(located);
                }
                Err(error) => failures.push((kind, parsed, error)),
            }
        }
        Err(self.none(failures))
    }

    fn read(&self, name: &ImageName) -> Result<Located, BuildError> {
        // A single image for any platform is found first, so that a disagreement can name both.
        let wanted = Wanted::Preferably(self.platform.clone());
        let (search, needed) = (Search::By(self.context.pull_policy), Needed::Documents);
        let asked = Asked { role: "run image", name, wanted: &wanted, search, needed };
        let located =
            locate(self.context, &asked).map_err(|source| BuildError::RunImage { name: name.clone(), source })?;
        if self.platform.rank(located.image.platform()).is_some() {
            return Ok(located);
        }
        Err(BuildError::PlatformsDiffer {
            builder: self.request.builder.clone(),
            builder_platform: self.platform.clone(),
            run_image: name.clone(),
            run_platform: located.image.platform().clone(),
        })
    }

    /// The failure of the run image itself is the one to report; those of its mirrors are told before it.
    fn none(&self, mut failures: Vec<(Kind, ImageName, BuildError)>) -> BuildError {
        let image = failures.iter().position(|(kind, ..)| *kind == Kind::Image).unwrap_or(0);
        if failures.is_empty() {
            return BuildError::NoRunImage { name: self.request.builder.clone() };
        }
        let (.., failure) = failures.remove(image);
        for (_, name, error) in &failures {
            let text = format!("run image mirror '{name}' cannot be used: {}", chain(error));
            self.context.output.line(Level::Warning, &text);
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(image: &str, mirrors: &[&str]) -> RunImage {
        RunImage { image: image.to_owned(), mirrors: mirrors.iter().map(ToString::to_string).collect() }
    }

    fn order(preferred: Option<&str>, configured: &[RunImage]) -> Vec<String> {
        let offered = image("one.example/run", &["two.example/run", "one.example/other", "run"]);
        names_in_order(&offered, configured, preferred)
    }

    #[test]
    fn the_preferred_registry_goes_first() {
        assert_eq!(order(None, &[]), ["one.example/run", "two.example/run", "one.example/other", "run"]);
        assert_eq!(order(Some("two.example"), &[])[0], "two.example/run");
        assert_eq!(order(Some("index.docker.io"), &[])[0], "run");
        assert_eq!(order(Some("four.example"), &[])[0], "one.example/run");
    }

    #[test]
    fn mirrors_of_the_user_go_before_the_image() {
        let configured =
            [image("other.example/run", &["no.example/run"]), image("one.example/run:latest", &["three.example/run"])];
        assert_eq!(order(None, &configured)[..2], ["three.example/run", "one.example/run"]);
        assert_eq!(order(Some("one.example"), &configured)[..2], ["one.example/run", "one.example/other"]);
    }
}
