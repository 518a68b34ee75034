//! For people: the blocks that pack writes.

use baler_cnb::labels::{ApiLists, BuilderLabel};

use super::{Builder, Inspected};
use crate::commands::format::table;
use crate::commands::module_listing::order::open;
use crate::commands::module_listing::text::{modules, tree};

pub(super) fn lines(inspected: &Inspected) -> Vec<String> {
    let which = if inspected.is_default { "default builder" } else { "builder" };
    let mut lines = vec![format!("Inspecting {which}: '{}'", inspected.name)];
    lines.extend(inspected.sides.lines(|builder| side(builder, inspected)));
    lines
}

fn side(builder: &Builder, inspected: &Inspected) -> Vec<String> {
    let label = &builder.image.metadata;
    let mut lines = Vec::new();
    if !label.description.is_empty() {
        lines.extend([String::new(), format!("Description: {}", label.description)]);
    }
    lines.extend([String::new(), "Created By:".to_owned(), format!("  Name: {}", or_none(&label.created_by.name))]);
    lines.push(format!("  Version: {}", or_none(&label.created_by.version)));
    lines.extend([String::new(), format!("Trusted: {}", if inspected.is_trusted { "Yes" } else { "No" })]);
    if !builder.stack.is_empty() {
        lines.extend([String::new(), "Stack:".to_owned(), format!("  ID: {}", builder.stack)]);
    }
    lines.extend(lifecycle(label));
    lines.extend([String::new(), "Run Images:".to_owned()]);
    match &builder.run_images[..] {
        [] => lines.push("  (none)".to_owned()),
        names => {
            let mark = |is_the_users| if is_the_users { "(user-configured)" } else { "" };
            let rows = names.iter().map(|name| vec![format!("  {}", name.name), mark(name.is_the_users).to_owned()]);
            lines.extend(table(&rows.collect::<Vec<_>>()));
        }
    }
    lines.extend(modules("Buildpacks:", &label.buildpacks));
    lines.extend([String::new(), "Detection Order:".to_owned()]);
    lines.extend(tree(&open(&builder.image.order, &builder.image.buildpacks, inspected.depth)));
    if !label.extensions.is_empty() {
        lines.extend(modules("Extensions:", &label.extensions));
        lines.extend([String::new(), "Detection Order (Extensions):".to_owned()]);
        lines.extend(tree(&open(&builder.image.order_extensions, &builder.image.buildpacks, Some(0))));
    }
    lines
}

fn lifecycle(label: &BuilderLabel) -> Vec<String> {
    let lifecycle = &label.lifecycle;
    let mut lines = vec![String::new(), "Lifecycle:".to_owned(), format!("  Version: {}", or_none(&lifecycle.version))];
    for (name, apis) in [("Buildpack APIs:", &lifecycle.apis.buildpack), ("Platform APIs:", &lifecycle.apis.platform)] {
        let ApiLists { deprecated, supported } = apis;
        lines.push(format!("  {name}"));
        lines.push(format!("    Deprecated: {}", or_none(&deprecated.join(", "))));
        lines.push(format!("    Supported: {}", or_none(&supported.join(", "))));
    }
    lines
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "(none)" } else { text }
}
