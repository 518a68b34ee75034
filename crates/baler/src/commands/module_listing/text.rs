//! For people: the blocks that pack writes.

use baler_cnb::labels::ModuleLabel;

use super::order::Element;
use super::sorted;
use crate::commands::format::{or_dash, table};

/// A table of modules below its heading.
pub(crate) fn modules(heading: &str, modules: &[ModuleLabel]) -> Vec<String> {
    let mut lines = vec![String::new(), heading.to_owned()];
    if modules.is_empty() {
        lines.push("  (none)".to_owned());
        return lines;
    }
    let mut rows = vec![["  ID", "NAME", "VERSION", "HOMEPAGE"].map(str::to_owned).to_vec()];
    for module in sorted(modules) {
        let cells = [&module.name, &module.version, &module.homepage].map(|text| or_dash(text).to_owned());
        rows.push([format!("  {}", module.id)].into_iter().chain(cells).collect());
    }
    lines.extend(table(&rows));
    lines
}

/// The groups as branches.
pub(crate) fn tree(groups: &[Vec<Element<'_>>]) -> Vec<String> {
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
