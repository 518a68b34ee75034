//! Which file has the user's credentials: Docker's, else Podman's, in the order in which Podman looks for its own.

use std::io;
use std::path::PathBuf;

use crate::keychain::{KeychainContext, KeychainError};

/// The files that are looked for, in order; the first that is there is the one.
pub(crate) fn candidates(context: &KeychainContext<'_>) -> Vec<PathBuf> {
    let variable = |name: &str| (context.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let below_home = |path: &str| context.home.map(|home| home.join(path));
    let docker = variable("DOCKER_CONFIG").or_else(|| below_home(".docker")).map(|path| path.join("config.json"));
    let runtime = variable("XDG_RUNTIME_DIR").map(|path| path.join("containers/auth.json"));
    let user =
        variable("XDG_CONFIG_HOME").or_else(|| below_home(".config")).map(|path| path.join("containers/auth.json"));
    [docker, variable("REGISTRY_AUTH_FILE"), runtime, user].into_iter().flatten().collect()
}

/// The file and what is in it, if there is one.
pub(crate) fn read(context: &KeychainContext<'_>) -> Result<Option<(PathBuf, Vec<u8>)>, KeychainError> {
    for path in candidates(context) {
        match fs_err::read(&path) {
            Ok(bytes) => return Ok(Some((path, bytes))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(source) => return Err(KeychainError::Read { path, source }),
        }
    }
    Ok(None)
}
