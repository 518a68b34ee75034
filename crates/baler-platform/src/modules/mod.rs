//! Buildpacks and extensions, from wherever they come (distribution specification; platform-behaviour 3.6 to 3.9).
//!
//! A [`Locator`] says where a module is; a [`Fetcher`] gets it. What comes in any other form than a directory is taken into
//! the store as a package: an image whose layers hold modules. So it is read once, unpacked once, and mounted or copied
//! as a layer from then on. Directories stay where they are. Refused: archives whose entries lead out of them, packages
//! whose blobs are not what their digests say, and the community's registry of buildpacks, which is not supported.

pub(crate) mod archive;
mod content;
mod description;
mod download;
mod error;
mod fetch;
pub(crate) mod fuzzing;
mod inline;
mod layout_archive;
mod locator;
mod mount;
mod package;
mod package_config;
pub(crate) mod package_image;
mod remembered;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baler_cnb::buildpack::escape_id;
use baler_cnb::labels::{BUILDPACK_LAYERS, EXTENSION_LAYERS};
use baler_image::Layer;

pub use description::{Description, DescriptionError};
pub use download::DownloadError;
pub(crate) use download::{FILE as DOWNLOADED, download_now as download};
pub use error::FetchError;
pub use fetch::{Fetched, Fetcher};
pub use inline::InlineBuildpack;
pub use layout_archive::LayoutArchiveError;
pub use locator::{InvalidLocator, Locator, Origin, Surroundings, redacted};
pub use mount::MountError;
pub(crate) use mount::{PlacedModule, place};
pub use package::PackageError;
pub(crate) use package_config::PackageConfig;
pub use package_config::PackageConfigError;
pub(crate) use remembered::is_orphan;

pub use content::{Content, is_as_in_an_image};

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModuleKind {
    Buildpack,
    Extension,
}

impl ModuleKind {
    /// `buildpack` or `extension`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Buildpack => "buildpack",
            Self::Extension => "extension",
        }
    }

    /// The file that describes it.
    pub fn descriptor(self) -> &'static str {
        match self {
            Self::Buildpack => "buildpack.toml",
            Self::Extension => "extension.toml",
        }
    }

    /// The programs in its directory `bin`.
    pub fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Buildpack => &["detect", "build"],
            Self::Extension => &["detect", "generate"],
        }
    }

    /// Where modules of this kind are in a builder.
    pub fn directory(self) -> &'static str {
        match self {
            Self::Buildpack => "/cnb/buildpacks",
            Self::Extension => "/cnb/extensions",
        }
    }

    /// The label that says which layer holds which module.
    pub fn layers_label(self) -> &'static str {
        match self {
            Self::Buildpack => BUILDPACK_LAYERS,
            Self::Extension => EXTENSION_LAYERS,
        }
    }
}

impl std::fmt::Display for ModuleKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.word())
    }
}

/// A buildpack or an extension, and where its files are.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    pub kind: ModuleKind,
    pub description: Description,
    pub content: Content,
}

/// Id and version.
pub type ModuleKey = (String, String);

/// Modules of one kind by id and version; of equal ones the last counts.
pub type Modules = BTreeMap<ModuleKey, Module>;

impl Module {
    /// Where it lies in a builder.
    pub fn path_in_image(&self) -> PathBuf {
        path_in_image(self.kind, &self.description)
    }

    /// Id and version.
    pub fn key(&self) -> ModuleKey {
        self.description.key()
    }
}

fn path_in_image(kind: ModuleKind, description: &Description) -> PathBuf {
    Path::new(kind.directory()).join(escape_id(&description.info.id)).join(&description.info.version)
}
