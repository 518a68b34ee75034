//! What is asked of a build, parsed and checked.

use std::path::PathBuf;
use std::str::FromStr;

use baler_cnb::project_metadata::ProjectMetadata;
use baler_cnb::run::RunImage;
use baler_image::{DaemonImage, Engine, ImageName, Platform, Target};

use super::executor::Executor;
use crate::certificates::CertificateSource;
use crate::destination::Delivery;
use crate::modules::InlineBuildpack;
use crate::project::FileFilter;
use crate::variables::Variables;
use crate::volumes::Volume;

/// A build.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// What the image is saved as.
    pub image: ImageName,
    /// Further names, in the same place.
    pub tags: Vec<ImageName>,
    /// Where an image goes whose names are references.
    pub delivery: Delivery,
    /// The image that is replaced, where it has another name than the new one.
    pub previous_image: Option<ImageName>,
    /// In place, a name for messages: the builder is where Baler was started.
    pub builder: ImageName,
    pub executor: Executor,
    /// The application directory.
    pub application: PathBuf,
    /// The name of the application's directory inside, below `/`.
    pub workspace: WorkspaceName,
    pub buildpacks: BuildpackRequest,
    /// Which files of the application take part.
    pub files: FileFilter,
    /// Where the source comes from.
    pub project: ProjectMetadata,
    pub variables: Variables,
    pub run_image: Option<ImageName>,
    /// The user's mirrors of run images.
    pub run_image_mirrors: Vec<RunImage>,
    /// `None`: the builder's.
    pub platform: Option<Platform>,
    pub cache: CacheRequest,
    pub clear_cache: bool,
    /// Ids inside of the user that builds and owns the layers, where they are not the builder's.
    pub user: UserRequest,
    pub default_process: Option<String>,
    /// Seconds since 1970; `None` is the constant that makes images reproducible.
    pub created: Option<i64>,
    pub certificates: CertificateSource,
    /// Detect and build have no network.
    pub without_network: bool,
    pub execution_environment: ExecutionEnvironment,
    pub outputs: OutputDirectories,
    /// What detect and build see of the host besides.
    pub volumes: Vec<Volume>,
}

/// Where the build cache is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CacheRequest {
    /// In the local store: one for each image.
    #[default]
    OfImage,
    /// In the local store, under this name.
    Volume(String),
    /// In this directory.
    Bind(PathBuf),
    /// An image in a registry.
    Image(ImageName),
}

/// `--uid` and `--gid`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserRequest {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl BuildRequest {
    /// Whether the image goes to registries.
    pub fn publishes(&self) -> bool {
        match self.delivery {
            Delivery::Registries | Delivery::RegistriesAndStore => true,
            Delivery::Store | Delivery::Daemon(_) => false,
        }
    }

    /// The daemon that the image goes to, if it goes to one.
    pub fn daemon(&self) -> Option<Engine> {
        match (self.image.target(), self.delivery) {
            (Target::Daemon { engine, image: DaemonImage::Reference(_) }, _) => Some(*engine),
            (Target::Reference(_), Delivery::Daemon(engine)) => Some(engine),
            (
                Target::Reference(_) | Target::Layout { .. } | Target::Archive { .. } | Target::Daemon { .. },
                Delivery::Store | Delivery::Registries | Delivery::RegistriesAndStore | Delivery::Daemon(_),
            ) => None,
        }
    }

    /// All names of the image; its own first.
    pub fn names(&self) -> Vec<ImageName> {
        std::iter::once(&self.image).chain(&self.tags).cloned().collect()
    }
}

/// Which buildpacks are tried.
#[derive(Clone, Debug, Default)]
pub struct BuildpackRequest {
    /// `--buildpack`, in order; none is the builder's order.
    pub only: Vec<RequestedModule>,
    /// `--pre-buildpack`: before each group of the builder's order.
    pub before: Vec<RequestedModule>,
    /// `--post-buildpack`: after each group of the builder's order.
    pub after: Vec<RequestedModule>,
    /// `--extension`, in order.
    pub extensions: Vec<RequestedModule>,
    /// What the builder puts around every group (system.toml) is left out.
    pub without_system: bool,
}

/// A module as a flag or a project.toml names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedModule {
    /// Text, in which a relative path is relative to `base`.
    Locator {
        text: String,
        base: PathBuf,
    },
    Inline(InlineBuildpack),
}

/// Where copies of what a build leaves beside the image go.
#[derive(Clone, Debug, Default)]
pub struct OutputDirectories {
    /// The directory `sbom` of the layers.
    pub sbom: Option<PathBuf>,
    /// The file `report.toml`.
    pub report: Option<PathBuf>,
}

/// `production`, `test`, or another word: letters, digits, `.` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionEnvironment(String);

/// A directory name: one path component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceName(String);

/// Text that is no execution environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exec-env MUST only contain numbers, letters, and the characters: . or -")]
pub struct InvalidExecutionEnvironment(pub String);

/// Text that is no name for the workspace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("workspace '{0}' is not the name of a directory below /, or one that the builder needs itself")]
pub struct InvalidWorkspaceName(pub String);

impl ExecutionEnvironment {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl WorkspaceName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ExecutionEnvironment {
    fn default() -> Self {
        Self("production".to_owned())
    }
}

impl Default for WorkspaceName {
    fn default() -> Self {
        Self("workspace".to_owned())
    }
}

impl FromStr for ExecutionEnvironment {
    type Err = InvalidExecutionEnvironment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        match text {
            "" => Ok(Self::default()),
            _ if text.bytes().all(is_allowed) => Ok(Self(text.to_owned())),
            _ => Err(InvalidExecutionEnvironment(text.to_owned())),
        }
    }
}

impl FromStr for WorkspaceName {
    type Err = InvalidWorkspaceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const TAKEN: [&str; 18] = [
            ".",
            "..",
            "bin",
            "boot",
            "cnb",
            "dev",
            "etc",
            "layers",
            "lib",
            "lib64",
            "lifecycle",
            "platform",
            "proc",
            "run",
            "sbin",
            "sys",
            "usr",
            "tmp",
        ];
        let plain = text.trim_matches('/');
        match plain {
            "" => Ok(Self::default()),
            _ if plain.contains(['/', '\0']) || TAKEN.contains(&plain) => Err(InvalidWorkspaceName(text.to_owned())),
            _ => Ok(Self(plain.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_rules() {
        assert_eq!("".parse::<ExecutionEnvironment>().unwrap().as_str(), "production");
        assert_eq!("my.env-1".parse::<ExecutionEnvironment>().unwrap().as_str(), "my.env-1");
        assert!("a b".parse::<ExecutionEnvironment>().is_err());
        assert_eq!("/src/".parse::<WorkspaceName>().unwrap().as_str(), "src");
        for text in ["a/b", "..", "cnb", "etc"] {
            assert!(text.parse::<WorkspaceName>().is_err(), "{text}");
        }
    }
}
