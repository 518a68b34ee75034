//! For people: the blocks that pack writes, and the targets.

use baler_cnb::buildpack::{Distro, Stack, Target};
use baler_platform::modules::ModuleKind;

use super::{Held, Inspected, Modules};
use crate::commands::module_listing::text::{modules, tree};

pub(super) fn lines(inspected: &Inspected) -> Vec<String> {
    let mut lines = vec![format!("Inspecting {}: '{}'", inspected.kind, inspected.given)];
    let one = |heading: &str, modules: &Modules| {
        [String::new(), heading.to_owned()].into_iter().chain(side(modules, inspected)).collect::<Vec<_>>()
    };
    lines.extend(match &inspected.held {
        Held::Directory(modules) => one("LOCAL DIRECTORY:", modules),
        Held::Archive(modules) => one("LOCAL ARCHIVE:", modules),
        Held::Download(modules) => one("REMOTE ARCHIVE:", modules),
        Held::Image(_, sides) => {
            sides.lines_of_present(["REMOTE IMAGE:", "LOCAL IMAGE:"], |modules| side(modules, inspected))
        }
    });
    lines
}

fn side(held: &Modules, inspected: &Inspected) -> Vec<String> {
    let mut lines = Vec::new();
    if !held.main.targets.is_empty() {
        lines.extend([String::new(), "Targets:".to_owned()]);
        lines.extend(held.main.targets.iter().map(|target| format!("  {}", of_target(target))));
    }
    match inspected.kind {
        ModuleKind::Extension => lines.extend(modules("Extension:", &held.all)),
        ModuleKind::Buildpack => {
            lines.extend(stacks(&held.main.stacks, inspected.is_verbose));
            lines.extend(modules("Buildpacks:", &held.all));
            if inspected.depth != Some(0) {
                lines.extend([String::new(), "Detection Order:".to_owned()]);
                lines.extend(tree(&held.opened(inspected.depth)));
            }
        }
    }
    lines
}

fn stacks(stacks: &[Stack], is_verbose: bool) -> Vec<String> {
    let mut lines = vec![String::new(), "Stacks:".to_owned()];
    if stacks.is_empty() {
        lines.push("  (none)".to_owned());
    }
    for stack in stacks {
        lines.extend([format!("  ID: {}", stack.id), "    Mixins:".to_owned()]);
        match (is_verbose, &stack.mixins[..]) {
            (false, _) => lines.push("      (omitted)".to_owned()),
            (true, []) => lines.push("      (none)".to_owned()),
            (true, mixins) => lines.extend(mixins.iter().map(|mixin| format!("      {mixin}"))),
        }
    }
    lines
}

/// `linux/amd64`, `linux/arm/v7`, `linux/amd64 (debian 13)`; an empty field matches anything.
fn of_target(target: &Target) -> String {
    let any = |text: &str| if text.is_empty() { "*".to_owned() } else { text.to_owned() };
    let mut text = format!("{}/{}", any(&target.os), any(&target.arch));
    if !target.variant.is_empty() {
        text = format!("{text}/{}", target.variant);
    }
    let distro = |distro: &Distro| format!("{} {}", any(&distro.name), any(&distro.version));
    let distros: Vec<String> = target.distros.iter().map(distro).collect();
    if distros.is_empty() { text } else { format!("{text} ({})", distros.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let parse = |text: &str| of_target(&toml::from_str(text).unwrap());
        assert_eq!(parse(""), "*/*");
        assert_eq!(parse("os = \"linux\"\narch = \"arm\"\nvariant = \"v7\""), "linux/arm/v7");
        let distros = "distros = [{ name = \"debian\", version = \"13\" }, { name = \"ubuntu\" }]";
        assert_eq!(parse(&format!("os = \"linux\"\n{distros}")), "linux/* (debian 13, ubuntu *)");
    }
}
