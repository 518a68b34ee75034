//! The registry protocol (OCI distribution specification, Docker Registry HTTP API V2) as a source and a sink of images.
//!
//! Begin at [`Client`]: it is made once from [`Settings`] and shared; [`RegistrySource`] and [`RegistrySink`] are its views
//! of one repository. What it is told apart by are statuses and the error codes of the specification, never text.

mod challenge;
mod client;
mod credentials;
mod docker_config;
mod download;
mod error;
mod helper;
mod keychain;
mod location;
mod range;
mod repository;
mod retry;
mod secret;
mod settings;
mod sink;
mod source;
mod tls;
mod token;
mod transport;
mod upload;

pub use challenge::{Challenge, parse_challenges};
pub use client::Client;
pub use credentials::{Credentials, InvalidAuthorization, Origin};
pub use docker_config::{DockerConfig, InvalidDockerConfig};
pub use error::{ErrorCode, RegistryError, TlsFault};
pub use helper::HelperError;
pub use keychain::{Keychain, KeychainContext, KeychainError};
pub use location::{InvalidLocation, Location};
pub use range::{content_range_start, upload_offset};
pub use repository::{Repository, is_plain_http_host};
pub use retry::RetryPolicy;
pub use secret::Secret;
pub use settings::{Mirror, Proxies, Settings};
pub use sink::{Mounted, RegistrySink};
pub use source::RegistrySource;
