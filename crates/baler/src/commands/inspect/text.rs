//! For people: the blocks that pack writes, after what the image itself is.

use baler_cnb::labels::{BuildLabelBuildpack, BuilderLabel};
use baler_image::{Identity, ImageName};
use baler_platform::images::Inspection;

use crate::commands::format::{bytes, or_dash, table};
use crate::commands::sides::Both;

pub(super) fn lines(name: &ImageName, sides: &Both<Inspection>) -> Vec<String> {
    let mut lines = vec![format!("Inspecting image: '{name}'")];
    lines.extend(sides.lines(side_lines));
    lines
}

fn side_lines(inspection: &Inspection) -> Vec<String> {
    let mut lines = image_lines(inspection);
    if !inspection.stack().is_empty() {
        lines.extend([String::new(), format!("Stack: {}", inspection.stack())]);
    }
    if let Some(metadata) = &inspection.lifecycle {
        lines.extend([String::new(), "Base Image:".to_owned()]);
        if !metadata.run_image.reference.is_empty() {
            lines.push(format!("  Reference: {}", metadata.run_image.reference));
        }
        lines.push(format!("  Top Layer: {}", metadata.run_image.top_layer));
        lines.extend([String::new(), "Run Images:".to_owned()]);
        match inspection.run_images()[..] {
            [] => lines.push("  (none)".to_owned()),
            ref names => lines.extend(names.iter().map(|name| format!("  {name}"))),
        }
        lines.extend([String::new(), format!("Rebasable: {}", inspection.is_rebasable())]);
        lines.extend([String::new(), "Buildpacks:".to_owned()]);
        match inspection.buildpacks() {
            [] => lines.push("  (buildpack metadata not present)".to_owned()),
            buildpacks => lines.extend(modules(buildpacks)),
        }
        if !inspection.extensions().is_empty() {
            lines.extend([String::new(), "Extensions:".to_owned()]);
            lines.extend(modules(inspection.extensions()));
        }
        lines.extend(processes(inspection));
    }
    lines.extend(inspection.builder.iter().flat_map(builder));
    lines.extend([String::new(), "Labels:".to_owned()]);
    let labels = &inspection.image.config().config.labels;
    lines.extend(labels.iter().map(|(name, value)| format!("  {name}: {}", shortened(value))));
    lines
}

fn image_lines(inspection: &Inspection) -> Vec<String> {
    let image = &inspection.image;
    let config = image.config();
    let mut lines = vec![String::new(), "Image:".to_owned()];
    lines.push(match image.identity() {
        Identity::Manifest(digest) => format!("  Digest:    {digest}"),
        Identity::ImageId(id) => format!("  Image id:  {id}"),
    });
    if let Some(index) = image.index_digest() {
        lines.push(format!("  Index:     {index}"));
    }
    lines.extend([
        format!("  Platform:  {}", image.platform()),
        format!("  Created:   {}", config.created.as_deref().unwrap_or("-")),
        format!("  Size:      {} in {} layers", bytes(image.size()), image.layers().len()),
        format!("  User:      {}", or_dash(&config.config.user)),
        format!("  Entry:     {}", or_dash(&config.config.entrypoint.clone().unwrap_or_default().join(" "))),
        format!("  Found in:  {}", image.place()),
    ]);
    lines
}

fn modules(modules: &[BuildLabelBuildpack]) -> Vec<String> {
    let mut rows = vec![["  ID", "VERSION", "HOMEPAGE"].map(str::to_owned).to_vec()];
    let row = |module: &BuildLabelBuildpack| {
        vec![format!("  {}", module.id), or_dash(&module.version).to_owned(), or_dash(&module.homepage).to_owned()]
    };
    rows.extend(modules.iter().map(row));
    table(&rows)
}

fn processes(inspection: &Inspection) -> Vec<String> {
    let processes = inspection.processes();
    if processes.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![["  TYPE", "SHELL", "COMMAND", "ARGS", "WORK DIR"].map(str::to_owned).to_vec()];
    rows.extend(processes.into_iter().map(|process| {
        let mark = if process.is_default { " (default)" } else { "" };
        let (kind, args) = (format!("  {}{mark}", process.process_type), process.args.join(" "));
        vec![kind, process.shell.to_owned(), process.command, args, process.working_directory]
    }));
    let mut lines = vec![String::new(), "Processes:".to_owned()];
    lines.extend(table(&rows));
    lines
}

fn builder(label: &BuilderLabel) -> Vec<String> {
    let mut lines = vec![String::new(), format!("Builder: {}", or_dash(&label.description))];
    lines.push(format!("  Created by: {} {}", label.created_by.name, label.created_by.version));
    lines.push(format!("  Lifecycle:  {}", label.lifecycle.version));
    lines.push("  Run images:".to_owned());
    lines.extend(label.images.iter().map(|image| format!("    {}", image.image)));
    lines.push("  Buildpacks:".to_owned());
    lines.extend(label.buildpacks.iter().map(|buildpack| format!("    {}@{}", buildpack.id, buildpack.version)));
    lines
}

/// Labels can be very long; the whole text is in the structured forms.
pub(crate) fn shortened(text: &str) -> String {
    const LENGTH: usize = 80;
    if text.chars().count() <= LENGTH { text.to_owned() } else { text.chars().take(LENGTH).chain(['…']).collect() }
}
