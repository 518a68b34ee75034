//! For programs: pack has no such form; the keys are those of its `builder inspect`.

use baler_platform::modules::ModuleKind;
use serde_json::{Value, json};

use super::{Held, Inspected, Modules};
use crate::commands::module_listing::sorted;
use crate::commands::module_listing::structured::groups;

pub(super) fn value(inspected: Inspected) -> anyhow::Result<Value> {
    let Inspected { kind, given, depth, held, .. } = inspected;
    let info = |modules: Modules| info(&modules, kind, depth);
    let [remote, local] = match held {
        Held::Directory(modules) | Held::Archive(modules) => [Value::Null, info(modules)?],
        Held::Download(modules) => [info(modules)?, Value::Null],
        Held::Image(name, sides) => sides.values(&name, info)?,
    };
    let name = format!("{kind}_name");
    Ok(json!({ name: given, "remote_info": remote, "local_info": local }))
}

fn info(held: &Modules, kind: ModuleKind, depth: Option<usize>) -> anyhow::Result<Value> {
    let main = &held.main;
    let mut info =
        json!({ "api": main.api, "id": main.info.id, "version": main.info.version, "targets": main.targets });
    let modules = serde_json::to_value(sorted(&held.all))?;
    match kind {
        ModuleKind::Extension => info["extensions"] = modules,
        ModuleKind::Buildpack => {
            info["stacks"] = serde_json::to_value(&main.stacks)?;
            info["buildpacks"] = modules;
            info["detection_order"] = groups(&held.opened(depth))?;
        }
    }
    Ok(info)
}
