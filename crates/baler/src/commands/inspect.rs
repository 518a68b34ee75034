//! `baler inspect`.

use std::process::ExitCode;

use baler_cnb::labels::{BuildLabel, BuildLabelCommand, BuilderLabel};
use baler_image::{Identity, Platform, Wanted};
use baler_platform::images::{self, Inspection};
use baler_platform::places::{Asked, Needed, Search, locate};
use serde_json::{Value, json};

use super::format::{bytes, table};
use crate::arguments::{InspectArguments, InspectFormat};
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &InspectArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let host = Host::open()?;
    let context = host.context(console, None)?;
    let (name, wanted) = (arguments.image.parse()?, Wanted::Preferably(Platform::host()));
    let (search, needed) = (Search::STORE, Needed::Documents);
    let located = locate(&context, &Asked { role: "image", name: &name, wanted: &wanted, search, needed })?;
    let inspection = images::inspect(located.image);
    match arguments.output {
        InspectFormat::Json => console.result(&serde_json::to_string_pretty(&value(&inspection))?),
        InspectFormat::HumanReadable => text(&inspection).iter().for_each(|line| console.result(line)),
    }
    Ok(ExitCode::SUCCESS)
}

fn text(inspection: &Inspection) -> Vec<String> {
    let image = &inspection.image;
    let config = image.config();
    let mut lines = vec![
        format!("Inspecting image: '{}'", image.name()),
        String::new(),
        match image.identity() {
            Identity::Manifest(digest) => format!("Digest:    {digest}"),
            Identity::ImageId(id) => format!("Image id:  {id}"),
        },
        format!("Platform:  {}", image.platform()),
        format!("Created:   {}", config.created.as_deref().unwrap_or("-")),
        format!("Size:      {} in {} layers", bytes(image.size()), image.layers().len()),
        format!("User:      {}", or_dash(&config.config.user)),
        format!("Entry:     {}", or_dash(&config.config.entrypoint.clone().unwrap_or_default().join(" "))),
        format!("Found in:  {}", image.place()),
    ];
    if let Some(index) = image.index_digest() {
        lines.push(format!("Index:     {index}"));
    }
    if let Some(metadata) = &inspection.lifecycle {
        lines.extend([String::new(), "Base Image:".to_owned()]);
        lines.push(format!("  Reference: {}", metadata.run_image.reference));
        lines.push(format!("  Top Layer: {}", metadata.run_image.top_layer));
    }
    lines.extend(inspection.build.iter().flat_map(build_text));
    lines.extend(inspection.builder.iter().flat_map(builder_text));
    lines.extend([String::new(), "Labels:".to_owned()]);
    lines.extend(config.config.labels.iter().map(|(name, value)| format!("  {name}: {}", shortened(value))));
    lines
}

fn build_text(label: &BuildLabel) -> Vec<String> {
    let mut lines = vec![String::new(), "Buildpacks:".to_owned()];
    let mut rows = vec![["  ID", "VERSION", "HOMEPAGE"].map(str::to_owned).to_vec()];
    let row = |id: &str, version: &str, homepage: &str| {
        vec![format!("  {id}"), version.to_owned(), or_dash(homepage).to_owned()]
    };
    rows.extend(label.buildpacks.iter().map(|buildpack| row(&buildpack.id, &buildpack.version, &buildpack.homepage)));
    lines.extend(table(&rows));
    if !label.processes.is_empty() {
        lines.extend([String::new(), "Processes:".to_owned()]);
        let mut rows = vec![["  TYPE", "COMMAND", "ARGS", "WORK DIR"].map(str::to_owned).to_vec()];
        for process in &label.processes {
            let mark = if process.process_type == label.default_process_type { " (default)" } else { "" };
            let command = match &process.command {
                BuildLabelCommand::Text(command) => command.clone(),
                BuildLabelCommand::List(command) => command.join(" "),
            };
            let args = process.args.clone().unwrap_or_default().join(" ");
            let directory = or_dash(&process.working_dir).to_owned();
            rows.push(vec![format!("  {}{mark}", process.process_type), command, args, directory]);
        }
        lines.extend(table(&rows));
    }
    lines
}

fn builder_text(label: &BuilderLabel) -> Vec<String> {
    let mut lines = vec![String::new(), format!("Builder: {}", or_dash(&label.description))];
    lines.push(format!("  Created by: {} {}", label.created_by.name, label.created_by.version));
    lines.push(format!("  Lifecycle:  {}", label.lifecycle.version));
    lines.push("  Run images:".to_owned());
    lines.extend(label.images.iter().map(|image| format!("    {}", image.image)));
    lines.push("  Buildpacks:".to_owned());
    lines.extend(label.buildpacks.iter().map(|buildpack| format!("    {}@{}", buildpack.id, buildpack.version)));
    lines
}

fn value(inspection: &Inspection) -> Value {
    let image = &inspection.image;
    // Labels that are JSON are shown as such.
    let label = |text: &String| serde_json::from_str::<Value>(text).unwrap_or_else(|_| Value::from(text.as_str()));
    let labels = &image.config().config.labels;
    let layers = image.layers().iter().map(
        |layer| json!({"digest": layer.descriptor.digest, "diff_id": layer.diff_id, "size": layer.descriptor.size}),
    );
    json!({
        "name": image.name().given(),
        // Of an image that is known by its id the manifest is made up.
        "digest": match image.identity() {
            Identity::Manifest(digest) => Some(digest),
            Identity::ImageId(_) => None,
        },
        "image_id": image.manifest().value.config.digest,
        "index_digest": image.index_digest(),
        "platform": image.platform().to_string(),
        "created": image.config().created,
        "size": image.size(),
        "layers": layers.collect::<Vec<_>>(),
        "labels": labels.iter().map(|(name, text)| (name.clone(), label(text))).collect::<serde_json::Map<_, _>>(),
    })
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// Labels can be very long; the whole text is in the JSON output.
pub(crate) fn shortened(text: &str) -> String {
    const LENGTH: usize = 80;
    if text.chars().count() <= LENGTH { text.to_owned() } else { text.chars().take(LENGTH).chain(['…']).collect() }
}
