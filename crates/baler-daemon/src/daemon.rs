//! What answers at an address, and what it says of images.

use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use baler_image::{DaemonImage, Digest, Engine, Place};
use serde::Deserialize;

use crate::address::Address;
use crate::error::DaemonError;
use crate::http::Http;
use crate::unix::Connect;

/// Versions of the API below are refused, and those above are not asked for.
const OLDEST: ApiVersion = ApiVersion(1, 24);
const NEWEST: ApiVersion = ApiVersion(1, 51);

/// A daemon that answered.
#[derive(Debug)]
pub struct Daemon {
    http: Http,
    engine: Engine,
    image_store: ImageStore,
    api: ApiVersion,
    version: String,
}

/// How a daemon keeps images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageStore {
    /// Configs and unpacked layers; an image is known by the digest of its config.
    Classic,
    /// containerd's: indexes, manifests and layers as they came.
    Containerd,
}

impl fmt::Display for ImageStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Classic => "classic image store",
            Self::Containerd => "containerd image store",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ApiVersion(u32, u32);

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// What a daemon says of an image. Config and manifest are not part of it: they come with the image.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inspected {
    /// The digest of the config; with the containerd image store, that of the manifest or index.
    #[serde(deserialize_with = "id")]
    pub id: Digest,
    #[serde(default, deserialize_with = "list")]
    pub repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    pub repo_digests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(default)]
    driver_status: Option<Vec<Vec<String>>>,
}

fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// With its algorithm, or without.
fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(deserializer)?;
    let id = text.parse().or_else(|_| format!("sha256:{text}").parse());
    id.map_err(|_| serde::de::Error::custom("an image id is no digest"))
}

impl Daemon {
    /// Asks who is there.
    pub fn open(address: &Address) -> Result<Self, DaemonError> {
        Self::open_through(address, &(Arc::new(|path: &Path| UnixStream::connect(path)) as Connect))
    }

    /// The same, where connections to a socket are made by `connect`.
    pub fn open_through(address: &Address, connect: &Connect) -> Result<Self, DaemonError> {
        const PING: &str = "say who it is";
        let http = Http::new(address, connect)?;
        let answer = http.get(PING, "/_ping")?;
        let not_a_daemon = || DaemonError::NotADaemon { address: http.address.clone() };
        if answer.status != 200 {
            return match http.bytes(PING, answer) {
                Err(DaemonError::Api { status: 404, .. }) | Ok(_) => Err(not_a_daemon()),
                Err(error) => Err(error),
            };
        }
        let is_podman = answer.header("libpod-api-version").is_some();
        let text = answer.header("api-version").unwrap_or_default().to_owned();
        let api = parse_version(&text).ok_or_else(not_a_daemon)?;
        if api < OLDEST {
            return Err(DaemonError::TooOld { address: http.address, version: text });
        }
        drop(answer);
        let api = api.min(NEWEST);
        let engine = if is_podman { Engine::Podman } else { Engine::Docker };
        let mut daemon = Self { http, engine, image_store: ImageStore::Classic, api, version: String::new() };
        let version: Version = daemon.json("tell its version", "/version")?;
        daemon.version = version.version;
        let info: Info = daemon.json("tell about itself", "/info")?;
        let says = |key: &str, value: &str| {
            let status = info.driver_status.as_ref().into_iter().flatten();
            status.into_iter().any(|pair| matches!(&pair[..], [k, v] if k == key && v == value))
        };
        if says("driver-type", "io.containerd.snapshotter.v1") {
            daemon.image_store = ImageStore::Containerd;
        }
        Ok(daemon)
    }

    /// Docker, or Podman.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The version of the daemon.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version of the API that is spoken with it.
    pub fn api_version(&self) -> String {
        self.api.to_string()
    }

    /// How it keeps images.
    pub fn image_store(&self) -> ImageStore {
        self.image_store
    }

    /// Whether images have manifests there.
    pub(crate) fn keeps_manifests(&self) -> bool {
        self.image_store == ImageStore::Containerd
    }

