//! What can be typed. Each command has a struct; what it means is decided in `commands`.

// The comments are help for the terminal, where brackets are brackets.
#![allow(rustdoc::broken_intra_doc_links, clippy::doc_markdown)]

mod build;
mod config;
mod faults;
mod images;
mod modules;
mod older;
mod registry;
mod store;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use build::{BuildArguments, ExecutorArgument, NetworkArgument, join_timings};
pub(crate) use config::*;
pub(crate) use images::{
    ImageFormat, InspectArguments, PullArguments, PushArguments, RebaseArguments, ResolveArguments, ResolveFormat,
    SbomArguments, SbomDownloadArguments, TagArguments,
};
pub(crate) use modules::*;
pub(crate) use older::OlderArguments;
pub(crate) use registry::{DevArguments, DevRegistryArguments, LoginArguments, LogoutArguments};
pub(crate) use store::*;

#[derive(Debug, Parser)]
#[command(
    name = "baler",
    version,
    about = "Turns application source into a runnable container image, with Cloud Native Buildpacks and no daemon",
    after_help = "Examples:\n  \
        baler doctor                                                 can this machine build?\n  \
        baler build my-app --builder registry.example/builder:1      build the current directory\n  \
        baler run my-app -p 8080                                     start it\n  \
        baler push my-app registry.example/team/app:1.2              or at once: baler build NAME --publish\n\n\
        `baler COMMAND --help` has examples of each.\n\
        Images live in the store: $BALER_HOME, else the `baler` directory of the XDG data directory."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: CommandArguments,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct GlobalArguments {
    /// Say only what is wrong, and the result
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say more
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
    /// Use no colour
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// Use colours, also where nobody looks
    #[arg(long, global = true, conflicts_with = "no_color", help_heading = "Global options")]
    pub(crate) force_color: bool,
    /// How to show what is going on
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_default_value = true,
        help_heading = "Global options"
    )]
    pub(crate) progress: ProgressFormat,
    /// Put the time before each line
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) timestamps: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressFormat {
    /// Live lines on a terminal
    #[default]
    Auto,
    /// Text alone
    Plain,
    /// One JSON object a line
    Json,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ShellArgument {
    #[default]
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CommandArguments {
    /// Build an image from application source
    Build(Box<BuildArguments>),
    /// Start an image
    Run(RunArguments),
    /// Put another run image below an app, without a build
    Rebase(RebaseArguments),
    /// Show what an image is made of
    #[command(alias = "inspect-image")]
    Inspect(InspectArguments),
    /// Get at software bills of materials
    #[command(subcommand)]
    Sbom(SbomArguments),
    /// Make and look at builders: images of buildpacks, a build image and the name of a run image
    #[command(subcommand, alias = "builders")]
    Builder(BuilderArguments),
    /// Make and look at buildpacks, and packages of them
    #[command(subcommand, alias = "buildpacks")]
    Buildpack(BuildpackArguments),
    /// Make and look at packages of image extensions
    #[command(subcommand, alias = "extensions")]
    Extension(ExtensionArguments),
    /// List the images of the store
    Images(ImagesArguments),
    /// Give an image of the store further names
    Tag(TagArguments),
    /// Remove images from the store, with their caches
    Rm(RemoveArguments),
    /// Remove what is not needed from the store
    Prune(PruneArguments),
    /// Take the images of an OCI layout or an archive into the store
    Load(LoadArguments),
    /// Write an image as an archive that Docker and Podman load
    Save(SaveArguments),
    /// Take images of registries into the store
    Pull(PullArguments),
    /// Send an image to a registry
    Push(PushArguments),
    /// Log in to a registry
    Login(LoginArguments),
    /// Forget the credentials for a registry
    Logout(LogoutArguments),
    /// Settings for what no flag says: default builder, pull policy, mirrors
    Config(ConfigArguments),
    /// Show which image a name stands for, and why
    Resolve(ResolveArguments),
    /// Find out whether builds can work here, and what to do where they cannot
    Doctor(DoctorArguments),
    /// Tools for authors of buildpacks
    #[command(subcommand)]
    Dev(DevArguments),
    /// Have a shell complete commands and flags
    #[command(after_help = "Examples:\n  \
        source <(baler completion)                        bash, now\n  \
        baler completion --shell fish > ~/.config/fish/completions/baler.fish\n\n\
        Started under the name `pack` it writes the script to $PACK_HOME, and prints where it is, as pack does.")]
    Completion {
        /// The shell
        #[arg(short, long, value_enum, default_value_t)]
        shell: ShellArgument,
    },
    /// Show what to send along with a question: versions and settings
    Report {
        /// With the names of images, mirrors and builders
        #[arg(short, long)]
        explicit: bool,
    },
    /// Show the version
    Version,
    #[command(flatten)]
    Older(OlderArguments),
}
