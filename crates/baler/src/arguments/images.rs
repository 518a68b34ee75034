//! What can be typed of commands that move images, and look at them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// How registries are reached.
#[derive(Debug, Args)]
pub(crate) struct RegistryArguments {
    /// Registry whose certificate is not verified, and which may do without TLS (repeatable)
    #[arg(long, value_name = "REGISTRY")]
    pub(crate) insecure_registry: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler pull registry.example/team/builder:1.2\n  \
    baler pull registry.example/team/run --platform linux/arm64")]
pub(crate) struct PullArguments {
    /// The images
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
    /// Platform, such as linux/arm64; this machine's where left out
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler push registry.example/team/app:1.2\n  \
    baler push my-app registry.example/team/app:1.2    under another name\n  \
    baler push oci:out registry.example/team/app       out of an OCI layout")]
pub(crate) struct PushArguments {
    /// The image: a name in the store, oci:PATH, or an archive
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Name in the registry; the image's own where left out
    #[arg(value_name = "NAME")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    baler tag my-app registry.example/team/app:1.2 && baler push registry.example/team/app:1.2")]
pub(crate) struct TagArguments {
    /// The image: a name in the store, oci:PATH, or an archive
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Its further names in the store
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SbomArguments {
    /// Write the software bills of materials of an image to a directory
    Download(SbomDownloadArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  baler sbom download my-app --output-dir boms\n\n\
    The files are those that its buildpacks wrote: below layers/sbom/launch, by buildpack and layer.")]
pub(crate) struct SbomDownloadArguments {
    /// The image that Baler or another platform of Buildpacks built
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Look for the image in its registry, and not in the store
    #[arg(long)]
    pub(crate) remote: bool,
    /// Directory to write to
    #[arg(short, long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) output_dir: PathBuf,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler resolve registry.example/run:jammy\n  \
    baler resolve registry.example/run:jammy --from registry --platform linux/arm64\n  \
    baler resolve oci:out --output json\n\n\
    Says what was asked, what answered, which entries an index has and why one was taken.")]
pub(crate) struct ResolveArguments {
    /// The image: a reference, oci:PATH, or an archive
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Platform, such as linux/arm64; this machine's where left out
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// Place to look in: registry, store, daemon, or the PATH of a layout or archive; as a build would where left out
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: Option<String>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ResolveFormat,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ResolveFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler inspect my-app\n  \
    baler inspect registry.example/team/app:1.2 --output json\n  \
    baler inspect oci:out")]
pub(crate) struct InspectArguments {
    /// The image: a name, which is looked for in its registry and in the store, oci:PATH, or an archive
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Ask no registry
    #[arg(long)]
    pub(crate) local: bool,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ImageFormat,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ImageFormat {
    #[default]
    HumanReadable,
    Json,
    Yaml,
    Toml,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler rebase my-app\n  \
    baler rebase registry.example/team/app:1.2 --publish\n  \
    baler rebase my-app --run-image registry.example/run:patched\n\n\
    Only the layers of the run image change. What was built stays, byte for byte.")]
pub(crate) struct RebaseArguments {
    /// The image, and what the new one is saved as
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Find the image in its registry, and put the new one there
    #[arg(long)]
    pub(crate) publish: bool,
    /// Run image to put below, where the app was built on another one
    #[arg(long, value_name = "IMAGE")]
    pub(crate) run_image: Option<String>,
    /// Image to rebase, where it has another name than the new one
    #[arg(long, value_name = "IMAGE")]
    pub(crate) previous_image: Option<String>,
    /// When registries are asked: always, if-not-present, or never
    #[arg(long, value_name = "POLICY")]
    pub(crate) pull_policy: Option<String>,
    /// Copy report.toml to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) report_output_dir: Option<PathBuf>,
    /// Rebase also onto a run image that does not fit, or is another one than the app knows
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}
