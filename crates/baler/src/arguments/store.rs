//! What can be typed of commands that work with the store.

// The comments are help for the terminal, where brackets are brackets.
#![allow(rustdoc::broken_intra_doc_links, clippy::doc_markdown)]

use std::path::PathBuf;

use baler_image::ArchiveKind;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler run my-app\n  \
    baler run my-app --process worker -e LOG=debug -- --once\n  \
    baler run my-app -p 9000:8080\n\n\
    The image runs as the user that it names, on the host's network; with -p, on one of its own. HOST is 127.0.0.1 where\n\
    it is left out, and 0.0.0.0 for all addresses of this machine. Ctrl-C ends it.")]
pub(crate) struct RunArguments {
    /// The image: a name in the store, or oci:PATH
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Process type to start instead of the default one
    #[arg(long, value_name = "TYPE")]
    pub(crate) process: Option<String>,
    /// Variable: NAME=VALUE, or NAME to take it from the environment (repeatable)
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Give the application a network of its own, and forward this port of the host to it (repeatable)
    #[arg(short, long = "publish", value_name = "[HOST:]PORT[:CONTAINER]")]
    pub(crate) publish: Vec<baler_platform::run::PortForward>,
    /// Program to start instead of the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,
    /// Arguments for the process
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ImagesArguments {
    /// How to write the list
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ListFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ListFormat {
    #[default]
    Table,
    Json,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum InspectFormat {
    #[default]
    HumanReadable,
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Ends with 1 if no build could work.")]
pub(crate) struct DoctorArguments {
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: InspectFormat,
}

#[derive(Debug, Args)]
#[command(after_help = "Layers that other images have stay. `baler prune` removes images by age or size.")]
pub(crate) struct RemoveArguments {
    /// The images
    #[arg(value_name = "IMAGE", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) images: Vec<String>,
    /// All images
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler prune                     what nothing refers to, and caches of images that are gone\n  \
    baler prune --older-than 7d     also images that nothing used for a week\n  \
    baler prune --keep-size 10GB    also the images that were not used for longest, until 10 GB are left\n\n\
    What a running build uses stays.")]
pub(crate) struct PruneArguments {
    /// Also images that were neither written nor used for this long: 12h, 7d, 2w
    #[arg(long, value_name = "AGE", value_parser = crate::commands::prune::parse_age)]
    pub(crate) older_than: Option<std::time::Duration>,
    /// Also images, those not used for longest first, until the store is not larger than this: 500MB, 10GB
    #[arg(long, value_name = "SIZE", value_parser = crate::commands::prune::parse_size)]
    pub(crate) keep_size: Option<u64>,
    /// Also the caches of all images
    #[arg(long)]
    pub(crate) caches: bool,
    /// All images and all caches
    #[arg(long, conflicts_with_all = ["older_than", "keep_size"])]
    pub(crate) all: bool,
    /// Only say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    docker save my-builder -o builder.tar && baler load builder.tar\n  \
    baler load ./layout --name my-builder")]
pub(crate) struct LoadArguments {
    /// Directory with an OCI layout, or an archive: of docker save, of podman save, or an OCI layout in a tar; gzip is
    /// read too
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// Name for the image, where there is only one
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        baler save my-app | docker load\n  \
        baler save my-app | podman load\n  \
        baler save my-app --format oci -o my-app.tar\n\n\
        The format docker is an OCI layout as well: every Docker, Podman and skopeo reads it.")]
pub(crate) struct SaveArguments {
    /// The image: a name in the store, oci:PATH, docker-archive:PATH or oci-archive:PATH
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// File to write; standard output where left out
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What to write: an archive for Docker and Podman, or an OCI layout in a tar
    #[arg(long, value_enum, default_value_t = ArchiveArgument::Docker)]
    pub(crate) format: ArchiveArgument,
}

/// The kinds of archives.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ArchiveArgument {
    Docker,
    Oci,
}

impl ArchiveArgument {
    pub(crate) fn kind(self) -> ArchiveKind {
        match self {
            Self::Docker => ArchiveKind::Docker,
            Self::Oci => ArchiveKind::Oci,
        }
    }
}
