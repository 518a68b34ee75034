//! Where a daemon listens, found as its own command line finds it.
//!
//! Docker: `--docker-host`, `DOCKER_HOST`, `DOCKER_CONTEXT` or the current context, `/var/run/docker.sock`.
//! Podman: `CONTAINER_HOST`, the socket of the user, `/run/podman/podman.sock`.
//! Named pipes and connections through ssh are refused.

use std::fmt;
use std::path::{Path, PathBuf};

use baler_image::Engine;

use crate::context::{self, ContextError};

const DEFAULT_DOCKER: &str = "/var/run/docker.sock";
const DEFAULT_PODMAN: &str = "/run/podman/podman.sock";

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Tcp {
        /// Host and port.
        authority: String,
        tls: Option<TlsFiles>,
    },
}

/// The files that a secure connection needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    pub authorities: Option<PathBuf>,
    /// The client's certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Whether the server has to prove who it is.
    pub is_verified: bool,
}

/// An address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    #[error("'{text}' is no address of a daemon: unix:///PATH and tcp://HOST:PORT are")]
    Unknown { text: String },
    #[error("daemons behind '{text}' cannot be reached: only unix:// and tcp:// can")]
    Scheme { text: String },
    #[error("could not find out which context of Docker is meant")]
    Context(#[from] ContextError),
}

/// What the process has around it, as far as it says where daemons are.
pub struct Surroundings<'a> {
    /// A variable that is set and not empty.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub uid: u32,
}

impl Surroundings<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name)
    }

    /// `$DOCKER_CONFIG`, else `~/.docker`.
    pub(crate) fn docker_config(&self) -> Option<PathBuf> {
        let home = || self.get("HOME").map(|home| Path::new(&home).join(".docker"));
        self.get("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
    }
}

/// Where the daemon of this kind is to be found. `named` is what the user said, if anything: an address, or `inherit`
/// for what `DOCKER_HOST` says.
pub fn find_address(
    engine: Engine,
    named: Option<&str>,
    surroundings: &Surroundings<'_>,
) -> Result<Address, AddressError> {
    match named {
        Some("inherit" | "") | None => {}
        Some(address) => return Address::parse(address, tls_of_variables(surroundings)),
    }
    match engine {
        Engine::Docker => docker(surroundings),
        Engine::Podman => podman(surroundings),
    }
}

fn docker(surroundings: &Surroundings<'_>) -> Result<Address, AddressError> {
    if let Some(address) = surroundings.get("DOCKER_HOST") {
        return Address::parse(&address, tls_of_variables(surroundings));
    }
    let context = context::current(surroundings)?;
    context.unwrap_or_else(|| Ok(Address::Unix(DEFAULT_DOCKER.into())))
}

fn podman(surroundings: &Surroundings<'_>) -> Result<Address, AddressError> {
    if let Some(address) = surroundings.get("CONTAINER_HOST") {
        return Address::parse(&address, None);
    }
    if surroundings.uid == 0 {
        return Ok(Address::Unix(DEFAULT_PODMAN.into()));
    }
    let runtime = surroundings.get("XDG_RUNTIME_DIR").unwrap_or_else(|| format!("/run/user/{}", surroundings.uid));
    Ok(Address::Unix(Path::new(&runtime).join("podman/podman.sock")))
}

/// Docker's variables: any value of `DOCKER_TLS_VERIFY` is a yes.
fn tls_of_variables(surroundings: &Surroundings<'_>) -> Option<TlsFiles> {
    surroundings.get("DOCKER_TLS_VERIFY")?;
    let directory = surroundings.get("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| surroundings.docker_config());
    Some(directory.map_or(TlsFiles { is_verified: true, ..TlsFiles::default() }, |directory| {
        TlsFiles::in_directory(&directory, true)
    }))
}

impl TlsFiles {
    /// The files that Docker has in such a directory; those that are not there are not used.
    pub(crate) fn in_directory(directory: &Path, is_verified: bool) -> Self {
        let there = |name: &str| Some(directory.join(name)).filter(|path| path.exists());
        Self { authorities: there("ca.pem"), client: there("cert.pem").zip(there("key.pem")), is_verified }
    }
}

impl Address {
    /// Reads an address as `DOCKER_HOST` has it.
    pub fn parse(text: &str, tls: Option<TlsFiles>) -> Result<Self, AddressError> {
        let unknown = || AddressError::Unknown { text: text.to_owned() };
        let (scheme, rest) = text.split_once(':').ok_or_else(unknown)?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "tcp" | "http" | "https" => {
                let authority = rest.trim_end_matches('/');
                let is_authority = !authority.is_empty()
                    && !authority.contains(['/', '@', '?', '#'])
                    && authority.parse::<ureq::http::uri::Authority>().is_ok();
                if !is_authority {
                    return Err(unknown());
                }
                let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                let tls =
                    tls.or_else(|| (scheme == "https").then(|| TlsFiles { is_verified: true, ..TlsFiles::default() }));
                let port = if tls.is_some() { 2376 } else { 2375 };
                let authority = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
                Ok(Self::Tcp { authority, tls })
            }
            "npipe" | "ssh" | "fd" => Err(AddressError::Scheme { text: text.to_owned() }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp { authority, .. } => write!(formatter, "tcp://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests;
