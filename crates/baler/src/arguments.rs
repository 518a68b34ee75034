//! What can be typed. Each command has a struct; what it means is decided in `commands`.

// The comments are help for the terminal, where brackets are brackets.
#![allow(rustdoc::broken_intra_doc_links, clippy::doc_markdown)]

mod images;
mod modules;
mod registry;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use baler_image::ArchiveKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use images::{
    ImageFormat, InspectArguments, PullArguments, PushArguments, RebaseArguments, RegistryArguments, ResolveArguments,
    ResolveFormat, SbomArguments, SbomDownloadArguments, TagArguments,
};
pub(crate) use modules::*;
pub(crate) use registry::{DevArguments, DevRegistryArguments, LoginArguments, LogoutArguments};

#[derive(Debug, Parser)]
#[command(
    name = "baler",
    version,
    about = "Turns application source into a runnable container image, with Cloud Native Buildpacks and no daemon",
    after_help = "Examples:\n  \
        baler build my-app --builder my-builder --path .   build the current directory\n  \
        baler run my-app                                   start it\n  \
        baler build oci:out --builder my-builder           write an OCI layout instead\n\n\
        Images live in the store: $BALER_HOME, else the `baler` directory of the XDG data directory.",
    disable_help_subcommand = true
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

#[derive(Debug, Subcommand)]
pub(crate) enum CommandArguments {
    /// Build an image from application source
    Build(Box<BuildArguments>),
    /// Make builders
    #[command(subcommand)]
    Builder(BuilderArguments),
    /// Make packages of buildpacks
    #[command(subcommand)]
    Buildpack(ModuleArguments),
    /// Make packages of image extensions
    #[command(subcommand)]
    Extension(ModuleArguments),
    /// Start an image
    Run(RunArguments),
    /// List the images of the store
    Images(ImagesArguments),
    /// Show what an image is made of
    #[command(alias = "inspect-image")]
    Inspect(InspectArguments),
    /// Remove images from the store, with their caches
    Rm(RemoveArguments),
    /// Remove what is not needed from the store
    Prune(PruneArguments),
    /// Load the images of an OCI layout into the store
    Load(LoadArguments),
    /// Find out whether builds can work here, and what to do where they cannot
    Doctor(DoctorArguments),
    /// Take images of registries into the store
    Pull(PullArguments),
    /// Send an image to a registry
    Push(PushArguments),
    /// Put another run image below an app, without a build
    Rebase(RebaseArguments),
    /// Give an image of the store further names
    Tag(TagArguments),
    /// Show which image a name stands for, and why
    Resolve(ResolveArguments),
    /// Get at software bills of materials
    #[command(subcommand)]
    Sbom(SbomArguments),
    /// Write an image as an archive that Docker and Podman load
    Save(SaveArguments),
    /// Log in to a registry
    Login(LoginArguments),
    /// Forget the credentials for a registry
    Logout(LogoutArguments),
    /// Tools for authors of buildpacks
    #[command(subcommand)]
    Dev(DevArguments),
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(after_help = "Examples:\n  \
    baler build my-app --builder my-builder --path ./app\n  \
    baler build my-app -B my-builder -e BP_NODE_VERSION=20 --timings\n  \
    baler build oci:out:1.0 -B my-builder --creation-time now\n\n\
    The image name is a name in the local store, or oci:PATH[:TAG] for an OCI layout directory.")]
