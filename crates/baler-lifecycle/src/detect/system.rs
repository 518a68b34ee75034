//! System buildpacks: modules that a platform puts around every group (system.toml, Platform API ≥ 0.15).

use baler_cnb::order::{Group, ModuleReference, System};

use super::messages::Messages;

/// The group with the system's buildpacks before and after it, but for those whose id it already has.
pub(super) fn surround(group: &Group, system: &System, messages: &mut Messages) -> Group {
    let missing = |modules: &[ModuleReference]| -> Vec<ModuleReference> {
        let is_in_group = |module: &ModuleReference| group.group.iter().any(|element| element.id == module.id);
        modules.iter().filter(|module| !is_in_group(module)).cloned().collect()
    };
    let (before, after) = (missing(&system.pre.buildpacks), missing(&system.post.buildpacks));
    for (verb, modules) in [("Prepending", &before), ("Appending", &after)] {
        if !modules.is_empty() {
            messages.debug(format!("{verb} {} system buildpack(s) to group", modules.len()));
        }
    }
    Group { group: [before, group.group.clone(), after].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baler_cnb::order::SystemModules;

    fn modules(ids: &[&str]) -> Vec<ModuleReference> {
        let module = |id: &&str| ModuleReference { id: (*id).into(), version: "1".into(), ..Default::default() };
        ids.iter().map(module).collect()
    }

    #[test]
    fn what_a_group_has_is_not_put_around_it() {
        let system = System {
            pre: SystemModules { buildpacks: modules(&["b", "c"]) },
            post: SystemModules { buildpacks: modules(&["a", "d"]) },
        };
        let mut messages = Messages::default();
        let group = surround(&Group { group: modules(&["a", "c"]) }, &system, &mut messages);
        assert_eq!(group.group, modules(&["b", "a", "c", "d"]));
        let expected = ["Prepending 1 system buildpack(s) to group", "Appending 1 system buildpack(s) to group"];
        assert_eq!(messages.lines(), expected);
    }
}
