//! The registry protocol (OCI distribution specification, Docker Registry HTTP API V2) as a source and a sink of images.
//!
//! Begin at [`Client`]: it is made once from [`Settings`] and shared; [`RegistrySource`] and [`RegistrySink`] are its views
//! of one repository. What it is told apart by are statuses and the error codes of the specification, never text.

mod asking;
mod challenge;
mod client;
mod credentials;
mod docker_config;
mod download;
mod error;
mod event;
mod family;
mod file_upload;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod helper;
mod host_certificates;
mod http_date;
mod keychain;
mod keychain_file;
mod location;
mod login;
mod messenger;
mod name_servers;
mod no_proxy;
mod percent;
mod plain_http;
mod range;
mod resolver;
mod retry;
mod seconds;
mod secret;
mod session;
mod settings;
mod silence;
mod sink;
mod source;
mod surroundings;
mod tags;
mod tls;
mod token;
mod transport;
mod upload;
mod web;
mod whole;

pub use baler_image::{Mounted, Repository};
pub use challenge::{Challenge, parse_challenges};
pub use client::Client;
pub use credentials::{Credentials, InvalidAuthorization, Origin};
pub use docker_config::{DockerConfig, InvalidDockerConfig};
pub use error::{ErrorCode, RegistryError, TlsFault};
pub use event::{Event, Listener};
pub use file_upload::FileUpload;
pub use helper::HelperError;
pub use keychain::{Keychain, KeychainContext, KeychainError, Known};
pub use location::{InvalidLocation, Location};
pub use login::{InvalidLoginKey, LoginKey, StoreError, erase_login, store_login};
pub use messenger::Messenger;
pub use percent::percent_decode;
pub use plain_http::is_plain_http_host;
pub use range::{content_range_start, upload_offset};
pub use retry::RetryPolicy;
pub use seconds::InvalidSeconds;
pub use secret::Secret;
pub use settings::{Mirror, Proxies, Settings};
pub use sink::{PushCheck, RegistrySink};
pub use source::RegistrySource;
pub use surroundings::{SettingsError, host_bundle};
pub use tags::Tags;
pub use web::{WebAddress, WebAnswer, WebFile};