pub(crate) struct BuildArguments {
    /// The image to build: a name, or oci:PATH[:TAG]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Builder: a name in the store, or oci:PATH
    #[arg(short = 'B', long, value_name = "BUILDER")]
    pub(crate) builder: Option<String>,
    /// Application directory, or a zip file of one
    #[arg(short, long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) path: PathBuf,
    /// Buildpack instead of those of the builder's order: a directory, an archive or package (.tgz, .cnb) as a file or URL, a package's image (`docker://NAME`), the ID[@VERSION] of one in the builder, or from=builder for its whole order (repeatable)
    #[arg(short, long, value_name = "BUILDPACK", value_delimiter = ',')]
    pub(crate) buildpack: Vec<String>,
    /// Buildpack before each group of the builder's order (repeatable)
    #[arg(long, value_name = "BUILDPACK")]
    pub(crate) pre_buildpack: Vec<String>,
    /// Buildpack after each group of the builder's order (repeatable)
    #[arg(long, value_name = "BUILDPACK")]
    pub(crate) post_buildpack: Vec<String>,
    /// The project.toml; that of the application's directory where left out
    #[arg(short, long, value_name = "FILE")]
    pub(crate) descriptor: Option<PathBuf>,
    /// Image extension, in any of the ways that buildpacks are named (repeatable)
    #[arg(long, value_name = "EXTENSION", value_delimiter = ',')]
    pub(crate) extension: Vec<String>,
    /// Further name for the image (repeatable)
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,
    /// Image that this one replaces, and whose layers it may reuse, where it has another name
    #[arg(long, value_name = "IMAGE")]
    pub(crate) previous_image: Option<String>,
    /// Name of the application's directory inside
    #[arg(long, value_name = "NAME", default_value = "workspace", hide_default_value = true)]
    pub(crate) workspace: String,
    /// Execution environment that the image is for
    #[arg(long, value_name = "NAME", default_value = "production")]
    pub(crate) exec_env: String,
    /// Copy the software bills of materials to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) sbom_output_dir: Option<PathBuf>,
    /// Copy report.toml to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) report_output_dir: Option<PathBuf>,
    /// Variable for the build: NAME=VALUE, or NAME to take it from the environment (repeatable)
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// File with variables, one NAME[=VALUE] a line (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Run image instead of the builder's
    #[arg(long, value_name = "IMAGE")]
    pub(crate) run_image: Option<String>,
    /// Platform to build for, such as linux/amd64; the builder's where left out
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// Forget what earlier builds cached
    #[arg(long)]
    pub(crate) clear_cache: bool,
    /// Process type that the image starts by itself
    #[arg(short = 'D', long, value_name = "TYPE")]
    pub(crate) default_process: Option<String>,
    /// Creation time of the image: `now` or seconds since 1970; a constant where left out
    #[arg(long, value_name = "TIME")]
    pub(crate) creation_time: Option<String>,
    /// Where detect and build run; the default is a sandbox, and in place in a builder's container that cannot make one
    #[arg(long, value_enum, default_value_t, hide_default_value = true)]
    pub(crate) executor: ExecutorArgument,
    /// Network of detect and build
    #[arg(long, value_enum, default_value_t)]
    pub(crate) network: NetworkArgument,
    /// Directory or file of the host that detect and build see: SOURCE:TARGET[:ro|rw], read-only where left out (repeatable)
    #[arg(long, value_name = "SOURCE:TARGET[:OPTIONS]")]
    pub(crate) volume: Vec<String>,
    /// Certificate authorities that the build trusts: host, image, or a PEM file
    #[arg(long, value_name = "host|image|FILE", default_value = "host")]
    pub(crate) ca_certificates: String,
    /// Push the image and its tags to their registries
    #[arg(long)]
    pub(crate) publish: bool,
    /// Keep a published image in the local store, too
    #[arg(long, requires = "publish")]
    pub(crate) keep: bool,
    /// Build cache: type=<build|launch>;format=<volume|bind|image>;name=NAME or source=DIR (once for each type)
    #[arg(long, value_name = "CACHE")]
    pub(crate) cache: Vec<String>,
    /// Image in a registry that holds the build cache; needs --publish
    #[arg(long, value_name = "IMAGE")]
    pub(crate) cache_image: Option<String>,
    /// User id that builds and owns the layers, instead of the builder's
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub(crate) uid: Option<i64>,
    /// Group id that builds and owns the layers, instead of the builder's
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub(crate) gid: Option<i64>,
    /// When a registry is asked for the builder and the run image: always, if-not-present, never
    #[arg(long, value_name = "POLICY")]
    pub(crate) pull_policy: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
    /// Compress with this many threads; as many as there are processors where left out
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
    /// Show how long each phase took, or write it as a page with a time line to a file whose name ends in .html
    #[arg(long, value_name = "FILE.html", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "absent, without a file, with one: as clap has it")]
    pub(crate) timings: Option<Option<PathBuf>>,
    /// Write the image to Docker or Podman, and use the images that are there
    #[arg(long, conflicts_with = "publish")]
    pub(crate) daemon: bool,
    /// Where Docker listens, if it is needed: unix:///PATH, tcp://HOST:PORT, or `inherit` for what DOCKER_HOST says
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) docker_host: Option<String>,
    #[command(flatten)]
    pub(crate) accepted: AcceptedArguments,
}

/// Flags that scripts for `pack` have, and that have nothing to decide here: docs/differences.md says why.
#[derive(Debug, Args)]
pub(crate) struct AcceptedArguments {
    #[arg(long, hide = true)]
    trust_builder: bool,
    #[arg(long, hide = true)]
    trust_extra_buildpacks: bool,
    #[arg(long, hide = true)]
    userns_host: bool,
    #[arg(long, hide = true)]
    pub(crate) lifecycle_image: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ExecutorArgument {
    /// In place in a builder's container that cannot make sandboxes, else in a sandbox
    #[default]
    Auto,
    /// In a sandbox
    Sandbox,
    /// In the image that baler was started in, which must be a builder
    InPlace,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum NetworkArgument {
    /// The host's
    #[default]
    Host,
    /// None but a loopback
    None,
}

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

/// `--timings FILE.html` as `--timings=FILE.html`: without a file the flag may stand before the image's name, and what
/// does not end in `.html` is that.
pub(crate) fn join_timings(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let is_page = Path::new(&argument).extension().is_some_and(|extension| extension == "html");
        match joined.last_mut() {
            Some(last) if is_page && last == "--timings" => {
                last.push("=");
                last.push(&argument);
            }
            Some(_) | None => joined.push(argument),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timings_take_a_page_or_nothing() {
        let timings = |words: &str| {
            let words = join_timings(words.split(' ').map(OsString::from).collect());
            match Arguments::try_parse_from(words).unwrap().command {
                CommandArguments::Build(arguments) => (arguments.image, arguments.timings),
                _ => panic!("another command"),
            }
        };
        let page = Some(Some(PathBuf::from("out/a.html")));
        assert_eq!(timings("baler build app --timings out/a.html"), ("app".to_owned(), page.clone()));
        assert_eq!(timings("baler build --timings=out/a.html app"), ("app".to_owned(), page));
        assert_eq!(timings("baler build --timings app"), ("app".to_owned(), Some(None)));
        assert_eq!(timings("baler build app"), ("app".to_owned(), None));
    }
}
