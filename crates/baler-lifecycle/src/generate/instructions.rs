//! What generated Dockerfiles do beside naming a base: work for an extender.

use std::fmt;
use std::path::{Path, PathBuf};

use baler_cnb::buildpack::escape_id;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::group::GroupElement;
use baler_dockerfile::{Dockerfile, DockerfileError, Instruction, Kind};

/// An instruction that an extension wants to have applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionInstruction {
    /// `id@version` of the extension.
    pub extension: String,
    pub kind: Kind,
    pub instruction: Instruction,
}

/// A generated Dockerfile is no longer what it was when it was generated.
#[derive(Debug, thiserror::Error)]
#[error("could not use the {} of extension {extension}", .kind.file_name())]
pub struct InstructionError {
    pub extension: String,
    pub kind: Kind,
    pub source: DockerfileError,
}

impl fmt::Display for ExtensionInstruction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { extension, kind, instruction: Instruction { name, line } } = self;
        write!(formatter, "extension {extension} has {name} in line {line} of its {}", kind.file_name())
    }
}

/// Where the Dockerfile of an extension is, below the directory of generated ones.
fn generated_path(features: PlatformFeatures, id: &str, kind: Kind) -> PathBuf {
    let name = escape_id(id);
    if features.generated_per_extension {
        Path::new(&name).join(kind.file_name())
    } else {
        Path::new(&kind.to_string()).join(name).join("Dockerfile")
    }
}

/// The Dockerfiles of one kind that have an effect, each with the `id@version` of its extension. `read` gives a file below
/// the directory of generated ones, or `None` where there is none.
pub fn generated_dockerfiles<E: From<InstructionError>>(
    features: PlatformFeatures,
    extensions: &[GroupElement],
    kind: Kind,
    read: impl Fn(&Path) -> Result<Option<Vec<u8>>, E>,
) -> Result<Vec<(String, Dockerfile)>, E> {
    let mut found = Vec::new();
    for element in extensions {
        let Some(bytes) = read(&generated_path(features, &element.id, kind))? else { continue };
        let extension = element.full_name();
        match Dockerfile::parse(kind, &bytes) {
            Ok(dockerfile) => found.push((extension, dockerfile)),
            Err(source) => return Err(InstructionError { extension, kind, source }.into()),
        }
    }
    Ok(found)
}

/// The first instruction of these Dockerfiles.
pub fn first_instruction(dockerfiles: &[(String, Dockerfile)]) -> Option<ExtensionInstruction> {
    dockerfiles.iter().find_map(|(extension, dockerfile)| {
        let instruction = *dockerfile.instructions.first()?;
        Some(ExtensionInstruction { extension: extension.clone(), kind: dockerfile.kind, instruction })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_instruction_is_found_in_either_layout() {
        let elements = ["a/b", "c"].map(|id| GroupElement { id: id.into(), version: "1".into(), ..Default::default() });
        let found = |api: &str, kind, files: &[(&str, &str)]| {
            let features = PlatformFeatures::for_api(api.parse().unwrap());
            let read = |path: &Path| -> Result<_, InstructionError> {
                let file = files.iter().find(|(name, _)| Path::new(name) == path);
                Ok(file.map(|(_, text)| text.as_bytes().to_vec()))
            };
            let dockerfiles = generated_dockerfiles(features, &elements, kind, read).unwrap();
            first_instruction(&dockerfiles).map(|instruction| instruction.to_string())
        };
        let run = [("a_b/run.Dockerfile", "FROM x\n"), ("c/run.Dockerfile", "FROM ${base_image}\n\nRUN x\nUSER y\n")];
        let expected = "extension c@1 has RUN in line 3 of its run.Dockerfile";
        assert_eq!(found("0.13", Kind::Run, &run).as_deref(), Some(expected));
        assert_eq!(found("0.13", Kind::Build, &run), None);
        assert_eq!(found("0.12", Kind::Run, &run), None);
        let old = [("build/a_b/Dockerfile", "ARG base_image\nFROM ${base_image}\nENV a=b\n")];
        let expected = "extension a/b@1 has ENV in line 3 of its build.Dockerfile";
        assert_eq!(found("0.10", Kind::Build, &old).as_deref(), Some(expected));
    }
}
