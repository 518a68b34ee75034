//! What the extensions of a group want of the images of the build.
//!
//! Another run image takes effect here: it is found once, for the platform of the builder, and all later phases get what
//! was found. Instructions beside `FROM` are refused, with their place. The files are those of code that is not ours, so
//! nothing of analyzed.toml counts but the name of the run image.

use std::path::Path;

use baler_cnb::analyzed::Analyzed;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupFile;
use baler_dockerfile::{Dockerfile, Kind};
use baler_image::{ImageName, InvalidReference, Reference, Target, Wanted};
use baler_lifecycle::analyze::{Analysis, AnalyzeError};
use baler_lifecycle::generate::{ExtensionInstruction, InstructionError, first_instruction, generated_dockerfiles};
use baler_lifecycle::{FileError, read_inside};

use super::PLATFORM_API;
use super::layers_files::{LayersFileError, read_toml, write_toml};
use super::prepare::Prepared;
use super::request::BuildRequest;
use super::{BuildError, run_image};
use crate::context::Context;
use crate::output::Level;
use crate::places::{Asked, LocateError, Located, Needed, Search, locate};

/// Longer Dockerfiles are not read.
const LARGEST_DOCKERFILE: u64 = 1 << 20;

/// Why what the extensions want could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    #[error("{0}, and instructions beside FROM are not supported yet")]
    Instruction(ExtensionInstruction),
    #[error("{0}")]
    Dockerfile(#[from] InstructionError),
    #[error("could not read a generated Dockerfile")]
    Read(#[from] FileError),
    #[error("{0}")]
    Analyzed(#[from] LayersFileError),
    #[error("extension {extension} switches to the run image '{text}', which is no name of an image")]
    Name { extension: String, text: String, source: InvalidReference },
    #[error("invalid run-image '{name}', which extension {extension} switches to")]
    RunImage { extension: String, name: ImageName, source: LocateError },
    #[error("could not use the run image that extension {extension} switches to")]
    Offered { extension: String, source: Box<BuildError> },
    #[error("{0}")]
    Analyze(#[from] AnalyzeError),
}

/// Does what the extensions of `group` want.
pub(super) fn apply(
    context: &Context<'_>,
    request: &BuildRequest,
    prepared: &mut Prepared<'_>,
    analysis: &mut Analysis,
    group: &GroupFile,
) -> Result<(), ExtensionError> {
    if group.group_extensions.is_empty() {
        return Ok(());
    }
    let layers = prepared.directories.layers.host.clone();
    let dockerfiles = |kind| -> Result<Vec<(String, Dockerfile)>, ExtensionError> {
        let read = |path: &Path| -> Result<_, ExtensionError> {
            Ok(read_inside(&layers, &Path::new("generated").join(path), LARGEST_DOCKERFILE)?)
        };
        let dockerfiles =
            generated_dockerfiles(PlatformFeatures::for_api(PLATFORM_API), &group.group_extensions, kind, read)?;
        match first_instruction(&dockerfiles) {
            Some(instruction) => Err(ExtensionError::Instruction(instruction)),
            None => Ok(dockerfiles),
        }
    };
    dockerfiles(Kind::Build)?;
    let run = dockerfiles(Kind::Run)?;
    let analyzed: Analyzed = read_toml(&layers, "analyzed.toml")?;
    let wanted = analyzed.run_image.map(|run_image| run_image.image).unwrap_or_default();
    if wanted.is_empty() || wanted == analysis.run_image.name().given() {
        return Ok(());
    }
    let located = find(context, request, prepared, &wanted, &run)?;
    // Where it is the same, it is a mirror of the image that the extension wants, which was chosen before.
    if located.image.name() != analysis.run_image.name() {
        let (name, extension) = (located.image.name(), chooser(&run, &wanted));
        let instead = if name.given() == wanted { String::new() } else { format!(" instead of '{wanted}'") };
        let text = format!("Switching to run image '{name}'{instead}, as extension {extension} wants");
        context.output.line(Level::Info, &text);
        analysis.switch_run_image(located.image.clone())?;
        prepared.run_image = located;
    }
    // The build phase reads there what the build is for.
    Ok(write_toml(&layers, "analyzed.toml", &analysis.to_analyzed())?)
}

/// The extension whose run.Dockerfile has it.
fn chooser<'a>(dockerfiles: &'a [(String, Dockerfile)], base: &str) -> &'a str {
    let chooses = |(_, dockerfile): &&(String, Dockerfile)| dockerfile.new_base() == Some(base);
    dockerfiles.iter().rfind(chooses).map_or("of the builder", |(extension, _)| extension)
}

fn find(
    context: &Context<'_>,
    request: &BuildRequest,
    prepared: &Prepared<'_>,
    text: &str,
    dockerfiles: &[(String, Dockerfile)],
) -> Result<Located, ExtensionError> {
    let extension = chooser(dockerfiles, text).to_owned();
    // Extensions name what registries have, not what lies on this machine.
    let reference: Reference = match text.parse() {
        Ok(reference) => reference,
        Err(source) => return Err(ExtensionError::Name { extension, text: text.to_owned(), source }),
    };
    let name = ImageName::new(text, Target::Reference(reference));
    if let Some(found) = run_image::find_offered(context, request, &prepared.builder, &prepared.platform, text) {
        return found.map_err(|source| ExtensionError::Offered { extension, source: Box::new(source) });
    }
    let wanted = Wanted::Exactly(prepared.platform.clone());
    let (search, needed) = (Search::By(context.pull_policy), Needed::Documents);
    let asked = Asked { role: "run image", name: &name, wanted: &wanted, search, needed };
    locate(context, &asked).map_err(|source| ExtensionError::RunImage { extension, name: name.clone(), source })
}
