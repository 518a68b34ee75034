//! What can be typed about registries.

// The comments are help for the terminal, where brackets are brackets.
#![allow(rustdoc::broken_intra_doc_links)]

use std::path::PathBuf;

use baler_test_registry::Rule;
use clap::{ArgGroup, Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    baler login registry.example -u me                          asks for the password\n  \
    baler login ghcr.io -u me --password-stdin < token          for scripts\n  \
    baler login registry.example/team -u me                     for what is below this path alone\n\n\
    The registry is asked first, and only credentials that it accepts are kept: in Docker's config.json ($DOCKER_CONFIG, else \
    ~/.docker), or in Podman's auth.json where Docker has no file, and with the credential helper that the file names. Docker, Podman \
    and pack use the same.")]
pub(crate) struct LoginArguments {
    /// Registry: HOST[:PORT], and a path where the credentials are for a part of it; Docker Hub where left out
    #[arg(value_name = "REGISTRY", default_value = "docker.io", hide_default_value = true)]
    pub(crate) registry: String,
    /// User
    #[arg(short, long, value_name = "USER")]
    pub(crate) username: Option<String>,
    /// Read the password, or the token in its place, from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Do not verify the registry's certificate, and do without TLS where it has none
    #[arg(long)]
    pub(crate) insecure: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {
    /// Registry, as it was given to login; Docker Hub where left out
    #[arg(value_name = "REGISTRY", default_value = "docker.io", hide_default_value = true)]
    pub(crate) registry: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DevArguments {
    /// Run a registry on this machine, to try things with
    Registry(DevRegistryArguments),
}

const DEV_REGISTRY_HELP: &str = "Examples:\n  \
    baler dev registry                                     in memory, at 127.0.0.1:5000\n  \
    baler dev registry --directory ~/images                what is pushed is there the next time\n  \
    baler dev registry --auth me:secret                    one who is not logged in may not even pull\n  \
    baler dev registry --auth me:secret --tokens --private the same, with tokens\n  \
    baler dev registry --fault 429:retry-after=2,times=3   the first three requests are too many\n\n\
    In another terminal:\n  \
    baler build 127.0.0.1:5000/my-app --publish -B my-builder -p .\n  \
    skopeo inspect --tls-verify=false docker://127.0.0.1:5000/my-app\n\n\
    It speaks the OCI distribution protocol, so that Docker, Podman, skopeo, pack and clusters use it as any other registry; \
    Baler, Docker and pack need no setting for one on 127.0.0.1. Each request is printed. Ctrl-C ends it, and what is in memory is gone. \
    It is for development: it has no limits, and removes no blob that nothing refers to.";

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("users").args(["auth", "reader"]).multiple(true)))]
#[command(after_help = format!("{DEV_REGISTRY_HELP} `--help` lists the faults."))]
#[command(after_long_help = format!("{DEV_REGISTRY_HELP}\n\n{}", super::faults::help()))]
pub(crate) struct DevRegistryArguments {
    /// Address and port to listen at; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    pub(crate) listen: String,
    /// Keep images in this directory instead of in memory
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Let in only who logs in as USER:PASSWORD (repeatable)
    #[arg(long, value_name = "USER:PASSWORD")]
    pub(crate) auth: Vec<String>,
    /// Let in USER:PASSWORD to pull only (repeatable)
    #[arg(long, value_name = "USER:PASSWORD")]
    pub(crate) reader: Vec<String>,
    /// Give out tokens instead of taking passwords with each request, as hosted registries do; who does not log in may pull
    #[arg(long, requires = "users")]
    pub(crate) tokens: bool,
    /// With tokens, let nobody pull who does not log in
    #[arg(long, requires = "tokens")]
    pub(crate) private: bool,
    /// Take a refresh token (an identity token of Docker's) from this user of --auth or --reader in place of the password (repeatable)
    #[arg(long, value_name = "USER:TOKEN", requires = "tokens")]
    pub(crate) refresh_token: Vec<String>,
    /// Certificate to speak TLS with, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Key of the certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Have something go wrong: FAULT[:KEY=VALUE,…], as in 503:times=3 (repeatable; of several that fit, the first)
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<Rule>,
    /// Serve only clients that show a certificate of this authority, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) client_authority: Option<PathBuf>,
}
