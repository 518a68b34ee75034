//! For programs: the keys that pack writes.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::order::{Element, open};
use super::{Builder, Found, Inspected};

pub(super) fn value(inspected: Inspected) -> anyhow::Result<Value> {
    let Inspected { name, is_default, is_trusted, depth, remote, local } = inspected;
    let side = |found: Found, other_is_there: bool| match found {
        Found::Present(builder) => info(&builder, depth),
        Found::Absent => Ok(Value::Null),
        // Who asks for a builder of this machine is not to be told that its registry cannot be reached.
        Found::Failed(_) if other_is_there => Ok(Value::Null),
        Found::Failed(error) => Err(error).with_context(|| format!("preparing output for '{name}'")),
    };
    let is_there = |found: &Found| matches!(found, Found::Present(_));
    let (is_remote, is_local) = (is_there(&remote), is_there(&local));
    Ok(json!({
        "builder_name": name.given(),
        "trusted": is_trusted,
        "default": is_default,
        "remote_info": side(remote, is_local)?,
        "local_info": side(local, is_remote)?,
    }))
}

fn info(builder: &Builder, depth: Option<usize>) -> anyhow::Result<Value> {
    let image = &builder.image;
    let label = &image.metadata;
    let mut info = Map::new();
    if !label.description.is_empty() {
        info.insert("description".to_owned(), Value::from(label.description.as_str()));
    }
    info.insert("created_by".to_owned(), serde_json::to_value(&label.created_by)?);
    if !builder.stack.is_empty() {
        info.insert("stack".to_owned(), json!({ "id": builder.stack }));
    }
    let lifecycle = &label.lifecycle;
    let (buildpack, platform) = (&lifecycle.apis.buildpack, &lifecycle.apis.platform);
    info.insert(
        "lifecycle".to_owned(),
        json!({
            "version": lifecycle.version,
            "buildpack_apis": { "deprecated": buildpack.deprecated, "supported": buildpack.supported },
            "platform_apis": { "deprecated": platform.deprecated, "supported": platform.supported },
        }),
    );
    let run_images = builder.run_images.iter().map(|run_image| {
        let mut value = json!({ "name": run_image.name });
        if run_image.is_the_users {
            value["user_configured"] = Value::Bool(true);
        }
        value
    });
    info.insert("run_images".to_owned(), run_images.collect());
    info.insert("buildpacks".to_owned(), serde_json::to_value(super::sorted(&label.buildpacks))?);
    info.insert("detection_order".to_owned(), groups(&open(&image.order, &image.buildpacks, depth))?);
    if !label.extensions.is_empty() {
        info.insert("extensions".to_owned(), serde_json::to_value(super::sorted(&label.extensions))?);
        info.insert("order_extensions".to_owned(), groups(&open(&image.order_extensions, &image.buildpacks, Some(0)))?);
    }
    Ok(Value::Object(info))
}

fn groups(groups: &[Vec<Element<'_>>]) -> anyhow::Result<Value> {
    let group = |group: &Vec<Element<'_>>| {
        let elements = group.iter().map(element).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(json!({ "buildpacks": elements }))
    };
    groups.iter().map(group).collect()
}

fn element(element: &Element<'_>) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(element.module)?;
    if element.is_cyclic {
        value["cyclic"] = Value::Bool(true);
    }
    if !element.groups.is_empty() {
        value["buildpacks"] = groups(&element.groups)?;
    }
    Ok(value)
}