    /// What it is called.
    pub fn place(&self) -> Place {
        Place::Daemon { engine: self.engine, address: self.http.address.clone() }
    }

    /// What it says of an image; nothing if it has no such image.
    pub fn inspect(&self, image: &DaemonImage) -> Result<Option<Inspected>, DaemonError> {
        self.inspect_path(&path_of(image))
    }

    /// What it says of the image whose id begins so.
    pub(crate) fn inspect_beginning(&self, hex: &str) -> Result<Option<Inspected>, DaemonError> {
        Ok(self.inspect_path(hex)?.filter(|inspected| inspected.id.hex().starts_with(hex)))
    }

    fn inspect_path(&self, image: &str) -> Result<Option<Inspected>, DaemonError> {
        const OPERATION: &str = "inspect an image";
        let answer = self.http.get(OPERATION, &self.path(&format!("/images/{image}/json")))?;
        match answer.status {
            404 => Ok(None),
            _ => self.http.json(OPERATION, answer).map(Some),
        }
    }

    /// Gives an image one more name.
    pub(crate) fn tag(&self, id: &Digest, repository: &str, tag: &str) -> Result<(), DaemonError> {
        const OPERATION: &str = "name an image";
        let path = self.path(&format!("/images/{id}/tag?repo={}&tag={}", escape(repository), escape(tag)));
        let answer = self.http.post(OPERATION, &path, &mut std::io::empty())?;
        self.http.bytes(OPERATION, answer).map(drop)
    }

    /// An image as an archive.
    pub(crate) fn export(&self, id: &Digest) -> Result<impl std::io::Read + use<>, DaemonError> {
        const OPERATION: &str = "export an image";
        let answer = self.http.export(OPERATION, &self.path(&format!("/images/{id}/get")))?;
        self.http.stream(OPERATION, answer)
    }

    /// Reads the images of an archive.
    pub(crate) fn load(&self, archive: &mut dyn std::io::Read) -> Result<(), DaemonError> {
        const OPERATION: &str = "load an image";
        let answer = self.http.post(OPERATION, &self.path("/images/load?quiet=1"), archive)?;
        let status = answer.status;
        let progress = self.http.bytes(OPERATION, answer)?;
        // An error in the middle of the work comes with a status of success.
        for line in serde_json::Deserializer::from_slice(&progress).into_iter::<Progress>() {
            if let Ok(Progress { error: Some(message) }) = line {
                return Err(DaemonError::Api { operation: OPERATION, status, message });
            }
        }
        Ok(())
    }

    fn json<T: serde::de::DeserializeOwned>(&self, operation: &'static str, path: &str) -> Result<T, DaemonError> {
        let answer = self.http.get(operation, &self.path(path))?;
        self.http.json(operation, answer)
    }

    fn path(&self, path: &str) -> String {
        format!("/v{}{path}", self.api)
    }
}

#[derive(Deserialize)]
struct Progress {
    #[serde(default)]
    error: Option<String>,
}

fn path_of(image: &DaemonImage) -> String {
    match image {
        DaemonImage::Reference(reference) => {
            // The tag does not count beside a digest.
            let digest = reference.digest().map(|digest| reference.at(digest.clone()));
            escape(&docker_name(&digest.as_ref().unwrap_or(reference).to_string()))
        }
        DaemonImage::Id(id) => id.to_string(),
    }
}

/// Docker's own registry has two names.
pub(crate) fn docker_name(name: &str) -> String {
    name.strip_prefix("index.docker.io/").map_or(name.to_owned(), |rest| format!("docker.io/{rest}"))
}

/// What is in references may stand in a path as it is, but for `[` and `]` of IPv6 hosts.
fn escape(text: &str) -> String {
    text.replace('[', "%5B").replace(']', "%5D")
}

fn parse_version(text: &str) -> Option<ApiVersion> {
    let (major, minor) = text.split_once('.')?;
    Some(ApiVersion(major.parse().ok()?, minor.parse().ok()?))
}
