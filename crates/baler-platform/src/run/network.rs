//! The network of an application whose ports are published: one of its own.

use std::path::PathBuf;

use baler_sandbox::{Entrance, Gate, NAME_SERVER};
use baler_store::{Scratch, ScratchError};

use super::RunError;
use crate::build::host_files;
use crate::context::Context;
use crate::output::Level;

const RESOLVER: &str = "/etc/resolv.conf";

/// What an application gets that has a network of its own.
pub(super) struct OwnNetwork {
    pub(super) gate: Gate,
    pub(super) entrance: Entrance,
    /// Source and target of files to mount: those of the host, but a resolver that asks through the way out.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
}

pub(super) fn prepare(context: &Context<'_>, scratch: &Scratch) -> Result<OwnNetwork, RunError> {
    let pasta = find_pasta(context);
    if pasta.is_none() {
        warn(context, "pasta is not installed (Debian's package passt)");
    }
    let (gate, entrance) = Gate::new(pasta).map_err(|source| RunError::Network { source })?;
    let resolver = scratch.subdirectory("network")?.join("resolv.conf");
    let text = fs_err::read_to_string(RESOLVER).unwrap_or_default();
    fs_err::write(&resolver, resolver_settings(&text))
        .map_err(|source| ScratchError { path: resolver.clone(), source })?;
    let others = host_files().into_iter().filter(|(_, target)| target.as_os_str() != RESOLVER);
    Ok(OwnNetwork { gate, entrance, files: others.chain([(resolver, PathBuf::from(RESOLVER))]).collect() })
}

/// Says why the application reaches nothing but itself. It may not have to.
pub(super) fn warn(context: &Context<'_>, reason: &str) {
    let text = format!("The application is reached at its ports, but reaches no other machine: {reason}");
    context.output.line(Level::Warning, &text);
}

fn find_pasta(context: &Context<'_>) -> Option<PathBuf> {
    let path = context.variable("PATH").unwrap_or("/usr/bin:/bin");
    std::env::split_paths(path).map(|directory| directory.join("pasta")).find(|program| program.is_file())
}

/// The host's settings with another name server: that of the host may be one that only the host itself reaches.
fn resolver_settings(host: &str) -> String {
    let others = host.lines().filter(|line| ["search", "options", "domain"].iter().any(|word| line.starts_with(word)));
    others.map(|line| format!("{line}\n")).chain([format!("nameserver {NAME_SERVER}\n")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_server_is_the_way_out() {
        let host = "# made by something\nnameserver 127.0.0.53\nsearch example.org\n";
        assert_eq!(resolver_settings(host), "search example.org\nnameserver 169.254.1.1\n");
    }
}
