//! What can be typed of `baler build`.

// The comments are help for the terminal, where brackets are brackets.
#![allow(rustdoc::broken_intra_doc_links, clippy::doc_markdown)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::images::RegistryArguments;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(after_help = "Examples:\n  \
    baler build my-app --builder my-builder --path ./app            into the local store\n  \
    baler build registry.example/team/app:1.2 --publish             into a registry\n  \
    baler build oci:out:1.0 -B my-builder -e BP_NODE_VERSION=20     into an OCI layout directory\n  \
    baler build my-app --daemon                                     into Docker or Podman\n\n\
    A builder is looked for in the local store, then in its registry. Without --builder it is that of project.toml, or the default of the configuration. What a build does, step by step, is said with -v.")]
pub(crate) struct BuildArguments {
    /// The image to build: a name, oci:PATH[:TAG] for an OCI layout directory, or docker-archive:FILE or oci-archive:FILE
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Builder: a name, oci:PATH or an archive
    #[arg(short = 'B', long, value_name = "BUILDER")]
    pub(crate) builder: Option<String>,
    /// Application directory, or a zip file of one
    #[arg(short, long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) path: PathBuf,
    /// Buildpack instead of those of the builder's order: a directory, an archive or package (.tgz, .cnb) as a file or URL, a package's image (`docker://NAME`), the ID[@VERSION] of one in the builder, or from=builder for its whole order (repeatable)
    #[arg(short, long, value_name = "BUILDPACK", value_delimiter = ',', help_heading = "Buildpacks")]
    pub(crate) buildpack: Vec<String>,
    /// Buildpack before each group of the builder's order (repeatable)
    #[arg(long, value_name = "BUILDPACK", help_heading = "Buildpacks")]
    pub(crate) pre_buildpack: Vec<String>,
    /// Buildpack after each group of the builder's order (repeatable)
    #[arg(long, value_name = "BUILDPACK", help_heading = "Buildpacks")]
    pub(crate) post_buildpack: Vec<String>,
    /// Leave out what the builder puts around every group (its system buildpacks)
    #[arg(long, help_heading = "Buildpacks")]
    pub(crate) disable_system_buildpacks: bool,
    /// Image extension, in any of the ways that buildpacks are named (repeatable)
    #[arg(long, value_name = "EXTENSION", value_delimiter = ',', help_heading = "Buildpacks")]
    pub(crate) extension: Vec<String>,
    /// The project.toml; that of the application's directory where left out
    #[arg(short, long, value_name = "FILE", help_heading = "Buildpacks")]
    pub(crate) descriptor: Option<PathBuf>,
    /// Variable for the build: NAME=VALUE, or NAME to take it from the environment (repeatable)
    #[arg(short, long, value_name = "NAME[=VALUE]", help_heading = "Buildpacks")]
    pub(crate) env: Vec<String>,
    /// File with variables, one NAME[=VALUE] a line (repeatable)
    #[arg(long, value_name = "FILE", help_heading = "Buildpacks")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Execution environment that the image is for
    #[arg(long, value_name = "NAME", default_value = "production", help_heading = "Buildpacks")]
    pub(crate) exec_env: String,
    /// Further name for the image (repeatable)
    #[arg(short, long, value_name = "NAME", value_delimiter = ',', help_heading = "Image")]
    pub(crate) tag: Vec<String>,
    /// Push the image and its tags to their registries
    #[arg(long, help_heading = "Image")]
    pub(crate) publish: bool,
    /// Keep a published image in the local store, too
    #[arg(long, requires = "publish", help_heading = "Image")]
    pub(crate) keep: bool,
    /// Write the image to Docker or Podman, and use the images that are there
    #[arg(long, conflicts_with = "publish", help_heading = "Image")]
    pub(crate) daemon: bool,
    /// Where Docker listens, if it is needed: unix:///PATH, tcp://HOST:PORT, or `inherit` for what DOCKER_HOST says
    #[arg(long, value_name = "ADDRESS", help_heading = "Image")]
    pub(crate) docker_host: Option<String>,
    /// Process type that the image starts by itself
    #[arg(short = 'D', long, value_name = "TYPE", help_heading = "Image")]
    pub(crate) default_process: Option<String>,
    /// Creation time of the image: `now` or seconds since 1970; a constant where left out
    #[arg(long, value_name = "TIME", help_heading = "Image")]
    pub(crate) creation_time: Option<String>,
    /// Image that this one replaces, and whose layers it may reuse, where it has another name
    #[arg(long, value_name = "IMAGE", help_heading = "Image")]
    pub(crate) previous_image: Option<String>,
    /// Copy the software bills of materials to this directory
    #[arg(long, value_name = "DIR", help_heading = "Image")]
    pub(crate) sbom_output_dir: Option<PathBuf>,
    /// Copy report.toml to this directory
    #[arg(long, value_name = "DIR", help_heading = "Image")]
    pub(crate) report_output_dir: Option<PathBuf>,
    /// Run image instead of the builder's: a name, oci:PATH or an archive
    #[arg(long, value_name = "IMAGE", help_heading = "Other images")]
    pub(crate) run_image: Option<String>,
    /// Platform to build for, such as linux/amd64; the builder's where left out
    #[arg(long, value_name = "OS/ARCH", help_heading = "Other images")]
    pub(crate) platform: Option<String>,
    /// When a registry is asked for the builder and the run image: always, if-not-present, never
    #[arg(long, value_name = "POLICY", help_heading = "Other images")]
    pub(crate) pull_policy: Option<String>,
    #[command(flatten, next_help_heading = "Other images")]
    pub(crate) registry: RegistryArguments,
    /// Build cache: type=<build|launch>;format=<volume|bind|image>;name=NAME or source=DIR (once for each type)
    #[arg(long, value_name = "CACHE", help_heading = "How it is built")]
    pub(crate) cache: Vec<String>,
    /// Image in a registry that holds the build cache; needs --publish
    #[arg(long, value_name = "IMAGE", help_heading = "How it is built")]
    pub(crate) cache_image: Option<String>,
    /// Forget what earlier builds cached
    #[arg(long, help_heading = "How it is built")]
    pub(crate) clear_cache: bool,
    /// Network of detect and build
    #[arg(long, value_enum, default_value_t, help_heading = "How it is built")]
    pub(crate) network: NetworkArgument,
    /// Directory or file of the host that detect and build see: SOURCE:TARGET[:ro|rw], read-only where left out (repeatable)
    #[arg(long, value_name = "SOURCE:TARGET[:OPTIONS]", help_heading = "How it is built")]
    pub(crate) volume: Vec<String>,
    /// Certificate authorities that the build trusts: host, image, or a PEM file
    #[arg(long, value_name = "host|image|FILE", default_value = "host", help_heading = "How it is built")]
    pub(crate) ca_certificates: String,
    /// User id that builds and owns the layers, instead of the builder's
    #[arg(long, value_name = "ID", allow_negative_numbers = true, help_heading = "How it is built")]
    pub(crate) uid: Option<i64>,
    /// Group id that builds and owns the layers, instead of the builder's
    #[arg(long, value_name = "ID", allow_negative_numbers = true, help_heading = "How it is built")]
    pub(crate) gid: Option<i64>,
    /// Name of the application's directory inside
    #[arg(
        long,
        value_name = "NAME",
        default_value = "workspace",
        hide_default_value = true,
        help_heading = "How it is built"
    )]
    pub(crate) workspace: String,
    /// Where detect and build run; the default is a sandbox, and in place in a builder's container that cannot make one
    #[arg(long, value_enum, default_value_t, hide_default_value = true, help_heading = "How it is built")]
    pub(crate) executor: ExecutorArgument,
    /// Compress with this many threads; as many as there are processors where left out
    #[arg(long, value_name = "N", help_heading = "How it is built")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
    /// Show how long each phase took, or write it as a page with a time line to a file whose name ends in .html
    #[arg(long, value_name = "FILE.html", num_args = 0..=1, require_equals = true, help_heading = "How it is built")]
    #[expect(clippy::option_option, reason = "absent, without a file, with one: as clap has it")]
    pub(crate) timings: Option<Option<PathBuf>>,
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
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, CommandArguments};

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
