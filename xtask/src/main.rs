//! Chores of the workspace, run as `cargo xtask NAME`.

mod base_images;
mod build;
mod check_deps;
mod command;
mod debian;
mod dist;
mod oci_layout;
mod output;
mod samples;
mod sbom;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the workspace.
///
/// What a chore makes lies under `target/dist`:
///
///   baler         the program, static, with the launchers inside         (build)
///   lifecycle/    the phases under their own names, and the launcher     (build)
///   foreign/      both for the other architecture                        (build --all)
///   sbom/         bills of materials of lifecycle and launcher           (build)
///   release/      what is published: archives, checksums, an image       (dist)
///   base/         the sample base images, as an OCI layout               (base-images)
///   samples/      the sample buildpacks, builder and applications        (samples)
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, verbatim_doc_comment)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build what is installed: the launchers, then `baler` with both of them inside, then `lifecycle/`.
    Build(build::Options),
    /// Pack what is published, for amd64 and arm64, out of what `build --all` made.
    Dist(dist::Options),
    /// Make the build and the run base image out of Debian packages, as an OCI layout.
    BaseImages(base_images::Options),
    /// Put the samples together: buildpacks (the one in Rust is compiled), builder.toml, applications.
    Samples(samples::Options),
    /// Fail when a crate of the workspace depends on one that it must not know.
    CheckDeps,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Build(options) => build::run(&options),
        Chore::Dist(options) => dist::run(&options),
        Chore::BaseImages(options) => base_images::run(&options),
        Chore::Samples(options) => samples::run(&options),
        Chore::CheckDeps => check_deps::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}
