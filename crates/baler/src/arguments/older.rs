//! Older names of commands, which scripts for `pack` have (platform-behaviour 1.10).

use clap::Subcommand;

use super::{BuilderCreateArguments, BuilderInspectArguments, BuildpackInspectArguments, PackageArguments};

#[derive(Debug, Subcommand)]
pub(crate) enum OlderArguments {
    /// builder create
    #[command(hide = true)]
    CreateBuilder(BuilderCreateArguments),
    /// builder inspect
    #[command(hide = true)]
    InspectBuilder(BuilderInspectArguments),
    /// builder suggest
    #[command(hide = true)]
    SuggestBuilders,
    /// buildpack package
    #[command(hide = true)]
    PackageBuildpack(PackageArguments),
    /// buildpack inspect
    #[command(hide = true)]
    InspectBuildpack(BuildpackInspectArguments),
    /// config default-builder
    #[command(hide = true)]
    SetDefaultBuilder {
        #[arg(value_name = "BUILDER")]
        builder: Option<String>,
    },
    /// config run-image-mirrors
    #[command(hide = true)]
    SetRunImageMirrors {
        #[arg(value_name = "RUN-IMAGE")]
        image: String,
        /// Name of the same image in another registry, in place of those that were set (repeatable)
        #[arg(short, long, value_name = "IMAGE", value_delimiter = ',')]
        mirror: Vec<String>,
    },
    /// config trusted-builders add
    #[command(hide = true)]
    TrustBuilder {
        #[arg(value_name = "BUILDER")]
        builder: String,
    },
    /// config trusted-builders remove
    #[command(hide = true)]
    UntrustBuilder {
        #[arg(value_name = "BUILDER")]
        builder: String,
    },
    /// config trusted-builders
    #[command(hide = true)]
    ListTrustedBuilders,
}
