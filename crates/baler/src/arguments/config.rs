//! What can be typed about the configuration.

// The comments are help for the terminal, where brackets are brackets.
#![allow(rustdoc::broken_intra_doc_links)]

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler config                                                     what is set, and where\n  \
    baler config default-builder registry.example/builder:1          for builds without --builder\n  \
    baler config pull-policy if-not-present\n  \
    baler config registry-mirrors add docker.io -m mirror.example    ask this one for images of Docker Hub\n  \
    baler config default-builder --unset\n\n\
    The file is baler/config.toml in the XDG configuration directory (~/.config). What it does not say, pack's own file \
    does: $PACK_HOME/config.toml, else ~/.pack/config.toml; started under the name `pack`, the commands change that one. \
    What you or other programs wrote into it stays as it is.")]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) setting: Option<Setting>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Setting {
    /// The builder for builds that name none
    DefaultBuilder(ValueArguments),
    /// When registries are asked for images: always, never or if-not-present
    PullPolicy(ValueArguments),
    /// Recorded for pack; Baler's lifecycle is its own
    LifecycleImage(ValueArguments),
    /// Recorded for pack; nothing in Baler waits for it
    Experimental {
        /// true or false; what is set where left out
        #[arg(value_name = "true|false")]
        value: Option<String>,
    },
    /// Further places of run images
    #[command(alias = "run-image-mirror", subcommand_required = false)]
    RunImageMirrors {
        #[command(subcommand)]
        command: Option<RunImageMirrorsArguments>,
    },
    /// Registries that are asked in the place of others
    #[command(alias = "registry-mirror")]
    RegistryMirrors {
        #[command(subcommand)]
        command: Option<RegistryMirrorsArguments>,
    },
    /// Recorded for pack; in Baler no builder has to be trusted
    #[command(aliases = ["trusted-builder", "trust-builder", "trust-builders"])]
    TrustedBuilders {
        #[command(subcommand)]
        command: Option<TrustedBuildersArguments>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ValueArguments {
    /// The new value; what is set where left out
    #[arg(value_name = "VALUE")]
    pub(crate) value: Option<String>,
    /// Set nothing
    #[arg(short, long)]
    pub(crate) unset: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunImageMirrorsArguments {
    /// List the mirrors
    List {
        /// Of this run image alone
        #[arg(value_name = "RUN-IMAGE")]
        image: Option<String>,
    },
    /// Add mirrors of a run image
    Add {
        #[arg(value_name = "RUN-IMAGE")]
        image: String,
        /// Name of the same image in another registry (repeatable)
        #[arg(short, long, value_name = "IMAGE", value_delimiter = ',')]
        mirror: Vec<String>,
    },
    /// Remove mirrors of a run image; all of them where none is named
    Remove {
        #[arg(value_name = "RUN-IMAGE")]
        image: String,
        /// A mirror to remove (repeatable)
        #[arg(short, long, value_name = "IMAGE", value_delimiter = ',')]
        mirror: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryMirrorsArguments {
    /// List the mirrors
    List,
    /// Have a registry's images come from another one
    Add {
        /// Registry, or * for all
        #[arg(value_name = "REGISTRY")]
        registry: String,
        /// The one that is asked: HOST[:PORT], and a path before the repository's where it has one
        #[arg(short, long, value_name = "REGISTRY")]
        mirror: Option<String>,
    },
    /// Ask the registry itself again
    Remove {
        #[arg(value_name = "REGISTRY")]
        registry: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustedBuildersArguments {
    /// List them
    List,
    /// Record a builder
    Add {
        #[arg(value_name = "BUILDER")]
        builder: String,
    },
    /// Forget a builder
    Remove {
        #[arg(value_name = "BUILDER")]
        builder: String,
    },
}
