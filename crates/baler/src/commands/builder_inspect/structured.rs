//! For programs: the keys that pack writes.

use serde_json::{Map, Value, json};

use super::{Builder, Inspected};
use crate::commands::module_listing::order::open;
use crate::commands::module_listing::sorted;
use crate::commands::module_listing::structured::groups;

pub(super) fn value(inspected: Inspected) -> anyhow::Result<Value> {
    let Inspected { name, is_default, is_trusted, depth, sides } = inspected;
    let [remote, local] = sides.values(&name, |builder| info(&builder, depth))?;
    Ok(json!({
        "builder_name": name.given(),
        "trusted": is_trusted,
        "default": is_default,
        "remote_info": remote,
        "local_info": local,
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
    info.insert("buildpacks".to_owned(), serde_json::to_value(sorted(&label.buildpacks))?);
    info.insert("detection_order".to_owned(), groups(&open(&image.order, &image.buildpacks, depth))?);
    if !label.extensions.is_empty() {
        info.insert("extensions".to_owned(), serde_json::to_value(sorted(&label.extensions))?);
        info.insert("order_extensions".to_owned(), groups(&open(&image.order_extensions, &image.buildpacks, Some(0)))?);
    }
    Ok(Value::Object(info))
}
