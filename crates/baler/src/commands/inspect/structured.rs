//! For programs: the keys that pack writes, with what Baler knows beside.

use baler_cnb::labels::BuildLabelBuildpack;
use baler_image::{Identity, ImageName};
use baler_platform::images::Inspection;
use serde_json::{Map, Value, json};

use crate::arguments::ImageFormat;
use crate::commands::sides::Both;

pub(super) fn value(name: &ImageName, sides: Both<Inspection>) -> anyhow::Result<Value> {
    let [remote, local] = sides.values(name, |inspection| Ok(info(&inspection)))?;
    Ok(json!({ "image_name": name.given(), "remote_info": remote, "local_info": local }))
}

fn info(inspection: &Inspection) -> Value {
    let metadata = inspection.lifecycle.as_ref().map(|metadata| &metadata.run_image);
    let processes = inspection.processes().into_iter().map(|process| {
        json!({
            "type": process.process_type, "shell": process.shell, "command": process.command,
            "default": process.is_default, "args": process.args, "working-dir": process.working_directory,
        })
    });
    let extensions = match inspection.extensions() {
        [] => Value::Null,
        extensions => modules(extensions),
    };
    let mut info = json!({
        "stack": inspection.stack(),
        "base_image": {
            "top_layer": metadata.map(|run_image| run_image.top_layer.as_str()).unwrap_or_default(),
            "reference": metadata.map(|run_image| run_image.reference.as_str()).unwrap_or_default(),
        },
        "run_images": inspection.run_images().into_iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "buildpacks": modules(inspection.buildpacks()),
        "extensions": extensions,
        "processes": processes.collect::<Vec<_>>(),
        "rebasable": inspection.is_rebasable(),
    });
    if let (Value::Object(info), Value::Object(own)) = (&mut info, own(inspection)) {
        info.extend(own);
    }
    info
}

fn modules(modules: &[BuildLabelBuildpack]) -> Value {
    modules
        .iter()
        .map(|module| {
            let mut value = json!({ "id": module.id, "version": module.version });
            if !module.homepage.is_empty() {
                value["homepage"] = Value::from(module.homepage.as_str());
            }
            value
        })
        .collect()
}

/// What pack does not tell.
fn own(inspection: &Inspection) -> Value {
    let image = &inspection.image;
    // Labels that are JSON are shown as such.
    let label = |text: &String| serde_json::from_str::<Value>(text).unwrap_or_else(|_| Value::from(text.as_str()));
    let labels = &image.config().config.labels;
    let layers = image.layers().iter().map(
        |layer| json!({"digest": layer.descriptor.digest, "diff_id": layer.diff_id, "size": layer.descriptor.size}),
    );
    // Of an image that is known by its id the manifest is made up.
    let digest = match image.identity() {
        Identity::Manifest(digest) => Some(digest),
        Identity::ImageId(_) => None,
    };
    json!({
        "digest": digest,
        "image_id": image.manifest().value.config.digest,
        "index_digest": image.index_digest(),
        "platform": image.platform().to_string(),
        "created": image.config().created,
        "size": image.size(),
        "layers": layers.collect::<Vec<_>>(),
        "labels": labels.iter().map(|(name, text)| (name.clone(), label(text))).collect::<Map<_, _>>(),
    })
}

pub(in crate::commands) fn written(value: &Value, format: ImageFormat) -> anyhow::Result<String> {
    Ok(match format {
        ImageFormat::Yaml => serde_norway::to_string(value)?,
        ImageFormat::Toml => toml::to_string(&without_nulls(value.clone()))?,
        ImageFormat::Json | ImageFormat::HumanReadable => serde_json::to_string_pretty(value)?,
    })
}

/// TOML has no null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(values) => values.into_iter().filter(|value| !value.is_null()).map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_can_be_read_again() {
        let value = json!({ "a": null, "b": [{ "c": "x: y", "d": true }], "e": 1 });
        let yaml: Value = serde_norway::from_str(&written(&value, ImageFormat::Yaml).unwrap()).unwrap();
        assert_eq!(yaml, value);
        let toml: Value = toml::from_str(&written(&value, ImageFormat::Toml).unwrap()).unwrap();
        assert_eq!(toml, json!({ "b": [{ "c": "x: y", "d": true }], "e": 1 }));
        let json: Value = serde_json::from_str(&written(&value, ImageFormat::Json).unwrap()).unwrap();
        assert_eq!(json, value);
    }
}
