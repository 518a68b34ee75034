//! What one extension wrote: Dockerfiles, their arguments, their contexts.

use std::path::{Path, PathBuf};

use baler_cnb::extend_config::ExtendConfig;
use baler_dockerfile::{Dockerfile, Kind};

use super::error::OutputError;
use crate::files::FileError;
use crate::log::Log;
use crate::toml_file::read_optional_toml;

/// Longer files are not read.
pub(super) const LARGEST_DOCKERFILE: u64 = 1 << 20;

/// The name of the file with arguments.
pub(super) const EXTEND_CONFIG: &str = "extend-config.toml";

/// What one extension wrote.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// The extension's id, escaped: the name of its directory.
    pub(super) directory_name: String,
    /// Where it is.
    pub(super) directory: PathBuf,
    pub(super) dockerfiles: Vec<Dockerfile>,
}

impl Output {
    /// Reads and checks what is in `directory`, which may be absent. Contexts are there with `has_contexts`.
    pub(super) fn read(
        directory_name: String,
        directory: PathBuf,
        has_contexts: bool,
        log: &dyn Log,
    ) -> Result<Self, OutputError> {
        check_config(&directory.join(EXTEND_CONFIG))?;
        if has_contexts {
            check_contexts(&directory)?;
        }
        let mut dockerfiles = Vec::new();
        for kind in [Kind::Run, Kind::Build] {
            dockerfiles.extend(read_dockerfile(&directory, kind)?);
        }
        for dockerfile in &dockerfiles {
            say_odd(dockerfile, log);
        }
        log.debug(&format!("Found '{}' Dockerfiles for processing", dockerfiles.len()));
        Ok(Self { directory_name, directory, dockerfiles })
    }

    pub(super) fn dockerfile(&self, kind: Kind) -> Option<&Dockerfile> {
        self.dockerfiles.iter().find(|dockerfile| dockerfile.kind == kind)
    }
}

fn read_dockerfile(directory: &Path, kind: Kind) -> Result<Option<Dockerfile>, OutputError> {
    let path = directory.join(kind.file_name());
    let metadata = match fs_err::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(FileError::because("look at", &path))?,
    };
    if !metadata.is_file() || metadata.len() > LARGEST_DOCKERFILE {
        return Err(OutputError::NotADockerfile { path });
    }
    let bytes = fs_err::read(&path).map_err(FileError::because("read", &path))?;
    Dockerfile::parse(kind, &bytes).map(Some).map_err(|source| OutputError::Dockerfile { path, source })
}

fn check_config(path: &Path) -> Result<(), OutputError> {
    let config: ExtendConfig = read_optional_toml(path)?.unwrap_or_default();
    match config.reserved_argument() {
        Some(name) => Err(OutputError::ReservedArgument { path: path.to_owned(), name: name.to_owned() }),
        None => Ok(()),
    }
}

/// One context for both images, or one for each.
fn check_contexts(directory: &Path) -> Result<(), OutputError> {
    let has = |name: &str| directory.join(name).is_dir();
    if has("context") && (has("context.run") || has("context.build")) {
        return Err(OutputError::Contexts(directory.to_owned()));
    }
    Ok(())
}

fn say_odd(dockerfile: &Dockerfile, log: &dyn Log) {
    let file = dockerfile.kind.file_name();
    for instruction in dockerfile.not_recommended() {
        log.warn(&format!("{file} command {} on line {} is not recommended", instruction.name, instruction.line));
    }
    if dockerfile.has_platform_flag {
        let line = dockerfile.from_line;
        log.warn(&format!(
            "{file} names a platform on line {line}, which has no effect: the image is that of the build's platform"
        ));
    }
}
