//! For programs: the keys that pack writes.

use serde_json::{Value, json};

use super::order::Element;

/// The groups of an order.
pub(crate) fn groups(groups: &[Vec<Element<'_>>]) -> anyhow::Result<Value> {
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
