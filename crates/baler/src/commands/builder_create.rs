//! `baler builder create`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::bail;
use baler_platform::builder::{self, CreateRequest};
use baler_platform::output::{Level, Output as _};

use crate::arguments::BuilderCreateArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: BuilderCreateArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let names = std::iter::once(&arguments.image).chain(&arguments.tag).map(|name| name.parse());
    let request = CreateRequest {
        names: names.collect::<Result<_, _>>()?,
        is_published: arguments.publish,
        config: arguments.config.clone(),
        targets: arguments.target.iter().map(|target| target.parse()).collect::<Result<_, _>>()?,
        names_parts: arguments.append_image_name_suffix,
        flattened: arguments.flatten.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
        labels: labels(&arguments.label)?,
    };
    let name = &request.names[0];
    warn_of_suffix(arguments.append_image_name_suffix, arguments.publish, console);
    let host = host(arguments.publish, arguments.pull_policy.as_deref(), arguments.registry.insecure_registry)?;
    let created = builder::create(&host.context(console, None)?, &request)?;
    if console.is_quiet() {
        console.result(&format!("{name}@{}", created.digest));
        return Ok(ExitCode::SUCCESS);
    }
    console.result(&format!("Successfully created builder image '{name}'"));
    console.result(&format!("Tip: Run 'baler build <image-name> --builder {name}' to use this builder"));
    Ok(ExitCode::SUCCESS)
}

/// Says that images have no names of their own where there is no index.
pub(super) fn warn_of_suffix(is_asked_for: bool, is_published: bool, console: &Console) {
    if is_asked_for && !is_published {
        console.line(Level::Warning, "--append-image-name-suffix will be ignored, use combined with --publish");
    }
}

/// `NAME=VALUE` for each label.
pub(super) fn labels(texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for text in texts {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            bail!("'{text}' is no label: it is written as NAME=VALUE");
        };
        labels.insert(name.to_owned(), value.to_owned());
    }
    Ok(labels)
}

/// The host, with what the flags of commands that write images say of registries.
pub(super) fn host(
    is_published: bool,
    pull_policy: Option<&str>,
    insecure_registries: Vec<String>,
) -> anyhow::Result<Host> {
    if is_published && pull_policy == Some("never") {
        bail!(
            "--publish and --pull-policy never cannot be used together. The --publish flag requires the use of remote images."
        );
    }
    let mut host = Host::open()?;
    host.set_pull_policy(pull_policy)?;
    host.set_insecure_registries(insecure_registries);
    Ok(host)
}
