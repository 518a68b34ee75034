//! All settings, and which file each is from.

use std::path::Path;

use crate::commands::format::table;
use crate::config::{Config, Source, Value};
use crate::host;
use crate::output::Console;

pub(super) fn everything(console: &Console) -> anyhow::Result<()> {
    let variables = host::variables();
    let home = variables.get("HOME").map(String::as_str).unwrap_or_default();
    let sources = Config::sources(&variables)?;
    let mut rows = Vec::new();
    for (name, setting) in [
        ("default builder", Value::DefaultBuilder),
        ("pull policy", Value::PullPolicy),
        ("lifecycle image", Value::LifecycleImage),
    ] {
        let said = sources.iter().find_map(|source| Some((setting.of(&source.config)?, &source.path)));
        rows.extend(said.map(|(text, path)| row(name, text, path, home)));
    }
    rows.extend(sources.iter().flat_map(|source| lists(source, home)));
    if rows.is_empty() {
        console.result("Nothing is set");
        return Ok(());
    }
    rows.insert(0, ["SETTING", "VALUE", "SET IN"].map(str::to_owned).to_vec());
    for line in table(&rows) {
        console.result(&line);
    }
    Ok(())
}

fn lists(source: &Source, home: &str) -> Vec<Vec<String>> {
    let Source { path, config } = source;
    let mut rows = Vec::new();
    for image in &config.run_images {
        rows.extend(image.mirrors.iter().map(|mirror| row(&format!("mirror of {}", image.image), mirror, path, home)));
    }
    for (registry, mirror) in &config.registry_mirrors {
        let registry = if registry == "*" { "all registries" } else { registry };
        rows.push(row(&format!("mirror of {registry}"), mirror, path, home));
    }
    rows.extend(config.trusted_builders.iter().map(|builder| row("trusted builder", &builder.name, path, home)));
    if config.experimental {
        rows.push(row("experimental", "true", path, home));
    }
    rows
}

fn row(name: &str, value: &str, path: &Path, home: &str) -> Vec<String> {
    let below = path.strip_prefix(home).ok().filter(|_| !home.is_empty());
    let path = below.map_or_else(|| path.display().to_string(), |path| format!("~/{}", path.display()));
    vec![name.to_owned(), value.to_owned(), path]
}
