//! What is asked of a build, parsed and checked.

use std::path::PathBuf;

use baler_image::{ImageName, Platform};

use crate::certificates::CertificateSource;
use crate::variables::Variables;
use crate::volumes::Volume;

/// A build.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// What the image is saved as.
    pub image: ImageName,
    pub builder: ImageName,
    /// The application directory.
    pub application: PathBuf,
    /// `--buildpack`, in order; none is the builder's order.
    pub buildpacks: Vec<String>,
    /// What relative buildpack paths are relative to.
    pub working_directory: PathBuf,
    pub variables: Variables,
    pub run_image: Option<ImageName>,
    /// `None`: the builder's.
    pub platform: Option<Platform>,
    pub clear_cache: bool,
    pub default_process: Option<String>,
    /// Seconds since 1970; `None` is the constant that makes images reproducible.
    pub created: Option<i64>,
    pub certificates: CertificateSource,
    /// Detect and build have no network.
    pub without_network: bool,
    /// What detect and build see of the host besides.
    pub volumes: Vec<Volume>,
}
