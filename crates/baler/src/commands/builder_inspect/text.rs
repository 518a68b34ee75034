//! For people: the blocks that pack writes.

use baler_cnb::labels::{ApiLists, BuilderLabel, ModuleLabel};
use baler_platform::output::chain;

use super::order::{Element, open};
use super::{Builder, Found, Inspected};
use crate::commands::format::{or_dash, table};

pub(super) fn lines(inspected: &Inspected) -> Vec<String> {
    let which = if inspected.is_default { "default builder" } else { "builder" };
    let mut lines = vec![format!("Inspecting {which}: '{}'", inspected.name)];
    for (heading, found) in [("REMOTE:", &inspected.remote), ("LOCAL:", &inspected.local)] {
        lines.extend([String::new(), heading.to_owned()]);
        match found {
            Found::Present(builder) => lines.extend(side(builder, inspected)),
            Found::Absent => lines.push("(not present)".to_owned()),
            Found::Failed(error) => lines.push(format!("(not known: {})", chain(error.as_ref()))),
        }
    }
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

fn modules(heading: &str, modules: &[ModuleLabel]) -> Vec<String> {
    let mut lines = vec![String::new(), heading.to_owned()];
    if modules.is_empty() {
        lines.push("  (none)".to_owned());
        return lines;
    }
    let mut rows = vec![["  ID", "NAME", "VERSION", "HOMEPAGE"].map(str::to_owned).to_vec()];
    for module in super::sorted(modules) {
        let cells = [&module.name, &module.version, &module.homepage].map(|text| or_dash(text).to_owned());
        rows.push([format!("  {}", module.id)].into_iter().chain(cells).collect());
    }
    lines.extend(table(&rows));
    lines
}

/// The groups as branches.
fn tree(groups: &[Vec<Element<'_>>]) -> Vec<String> {
    if groups.is_empty() {
        return vec!["  (none)".to_owned()];
    }
    let mut lines = Vec::new();
    branches(groups, " ", &mut lines);
    lines
}

fn branches(groups: &[Vec<Element<'_>>], indent: &str, lines: &mut Vec<String>) {
    for (index, group) in groups.iter().enumerate() {
        let (branch, below) = fork(index + 1 == groups.len());
        lines.push(format!("{indent}{branch}Group #{}:", index + 1));
        let indent = format!("{indent}{below}");
        for (index, element) in group.iter().enumerate() {
            let (branch, below) = fork(index + 1 == group.len());
            lines.push(format!("{indent}{branch}{}", name(element)));
            branches(&element.groups, &format!("{indent}{below}"), lines);
        }
    }
}

/// What leads to an element, and to what is below it.
fn fork(is_last: bool) -> (&'static str, &'static str) {
    if is_last { ("└ ", "   ") } else { ("├ ", "│  ") }
}

fn name(element: &Element<'_>) -> String {
    let module = element.module;
    let version = if module.version.is_empty() { String::new() } else { format!("@{}", module.version) };
    let optional = if module.optional { "(optional)" } else { "" };
    let cyclic = if element.is_cyclic { "[cyclic]" } else { "" };
    let space = if module.optional || element.is_cyclic { "    " } else { "" };
    format!("{}{version}{space}{optional}{cyclic}", module.id)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "(none)" } else { text }
}
