//! Commands that make builders and packages.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::images::{ImageFormat, RegistryArguments};

#[derive(Debug, Subcommand)]
pub(crate) enum BuilderArguments {
    /// Make a builder from a builder.toml
    Create(BuilderCreateArguments),
    /// Show what a builder holds
    Inspect(BuilderInspectArguments),
    /// List builders that vendors offer
    Suggest,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler builder inspect registry.example/builder:1\n  \
    baler builder inspect my-builder --output json | jq .local_info.buildpacks\n\n\
    Shows lifecycle, run images, buildpacks and the order in which they are tried: of the builder in its registry, and of the \
    one in the store.")]
pub(crate) struct BuilderInspectArguments {
    /// The builder; the default one of the configuration where left out
    #[arg(value_name = "BUILDER")]
    pub(crate) builder: Option<String>,
    /// How many levels of composite buildpacks the order shows; -1 is all
    #[arg(short, long, value_name = "NUMBER", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) depth: i64,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ImageFormat,
    /// Only what is in the store; no registry is asked
    #[arg(long)]
    pub(crate) local: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler builder create my-builder --config builder.toml                        into the local store\n  \
    baler builder create registry.example/builder:1 -c builder.toml --publish    into a registry\n\n\
    A builder.toml names what is in the builder:\n\n  \
    [[buildpacks]]\n  \
    uri = \"./node\"                    a directory, an archive, a .cnb file, a URL, or docker://IMAGE\n\n  \
    [[order]]\n  \
    [[order.group]]\n  \
    id = \"example/node\"\n\n  \
    [build]\n  \
    image = \"registry.example/build:1\"\n\n  \
    [[run.images]]\n  \
    image = \"registry.example/run:1\"\n\n  \
    [lifecycle]                       may be left out: Baler's own is the lifecycle then\n  \
    version = \"0.20.5\"                a release of the reference, or uri = an archive or image\n\n\
    With several [[targets]] or --target, --publish and oci:PATH have an image for each, and an index of them; the store has \
    the one for this machine.")]
pub(crate) struct BuilderCreateArguments {
    /// The builder to make: a name in the store, oci:PATH[:TAG], an archive, or with --publish one in a registry
    #[arg(value_name = "BUILDER")]
    pub(crate) image: String,
    /// The builder.toml
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Further name for the builder (repeatable)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,
    /// Label of the builder (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE", value_delimiter = ',')]
    pub(crate) label: Vec<String>,
    /// Platform of the builder instead of the targets of the builder.toml (repeatable)
    #[arg(short, long, value_name = "OS/ARCH", value_delimiter = ',')]
    pub(crate) target: Vec<String>,
    /// Of several platforms, give each image a name of its own as well: NAME:TAG-OS-ARCH
    #[arg(long)]
    pub(crate) append_image_name_suffix: bool,
    /// Buildpacks that share one layer (repeatable)
    #[arg(long, value_name = "ID@VERSION,ID@VERSION...")]
    pub(crate) flatten: Vec<String>,
    /// Write it to the registry, and not to the store
    #[arg(long)]
    pub(crate) publish: bool,
    /// When registries are asked: always, never or if-not-present
    #[arg(long, value_name = "POLICY")]
    pub(crate) pull_policy: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BuildpackArguments {
    /// Make a package of a directory, or of what a package.toml names
    Package(PackageArguments),
    /// Make a directory that is a buildpack, to begin with
    New(BuildpackNewArguments),
    /// Show what a buildpack or a package of them holds
    Inspect(BuildpackInspectArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler buildpack inspect ./node                       a directory\n  \
    baler buildpack inspect node.cnb                     a package, or an archive of a directory; also https://...\n  \
    baler buildpack inspect registry.example/node:1      an image, in its registry and in the store\n  \
    baler buildpack inspect node.cnb -o json | jq -r .local_info.buildpacks[].id\n\n\
    With --verbose the mixins of stacks are listed, too.")]
pub(crate) struct BuildpackInspectArguments {
    #[command(flatten)]
    pub(crate) module: ModuleInspectArguments,
    /// How many levels of the order are shown: 1 is the buildpack itself; -1 is all
    #[arg(short, long, value_name = "NUMBER", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) depth: i64,
}

#[derive(Debug, Args)]
pub(crate) struct ModuleInspectArguments {
    /// A directory, an archive, a .cnb file, a URL, or the name of an image
    #[arg(value_name = "WHERE")]
    pub(crate) origin: String,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ImageFormat,
    /// Of an image only what is in the store; no registry is asked
    #[arg(long)]
    pub(crate) local: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    baler buildpack new example/node && baler build my-app --builder BUILDER --buildpack ./node\n\n\
    What it makes takes part in every build and does nothing; the comments in bin/detect and bin/build say how to go on.")]
pub(crate) struct BuildpackNewArguments {
    /// Id of the buildpack, such as example/node
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Directory to make; the last part of the id where left out
    #[arg(short, long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Buildpack API that it is written for
    #[arg(short, long, value_name = "API", default_value = "0.10")]
    pub(crate) api: String,
    /// Its version
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "1.0.0")]
    pub(crate) version: String,
    /// Platform that it is for, such as linux/amd64 (repeatable); this machine's where left out
    #[arg(short, long = "targets", alias = "target", value_name = "OS/ARCH", value_delimiter = ',')]
    pub(crate) target: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExtensionArguments {
    /// Make a package of a directory, or of what a package.toml names
    Package(PackageArguments),
    /// Show what an extension or a package of one holds
    Inspect(ModuleInspectArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler buildpack package my-buildpack.cnb --format file --path ./my-buildpack\n  \
    baler buildpack package my-buildpack --config package.toml\n\n\
    Without --config and --path it is made of the current directory.\n\n\
    Where it is for several platforms, --publish and oci:PATH have an image for each, and an index of them. A file is for one: with \
    several --target there is a file for each, NAME-OS-ARCH.cnb.")]
pub(crate) struct PackageArguments {
    /// The package to make: a name in the store, oci:PATH[:TAG], an archive, with --publish one in a registry, or with --format file a file
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The package.toml
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The directory
    #[arg(short, long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// What to write
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) format: PackageFormatArgument,
    /// Further name for the package (repeatable)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,
    /// Label of the package (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE", value_delimiter = ',')]
    pub(crate) label: Vec<String>,
    /// Platform that the package is for, instead of the targets of package.toml or buildpack.toml (repeatable)
    #[arg(short, long, value_name = "OS/ARCH", value_delimiter = ',')]
    pub(crate) target: Vec<String>,
    /// Of several platforms, give each image a name of its own as well: NAME:TAG-OS-ARCH
    #[arg(long)]
    pub(crate) append_image_name_suffix: bool,
    /// Write it to the registry, and not to the store
    #[arg(long)]
    pub(crate) publish: bool,
    /// When registries are asked: always, never or if-not-present
    #[arg(long, value_name = "POLICY")]
    pub(crate) pull_policy: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum PackageFormatArgument {
    /// An image
    #[default]
    Image,
    /// A .cnb file
    File,
}
